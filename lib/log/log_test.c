/* The promises of log/log.h. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>

#include "log/log.h"

struct fixture {
	char path[64];
	int dir;
};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	(void)snprintf(f->path, sizeof(f->path), "/tmp/log-test-XXXXXX");
	assert_non_null(mkdtemp(f->path));
	f->dir = open(f->path, O_DIRECTORY | O_CLOEXEC);
	assert_true(f->dir >= 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	char cmd[128];

	(void)snprintf(cmd, sizeof(cmd), "rm -rf '%s'", f->path);
	(void)!system(cmd);
	fd_close(f->dir);
	free(f);
	return 0;
}

static void put_at(int fd, enum log_stream stream, unsigned flags, struct str text,
	uint64_t time_ns, int32_t status)
{
	struct log_head h = log_head_make(stream, flags, (uint32_t)text.n, time_ns, status);

	assert_int_equal(fd_write_all(fd, &h, sizeof(h)), 0);
	assert_int_equal(fd_write_all(fd, text.p, text.n), 0);
}

static void put(int fd, const char *text)
{
	put_at(fd, LOG_STDOUT, 0, str_of(text), clock_wall_ns(), 0);
}

static int open_log(struct fixture *f)
{
	struct err e;
	int fd = log_open(f->dir, &e);

	assert_true(fd >= 0);
	return fd;
}

static int rotate(struct fixture *f, int *fd, unsigned files)
{
	struct err e;
	int next = log_rotate(f->dir, files, &e);

	assert_true(next >= 0);
	put_at(*fd, LOG_ROTATED, 0, STR(""), clock_wall_ns(), 0);
	fd_replace(fd, next);
	return next;
}

static int collect(void *arg, const struct log_head *h, struct str text)
{
	(void)h;
	assert_int_equal(buf_str(arg, text), 0);
	return 0;
}

static void expect(struct fixture *f, struct log_query q, const char *want)
{
	auto_buf struct buf b = BUF(1 << 20);
	struct err e;

	if (!q.stdout_on && !q.stderr_on)
		q.stdout_on = q.stderr_on = true;
	assert_int_equal(log_read(f->dir, &q, collect, NULL, &b, -1, &e), 0);
	if (!str_eq(buf_view(&b), str_of(want)))
		fail_msg("got \"%.*s\" instead of \"%s\"", STR_ARG(buf_view(&b)), want);
}

/* ---- records --------------------------------------------------------------------------------- */

static void test_parse(void **state)
{
	char b[sizeof(struct log_head) + 5];
	struct log_head h = log_head_make(LOG_STDERR, LOG_PARTIAL, 5, 77, 0), got;
	struct str text;

	(void)state;
	memcpy(b, &h, sizeof(h));
	memcpy(b + sizeof(h), "hello", 5);
	for (size_t n = 0; n < sizeof(b); n++)
		assert_int_equal(log_parse(b, n, &got, &text), 0);
	assert_int_equal(log_parse(b, sizeof(b), &got, &text), sizeof(b));
	assert_memory_equal(&got, &h, sizeof(h));
	assert_true(str_eq(text, STR("hello")));
	/* One flipped bit anywhere in the head is noticed. */
	for (size_t bit = 0; bit < sizeof(h) * 8; bit++) {
		b[bit / 8] ^= (char)(1 << bit % 8);
		assert_int_equal(log_parse(b, sizeof(b), &got, &text), -EBADMSG);
		b[bit / 8] ^= (char)(1 << bit % 8);
	}
}

/* ---- reading --------------------------------------------------------------------------------- */

