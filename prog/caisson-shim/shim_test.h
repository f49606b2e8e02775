/*
 * shim_test - for the tests of caisson-shim: the real program, started as the keeper starts it,
 * with a shell as its container.
 */
#pragma once

#include "log/log.h"
#include "shim/shim.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cmocka.h>

struct fixture {
	char dir[64];
	int dirfd, listener, control;
	pid_t shim;
	int pipe_size; /* of the container's output pipes; 0: as they come */
};

static const char *shim_path(void)
{
	static char path[512];
	const char *env = getenv("CAISSON_SHIM");
	ssize_t n;

	if (env)
		return env;
	/* build/test/prog/caisson-shim/shim_test -> build/bin/caisson-shim */
	n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	assert_true(n > 0);
	path[n] = '\0';
	for (int i = 0; i < 4; i++)
		*strrchr(path, '/') = '\0';
	assert_true(strlen(path) + 20 < sizeof(path));
	memcpy(path + strlen(path), "/bin/caisson-shim", sizeof("/bin/caisson-shim"));
	return path;
}

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	struct err e;

	(void)snprintf(f->dir, sizeof(f->dir), "/tmp/shim-test-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->dirfd = open(f->dir, O_DIRECTORY | O_CLOEXEC);
	f->listener = shim_listen(f->dirfd, "s", &e);
	assert_true(f->listener >= 0);
	f->control = -EBADF;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	char cmd[128];

	fd_close(f->control);
	if (f->shim > 0) {
		(void)kill(f->shim, SIGKILL);
		(void)waitpid(f->shim, NULL, 0);
	}
	fd_close(f->listener);
	fd_close(f->dirfd);
	(void)snprintf(cmd, sizeof(cmd), "rm -rf '%s'", f->dir);
	(void)!system(cmd);
	free(f);
	return 0;
}

static void place(int *from, int to)
{
	if (*from >= 0)
		(void)dup2(*from, to);
	else
		(void)close(to);
}

/* What the keeper's starter does: the container's process as a child, then become the shim. */
static void NORETURN starter(struct fixture *f, const char *flags, const char *script, int log)
{
	bool tty = strchr(flags, 't') != NULL;
	int in[2] = { -1, -1 }, out[2] = { -1, -1 }, err[2] = { -1, -1 }, master = -1, slave = -1;
	int fds[7];
	pid_t init;

	if (tty ? openpty(&master, &slave, NULL, NULL, NULL)
		: (pipe(in) < 0 || pipe(out) < 0 || pipe(err) < 0))
		_exit(99);
	if (f->pipe_size && fcntl(out[0], F_SETPIPE_SZ, f->pipe_size) < 0)
		_exit(97);
	init = fork();
	if (init == 0) {
		(void)setsid();
		for (int i = 0; i < 3; i++)
			(void)dup2(tty ? slave : i == 0 ? in[0] : i == 1 ? out[1] : err[1], i);
		(void)close_range(3, ~0u, 0);
		(void)execl("/bin/sh", "sh", "-c", script, NULL);
		_exit(127);
	}
	fds[0] = f->listener;
	fds[1] = log;
	fds[2] = (int)syscall(SYS_pidfd_open, init, 0);
	fds[3] = tty ? master : in[1];
	fds[4] = out[0];
	fds[5] = err[0];
	fds[6] = -1;
	for (int i = 0; i < 7; i++)
		if (fds[i] >= 0)
			fds[i] = fcntl(fds[i], F_DUPFD, 50);
	for (int i = 0; i < 7; i++)
		place(&fds[i], SHIM_FD_LISTEN + i);
	(void)execle(shim_path(), "caisson-shim", flags, NULL, (char *[]){ NULL });
	_exit(98);
}

static void start_log(struct fixture *f, const char *flags, const char *script, int log)
{
	f->shim = fork();
	assert_true(f->shim >= 0);
	if (f->shim == 0)
		starter(f, flags, script, log);
}

static void start(struct fixture *f, const char *flags, const char *script)
{
	struct err e;
	auto_close int log = log_open(f->dirfd, &e);

	assert_true(log >= 0);
	start_log(f, flags, script, log);
}

static int hello(
	struct fixture *f, uint32_t kind, uint32_t flags, uint64_t log_max, uint32_t version)
{
	struct shim_hello h = { SHIM_MAGIC, version, kind, flags, log_max };
	struct err e;
	int fd = shim_connect(f->dirfd, "s", &h, &e);

	assert_true(fd >= 0);
	return fd;
}

static int attach(struct fixture *f, uint32_t flags)
{
	return hello(f, SHIM_ATTACH, flags, 0, SHIM_VERSION);
}

static void control(struct fixture *f, uint64_t log_max)
{
	struct shim_record r;

	fd_replace(&f->control, hello(f, SHIM_CONTROL, 0, log_max, SHIM_VERSION));
	assert_int_equal(shim_recv(f->control, &r), 1);
	assert_int_equal(r.type, SHIM_READY);
	assert_int_equal(r.pad, SHIM_VERSION);
	assert_true(r.a > 1);
}

/* EXIT, BYE, end of the shim; gives the exit code. */
static int finish(struct fixture *f)
{
	struct shim_record r, bye = { .type = SHIM_BYE };
	int status;

	do
		assert_int_equal(shim_recv(f->control, &r), 1);
	while (r.type != SHIM_EXIT);
	assert_int_equal(shim_send(f->control, &bye, -1), 0);
	assert_int_equal(waitpid(f->shim, &status, 0), f->shim);
	f->shim = 0;
	assert_int_equal(status, 0);
	return (int)r.a;
}
