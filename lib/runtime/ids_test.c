#include "runtime/runtime-int.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
/* after stdarg and setjmp, which it needs */
#include <cmocka.h>

static int directory(void)
{
	char name[] = "/tmp/caisson-ids-XXXXXX";
	int fd;

	assert_non_null(mkdtemp(name));
	fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static void drop(int dir)
{
	char path[64], cmd[160];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", dir);
	n = readlink(path, cmd, sizeof(cmd) - 1);
	assert_true(n > 0);
	cmd[n] = '\0';
	(void)snprintf(path, sizeof(path), "%.60s", cmd);
	(void)snprintf(cmd, sizeof(cmd), "rm -rf '%s'", path);
	assert_int_equal(system(cmd), 0); // NOLINT
	(void)close(dir);
}

static void listed_ranges_are_left_alone(void **state)
{
	static const struct {
		const char *file;
		bool listed;
	} cases[] = {
		{ "", false },
		{ "u:100000:65536\n", false },
		{ "u:1073741824:1", true },
		{ "u:1073741823:1", false },
		{ "u:1073741823:2", true },
		{ "u:1073872895:1", true },
		{ "u:1073872896:65536", false },
		{ "u:0:4294967296", true },
		{ "x:y:z\nbroken\n:::\nu:1073741900:5\n", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(ids_listed(str_of(cases[i].file), 0x40000000), cases[i].listed);
}

static void a_range_has_one_owner(void **state)
{
	struct ids a, b, joined, again;
	struct err e = { 0 };
	int dir = directory();

	(void)state;
	assert_int_equal(ids_claim(dir, &a, &e), 0);
	assert_int_equal(ids_claim(dir, &b, &e), 0);
	assert_true(a.base >= IDS_FIRST && b.base >= IDS_FIRST);
	assert_int_not_equal(a.base, b.base);
	assert_int_equal(a.base % IDS_SLOT, 0);
	/* Who joins keeps the range taken after the first owner has gone. */
	assert_int_equal(ids_share(dir, a.base, &joined, &e), 0);
	(void)close(a.claim);
	assert_int_equal(ids_claim(dir, &again, &e), 0);
	assert_int_not_equal(again.base, a.base);
	(void)close(again.claim);
	(void)close(joined.claim);
	assert_int_equal(ids_claim(dir, &again, &e), 0);
	assert_int_equal(again.base, a.base);
	assert_true(ids_share(dir, 1000, &joined, &e) < 0);
	(void)close(again.claim);
	(void)close(b.claim);
	drop(dir);
}

static void maps_hold_the_extra_ids(void **state)
{
	struct keeper_create g = { .extra_ids = 2, .extra = { 70000, 1000620000 } };
	auto_buf struct buf b = BUF(256);
	struct err e = { 0 };

	(void)state;
	assert_int_equal(ids_map(&g, 0x40000000, &b, &e), 0);
	assert_string_equal(
		b.p, "0 1073741824 65536\n70000 1073807360 1\n1000620000 1073807361 1\n");
	g.extra[1] = 65535;
	assert_true(ids_map(&g, 0x40000000, &b, &e) < 0);
	g.extra_ids = KEEPER_EXTENTS_MAX + 1;
	assert_true(ids_map(&g, 0x40000000, &b, &e) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(listed_ranges_are_left_alone),
		cmocka_unit_test(a_range_has_one_owner),
		cmocka_unit_test(maps_hold_the_extra_ids),
	};

	return cmocka_run_group_tests_name("ids", tests, NULL, NULL);
}
