/*
 * Promise: an exec runs once with the streams it asked for, its exit code is there when its stream
 * has ended, who leaves does not stop it, and health checks follow their schedule.  The keeper and
 * the guardian are played by threads that run the programs on the host.
 */
#include "exec/exec-int.h"

#include "runtime/spec.h"
#include "shim/shim.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>

#include <cmocka.h>

enum { ARGS = 16, ENVS = 64 };

/* ---- a guardian ------------------------------------------------------------------------------ */

struct guardian {
	int spec, report, stdio[3];
	bool tty;
	char *args[ARGS + 1], *env[ENVS + 1];
	const char *cwd;
};

static void report(int sock, const struct exec_report *r, int fd)
{
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { .room = { 0 } };
	struct iovec iov = { (void *)(uintptr_t)r, sizeof(*r) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (fd >= 0) {
		m.msg_control = &control;
		m.msg_controllen = sizeof(control);
		CMSG_FIRSTHDR(&m)->cmsg_level = SOL_SOCKET;
		CMSG_FIRSTHDR(&m)->cmsg_type = SCM_RIGHTS;
		CMSG_FIRSTHDR(&m)->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), &fd, sizeof(int));
	}
	(void)sendmsg(sock, &m, MSG_NOSIGNAL);
}

static void read_spec(struct guardian *g)
{
	struct spec_reader r;
	struct spec_record rec;
	struct stat st;
	int nargs = 0, nenv = 0, got;
	void *p;

	BUG_ON(fstat(g->spec, &st) < 0);
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, g->spec, 0);
	BUG_ON(p == MAP_FAILED || spec_open(p, (size_t)st.st_size, &r) < 0);
	while ((got = spec_next(&r, &rec)) > 0) {
		if (rec.type == SPEC_ARG && nargs < ARGS)
			g->args[nargs++] = xstrndup(rec.data.p, rec.data.n);
		else if (rec.type == SPEC_ENV && nenv < ENVS)
			g->env[nenv++] = xstrndup(rec.data.p, rec.data.n);
	}
	BUG_ON(got < 0);
	(void)munmap(p, (size_t)st.st_size);
}

static void child(struct guardian *g, const char *slave)
{
	(void)setsid();
	for (int i = 0; i < 3; i++)
		if (dup2(g->tty ? open(slave, O_RDWR) : g->stdio[i], i) < 0)
			_exit(125);
	(void)execvpe(g->args[0], g->args, g->env);
	_exit(125);
}

