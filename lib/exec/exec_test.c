/*
 * Promise: an exec runs once with the streams it asked for, its exit code is there when its stream
 * has ended, and who leaves does not stop it.
 */
#include "exec/guardian_test.h"

#define CONFIG                                                                                     \
	"{\"Hostname\":\"h\",\"Env\":[\"A=1\",\"PATH=/usr/bin:/bin\"],\"WorkingDir\":\"/tmp\"}"

static struct exec *make(struct container *c, const char *body)
{
	auto_json json_t *j = json_loads(body, 0, NULL);
	struct exec *x = NULL;
	struct err e = { 0 };

	assert_non_null(j);
	if (exec_create(T.execs, c, j, &x, &e) < 0)
		fail_msg("%s", e.msg);
	return x;
}

static void refused(struct container *c, const char *body, int kind, const char *msg)
{
	auto_json json_t *j = json_loads(body, 0, NULL);
	struct exec *x = NULL;
	struct err e = { 0 };

	assert_true(exec_create(T.execs, c, j, &x, &e) < 0);
	assert_int_equal(e.kind, kind);
	assert_string_equal(e.msg, msg);
}

/* All that comes from fd, waiting. */
static char *drain(int fd)
{
	struct buf b = BUF(64 << 20);
	char chunk[65536];
	ssize_t n;

	(void)fd_nonblock(fd, false);
	while ((n = fd_read(fd, chunk, sizeof(chunk))) > 0)
		assert_int_equal(buf_add(&b, chunk, (size_t)n), 0);
	fd_close(fd);
	return buf_steal(&b);
}

static json_int_t number(struct exec *x, const char *key)
{
	auto_json json_t *o = exec_inspect(x);
	const json_t *v = json_object_get(o, key);

	return json_is_integer(v) ? json_integer_value(v) : -1;
}

static void start(struct exec *x, struct exec_io *io)
{
	struct exec_start o = { .client = 1, .attach = true };
	struct err e = { 0 };

	if (exec_start(x, &o, io, &e) < 0)
		fail_msg("%s", e.msg);
}

static void test_create(void **state)
{
	struct container *c = container(CONFIG);

	(void)state;
	refused(c, "{}", ERR_INVALID, "No exec command specified");
	refused(c, "{\"Cmd\":[]}", ERR_INVALID, "No exec command specified");
	refused(c, "{\"Cmd\":[\"x\"],\"DetachKeys\":\"ctrl-!\"}", ERR_INVALID,
		"Invalid escape keys (ctrl-!) provided");
	refused(c, "{\"Cmd\":[\"x\"],\"Tty\":1}", ERR_INVALID,
		"invalid JSON: member \"Tty\" must be true or false");
	c->status = CONTAINER_EXITED;
	auto_free char *text = xasprintf("container %s is not running", c->hex);
	refused(c, "{\"Cmd\":[\"x\"]}", ERR_CONFLICT, text);
	c->status = CONTAINER_PAUSED;
	mem_replace(&text,
		xasprintf("container %s is paused, unpause the container before exec", c->hex));
	refused(c, "{\"Cmd\":[\"x\"]}", ERR_CONFLICT, text);
}

static void test_find(void **state)
{
	struct http_peer owner = { .cls = KEEPER_CLASS_MEMBER, .uid = 1000 };
	struct http_peer other = { .cls = KEEPER_CLASS_MEMBER, .uid = 1001 };
	auto_exec struct exec *x = make(container(CONFIG), "{\"Cmd\":[\"true\"]}");
	auto_exec struct exec *again = NULL, *mine = NULL, *theirs = NULL;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(exec_find(T.execs, &root, exec_id(x), &again, &e), 0);
	assert_ptr_equal(again, x);
	assert_int_equal(exec_find(T.execs, &owner, exec_id(x), &mine, &e), 0);
	assert_true(exec_find(T.execs, &other, exec_id(x), &theirs, &e) < 0);
	assert_int_equal(e.kind, ERR_NOT_FOUND);
	assert_true(exec_find(T.execs, &root, "abc", &theirs, &e) < 0);
	assert_string_equal(e.msg, "No such exec instance: abc");
}

