#include "say.h"
#include "state.h"
#include "sys/sys.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define BACKOFF_MIN_NS	 (100 * NS_PER_MS)
#define BACKOFF_MAX_NS	 (10 * NS_PER_SEC)
#define STEADY_NS	 (30 * NS_PER_SEC) /* alive this long: the next failure starts over */
#define GRACE_NS	 (10 * NS_PER_SEC) /* to end by itself */
#define SEND_TIMEOUT_SEC 5

static struct {
	struct watch link; /* our end */
	pid_t pid;
	uint64_t started, backoff;
	uint64_t generation;
} engine = { .link = { -EBADF, NULL } };

static void engine_kill(const char *why)
{
	if (engine.pid <= 0)
		return;
	say(SAY_ERROR, "killing the engine", "pid=%d why=\"%s\"", (int)engine.pid, why);
	(void)kill(engine.pid, SIGKILL); /* our unreaped child */
}

int engine_send(uint16_t op, const void *body, size_t size, const int *fds, unsigned nfds)
{
	int r;

	if (engine.link.fd < 0)
		return -EPIPE;
	r = wire_send(engine.link.fd, KEEPER_VERSION, op, 0, body, size, fds, nfds);
	if (r == -EAGAIN)
		engine_kill("it does not read its link");
	return r;
}

void engine_reply(const struct ask *a, const struct keeper_reply *reply)
{
	int r;

	if (engine.link.fd < 0 || a->link != engine.generation)
		return; /* who asked is gone */
	r = wire_send(engine.link.fd, KEEPER_VERSION, KEEPER_REPLY, a->seq, reply, sizeof(*reply),
		NULL, 0);
	if (r == -EAGAIN)
		engine_kill("it does not read its link");
}

/* Not the engine's fault, and perhaps over when it asks again. */
static void refuse_full(uint32_t seq)
{
	struct ask a = { seq, engine.generation };
	struct keeper_reply reply = { 0 };

	(void)err_set(&reply.err, ERR_UNAVAILABLE, EMFILE, "the keeper has no descriptor left");
	engine_reply(&a, &reply);
}

static void on_link(struct watch *w, uint32_t events)
{
	static struct wire_msg m;
	struct err e;
	int r = wire_recv(w->fd, KEEPER_VERSION, &m);

	(void)events;
	if (r == -EAGAIN)
		return;
	if (r == -EMFILE) {
		refuse_full(m.head.seq);
		return;
	}
	if (r == -EPROTO)
		(void)err_set(&e, ERR_CORRUPT, EPROTO, "not a message of this version");
	if (r == 1) {
		r = ops_handle(&m, engine.generation, &e);
		wire_msg_done(&m);
		if (r != -EPROTO)
			return;
	}
	loop_unwatch(&engine.link); /* its end follows as SIGCHLD */
	if (r == -EPROTO) {
		say_err(SAY_ERROR, "malformed message from the engine", &e);
		engine_kill("malformed message");
	} else if (!state.ending) {
		engine_kill("it closed its link");
	}
}

/* ---- starting -------------------------------------------------------------------------------- */

static void NORETURN run_engine(int link, int state_tree, int run_tree)
{
	char *argv[] = { (char *)(uintptr_t) "caisson-engine", NULL };
	char *envp[] = { (char *)(uintptr_t) "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
		(char *)(uintptr_t) "HOME=/state", (char *)(uintptr_t) "TMPDIR=/tmp",
		(char *)(uintptr_t) "LANG=C.UTF-8", NULL };
	int program = fcntl(state.programs[PROGRAM_ENGINE], F_DUPFD_CLOEXEC, 16);
	int l = fcntl(link, F_DUPFD_CLOEXEC, 16);

	engine_enter(state_tree, run_tree);
	if (dup2(l, KEEPER_FD) != KEEPER_FD)
		_exit(125);
	(void)close_range(KEEPER_FD + 1, 15, 0);
	(void)close_range(16, ~0u, CLOSE_RANGE_CLOEXEC);
	engine_drop_rights();
	(void)sys_exec_fd(program, argv, envp);
	say(SAY_ERROR, "executing caisson-engine failed", "errno=%d", errno);
	_exit(125);
}

