/*
 * Real containers, made by this code and looked at from inside and outside.  Needs root; without it
 * every test is skipped.  The shim is this program itself, called by another name.
 */
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

/* ---- the fake shim ------------------------------------------------------------------------------
 */

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

/* ---- a keeper in small --------------------------------------------------------------------------
 */

static char base[64], scratch_path[96];
static int layers_dir, containers_dir, claims_dir, scratch_dir, self_exe;
static struct digest image;

struct box {
	struct keeper_create grant;
	struct spec_writer spec;
	uint32_t flags;
	pid_t net_of, pid_of, ipc_of;
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

/* ---- what it prints and how it ends ------------------------------------------------------------
 */

static void programs_run_and_end(void **state)
{
	(void)state;
	need_root();
	expect_output(box("echo", "hi", NULL), 0, "hi\n");
	expect_output(box("/bin/sh", "-c", "exit 7", NULL), 7, "");
	expect_output(box("sh", "-c", "kill -9 $$; kill -TERM $$; exit 3", NULL), 3, "");
	expect_output(box("sh", "-c", "cat; echo two >&2", NULL), 0, "two\n");
}

static void stdin_is_passed(void **state)
{
	struct box b;

	(void)state;
	need_root();
	b = box("cat", NULL);
	b.flags = KEEPER_START_STDIN;
	expect_output(b, 0, "from stdin\n");
}

static void missing_programs_have_dockers_words(void **state)
{
	(void)state;
	need_root();
	expect_failure(box("nope", NULL), ERR_NOT_FOUND,
		"exec: \"nope\": executable file not found in $PATH");
	expect_failure(
		box("/x", NULL), ERR_NOT_FOUND, "exec: \"/x\": stat /x: no such file or directory");
	expect_failure(
		box("/etc/passwd", NULL), ERR_DENIED, "exec: \"/etc/passwd\": permission denied");
	expect_failure(box("/", NULL), ERR_DENIED, "exec: \"/\": is a directory");
}

static void what_the_kernel_cannot_run_has_started(void **state)
{
	struct digest d = image;
	struct box b;

	(void)state;
	need_root();
	digest_random(&d);
	make_image(&d, "printf garbage >bin/bad && chmod 755 bin/bad");
	b = box("/bin/bad", NULL);
	b.grant.layers[0] = d;
	expect_output(b, 255, "exec /bin/bad: exec format error\n");
}

/* ---- rights -------------------------------------------------------------------------------------
 */

static void rights_are_exactly_these(void **state)
{
	struct box b;

	(void)state;
	need_root();
	expect_output(box("grep", "-E", "^(Uid|Gid|Groups|Cap|NoNewPrivs|Seccomp:)",
			      "/proc/self/status", NULL),
		0,
		"Uid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nGroups:\t0 \nCapInh:\t0000000000000000\n"
		"CapPrm:\t00000000a80425fb\nCapEff:\t00000000a80425fb\nCapBnd:\t00000000a80425fb\n"
		"CapAmb:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\n");
	b = box("grep", "-E", "^(Uid|Gid|Groups|Cap|NoNewPrivs)", "/proc/self/status", NULL);
	spec_add_str(&b.spec, SPEC_USER, "web");
	spec_add_str(&b.spec, SPEC_GROUP_ADD, "5");
	expect_output(b, 0,
		"Uid:\t1000\t1000\t1000\t1000\nGid:\t1000\t1000\t1000\t1000\nGroups:\t5 77 1000 \n"
		"CapInh:\t0000000000000000\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\n"
		"CapBnd:\t00000000a80425fb\nCapAmb:\t0000000000000000\nNoNewPrivs:\t1\n");
	b = box("grep", "-E", "^(CapBnd|NoNewPrivs|Seccomp:)", "/proc/self/status", NULL);
	b.grant.flags = KEEPER_NEW_PRIVS;
	b.grant.caps = 1 << 10;
	expect_output(b, 0, "CapBnd:\t0000000000000400\nNoNewPrivs:\t0\nSeccomp:\t2\n");
}

/* The host's view of a process inside, and of its shim. */
static void ids_are_the_containers_own(void **state)
{
	struct box a, b;
	char path[64];
	struct stat st;

	(void)state;
	need_root();
	a = box("sh", "-c", "cat /proc/self/uid_map; touch /new; ls -n / | grep new | cut -c 12-40",
		NULL);
	b = box("sleep", "1000", NULL);
	assert_true(start(&b));
	(void)snprintf(path, sizeof(path), "/proc/%d", b.report.pid);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_uid, b.report.id_base);
	assert_true(st.st_uid >= IDS_FIRST);
	(void)run(&a);
	assert_true(a.report.id_base >= IDS_FIRST);
	assert_true(a.report.id_base >= b.report.id_base + IDS_SLOT ||
		    b.report.id_base >= a.report.id_base + IDS_SLOT);
	assert_non_null(strstr(a.result->out, "65536"));
	assert_int_equal(a.result->uid, a.report.id_base + IDS_SHIM);
	assert_int_equal(a.result->gid, a.report.id_base + IDS_SHIM);
	assert_string_equal(a.result->caps, "0000000000000000");
	assert_string_equal(a.result->fds, "0 1 2 3 4 5 7 8 9 ");
	assert_int_equal(sys_pidfd_signal(b.pidfd, SIGKILL), 0);
	(void)finish(&b);
	assert_int_equal(b.result->code, 137);
	done(&a);
	done(&b);
	/* On disk the ids are the image's own. */
	sh("test $(find %s/containers -name new -uid 0 | wc -l) = 1", base);
}

