/* A million lines, rotated and followed: none is lost, and memory does not grow. */
#include "shim_test.h"

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
		T(test_million_lines),
		T(test_million_lines_rotated),
		T(test_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
