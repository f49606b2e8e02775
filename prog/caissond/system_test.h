/*
 * The rig of system_test.c: a real caissond on roots of its own, with a fake engine.
 *
 * The test program is copied beside caissond as "caisson-engine".  Executed under that name it
 * passes the keeper's link, with what it can see of its confinement, to the test through a socket
 * in its state directory, and ends when the link does.  So the test speaks the keeper's protocol
 * itself: as an engine, or as a captured one.
 */
#pragma once

#include "account.h"
#include "keeper/keeper.h"
#include "sys/sys.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <cmocka.h>

#define MEMBER_ID 65534

/* What the fake engine found out about itself. */
struct facts {
	pid_t pid;
	uint32_t uid, gid, groups;
	uint32_t descriptors;
	bool no_new_privs, sees_shadow, sees_host_tmp, writes_root, writes_state, sees_libraries;
	bool traces_other, signals_other; /* the process in the file "victim" */
	uint64_t caps_bound, caps_permitted, caps_effective;
};

struct rig {
	char dir[64], path[128];
	int driver; /* listens for fake engines */
	pid_t keeper;
	int engine; /* connection of the current fake engine */
	int link;
	struct facts facts;
	struct wire_msg boot;
	uint32_t seq;
	struct keeper_client client; /* the last one the keeper told about */
	int client_conn;	     /* what came with it */
};

/* Waits until the condition holds; fails the test after 20 s. */
#define EVENTUALLY(cond)                                                                           \
	do {                                                                                       \
		int tries_ = 2000;                                                                 \
		while (!(cond) && --tries_ > 0)                                                    \
			(void)poll(NULL, 0, 10);                                                   \
		assert_true(tries_ > 0);                                                           \
	} while (0)

/* ---- the fake engine ------------------------------------------------------------------------- */

static uint64_t status_field(const char *name, unsigned base)
{
	char text[4096] = { 0 };
	auto_close int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	const char *at;

	(void)!fd_read_full(fd, text, sizeof(text) - 1);
	at = strstr(text, name);
	return at ? strtoull(at + strlen(name) + 1, NULL, (int)base) : UINT64_MAX;
}

static uint32_t count_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	uint32_t n = 0;

	while (d && readdir(d))
		n++;
	return n - 3; /* ".", ".." and the directory itself */
}

/* The process whose number is in a file of ours, or 0. */
static pid_t find_victim(void)
{
	char text[16] = { 0 };
	auto_close int fd = open("/state/victim", O_RDONLY | O_CLOEXEC);
	uint32_t pid = 0;

	if (fd < 0 || fd_read_full(fd, text, sizeof(text) - 1) < 1)
		return 0;
	return num_u32(str_of(text), INT32_MAX, &pid) ? (pid_t)pid : 0;
}

/* The right to trace, asked without its effects: a wrong address is another error. */
static bool reads_memory(pid_t pid)
{
	char c;
	struct iovec mine = { &c, 1 }, other = { (void *)(uintptr_t)4096, 1 }; // NOLINT

	return process_vm_readv(pid, &mine, 1, &other, 1, 0) == 1 || errno != EPERM;
}

static struct facts find_facts(void)
{
	struct facts f = { .pid = getpid(), .uid = getuid(), .gid = getgid() };

	f.descriptors = count_descriptors();
	f.traces_other = find_victim() && reads_memory(find_victim());
	f.signals_other = find_victim() && kill(find_victim(), 0) == 0;
	f.groups = (uint32_t)getgroups(0, NULL);
	f.no_new_privs = status_field("NoNewPrivs:", 10) == 1;
	f.caps_bound = status_field("CapBnd:", 16);
	f.caps_permitted = status_field("CapPrm:", 16);
	f.caps_effective = status_field("CapEff:", 16);
	f.sees_shadow = access("/etc/shadow", F_OK) == 0;
	f.sees_host_tmp = access("/home", F_OK) == 0 || access("/var", F_OK) == 0;
	f.sees_libraries = access("/usr/bin/env", X_OK) == 0;
	f.writes_root = mkdir("/made", 0700) == 0;
	f.writes_state = mkdir("made", 0700) == 0 && mkdir("made/x", 0700) == 0 &&
			 rename("made/x", "x") == 0 && rmdir("x") == 0 && rmdir("made") == 0;
	return f;
}

