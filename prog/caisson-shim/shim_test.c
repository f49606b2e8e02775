/* The promises of shim/shim.h, kept by the real program. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <pty.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "log/log.h"
#include "shim/shim.h"

struct fixture {
	char dir[64];
	int dirfd, listener, control;
	pid_t shim;
};

static const char *shim_path(void)
{
	static char path[512];
	const char *env = getenv("CAISSON_SHIM");
	ssize_t n;

	if (env)
		return env;
	/* build/test/prog/caisson-shim/shim_test -> build/bin/caisson-shim */
	n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	assert_true(n > 0);
	path[n] = '\0';
	for (int i = 0; i < 4; i++)
		*strrchr(path, '/') = '\0';
	assert_true(strlen(path) + 20 < sizeof(path));
	memcpy(path + strlen(path), "/bin/caisson-shim", sizeof("/bin/caisson-shim"));
	return path;
}

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	struct err e;

	(void)snprintf(f->dir, sizeof(f->dir), "/tmp/shim-test-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->dirfd = open(f->dir, O_DIRECTORY | O_CLOEXEC);
	f->listener = shim_listen(f->dirfd, "s", &e);
	assert_true(f->listener >= 0);
	f->control = -EBADF;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	char cmd[128];

	fd_close(f->control);
	if (f->shim > 0) {
		(void)kill(f->shim, SIGKILL);
		(void)waitpid(f->shim, NULL, 0);
	}
	fd_close(f->listener);
	fd_close(f->dirfd);
	(void)snprintf(cmd, sizeof(cmd), "rm -rf '%s'", f->dir);
	(void)!system(cmd);
	free(f);
	return 0;
}

static void place(int *from, int to)
{
	if (*from >= 0)
		(void)dup2(*from, to);
	else
		(void)close(to);
}

/* What the keeper's starter does: the container's process as a child, then become the shim. */
static void NORETURN starter(struct fixture *f, const char *flags, const char *script, int log)
{
	bool tty = strchr(flags, 't') != NULL;
	int in[2] = { -1, -1 }, out[2] = { -1, -1 }, err[2] = { -1, -1 }, master = -1, slave = -1;
	int fds[7];
	pid_t init;

	if (tty ? openpty(&master, &slave, NULL, NULL, NULL)
		: (pipe(in) < 0 || pipe(out) < 0 || pipe(err) < 0))
		_exit(99);
	init = fork();
	if (init == 0) {
		(void)setsid();
		for (int i = 0; i < 3; i++)
			(void)dup2(tty ? slave : i == 0 ? in[0] : i == 1 ? out[1] : err[1], i);
		(void)close_range(3, ~0u, 0);
		(void)execl("/bin/sh", "sh", "-c", script, NULL);
		_exit(127);
	}
	fds[0] = f->listener;
	fds[1] = log;
	fds[2] = (int)syscall(SYS_pidfd_open, init, 0);
	fds[3] = tty ? master : in[1];
	fds[4] = out[0];
	fds[5] = err[0];
	fds[6] = -1;
	for (int i = 0; i < 7; i++)
		if (fds[i] >= 0)
			fds[i] = fcntl(fds[i], F_DUPFD, 50);
	for (int i = 0; i < 7; i++)
		place(&fds[i], SHIM_FD_LISTEN + i);
	(void)execle(shim_path(), "caisson-shim", flags, NULL, (char *[]){ NULL });
	_exit(98);
}

static void start_log(struct fixture *f, const char *flags, const char *script, int log)
{
	f->shim = fork();
	assert_true(f->shim >= 0);
	if (f->shim == 0)
		starter(f, flags, script, log);
}

static void start(struct fixture *f, const char *flags, const char *script)
{
	struct err e;
	auto_close int log = log_open(f->dirfd, &e);

	assert_true(log >= 0);
	start_log(f, flags, script, log);
}

static int hello(
	struct fixture *f, uint32_t kind, uint32_t flags, uint64_t log_max, uint32_t version)
{
	struct shim_hello h = { SHIM_MAGIC, version, kind, flags, log_max };
	struct err e;
	int fd = shim_connect(f->dirfd, "s", &h, &e);

