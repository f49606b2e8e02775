/* T17: inside each profile every act a captured worker would try fails (refused or killed). */
#include "sandbox/job_test.h"
#include "sandbox/sandbox.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cmocka.h>

static int host_pid;
static const char *canary = "/tmp/caisson-sandbox-canary";

/* Each returns true when the forbidden thing worked. */
#define ACT(name, expr)                                                                            \
	static bool name(void)                                                                     \
	{                                                                                          \
		return (expr);                                                                     \
	}
ACT(open_host, open(canary, O_RDONLY) >= 0)
ACT(openat2_host, syscall(SYS_openat2, AT_FDCWD, "/etc/passwd", (uint64_t[3]){ 0 }, 24) >= 0)
ACT(openat2_dotdot,
	syscall(SYS_openat2, AT_FDCWD, "../../../../etc/passwd", (uint64_t[3]){ 0 }, 24) >= 0)
ACT(open_proc, syscall(SYS_openat2, AT_FDCWD, "/proc/self/maps", (uint64_t[3]){ 0 }, 24) >= 0)
ACT(open_dev, open("/dev/kmsg", O_RDWR) >= 0)
ACT(creat_tmp, creat("/tmp/x", 0600) >= 0)
ACT(stat_host, access("/etc/passwd", F_OK) == 0)
ACT(readlink_proc, readlink("/proc/self/exe", (char[64]){ 0 }, 64) > 0)
ACT(make_socket, socket(AF_INET, SOCK_STREAM, 0) >= 0)
ACT(make_unix, socket(AF_UNIX, SOCK_STREAM, 0) >= 0)
ACT(make_netlink, socket(AF_NETLINK, SOCK_RAW, 0) >= 0)
ACT(make_vsock, socket(AF_VSOCK, SOCK_STREAM, 0) >= 0)
ACT(make_pair, socketpair(AF_UNIX, SOCK_STREAM, 0, (int[2]){ 0 }) == 0)
ACT(send_fd3, send(3, "x", 1, MSG_NOSIGNAL) == 1)
ACT(do_fork, fork() >= 0)
ACT(do_clone3, syscall(SYS_clone3, (uint64_t[8]){ 0 }, 64) >= 0)
ACT(do_exec, execl("/bin/true", "true", NULL) == 0)
ACT(do_execveat, syscall(SYS_execveat, 3, "", NULL, NULL, AT_EMPTY_PATH) == 0)
ACT(do_ptrace, ptrace(PTRACE_TRACEME, 0, 0, 0) == 0)
ACT(do_vm_read, syscall(SYS_process_vm_readv, host_pid, NULL, 0, NULL, 0, 0) >= 0)
ACT(do_kill_parent, kill(getppid(), 0) == 0)
ACT(do_kill_host, kill(host_pid, 0) == 0)
ACT(do_kill_all, kill(-1, 0) == 0)
ACT(do_pidfd, syscall(SYS_pidfd_open, 1, 0) >= 0)
ACT(do_mount, mount("none", "/", "tmpfs", 0, NULL) == 0)
ACT(do_umount, umount2("/", MNT_DETACH) == 0)
ACT(do_fsopen, fsopen("tmpfs", 0) >= 0)
ACT(do_open_tree, open_tree(AT_FDCWD, "/", OPEN_TREE_CLONE) >= 0)
ACT(do_pivot, syscall(SYS_pivot_root, ".", ".") == 0)
ACT(do_chroot, chroot("..") == 0)
ACT(do_unshare, unshare(CLONE_NEWUSER) == 0)
ACT(do_setns, setns(3, 0) == 0)
ACT(do_setuid, setuid(1) == 0)
ACT(do_capset, syscall(SYS_capset, (uint32_t[2]){ 0x20080522, 0 }, (uint32_t[6]){ ~0u }) == 0)
ACT(do_prctl, prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0)
ACT(do_bpf, syscall(SYS_bpf, 0, NULL, 0) >= 0)
ACT(do_perf, syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0) >= 0)
ACT(do_uring, syscall(SYS_io_uring_setup, 1, NULL) >= 0)
ACT(do_userfaultfd, syscall(SYS_userfaultfd, 0) >= 0)
ACT(do_keyctl, syscall(SYS_keyctl, 0, -1, 0) >= 0)
ACT(do_memfd, memfd_create("x", 0) >= 0)
ACT(do_exec_page,
	mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED)
ACT(do_mprotect,
	mprotect((void *)((uintptr_t)do_exec_page & ~4095ul), 4096, PROT_READ | PROT_EXEC) == 0)