/* Until the process ended; a message on the socket kills it. */
static int watch(struct guardian *g, pid_t pid)
{
	auto_close int pidfd = pidfd_open(pid, 0);
	struct pollfd p[2] = { { pidfd, POLLIN, 0 }, { g->report, POLLIN, 0 } };
	struct exec_report r;
	int status;

	while (poll(p, 2, -1) >= 0 && !p[0].revents) {
		if (p[1].revents && recv(g->report, &r, sizeof(r), 0) == sizeof(r) &&
			r.type == EXEC_KILL)
			(void)kill(-pid, SIGKILL);
		else
			p[1].fd = -1; /* the engine's end is closed */
	}
	BUG_ON(waitpid(pid, &status, 0) != pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void *guardian_main(void *arg)
{
	struct guardian *g = arg;
	struct exec_report r = { .type = EXEC_STARTED };
	int master = g->tty ? posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC) : -1;
	const char *slave = NULL;
	pid_t pid;

	read_spec(g);
	if (streq(g->args[0], "nope") || streq(g->args[0], "/etc")) {
		r.type = EXEC_FAILED;
		if (g->args[0][0] == 'n')
			(void)err_set(&r.err, ERR_NOT_FOUND, 0,
				"exec: \"nope\": executable file not found in $PATH");
		else
			(void)err_set(&r.err, ERR_DENIED, 0, "exec: \"/etc\": is a directory");
		report(g->report, &r, -1);
		goto out;
	}
	if (g->tty) {
		BUG_ON(unlockpt(master) < 0);
		slave = ptsname(master);
	}
	pid = fork();
	if (pid == 0)
		child(g, slave);
	for (int i = 0; i < 3; i++)
		fd_close(steal_fd(&g->stdio[i]));
	r.pid = (uint32_t)pid;
	report(g->report, &r, master);
	fd_close(steal_fd(&master));
	r = (struct exec_report){ .type = EXEC_EXITED, .status = watch(g, pid) };
	report(g->report, &r, -1);
out:
	fd_close(master);
	for (int i = 0; i < 3; i++)
		fd_close(g->stdio[i]);
	fd_close(g->spec);
	fd_close(g->report);
	for (char **a = g->args; *a; a++)
		free(*a);
	for (char **a = g->env; *a; a++)
		free(*a);
	free(g);
	return NULL;
}

/* ---- a keeper -------------------------------------------------------------------------------- */

static bool refuse; /* the next exec */

static void *keeper_main(void *arg)
{
	int sock = *(int *)arg;
	static struct wire_msg m;

	while (wire_recv(sock, KEEPER_VERSION, &m) > 0) {
		const struct keeper_exec *q = (const void *)m.body;
		struct guardian *g = xcalloc(1, sizeof(*g));
		struct keeper_reply reply = { 0 };
		pthread_t t;

		BUG_ON(m.head.op != KEEPER_EXEC);
		g->tty = q->flags & KEEPER_EXEC_TTY;
		g->spec = wire_fd(&m, 0);
		g->report = wire_fd(&m, 1);
		for (unsigned i = 0; i < 3; i++)
			g->stdio[i] = wire_fd(&m, 2 + i);
		if (refuse) {
			(void)err_set(&reply.err, ERR_DENIED, 0, "the floor says no");
			fd_close(g->spec);
			fd_close(g->report);
			for (unsigned i = 0; i < 3; i++)
				fd_close(g->stdio[i]);
			free(g);
		} else {
			BUG_ON(pthread_create(&t, NULL, guardian_main, g) != 0);
			(void)pthread_detach(t);
		}
		wire_msg_done(&m);
		if (wire_send(sock, KEEPER_VERSION, KEEPER_REPLY, m.head.seq, &reply, sizeof(reply),
			    NULL, 0) < 0)
			break;
	}
	return NULL;
}

/* ---- the engine's side ----------------------------------------------------------------------- */

static struct {
	char dir[32];
	int pair[2];
	struct keeper *keeper;
	struct event_log *events;
	struct container_set *containers;
	struct exec_set *execs;
	struct container *made[64]; /* never freed: their references stay above zero */
	size_t nmade;
} T;

static const struct http_peer root = { .cls = KEEPER_CLASS_ROOT };

static void on_notify(void *arg, struct wire_msg *m)
{
	(void)arg;
	(void)m;
}

static int setup(void **state)
{
	struct container_options o = { .run_dir = AT_FDCWD };
	pthread_t t;
	struct err e;

	(void)state;
	(void)signal(SIGPIPE, SIG_IGN);
	memcpy(T.dir, "/tmp/exec-test-XXXXXX", 22);
	assert_non_null(mkdtemp(T.dir));
	o.dir = open(T.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	T.events = o.events = event_log_new();
	assert_int_equal(wire_pair(T.pair), 0);
	assert_int_equal(pthread_create(&t, NULL, keeper_main, &T.pair[0]), 0);
	(void)pthread_detach(t);
	assert_int_equal(keeper_open(T.pair[1], on_notify, NULL, &T.keeper, &e), 0);
	assert_int_equal(container_set_open(&o, true, &T.containers, &e), 0);
	T.execs = exec_set_new(T.keeper);
	assert_non_null(T.execs);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	exec_set_free(T.execs);
	(void)rmdir(T.dir);
	return 0;
}

/* A running container. */
static struct container *container(const char *config)
{
	static const char host[] = "{\"NetworkMode\":\"none\"}";
	struct container *c = xcalloc(1, sizeof(*c));

	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->changed, NULL);
	c->refs = 1;
	c->set = T.containers;
	digest_random(&c->id);
	digest_hex(&c->id, c->hex);
	c->owner = 1000;
	c->name = xstrdup("box");
	c->image_name = xstrdup("busybox");
	c->config = json_loads(config, 0, NULL);
	c->host_config = json_loads(host, 0, NULL);
	assert_non_null(c->config);
	c->exec_ids = json_array();
	c->status = CONTAINER_RUNNING;
	c->dir = open(T.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	c->runs = 1;
	c->started_ns = clock_wall_ns();
	BUG_ON(T.nmade == ARRAY_SIZE(T.made));
	T.made[T.nmade++] = c;
	return c;
}

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

/* ---- health checks --------------------------------------------------------------------------- */

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

static int take_event(void *arg, struct str line)
{
	struct buf *b = arg;

	(void)buf_str(b, line);
	return 0;
}

static void test_events(void **state)
{
	struct event_query q = { .since_ns = 1, .owner = UINT32_MAX };
	auto_exec struct exec *x = make(container(CONFIG), "{\"Cmd\":[\"sh\",\"-c\",\"exit 9\"]}");
	struct exec_start o = { .attach = false };
	auto_buf struct buf b = BUF(16 << 20);
	auto_free char *die = NULL;
	struct err e;

	(void)state;
	assert_int_equal(exec_start(x, &o, NULL, &e), 0);
	exec_finish(x, false);
	q.until_ns = clock_wall_ns();
	(void)event_follow(T.events, &q, take_event, &b, -1);
	assert_non_null(strstr(b.p, "\"Action\":\"exec_create: sh -c exit 9\""));
	assert_non_null(strstr(b.p, "\"Action\":\"exec_start: sh -c exit 9\""));
	die = xasprintf("\"execID\":\"%s\",\"exitCode\":\"9\"", exec_id(x));
	assert_non_null(strstr(b.p, die));
	assert_non_null(strstr(b.p, "\"Action\":\"health_status: unhealthy\""));
	assert_non_null(strstr(b.p, "\"Action\":\"health_status: healthy\""));
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
		cmocka_unit_test(test_healthy),
		cmocka_unit_test(test_unhealthy),
		cmocka_unit_test(test_health_timeout),
		cmocka_unit_test(test_health_output),
		cmocka_unit_test(test_health_pause),
		cmocka_unit_test(test_events),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
