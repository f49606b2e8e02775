/*
 * box_test - a keeper in small, for tests: an image of busybox, containers made by the real
 * runtime_start(), and a shim that collects what they print.  The shim is the test program itself,
 * called by another name; so a test's main() starts with BOX_MAIN.  Needs root.
 */
#pragma once

#include "runtime/runtime-int.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
/* after stdarg and setjmp, which it needs */
#include <cmocka.h>

#include "cgroup/cgroup.h"
#include "shim/shim.h"

#define OUT_MAX	    60000
#define DOCKER_CAPS 0xa80425fbull

/* ---- the fake shim --------------------------------------------------------------------------- */

struct result {
	int32_t code;
	uint32_t uid, gid, size;
	char caps[32]; /* CapEff */
	char fds[256];
	char out[OUT_MAX];
};

static void note_self(struct result *r)
{
	char text[4096];
	int fd = open("/proc/self/status", O_RDONLY);
	ssize_t n = fd_read_full(fd, text, sizeof(text) - 1);
	char *at;

	(void)close(fd);
	text[n > 0 ? n : 0] = '\0';
	at = strstr(text, "CapEff:\t");
	if (at)
		(void)snprintf(r->caps, sizeof(r->caps), "%.16s", at + 8);
	for (int i = 0; i < 1024; i++)
		if (fcntl(i, F_GETFD) >= 0)
			(void)snprintf(
				r->fds + strlen(r->fds), sizeof(r->fds) - strlen(r->fds), "%d ", i);
	r->uid = getuid();
	r->gid = getgid();
}

static int shim_main(const char *flags)
{
	static struct result r;
	bool tty = strchr(flags, 't');
	struct pollfd p[2] = { { .fd = tty ? SHIM_FD_STDIN : SHIM_FD_STDOUT, .events = POLLIN },
		{ .fd = tty ? -1 : SHIM_FD_STDERR, .events = POLLIN } };

	note_self(&r);
	if (strchr(flags, 'i') && write(SHIM_FD_STDIN, "from stdin\n", 11) != 11)
		return 1;
	if (!tty)
		(void)close(SHIM_FD_STDIN);
	while ((p[0].fd >= 0 || p[1].fd >= 0) && poll(p, 2, -1) > 0)
		for (int i = 0; i < 2; i++) {
			ssize_t n;

			if (p[i].fd < 0 || !p[i].revents)
				continue;
			n = read(p[i].fd, r.out + r.size, OUT_MAX - 1 - r.size);
			if (n > 0)
				r.size += (uint32_t)n;
			else
				p[i].fd = -1;
		}
	r.code = sys_pidfd_wait(SHIM_FD_PIDFD);
	return send(SHIM_FD_LISTEN, &r, sizeof(r), 0) == (ssize_t)sizeof(r) ? 0 : 1;
}

/* ---- a keeper in small ----------------------------------------------------------------------- */

static char base[64], scratch_path[96];
static int layers_dir, containers_dir, claims_dir, scratch_dir, self_exe;
static struct digest image;

struct box {
	struct keeper_create grant;
	struct spec_writer spec;
	uint32_t flags;
	int net_of, pid_of, ipc_of;
	uint32_t joined_base;
	/* after the start */
	struct runtime_report report;
	int pidfd, socket, dir;
	pid_t starter;
	struct result *result;
};

static void sh(const char *fmt, ...) PRINTF(1, 2);
static void sh(const char *fmt, ...)
{
	char cmd[2048];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(cmd, sizeof(cmd), fmt, ap);
	va_end(ap);
	if (system(cmd) != 0) // NOLINT
		fail_msg("failed: %s", cmd);
}