static void test_selection(void **state)
{
	struct fixture *f = *state;
	auto_close int fd = -EBADF;

	expect(f, (struct log_query){ .tail = -1 }, ""); /* never started */
	fd = open_log(f);
	put_at(fd, LOG_STDOUT, 0, STR("a\n"), 100, 0);
	put_at(fd, LOG_STDERR, 0, STR("b\n"), 200, 0);
	put_at(fd, LOG_STDOUT, LOG_PARTIAL, STR("c"), 300, 0);
	put_at(fd, LOG_STDOUT, 0, STR("c\n"), 300, 0);
	put_at(fd, LOG_EXIT, 0, STR(""), 350, 1);
	put_at(fd, LOG_STDERR, 0, STR("d\n"), 400, 0);
	expect(f, (struct log_query){ .tail = -1 }, "a\nb\ncc\nd\n");
	expect(f, (struct log_query){ .stdout_on = true, .tail = -1 }, "a\ncc\n");
	expect(f, (struct log_query){ .stderr_on = true, .tail = -1 }, "b\nd\n");
	expect(f, (struct log_query){ .tail = -1, .since_ns = 200 }, "b\ncc\nd\n");
	expect(f, (struct log_query){ .tail = -1, .until_ns = 300 }, "a\nb\ncc\n");
	expect(f, (struct log_query){ .tail = -1, .since_ns = 200, .until_ns = 250 }, "b\n");
	expect(f, (struct log_query){ .tail = 0 }, "");
	expect(f, (struct log_query){ .tail = 1 }, "d\n");
	expect(f, (struct log_query){ .tail = 2 }, "cc\nd\n");
	expect(f, (struct log_query){ .tail = 99 }, "a\nb\ncc\nd\n");
	expect(f, (struct log_query){ .stdout_on = true, .tail = 1 }, "cc\n");
}

static void test_rotated_files(void **state)
{
	struct fixture *f = *state;
	auto_close int fd = open_log(f);

	put(fd, "1\n");
	rotate(f, &fd, 3);
	put(fd, "2\n");
	put(fd, "3\n");
	rotate(f, &fd, 3);
	put(fd, "4\n");
	expect(f, (struct log_query){ .tail = -1 }, "1\n2\n3\n4\n");
	expect(f, (struct log_query){ .tail = 2 }, "3\n4\n");
	expect(f, (struct log_query){ .tail = 3 }, "2\n3\n4\n");
	rotate(f, &fd, 3);
	expect(f, (struct log_query){ .tail = -1 }, "2\n3\n4\n");
	expect(f, (struct log_query){ .tail = 2 }, "3\n4\n");
	rotate(f, &fd, 2); /* fewer are kept from now on */
	put(fd, "5\n");
	assert_int_equal(faccessat(f->dir, "log.2", F_OK, 0), -1);
	expect(f, (struct log_query){ .tail = -1 }, "5\n");
	rotate(f, &fd, 1);
	put(fd, "6\n");
	expect(f, (struct log_query){ .tail = 1 }, "6\n");
}

/* The engine died in the middle of a rotation: one number is free. */
static void test_half_rotated(void **state)
{
	static const char *const steps[][2] = { { "log.2", "log.3" }, { "log.1", "log.2" },
		{ "log", "log.1" } };
	struct fixture *f = *state;
	auto_close int fd = open_log(f);

	put(fd, "1\n");
	rotate(f, &fd, 9);
	put(fd, "2\n");
	rotate(f, &fd, 9);
	put(fd, "3\n");
	for (unsigned i = 0; i < ARRAY_SIZE(steps); i++) {
		assert_int_equal(renameat(f->dir, steps[i][0], f->dir, steps[i][1]), 0);
		expect(f, (struct log_query){ .tail = -1 }, "1\n2\n3\n");
		expect(f, (struct log_query){ .tail = 2 }, "2\n3\n");
	}
	fd_replace(&fd, open_log(f));
	put(fd, "4\n");
	rotate(f, &fd, 9);
	put(fd, "5\n");
	expect(f, (struct log_query){ .tail = -1 }, "1\n2\n3\n4\n5\n");
}

/* ---- damage ---------------------------------------------------------------------------------- */

