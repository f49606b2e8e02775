/* The default filter: the program against the table, and the kernel against both. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/netlink.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "seccomp/profile.h"
#include "seccomp/seccomp-int.h"
#include "seccomp/sim.h"

#define DENIED	 (SECCOMP_RET_ERRNO | EPERM)
#define NOSYS	 (SECCOMP_RET_ERRNO | ENOSYS)
#define NOFAMILY (SECCOMP_RET_ERRNO | EAFNOSUPPORT)
#define CAP(c)	 (1ull << CAP_##c)

struct program {
	struct sock_filter *f;
	size_t n;
};

static struct program make(uint64_t caps)
{
	struct program p;
	struct err e;

	assert_int_equal(seccomp_default_for(caps, &p.f, &p.n, &e), 0);
	return p;
}

static uint32_t run(const struct program *p, uint32_t arch, int nr, uint64_t a0, uint64_t a2)
{
	struct seccomp_data d = { .nr = nr, .arch = arch, .args = { a0, 0, a2 } };

	return sim_run(p->f, p->n, &d, NULL);
}

static uint32_t run64(const struct program *p, const char *name, uint64_t a0, uint64_t a2)
{
	return run(p, AUDIT_ARCH_X86_64, seccomp_call_find(name)->nr[SECCOMP_NATIVE], a0, a2);
}

static void test_table_is_sorted(void **state)
{
	size_t n;
	const struct seccomp_call *c = seccomp_calls(&n);

	(void)state;
	for (size_t i = 0; i < n; i++) {
		assert_ptr_equal(seccomp_call_find(c[i].name), &c[i]);
		assert_true(i == 0 || strcmp(c[i - 1].name, c[i].name) < 0);
		assert_true(c[i].nr[0] >= 0 || c[i].nr[1] >= 0);
		assert_true(c[i].nr[0] <= SECCOMP_NR_MAX && c[i].nr[1] <= SECCOMP_NR_MAX);
	}
	assert_null(seccomp_call_find("no_such_call"));
}

static const struct seccomp_call *by_number(unsigned arch, int nr)
{
	size_t n;
	const struct seccomp_call *c = seccomp_calls(&n);

	for (size_t i = 0; i < n; i++)
		if (c[i].nr[arch] == nr)
			return &c[i];
	return NULL;
}

/* What the table says about a call whose arguments are all 0 (a socket of family 0). */
static uint32_t expected(const struct seccomp_call *c, uint64_t caps)
{
	if (!c)
		return NOSYS;
	switch (c->kind) {
	case CALL_ALLOW:
	case CALL_CLONE:
	case CALL_PERSONALITY:
	case CALL_SOCKETCALL:
		return SECCOMP_RET_ALLOW;
	case CALL_NOSYS:
		return NOSYS;
	case CALL_CAPS:
		return caps & c->caps ? SECCOMP_RET_ALLOW : DENIED;
	case CALL_CLONE3:
		return caps & CAP(SYS_ADMIN) ? SECCOMP_RET_ALLOW : NOSYS;
	case CALL_SOCKET:
	case CALL_SOCKETPAIR:
		return NOFAMILY;
	default:
		return DENIED;
	}
}

static void check_numbers(uint64_t caps)
{
	struct program p = make(caps);

	for (unsigned a = 0; a < SECCOMP_ARCHES; a++)
		for (int nr = 0; nr <= SECCOMP_NR_MAX + 100; nr++)
			assert_int_equal(run(&p, seccomp_audit_arch(a), nr, 0, 0),
				expected(by_number(a, nr), caps));
	assert_int_equal(run(&p, AUDIT_ARCH_X86_64, 0x40000000, 0, 0), NOSYS);
	assert_int_equal(run(&p, AUDIT_ARCH_X86_64, 0x40000001, 0, 0), NOSYS);
	assert_int_equal(run(&p, AUDIT_ARCH_X86_64, -1, 0, 0), NOSYS);
	assert_int_equal(run(&p, AUDIT_ARCH_AARCH64, 1, 0, 0), SECCOMP_RET_KILL_THREAD);
	free(p.f);
}

static void test_every_number(void **state)
{
	(void)state;
	check_numbers(seccomp_docker_caps());
	check_numbers(0);
	check_numbers(~0ull);
	for (unsigned c = 0; c <= CAP_LAST_CAP; c++)
		check_numbers(1ull << c);
}