static int open_at(const char *name)
{
	char path[128];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", base, name);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static void make_image(const struct digest *d, const char *more)
{
	char hex[DIGEST_HEX + 1], dir[192];

	(void)snprintf(dir, sizeof(dir), "%s/layers/%s", base, digest_hex(d, hex));
	sh("umask 022; mkdir -p %s/bin %s/etc %s/tmp && chmod 1777 %s/tmp && cp /bin/busybox %s/bin/busybox",
		dir, dir, dir, dir, dir);
	sh("cd %s/bin && for a in sh ls id cat echo stat sleep mount touch mkdir ps kill true grep "
	   "readlink head tail tty wc sort tr chown ping ip hostname test mknod cut; do ln -s "
	   "busybox $a; done",
		dir);
	sh("cd %s && printf 'root:x:0:0:root:/root:/bin/sh\\nweb:x:1000:1000::/home/web:/bin/"
	   "sh\\n1000:x:0:0::/:\\n' >etc/passwd && printf "
	   "'root:x:0:\\nweb:x:1000:\\nextra:x:77:web,other\\n' >etc/group",
		dir);
	sh("cd %s && %s", dir, more);
}

static int setup(void **state)
{
	(void)state;
	if (geteuid() != 0)
		return 0;
	(void)snprintf(base, sizeof(base), "/tmp/caisson-runtime-test-%d", getpid());
	sh("mkdir -m 0700 %s && mkdir %s/layers %s/containers %s/claims %s/scratch", base, base,
		base, base, base);
	(void)snprintf(scratch_path, sizeof(scratch_path), "%s/scratch", base);
	layers_dir = open_at("layers");
	containers_dir = open_at("containers");
	claims_dir = open_at("claims");
	scratch_dir = open_at("scratch");
	self_exe = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	digest_random(&image);
	make_image(&image, "true");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	if (geteuid() == 0)
		sh("rm -rf %s", base);
	return 0;
}

static void need_root(void)
{
	enum cgroup_version v;

	if (geteuid() == 0 && cgroup_detect(&v) == 0)
		return;
	print_message("skipped: needs root and control groups\n");
	skip();
}

static struct box box(const char *arg0, ...)
{
	struct box b = { .pidfd = -1, .socket = -1 };
	char hex[DIGEST_HEX + 1];
	va_list ap;

	digest_random(&b.grant.id);
	b.grant.caps = DOCKER_CAPS;
	b.grant.nlayers = 1;
	b.grant.layers[0] = image;
	b.grant.limits = (struct keeper_limits){ .set = KEEPER_LIMIT_PIDS, .pids = 100 };
	(void)digest_hex(&b.grant.id, hex);
	assert_int_equal(mkdirat(containers_dir, hex, 0700), 0);
	b.dir = openat(containers_dir, hex, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mkdirat(b.dir, "upper", 0755), 0);
	assert_int_equal(mkdirat(b.dir, "work", 0755), 0);
	spec_init(&b.spec);
	va_start(ap, arg0);
	for (const char *a = arg0; a; a = va_arg(ap, const char *))
		spec_add_str(&b.spec, SPEC_ARG, a);
	va_end(ap);
	spec_add_str(&b.spec, SPEC_ENV, "PATH=/usr/bin:/bin");
	return b;
}

static int receive(int sock, void *p, size_t n, int *ret_fd)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int))];
	} c;
	struct iovec iov = { p, n };
	struct msghdr m = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = c.room,
		.msg_controllen = sizeof(c.room) };
	ssize_t r = recvmsg(sock, &m, MSG_CMSG_CLOEXEC);

	*ret_fd = -1;
	if (r > 0 && m.msg_controllen >= CMSG_LEN(sizeof(int)))
		memcpy(ret_fd, CMSG_DATA(&c.align), sizeof(int));
	return (int)r;
}

/* Starts the container; true when its program was executed. */
static bool start(struct box *b)
{
	struct runtime_plan plan = { .grant = &b->grant,
		.start_flags = b->flags,
		.shim = self_exe,
		.layers_dir = layers_dir,
		.container_dir = b->dir,
		.scratch = scratch_dir,
		.scratch_path = scratch_path,
		.claims = claims_dir,
		.net_of = b->net_of,
		.pid_of = b->pid_of,
		.ipc_of = b->ipc_of,
		.joined_base = b->joined_base };
	int report[2], socket[2];
	struct err e = { 0 };

	plan.spec = spec_seal(&b->spec, &e);
	spec_done(&b->spec);
	assert_true(plan.spec >= 0);
	plan.log = open("/dev/null", O_WRONLY | O_CLOEXEC);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, report), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, socket), 0);
	plan.listener = socket[1];
	b->starter = fork();
	assert_true(b->starter >= 0);
	if (b->starter == 0)
		runtime_start(&plan, report[1]);
	(void)close(report[1]);
	(void)close(socket[1]);
	(void)close(plan.spec);
	(void)close(plan.log);
	b->socket = socket[0];
	assert_int_equal(
		receive(report[0], &b->report, sizeof(b->report), &b->pidfd), sizeof(b->report));
	(void)close(report[0]);
	return b->report.err.kind == ERR_NONE;
}

/* Waits for its end; gives what it printed. */
static const char *finish(struct box *b)
{
	struct err e = { 0 };
	int status;

	b->result = test_calloc(1, sizeof(*b->result));
	if (b->report.err.kind == ERR_NONE)
		assert_int_equal(
			recv(b->socket, b->result, sizeof(*b->result), 0), sizeof(*b->result));
	assert_int_equal(waitpid(b->starter, &status, 0), b->starter);
	if (cgroup_remove(&b->grant.id, &e) < 0)
		fail_msg("%s", e.msg);
	fd_close(b->pidfd);
	fd_close(b->socket);
	fd_close(b->dir);
	return b->result->out;
}

static const char *run(struct box *b)
{
	if (!start(b))
		fail_msg("start failed: %s", b->report.err.msg);
	return finish(b);
}

static void done(struct box *b)
{
	test_free(b->result);
}

static void expect_output(struct box b, int code, const char *want)
{
	const char *got = run(&b);

	if (!streq(got, want))
		fail_msg("got:\n%s\nwant:\n%s", got, want);
	assert_int_equal(b.result->code, code);
	done(&b);
}

static void expect_failure(struct box b, enum err_kind kind, const char *want)
{
	char hex[DIGEST_HEX + 1], path[160];

	if (start(&b))
		fail_msg("it started");
	if (!strstr(b.report.err.msg, want))
		fail_msg("got: %s\nwant: %s", b.report.err.msg, want);
	assert_int_equal(b.report.err.kind, kind);
	/* Nothing is left: no group, no claim, no mount, no process. */
	(void)snprintf(
		path, sizeof(path), "/sys/fs/cgroup/pids/caisson/%s", digest_hex(&b.grant.id, hex));
	assert_int_not_equal(access(path, F_OK), 0);
	(void)finish(&b);
	done(&b);
}

#define BOX_MAIN(name, tests)                                                                      \
	do {                                                                                       \
		if (argc == 2 && streq(argv[0], "caisson-shim"))                                   \
			return shim_main(argv[1]);                                                 \
		return cmocka_run_group_tests_name(name, tests, setup, teardown);                  \
	} while (0)