	assert_true(fd >= 0);
	return fd;
}

static int attach(struct fixture *f, uint32_t flags)
{
	return hello(f, SHIM_ATTACH, flags, 0, SHIM_VERSION);
}

static void control(struct fixture *f, uint64_t log_max)
{
	struct shim_record r;

	fd_replace(&f->control, hello(f, SHIM_CONTROL, 0, log_max, SHIM_VERSION));
	assert_int_equal(shim_recv(f->control, &r), 1);
	assert_int_equal(r.type, SHIM_READY);
	assert_int_equal(r.pad, SHIM_VERSION);
	assert_true(r.a > 1);
}

/* EXIT, BYE, end of the shim; gives the exit code. */
static int finish(struct fixture *f)
{
	struct shim_record r, bye = { .type = SHIM_BYE };
	int status;

	do
		assert_int_equal(shim_recv(f->control, &r), 1);
	while (r.type != SHIM_EXIT);
	assert_int_equal(shim_send(f->control, &bye, -1), 0);
	assert_int_equal(waitpid(f->shim, &status, 0), f->shim);
	f->shim = 0;
	assert_int_equal(status, 0);
	return (int)r.a;
}

struct collect {
	struct buf *out;
	int stream;
	unsigned records, parts;
};

static int collect_emit(void *arg, const struct log_head *h, struct str text)
{
	struct collect *c = arg;

	c->records++;
	c->parts += h->flags & LOG_PARTIAL;
	if (!c->stream || c->stream == h->stream)
		assert_int_equal(buf_str(c->out, text), 0);
	return 0;
}

static struct collect log_text(struct fixture *f, int stream, struct buf *out)
{
	struct log_query q = { .stdout_on = true, .stderr_on = true, .tail = -1 };
	struct collect c = { out, stream, 0, 0 };
	struct err e;

	assert_int_equal(log_read(f->dirfd, &q, collect_emit, NULL, &c, -1, &e), 0);
	return c;
}

static void assert_text(const struct buf *b, const char *want)
{
	assert_int_equal(b->n, strlen(want));
	assert_memory_equal(b->p ? b->p : "", want, b->n);
}

