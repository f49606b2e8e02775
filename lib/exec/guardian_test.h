/*
 * guardian_test - for the tests of this folder: a guardian that really runs programs, a keeper that
 * starts it, and the engine's side of both.  Threads of this process; no root needed.
 */
#pragma once

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