static int send_boot(int state_dir, int run_dir)
{
	struct keeper_boot b = { .version = KEEPER_VERSION,
		.debug = state.opt.debug,
		.engine_uid = state.engine_uid,
		.engine_gid = state.engine_gid,
		.cgroup_v2 = state.cgroup_version == 2,
		.tls = state.opt.tls_verify };
	int fds[6] = { state_dir, run_dir };
	unsigned n = 2;

	if (state.config >= 0)
		fds[n++] = state.config;
	for (int i = 0; b.tls && i < 3; i++)
		fds[n++] = state.tls[i];
	(void)str_copy(b.data_root, sizeof(b.data_root), str_of(state.opt.data_root));
	(void)str_copy(b.exec_root, sizeof(b.exec_root), str_of(state.opt.exec_root));
	memcpy(b.labels, state.opt.labels, sizeof(b.labels));
	memcpy(b.registries, state.opt.registries, sizeof(b.registries));
	/* Descriptors of files keep their offset over restarts of the engine. */
	for (unsigned i = 2; i < n; i++)
		(void)lseek(fds[i], 0, SEEK_SET);
	return engine_send(KEEPER_BOOT, &b, sizeof(b), fds, n);
}

static void engine_again(void)
{
	engine.backoff = engine.backoff ? MIN(engine.backoff * 2, BACKOFF_MAX_NS) : BACKOFF_MIN_NS;
	if (clock_mono_ns() - engine.started > STEADY_NS)
		engine.backoff = BACKOFF_MIN_NS;
	loop_timer(TIMER_ENGINE, engine.backoff, engine_start);
}

static void on_ended(struct child *c, int status)
{
	(void)c;
	say(state.ending ? SAY_INFO : SAY_ERROR, "engine ended", "pid=%d status=%d signal=%d",
		(int)engine.pid, WIFEXITED(status) ? WEXITSTATUS(status) : -1,
		WIFSIGNALED(status) ? WTERMSIG(status) : 0);
	engine.pid = 0;
	loop_unwatch(&engine.link);
	fd_close(steal_fd(&engine.link.fd));
	door_accept(false);
	door_forget_clients();
	job_kill_all();
	if (state.ending)
		loop_stop();
	else
		engine_again();
}

/* Gives the pid; the child has everything it needs by descriptor. */
static pid_t fork_engine(int link, int state_tree, int run_tree)
{
	int keep[] = { link, state_tree, run_tree, state.programs[PROGRAM_ENGINE] };
	pid_t pid = loop_fork(keep, ARRAY_SIZE(keep));

	if (pid == 0)
		run_engine(link, state_tree, run_tree);
	return pid;
}

static int start(struct child *c)
{
	struct timeval timeout = { .tv_sec = SEND_TIMEOUT_SEC };
	/* Detached clones: ".." from their roots leads nowhere, and they can be attached in the
	 * engine's own mount namespace. */
	auto_close int state_tree = sys_mount_clone(state.data, "engine", 0);
	auto_close int run_tree = sys_mount_clone(state.exec, "engine", 0);
	auto_close int state_dir = openat(state_tree, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_close int run_dir = openat(run_tree, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_close int theirs = -EBADF;
	int pair[2];

	if (state_dir < 0 || run_dir < 0)
		return -errno;
	if (wire_pair(pair) < 0)
		return -errno;
	engine.link = (struct watch){ pair[0], on_link };
	theirs = pair[1];
	(void)setsockopt(pair[0], SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	engine.generation++;
	engine.started = clock_mono_ns();
	engine.pid = fork_engine(theirs, state_tree, run_tree);
	if (engine.pid < 0)
		return -errno;
	*c = (struct child){ .pid = engine.pid, .ended = on_ended };
	if (loop_watch(&engine.link, EPOLLIN) < 0 || send_boot(state_dir, run_dir) < 0 ||
		door_send_listeners() < 0)
		engine_kill("its first messages could not be sent");
	return 0;
}

void engine_start(void)
{
	struct child *c = loop_child_room();
	int r;

	if (state.ending || engine.pid > 0)
		return;
	layer_purge_staging();
	r = c ? start(c) : -EAGAIN;
	if (r < 0) {
		say(SAY_ERROR, "starting the engine failed", "errno=%d", -r);
		engine.pid = 0;
		fd_close(steal_fd(&engine.link.fd));
		engine_again();
		return;
	}
	say(SAY_INFO, "engine started", "pid=%d uid=%u", (int)engine.pid, state.engine_uid);
	door_accept(true);
}

/* ---- ending ---------------------------------------------------------------------------------- */

static void grace_over(void)
{
	engine_kill("it did not end in time");
}

void engine_stop(void)
{
	if (engine.pid <= 0) {
		loop_stop();
		return;
	}
	(void)shutdown(engine.link.fd, SHUT_WR); /* the engine sees the end of its link */
	loop_timer(TIMER_TERM, GRACE_NS, grace_over);
}