static void test_torn_tail(void **state)
{
	struct fixture *f = *state;
	auto_close int fd = open_log(f);
	struct log_head h = log_head_make(LOG_STDOUT, 0, 100, 1, 0);
	uint64_t time_ns;
	int code;

	put(fd, "whole\n");
	put_at(fd, LOG_EXIT, 0, STR(""), 5, 9);
	assert_int_equal(fd_write_all(fd, &h, sizeof(h)), 0);
	assert_int_equal(fd_write_all(fd, "half", 4), 0);
	expect(f, (struct log_query){ .tail = -1 }, "whole\n");
	assert_int_equal(log_last_exit(f->dir, &code, &time_ns), 1);
	assert_int_equal(code, 9);
	assert_int_equal(time_ns, 5);
	/* The next run's records are not swallowed. */
	fd_replace(&fd, open_log(f));
	put(fd, "next\n");
	expect(f, (struct log_query){ .tail = -1 }, "whole\nnext\n");
	assert_int_equal(log_last_exit(f->dir, &code, &time_ns), 0);
}

static void test_garbage(void **state)
{
	struct fixture *f = *state;
	auto_close int fd = open_log(f);
	static char junk[100000];

	for (size_t i = 0; i < sizeof(junk); i++)
		junk[i] = (char)(i * 2654435761u >> 13);
	assert_int_equal(fd_write_all(fd, junk, sizeof(junk)), 0);
	put(fd, "a\n");
	assert_int_equal(fd_write_all(fd, junk, 17), 0);
	put(fd, "b\n");
	memset(junk, 0, sizeof(junk)); /* what a power cut makes of a tail */
	assert_int_equal(fd_write_all(fd, junk, sizeof(junk)), 0);
	expect(f, (struct log_query){ .tail = -1 }, "a\nb\n");
	fd_replace(&fd, open_log(f));
	put(fd, "c\n");
	expect(f, (struct log_query){ .tail = -1 }, "a\nb\nc\n");
}

/* A line may look like anything: it stays a line. */
static void test_forged_records_are_text(void **state)
{
	struct fixture *f = *state;
	auto_close int fd = open_log(f);
	struct log_head forged = log_head_make(LOG_EXIT, 0, 0, 1, 0);
	uint64_t time_ns;
	int code;

	put_at(fd, LOG_STDOUT, 0, (struct str){ (char *)&forged, sizeof(forged) }, 1, 0);
	assert_int_equal(log_last_exit(f->dir, &code, &time_ns), 0);
	put_at(fd, LOG_EXIT, 0, STR(""), 2, 42);
	put_at(fd, LOG_STDOUT, 0, (struct str){ (char *)&forged, sizeof(forged) }, 1, 0);
	put_at(fd, LOG_EXIT, 0, STR(""), 3, 43);
	assert_int_equal(log_last_exit(f->dir, &code, &time_ns), 1);
	assert_int_equal(code, 43);
}

static void test_exit_behind_a_rotation(void **state)
{
	struct fixture *f = *state;
	auto_close int fd = open_log(f), next = -EBADF;
	struct err e;
	uint64_t time_ns;
	int code;

	assert_int_equal(log_last_exit(f->dir, &code, &time_ns), 0);
	put_at(fd, LOG_EXIT, 0, STR(""), 2, 3);
	next = log_rotate(f->dir, 3, &e); /* the shim never got to know */
	assert_true(next >= 0);
	assert_int_equal(log_last_exit(f->dir, &code, &time_ns), 1);
	assert_int_equal(code, 3);
}

/* ---- following ------------------------------------------------------------------------------- */

struct follow {
	struct fixture *f;
	int cancel;
	uint64_t next, total;
	bool over;
	struct log_query q;
	int rc;
};

