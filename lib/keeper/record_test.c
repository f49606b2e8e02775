/* Promise: a message or file that no honest peer writes is never taken for a good one. */
#include "keeper/record.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct keeper_create good(void)
{
	struct keeper_create c = { .id = { { 1 } }, .client = 7, .nlayers = 1 };

	c.layers[0].b[0] = 9;
	return c;
}

static int check_create(const struct keeper_create *c)
{
	struct err e;

	return keeper_record_check(KEEPER_CREATE, c, sizeof(*c), 0, &e);
}

static void test_shapes(void **state)
{
	struct keeper_create c = good();
	struct err e;

	(void)state;
	assert_int_equal(check_create(&c), 0);
	assert_int_equal(keeper_record_check(KEEPER_CREATE, &c, sizeof(c) - 1, 0, &e), -EPROTO);
	assert_int_equal(keeper_record_check(KEEPER_CREATE, &c, sizeof(c), 1, &e), -EPROTO);
	assert_int_equal(keeper_record_check(KEEPER_REPLY, &c, sizeof(c), 0, &e), -EPROTO);
	assert_int_equal(keeper_record_check(0, &c, sizeof(c), 0, &e), -EPROTO);
	assert_string_equal(e.msg, "unknown operation 0");
}

#define BREAK(field, value)                                                                        \
	do {                                                                                       \
		struct keeper_create c = good();                                                   \
		c.field = (value);                                                                 \
		assert_int_equal(check_create(&c), -EPROTO);                                       \
	} while (0)

static void test_create_fields(void **state)
{
	(void)state;
	BREAK(id.b[0], 0);
	BREAK(flags, 1u << 5);
	BREAK(oom_score_adj, -1001);
	BREAK(userns, KEEPER_NS_CONTAINER);
	BREAK(utsns, KEEPER_NS_CONTAINER);
	BREAK(netns, 3);
	BREAK(netns, KEEPER_NS_CONTAINER);
	BREAK(net_of.b[3], 1);
	BREAK(seccomp, 3);
	BREAK(pad, 1);
	BREAK(caps, 1ull << 41);
	BREAK(limits.set, 1u << 8);
	BREAK(limits.pad, 1);
	BREAK(nlayers, KEEPER_LAYERS_MAX + 1);
	BREAK(nlayers, 2);
	BREAK(extra_ids, KEEPER_EXTENTS_MAX + 1);
	BREAK(extra_ids, 1);
}

static void test_other_questions(void **state)
{
	struct keeper_exec x = { .id = { { 1 } } };
	struct keeper_job j = { .kind = KEEPER_JOB_ARCHIVE };
	struct keeper_signal s = { .signal = 65 };
	struct err e;

	(void)state;
	assert_int_equal(keeper_record_check(KEEPER_EXEC, &x, sizeof(x), 5, &e), 0);
	assert_int_equal(keeper_record_check(KEEPER_EXEC, &x, sizeof(x), 2, &e), -EPROTO);
	x.flags = KEEPER_EXEC_TTY;
	assert_int_equal(keeper_record_check(KEEPER_EXEC, &x, sizeof(x), 2, &e), 0);
	assert_int_equal(keeper_record_check(KEEPER_JOB, &j, sizeof(j), 2, &e), 0);
	j.target.b[0] = 1;
	assert_int_equal(keeper_record_check(KEEPER_JOB, &j, sizeof(j), 2, &e), -EPROTO);
	assert_int_equal(keeper_record_check(KEEPER_SIGNAL, &s, sizeof(s), 0, &e), -EPROTO);
}

