/* Promise: top, stats and logs show what docker shows, from whatever /proc and the log hold. */
#include "api/stream-int.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* ---- top ------------------------------------------------------------------------------------- */

static char *joined(json_t *list)
{
	struct buf b = BUF(4096);
	json_t *v;
	size_t i;

	json_array_foreach(list, i, v)(void)
		buf_fmt(&b, "%s%s", i ? "|" : "", json_string_value(v));
	json_decref(list);
	return buf_steal(&b);
}

static void test_top_args(void **state)
{
	static const struct {
		const char *args, *titles; /* NULL: refused */
	} t[] = {
		{ "", "UID|PID|PPID|C|STIME|TTY|TIME|CMD" },
		{ "-ef", "UID|PID|PPID|C|STIME|TTY|TIME|CMD" },
		{ "  -ef ", "UID|PID|PPID|C|STIME|TTY|TIME|CMD" },
		{ "-e -f", "UID|PID|PPID|C|STIME|TTY|TIME|CMD" },
		{ "aux", "USER|PID|%CPU|%MEM|VSZ|RSS|TTY|STAT|START|TIME|COMMAND" },
		{ "-aux", NULL }, /* for ps: of the user named x */
		{ "-A", "PID|TTY|TIME|CMD" },
		{ "-o pid,cmd", "PID|CMD" },
		{ "-opid,cmd", "PID|CMD" },
		{ "-eo pid -o rss,comm", "PID|RSS|COMMAND" },
		{ "o pid", "PID" },
		{ "-o pid=Process,x", "Process,x" },
		{ "-o pid= -o pcpu", "|%CPU" },
		{ "-o uid,user,ppid,args,etime,time,stat,vsz,pmem,nlwp,tty",
			"UID|USER|PPID|COMMAND|ELAPSED|TIME|STAT|VSZ|%MEM|NLWP|TT" },
		{ "-o nonsense", NULL },
		{ "-o", NULL },
		{ "-o pid,,cmd", NULL },
		{ "--forest", NULL },
		{ "-p 1", NULL },
		{ "-o pid=0123456789012345678901234567890123456789", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		auto_free char *titles = NULL;
		struct top_format f;
		struct err e = { 0 };
		int r = top_args_parse(str_of(t[i].args), &f, &e);

		assert_int_equal(r < 0, t[i].titles == NULL);
		if (r < 0) {
			assert_int_equal(e.kind, ERR_INVALID);
			continue;
		}
		titles = joined(top_titles(&f));
		assert_string_equal(titles, t[i].titles);
	}
}

#define STAT                                                                                       \
	"42 (a) b) S 7 42 42 34817 42 4194560 1 2 3 4 1500 500 0 0 20 0 3 0 %s 8192000 25 "        \
	"18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0\n"

static void test_top_row(void **state)
{
	const struct top_host h = { 100, 4096, 1024000, 1700000000, 1700000000 + 90061 };
	struct top_process p = { .pid = 42, .uid = 1073741824 };
	auto_free char *row = NULL;
	auto_buf struct buf stat = BUF(4096);
	struct top_format f;

	(void)state;
	(void)buf_fmt(&stat, STAT, "0");
	assert_true(top_stat_parse(buf_view(&stat), &p));
	assert_true(str_eq(p.comm, STR("a) b")));
	p.cmdline = STR("sh -c \xff");
	assert_int_equal(
		top_args_parse(STR("-o pid,ppid,uid,comm,args,etime,time,bsdtime,stat,vsz,rss,pmem,"
				   "pcpu,nlwp,tty,c,s"),
			&f, NULL),
		0);
	row = joined(top_row(&f, &p, &h));
	assert_string_equal(row, "42|7|1073741824|a) b|sh -c \xef\xbf\xbd|1-01:01:01|00:00:20|0:20|"
				 "Ssl+|8000|100|10.0|0.0|3|pts/1|0|S");
}

static void test_top_bad_stat(void **state)
{
	static const char *const bad[] = { "", "1", "1 (x", "1 (x)", "1 (x) S", "1 )x( S 1 1",
		"1 (x) S 1 2 3", "1 (x) S a b c d e f g h i j k l m n o p q r s t u v w x" };
	struct top_process p;
	uint32_t uid;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(top_stat_parse(str_of(bad[i]), &p));
	assert_true(top_uid_parse(STR("Name:\tx\nUid:\t1\t2\t3\t4\nGid:\t5\n"), &uid));
	assert_int_equal(uid, 2);
	assert_false(top_uid_parse(STR("Name:\tUid:\t1\n"), &uid));
	assert_false(top_uid_parse(STR("Uid:\t1"), &uid));
}

/* ---- stats ----------------------------------------------------------------------------------- */

static void test_host(void **state)
{
	struct host_cpu cpu;
	struct host_net net;
	struct str
		dev = STR("Inter-| Receive\n face |bytes\n    lo: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 "
			  "15 16\n  eth0:100 2 3 4 0 0 0 0 200 6 7 8 0 0 0 0\nbad: 1 2\n"),
		name;

	(void)state;
	host_cpu_parse(STR("cpu  1 2 3 4 5 6 7 8 9 10\ncpu0 1 2\ncpu1 1 2\nintr 5\nbtime 77\n"),
		100, &cpu);
	assert_int_equal(cpu.total_ns, 28 * 10000000ull);
	assert_int_equal(cpu.online, 2);
	assert_int_equal(cpu.boot_s, 77);
	assert_int_equal(host_memory_parse(STR("X: 1\nMemTotal:   2048 kB\n")), 2097152);
	assert_int_equal(host_memory_parse(STR("MemTotal: x\n")), 0);
	assert_true(host_net_next(&dev, &name, &net));
	assert_true(str_eq(name, STR("lo")));
	assert_true(host_net_next(&dev, &name, &net));
	assert_true(str_eq(name, STR("eth0")));
	assert_int_equal(net.rx_bytes, 100);
	assert_int_equal(net.tx_dropped, 8);
	assert_false(host_net_next(&dev, &name, &net));
}

static json_int_t at(const json_t *o, const char *path)
{
	struct str left = str_of(path);

	while (left.p) {
		struct str key = str_cut(&left, '.');

		o = json_object_getn(o, key.p, key.n);
	}
	return json_is_integer(o) ? json_integer_value(o) : -1;
}

static void test_stats_running(void **state)
{
	struct stats_sample now = { .read_ns = 1700000000 * NS_PER_SEC,
		.cg = { .cpu_total_ns = 9,
			.memory_bytes = 5,
			.memory_limit_bytes = INT64_MAX,
			.memory_inactive_file = 3,
			.pids = 2,
			.pids_limit = UINT64_MAX,
			.blk_read_bytes = 7 },
		.host = { .total_ns = 1000, .online = 2 } };
	struct stats_sample before = { .read_ns = 1699999999 * NS_PER_SEC,
		.cg = { .cpu_total_ns = 4 },
		.host = { .total_ns = 500, .online = 2 } };

	(void)state;
	for (int v2 = 0; v2 < 2; v2++) {
		auto_json json_t *o = stats_document("n", "i", &now, &before, v2, 4096);

		assert_string_equal(json_string_value(json_object_get(o, "name")), "/n");
		assert_string_equal(
			json_string_value(json_object_get(o, "read")), "2023-11-14T22:13:20Z");
		assert_int_equal(at(o, "cpu_stats.cpu_usage.total_usage"), 9);
		assert_int_equal(at(o, "precpu_stats.cpu_usage.total_usage"), 4);
		assert_int_equal(at(o, "cpu_stats.system_cpu_usage"), 1000);
		assert_int_equal(at(o, "cpu_stats.online_cpus"), 2);
		assert_int_equal(at(o, "cpu_stats.throttling_data.periods"), 0);
		assert_int_equal(at(o, "memory_stats.usage"), 5);
		assert_int_equal(at(o, "memory_stats.limit"), 4096);
		assert_int_equal(at(o, "memory_stats.stats.inactive_file"), 3);
		assert_int_equal(at(o, "memory_stats.stats.total_inactive_file"), v2 ? -1 : 3);
		assert_int_equal(at(o, "memory_stats.max_usage"), v2 ? -1 : 0);
		assert_int_equal(at(o, "pids_stats.current"), 2);
		assert_int_equal(at(o, "pids_stats.limit"), -1);
		assert_int_equal(json_array_size(json_object_get(json_object_get(o, "blkio_stats"),
					 "io_service_bytes_recursive")),
			2);
	}
}

static void test_stats_stopped(void **state)
{
	struct stats_sample none = { 0 };
	auto_json json_t *o = stats_document("n", "i", &none, &none, false, 4096);
	auto_free char *text = json_text(o);

	(void)state;
	assert_string_equal(text,
		"{\"name\":\"/n\",\"id\":\"i\",\"read\":\"0001-01-01T00:00:00Z\","
		"\"preread\":\"0001-01-01T00:00:00Z\",\"pids_stats\":{},"
		"\"blkio_stats\":{\"io_service_bytes_recursive\":null,"
		"\"io_serviced_recursive\":null,\"io_queue_recursive\":null,"
		"\"io_service_time_recursive\":null,\"io_wait_time_recursive\":null,"
		"\"io_merged_recursive\":null,\"io_time_recursive\":null,"
		"\"sectors_recursive\":null},\"num_procs\":0,\"storage_stats\":{},"
		"\"cpu_stats\":{\"cpu_usage\":{\"total_usage\":0,\"usage_in_kernelmode\":0,"
		"\"usage_in_usermode\":0},\"throttling_data\":{\"periods\":0,"
		"\"throttled_periods\":0,\"throttled_time\":0}},"
		"\"precpu_stats\":{\"cpu_usage\":{\"total_usage\":0,\"usage_in_kernelmode\":0,"
		"\"usage_in_usermode\":0},\"throttling_data\":{\"periods\":0,"
		"\"throttled_periods\":0,\"throttled_time\":0}},\"memory_stats\":{}}");
}

/* ---- logs ------------------------------------------------------------------------------------ */

static struct buf sent;
static unsigned writes;

static int collect(struct http_exchange *x, const void *p, size_t n)
{
	(void)x;
	writes++;
	return buf_add(&sent, p, n);
}

static void emit(struct log_sender *s, uint8_t stream, uint8_t flags, const char *text)
{
	struct log_head h = { .stream = stream,
		.flags = flags,
		.time_ns = 1700000000 * NS_PER_SEC + 5,
		.size = (uint32_t)strlen(text) };

	assert_int_equal(log_sender_emit(s, &h, str_of(text)), 0);
}

static void test_log_lines(void **state)
{
	static const struct {
		bool framed, timestamps;
		const char *details;
		const char *want;
		size_t n;
	} t[] = {
		{ false, false, NULL, "one\ntwothree\nerr\n", 17 },
		{ true, false, NULL,
			"\1\0\0\0\0\0\0\4one\n\1\0\0\0\0\0\0\3two\1\0\0\0\0\0\0\6three\n"
			"\2\0\0\0\0\0\0\4err\n",
			17 + 32 },
		{ false, true, "a=b",
			"2023-11-14T22:13:20.000000005Z a=b one\n"
			"2023-11-14T22:13:20.000000005Z a=b twothree\n"
			"2023-11-14T22:13:20.000000005Z a=b err\n",
			17 + 3 * 35 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		struct log_sender s = { .framed = t[i].framed,
			.timestamps = t[i].timestamps,
			.details = t[i].details,
			.write = collect,
			.b = BUF(1 << 20) };

		sent = BUF(1 << 20);
		writes = 0;
		emit(&s, LOG_STDOUT, 0, "one\n");
		emit(&s, LOG_EXIT, 0, "");
		emit(&s, LOG_STDOUT, LOG_PARTIAL, "two");
		emit(&s, LOG_STDOUT, 0, "three\n");
		emit(&s, LOG_STDERR, 0, "err\n");
		assert_int_equal(writes, 0); /* in one batch */
		assert_int_equal(log_sender_flush(&s), 0);
		assert_int_equal(writes, 1);
		assert_int_equal(sent.n, t[i].n);
		assert_memory_equal(sent.p, t[i].want, t[i].n);
		buf_done(&s.b);
		buf_done(&sent);
	}
}

static void test_log_batches(void **state)
{
	struct log_sender s = { .write = collect, .b = BUF(1 << 20) };

	(void)state;
	sent = BUF(1 << 22);
	writes = 0;
	for (int i = 0; i < 100000; i++)
		emit(&s, LOG_STDOUT, 0, "0123456789\n");
	assert_int_equal(log_sender_flush(&s), 0);
	assert_int_equal(sent.n, 1100000);
	assert_true(writes <= 1100000 / LOG_SEND_BATCH + 1);
	buf_done(&s.b);
	buf_done(&sent);
}

static void test_log_details(void **state)
{
	static const struct {
		const char *config, *host, *want;
	} t[] = {
		{ "{}", "{}", "" },
		{ "{\"Labels\":{\"b\":\"2\",\"a\":\"x y\",\"c\":\"3\"}}",
			"{\"LogConfig\":{\"Config\":{\"labels\":\"a, b,zz\"}}}", "a=x+y,b=2" },
		{ "{\"Env\":[\"E=1=2\",\"F\"],\"Labels\":{\"k/k\":\"\\u00e9\"}}",
			"{\"LogConfig\":{\"Config\":{\"labels\":\"k/k\",\"env\":\"E,F\"}}}",
			"E=1%3D2,F=,k%2Fk=%C3%A9" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		auto_json json_t *config = json_loads(t[i].config, 0, NULL);
		auto_json json_t *host = json_loads(t[i].host, 0, NULL);
		auto_free char *got = log_details(config, host);

		assert_string_equal(got, t[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_top_args),
		cmocka_unit_test(test_top_row),
		cmocka_unit_test(test_top_bad_stat),
		cmocka_unit_test(test_host),
		cmocka_unit_test(test_stats_running),
		cmocka_unit_test(test_stats_stopped),
		cmocka_unit_test(test_log_lines),
		cmocka_unit_test(test_log_batches),
		cmocka_unit_test(test_log_details),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