static int follow_emit(void *arg, const struct log_head *h, struct str text)
{
	struct follow *w = arg;
	uint64_t n;

	(void)h;
	if (!num_u64((struct str){ text.p, text.n - 1 }, UINT64_MAX, &n) || n != w->next)
		return -EBADMSG;
	__atomic_store_n(&w->next, n + 1, __ATOMIC_RELEASE);
	return 0;
}

static bool follow_ended(void *arg)
{
	return __atomic_load_n(&((struct follow *)arg)->over, __ATOMIC_ACQUIRE);
}

static void *follow_main(void *arg)
{
	struct follow *w = arg;
	struct err e;

	w->rc = log_read(w->f->dir, &w->q, follow_emit, follow_ended, w, w->cancel, &e);
	return NULL;
}

/* The writer rotates all the time; the readers, one old, one that joins late, miss nothing. */
static void test_follow_over_rotations(void **state)
{
	struct fixture *f = *state;
	struct follow w = {
		.f = f, .cancel = -1, .q = { .stdout_on = true, .follow = true, .tail = -1 }
	};
	auto_close int fd = open_log(f);
	pthread_t t;
	char line[32];

	assert_int_equal(pthread_create(&t, NULL, follow_main, &w), 0);
	for (unsigned i = 0; i < 20000; i++) {
		(void)snprintf(line, sizeof(line), "%u\n", i);
		put(fd, line);
		if (i % 100 == 99)
			rotate(f, &fd, 500);
	}
	put_at(fd, LOG_EXIT, 0, STR(""), clock_wall_ns(), 0);
	__atomic_store_n(&w.over, true, __ATOMIC_RELEASE);
	assert_int_equal(pthread_join(t, NULL), 0);
	assert_int_equal(w.rc, 0);
	assert_int_equal(w.next, 20000);
}

static void test_follow_is_cancelled(void **state)
{
	struct fixture *f = *state;
	int p[2];
	struct follow w = {
		.f = f, .q = { .stdout_on = true, .follow = true, .tail = 1 }, .next = 1
	};
	auto_close int fd = open_log(f);
	pthread_t t;

	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	w.cancel = p[0];
	put(fd, "0\n");
	put(fd, "1\n");
	assert_int_equal(pthread_create(&t, NULL, follow_main, &w), 0);
	while (__atomic_load_n(&w.next, __ATOMIC_ACQUIRE) < 2)
		;
	put(fd, "2\n");
	while (__atomic_load_n(&w.next, __ATOMIC_ACQUIRE) < 3)
		;
	(void)close(p[1]); /* the client hangs up */
	assert_int_equal(pthread_join(t, NULL), 0);
	assert_int_equal(w.rc, 0);
	(void)close(p[0]);
}

static void test_follow_stops_at_until(void **state)
{
	struct fixture *f = *state;
	struct follow w = { .f = f, .cancel = -1 };
	auto_close int fd = open_log(f);

	w.q = (struct log_query){ .stdout_on = true, .follow = true, .tail = -1 };
	w.q.until_ns = clock_wall_ns() + 50000000;
	put(fd, "0\n");
	(void)follow_main(&w); /* comes back by itself */
	assert_int_equal(w.rc, 0);
	assert_int_equal(w.next, 1);
}

static void test_emit_stops_it(void **state)
{
	struct fixture *f = *state;
	struct follow w = { .f = f, .cancel = -1, .next = 1 };
	auto_close int fd = open_log(f);

	w.q = (struct log_query){ .stdout_on = true, .follow = true, .tail = -1 };
	put(fd, "7\n");
	(void)follow_main(&w);
	assert_int_equal(w.rc, -EBADMSG);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_parse),
		T(test_selection),
		T(test_rotated_files),
		T(test_half_rotated),
		T(test_torn_tail),
		T(test_garbage),
		T(test_forged_records_are_text),
		T(test_exit_behind_a_rotation),
		T(test_follow_over_rotations),
		T(test_follow_is_cancelled),
		T(test_follow_stops_at_until),
		T(test_emit_stops_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