static void test_inspect(void **state)
{
	struct container *c = container(CONFIG);
	auto_exec struct exec *x = make(c, "{\"Cmd\":[\"sh\",\"-c\",\"x\"],\"AttachStdin\":true,"
					   "\"DetachKeys\":\"a,b,c,d\",\"User\":\"u\"}");
	auto_json json_t *o = exec_inspect(x);
	auto_free char *got = NULL, *want = NULL;

	(void)state;
	got = json_text(o);
	want = xasprintf("{\"ID\":\"%s\",\"Running\":false,\"ExitCode\":null,\"ProcessConfig\":"
			 "{\"tty\":false,\"entrypoint\":\"sh\",\"arguments\":[\"-c\",\"x\"],"
			 "\"privileged\":false,\"user\":\"u\"},\"OpenStdin\":true,"
			 "\"OpenStderr\":false,\"OpenStdout\":false,\"CanRemove\":false,"
			 "\"ContainerID\":\"%s\",\"DetachKeys\":\"YWJjZA==\",\"Pid\":0}",
		exec_id(x), c->hex);
	assert_string_equal(got, want);
	assert_int_equal(json_array_size(c->exec_ids), 1);
}

static void test_env(void **state)
{
	auto_exec struct exec *x = make(container(CONFIG),
		"{\"Cmd\":[\"env\"],\"AttachStdout\":true,\"Tty\":false,"
		"\"Env\":[\"B=2\",\"A=3\",\"HOSTNAME\"]}");
	auto_free char *out = NULL;
	struct exec_io io;

	(void)state;
	start(x, &io);
	out = drain(io.out[0]);
	exec_finish(x, false);
	assert_string_equal(out, "PATH=/usr/bin:/bin\nA=3\nB=2\n");
	assert_true(io.in < 0 && io.out[1] < 0);
}

static void test_exit_code(void **state)
{
	struct container *c = container(CONFIG);
	auto_exec struct exec *x = make(c,
		"{\"Cmd\":[\"sh\",\"-c\",\"echo o; echo e >&2; exit 7\"],"
		"\"AttachStdout\":true,\"AttachStderr\":true}");
	struct exec_start again = { .attach = false };
	auto_free char *out = NULL, *err = NULL, *text = NULL;
	struct err e = { 0 };
	struct exec_io io;

	(void)state;
	start(x, &io);
	assert_int_equal(io.frame[0], 1);
	assert_int_equal(io.frame[1], 2);
	out = drain(io.out[0]);
	err = drain(io.out[1]);
	exec_finish(x, false);
	assert_string_equal(out, "o\n");
	assert_string_equal(err, "e\n");
	assert_int_equal(number(x, "ExitCode"), 7);
	assert_int_equal(json_array_size(c->exec_ids), 0);
	assert_true(exec_start(x, &again, NULL, &e) < 0);
	text = xasprintf("exec command %s has already run", exec_id(x));
	assert_string_equal(e.msg, text);
	assert_int_equal(e.kind, ERR_CONFLICT);
}

static void cannot_run(const char *body, const char *why, int code)
{
	auto_exec struct exec *x = make(container(CONFIG), body);
	struct exec_start o = { .attach = true };
	auto_free char *text = NULL;
	struct exec_io io;
	struct err e = { 0 };

	assert_true(exec_start(x, &o, &io, &e) < 0);
	text = xasprintf("OCI runtime exec failed: exec failed: unable to start container process: "
			 "%s: unknown",
		why);
	assert_string_equal(e.msg, text);
	assert_int_equal(number(x, "ExitCode"), code);
	assert_false(x->relayed); /* or it would never be forgotten */
}

