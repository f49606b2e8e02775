/* Starting the process of an exec: its streams, the request to the keeper, what came of it. */
#include "exec/exec-int.h"

#include "shim/shim.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* How long a reader of the last output byte may wait for the exit code: the kernel ends a process
 * right after it closed its streams, so only a process that closed them itself waits this long. */
#define EXIT_WAIT_S 5

static void stdio_close(struct exec_stdio *io)
{
	for (unsigned i = 0; i < 3; i++)
		fd_close(steal_fd(&io->theirs[i]));
	fd_close(steal_fd(&io->in));
	fd_close(steal_fd(&io->out[0]));
	fd_close(steal_fd(&io->out[1]));
}

/* A pipe for stream i of the process, or /dev/null: nobody will read or write it, and the process
 * need not notice when the engine ends. */
static int stdio_open(struct exec_stdio *io, unsigned i, bool wanted, int *ours, struct err *e)
{
	int p[2];

	if (!wanted) {
		io->theirs[i] = open("/dev/null", (i ? O_WRONLY : O_RDONLY) | O_CLOEXEC);
		if (io->theirs[i] < 0)
			return err_set(e, ERR_SYSTEM, errno, "cannot open /dev/null");
		return 0;
	}
	if (pipe2(p, O_CLOEXEC) < 0)
		return err_set(e, ERR_SYSTEM, errno, "cannot make a pipe for the exec");
	/* Large ones make few switches between the process and us; users have a quota for them,
	 * past which the default size works too. */
	(void)fcntl(p[0], F_SETPIPE_SZ, EXEC_PIPE_SIZE);
	io->theirs[i] = p[i ? 1 : 0];
	*ours = p[i ? 0 : 1];
	(void)fd_nonblock(*ours, true);
	return 0;
}

static int stdio_make(struct exec *x, bool attach, struct exec_stdio *io, struct err *e)
{
	int r;

	if (x->tty)
		return 0; /* the pty comes with the report */
	if ((r = stdio_open(io, 0, attach && x->attach_in, &io->in, e)) < 0 ||
		(r = stdio_open(io, 1, attach && x->attach_out, &io->out[0], e)) < 0 ||
		(r = stdio_open(io, 2, attach && x->attach_err, &io->out[1], e)) < 0)
		return r;
	return 0;
}

static int ask_keeper(struct exec *x, uint64_t client, unsigned rows, unsigned cols, int report,
	const struct exec_stdio *io, struct err *e)
{
	struct keeper_exec q = { .id = x->c->id, .client = client };
	struct keeper_reply reply;
	auto_close int spec = exec_spec(x, rows, cols, e);
	int fds[] = { spec, report, io->theirs[0], io->theirs[1], io->theirs[2] };

	if (spec < 0)
		return spec;
	q.flags = (x->tty ? KEEPER_EXEC_TTY : 0) | (x->privileged ? KEEPER_EXEC_PRIVILEGED : 0);
	return keeper_call(
		x->set->keeper, KEEPER_EXEC, &q, sizeof(q), fds, x->tty ? 2 : 5, &reply, e);
}

int exec_launch(struct exec *x, uint64_t client, unsigned rows, unsigned cols,
	struct exec_stdio *io, struct err *e)
{
	bool attach = io || x->notify;
	struct exec_stdio own = { { -EBADF, -EBADF, -EBADF }, -EBADF, { -EBADF, -EBADF } };
	int pair[2] = { -EBADF, -EBADF }, r;

	x->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (x->stop < 0)
		return err_set(e, ERR_SYSTEM, errno, "cannot make an event descriptor");
	if ((r = wire_pair(pair)) < 0)
		return err_set(e, ERR_SYSTEM, -r, "cannot make a socket for the exec");
	if ((r = stdio_make(x, attach, &own, e)) < 0 ||
		(r = ask_keeper(x, client, rows, cols, pair[1], &own, e)) < 0)
		goto out;
	(void)fd_nonblock(pair[0], true);
	if (x->notify) {
		(void)exec_monitor_watch(x, EXEC_WATCH_DRAIN0, steal_fd(&own.out[0]));
		(void)exec_monitor_watch(x, EXEC_WATCH_DRAIN1, steal_fd(&own.out[1]));
	}
	if (io) {
		io->in = steal_fd(&own.in);
		io->out[0] = steal_fd(&own.out[0]);
		io->out[1] = steal_fd(&own.out[1]);
	}
	r = exec_monitor_watch(x, EXEC_WATCH_REPORT, steal_fd(&pair[0]));
	if (r < 0) /* without it nobody learns of the end */
		(void)err_set(e, ERR_SYSTEM, -r, "cannot watch the exec");
out:
	fd_close(pair[0]);
	fd_close(pair[1]);
	stdio_close(&own);
	return r;
}