static int fake_engine(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = "/state/driver.sock" };
	struct facts f = find_facts();
	int link = KEEPER_FD, s = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	struct pollfd p = { .fd = KEEPER_FD, .events = POLLRDHUP };

	if (connect(s, (struct sockaddr *)&a, sizeof(a)) < 0 ||
		sys_send_fds(s, &f, sizeof(f), &link, 1) < 0)
		return 1;
	while (poll(&p, 1, -1) < 0)
		;
	return 0;
}

/* ---- the rig --------------------------------------------------------------------------------- */

/* Valid until the next call. */
static const char *rig_path(struct rig *r, const char *name)
{
	(void)snprintf(r->path, sizeof(r->path), "%s/%s", r->dir, name);
	return r->path;
}

static void copy_file(const char *from, const char *to)
{
	auto_close int in = open(from, O_RDONLY | O_CLOEXEC);
	auto_close int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
	static char block[65536];
	ssize_t n;

	assert_true(in >= 0 && out >= 0);
	while ((n = fd_read(in, block, sizeof(block))) > 0)
		assert_int_equal(fd_write_all(out, block, (size_t)n), 0);
	assert_int_equal(n, 0);
}

static void write_text(const char *path, const char *text)
{
	auto_close int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
}

static void copy_programs(struct rig *r)
{
	static const char *const names[] = { "caissond", "caisson-shim", "caisson-worker" };
	char self[512], from[700];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	assert_true(n > 0);
	self[n] = '\0';
	copy_file(self, rig_path(r, "bin/caisson-engine"));
	*strrchr(self, '/') = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char to[32];

		(void)snprintf(from, sizeof(from), "%s/../../../bin/%s", self, names[i]);
		(void)snprintf(to, sizeof(to), "bin/%s", names[i]);
		copy_file(from, rig_path(r, to));
	}
}

static int listen_driver(struct rig *r)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int s = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	assert_true(str_copy(
		a.sun_path, sizeof(a.sun_path), str_of(rig_path(r, "data/engine/driver.sock"))));
	assert_int_equal(bind(s, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(chmod(a.sun_path, 0777), 0);
	assert_int_equal(listen(s, 4), 0);
	return s;
}

static void rig_make(struct rig *r)
{
	*r = (struct rig){
		.dir = "/tmp/caissond-test-XXXXXX", .engine = -1, .link = -1, .client_conn = -1
	};
	assert_non_null(mkdtemp(r->dir));
	assert_int_equal(chmod(r->dir, 0755), 0);
	assert_int_equal(mkdir(rig_path(r, "bin"), 0755), 0);
	assert_int_equal(mkdir(rig_path(r, "data"), 0755), 0);
	assert_int_equal(mkdir(rig_path(r, "data/engine"), 0700), 0);
	copy_programs(r);
	write_text(rig_path(r, "floor.conf"), "# the default\n");
	r->driver = listen_driver(r);
}

static pid_t spawn_keeper(struct rig *r)
{
	char data[128], exec_[128], sock[128], floor_[128];
	pid_t pid;

	(void)snprintf(data, sizeof(data), "%s/data", r->dir);
	(void)snprintf(exec_, sizeof(exec_), "%s/exec", r->dir);
	(void)snprintf(sock, sizeof(sock), "unix://%s/sock", r->dir);
	(void)snprintf(floor_, sizeof(floor_), "%s/floor.conf", r->dir);
	(void)rig_path(r, "log");
	pid = fork();
	if (pid == 0) {
		int log = open(r->path, O_WRONLY | O_CREAT | O_APPEND, 0644);

		/* A broken-off test leaves no keeper behind. */
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
		(void)dup2(log, 2);
		(void)close_range(3, ~0u, 0);
		(void)execl(rig_path(r, "bin/caissond"), "caissond", "--data-root", data,
			"--exec-root", exec_, "-H", sock, "--floor", floor_, "--group", "65534",
			"--label", "a=b", "-D", (char *)NULL);
		_exit(127);
	}
	return pid;
}

static void take_hello(struct rig *r)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} space;
	struct iovec iov = { &r->facts, sizeof(r->facts) };
	struct msghdr h = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = space.room,
		.msg_controllen = sizeof(space.room) };

	assert_int_equal(recvmsg(r->engine, &h, MSG_CMSG_CLOEXEC), sizeof(r->facts));
	memcpy(&r->link, CMSG_DATA(CMSG_FIRSTHDR(&h)), sizeof(int));
}