static void test_not_found(void **state)
{
	(void)state;
	cannot_run(
		"{\"Cmd\":[\"nope\"]}", "exec: \"nope\": executable file not found in $PATH", 127);
	cannot_run("{\"Cmd\":[\"/etc\"]}", "exec: \"/etc\": is a directory", 126);
}

static void test_refused_by_keeper(void **state)
{
	auto_exec struct exec *x = make(container(CONFIG), "{\"Cmd\":[\"true\"]}");
	struct exec_start o = { .attach = true };
	struct exec_io io;
	struct err e = { 0 };

	(void)state;
	refuse = true;
	assert_true(exec_start(x, &o, &io, &e) < 0);
	refuse = false;
	assert_int_equal(e.kind, ERR_DENIED);
	assert_string_equal(e.msg, "the floor says no");
	assert_int_equal(number(x, "ExitCode"), 126);
	assert_false(x->relayed);
}

struct writer {
	int fd;
	size_t n;
};

static void *write_bulk(void *arg)
{
	struct writer *w = arg;
	uint32_t block[1024], seed = 1;

	(void)fd_nonblock(w->fd, false);
	for (size_t i = 0; i < w->n / sizeof(block); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(block); j++)
			block[j] = seed = seed * 1664525 + 1013904223;
		BUG_ON(fd_write_all(w->fd, block, sizeof(block)) < 0);
	}
	fd_close(w->fd);
	return NULL;
}

static void test_bulk(void **state)
{
	auto_exec struct exec *x = make(container(CONFIG),
		"{\"Cmd\":[\"cat\"],\"AttachStdin\":true,\"AttachStdout\":true}");
	const size_t size = 16 << 20;
	struct exec_io io;
	struct writer w;
	uint32_t seed = 1, *p;
	auto_free char *out = NULL;
	pthread_t t;

	(void)state;
	start(x, &io);
	w = (struct writer){ io.in, size };
	assert_int_equal(pthread_create(&t, NULL, write_bulk, &w), 0);
	out = drain(io.out[0]);
	exec_finish(x, false);
	assert_int_equal(pthread_join(t, NULL), 0);
	p = (uint32_t *)(void *)out;
	for (size_t i = 0; i < size / 4; i++)
		if (p[i] != (seed = seed * 1664525 + 1013904223))
			fail_msg("byte %zu differs", i * 4);
	assert_int_equal(number(x, "ExitCode"), 0);
}

static void test_leave(void **state)
{
	auto_exec struct exec *x = make(container(CONFIG),
		"{\"Cmd\":[\"sh\",\"-c\",\"head -c 9000000 /dev/zero && exit 3\"],"
		"\"AttachStdout\":true,\"AttachStderr\":true}");
	struct exec_io io;
	char byte;

	(void)state;
	start(x, &io);
	(void)fd_nonblock(io.out[0], false);
	assert_int_equal(fd_read(io.out[0], &byte, 1), 1);
	(void)fd_nonblock(io.out[0], true);
	fd_close(io.out[0]);
	fd_close(io.out[1]);
	exec_finish(x, true);
	exec_finish(x, false); /* waits */
	assert_int_equal(number(x, "ExitCode"), 3);
}

static void test_detached(void **state)
{
	auto_exec struct exec *x = make(container(CONFIG),
		"{\"Cmd\":[\"sh\",\"-c\",\"read x || exit 4\"],\"AttachStdout\":true}");
	struct exec_start o = { .attach = false };
	struct err e;

	(void)state;
	assert_int_equal(exec_start(x, &o, NULL, &e), 0);
	exec_finish(x, false);
	assert_int_equal(number(x, "ExitCode"), 4);
}