static void only_three_descriptors_arrive(void **state)
{
	(void)state;
	need_root();
	/* 3 is the directory that ls reads */
	expect_output(box("ls", "/proc/self/fd", NULL), 0, "0\n1\n2\n3\n");
}

/* ---- the tree -----------------------------------------------------------------------------------
 */

static void dev_is_dockers(void **state)
{
	(void)state;
	need_root();
	expect_output(box("ls", "/dev", NULL), 0,
		"core\nfd\nfull\nmqueue\nnull\nptmx\npts\nrandom\nshm\nstderr\nstdin\nstdout\n"
		"tty\nurandom\nzero\n");
	expect_output(box("stat", "-c", "%a %u %g %t %T %F", "/dev/null", "/dev/urandom", NULL), 0,
		"666 0 0 1 3 character special file\n666 0 0 1 9 character special file\n");
	expect_output(box("sh", "-c", "echo x >/dev/null && head -c 2 /dev/zero | wc -c", NULL), 0,
		"2\n");
}

static void masked_and_read_only_paths_hold(void **state)
{
	struct box b;

	(void)state;
	need_root();
	expect_output(
		box("sh", "-c",
			"wc -c </proc/interrupts; wc -c </proc/keys; ls -A /proc/scsi /sys/firmware "
			"2>&1 | grep -v :; wc -c </proc/timer_list; wc -c </proc/kallsyms",
			NULL),
		0, "0\n0\n0\n0\n");
	b = box("sh", "-c",
		"for f in /proc/sys/kernel/core_pattern /proc/sysrq-trigger /sys/power/state; do "
		"(echo x >$f) 2>/dev/null && echo wrote $f; done; echo done",
		NULL);
	expect_output(b, 0, "done\n");
	b = box("sh", "-c", "ls -A /etc | wc -l; (echo x >/tmp/x) 2>&1 | cut -d: -f3-", NULL);
	spec_add_str(&b.spec, SPEC_MASK, "/etc");
	spec_add_str(&b.spec, SPEC_READONLY, "/tmp");
	expect_output(b, 0, "0\n Read-only file system\n");
}