/* Frames until the end of the connection. */
static void read_frames(int fd, struct buf *out, struct buf *err)
{
	uint8_t head[8];
	ssize_t n;

	while ((n = fd_read_full(fd, head, 8)) == 8) {
		uint32_t len = (uint32_t)head[4] << 24 | (uint32_t)head[5] << 16 |
			       (uint32_t)head[6] << 8 | head[7];
		struct buf *b = head[0] == 1 ? out : err;
		char *p = buf_room(b, len);

		assert_true(head[0] == 1 || head[0] == 2);
		assert_int_equal(head[1] | head[2] | head[3], 0);
		assert_non_null(p);
		assert_int_equal(fd_read_full(fd, p, len), (ssize_t)len);
		b->n += len;
	}
	assert_int_equal(n, 0);
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void exit_code(struct fixture *f, const char *script, int want)
{
	uint64_t time_ns;
	int code;

	start(f, "-", script);
	control(f, 0);
	assert_int_equal(finish(f), want);
	assert_int_equal(log_last_exit(f->dirfd, &code, &time_ns), 1);
	assert_int_equal(code, want);
	assert_true(time_ns <= clock_wall_ns());
}

static void test_exit_codes(void **state)
{
	exit_code(*state, "exit 0", 0);
	exit_code(*state, "exit 7", 7);
	exit_code(*state, "kill -9 $$", 137);
	exit_code(*state, "kill -TERM $$", 143);
}

static void test_attached_before_start_sees_all(void **state)
{
	struct fixture *f = *state;
	auto_buf struct buf out = BUF(1 << 20), err = BUF(1 << 20), log = BUF(1 << 20);
	auto_close int a = attach(f, SHIM_STDOUT | SHIM_STDERR);

	start(f, "-", "echo one; echo two >&2; printf three");
	control(f, 0);
	read_frames(a, &out, &err);
	assert_text(&out, "one\nthree");
	assert_text(&err, "two\n");
	assert_int_equal(finish(f), 0);
	log_text(f, LOG_STDOUT, &log);
	assert_text(&log, "one\nthree");
	buf_clear(&log);
	assert_int_equal(log_text(f, LOG_STDERR, &log).records, 3);
	assert_text(&log, "two\n");
}

static void test_attached_to_one_stream(void **state)
{
	struct fixture *f = *state;
	auto_buf struct buf out = BUF(1 << 20), err = BUF(1 << 20);
	auto_close int a = attach(f, SHIM_STDERR);

	start(f, "-", "echo one; echo two >&2");
	control(f, 0);
	read_frames(a, &out, &err);
	assert_text(&out, "");
	assert_text(&err, "two\n");
	assert_int_equal(finish(f), 0);
}

static void test_long_line_is_parted(void **state)
{
	struct fixture *f = *state;
	auto_buf struct buf log = BUF(1 << 20);
	struct collect c;

	start(f, "-", "head -c 100000 /dev/zero | tr '\\0' x; echo; echo y");
	control(f, 0);
	assert_int_equal(finish(f), 0);
	c = log_text(f, LOG_STDOUT, &log);
	assert_int_equal(log.n, 100003);
	assert_int_equal(c.parts, 100000 / LOG_LINE_MAX);
	assert_int_equal(c.records, 100000 / LOG_LINE_MAX + 2);
}

static void test_slow_reader_loses_nothing(void **state)
{
	struct fixture *f = *state;
	auto_buf struct buf out = BUF(8 << 20), err = BUF(1 << 20), log = BUF(8 << 20);
	auto_close int slow = attach(f, SHIM_STDOUT), quick = attach(f, SHIM_STDOUT);
	struct stat st;
	struct pollfd p = { quick, POLLIN, 0 };
	char byte;

	start(f, "-", "seq 1 400000");
	control(f, 0);
	/* The quick one has read all there is, nothing more comes: the slow one holds it up. */
	while (poll(&p, 1, 300) == 1)
		if (fd_read(quick, &byte, 1) != 1)
			break;
	assert_int_equal(fstatat(f->dirfd, "log", &st, 0), 0);
	assert_true(st.st_size < 4 << 20);
	(void)shutdown(quick, SHUT_RDWR);
	fd_replace(&quick, -EBADF);
	read_frames(slow, &out, &err);
	assert_int_equal(finish(f), 0);
	log_text(f, 0, &log);
	assert_int_equal(out.n, 2688895);
	assert_int_equal(log.n, out.n);
	assert_memory_equal(log.p, out.p, out.n);
}

static void test_lost_peer_does_not_stop_the_container(void **state)
{
	struct fixture *f = *state;
	auto_buf struct buf log = BUF(8 << 20);
	int a = attach(f, SHIM_STDOUT | SHIM_STDIN);

	start(f, "i", "seq 1 400000");
	control(f, 0);
	fd_replace(&a, -EBADF);
	assert_int_equal(finish(f), 0);
	log_text(f, 0, &log);
	assert_int_equal(log.n, 2688895);
}

static void test_control_comes_back(void **state)
{
	struct fixture *f = *state;
	auto_close int a = attach(f, SHIM_STDIN | SHIM_STDIN_ONCE);
	struct shim_record r;

	start(f, "i", "read x; exit $x");
	control(f, 0);
	control(f, 0); /* the first one is closed */
	assert_int_equal(write(a, "5\n", 2), 2);
	assert_int_equal(shim_recv(f->control, &r), 1);
	assert_int_equal(r.type, SHIM_EXIT);
	assert_int_equal(r.a, 5);
	control(f, 0); /* gone without BYE: told again */
	assert_int_equal(finish(f), 5);
}

static void test_term_ends_it_only_after_the_container(void **state)
{
	struct fixture *f = *state;
	auto_close int a = attach(f, SHIM_STDIN | SHIM_STDIN_ONCE);
	struct shim_record r;
	int status;

	start(f, "i", "read x; exit 3");
	control(f, 0);
	assert_int_equal(kill(f->shim, SIGTERM), 0);
	assert_int_equal(write(a, "\n", 1), 1);
	assert_int_equal(shim_recv(f->control, &r), 1);
	assert_int_equal(r.type, SHIM_EXIT);
	assert_int_equal(kill(f->shim, SIGTERM), 0);
	assert_int_equal(waitpid(f->shim, &status, 0), f->shim);
	f->shim = 0;
	assert_true(WIFSIGNALED(status));
}

static void test_other_versions_are_answered(void **state)
{
	struct fixture *f = *state;
	struct shim_record r, odd = { .type = 4711 };
	auto_close int next = -EBADF;

	start(f, "-", "exit 0");
	next = hello(f, SHIM_CONTROL, 0, 0, SHIM_VERSION + 1);
	assert_int_equal(shim_recv(next, &r), 1);
	assert_int_equal(r.type, SHIM_READY);
	assert_int_equal(shim_send(next, &odd, -1), 0);
	control(f, 0);
	assert_int_equal(finish(f), 0);
}

static void test_stdin_closes_once(void **state)
{
	struct fixture *f = *state;
	auto_buf struct buf out = BUF(8 << 20), err = BUF(1 << 20);
	auto_close int a = attach(f, SHIM_STDIN | SHIM_STDOUT | SHIM_STDIN_ONCE);
	static char block[1 << 16];
	pid_t writer;

	start(f, "i", "cat; echo end");
	control(f, 0);
	writer = fork();
	if (writer == 0) {
		memset(block, 'b', sizeof(block));
		for (int i = 0; i < 64; i++)
			if (fd_write_all(a, block, sizeof(block)) < 0)
				_exit(1);
		(void)shutdown(a, SHUT_WR);
		_exit(0);
	}
	read_frames(a, &out, &err);
	assert_int_equal(out.n, (64 << 16) + 4);
	assert_memory_equal(out.p + out.n - 5, "bend\n", 5);
	assert_int_equal(waitpid(writer, NULL, 0), writer);
	assert_int_equal(finish(f), 0);
}

static void test_stdin_stays_open_without_once(void **state)
{
	struct fixture *f = *state;
	auto_buf struct buf out = BUF(1 << 20), err = BUF(1 << 20);
	struct shim_record r = { .type = SHIM_CLOSE_STDIN };
	int a = attach(f, SHIM_STDIN);

	start(f, "i", "read x; cat; echo $x");
	control(f, 0);
	assert_int_equal(write(a, "1\n", 2), 2);
	(void)shutdown(a, SHUT_WR);
	fd_replace(&a, attach(f, SHIM_STDIN | SHIM_STDOUT));
	assert_int_equal(write(a, "2\n", 2), 2);
	{
		char frame[10];

		assert_int_equal(fd_read_full(a, frame, 10), 10);
		assert_memory_equal(frame + 8, "2\n", 2);
	}
	assert_int_equal(shim_send(f->control, &r, -1), 0);
	read_frames(a, &out, &err);
	assert_text(&out, "1\n");
	fd_replace(&a, -EBADF);
	assert_int_equal(finish(f), 0);
}

static void test_tty(void **state)
{
	struct fixture *f = *state;
	auto_buf struct buf out = BUF(1 << 20), log = BUF(1 << 20);
	auto_close int a = attach(f, SHIM_STDIN | SHIM_STDOUT | SHIM_STDERR | SHIM_STDIN_ONCE);
	struct shim_record size = { .type = SHIM_RESIZE, .a = 33, .b = 99 };
	char c;

	start(f, "ti", "stty -echo; printf 'say: '; read x; stty size; echo \"got $x\" >&2");
	control(f, 0);
	/* The question comes before the answer is given, and reaches the log without a line end. */
	do
		assert_int_equal(fd_read(a, &c, 1), 1);
	while (c != ' ');
	while (out.n < 5) {
		buf_clear(&out);
		log_text(f, 0, &out);
	}
	assert_text(&out, "say: ");
	assert_int_equal(shim_send(f->control, &size, -1), 0);
	control(f, 0); /* READY comes only after the record above was read */
	buf_clear(&out);
	assert_int_equal(write(a, "42\n", 3), 3);
	assert_int_equal(buf_read_fd(&out, a), 0);
	assert_text(&out, "33 99\r\ngot 42\r\n");
	assert_int_equal(finish(f), 0);
	log_text(f, LOG_STDOUT, &log);
	assert_text(&log, "say: 33 99\r\ngot 42\r\n");
}

static void test_full_disk(void **state)
{
	struct fixture *f = *state;
	auto_buf struct buf out = BUF(1 << 20), err = BUF(1 << 20), log = BUF(1 << 20);
	auto_close int a = attach(f, SHIM_STDIN | SHIM_STDOUT), file = -EBADF;
	auto_close int full = open("/dev/full", O_WRONLY | O_APPEND | O_CLOEXEC);
	struct shim_record r = { .type = SHIM_LOG };
	struct err e;
	char frame[18];

	start_log(f, "i", "echo 123456789; read x; echo after", full);
	control(f, 0);
	assert_int_equal(fd_read_full(a, frame, 18), 18);
	assert_memory_equal(frame + 8, "123456789\n", 10);
	file = log_open(f->dirfd, &e);
	assert_int_equal(shim_send(f->control, &r, file), 0);
	control(f, 0);
	assert_int_equal(write(a, "\n", 1), 1);
	read_frames(a, &out, &err);
	assert_text(&out, "after\n");
	assert_int_equal(finish(f), 0);
	log_text(f, 0, &log);
	assert_text(&log,
		"caisson: 10 bytes of output are missing here: the log could not be written\n"
		"after\n");
}

static void test_strangers_are_refused(void **state)
{
	struct fixture *f = *state;
	int status;
	pid_t stranger;

	if (geteuid() != 0)
		skip();
	start(f, "-", "exit 0");
	control(f, 0);
	assert_int_equal(fchmodat(f->dirfd, ".", 0755, 0), 0);
	assert_int_equal(fchmodat(f->dirfd, "s", 0666, 0), 0);
	/* Refused before its hello or behind it, but by the shim, not by the file's mode. */
	stranger = fork();
	if (stranger == 0) {
		struct shim_hello h = { SHIM_MAGIC, SHIM_VERSION, SHIM_CONTROL, 0, 0 };
		struct shim_record r;
		struct err e;
		int fd = setresuid(65534, 65534, 65534) ? -1 : shim_connect(f->dirfd, "s", &h, &e);

		_exit(fd < 0 ? (e.sys == EACCES ? 2 : 0) : shim_recv(fd, &r) > 0 ? 1 : 0);
	}
	assert_int_equal(waitpid(stranger, &status, 0), stranger);
	assert_int_equal(status, 0);
	assert_int_equal(finish(f), 0);
}

/* ---- a million lines, rotated and followed --------------------------------------------------- */

struct follow {
	struct fixture *f;
	uint64_t next; /* the line that must come */
	bool wrong;
	bool over; /* atomic */
	int rc;
};

static int follow_emit(void *arg, const struct log_head *h, struct str text)
{
	struct follow *w = arg;
	uint64_t n;

	(void)h;
	if (text.n && text.p[text.n - 1] == '\n')
		text.n--;
	if (!num_u64(text, UINT64_MAX, &n) || n != w->next)
		w->wrong = true;
	w->next++;
	return w->wrong ? -EBADMSG : 0;
}

static bool follow_ended(void *arg)
{
	return __atomic_load_n(&((struct follow *)arg)->over, __ATOMIC_ACQUIRE);
}

static void *follow_thread(void *arg)
{
	struct follow *w = arg;
	struct log_query q = { .stdout_on = true, .follow = true, .tail = -1 };
	struct err e;

	w->rc = log_read(w->f->dirfd, &q, follow_emit, follow_ended, w, -1, &e);
	return NULL;
}

/* Plays the engine: rotates when asked.  Gives how often. */
static unsigned rotate_until_exit(struct fixture *f)
{
	struct shim_record r, log = { .type = SHIM_LOG };
	unsigned times = 0;
	struct err e;

	for (;;) {
		assert_int_equal(shim_recv(f->control, &r), 1);
		if (r.type == SHIM_EXIT)
			return times;
		assert_int_equal(r.type, SHIM_ROTATE);
		{
			auto_close int fd = log_rotate(f->dirfd, 100, &e);

			assert_true(fd >= 0);
			assert_int_equal(shim_send(f->control, &log, fd), 0);
			times++;
		}
	}
}

static void million(struct fixture *f, uint64_t log_max, unsigned min_rotations)
{
	struct follow w = { .f = f, .next = 1 }, again = { .f = f, .next = 1 };
	struct log_query q = { .stdout_on = true, .tail = -1 };
	struct shim_record bye = { .type = SHIM_BYE };
	pthread_t t;
	unsigned times;
	struct err e;
	int status;

	start(f, "-", "seq -f %.0f 1 1000000");
	assert_int_equal(pthread_create(&t, NULL, follow_thread, &w), 0);
	control(f, log_max);
	times = rotate_until_exit(f);
	__atomic_store_n(&w.over, true, __ATOMIC_RELEASE);
	assert_int_equal(pthread_join(t, NULL), 0);
	assert_true(times >= min_rotations);
	assert_int_equal(w.rc, 0);
	assert_int_equal(w.next, 1000001);
	assert_int_equal(log_read(f->dirfd, &q, follow_emit, NULL, &again, -1, &e), 0);
	assert_int_equal(again.next, 1000001);
	q.tail = 10;
	again.next = 1000000 - 9;
	assert_int_equal(log_read(f->dirfd, &q, follow_emit, NULL, &again, -1, &e), 0);
	assert_int_equal(again.next, 1000001);
	assert_int_equal(shim_send(f->control, &bye, -1), 0);
	assert_int_equal(waitpid(f->shim, &status, 0), f->shim);
	f->shim = 0;
}

static void test_million_lines(void **state)
{
	uint64_t start_ns = clock_mono_ns();

	million(*state, 0, 0);
	print_message("  1,000,000 lines, followed, in %.2f s\n",
		(double)(clock_mono_ns() - start_ns) / 1e9);
}

static void test_million_lines_rotated(void **state)
{
	million(*state, 1 << 20, 10);
}

/* Memory that is this process's alone (its file's pages are shared by all shims). */
static unsigned anonymous_kib(pid_t pid)
{
	char path[64], line[256];
	unsigned v, kib = 0;
	FILE *smaps;

	(void)snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", pid);
	smaps = fopen(path, "re");
	assert_non_null(smaps);
	while (fgets(line, sizeof(line), smaps))
		if (sscanf(line, "Anonymous: %u", &v) == 1)
			kib = v;
	(void)fclose(smaps);
	return kib;
}

static void test_memory(void **state)
{
	struct fixture *f = *state;
	auto_close int a = attach(f, SHIM_STDIN | SHIM_STDERR | SHIM_STDIN_ONCE);
	uint64_t deadline = clock_mono_ns() + 20 * NS_PER_SEC;
#ifdef __SANITIZE_ADDRESS__
	const unsigned limit = 100000;
#else
	const unsigned limit = 72; /* KiB; 60 to 68, as the kernel places stack and heap */
#endif
	unsigned busy, idle;
	char frame[9];

	start(f, "i", "seq 1 50000; echo >&2; read x");
	control(f, 0);
	assert_int_equal(fd_read_full(a, frame, 9), 9);
	busy = idle = anonymous_kib(f->shim);
	while (idle > limit && clock_mono_ns() < deadline)
		idle = anonymous_kib(f->shim);
	print_message("  caisson-shim: %u KiB of its own while busy, %u KiB idle\n", busy, idle);
	assert_in_range(idle, 1, limit);
	assert_int_equal(write(a, "\n", 1), 1);
	assert_int_equal(finish(f), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_exit_codes),
		T(test_attached_before_start_sees_all),
		T(test_attached_to_one_stream),
		T(test_long_line_is_parted),
		T(test_slow_reader_loses_nothing),
		T(test_lost_peer_does_not_stop_the_container),
		T(test_control_comes_back),
		T(test_term_ends_it_only_after_the_container),
		T(test_other_versions_are_answered),
		T(test_stdin_closes_once),
		T(test_stdin_stays_open_without_once),
		T(test_tty),
		T(test_full_disk),
		T(test_strangers_are_refused),
		T(test_million_lines),
		T(test_million_lines_rotated),
		T(test_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