static void test_tty(void **state)
{
	auto_exec struct exec *x = make(container(CONFIG),
		"{\"Cmd\":[\"sh\",\"-c\",\"read x; stty size; echo $TERM\"],\"Tty\":true,"
		"\"AttachStdin\":true,\"AttachStdout\":true}");
	auto_free char *out = NULL;
	struct exec_io io;
	struct err e;

	(void)state;
	start(x, &io);
	assert_int_equal(io.frame[0], 0);
	assert_int_equal(exec_resize(x, 33, 77, &e), 0);
	assert_int_equal(fd_write_all(io.in, "go\n", 3), 0);
	fd_close(io.in);
	out = drain(io.out[0]);
	exec_finish(x, false);
	assert_non_null(strstr(out, "33 77\r\nxterm\r\n"));
	assert_true(exec_resize(x, 1, 1, &e) < 0);
	assert_string_equal(e.msg, "exec process is not started");
}

static void test_only_stdin(void **state)
{
	auto_exec struct exec *x = make(container(CONFIG),
		"{\"Cmd\":[\"sh\",\"-c\",\"read x; exit $x\"],\"AttachStdin\":true}");
	auto_free char *out = NULL;
	struct exec_io io;

	(void)state;
	start(x, &io);
	assert_int_equal(fd_write_all(io.in, "5\n", 2), 0);
	out = drain(io.out[0]); /* ends with the process */
	fd_close(io.in);
	exec_finish(x, false);
	assert_string_equal(out, "");
	assert_int_equal(number(x, "ExitCode"), 5);
}

/* A child keeps the pipe, so only `stop` tells that it is over. */
static void test_linger(void **state)
{
	auto_exec struct exec *x = make(container(CONFIG),
		"{\"Cmd\":[\"sh\",\"-c\",\"sleep 1000 & echo $!\"],\"AttachStdout\":true}");
	struct pollfd p;
	struct exec_io io;
	char line[32] = "";
	uint32_t pid;

	(void)state;
	start(x, &io);
	(void)fd_nonblock(io.out[0], false);
	assert_true(fd_read(io.out[0], line, sizeof(line) - 1) > 1);
	line[strlen(line) - 1] = '\0';
	assert_true(num_u32(str_of(line), 1 << 22, &pid));
	p = (struct pollfd){ io.stop, POLLIN, 0 };
	assert_int_equal(poll(&p, 1, 20000), 1);
	exec_finish(x, false);
	fd_close(io.out[0]);
	assert_int_equal(number(x, "ExitCode"), 0);
	(void)kill((pid_t)pid, SIGKILL);
}

static int take_event(void *arg, struct str line)
{
	struct buf *b = arg;

	(void)buf_str(b, line);
	return 0;
}

/* Every event there has been. */
static void events_so_far(struct buf *ret)
{
	struct event_query q = { .since_ns = 1, .owner = UINT32_MAX };

	q.until_ns = clock_wall_ns();
	(void)event_follow(T.events, &q, take_event, ret, -1);
}

static void test_events(void **state)
{
	auto_exec struct exec *x = make(container(CONFIG), "{\"Cmd\":[\"sh\",\"-c\",\"exit 9\"]}");
	struct exec_start o = { .attach = false };
	auto_buf struct buf b = BUF(16 << 20);
	auto_free char *die = NULL;
	struct err e;

	(void)state;
	assert_int_equal(exec_start(x, &o, NULL, &e), 0);
	exec_finish(x, false);
	events_so_far(&b);
	assert_non_null(strstr(b.p, "\"Action\":\"exec_create: sh -c exit 9\""));
	assert_non_null(strstr(b.p, "\"Action\":\"exec_start: sh -c exit 9\""));
	die = xasprintf("\"execID\":\"%s\",\"exitCode\":\"9\"", exec_id(x));
	assert_non_null(strstr(b.p, die));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_create),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_inspect),
		cmocka_unit_test(test_env),
		cmocka_unit_test(test_exit_code),
		cmocka_unit_test(test_not_found),
		cmocka_unit_test(test_refused_by_keeper),
		cmocka_unit_test(test_bulk),
		cmocka_unit_test(test_leave),
		cmocka_unit_test(test_detached),
		cmocka_unit_test(test_tty),
		cmocka_unit_test(test_only_stdin),
		cmocka_unit_test(test_linger),
		cmocka_unit_test(test_events),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