static void a_read_only_root_is_one(void **state)
{
	struct box b;

	(void)state;
	need_root();
	b = box("sh", "-c",
		"(echo x >/x) 2>/dev/null || echo refused; echo x >/dev/shm/x && echo ok", NULL);
	b.grant.flags = KEEPER_READONLY;
	expect_output(b, 0, "refused\nok\n");
}

static void files_and_tmpfs_are_mounted(void **state)
{
	struct digest d = image;
	struct box b;

	(void)state;
	need_root();
	digest_random(&d);
	make_image(&d,
		"ln -s ../run/systemd/resolv.conf etc/resolv.conf && ln -s /etc/real etc/hosts "
		"&& mkdir -m 0750 data");
	b = box("sh", "-c",
		"cat /etc/hosts /run/systemd/resolv.conf /etc/hostname; grep ' /data ' /proc/mounts | "
		"cut -d' ' -f3,4 | cut -d, -f1-7; stat -c %a /data /fresh/t; hostname",
		NULL);
	b.grant.layers[0] = d;
	spec_add(&b.spec, SPEC_FILE, "/etc/hosts\0one\n", 15);
	spec_add(&b.spec, SPEC_FILE, "/etc/resolv.conf\0two\n", 21);
	spec_add(&b.spec, SPEC_FILE, "/etc/hostname\0three\n", 20);
	spec_add(&b.spec, SPEC_TMPFS, "/data\0size=64k", 14);
	spec_add(&b.spec, SPEC_TMPFS, "/fresh/t\0exec,mode=711", 22);
	spec_add_str(&b.spec, SPEC_HOSTNAME, "box");
	(void)run(&b);
	if (!strstr(b.result->out, "one\ntwo\nthree\ntmpfs rw,nosuid,nodev,noexec") ||
		!strstr(b.result->out, "size=64k") || !strstr(b.result->out, "\n750\n711\nbox\n"))
		fail_msg("%s", b.result->out);
	done(&b);
	b = box("true", NULL);
	spec_add(&b.spec, SPEC_TMPFS, "/t\0bad", 6);
	expect_failure(b, ERR_INVALID, "invalid tmpfs option [\"bad\"]");
}

static void network_and_sysctls(void **state)
{
	struct box b;

	(void)state;
	need_root();
	b = box("sh", "-c",
		"cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/net/ipv4/ping_group_range "
		"/proc/sys/net/ipv4/ip_forward; ip -o link | wc -l; ip -o addr | grep -c 127.0.0.1",
		NULL);
	spec_add_str(&b.spec, SPEC_SYSCTL, "net.ipv4.ip_forward=1");
	expect_output(b, 0, "0\n0\t65535\n1\n1\n1\n");
	b = box("true", NULL);
	spec_add_str(&b.spec, SPEC_SYSCTL, "kernel.core_pattern=|/x");
	expect_failure(b, ERR_INVALID, "is not in a separate kernel namespace");
	b = box("true", NULL);
	spec_add_str(&b.spec, SPEC_SYSCTL, "net.../../kernel.core_pattern=x");
	expect_failure(b, ERR_INVALID, "write sysctl key");
}

static void working_directories(void **state)
{
	struct box b;

	(void)state;
	need_root();
	b = box("sh", "-c", "pwd; stat -c %u:%a .", NULL);
	spec_add_str(&b.spec, SPEC_CWD, "/made/for/me");
	expect_output(b, 0, "/made/for/me\n0:755\n");
	for (int i = 0; i < 24; i++) {
		char cwd[64];

		(void)snprintf(cwd, sizeof(cwd), "/proc/self/fd/%d", i);
		b = box("pwd", NULL);
		spec_add_str(&b.spec, SPEC_CWD, cwd);
		expect_failure(b, ERR_DENIED, "chdir to cwd (\"/proc/self/fd/");
	}
	b = box("pwd", NULL);
	spec_add_str(&b.spec, SPEC_CWD, "/etc/passwd");
	expect_failure(b, ERR_INVALID, "Cannot mkdir: /etc/passwd is not a directory");
	b = box("pwd", NULL);
	spec_add_str(&b.spec, SPEC_CWD, "etc");
	expect_failure(b, ERR_INVALID, "needs to be an absolute path");
}

