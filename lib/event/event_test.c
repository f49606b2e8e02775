#include "event/event.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/socket.h>

#include <cmocka.h>

static int collect(void *arg, struct str line)
{
	return buf_str(arg, line);
}

/* Everything that matches {"key":["value"]} (or all), told by replay. */
static unsigned count(struct event_log *l, uint32_t owner, const char *key, const char *value)
{
	auto_json json_t *filters = key ? json_pack("{s:[s]}", key, value) : NULL;
	struct event_query q = {
		.since_ns = 1, .until_ns = clock_wall_ns() - 1, .filters = filters, .owner = owner
	};
	auto_buf struct buf b = BUF(64u << 20);
	unsigned n = 0;

	assert_int_equal(event_follow(l, &q, collect, &b, -1), 0);
	for (size_t i = 0; i < b.n; i++)
		n += b.p[i] == '\n';
	return n;
}

static void documents(void **state)
{
	struct event_log *l = event_log_new();
	struct event_query q = { .since_ns = 1, .owner = UINT32_MAX };
	auto_buf struct buf b = BUF(1 << 20);
	auto_json json_t *j = NULL;
	int64_t time, nano;
	char *cut;

	(void)state;
	event_publish(l, 0, "container", "die", "abc", "busybox", "name", "n\"1", "exitCode", "7",
		"gone", NULL, NULL);
	q.until_ns = clock_wall_ns();
	assert_int_equal(event_follow(l, &q, collect, &b, -1), 0);
	assert_int_equal(json_parse(buf_view(&b), &j, NULL), 0);
	json_get_i64(j, "time", 0, &time, NULL);
	json_get_i64(j, "timeNano", 0, &nano, NULL);
	assert_int_equal(time, nano / (int64_t)NS_PER_SEC);
	cut = strstr(b.p, ",\"time\":");
	*cut = '\0';
	assert_string_equal(b.p,
		"{\"status\":\"die\",\"id\":\"abc\",\"from\":\"busybox\",\"Type\":\"container\","
		"\"Action\":\"die\",\"Actor\":{\"ID\":\"abc\",\"Attributes\":{\"exitCode\":\"7\","
		"\"name\":\"n\\\"1\"}},\"scope\":\"local\"");
	buf_clear(&b);
	event_publish(l, 0, "network", "create", "net", NULL, NULL);
	q.since_ns = (uint64_t)nano + 1;
	q.until_ns = clock_wall_ns();
	assert_int_equal(event_follow(l, &q, collect, &b, -1), 0);
	assert_true(str_starts(buf_view(&b), STR("{\"Type\":\"network\",\"Action\":\"create\","
						 "\"Actor\":{\"ID\":\"net\",\"Attributes\":{}}")));
	event_log_free(l);
}

static void filters(void **state)
{
	static const struct {
		const char *key, *value;
		unsigned want;
	} t[] = {
		{ "type", "container", 3 },
		{ "type", "contain", 0 },
		{ "event", "start", 1 },
		{ "event", "exec_create", 1 },
		{ "event", "exec_create: ls", 1 },
		{ "event", "exec", 0 },
		{ "container", "abc", 2 },
		{ "container", "ab", 2 },
		{ "container", "we", 2 },
		{ "image", "busybox", 3 },
		{ "image", "busybox:1", 3 },
		{ "image", "busy", 0 },
		{ "label", "tier", 2 },
		{ "label", "tier=front", 1 },
		{ "label", "tier=fron", 0 },
		{ "scope", "local", 4 },
		{ "scope", "swarm", 0 },
	};
	struct event_log *l = event_log_new();

	(void)state;
	event_publish(l, 0, "container", "start", "abc1", "busybox:1", "name", "web", "image",
		"busybox:1", "tier", "front", NULL);
	event_publish(l, 0, "container", "exec_create: ls", "abc1", "busybox:1", "name", "web",
		"image", "busybox:1", "tier", "", NULL);
	event_publish(l, 1000, "container", "start2", "def", "debian", "name", "db", NULL);
	event_publish(l, 0, "image", "tag", "sha256:11", NULL, "name", "busybox:1", NULL);
	for (size_t i = 0; i < ARRAY_SIZE(t); i++)
		if (count(l, UINT32_MAX, t[i].key, t[i].value) != t[i].want)
			fail_msg("%s=%s", t[i].key, t[i].value);
	assert_int_equal(count(l, UINT32_MAX, NULL, NULL), 4);
	assert_int_equal(count(l, 1000, NULL, NULL), 1);
	assert_int_equal(count(l, 0, NULL, NULL), 3);
	event_log_free(l);
}

static void the_ring_forgets_the_oldest(void **state)
{
	struct event_log *l = event_log_new();

	(void)state;
	for (int i = 0; i < EVENT_RING + 10; i++)
		event_publish(l, 0, "volume", i < 10 ? "old" : "new", "v", NULL, NULL);
	assert_int_equal(count(l, UINT32_MAX, NULL, NULL), EVENT_RING);
	assert_int_equal(count(l, UINT32_MAX, "event", "old"), 0);
	event_log_free(l);
}

struct live {
	struct event_log *l;
	int cancel, out;
	int result;
};

static int to_pipe(void *arg, struct str line)
{
	return fd_write_all(((struct live *)arg)->out, line.p, line.n);
}

static void *follow_main(void *arg)
{
	struct live *v = arg;
	struct event_query q = { .owner = UINT32_MAX };

	/* Says that it runs, so that the test need not guess. */
	event_publish(v->l, 0, "daemon", "before", "d", NULL, NULL);
	v->result = event_follow(v->l, &q, to_pipe, v, v->cancel);
	fd_close(v->out);
	return NULL;
}

static void following(void **state)
{
	struct live v = { .l = event_log_new() };
	int cancel[2], out[2];
	char p[4096] = "";
	pthread_t t;
	ssize_t n;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, cancel), 0);
	assert_int_equal(pipe(out), 0);
	v.cancel = cancel[0];
	v.out = out[1];
	pthread_create(&t, NULL, follow_main, &v);
	/* Published until the follower is there to see one; what was before it is not told. */
	assert_int_equal(fd_nonblock(out[0], true), 0);
	while ((n = fd_read(out[0], p, sizeof(p) - 1)) == -EAGAIN)
		event_publish(v.l, 0, "daemon", "now", "d", NULL, NULL);
	assert_true(n > 0);
	assert_non_null(strstr(p, "\"Action\":\"now\""));
	assert_null(strstr(p, "\"Action\":\"before\""));
	fd_close(cancel[1]);
	/* Events are still on their way, maybe more than the pipe holds. */
	assert_int_equal(fd_nonblock(out[0], false), 0);
	while (fd_read(out[0], p, sizeof(p)) > 0)
		;
	pthread_join(t, NULL);
	assert_int_equal(v.result, 0);
	fd_close(cancel[0]);
	fd_close(out[0]);
	event_log_free(v.l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(documents),
		cmocka_unit_test(filters),
		cmocka_unit_test(the_ring_forgets_the_oldest),
		cmocka_unit_test(following),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
