/* The promises of shim/shim.h, kept by the real program. */
#include "shim_test.h"

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
	/* The one that came too early has not been forgotten. */
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

/* ---- who does not read when the container is over -------------------------------------------- */

#define PIPE_SIZE (1 << 20)

static int wait_exit(struct fixture *f)
{
	struct shim_record r;
	struct pollfd p = { f->control, POLLIN, 0 };

	do {
		assert_int_equal(poll(&p, 1, 60000), 1);
		assert_int_equal(shim_recv(f->control, &r), 1);
	} while (r.type != SHIM_EXIT);
	return (int)r.a;
}

static void assert_same_as_log(struct fixture *f, const struct buf *out, uint64_t n)
{
	auto_buf struct buf log = BUF(8 << 20);

	log_text(f, LOG_STDOUT, &log);
	assert_int_equal(log.n, n);
	assert_int_equal(out->n, log.n);
	assert_memory_equal(log.p, out->p, out->n);
}

/* Its output is more than the sockets hold, so that much of it is in the pipe when it ends.  The
 * standard errors are not what the peer wants: its frames must not be counted in. */
static const char *const big = "seq 1 150000; echo >&2 err; exit 3";

static void big_start(struct fixture *f, const char *flags)
{
	f->pipe_size = PIPE_SIZE;
	start(f, flags, big);
	control(f, 0);
}

static void test_exit_does_not_wait_for_a_reader(void **state)
{
	struct fixture *f = *state;
	auto_buf struct buf out = BUF(8 << 20), err = BUF(1 << 20);
	auto_close int stalled = attach(f, SHIM_STDOUT);
	uint64_t time_ns;
	int code;

	big_start(f, "-");
	assert_int_equal(wait_exit(f), 3);
	assert_int_equal(log_last_exit(f->dirfd, &code, &time_ns), 1);
	assert_int_equal(code, 3);
	control(f, 0); /* told again; then it ends although nobody has read yet */
	assert_int_equal(finish(f), 3);
	read_frames(stalled, &out, &err);
	assert_same_as_log(f, &out, 938895);
	assert_int_equal(err.n, 0);
}

static void test_one_of_two_stalls(void **state)
{
	struct fixture *f = *state;
	auto_buf struct buf out = BUF(8 << 20), err = BUF(1 << 20);
	auto_buf struct buf quick_out = BUF(8 << 20), quick_err = BUF(1 << 20);
	auto_close int stalled = attach(f, SHIM_STDOUT | SHIM_STDERR);
	auto_close int quick = attach(f, SHIM_STDOUT | SHIM_STDERR);

	big_start(f, "-");
	read_frames(quick, &quick_out, &quick_err);
	assert_int_equal(finish(f), 3);
	assert_same_as_log(f, &quick_out, 938895);
	read_frames(stalled, &out, &err);
	assert_same_as_log(f, &out, 938895);
	assert_text(&err, "err\n");
}

/* Also what is written after init's end, by a process that outlives it. */
static void test_stalled_terminal(void **state)
{
	struct fixture *f = *state;
	auto_buf struct buf out = BUF(8 << 20);
	auto_close int stalled = attach(f, SHIM_STDOUT | SHIM_STDIN);

	start(f, "ti", "stty -opost; seq 1 100000 & exit 4");
	control(f, 0);
	assert_int_equal(wait_exit(f), 4);
	control(f, 0);
	assert_int_equal(finish(f), 4);
	assert_int_equal(buf_read_fd(&out, stalled), 0);
	assert_same_as_log(f, &out, 588895);
}

/* The process that stays for the stalled peer is all that has this shim's name and parent. */
static pid_t child_of(pid_t parent)
{
	char path[64], text[64] = "";
	struct str s;
	uint64_t pid = 0;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", parent, parent);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		(void)!fd_read(fd, text, sizeof(text) - 1);
	fd_close(fd);
	s = str_of(text);
	s = str_cut(&s, ' ');
	(void)!num_u64(s, INT32_MAX, &pid);
	return (pid_t)pid;
}

static void test_stalled_one_is_dropped(void **state)
{
	struct fixture *f = *state;
	auto_close int stalled = attach(f, SHIM_STDOUT);
	auto_buf struct buf out = BUF(8 << 20);
	pid_t stays;

	big_start(f, "-");
	assert_int_equal(wait_exit(f), 3);
	stays = child_of(f->shim);
	assert_true(stays > 1);
	assert_int_equal(kill(stays, SIGTERM), 0);
	/* The end comes, early. */
	assert_int_equal(buf_read_fd(&out, stalled), 0);
	assert_true(out.n < 938895);
	control(f, 0);
	assert_int_equal(finish(f), 3);
}

static void test_stalled_one_goes(void **state)
{
	struct fixture *f = *state;
	int stalled = attach(f, SHIM_STDOUT);
	pid_t stays;
	auto_close int pidfd = -EBADF;
	struct pollfd p;

	big_start(f, "-");
	assert_int_equal(wait_exit(f), 3);
	stays = child_of(f->shim);
	assert_true(stays > 1);
	pidfd = (int)syscall(SYS_pidfd_open, stays, 0);
	assert_true(pidfd >= 0);
	fd_replace(&stalled, -EBADF);
	p = (struct pollfd){ pidfd, POLLIN, 0 };
	assert_int_equal(poll(&p, 1, 60000), 1);
	control(f, 0);
	assert_int_equal(finish(f), 3);
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
		T(test_exit_does_not_wait_for_a_reader),
		T(test_one_of_two_stalls),
		T(test_stalled_terminal),
		T(test_stalled_one_is_dropped),
		T(test_stalled_one_goes),
		T(test_strangers_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