static void test_arguments(void **state)
{
	struct program p = make(seccomp_docker_caps()), net = make(CAP(NET_ADMIN));

	(void)state;
	assert_int_equal(run64(&p, "clone", SIGCHLD, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(
		run64(&p, "clone", CLONE_VM | CLONE_THREAD | (1ull << 40), 0), SECCOMP_RET_ALLOW);
	assert_int_equal(run64(&p, "clone", CLONE_NEWUSER | SIGCHLD, 0), DENIED);
	assert_int_equal(run64(&p, "clone", CLONE_NEWNS, 0), DENIED);
	assert_int_equal(run64(&p, "clone", (uint64_t)CLONE_NEWNET | 1ull << 63, 0), DENIED);
	assert_int_equal(run64(&p, "socket", AF_UNIX, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(run64(&p, "socket", AF_INET, 6), SECCOMP_RET_ALLOW);
	assert_int_equal(run64(&p, "socket", AF_INET6, 17), SECCOMP_RET_ALLOW);
	/* The kernel reads an int: garbage above must not make another family of it. */
	assert_int_equal(run64(&p, "socket", AF_INET | 7ull << 32, 6), SECCOMP_RET_ALLOW);
	assert_int_equal(run64(&p, "socket", AF_ALG | 1ull << 32, 0), NOFAMILY);
	assert_int_equal(run64(&p, "socket", AF_PACKET, 0), NOFAMILY);
	assert_int_equal(run64(&p, "socket", AF_VSOCK, 0), NOFAMILY);
	assert_int_equal(run64(&p, "socket", AF_NETLINK, NETLINK_ROUTE), SECCOMP_RET_ALLOW);
	assert_int_equal(run64(&p, "socket", AF_NETLINK, NETLINK_AUDIT), NOFAMILY);
	assert_int_equal(run64(&p, "socket", AF_NETLINK, NETLINK_NETFILTER), NOFAMILY);
	assert_int_equal(run64(&net, "socket", AF_NETLINK, NETLINK_NETFILTER), SECCOMP_RET_ALLOW);
	assert_int_equal(run64(&p, "socketpair", AF_UNIX, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(run64(&p, "socketpair", AF_TIPC, 0), NOFAMILY);
	assert_int_equal(run64(&p, "personality", 0x8, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(run64(&p, "personality", 0xffffffff, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(run64(&p, "personality", 0x0040000, 0), DENIED);
	for (int call = 0; call < 22; call++)
		assert_int_equal(run(&p, AUDIT_ARCH_I386, 102, (uint64_t)call, 0),
			call == 1 || call == 8 ? NOFAMILY : SECCOMP_RET_ALLOW);
	free(p.f);
	free(net.f);
}

static void test_prebuilt_is_dockers_set(void **state)
{
	struct program p = make(seccomp_docker_caps());
	size_t n;
	const struct sock_filter *f = seccomp_default(&n);

	(void)state;
	assert_int_equal(n, p.n);
	assert_memory_equal(f, p.f, n * sizeof(*f));
	free(p.f);
}

static void test_paths_are_short(void **state)
{
	size_t n;
	const struct sock_filter *f = seccomp_default(&n);
	unsigned most = 0, steps;

	(void)state;
	for (unsigned a = 0; a < SECCOMP_ARCHES; a++) {
		for (int nr = 0; nr < 600; nr++) {
			struct seccomp_data d = { .nr = nr, .arch = seccomp_audit_arch(a) };

			(void)sim_run(f, n, &d, &steps);
			most = MAX(most, steps);
		}
	}
	print_message("  default filter: %zu instructions, longest path %u\n", n, most);
	assert_true(most < 30);
}

/* ---- the kernel ------------------------------------------------------------------------------ */

#define EXPECT(call, want)                                                                         \
	do {                                                                                       \
		long got_ = (call);                                                                \
		if ((want) ? !(got_ == -1 && errno == (want)) : got_ == -1)                        \
			return __LINE__ % 250 + 1;                                                 \
	} while (0)

static int filtered_child(void)
{
	size_t n;
	const struct sock_filter *f = seccomp_default(&n);
	char clone3_args[64] = { 0 };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || seccomp_load(f, n) < 0)
		return 255;
	EXPECT(syscall(SYS_getpid), 0);
	EXPECT(syscall(SYS_unshare, CLONE_NEWUSER), EPERM);
	EXPECT(syscall(SYS_unshare, 0), EPERM);
	EXPECT(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0), EPERM);
	EXPECT(syscall(SYS_clone3, clone3_args, sizeof(clone3_args)), ENOSYS);
	EXPECT(syscall(SYS_keyctl, 0, 0), EPERM);
	EXPECT(syscall(SYS_add_key, 0, 0, 0, 0, 0), EPERM);
	EXPECT(syscall(SYS_bpf, 0, 0, 0), EPERM);
	EXPECT(syscall(SYS_io_uring_setup, 1, 0), EPERM);
	EXPECT(syscall(SYS_userfaultfd, 0), EPERM);
	EXPECT(syscall(SYS_perf_event_open, 0, 0, 0, 0, 0), EPERM);
	EXPECT(syscall(SYS_mount, 0, 0, 0, 0, 0), EPERM);
	EXPECT(syscall(SYS_fsopen, 0, 0), EPERM);
	EXPECT(syscall(SYS_open_by_handle_at, 0, 0, 0), EPERM);
	EXPECT(syscall(SYS_personality, 0x0040000), EPERM);
	EXPECT(syscall(SYS_personality, 0xffffffff), 0);
	EXPECT(syscall(600), ENOSYS);
	EXPECT(syscall(0x40000000 + SYS_getpid), ENOSYS);
	EXPECT(socket(AF_ALG, SOCK_SEQPACKET, 0), EAFNOSUPPORT);
	EXPECT(socket(AF_VSOCK, SOCK_STREAM, 0), EAFNOSUPPORT);
	EXPECT(socket(AF_PACKET, SOCK_RAW, 0), EAFNOSUPPORT);
	EXPECT(socket(AF_NETLINK, SOCK_RAW, NETLINK_AUDIT), EAFNOSUPPORT);
	EXPECT(socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE), 0);
	EXPECT(socket(AF_UNIX, SOCK_STREAM, 0), 0);
	EXPECT(socket(AF_INET, SOCK_STREAM, 0), 0);
	EXPECT(syscall(SYS_clone, SIGCHLD | CLONE_VFORK, 0, 0, 0, 0) == 0 ? (_exit(0), 0) : 0, 0);
	return 0;
}

static int in_child(int (*fn)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(fn());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void test_kernel(void **state)
{
	(void)state;
	assert_int_equal(in_child(filtered_child), 0);
}

static int i386_child(void)
{
	size_t n;
	const struct sock_filter *f = seccomp_default(&n);
	long r;

	/* Does this kernel run i386 calls at all? */
	__asm__ volatile("int $0x80" : "=a"(r) : "a"(20l) : "memory", "r8", "r9", "r10", "r11");
	if (r != getpid())
		return 77;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || seccomp_load(f, n) < 0)
		return 255;
	__asm__ volatile("int $0x80" : "=a"(r) : "a"(20l) : "memory", "r8", "r9", "r10", "r11");
	if (r != getpid())
		return 1;
	__asm__ volatile("int $0x80"
			 : "=a"(r)
			 : "a"(310l), "b"((long)CLONE_NEWUSER)
			 : "memory", "r8", "r9", "r10", "r11");
	if ((int)r != -EPERM)
		return 2;
	__asm__ volatile("int $0x80"
			 : "=a"(r)
			 : "a"(359l), "b"((long)AF_ALG), "c"(5l), "d"(0l)
			 : "memory", "r8", "r9", "r10", "r11");
	if ((int)r != -EAFNOSUPPORT)
		return 3;
	__asm__ volatile("int $0x80"
			 : "=a"(r)
			 : "a"(102l), "b"(1l), "c"(0l)
			 : "memory", "r8", "r9", "r10", "r11");
	return (int)r == -EAFNOSUPPORT ? 0 : 4;
}

static void test_kernel_i386(void **state)
{
	int status = in_child(i386_child);

	(void)state;
	if (WIFSIGNALED(status) || WEXITSTATUS(status) == 77)
		skip(); /* no i386 calls on this kernel */
	assert_int_equal(status, 0);
}

/* ---- what loading costs ---------------------------------------------------------------------- */

static int ladder_add(struct sock_filter *f, int n, unsigned arch)
{
	size_t calls;
	const struct seccomp_call *c = seccomp_calls(&calls);

	for (size_t i = 0; i < calls; i++) {
		if (c[i].nr[arch] < 0 || c[i].kind != CALL_ALLOW)
			continue;
		f[n++] = (struct sock_filter)BPF_JUMP(
			BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)c[i].nr[arch], 0, 1);
		f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	}
	f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, DENIED);
	return n;
}

/* The same calls, one compared after the other (x86-64 only). */
static int ladder(struct sock_filter *f)
{
	int n = 0;

	f[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 4);
	f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0);
	f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, DENIED);
	f[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0);
	return ladder_add(f, n, SECCOMP_NATIVE);
}

/* The quickest of some loads, each in a process of its own. */
static double load_ms(const struct sock_filter *f, size_t n)
{
	double best = 1e9;

	for (int i = 0; i < 20; i++) {
		int pipe_fd[2];
		uint64_t ns = 0;
		pid_t pid;

		assert_int_equal(pipe(pipe_fd), 0);
		pid = fork();
		if (pid == 0) {
			(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
			ns = clock_mono_ns();
			if (seccomp_load(f, n) < 0)
				_exit(1);
			ns = clock_mono_ns() - ns;
			_exit(write(pipe_fd[1], &ns, sizeof(ns)) != sizeof(ns));
		}
		(void)close(pipe_fd[1]);
		assert_int_equal(fd_read_full(pipe_fd[0], &ns, sizeof(ns)), sizeof(ns));
		(void)close(pipe_fd[0]);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		best = (double)ns / 1e6 < best ? (double)ns / 1e6 : best;
	}
	return best;
}

static void test_load_time(void **state)
{
	static struct sock_filter f[SECCOMP_PROGRAM_MAX];
	size_t n;
	const struct sock_filter *tree = seccomp_default(&n);
	int m = ladder(f);

	(void)state;
	print_message("  loading the tree: %.3f ms, a ladder of the native calls: %.3f ms\n",
		load_ms(tree, n), load_ms(f, (size_t)m));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table_is_sorted),
		cmocka_unit_test(test_every_number),
		cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_prebuilt_is_dockers_set),
		cmocka_unit_test(test_paths_are_short),
		cmocka_unit_test(test_kernel),
		cmocka_unit_test(test_kernel_i386),
		cmocka_unit_test(test_load_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