/* Waits for a new engine; reads BOOT. */
static void rig_engine(struct rig *r)
{
	struct pollfd p = { .fd = r->driver, .events = POLLIN };

	fd_close(r->engine);
	fd_close(r->link);
	wire_msg_done(&r->boot);
	assert_int_equal(poll(&p, 1, 20000), 1);
	r->engine = accept4(r->driver, NULL, NULL, SOCK_CLOEXEC);
	assert_true(r->engine >= 0);
	take_hello(r);
	assert_int_equal(wire_recv(r->link, KEEPER_VERSION, &r->boot), 1);
	assert_int_equal(r->boot.head.op, KEEPER_BOOT);
}

static void rig_start(struct rig *r)
{
	r->keeper = spawn_keeper(r);
	rig_engine(r);
}

/* Gives the keeper's wait status. */
static int rig_stop(struct rig *r, int signal)
{
	int status = -1;

	assert_int_equal(kill(r->keeper, signal), 0);
	assert_int_equal(waitpid(r->keeper, &status, 0), r->keeper);
	return status;
}

static void run_shell(const char *fmt, const char *dir)
{
	char command[300];

	(void)snprintf(command, sizeof(command), "%s %s", fmt, dir);
	assert_int_equal(system(command), 0);
}

static void rig_remove(struct rig *r)
{
	fd_close(r->engine);
	fd_close(r->link);
	fd_close(r->driver);
	fd_close(r->client_conn);
	wire_msg_done(&r->boot);
	if (getenv("KEEP"))
		(void)fprintf(stderr, "kept: %s\n", r->dir);
	else
		run_shell("rm -rf", r->dir);
}

/* One message; clients are noted on the way. */
static void receive(struct rig *r, struct wire_msg *m)
{
	struct pollfd p = { .fd = r->link, .events = POLLIN };

	assert_int_equal(poll(&p, 1, 30000), 1);
	assert_int_equal(wire_recv(r->link, KEEPER_VERSION, m), 1);
	if (m->head.op != KEEPER_CLIENT)
		return;
	memcpy(&r->client, m->body, sizeof(r->client));
	fd_replace(&r->client_conn, wire_fd(m, 0));
}

/* Asks and waits for the answer; gives the kind of its error. */
static int rig_ask(struct rig *r, uint16_t op, const void *body, size_t size, const int *fds,
	unsigned nfds, struct keeper_reply *ret)
{
	static struct wire_msg m;
	uint32_t seq = ++r->seq;

	assert_int_equal(wire_send(r->link, KEEPER_VERSION, op, seq, body, size, fds, nfds), 0);
	do
		receive(r, &m);
	while (m.head.op != KEEPER_REPLY || m.head.seq != seq);
	memcpy(ret, m.body, sizeof(*ret));
	return ret->err.kind;
}

/* Connects as this user; waits until the keeper has said so.  Gives the client's end. */
static int rig_connect(struct rig *r, uid_t id)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	static struct wire_msg m;

	assert_true(str_copy(a.sun_path, sizeof(a.sun_path), str_of(rig_path(r, "sock"))));
	assert_int_equal(setegid(id) | seteuid(id), 0);
	assert_int_equal(connect(s, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(seteuid(0) | setegid(0), 0);
	do
		receive(r, &m);
	while (m.head.op != KEEPER_CLIENT);
	return s;
}