static const struct {
	const char *words;
	int code;
} codes[] = {
	{ "executable file not found", 127 },
	{ "no such file or directory", 127 },
	{ "permission denied", 126 },
	{ "is a directory", 126 },
};

#define OCI_PREFIX "OCI runtime exec failed: "

void exec_failure(struct exec *x, const struct err *why, bool program)
{
	x->error = *why;
	x->exit_code = 126;
	for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
		if (strcasestr(why->msg, codes[i].words)) {
			x->exit_code = codes[i].code;
			break;
		}
	}
	/* what the keeper refuses is not the program's fault */
	if (!program || str_starts(str_of(why->msg), STR(OCI_PREFIX)))
		return;
	(void)err_set(&x->error, ERR_INVALID, 0,
		OCI_PREFIX "exec failed: unable to start container process: %.350s: unknown",
		why->msg);
}

static int begin(struct exec *x, bool attach, struct err *e)
{
	int r = 0;

	pthread_mutex_lock(&x->lock);
	if (x->phase == EXEC_ENDED)
		r = err_set(e, ERR_CONFLICT, 0, "exec command %s has already run", x->id);
	else if (x->phase != EXEC_CREATED)
		r = err_set(e, ERR_CONFLICT, 0, "exec command %s is already running", x->id);
	if (r == 0) {
		x->phase = EXEC_STARTING;
		x->relayed = attach;
	}
	pthread_mutex_unlock(&x->lock);
	return r;
}

/* The end of an exec whose process never ran. */
static int fail(struct exec *x, struct err *e)
{
	pthread_mutex_lock(&x->lock);
	if (x->phase == EXEC_STARTING) {
		exec_failure(x, e, false);
		x->phase = EXEC_ENDED;
		x->ended_ns = clock_mono_ns();
	}
	*e = x->error;
	pthread_mutex_unlock(&x->lock);
	exec_ids_remove(x);
	exec_monitor_wake(x->set);
	return err_errno(e);
}

/* Both ends of the pty are the same descriptor; the relay closes each. */
static int give_pty(struct exec *x, struct exec_stdio *io, struct err *e)
{
	int copy = fcntl(x->master, F_DUPFD_CLOEXEC, 0);

	if (x->attach_out || x->attach_err)
		io->out[0] = copy;
	else
		(void)exec_monitor_watch(x, EXEC_WATCH_DRAIN0, copy);
	if (x->attach_in)
		io->in = fcntl(x->master, F_DUPFD_CLOEXEC, 0);
	if (copy < 0 || (x->attach_in && io->in < 0))
		return err_set(e, ERR_SYSTEM, errno, "cannot copy the terminal's descriptor");
	return 0;
}

/* Only stdin is attached: something must end with the process all the same. */
static int give_hold(struct exec *x, struct exec_stdio *io, struct err *e)
{
	int p[2];

	if (pipe2(p, O_CLOEXEC) < 0)
		return err_set(e, ERR_SYSTEM, errno, "cannot make a pipe for the exec");
	io->out[0] = p[0];
	if (x->phase == EXEC_RUNNING)
		x->hold = p[1];
	else
		fd_close(p[1]);
	return 0;
}

/* Keeps copies of the output ends, to drain them should the client leave. */
static void keep_drains(struct exec *x, const struct exec_stdio *io)
{
	for (unsigned i = 0; i < 2; i++)
		if (io->out[i] >= 0 && x->drain[i] < 0)
			x->drain[i] = fcntl(io->out[i], F_DUPFD_CLOEXEC, 0);
}