/* ---- hostile images -----------------------------------------------------------------------------
 */

static void links_in_the_way_are_replaced(void **state)
{
	struct digest d = image;
	struct box b;

	(void)state;
	need_root();
	digest_random(&d);
	make_image(&d, "ln -s /tmp dev && ln -s ../../../../../../tmp proc && printf x >sys");
	b = box("sh", "-c",
		"stat -c %F /dev /proc /sys; ls /tmp | wc -l; ls /dev/null /proc/1/status", NULL);
	b.grant.layers[0] = d;
	expect_output(b, 0, "directory\ndirectory\ndirectory\n0\n/dev/null\n/proc/1/status\n");
}

static void user_files_may_be_anything(void **state)
{
	static const struct {
		const char *make, *want;
	} cases[] = {
		{ "rm etc/passwd && mkfifo etc/passwd", "is not a regular file" },
		{ "rm etc/group && mknod etc/group c 1 5", "open /etc/group: permission denied" },
		{ "rm etc/group && truncate -s 4G etc/group", "is larger than" },
		{ "rm etc/passwd && ln -s /proc/version etc/passwd", "is not a regular file" },
	};

	(void)state;
	need_root();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct digest d;
		struct box b = box("true", NULL);

		digest_random(&d);
		make_image(&d, cases[i].make);
		b.grant.layers[0] = d;
		if (start(&b))
			fail_msg("started: %s", cases[i].make);
		if (!strstr(b.report.err.msg, cases[i].want))
			fail_msg("%s: %s", cases[i].make, b.report.err.msg);
		(void)finish(&b);
		done(&b);
	}
}

static void users_outside_the_range_are_refused(void **state)
{
	struct box b;

	(void)state;
	need_root();
	b = box("id", NULL);
	spec_add_str(&b.spec, SPEC_USER, "70000");
	expect_failure(b, ERR_INVALID, "outside the container's range");
	b = box("id", "-u", NULL);
	b.grant.extra_ids = 1;
	b.grant.extra[0] = 1000620000;
	spec_add_str(&b.spec, SPEC_USER, "1000620000");
	expect_output(b, 0, "1000620000\n");
	b = box("id", NULL);
	spec_add_str(&b.spec, SPEC_USER, "4294967296");
	expect_failure(b, ERR_INVALID, "uids and gids must be in range 0-2147483647");
}

/* ---- terminals, reaper, exec --------------------------------------------------------------------
 */

static void a_terminal_is_one(void **state)
{
	struct box b;
	uint32_t size[2] = { 33, 99 };

	(void)state;
	need_root();
	b = box("sh", "-c",
		"tty; stat -c %t:%T /dev/console /dev/pts/0; echo x >/dev/tty; stty size 2>/dev/null || busybox stty size",
		NULL);
	b.flags = KEEPER_START_TTY;
	spec_add(&b.spec, SPEC_CONSOLE, size, sizeof(size));
	expect_output(b, 0, "/dev/pts/0\r\n88:0\r\n88:0\r\nx\r\n33 99\r\n");
}

static void the_reaper_reaps_and_forwards(void **state)
{
	struct box b;

	(void)state;
	need_root();
	b = box("sh", "-c",
		"cat /proc/1/comm; tr '\\0' ' ' </proc/1/cmdline | cut -c 1-11; echo $$; (readlink /proc/1/exe; cat /proc/1/maps; ls /proc/1/fd/) 2>/dev/null || echo hidden; "
		"grep -E 'CapEff|Seccomp:' /proc/1/status; exit 9",
		NULL);
	spec_add(&b.spec, SPEC_INIT, NULL, 0);
	expect_output(b, 9,
		"docker-init\ndocker-init\n2\nhidden\nCapEff:\t00000000a80425fb\nSeccomp:\t2\n");
	b = box("sh", "-c", "trap 'echo got; exit 4' TERM; kill -TERM 1; while :; do sleep 1; done",
		NULL);
	spec_add(&b.spec, SPEC_INIT, NULL, 0);
	expect_output(b, 4, "got\n");
}

