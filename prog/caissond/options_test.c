/* Promise: caissond takes dockerd's flags, and says what to do about those it does not take. */
#include "options.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct options o;
static struct err e;

static int parse(const char *a, const char *b, const char *c)
{
	char *argv[] = { (char *)(uintptr_t) "caissond", (char *)(uintptr_t)a, (char *)(uintptr_t)b,
		(char *)(uintptr_t)c, NULL };
	int n = 1;

	while (argv[n])
		n++;
	return options_parse(n, argv, &o, &e);
}

static void test_defaults(void **state)
{
	(void)state;
	assert_int_equal(parse(NULL, NULL, NULL), 0);
	assert_int_equal(o.nhosts, 1);
	assert_string_equal(o.hosts[0], "unix:///run/caisson.sock");
	assert_string_equal(o.data_root, "/var/lib/caisson");
	assert_false(o.debug || o.config_given || o.floor_given);
}

static void test_forms(void **state)
{
	(void)state;
	assert_int_equal(parse("-D", "-Hunix:///a", "--host=unix:///b"), 0);
	assert_true(o.debug);
	assert_int_equal(o.nhosts, 2);
	assert_string_equal(o.hosts[0], "unix:///a");
	assert_string_equal(o.hosts[1], "unix:///b");
	assert_int_equal(parse("--data-root", "/d", "--debug=false"), 0);
	assert_string_equal(o.data_root, "/d");
	assert_false(o.debug);
	assert_int_equal(parse("--label=a=b", "--registry-mirror", "https://m"), 0);
	assert_string_equal(o.labels, "a=b\n");
	assert_string_equal(o.registries, "mirror https://m\n");
}

static void refused(const char *a, const char *b, const char *message)
{
	assert_true(parse(a, b, NULL) < 0);
	assert_string_equal(e.msg, message);
}

static void test_refusals(void **state)
{
	(void)state;
	refused("--wat", NULL, "unknown flag \"--wat\"; see caissond --help");
	refused("run", NULL, "\"run\" is not a flag; see caissond --help");
	refused("-", NULL, "\"-\" is not a flag; see caissond --help");
	refused("--group", NULL, "--group needs a GROUP");
	refused("--bridge", "docker0",
		"--bridge \"docker0\" is not offered; the only value is \"none\"");
	refused("--debug=2", NULL, "--debug is true or false, not \"2\"");
	refused("-H", "fd://", "--host \"fd://\": give unix:///PATH or tcp://ADDRESS:PORT");
	refused("--data-root", "d",
		"--data-root \"d\": give an absolute path of at most 200 bytes");
	refused("-H", "tcp://127.0.0.1:2375",
		"tcp://127.0.0.1:2375 needs mutual TLS, it would hand out this machine otherwise: "
		"give --tlsverify --tlscacert FILE --tlscert FILE --tlskey FILE");
}

static void test_usage_names_every_flag(void **state)
{
	auto_buf struct buf out = BUF(65536);

	(void)state;
	options_usage(&out);
	assert_false(buf_bad(&out));
	assert_non_null(strstr(out.p, "-H, --host ADDRESS"));
	assert_non_null(strstr(out.p, "    --floor FILE"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_usage_names_every_flag),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