static void test_limits(void **state)
{
	struct keeper_limits a = { .set = KEEPER_LIMIT_MEMORY, .memory_bytes = 1 << 20 };
	struct keeper_limits b = { .set = KEEPER_LIMIT_PIDS, .pids = 9, .memory_bytes = 3 };
	struct err e;

	(void)state;
	assert_int_equal(keeper_limits_check(&a, &e), -EINVAL);
	assert_string_equal(e.msg, "Minimum memory limit allowed is 6MB");
	a.memory_bytes = 64 << 20;
	assert_int_equal(keeper_limits_check(&a, &e), 0);
	keeper_limits_merge(&a, &b);
	assert_int_equal(a.set, KEEPER_LIMIT_MEMORY | KEEPER_LIMIT_PIDS);
	assert_int_equal(a.pids, 9);
	assert_int_equal(a.memory_bytes, 64 << 20);
}

static void test_files(void **state)
{
	struct keeper_grant g = { .magic = KEEPER_GRANT_MAGIC,
		.version = KEEPER_GRANT_VERSION,
		.cls = KEEPER_CLASS_MEMBER,
		.size = sizeof(g),
		.create = good() };
	struct keeper_run r = { .magic = KEEPER_RUN_MAGIC,
		.version = KEEPER_RUN_VERSION,
		.size = sizeof(r),
		.id = g.create.id,
		.shim = 77 };
	struct digest other = { { 2 } };

	(void)state;
	assert_int_equal(keeper_grant_check(&g, sizeof(g), &g.create.id), 0);
	assert_int_equal(keeper_grant_check(&g, sizeof(g) - 1, &g.create.id), -EBADMSG);
	assert_int_equal(keeper_grant_check(&g, sizeof(g), &other), -EBADMSG);
	g.create.nlayers = 1000;
	assert_int_equal(keeper_grant_check(&g, sizeof(g), &g.create.id), -EBADMSG);
	assert_int_equal(keeper_run_check(&r, sizeof(r), &r.id), 0);
	r.shim = 1;
	assert_int_equal(keeper_run_check(&r, sizeof(r), &r.id), -EBADMSG);
	r.shim = 77;
	memset(r.boot, 'x', sizeof(r.boot));
	assert_int_equal(keeper_run_check(&r, sizeof(r), &r.id), -EBADMSG);
}

/* The neighbours' records are read: a longer one in its known part, an older one as it is. */
static void test_versions(void **state)
{
	struct {
		struct keeper_run run;
		uint64_t later[8];
	} f = { .run = { .magic = KEEPER_RUN_MAGIC,
			.version = KEEPER_RUN_VERSION + 1,
			.size = sizeof(f),
			.id = { { 1 } },
			.shim = 77 } };
	struct keeper_grant g = { .magic = KEEPER_GRANT_MAGIC,
		.version = KEEPER_GRANT_VERSION + 1,
		.cls = KEEPER_CLASS_MEMBER,
		.size = sizeof(g) + 64,
		.create = good() };

	(void)state;
	assert_int_equal(keeper_run_check(&f, sizeof(f.run), &f.run.id), 0);
	assert_int_equal(keeper_run_check(&f, sizeof(f.run) - 1, &f.run.id), -EBADMSG);
	f.run.version = KEEPER_RUN_VERSION + 2;
	assert_int_equal(keeper_run_check(&f, sizeof(f.run), &f.run.id), -EBADMSG);
	f.run.version = 0;
	assert_int_equal(keeper_run_check(&f, sizeof(f.run), &f.run.id), -EBADMSG);
	assert_int_equal(keeper_grant_check(&g, sizeof(g), &g.create.id), 0);
	g.version++;
	assert_int_equal(keeper_grant_check(&g, sizeof(g), &g.create.id), -EBADMSG);
	g.version = KEEPER_GRANT_VERSION;
	g.size = KEEPER_GRANT_MIN;
	assert_int_equal(keeper_grant_check(&g, KEEPER_GRANT_MIN, &g.create.id), 0);
	g.size = KEEPER_GRANT_MIN - 8;
	assert_int_equal(keeper_grant_check(&g, KEEPER_GRANT_MIN - 8, &g.create.id), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shapes),
		cmocka_unit_test(test_create_fields),
		cmocka_unit_test(test_other_questions),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_versions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