struct execution {
	struct exec_report started, ended;
	int master;
	char out[OUT_MAX];
};

static void exec_in(struct box *b, struct spec_writer *w, uint32_t flags, struct execution *ret)
{
	struct runtime_exec_plan p = { .grant = &b->grant,
		.flags = flags,
		.stdio = { -1, -1, -1 },
		.init_pidfd = b->pidfd,
		.init_pid = b->report.pid,
		.id_base = b->report.id_base };
	struct err e = { 0 };
	int report[2], out[2], fd, status;
	ssize_t n;
	pid_t pid;

	p.spec = spec_seal(w, &e);
	spec_done(w);
	assert_true(p.spec >= 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, report), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	if (!(flags & KEEPER_EXEC_TTY)) {
		p.stdio[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
		p.stdio[1] = p.stdio[2] = out[1];
	}
	p.report = report[1];
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		runtime_exec(&p);
	(void)close(report[1]);
	(void)close(out[1]);
	(void)close(p.spec);
	fd_close(p.stdio[0]);
	assert_int_equal(receive(report[0], &ret->started, sizeof(ret->started), &ret->master),
		sizeof(ret->started));
	fd = ret->master >= 0 ? ret->master : out[0];
	n = fd_read_full(fd, ret->out, OUT_MAX - 1);
	if (n < 0 && ret->master >= 0)
		n = (ssize_t)strlen(ret->out);
	ret->out[n] = '\0';
	if (ret->started.type == EXEC_STARTED)
		assert_int_equal(receive(report[0], &ret->ended, sizeof(ret->ended), &fd),
			sizeof(ret->ended));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	(void)close(report[0]);
	(void)close(out[0]);
	fd_close(ret->master);
}

static struct spec_writer command(const char *text)
{
	struct spec_writer w;

	spec_init(&w);
	spec_add_str(&w, SPEC_ARG, "sh");
	spec_add_str(&w, SPEC_ARG, "-c");
	spec_add_str(&w, SPEC_ARG, text);
	spec_add_str(&w, SPEC_ENV, "PATH=/bin");
	return w;
}

static void exec_joins_everything(void **state)
{
	static struct execution x;
	struct box b;
	struct spec_writer w;

	(void)state;
	need_root();
	b = box("sleep", "1000", NULL);
	assert_true(start(&b));
	w = command(
		"cat /proc/1/cmdline | tr '\\0' ' '; echo; for n in user mnt pid net ipc uts cgroup; do test "
		"$(readlink /proc/1/ns/$n) = $(readlink /proc/self/ns/$n) || echo other $n; done; grep "
		"-E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status; ls /proc/self/fd | tr '\\n' ' '; exit 5");
	exec_in(&b, &w, 0, &x);
	if (x.started.type != EXEC_STARTED)
		fail_msg("%s", x.started.err.msg);
	assert_string_equal(x.out,
		"sleep 1000 \nCapInh:\t0000000000000000\nCapPrm:\t00000000a80425fb\n"
		"CapEff:\t00000000a80425fb\nCapBnd:\t00000000a80425fb\nCapAmb:\t0000000000000000\n"
		"NoNewPrivs:\t1\nSeccomp:\t2\n0 1 2 3 ");
	assert_int_equal(x.ended.type, EXEC_EXITED);
	assert_int_equal(x.ended.status, 5);

	w = command(
		"id -u; id -g; pwd; echo $HOME; grep CapEff /proc/self/status; echo y >/dev/stdout");
	spec_add_str(&w, SPEC_USER, "web");
	spec_add_str(&w, SPEC_CWD, "/tmp");
	exec_in(&b, &w, 0, &x);
	assert_string_equal(x.out, "1000\n1000\n/tmp\n/home/web\nCapEff:\t0000000000000000\ny\n");

	w = command("tty; echo x >/dev/tty; kill -9 $$");
	memset(x.out, 0, sizeof(x.out));
	exec_in(&b, &w, KEEPER_EXEC_TTY, &x);
	assert_string_equal(x.out, "/dev/pts/0\r\nx\r\n");
	assert_int_equal(x.ended.status, 137);

	w = command("grep CapEff /proc/self/status");
	exec_in(&b, &w, KEEPER_EXEC_PRIVILEGED, &x);
	assert_string_equal(x.out, "CapEff:\t000001ffffffffff\n");

	w = command("true");
	spec_add_str(&w, SPEC_CWD, "/proc/self/fd/3");
	exec_in(&b, &w, 0, &x);
	assert_int_equal(x.started.type, EXEC_FAILED);
	assert_non_null(strstr(x.started.err.msg, "chdir to cwd (\"/proc/self/fd/3\")"));
	spec_init(&w);
	spec_add_str(&w, SPEC_ARG, "nope");
	exec_in(&b, &w, 0, &x);
	assert_int_equal(x.started.type, EXEC_FAILED);
	assert_non_null(
		strstr(x.started.err.msg, "exec: \"nope\": executable file not found in $PATH"));
	assert_int_equal(sys_pidfd_signal(b.pidfd, SIGKILL), 0);
	(void)finish(&b);
	done(&b);
}

static void a_guardian_kills_when_asked(void **state)
{
	struct runtime_exec_plan p;
	struct exec_report r = { 0 };
	struct spec_writer w;
	struct err e = { 0 };
	struct box b;
	int report[2], fd, status;
	pid_t pid;

	(void)state;
	need_root();
	b = box("sleep", "1000", NULL);
	assert_true(start(&b));
	w = command("trap '' TERM; while :; do sleep 100; done");
	spec_add_str(&w, SPEC_USER, "web");
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, report), 0);
	fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	p = (struct runtime_exec_plan){ .grant = &b.grant,
		.spec = spec_seal(&w, &e),
		.report = report[1],
		.stdio = { fd, fd, fd },
		.init_pidfd = b.pidfd,
		.init_pid = b.report.pid,
		.id_base = b.report.id_base };
	pid = fork();
	if (pid == 0)
		runtime_exec(&p);
	(void)close(report[1]);
	(void)close(p.spec);
	(void)close(fd);
	assert_int_equal(receive(report[0], &r, sizeof(r), &fd), sizeof(r));
	assert_int_equal(r.type, EXEC_STARTED);
	r = (struct exec_report){ .type = EXEC_KILL };
	assert_int_equal(send(report[0], &r, sizeof(r), 0), sizeof(r));
	assert_int_equal(receive(report[0], &r, sizeof(r), &fd), sizeof(r));
	assert_int_equal(r.type, EXEC_EXITED);
	assert_int_equal(r.status, 137);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	(void)close(report[0]);
	spec_done(&w);
	assert_int_equal(sys_pidfd_signal(b.pidfd, SIGKILL), 0);
	(void)finish(&b);
	done(&b);
}