static int await_started(struct exec *x, struct exec_stdio *io, struct err *e)
{
	int r = 0;

	pthread_mutex_lock(&x->lock);
	while (x->phase == EXEC_STARTING)
		pthread_cond_wait(&x->changed, &x->lock);
	if (x->error.kind) {
		*e = x->error;
		r = err_errno(e);
	} else if (io) {
		if (x->tty && x->master >= 0)
			r = give_pty(x, io, e);
		keep_drains(x, io);
		if (r == 0 && !x->attach_out && !x->attach_err)
			r = give_hold(x, io, e);
	}
	pthread_mutex_unlock(&x->lock);
	return r;
}

static void fill(struct exec *x, struct exec_stdio *io, struct exec_io *ret)
{
	ret->in = steal_fd(&io->in);
	for (unsigned i = 0; i < 2; i++) {
		ret->out[i] = steal_fd(&io->out[i]);
		ret->frame[i] = x->tty ? 0 : (uint8_t)(i + 1);
	}
	ret->stop = x->stop;
}

int exec_start(struct exec *x, const struct exec_start *o, struct exec_io *io, struct err *e)
{
	struct exec_stdio ends = { { -EBADF, -EBADF, -EBADF }, -EBADF, { -EBADF, -EBADF } };
	struct exec_stdio *streams = o->attach ? &ends : NULL;
	unsigned rows = o->rows ? o->rows : x->rows, cols = o->cols ? o->cols : x->cols;
	int r;

	if ((r = exec_check_running(x, e)) < 0 || (r = begin(x, o->attach, e)) < 0)
		return r;
	exec_event_command(x, "exec_start");
	if (exec_launch(x, o->client, rows, cols, streams, e) < 0)
		r = fail(x, e);
	else
		r = await_started(x, streams, e);
	if (r == 0 && io)
		fill(x, &ends, io);
	else if (r < 0 && o->attach)
		exec_finish(x, true); /* there is nobody to relay */
	stdio_close(&ends);
	return r;
}

static void await_exit(struct exec *x)
{
	struct timespec until;

	BUG_ON(clock_gettime(CLOCK_MONOTONIC, &until) < 0);
	until.tv_sec += EXIT_WAIT_S;
	while (x->phase == EXEC_RUNNING &&
		pthread_cond_clockwait(&x->changed, &x->lock, CLOCK_MONOTONIC, &until) != ETIMEDOUT)
		;
}

void exec_finish(struct exec *x, bool left)
{
	pthread_mutex_lock(&x->lock);
	if (!left)
		await_exit(x);
	/* a terminal must be read as long as its process lives, or the process stalls */
	left = (left || x->tty) && x->phase == EXEC_RUNNING;
	x->relayed = false;
	/* without attached output the drains, if any, are watched already */
	for (unsigned i = 0; i < 2 && (x->attach_out || x->attach_err); i++) {
		int fd = steal_fd(&x->drain[i]);

		if (!left)
			fd_close(fd);
		else if (fd >= 0)
			(void)exec_monitor_watch(x, EXEC_WATCH_DRAIN0 + i, fd);
	}
	pthread_mutex_unlock(&x->lock);
	exec_monitor_wake(x->set);
}

int exec_resize(struct exec *x, unsigned rows, unsigned cols, struct err *e)
{
	struct winsize ws = { .ws_row = (unsigned short)rows, .ws_col = (unsigned short)cols };
	int r = exec_check_running(x, e);

	if (r < 0)
		return r;
	pthread_mutex_lock(&x->lock);
	while (x->phase == EXEC_STARTING)
		pthread_cond_wait(&x->changed, &x->lock);
	if (x->phase != EXEC_RUNNING)
		r = err_set(e, ERR_INVALID, 0, "exec process is not started");
	else if (x->master < 0)
		r = err_set(e, ERR_INVALID, 0, "exec %s has no terminal", x->id);
	else if (ioctl(x->master, TIOCSWINSZ, &ws) < 0)
		r = err_set(e, ERR_SYSTEM, errno, "cannot resize the terminal of exec %s", x->id);
	pthread_mutex_unlock(&x->lock);
	return r;
}

void exec_kill(struct exec *x)
{
	struct exec_report kill = { .type = EXEC_KILL };

	pthread_mutex_lock(&x->lock);
	if (x->report >= 0)
		(void)send(x->report, &kill, sizeof(kill), MSG_NOSIGNAL | MSG_DONTWAIT);
	pthread_mutex_unlock(&x->lock);
}
