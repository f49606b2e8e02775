#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "shim-int.h"

/* Output of processes that outlive init, when they have the host's pids. */
#define DRAIN_NS     (2000 * NS_PER_MS)
#define TTY_PAUSE_MS 100
#define STACK_USED   (32u << 10)
#define IDLE_MS	     500
#define LOG_RETRY_MS 1000
#define POLL_OUTER   5 /* descriptors besides connections */

enum { P_LISTEN, P_INIT, P_INPUT, P_OUT, P_ERR };

/* ---- start ----------------------------------------------------------------------------------- */

static bool fd_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

/* The pid as this process's /proc shows it; without a /proc 0.  No stdio here: its buffers would
 * double the memory of this program. */
static uint64_t pidfd_pid(int pidfd)
{
	char path[] = "/proc/self/fdinfo/5", text[256];
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : fd_read(fd, text, sizeof(text) - 1);
	struct str rest = { text, n > 0 ? (size_t)n : 0 }, line;
	uint64_t pid;

	_Static_assert(SHIM_FD_PIDFD == 5, "the path above");
	(void)pidfd;
	while (rest.n) {
		line = str_cut(&rest, '\n');
		if (!str_starts(line, STR("Pid:\t")))
			continue;
		line.p += 5;
		line.n -= 5;
		return num_u64(line, INT32_MAX, &pid) ? pid : 0;
	}
	return 0;
}

/* The uid that called listen(): the kernel notes it on the listener. */
static int listener_uid(int fd, uid_t *ret)
{
	struct ucred u;
	socklen_t n = sizeof(u);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &u, &n) < 0)
		return -errno;
	*ret = u.uid;
	return 0;
}

static void streams_init(struct shim *s, bool keep_stdin)
{
	s->stream[OUT].fd = s->stream[ERR].fd = s->input = -EBADF;
	if (s->tty) {
		s->stream[OUT].fd = s->input = SHIM_FD_STDIN;
	} else {
		if (fd_open(SHIM_FD_STDOUT))
			s->stream[OUT].fd = SHIM_FD_STDOUT;
		if (fd_open(SHIM_FD_STDERR))
			s->stream[ERR].fd = SHIM_FD_STDERR;
		if (fd_open(SHIM_FD_STDIN) && keep_stdin)
			s->input = SHIM_FD_STDIN;
		else
			fd_close(SHIM_FD_STDIN);
	}
	for (unsigned i = 0; i < STREAMS; i++)
		if (s->stream[i].fd >= 0)
			(void)fd_nonblock(s->stream[i].fd, true);
	if (s->input >= 0)
		(void)fd_nonblock(s->input, true);
}

static int shim_init(struct shim *s, const char *flags)
{
	s->tty = strchr(flags, 't') != NULL;
	s->listener = SHIM_FD_LISTEN;
	s->pidfd = SHIM_FD_PIDFD;
	s->claim = fd_open(SHIM_FD_CLAIM) ? SHIM_FD_CLAIM : -EBADF;
	for (unsigned i = 0; i < CONNS_MAX; i++)
		s->conn[i].fd = s->conn[i].passed = -EBADF;
	(void)close_range(SHIM_FD_CLAIM + 1, ~0u, 0);
	if (!fd_open(SHIM_FD_LOG) || !fd_open(SHIM_FD_PIDFD) ||
		listener_uid(s->listener, &s->peer_uid) < 0 || fd_nonblock(s->listener, true) < 0)
		return -EBADF;
	logfile_start(&s->log, SHIM_FD_LOG);
	s->init_pid = pidfd_pid(s->pidfd);
	streams_init(s, strchr(flags, 'i') != NULL);
	return 0;
}

static void buffers_init(struct shim *s, struct buffers *b)
{
	for (unsigned i = 0; i < STREAMS; i++)
		s->stream[i].text = b->text[i];
	s->log.batch = b->batch;
	s->in_text = b->in_text;
}

/* The container's fate is not tied to a terminal's or a daemon's. */
static void signals_init(void)
{
	static const int ignored[] = { SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGUSR1, SIGUSR2 };

	for (unsigned i = 0; i < ARRAY_SIZE(ignored); i++)
		(void)signal(ignored[i], SIG_IGN);
	term_let(false);
}