/* ---- shared namespaces
 * ---------------------------------------------------------------------------
 */

static void containers_join_each_other(void **state)
{
	struct box a, b;

	(void)state;
	need_root();
	a = box("sh", "-c", "echo shared >/dev/shm/x; exec sleep 1000", NULL);
	assert_true(start(&a));
	b = box("sh", "-c",
		"cat /proc/1/comm; for i in 1 2 3 4 5 6 7 8 9; do test -e /dev/shm/x || sleep 1; done; "
		"cat /dev/shm/x; grep -c lo: /proc/net/dev; head -c 9 /proc/self/cgroup >/dev/null",
		NULL);
	b.net_of = b.pid_of = b.ipc_of = a.report.pid;
	b.grant.netns = b.grant.pidns = b.grant.ipcns = KEEPER_NS_CONTAINER;
	b.joined_base = a.report.id_base;
	(void)run(&b);
	assert_string_equal(b.result->out, "sleep\nshared\n1\n");
	assert_int_equal(b.report.id_base, a.report.id_base);
	done(&b);
	assert_int_equal(sys_pidfd_signal(a.pidfd, SIGKILL), 0);
	(void)finish(&a);
	done(&a);
}

static void the_hosts_user_namespace_is_limited(void **state)
{
	struct box b;

	(void)state;
	need_root();
	b = box("sh", "-c",
		"cat /proc/self/uid_map | tr -s ' '; grep -E 'CapEff|CapBnd|NoNewPrivs' /proc/self/status; "
		"mknod /tmp/d b 254 0 2>/dev/null && (head -c 1 /tmp/d >/dev/null) 2>/dev/null && echo leaked; "
		"mknod /dev/d b 254 0 2>/dev/null && (head -c 1 /dev/d >/dev/null) 2>/dev/null && echo leaked; "
		"head -c 1 /dev/zero | wc -c; ls /proc/1/exe",
		NULL);
	b.grant.userns = KEEPER_NS_HOST;
	b.grant.netns = b.grant.ipcns = KEEPER_NS_HOST;
	(void)run(&b);
	assert_int_equal(b.report.id_base, 0);
	assert_true(b.result->uid >= IDS_FIRST);
	assert_string_equal(b.result->out,
		" 0 0 4294967295\nCapEff:\t00000000a80425fb\nCapBnd:\t00000000a80425fb\nNoNewPrivs:\t1\n"
		"1\n/proc/1/exe\n");
	done(&b);
	b = box("true", NULL);
	b.grant.netns = KEEPER_NS_HOST;
	expect_failure(b, ERR_UNSUPPORTED, "--userns=host");
}

