/*
 * The engine as a process, with a small keeper in this test: it refuses rights and wrong first
 * messages, answers clients that are handed over, rebuilds a damaged database, ends cleanly.
 * As root the engine gets a uid of its own; else it runs as the caller.
 */
#include "engine.h"

#include <fcntl.h>
#include <grp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define ENGINE_UID 60000

static int program = -EBADF;
static char top[64];

struct run {
	pid_t pid;
	int link;     /* the keeper's end */
	int messages; /* what the engine says on stderr */
};

/* link < 0: none.  as_root keeps whatever rights the test has. */
static struct run run_engine(bool with_link, bool as_root, const char *arg)
{
	char *argv[] = { (char *)(uintptr_t) "caisson-engine", (char *)(uintptr_t)arg, NULL };
	char *env[] = { NULL };
	int pair[2], err[2];
	struct run r;

	assert_int_equal(wire_pair(pair), 0);
	assert_int_equal(pipe2(err, O_CLOEXEC), 0);
	r = (struct run){ fork(), pair[0], err[0] };
	if (r.pid == 0) {
		int exe = fcntl(program, F_DUPFD_CLOEXEC, 20);

		(void)dup2(err[1], 2);
		(void)dup2(err[1], 1);
		(void)close(KEEPER_FD);
		if (with_link && dup2(fcntl(pair[1], F_DUPFD_CLOEXEC, 20), KEEPER_FD) < 0)
			_exit(99);
		if (!as_root && geteuid() == 0 &&
			(setgroups(0, NULL) < 0 ||
				setresgid(ENGINE_UID, ENGINE_UID, ENGINE_UID) < 0 ||
				setresuid(ENGINE_UID, ENGINE_UID, ENGINE_UID) < 0))
			_exit(98);
		(void)syscall(SYS_execveat, exe, "", argv, env, AT_EMPTY_PATH);
		_exit(97);
	}
	fd_close(pair[1]);
	fd_close(err[1]);
	return r;
}

