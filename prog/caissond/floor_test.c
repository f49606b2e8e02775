/* Promise: nothing beyond the floor is granted, and the refusal names the setting. */
#include "floor.h"

#include "account.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct floor_names names = {
	STR("root:x:0:0:root:/root:/bin/sh\nalice:x:1001:1001::/home/alice:/bin/sh\nbad:x:q:1::\n"),
	STR("root:x:0:\nwheel:x:27:alice\n"),
};
static struct floor f;
static struct err e;

static int parse(const char *text)
{
	floor_default(&f, "/etc/caisson/floor.conf");
	return floor_parse(&f, str_of(text), &names, &e);
}

static void test_accounts(void **state)
{
	uint32_t uid = 0, gid = 0;

	(void)state;
	assert_true(account_user(names.passwd, STR("alice"), &uid, &gid));
	assert_int_equal(uid, 1001);
	assert_int_equal(gid, 1001);
	assert_false(account_user(names.passwd, STR("ali"), &uid, &gid));
	assert_false(account_user(names.passwd, STR("bad"), &uid, &gid));
	assert_false(account_user(names.passwd, STR(""), &uid, &gid));
	assert_true(account_group(names.group, STR("wheel"), &gid));
	assert_int_equal(gid, 27);
}

static void test_good_file(void **state)
{
	uint32_t group = 27;

	(void)state;
	assert_int_equal(parse("# a comment\n\n member.allow_host_network = yes # why\n"
			       "root.allow_privileged=no\n"
			       "allow_capabilities = NET_ADMIN, CAP_SYS_PTRACE\n"
			       "member.max_containers = 3\nadmins = alice, 77, @wheel"),
		0);
	assert_true(f.cls[KEEPER_CLASS_MEMBER].allow[FLOOR_HOST_NETWORK]);
	assert_false(f.cls[KEEPER_CLASS_REMOTE].allow[FLOOR_HOST_NETWORK]);
	assert_false(f.cls[KEEPER_CLASS_ROOT].allow[FLOOR_PRIVILEGED]);
	assert_true(f.cls[KEEPER_CLASS_ROOT].allow[FLOOR_HOST_PID]);
	assert_int_equal(f.cls[KEEPER_CLASS_MEMBER].caps, 1u << 12 | 1u << 19);
	assert_int_equal(f.cls[KEEPER_CLASS_MEMBER].max_containers, 3);
	assert_true(floor_is_admin(&f, 0, NULL, 0));
	assert_true(floor_is_admin(&f, 1001, NULL, 0));
	assert_true(floor_is_admin(&f, 77, NULL, 0));
	assert_true(floor_is_admin(&f, 5, &group, 1));
	assert_false(floor_is_admin(&f, 5, NULL, 0));
}

static void bad(const char *text, const char *message)
{
	assert_true(parse(text) < 0);
	assert_string_equal(e.msg, message);
}

static void test_bad_files(void **state)
{
	(void)state;
	bad("\nallow_everything = yes\n", "line 2 of \"/etc/caisson/floor.conf\": unknown key "
					  "\"allow_everything\"; see floor.conf(5)");
	bad("guest.allow_host_pid = yes", "line 1 of \"/etc/caisson/floor.conf\": unknown key "
					  "\"guest.allow_host_pid\"; see floor.conf(5)");
	bad("hello", "line 1 of \"/etc/caisson/floor.conf\": write \"key = value\"");
	bad("allow_host_pid = maybe", "line 1 of \"/etc/caisson/floor.conf\": bad value for "
				      "\"allow_host_pid\"; see floor.conf(5)");
	assert_true(parse("allow_capabilities = NET_ADMIN, WORLD") < 0);
	assert_true(parse("admins = nobody_here") < 0);
	assert_true(parse("max_containers = -1") < 0);
}

static struct keeper_create wish(void)
{
	return (struct keeper_create){ .id = { { 1 } } };
}

static int check(uint32_t cls, const struct keeper_create *c)
{
	return floor_check(&f, cls, 1000, c, 3, &e);
}

static void test_member(void **state)
{
	struct keeper_create c = wish();

	(void)state;
	assert_int_equal(parse(""), 0);
	assert_int_equal(check(KEEPER_CLASS_MEMBER, &c), 0);
	c.netns = KEEPER_NS_HOST;
	assert_int_equal(check(KEEPER_CLASS_MEMBER, &c), -EPERM);
	assert_string_equal(e.msg, "host network is refused for uid 1000 by the floor policy (set "
				   "member.allow_host_network = yes in /etc/caisson/floor.conf)");
	assert_int_equal(check(KEEPER_CLASS_ROOT, &c), 0);
	c = wish();
	c.caps = 1u << 12;
	assert_int_equal(check(KEEPER_CLASS_REMOTE, &c), -EPERM);
	assert_string_equal(e.msg,
		"capability CAP_NET_ADMIN is refused for remote clients by the floor policy (add it "
		"to remote.allow_capabilities in /etc/caisson/floor.conf)");
	c.caps = 1u << 13 | 1u;
	assert_int_equal(check(KEEPER_CLASS_MEMBER, &c), 0);
}

#define REFUSED(field, value)                                                                      \
	do {                                                                                       \
		struct keeper_create c = wish();                                                   \
		c.field = (value);                                                                 \
		assert_int_equal(check(KEEPER_CLASS_MEMBER, &c), -EPERM);                          \
		assert_int_equal(check(KEEPER_CLASS_ROOT, &c), 0);                                 \
	} while (0)

static void test_member_refusals(void **state)
{
	(void)state;
	assert_int_equal(parse(""), 0);
	REFUSED(userns, KEEPER_NS_HOST);
	REFUSED(pidns, KEEPER_NS_HOST);
	REFUSED(ipcns, KEEPER_NS_HOST);
	REFUSED(utsns, KEEPER_NS_HOST);
	REFUSED(cgroupns, KEEPER_NS_HOST);
	REFUSED(seccomp, KEEPER_SECCOMP_CUSTOM);
	REFUSED(seccomp, KEEPER_SECCOMP_UNCONFINED);
	REFUSED(flags, KEEPER_UNMASKED);
	REFUSED(oom_score_adj, -1);
	REFUSED(caps, 1ull << 21);
}

static void test_closed_root(void **state)
{
	struct keeper_create c = wish();

	(void)state;
	assert_int_equal(parse("root.allow_privileged = no\nroot.max_containers = 3"), 0);
	assert_int_equal(check(KEEPER_CLASS_ROOT, &c), -EPERM);
	assert_non_null(strstr(e.msg, "root.max_containers"));
	assert_int_equal(parse("root.allow_privileged = no"), 0);
	c.userns = KEEPER_NS_HOST;
	assert_int_equal(check(KEEPER_CLASS_ROOT, &c), 0);
	c.caps = 1ull << 21;
	assert_int_equal(check(KEEPER_CLASS_ROOT, &c), -EPERM);
	assert_int_equal(floor_all_caps(&f) & (1ull << 21), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accounts),
		cmocka_unit_test(test_good_file),
		cmocka_unit_test(test_bad_files),
		cmocka_unit_test(test_member),
		cmocka_unit_test(test_member_refusals),
		cmocka_unit_test(test_closed_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
