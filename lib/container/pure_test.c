#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>

#include <cmocka.h>

#include "container/container-int.h"

#define SEC NS_PER_SEC

static void test_restart(void **unused)
{
	static const struct {
		struct restart_policy p;
		struct restart_facts f;
		int64_t delay_ms; /* -1: stays down */
	} table[] = {
		{ { RESTART_NO, 0 }, { .exit_code = 1 }, -1 },
		{ { RESTART_ALWAYS, 0 }, { .exit_code = 0 }, 100 },
		{ { RESTART_ALWAYS, 0 }, { .exit_on_next = true }, -1 },
		{ { RESTART_ALWAYS, 0 }, { .manually_stopped = true }, 100 },
		{ { RESTART_UNLESS_STOPPED, 0 }, { .exit_code = 0 }, 100 },
		{ { RESTART_UNLESS_STOPPED, 0 }, { .manually_stopped = true }, -1 },
		{ { RESTART_ON_FAILURE, 0 }, { .exit_code = 0 }, -1 },
		{ { RESTART_ON_FAILURE, 0 }, { .exit_code = 1, .restarts = 99 }, 100 },
		{ { RESTART_ON_FAILURE, 3 }, { .exit_code = 1, .restarts = 2 }, 100 },
		{ { RESTART_ON_FAILURE, 3 }, { .exit_code = 1, .restarts = 3 }, -1 },
		/* twice as long each time, at most a minute; a good run starts over */
		{ { RESTART_ALWAYS, 0 }, { .last_delay_ns = SEC / 10 }, 200 },
		{ { RESTART_ALWAYS, 0 }, { .last_delay_ns = 25 * SEC + SEC / 2 }, 51000 },
		{ { RESTART_ALWAYS, 0 }, { .last_delay_ns = 50 * SEC }, 60000 },
		{ { RESTART_ALWAYS, 0 }, { .last_delay_ns = 60 * SEC }, 60000 },
		{ { RESTART_ALWAYS, 0 }, { .last_delay_ns = 60 * SEC, .ran_ns = 9 * SEC }, 60000 },
		{ { RESTART_ALWAYS, 0 }, { .last_delay_ns = 60 * SEC, .ran_ns = 10 * SEC }, 100 },
	};
	uint64_t delay;

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		bool again = restart_decide(&table[i].p, &table[i].f, &delay);

		assert_int_equal(again, table[i].delay_ms >= 0);
		if (again)
			assert_int_equal(delay, table[i].delay_ms * 1000000);
	}
}

static void test_signals(void **unused)
{
	static const struct {
		const char *text;
		int number;
	} table[] = { { "TERM", SIGTERM }, { "SIGTERM", SIGTERM }, { "sigkill", SIGKILL },
		{ "9", 9 }, { "64", 64 }, { "RTMIN", 34 }, { "SIGRTMIN+3", 37 }, { "RTMAX-14", 50 },
		{ "RTMAX", 64 }, { "0", -1 }, { "65", -1 }, { "", -1 }, { "RTMIN+31", -1 },
		{ "RTMIN-1", -1 }, { "X", -1 }, { "-9", -1 } };
	struct err e;

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		int n = signal_parse(table[i].text, &e);

		assert_int_equal(n < 0 ? -1 : n, table[i].number);
	}
}

static void test_cpuset(void **unused)
{
	uint64_t bits[2];

	(void)unused;
	assert_int_equal(cpuset_parse("", bits, 128), 0);
	assert_true(bits[0] == 0 && bits[1] == 0);
	assert_int_equal(cpuset_parse("0,2-3,64", bits, 128), 0);
	assert_true(bits[0] == 13 && bits[1] == 1);
	assert_int_equal(cpuset_parse("128", bits, 128), -ERANGE);
	assert_int_equal(cpuset_parse("3-1", bits, 128), -EINVAL);
	assert_int_equal(cpuset_parse("1,", bits, 128), -EINVAL);
	assert_int_equal(cpuset_parse("a", bits, 128), -EINVAL);
	assert_int_equal(cpuset_parse("1--2", bits, 128), -EINVAL);
}

static void test_duration(void **unused)
{
	static const struct {
		uint64_t s;
		const char *text;
	} table[] = { { 0, "Less than a second" }, { 1, "1 second" }, { 59, "59 seconds" },
		{ 60, "About a minute" }, { 120, "2 minutes" }, { 3599, "59 minutes" },
		{ 3600, "About an hour" }, { 5399, "About an hour" }, { 5400, "2 hours" },
		{ 47 * 3600, "47 hours" }, { 48 * 3600, "2 days" }, { 14 * 86400, "2 weeks" },
		{ 60 * 86400, "2 months" }, { 730 * 86400, "2 years" } };
	char out[64];

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		assert_string_equal(
			duration_text(table[i].s * SEC, out, sizeof(out)), table[i].text);
}

static void test_names(void **unused)
{
	char out[80];

	(void)unused;
	for (unsigned i = 0; i < 200; i++) {
		name_generate(i % 8, out, sizeof(out));
		assert_true(name_valid(out));
		assert_non_null(strchr(out, '_'));
	}
	assert_true(name_valid("a.b-c_9"));
	assert_false(name_valid("a"));
	assert_false(name_valid("_a"));
	assert_false(name_valid("a/b"));
	assert_false(name_valid(""));
}

static void test_start_error(void **unused)
{
	struct err e = { 0 };

	(void)unused;
	err_set(&e, ERR_INVALID, 0, "exec: \"/\": is a directory");
	assert_int_equal(start_error_fill(&e), 126);
	assert_string_equal(e.msg,
		"failed to create task for container: failed to create shim task: OCI runtime create "
		"failed: runc create failed: unable to start container process: exec: \"/\": is a "
		"directory: unknown: permission denied");
	/* a refusal of the policy is said as it is */
	err_set(&e, ERR_DENIED, 0, "the floor forbids it");
	assert_int_equal(start_error_fill(&e), 128);
	assert_string_equal(e.msg, "the floor forbids it");
	assert_int_equal(e.kind, ERR_DENIED);
}

static void test_ports(void **unused)
{
	struct port_range p;

	(void)unused;
	assert_true(port_parse("80-90/udp", &p) && p.first == 80 && p.last == 90 && p.udp);
	assert_true(port_parse("80", &p) && p.first == 80 && p.last == 80 && !p.udp);
	assert_false(port_parse("90-80", &p));
	assert_false(port_parse("65536", &p));
	assert_false(port_parse("80/x", &p));
	assert_false(port_parse("", &p));
}

static void test_limits(void **unused)
{
	static const struct {
		const char *config;
		uint64_t bytes;
		unsigned files;
		bool none;
	} table[] = {
		{ "{}", 128ull << 20, 8, false },
		{ "{\"LogConfig\":{\"Type\":\"none\"}}", 64 << 10, 1, true },
		{ "{\"LogConfig\":{\"Type\":\"json-file\",\"Config\":{\"max-size\":\"10m\",\"max-file\":"
		  "\"3\"}}}",
			10 << 20, 3, false },
	};

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		auto_json json_t *host = json_loads(table[i].config, 0, NULL);
		struct log_limits l;
		struct err e;

		assert_int_equal(log_limits_parse(host, &l, &e), 0);
		assert_int_equal(l.max_bytes, table[i].bytes);
		assert_int_equal(l.files, table[i].files);
		assert_int_equal(l.none, table[i].none);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_signals),
		cmocka_unit_test(test_cpuset),
		cmocka_unit_test(test_duration),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_start_error),
		cmocka_unit_test(test_ports),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