static int dir_at(const char *name)
{
	auto_free char *path = xasprintf("%s/%s", top, name);

	if (mkdir(path, 0700) == 0 && geteuid() == 0)
		assert_int_equal(chown(path, ENGINE_UID, ENGINE_UID), 0);
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int file_of(const char *text)
{
	int fd = (int)syscall(SYS_memfd_create, "config", 1u);

	assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
	return fd;
}

static void send_boot(struct run *r, uint32_t version, const char *config)
{
	struct keeper_boot b = { .version = version, .data_root = "/data", .exec_root = "/exec" };
	int fds[3] = { dir_at("state"), dir_at("run"), -1 };
	unsigned n = 2;

	if (config)
		fds[n++] = file_of(config);
	assert_int_equal(
		wire_send(r->link, KEEPER_VERSION, KEEPER_BOOT, 0, &b, sizeof(b), fds, n), 0);
	for (unsigned i = 0; i < n; i++)
		fd_close(fds[i]);
}

/* Ends the run; its exit code, and what it said. */
static int finish(struct run *r, struct buf *said)
{
	int status;

	assert_int_equal(buf_read_fd(said, r->messages), 0);
	assert_int_equal(waitpid(r->pid, &status, 0), r->pid);
	fd_close(r->link);
	fd_close(r->messages);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void expect_refusal(struct run r, int code, const char *want)
{
	auto_buf struct buf said = BUF(65536);

	assert_int_equal(finish(&r, &said), code);
	if (!said.p || !strstr(said.p, want))
		fail_msg("said: %s", said.p);
}

/* One connection handed over as the keeper does it. */
static int connect_client(struct run *r)
{
	struct keeper_client c = { .handle = 1, .cls = KEEPER_CLASS_ROOT };
	int sv[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
	assert_int_equal(
		wire_send(r->link, KEEPER_VERSION, KEEPER_CLIENT, 0, &c, sizeof(c), &sv[1], 1), 0);
	fd_close(sv[1]);
	return sv[0];
}

static void ask(struct run *r, const char *path, const char *want)
{
	auto_free char *request = xasprintf(
		"GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", path);
	auto_buf struct buf b = BUF(1 << 20);
	auto_close int fd = connect_client(r);

	assert_int_equal(fd_write_all(fd, request, strlen(request)), 0);
	assert_int_equal(buf_read_fd(&b, fd), 0);
	if (!b.p || !strstr(b.p, want))
		fail_msg("%s gave %s", path, b.p);
}

static void end_cleanly(struct run *r)
{
	auto_buf struct buf said = BUF(65536);

	assert_int_equal(kill(r->pid, SIGTERM), 0);
	assert_int_equal(finish(r, &said), 0);
	assert_int_equal(said.n, 0);
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void refuses_rights(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	expect_refusal(run_engine(true, true, NULL), 1, "refusing to run as root");
}

static void says_how_it_is_started(void **state)
{
	(void)state;
	expect_refusal(run_engine(false, false, NULL), 1, "is started by caissond, not by hand");
	expect_refusal(run_engine(false, true, "--help"), 0, "It is started by caissond");
	expect_refusal(run_engine(false, true, "--version"), 0, "caisson-engine " CAISSON_VERSION);
	expect_refusal(run_engine(false, true, "--what"), 2, "unknown argument \"--what\"");
}

static void refuses_wrong_beginnings(void **state)
{
	struct run r = run_engine(true, false, NULL);

	(void)state;
	send_boot(&r, KEEPER_VERSION + 1, NULL);
	expect_refusal(r, 1, "install both from one build");
	r = run_engine(true, false, NULL);
	send_boot(&r, KEEPER_VERSION, "{\"hosts\":[]}");
	expect_refusal(
		r, 1, "the following directives don't match any configuration option: hosts");
	r = run_engine(true, false, NULL);
	assert_int_equal(wire_send(r.link, KEEPER_VERSION, KEEPER_BOOT, 0, "x", 1, NULL, 0), 0);
	expect_refusal(r, 1, "the keeper's first message is no BOOT");
}

static void answers_and_ends(void **state)
{
	struct run r = run_engine(true, false, NULL);

	(void)state;
	send_boot(&r, KEEPER_VERSION, "{\"labels\":[\"rack=7\"]}");
	ask(&r, "/_ping", "\r\n\r\nOK");
	ask(&r, "/v1.50/info", "\"Labels\":[\"rack=7\"]");
	ask(&r, "/v1.41/version", "\"ApiVersion\":\"1.50\"");
	ask(&r, "/containers/json?all=1", "\r\n\r\n[]\n");
	ask(&r, "/system/df", "\"Containers\":[]");
	ask(&r, "/containers/x/json", "{\"message\":\"No such container: x\"}\n");
	ask(&r, "/networks/x", "{\"message\":\"network x not found\"}\n");
	ask(&r, "/swarm", "HTTP/1.1 503 ");
	ask(&r, "/containers/x/export", "HTTP/1.1 501 ");
	ask(&r, "/events?since=1&until=2", "0\r\n\r\n");
	end_cleanly(&r);
}

static void survives_a_damaged_database(void **state)
{
	struct run r = run_engine(true, false, NULL);
	auto_close int dir = dir_at("state");
	auto_close int db = openat(dir, "engine.db", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	(void)state;
	assert_int_equal(fchmod(db, 0666), 0);
	assert_int_equal(pwrite(db, "garbage garbage garbage", 23, 0), 23);
	send_boot(&r, KEEPER_VERSION, NULL);
	ask(&r, "/containers/json?all=1", "\r\n\r\n[]\n");
	end_cleanly(&r);
}

static void ends_with_its_keeper(void **state)
{
	struct run r = run_engine(true, false, NULL);
	auto_buf struct buf said = BUF(65536);

	(void)state;
	send_boot(&r, KEEPER_VERSION, NULL);
	ask(&r, "/_ping", "OK");
	fd_close(steal_fd(&r.link));
	assert_int_equal(finish(&r, &said), 0);
}

static int setup(void **state)
{
	char path[512];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	char *at;

	(void)state;
	if (n <= 0)
		return -1;
	path[n] = '\0';
	at = strstr(path, "/test/prog/");
	if (!at)
		return -1;
	(void)snprintf(at, sizeof(path) - (size_t)(at - path), "/bin/caisson-engine");
	program = open(path, O_RDONLY | O_CLOEXEC);
	(void)snprintf(top, sizeof(top), "/tmp/engine-test-XXXXXX");
	return program < 0 || !mkdtemp(top) ? -1 : 0;
}

static int teardown(void **state)
{
	char *argv[] = { (char *)(uintptr_t) "rm", (char *)(uintptr_t) "-rf", top, NULL };
	pid_t pid = fork();
	int status;

	(void)state;
	if (pid == 0) {
		(void)execv("/bin/rm", argv);
		_exit(1);
	}
	return waitpid(pid, &status, 0) == pid && status == 0 ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_rights),
		cmocka_unit_test(says_how_it_is_started),
		cmocka_unit_test(refuses_wrong_beginnings),
		cmocka_unit_test(answers_and_ends),
		cmocka_unit_test(survives_a_damaged_database),
		cmocka_unit_test(ends_with_its_keeper),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
