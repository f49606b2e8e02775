#include "config/config.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void refused(void **state)
{
	static const char *const t[][2] = {
		{ "{\"debug\":true,\"x\":1,\"y\":2}",
			"the following directives don't match any configuration option: x, y" },
		{ "{\"\":1}", "the following directives don't match any configuration option: " },
		{ "[]", "daemon.json must be an object" },
		{ "{", "daemon.json: invalid JSON: " },
		{ "{\"debug\":1}", "daemon.json: \"debug\" must be true or false" },
		{ "{\"labels\":\"a\"}", "daemon.json: \"labels\" must be an array of strings" },
		{ "{\"log-opts\":{\"max-size\":1}}",
			"daemon.json: \"log-opts\" must be an object of strings" },
		{ "{\"log-driver\":\"syslog\"}",
			"daemon.json: \"log-driver\" must be one of: json-file local none " },
		{ "{\"log-driver\":\"\"}", "daemon.json: \"log-driver\" must be one of:" },
		{ "{\"live-restore\":false}", "daemon.json: \"live-restore\" must be true" },
		{ "{\"default-shm-size\":\"x\"}", "daemon.json: \"default-shm-size\" must be" },
		{ "{\"default-ulimits\":{\"nofile\":{\"Soft\":1}}}",
			"daemon.json: \"default-ulimits\" must be" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		struct config c;
		struct err e = { 0 };

		assert_true(config_parse(str_of(t[i][0]), &c, &e) < 0);
		if (!str_starts(str_of(e.msg), str_of(t[i][1])))
			fail_msg("%s gave %s", t[i][0], e.msg);
	}
}

static void from_the_command_line(void **state)
{
	struct config c;
	struct err e;

	(void)state;
	assert_int_equal(config_parse(STR("{\"labels\":[\"a=1\"]}"), &c, &e), 0);
	assert_int_equal(
		config_add_boot(&c, "b=2\n", "insecure h:5000\nmirror https://m\n", &e), 0);
	assert_int_equal(json_array_size(c.labels), 2);
	assert_string_equal(json_string_value(json_array_get(c.insecure_registries, 0)), "h:5000");
	assert_string_equal(json_string_value(json_array_get(c.registry_mirrors, 0)), "https://m");
	assert_true(config_add_boot(&c, "", "what x\n", &e) < 0);
	config_done(&c);
}

static void check_apply(const char *config, const char *body, const char *want)
{
	auto_json json_t *b = json_loads(body, 0, NULL), *w = json_loads(want, 0, NULL);
	struct config c;
	struct err e;

	assert_int_equal(config_parse(str_of(config), &c, &e), 0);
	config_apply_create(&c, b);
	if (!json_equal(b, w)) {
		auto_free char *text = json_text(b);

		fail_msg("%s", text);
	}
	config_done(&c);
}

static void defaults_of_containers(void **state)
{
	static const char all[] =
		"{\"log-opts\":{\"max-size\":\"1m\",\"max-file\":\"2\"},\"init\":true,"
		"\"no-new-privileges\":false,\"default-shm-size\":\"1m\",\"default-ulimits\":"
		"{\"nofile\":{\"Name\":\"nofile\",\"Soft\":5,\"Hard\":6}}}";

	(void)state;
	check_apply("", "{}", "{\"HostConfig\":{}}");
	check_apply(all, "{}",
		"{\"HostConfig\":{\"LogConfig\":{\"Type\":\"json-file\",\"Config\":{\"max-size\":"
		"\"1m\",\"max-file\":\"2\"}},\"Ulimits\":[{\"Name\":\"nofile\",\"Soft\":5,\"Hard\":6}],"
		"\"SecurityOpt\":[\"no-new-privileges=false\"],\"ShmSize\":1048576,"
		"\"Init\":true}}");
	check_apply(all,
		"{\"HostConfig\":{\"LogConfig\":{\"Type\":\"none\",\"Config\":{}},\"Ulimits\":[{"
		"\"Name\":\"nofile\",\"Soft\":1,\"Hard\":1}],\"SecurityOpt\":["
		"\"no-new-privileges\"],\"ShmSize\":7,\"Init\":false}}",
		"{\"HostConfig\":{\"LogConfig\":{\"Type\":\"none\",\"Config\":{}},\"Ulimits\":[{"
		"\"Name\":\"nofile\",\"Soft\":1,\"Hard\":1}],\"SecurityOpt\":["
		"\"no-new-privileges\"],\"ShmSize\":7,\"Init\":false}}");
	check_apply("{\"log-opts\":{\"max-size\":\"1m\"}}",
		"{\"HostConfig\":{\"LogConfig\":{\"Type\":\"\",\"Config\":{\"max-size\":\"9m\"}}}}",
		"{\"HostConfig\":{\"LogConfig\":{\"Type\":\"json-file\",\"Config\":{\"max-size\":"
		"\"9m\"}}}}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refused),
		cmocka_unit_test(from_the_command_line),
		cmocka_unit_test(defaults_of_containers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