static void a_failed_start_leaves_nothing(void **state)
{
	struct box b;

	(void)state;
	need_root();
	b = box("true", NULL);
	digest_random(&b.grant.layers[0]);
	expect_failure(b, ERR_SYSTEM, "cannot open layer");
	b = box("true", NULL);
	b.grant.oom_score_adj = -1000;
	(void)start(&b); /* only with CAP_SYS_RESOURCE it can be met */
	(void)finish(&b);
	done(&b);
	sh("! grep -q %s /proc/self/mountinfo", base);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(programs_run_and_end),
		cmocka_unit_test(stdin_is_passed),
		cmocka_unit_test(missing_programs_have_dockers_words),
		cmocka_unit_test(what_the_kernel_cannot_run_has_started),
		cmocka_unit_test(rights_are_exactly_these),
		cmocka_unit_test(ids_are_the_containers_own),
		cmocka_unit_test(only_three_descriptors_arrive),
		cmocka_unit_test(dev_is_dockers),
		cmocka_unit_test(masked_and_read_only_paths_hold),
		cmocka_unit_test(a_read_only_root_is_one),
		cmocka_unit_test(files_and_tmpfs_are_mounted),
		cmocka_unit_test(network_and_sysctls),
		cmocka_unit_test(working_directories),
		cmocka_unit_test(links_in_the_way_are_replaced),
		cmocka_unit_test(user_files_may_be_anything),
		cmocka_unit_test(users_outside_the_range_are_refused),
		cmocka_unit_test(a_terminal_is_one),
		cmocka_unit_test(the_reaper_reaps_and_forwards),
		cmocka_unit_test(exec_joins_everything),
		cmocka_unit_test(a_guardian_kills_when_asked),
		cmocka_unit_test(containers_join_each_other),
		cmocka_unit_test(the_hosts_user_namespace_is_limited),
		cmocka_unit_test(a_failed_start_leaves_nothing),
	};

	if (argc == 2 && streq(argv[0], "caisson-shim"))
		return shim_main(argv[1]);
	return cmocka_run_group_tests_name("runtime", tests, setup, teardown);
}
