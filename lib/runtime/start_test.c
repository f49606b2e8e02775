/*
 * Containers as they are after a start, looked at from inside and outside.
 */
#include "runtime/box_test.h"

/* ---- what it prints and how it ends ---------------------------------------------------------- */

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

/* ---- rights ---------------------------------------------------------------------------------- */

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
	/* Even when the keeper forgot to mark one. */
	assert_int_equal(fcntl(scratch_dir, F_SETFD, 0), 0);
	/* 3 is the directory that ls reads */
	expect_output(box("ls", "/proc/self/fd", NULL), 0, "0\n1\n2\n3\n");
	assert_int_equal(fcntl(scratch_dir, F_SETFD, FD_CLOEXEC), 0);
}

/* ---- the tree -------------------------------------------------------------------------------- */

static void dev_is_dockers(void **state)
{
	(void)state;
	need_root();
	/* "core" is there where the kernel has a /proc/kcore */
	expect_output(box("sh", "-c", "ls /dev | grep -vx core", NULL), 0,
		"fd\nfull\nmqueue\nnull\nptmx\npts\nrandom\nshm\nstderr\nstdin\nstdout\n"
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
		assert_false(start(&b));
		assert_non_null(strstr(b.report.err.msg, "chdir to cwd (\"/proc/self/fd/"));
		(void)finish(&b);
		done(&b);
	}
	b = box("pwd", NULL);
	spec_add_str(&b.spec, SPEC_CWD, "/etc/passwd");
	expect_failure(b, ERR_INVALID, "Cannot mkdir: /etc/passwd is not a directory");
	b = box("pwd", NULL);
	spec_add_str(&b.spec, SPEC_CWD, "etc");
	expect_failure(b, ERR_INVALID, "needs to be an absolute path");
}

/* ---- hostile images -------------------------------------------------------------------------- */

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
		cmocka_unit_test(a_failed_start_leaves_nothing),
	};

	BOX_MAIN("start", tests);
}
