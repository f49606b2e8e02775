#include "store/store.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static char path[64];
static int dir = -EBADF;
static struct store *s;

static int setup(void **state)
{
	struct err e;

	(void)state;
	(void)snprintf(path, sizeof(path), "/tmp/caisson-store-XXXXXX");
	assert_non_null(mkdtemp(path));
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return store_open(dir, &s, &e);
}

static int teardown(void **state)
{
	char cmd[100];

	(void)state;
	store_close(s);
	(void)snprintf(cmd, sizeof(cmd), "rm -rf %s", path);
	return system(cmd);
}

static unsigned rubbish(void)
{
	char cmd[128];

	(void)snprintf(cmd, sizeof(cmd), "test -z \"$(ls %s/tmp | grep -v ^gone-)\"", path);
	return system(cmd) != 0;
}

/* Also what waits for a quiet moment. */
static bool tmp_empties(void)
{
	char cmd[256];

	(void)snprintf(cmd, sizeof(cmd),
		"timeout 30 sh -c 'until rmdir %s/tmp 2>/dev/null; do sleep 0.05; done'", path);
	return system(cmd) == 0;
}

static void test_put_and_read(void **state)
{
	auto_buf struct buf b = BUF(100), small = BUF(3);
	struct digest d, again;
	struct err e;

	(void)state;
	assert_int_equal(store_put(s, STR("hello"), &d, &e), 0);
	assert_int_equal(store_put(s, STR("hello"), &again, &e), 0);
	assert_true(digest_eq(&d, &again));
	assert_true(store_has(s, &d));
	assert_int_equal(store_read(s, &d, &b, &e), 0);
	assert_true(str_eq(buf_view(&b), STR("hello")));
	assert_true(store_read(s, &d, &small, &e) < 0);
	assert_int_equal(e.kind, ERR_LIMIT);
	assert_int_equal(store_delete(s, &d, &e), 0);
	assert_int_equal(store_delete(s, &d, &e), 0);
	assert_false(store_has(s, &d));
	assert_true(store_get(s, &d, NULL, &e) < 0);
	assert_int_equal(e.kind, ERR_NOT_FOUND);
	assert_int_equal(rubbish(), 0);
}

static void test_wrong_digest_leaves_nothing(void **state)
{
	struct digest promised, other;
	struct store_writer w;
	struct err e;

	(void)state;
	assert_int_equal(store_put(s, STR("promised"), &promised, &e), 0);
	assert_int_equal(store_begin(s, 100, &w, &e), 0);
	assert_int_equal(store_write(&w, "other", 5, &e), 0);
	assert_true(store_commit(&w, &promised, &other, NULL, &e) < 0);
	assert_int_equal(e.kind, ERR_UNTRUSTED);
	assert_int_equal(rubbish(), 0);
	store_abort(&w); /* no effect */
}

static void test_limit(void **state)
{
	struct store_writer w;
	struct err e;

	(void)state;
	assert_int_equal(store_begin(s, 4, &w, &e), 0);
	assert_int_equal(store_write(&w, "1234", 4, &e), 0);
	assert_true(store_write(&w, "5", 1, &e) < 0);
	assert_int_equal(e.kind, ERR_LIMIT);
	store_abort(&w);
	assert_int_equal(rubbish(), 0);
}

static void test_damage_is_seen(void **state)
{
	auto_buf struct buf b = BUF(100);
	char file[160], hex[DIGEST_HEX + 1];
	struct digest d;
	struct err e;
	int fd;

	(void)state;
	assert_int_equal(store_put(s, STR("precious"), &d, &e), 0);
	(void)snprintf(file, sizeof(file), "%s/blobs/sha256/%s", path, digest_hex(&d, hex));
	fd = open(file, O_WRONLY | O_CLOEXEC);
	assert_int_equal(write(fd, "X", 1), 1);
	fd_close(fd);
	assert_true(store_read(s, &d, &b, &e) < 0);
	assert_int_equal(e.kind, ERR_CORRUPT);
}

static void test_sweep(void **state)
{
	struct store_writer w;
	struct store *again;
	struct err e;

	(void)state;
	assert_int_equal(store_begin(s, 4, &w, &e), 0); /* as if killed here */
	assert_int_equal(rubbish(), 1);
	assert_int_equal(store_open(dir, &again, &e), 0);
	assert_int_equal(rubbish(), 0);
	store_close(again);
	store_abort(&w);
}

static void test_deleted_files_go(void **state)
{
	struct digest d;
	struct err e;

	(void)state;
	assert_int_equal(store_put(s, STR("bytes"), &d, &e), 0);
	assert_int_equal(store_delete(s, &d, &e), 0);
	assert_false(store_has(s, &d));
	store_close(s); /* as if killed before they went */
	assert_int_equal(store_open(dir, &s, &e), 0);
	assert_true(tmp_empties());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_put_and_read),
		cmocka_unit_test(test_wrong_digest_leaves_nothing), cmocka_unit_test(test_limit),
		cmocka_unit_test(test_damage_is_seen), cmocka_unit_test(test_sweep),
		cmocka_unit_test(test_deleted_files_go), /* removes tmp/: last */
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