/* ---- end ------------------------------------------------------------------------------------- */

static void init_reap(struct shim *s)
{
	siginfo_t si = { 0 };
	int r;

	do
		r = waitid(P_PIDFD, (id_t)s->pidfd, &si, WEXITED);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		s->code = 255; /* not our child: only a broken starter makes that */
	else
		s->code = si.si_code == CLD_EXITED ? si.si_status : 128 + si.si_status;
	s->exit_time_ns = clock_wall_ns();
	s->last_output = s->exit_mono_ns = clock_mono_ns();
	s->exited = true;
	for (unsigned i = 0; i < STREAMS; i++)
		s->stream[i].idle = false;
}

static bool drained(const struct shim *s)
{
	if (output_busy(s))
		return false;
	if (s->stream[OUT].fd < 0 && s->stream[ERR].fd < 0)
		return true;
	return clock_mono_ns() - s->last_output > DRAIN_NS;
}

/* After init's end: the last lines, the exit code, and everybody is told. */
static void shim_finish(struct shim *s)
{
	if (!rest_hand_over(s))
		return; /* the host is out of processes or memory: again soon */
	output_flush(s);
	s->exit_logged = logfile_exit(&s->log, s->code, s->exit_time_ns) == 0;
	s->ended = true;
	if (s->input >= 0 && !s->tty)
		fd_close(s->input);
	s->input = -EBADF;
	conn_tell_exit(s);
	term_let(true);
}

/* ---- the loop -------------------------------------------------------------------------------- */

static void poll_fill(const struct shim *s, struct pollfd *p)
{
	bool room = false;

	for (unsigned i = 0; i < CONNS_MAX; i++) {
		const struct conn *c = &s->conn[i];
		bool stalled = c->kind == SHIM_ATTACH && !c->stdin_over && input_full(s);
		bool held = stalled || (c->kind == SHIM_ATTACH && c->stdin_over);
		bool owed = c->behind || (output_busy(s) && conn_wants(c, s->chunk_stream));

		room |= c->fd < 0;
		/* Asked for nothing, poll() would still report a hang-up, again and again, while
		 * what the peer sent before is waiting for the container. */
		p[POLL_OUTER + i] = (struct pollfd){ stalled && !owed ? -1 : c->fd,
			(short)((held ? 0 : POLLIN) | (owed ? POLLOUT : 0)), 0 };
	}
	p[P_LISTEN] = (struct pollfd){ room ? s->listener : -1, POLLIN, 0 };
	p[P_INIT] = (struct pollfd){ s->exited ? -1 : s->pidfd, POLLIN, 0 };
	p[P_INPUT] = (struct pollfd){ input_full(s) ? s->input : -1, POLLOUT, 0 };
	for (unsigned i = 0; i < STREAMS; i++) {
		const struct stream *st = &s->stream[i];
		bool off = output_busy(s) || st->idle || s->ended;

		p[P_OUT + i] = (struct pollfd){ off ? -1 : st->fd, POLLIN, 0 };
	}
}

static bool line_begun(const struct shim *s)
{
	return s->tty && s->stream[OUT].n && !output_busy(s);
}

/* Gives back the pages of buffers that are empty; they read as zero when used again.  So do those
 * of the stack that libc's start-up has used and nobody needs: all from one page below us. */
static void buffers_trim(struct shim *s)
{
	uintptr_t here = (uintptr_t)__builtin_frame_address(0) & ~(uintptr_t)4095;

	s->touched = false;
	for (unsigned i = 0; i < STREAMS; i++)
		if (s->stream[i].n == 0)
			(void)madvise(s->stream[i].text, LOG_LINE_MAX, MADV_DONTNEED);
	if (s->log.used == 0)
		(void)madvise(s->log.batch, BATCH_SIZE, MADV_DONTNEED);
	if (!input_full(s))
		(void)madvise(s->in_text, STDIN_SIZE, MADV_DONTNEED);
	(void)madvise((void *)(here - 4096 - STACK_USED), STACK_USED, MADV_DONTNEED);
}

