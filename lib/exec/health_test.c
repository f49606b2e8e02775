/* Promise: Healthcheck is understood as docker does, State.Health follows docker's rules, and the
 * timers always give the earliest deadline. */
#include "exec/health-int.h"

#include "exec/heap-int.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static json_t *load(const char *text)
{
	json_t *j = json_loads(text, 0, NULL);

	assert_non_null(j);
	return j;
}

static void test_config(void **state)
{
	static const struct {
		const char *config, *command; /* NULL: no check */
	} t[] = {
		{ "{}", NULL },
		{ "{\"Healthcheck\":null}", NULL },
		{ "{\"Healthcheck\":{\"Test\":[]}}", NULL },
		{ "{\"Healthcheck\":{\"Test\":[\"NONE\"]}}", NULL },
		{ "{\"Healthcheck\":{\"Test\":[\"CMD\"]}}", NULL },
		{ "{\"Healthcheck\":{\"Test\":[\"CMD\",1]}}", NULL },
		{ "{\"Shell\":[{}],\"Healthcheck\":{\"Test\":[\"CMD\",\"a\"]}}", NULL },
		{ "{\"Healthcheck\":{\"Test\":[\"OTHER\",\"x\"]}}", NULL },
		{ "{\"Healthcheck\":{\"Test\":[\"CMD\",\"a\",\"b\"]}}", "[\"a\",\"b\"]" },
		{ "{\"Healthcheck\":{\"Test\":[\"CMD-SHELL\",\"a b\"]}}",
			"[\"/bin/sh\",\"-c\",\"a b\"]" },
		{ "{\"Shell\":[\"bash\",\"-xc\"],\"Healthcheck\":{\"Test\":[\"CMD-SHELL\",\"t\"]}}",
			"[\"bash\",\"-xc\",\"t\"]" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		auto_json json_t *config = load(t[i].config);
		auto_json json_t *cmd = NULL, *want = NULL;
		struct health_config hc;

		assert_int_equal(health_config_read(config, &hc), t[i].command != NULL);
		if (!t[i].command)
			continue;
		cmd = health_command(config, &hc);
		want = load(t[i].command);
		assert_true(json_equal(cmd, want));
		assert_int_equal(hc.interval_ns, 30 * NS_PER_SEC);
		assert_int_equal(hc.timeout_ns, 30 * NS_PER_SEC);
		assert_int_equal(hc.start_period_ns, 0);
		assert_int_equal(hc.start_interval_ns, 5 * NS_PER_SEC);
		assert_int_equal(hc.retries, 3);
	}
}

/* One letter a probe: 0 succeeds, 1 fails, s fails within the start period; after it the state. */
static void test_states(void **state)
{
	static const struct {
		const char *probes, *states, *changes;
		int streak;
	} t[] = {
		{ "0", "h", "c", 0 },
		{ "111", "ssu", "..c", 3 },
		{ "ss11", "ssss", "....", 2 },
		{ "ss111", "ssssu", "....c", 3 },
		{ "0111", "hhhu", "c..c", 3 },
		{ "0sss", "hhhu", "c..c", 3 }, /* once healthy, the start period is over */
		{ "11101", "ssuhh", "..cc.", 1 },
		{ "11110", "ssuuh", "..c.c", 0 },
	};
	struct health_config hc = { .retries = 3 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		auto_json json_t *h = health_starting(NULL);

		for (size_t j = 0; t[i].probes[j]; j++) {
			struct health_result r = { NS_PER_SEC, 2 * NS_PER_SEC,
				t[i].probes[j] != '0', STR("x") };
			bool changed;
			json_t *now = health_after(h, &hc, &r, t[i].probes[j] == 's', &changed);

			json_decref(h);
			h = now;
			assert_int_equal(health_status(h)[0], t[i].states[j]);
			assert_int_equal(changed, t[i].changes[j] == 'c');
		}
		assert_int_equal(
			json_integer_value(json_object_get(h, "FailingStreak")), t[i].streak);
	}
}

static void test_log(void **state)
{
	auto_json json_t *h = health_starting(NULL);
	struct health_config hc = { .retries = 3 };
	const json_t *log, *last;

	(void)state;
	assert_string_equal(health_status(h), "starting");
	assert_true(json_is_array(json_object_get(h, "Log")));
	for (int i = 0; i < 7; i++) {
		struct health_result r = { 1700000000 * NS_PER_SEC, 1700000001 * NS_PER_SEC, i,
			STR("a\xff\0b") };
		bool changed;
		json_t *now = health_after(h, &hc, &r, false, &changed);

		json_decref(h);
		h = now;
	}
	log = json_object_get(h, "Log");
	assert_int_equal(json_array_size(log), HEALTH_LOG_MAX);
	last = json_array_get(log, HEALTH_LOG_MAX - 1);
	assert_int_equal(json_integer_value(json_object_get(last, "ExitCode")), 6);
	assert_string_equal(
		json_string_value(json_object_get(last, "Start")), "2023-11-14T22:13:20Z");
	assert_int_equal(json_string_length(json_object_get(last, "Output")), 6);
	assert_memory_equal(
		json_string_value(json_object_get(last, "Output")), "a\xef\xbf\xbd\0b", 6);
}

static void test_interval(void **state)
{
	struct health_config hc = {
		.interval_ns = 30, .start_interval_ns = 2, .start_period_ns = 100
	};
	auto_json json_t *starting = health_starting(NULL);
	auto_json json_t *healthy = health_with_status(starting, "healthy");

	(void)state;
	assert_int_equal(health_interval(&hc, starting, 0), 2);
	assert_int_equal(health_interval(&hc, starting, 99), 2);
	assert_int_equal(health_interval(&hc, starting, 100), 30);
	assert_int_equal(health_interval(&hc, healthy, 0), 30);
}

static void test_duration(void **state)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} t[] = {
		{ 0, "0s" },
		{ 1, "1ns" },
		{ 1500, "1.5\xc2\xb5s" },
		{ 2000000, "2ms" },
		{ 1234567, "1.234567ms" },
		{ NS_PER_SEC, "1s" },
		{ 1500000000, "1.5s" },
		{ 1000000001, "1.000000001s" },
		{ 90 * NS_PER_SEC, "1m30s" },
		{ 60 * NS_PER_SEC, "1m0s" },
		{ 3600 * NS_PER_SEC, "1h0m0s" },
		{ 3661 * NS_PER_SEC + 500000000, "1h1m1.5s" },
	};
	char out[32];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(t); i++)
		assert_string_equal(health_duration(t[i].ns, out), t[i].text);
}

static void test_heap(void **state)
{
	enum { N = 200 };
	struct heap_item items[N] = { 0 };
	struct heap h = { 0 };
	uint32_t seed = 7;
	uint64_t last = 0;
	size_t left = N;

	(void)state;
	assert_null(heap_first(&h));
	for (int i = 0; i < N; i++)
		heap_set(&h, &items[i], (seed = seed * 1103515245 + 12345) >> 16);
	for (int i = 0; i < N; i += 3)
		heap_set(&h, &items[i], (seed = seed * 1103515245 + 12345) >> 16);
	for (int i = 0; i < N; i += 5, left--)
		heap_remove(&h, &items[i]);
	heap_remove(&h, &items[0]); /* twice is harmless */
	for (struct heap_item *first; (first = heap_first(&h)); left--) {
		assert_true(first->due >= last);
		last = first->due;
		heap_remove(&h, first);
	}
	assert_int_equal(left, 0);
	heap_done(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_config),
		cmocka_unit_test(test_states),
		cmocka_unit_test(test_log),
		cmocka_unit_test(test_interval),
		cmocka_unit_test(test_duration),
		cmocka_unit_test(test_heap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
