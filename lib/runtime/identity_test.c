#include "runtime/runtime-int.h"

#include <setjmp.h>
#include <stdarg.h>
/* after stdarg and setjmp, which it needs */
#include <cmocka.h>

static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\n"
			     "broken\n"
			     "zero:x:x:0:::\n"
			     "web:x:1000:1001:Web:/srv/web:/bin/false\n"
			     "1000:x:0:0::/evil:\n"
			     "2147483648:x:0:0::/evil:\n"
			     "99999999999999999999:x:0:0::/evil:\n"
			     "-1:x:0:0::/evil:\n"
			     "huge:x:4294967295:0::/:\n"
			     "hugegroup:x:5:4294967295::/:\n"
			     "bare:x:7:8";
static const char group[] = "root:x:0:\nweb:x:1001:\nextra:x:77:web,other\nmore:x:78:other,web\n"
			    "bad:x:x:web\nhuge:x:4294967295:\n1001:x:0:web\n";

#define RANGE "uids and gids must be in range 0-2147483647"

struct answer {
	uid_t uid;
	gid_t gid;
	const char *home, *error;
};
static const struct {
	const char *spec;
	struct answer want;
} cases[] = {
	{ "", { 0, 0, "/root", NULL } },
	{ "root", { 0, 0, "/root", NULL } },
	{ "web", { 1000, 1001, "/srv/web", NULL } },
	{ "bare", { 7, 8, "/", NULL } },
	{ "1000", { 1000, 1001, "/srv/web", NULL } }, /* the id, not the user named "1000" */
	{ "1:", { 1, 0, "/", NULL } },
	{ "4242", { 4242, 0, "/", NULL } },
	{ "4242:77", { 4242, 77, "/", NULL } },
	{ "web:extra", { 1000, 77, "/srv/web", NULL } },
	{ "web:1001", { 1000, 1001, "/srv/web", NULL } },
	{ "2147483647:2147483647", { 2147483647, 2147483647, "/", NULL } },
	{ "2147483648", { 0, 0, NULL, RANGE } },
	{ "4294967295", { 0, 0, NULL, RANGE } },
	{ "4294967296", { 0, 0, NULL, RANGE } },
	{ "99999999999999999999", { 0, 0, NULL, RANGE } },
	{ "-1", { 0, 0, NULL, RANGE } },
	{ "+1", { 0, 0, NULL, RANGE } },
	{ "1:4294967296", { 0, 0, NULL, RANGE } },
	{ "huge", { 0, 0, NULL, RANGE } },
	{ "hugegroup", { 0, 0, NULL, RANGE } },
	{ "1:huge", { 0, 0, NULL, RANGE } },
	{ "0x0", { 0, 0, NULL, "unable to find user 0x0: no matching entries in passwd file" } },
	{ " 1", { 0, 0, NULL, "unable to find user  1: no matching entries in passwd file" } },
	{ "1e0", { 0, 0, NULL, "unable to find user 1e0: no matching entries in passwd file" } },
	{ "zero", { 0, 0, NULL, "unable to find user zero: no matching entries in passwd file" } },
	{ "foo", { 0, 0, NULL, "unable to find user foo: no matching entries in passwd file" } },
	{ "web:no", { 0, 0, NULL, "unable to find group no: no matching entries in group file" } },
};

static void users_are_who_docker_says_or_refused(void **state)
{
	static struct identity got;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct answer *want = &cases[i].want;
		struct err e = { 0 };
		int r = identity_resolve(
			str_of(cases[i].spec), NULL, 0, str_of(passwd), str_of(group), &got, &e);

		if (want->error) {
			assert_true(r < 0);
			assert_string_equal(e.msg, want->error);
			continue;
		}
		if (r < 0)
			fail_msg("%s: %s", cases[i].spec, e.msg);
		assert_int_equal(got.uid, want->uid);
		assert_int_equal(got.gid, want->gid);
		assert_string_equal(got.home, want->home);
		assert_int_equal(got.groups[0], want->gid);
	}
}

static void groups_are_those_of_the_file_and_the_request(void **state)
{
	static struct identity got;
	const struct str more[] = { STR("root"), STR("4242"), STR("extra") };
	const struct str unknown = STR("nope");
	struct err e = { 0 };

	(void)state;
	assert_int_equal(
		identity_resolve(STR("web"), more, 3, str_of(passwd), str_of(group), &got, &e), 0);
	assert_int_equal(got.ngroups, 5);
	assert_int_equal(got.groups[0], 1001);
	assert_int_equal(got.groups[1], 77);
	assert_int_equal(got.groups[2], 78);
	assert_int_equal(got.groups[3], 0);
	assert_int_equal(got.groups[4], 4242);
	/* Named groups instead of the user's own. */
	assert_int_equal(
		identity_resolve(STR("web:root"), NULL, 0, str_of(passwd), str_of(group), &got, &e),
		0);
	assert_int_equal(got.ngroups, 1);
	assert_int_equal(got.groups[0], 0);
	assert_true(identity_resolve(
			    STR("web"), &unknown, 1, str_of(passwd), str_of(group), &got, &e) < 0);
	assert_string_equal(e.msg, "unable to find group nope: no matching entries in group file");
}

static void a_crowd_of_groups_is_refused(void **state)
{
	static struct identity got;
	auto_buf struct buf b = BUF(1 << 20);
	struct err e = { 0 };

	(void)state;
	for (unsigned i = 0; i <= IDENTITY_GROUPS_MAX; i++)
		(void)buf_fmt(&b, "g%u:x:%u:web\n", i, 5000 + i);
	assert_true(
		identity_resolve(STR("web"), NULL, 0, str_of(passwd), buf_view(&b), &got, &e) < 0);
	assert_int_equal(e.kind, ERR_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(users_are_who_docker_says_or_refused),
		cmocka_unit_test(groups_are_those_of_the_file_and_the_request),
		cmocka_unit_test(a_crowd_of_groups_is_refused),
	};

	return cmocka_run_group_tests_name("identity", tests, NULL, NULL);
}