ACT(do_mknod, mknodat(AT_FDCWD, "sda", S_IFBLK | 0600, makedev(8, 0)) == 0)
ACT(do_mknod_null, mknodat(AT_FDCWD, "null", S_IFCHR | 0600, makedev(1, 3)) == 0)
ACT(do_ioctl, ioctl(3, 0x5412, "x") == 0)
ACT(do_rlimit, syscall(SYS_prlimit64, 0, RLIMIT_CORE, NULL, NULL) == 0)
ACT(do_seccomp, syscall(SYS_seccomp, 0, 0, NULL) == 0)
ACT(do_sethostname, sethostname("x", 1) == 0)
ACT(do_reboot, syscall(SYS_reboot, 0, 0, 0, 0) == 0)
ACT(do_signal, signal(SIGSYS, SIG_IGN) != SIG_ERR)
ACT(stdout_write, write(1, "x", 1) == 1)
ACT(stderr_write, write(2, "x", 1) == 1)
ACT(leaked_fd, write(9, "x", 1) == 1)

static bool (*const acts[])(void) = { open_host, openat2_host, openat2_dotdot, open_proc, open_dev,
	creat_tmp, stat_host, readlink_proc, make_socket, make_unix, make_netlink, make_vsock,
	make_pair, send_fd3, do_fork, do_clone3, do_exec, do_execveat, do_ptrace, do_vm_read,
	do_kill_parent, do_kill_host, do_kill_all, do_pidfd, do_mount, do_umount, do_fsopen,
	do_open_tree, do_pivot, do_chroot, do_unshare, do_setns, do_setuid, do_capset, do_prctl,
	do_bpf, do_perf, do_uring, do_userfaultfd, do_keyctl, do_memfd, do_exec_page, do_mprotect,
	do_mknod, do_mknod_null, do_ioctl, do_rlimit, do_seccomp, do_sethostname, do_reboot,
	do_signal, stdout_write, stderr_write, leaked_fd };

struct trial {
	enum sandbox_profile profile;
	bool (*act)(void);
};

static int inside(void *arg)
{
	const struct trial *t = arg;
	const int keep[] = { JOB_FD_IN, JOB_FD_OUT };
	bool tree = t->profile != SANDBOX_STREAM;
	struct err e = { 0 };

	(void)dup2(JOB_FD_OUT, 9);
	if (sandbox_enter(t->profile, tree ? JOB_FD_TREE : -1, keep, 2, &e) < 0) {
		(void)!write(JOB_FD_OUT, e.msg, strlen(e.msg));
		_exit(90);
	}
	_exit(t->act() ? 91 : 0);
}

static void try_all(enum sandbox_profile p)
{
	char dir[] = "/tmp/caisson-sandbox-XXXXXX";
	auto_close int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	auto_close int tree = -EBADF;

	assert_non_null(mkdtemp(dir));
	assert_int_equal(chown(dir, 0, 0), 0);
	tree = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < ARRAY_SIZE(acts); i++) {
		struct trial t = { p, acts[i] };
		int r = testjob_run(null, null, p == SANDBOX_STREAM ? -1 : tree, inside, &t);

		/* 0: refused; SIGSYS: killed by the filter; SIGSEGV would be our own mistake. */
		if (r != 0 && r != 128 + SIGSYS)
			fail_msg("profile %d, act %zu: %d", (int)p, i, r);
	}
	assert_int_equal(rmdir(dir), 0); /* nothing was made in it */
}

static void test_unpack(void **state)
{
	(void)state;
	try_all(SANDBOX_UNPACK);
}

static void test_stream(void **state)
{
	(void)state;
	try_all(SANDBOX_STREAM);
}

static void test_measure(void **state)
{
	(void)state;
	try_all(SANDBOX_MEASURE);
}

/* The harness can tell: outside a sandbox the same acts work. */
static void test_acts_work_outside(void **state)
{
	(void)state;
	assert_true(open_host());
	assert_true(make_unix());
	assert_true(do_exec_page());
}

static int keeps_dir(void *arg)
{
	const int keep[] = { JOB_FD_OUT, 12 };
	struct err e;

	(void)arg;
	(void)dup2(open("/", O_RDONLY | O_DIRECTORY), 12);
	return sandbox_enter(SANDBOX_STREAM, -1, keep, 2, &e) == -EPERM ? 0 : 1;
}

static void test_no_directory_is_kept(void **state)
{
	auto_close int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void)state;
	assert_int_equal(testjob_run(null, null, -1, keeps_dir, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_acts_work_outside),
		cmocka_unit_test(test_no_directory_is_kept),
		cmocka_unit_test(test_unpack),
		cmocka_unit_test(test_stream),
		cmocka_unit_test(test_measure),
	};
	int r;

	if (geteuid() != 0) {
		puts("SKIP: needs root");
		return 77;
	}
	host_pid = getpid();
	fd_close(open(canary, O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
	r = cmocka_run_group_tests(tests, NULL, NULL);
	(void)unlink(canary);
	return r;
}
