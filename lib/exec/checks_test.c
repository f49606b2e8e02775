/*
 * Promise: health checks follow their schedule; their codes and output, timeouts and pauses make
 * the status, and its changes are events.
 */
#include "exec/guardian_test.h"

#define CHECK(cmd, timeout)                                                                        \
	"{\"Env\":[\"PATH=/usr/bin:/bin\"],\"Healthcheck\":{\"Test\":[\"CMD-SHELL\",\"" cmd        \
	"\"],\"Interval\":10000000,\"Timeout\":" timeout ",\"Retries\":2}}"

/* Until State.Health says so; the last entry of its log. */
static json_t *await_health(struct container *c, const char *status, size_t entries)
{
	json_t *last;

	pthread_mutex_lock(&c->lock);
	while (!c->health ||
		!streq(json_string_value(json_object_get(c->health, "Status")), status) ||
		json_array_size(json_object_get(c->health, "Log")) < entries)
		pthread_cond_wait(&c->changed, &c->lock);
	last = json_incref(
		json_array_get(json_object_get(c->health, "Log"), entries ? entries - 1 : 0));
	pthread_mutex_unlock(&c->lock);
	return last;
}

static void change(struct container *c, enum container_status to)
{
	enum container_status was;

	pthread_mutex_lock(&c->lock);
	was = c->status;
	c->status = to;
	pthread_mutex_unlock(&c->lock);
	exec_health_on_change(T.execs, c, was);
}

static void check_health(
	const char *config, const char *status, size_t entries, int code, const char *output)
{
	struct container *c = container(config);
	auto_json json_t *last = NULL;

	c->status = CONTAINER_CREATED;
	change(c, CONTAINER_RUNNING);
	last = await_health(c, status, entries);
	assert_int_equal(json_integer_value(json_object_get(last, "ExitCode")), code);
	assert_string_equal(json_string_value(json_object_get(last, "Output")), output);
	change(c, CONTAINER_EXITED);
	json_decref(await_health(c, "unhealthy", 0));
}

static void test_healthy(void **state)
{
	(void)state;
	check_health(CHECK("echo fine", "0"), "healthy", 1, 0, "fine\n");
}

static void test_unhealthy(void **state)
{
	(void)state;
	check_health(CHECK("echo bad >&2; exit 3", "0"), "unhealthy", 2, 3, "bad\n");
}

static void test_health_timeout(void **state)
{
	(void)state;
	check_health(CHECK("echo so far; exec sleep 1000", "300000000"), "unhealthy", 2, -1,
		"Health check exceeded timeout (300ms): so far\n");
}

static void test_health_output(void **state)
{
	struct container *c = container(CHECK("head -c 5000 /dev/zero | tr '\\\\0' x", "0"));
	auto_json json_t *last = NULL;
	const char *out;

	(void)state;
	change(c, CONTAINER_RUNNING);
	last = await_health(c, "healthy", 1);
	out = json_string_value(json_object_get(last, "Output"));
	assert_int_equal(strlen(out), 4096 + 3);
	assert_string_equal(out + 4094, "xx...");
	change(c, CONTAINER_EXITED);
}

/* Pausing ends the checks, unpausing takes them up without starting over. */
static void test_health_pause(void **state)
{
	struct container *c = container(CHECK("true", "0"));

	(void)state;
	change(c, CONTAINER_RUNNING);
	json_decref(await_health(c, "healthy", 1));
	change(c, CONTAINER_PAUSED);
	json_decref(await_health(c, "unhealthy", 1));
	change(c, CONTAINER_RUNNING);
	json_decref(await_health(c, "healthy", 2));
	change(c, CONTAINER_REMOVING);
}

static int is_wanted(void *arg, struct str line)
{
	const struct str *want = arg;

	return memmem(line.p, line.n, want->p, want->n) ? -ECANCELED : 0;
}

/* Returns when there has been such an event; it is published after the status has changed. */
static void await_event(struct str want)
{
	struct event_query q = { .since_ns = 1, .owner = UINT32_MAX };

	assert_int_equal(event_follow(T.events, &q, is_wanted, &want, -1), -ECANCELED);
}

static void test_health_events(void **state)
{
	(void)state;
	check_health(CHECK("echo fine", "0"), "healthy", 1, 0, "fine\n");
	await_event(STR("\"Action\":\"health_status: healthy\""));
	check_health(CHECK("exit 3", "0"), "unhealthy", 2, 3, "");
	await_event(STR("\"Action\":\"health_status: unhealthy\""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_healthy),
		cmocka_unit_test(test_unhealthy),
		cmocka_unit_test(test_health_timeout),
		cmocka_unit_test(test_health_output),
		cmocka_unit_test(test_health_pause),
		cmocka_unit_test(test_health_events),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
