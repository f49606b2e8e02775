/* What the engine may ask, as OpenSSH's monitor does it: one table, everything else is
 * an attack. */
#include "say.h"
#include "state.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#define TASK_LIMIT_NS (60 * NS_PER_SEC)

static op_fn *const ops[] = {
	[KEEPER_CREATE] = container_create,
	[KEEPER_START] = container_start,
	[KEEPER_EXEC] = container_exec,
	[KEEPER_SIGNAL] = container_signal,
	[KEEPER_FREEZE] = container_freeze,
	[KEEPER_UPDATE] = container_update,
	[KEEPER_REMOVE] = container_remove,
	[KEEPER_JOB] = job_run,
	[KEEPER_LAYER_COMMIT] = layer_commit,
	[KEEPER_LAYER_REMOVE] = layer_remove,
};

int ops_handle(struct wire_msg *m, uint64_t link, struct err *e)
{
	struct ask a = { m->head.seq, link };
	struct keeper_reply reply = { 0 };
	int r = keeper_record_check(m->head.op, m->body, m->head.size, m->nfds, e);

	if (r < 0)
		return r;
	r = ops[m->head.op](&a, m, &reply);
	if (r == OP_LATER)
		return 0;
	BUG_ON((r < 0) != (reply.err.kind != ERR_NONE));
	if (r < 0)
		say_err(SAY_DEBUG, keeper_shape(m->head.op)->name, &reply.err);
	engine_reply(&a, &reply);
	return 0;
}

/* ---- tasks: what may block runs in a child --------------------------------------------------- */

static void on_task_ended(struct child *c, int status)
{
	struct ask a = { c->seq, c->link };
	struct keeper_reply reply = { 0 };
	auto_close int fd = c->fd;

	if (!WIFEXITED(status) || fd_read_full(fd, &reply, sizeof(reply)) != sizeof(reply))
		(void)err_set(&reply.err, ERR_SYSTEM, 0,
			"the keeper's helper process died or took too long (signal %d)",
			WIFSIGNALED(status) ? WTERMSIG(status) : 0);
	engine_reply(&a, &reply);
}

static void NORETURN run_task(int out, task_fn *fn, const void *arg)
{
	struct keeper_reply reply = { 0 };

	fn(arg, &reply);
	_exit(fd_write_all(out, &reply, sizeof(reply)) < 0);
}

int task_run(const struct ask *a, task_fn *fn, const void *arg, struct keeper_reply *reply)
{
	struct child *c = loop_child_room();
	auto_close int out = -EBADF;
	int fds[2], keep[5];
	pid_t pid;

	if (!c || pipe2(fds, O_CLOEXEC) < 0)
		return err_set(&reply->err, ERR_LIMIT, 0,
			"the keeper has too much to do at the moment; try again");
	out = fds[1];
	keep[0] = out;
	keep[1] = state.data;
	keep[2] = state.layers;
	keep[3] = state.staging;
	keep[4] = state.trash;
	pid = loop_fork(keep, ARRAY_SIZE(keep));
	if (pid == 0)
		run_task(out, fn, arg);
	if (pid < 0) {
		fd_close(fds[0]);
		return err_set(&reply->err, ERR_SYSTEM, errno, "starting a helper process");
	}
	*c = (struct child){ .pid = pid,
		.deadline = clock_mono_ns() + TASK_LIMIT_NS,
		.ended = on_task_ended,
		.seq = a->seq,
		.link = a->link,
		.fd = fds[0] };
	return OP_LATER;
}