static int poll_timeout(const struct shim *s)
{
	if (s->ended)
		return s->exit_logged ? -1 : LOG_RETRY_MS;
	if (s->exited)
		return output_busy(s) || rest_owed(s) ? (int)(LATE_NS / NS_PER_MS) + 1
						      : (int)(DRAIN_NS / NS_PER_MS) + 1;
	if (line_begun(s) || s->stream[OUT].idle)
		return TTY_PAUSE_MS;
	if (s->log.lost)
		return LOG_RETRY_MS;
	return s->touched ? IDLE_MS : -1;
}

static void on_timeout(struct shim *s)
{
	if (s->ended) {
		s->exit_logged = logfile_exit(&s->log, s->code, s->exit_time_ns) == 0;
		return;
	}
	s->stream[OUT].idle = false;
	if (s->exited)
		output_push(s); /* whom we wait for may be late now */
	if (line_begun(s))
		output_flush(s);
	else if (s->log.lost)
		(void)logfile_flush(&s->log);
	else if (s->touched)
		buffers_trim(s);
}

static void serve_conns(struct shim *s, const struct pollfd *p)
{
	for (unsigned i = 0; i < CONNS_MAX; i++) {
		struct conn *c = &s->conn[i];
		short got = p[POLL_OUTER + i].revents;

		if (!got || c->fd < 0 || c->fd != p[POLL_OUTER + i].fd)
			continue;
		if (got & POLLIN)
			conn_readable(s, c);
		/* Gone in both directions, and nothing of it is left to be read. */
		else if (got & (POLLHUP | POLLERR | POLLNVAL) &&
			 !(c->kind == SHIM_ATTACH && c->flags & SHIM_STDIN && !c->stdin_over &&
				 input_full(s)))
			conn_drop(s, c);
	}
}

static void serve_streams(struct shim *s, const struct pollfd *p)
{
	for (unsigned i = 0; i < STREAMS; i++)
		if (p[P_OUT + i].revents && !output_busy(s) && s->stream[i].fd >= 0)
			output_read(s, i);
}

static void shim_run(struct shim *s)
{
	struct pollfd p[POLL_OUTER + CONNS_MAX];

	conn_accept_all(s);
	while (!s->bye) {
		int n;

		poll_fill(s, p);
		n = poll(p, ARRAY_SIZE(p), poll_timeout(s));
		if (n < 0 && errno != EINTR)
			BUG_ON("poll");
		if (n <= 0) {
			if (n == 0)
				on_timeout(s);
		} else {
			serve_conns(s, p);
			if (p[P_LISTEN].revents)
				conn_accept_all(s);
			if (p[P_INPUT].revents)
				input_push(s);
			if (p[P_INIT].revents)
				init_reap(s);
			output_push(s);
			serve_streams(s, p);
		}
		if (s->exited && !s->ended && drained(s))
			shim_finish(s);
	}
}

/* Written without stdio, which would cost every container its buffers. */
static bool answer(const char *argument)
{
	static const char help[] = "caisson-shim - holds one container's streams, log and exit "
				   "status\n\n"
				   "It is started by caissond, which see; run by hand it can only "
				   "say\n"
				   "  --help     this text\n"
				   "  --version  its version\n";
	static const char version[] = "caisson-shim " CAISSON_VERSION "\n";

	if (streq(argument, "--help"))
		return fd_write_all(STDOUT_FILENO, help, sizeof(help) - 1) == 0;
	return streq(argument, "--version") &&
	       fd_write_all(STDOUT_FILENO, version, sizeof(version) - 1) == 0;
}

int main(int argc, char **argv)
{
	static _Alignas(4096) struct shim shim; /* one page */
	static struct buffers buffers;

	if (argc == 2 && argv[1][0] == '-' && argv[1][1] && answer(argv[1]))
		return 0;
	signals_init();
	buffers_init(&shim, &buffers);
	if (argc != 2 || shim_init(&shim, argv[1]) < 0)
		return 125;
	/* Nobody with this uid may look into us (and we need our own /proc no more). */
	(void)prctl(PR_SET_DUMPABLE, 0);
	shim_run(&shim);
	return 0;
}
