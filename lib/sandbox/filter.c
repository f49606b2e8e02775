#include "sandbox/sandbox-int.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#else
#error "no seccomp architecture for this machine"
#endif

#define ALL  ((1u << SANDBOX_UNPACK) | (1u << SANDBOX_STREAM) | (1u << SANDBOX_MEASURE))
#define TREE ((1u << SANDBOX_UNPACK) | (1u << SANDBOX_MEASURE))
#define MAKE (1u << SANDBOX_UNPACK)

enum verdict {
	ALLOW,
	NOT_EXEC,   /* allowed unless argument 2 asks for PROT_EXEC */
	FLAGS_ONLY, /* fcntl of descriptor flags or F_GETFL: fdopendir does both */
	ABSENT,
};

/* Frequent ones first: the list is tried in order.  ABSENT answers ENOENT instead of killing:
 * libraries probe for optional files and survive not finding them. */
static const struct {
	long nr;
	uint8_t sets, verdict;
} calls[] = {
	{ SYS_read, ALL, ALLOW },
	{ SYS_write, ALL, ALLOW },
	{ SYS_openat2, TREE, ALLOW },
	{ SYS_close, ALL, ALLOW },
	{ SYS_pwrite64, MAKE, ALLOW },
	{ SYS_fchown, MAKE, ALLOW },
	{ SYS_utimensat, MAKE, ALLOW },
	{ SYS_fchmod, MAKE, ALLOW },
	{ SYS_getdents64, TREE, ALLOW },
	{ SYS_fcntl, TREE, FLAGS_ONLY },
	{ SYS_newfstatat, TREE, ALLOW },
	{ SYS_fstat, ALL, ALLOW },
	{ SYS_statx, TREE, ALLOW },
	{ SYS_lseek, ALL, ALLOW },
	{ SYS_mkdirat, MAKE, ALLOW },
	{ SYS_symlinkat, MAKE, ALLOW },
	{ SYS_linkat, MAKE, ALLOW },
	{ SYS_unlinkat, MAKE, ALLOW },
	{ SYS_mknodat, MAKE, ALLOW },
	{ SYS_fchownat, MAKE, ALLOW },
	{ SYS_fchmodat, MAKE, ALLOW },
	{ SYS_fsetxattr, MAKE, ALLOW },
	{ SYS_lsetxattr, MAKE, ALLOW },
	{ SYS_fchdir, MAKE, ALLOW },
	{ SYS_umask, MAKE, ALLOW },
	{ SYS_ftruncate, MAKE, ALLOW },
	{ SYS_syncfs, MAKE, ALLOW },
	{ SYS_writev, ALL, ALLOW },
	{ SYS_mmap, ALL, NOT_EXEC },
	{ SYS_mprotect, ALL, NOT_EXEC },
	{ SYS_munmap, ALL, ALLOW },
	{ SYS_mremap, ALL, ALLOW },
	{ SYS_madvise, ALL, ALLOW },
	{ SYS_brk, ALL, ALLOW },
	{ SYS_futex, ALL, ALLOW },
	{ SYS_sched_yield, ALL, ALLOW },
	{ SYS_getrandom, ALL, ALLOW },
	{ SYS_clock_gettime, ALL, ALLOW },
	{ SYS_gettimeofday, ALL, ALLOW },
	{ SYS_getpid, ALL, ALLOW },
	{ SYS_gettid, ALL, ALLOW },
	{ SYS_rt_sigreturn, ALL, ALLOW },
	{ SYS_rt_sigprocmask, ALL, ALLOW },
	{ SYS_sigaltstack, ALL, ALLOW },
	{ SYS_restart_syscall, ALL, ALLOW },
	{ SYS_exit, ALL, ALLOW },
	{ SYS_exit_group, ALL, ALLOW },
	{ SYS_openat, ALL, ABSENT },
	{ SYS_readlinkat, ALL, ABSENT },
	{ SYS_ioctl, ALL, ABSENT },
#ifdef SYS_open
	{ SYS_open, ALL, ABSENT },
#endif
#ifdef SYS_access
	{ SYS_access, ALL, ABSENT },
#endif
};

#define PROGRAM_MAX (8 + 5 * ARRAY_SIZE(calls))
struct program {
	struct sock_filter at[PROGRAM_MAX];
	unsigned short n;
};

static void add(struct program *p, struct sock_filter f)
{
	BUG_ON(p->n >= PROGRAM_MAX);
	p->at[p->n++] = f;
}

#define STMT(code, k)	       ((struct sock_filter)BPF_STMT(code, (uint32_t)(k)))
#define JUMP(code, k, yes, no) ((struct sock_filter)BPF_JUMP(code, (uint32_t)(k), yes, no))
#define RET(what)	       STMT(BPF_RET | BPF_K, what)
#define LOAD(member)	       STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, member))

/* Every branch ends in a verdict, so the call's number stays loaded for the next comparison. */
static void add_call(struct program *p, long nr, enum verdict v)
{
	bool by_argument = v == NOT_EXEC || v == FLAGS_ONLY;

	add(p, JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, by_argument ? 4 : 1));
	if (v == NOT_EXEC) {
		add(p, LOAD(args[2]));
		add(p, JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 1));
	} else if (v == FLAGS_ONLY) {
		add(p, LOAD(args[1]));
		add(p, JUMP(BPF_JMP | BPF_JGT | BPF_K, F_GETFL, 0, 1));
	}
	if (by_argument)
		add(p, RET(SECCOMP_RET_KILL_PROCESS));
	add(p, RET(v == ABSENT ? SECCOMP_RET_ERRNO | ENOENT : SECCOMP_RET_ALLOW));
}

/* PROT_EXEC is in the low half of the argument; that half is first in memory here. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "args[2] is loaded as its low half");

int sandbox_seccomp(enum sandbox_profile profile, struct err *e)
{
	struct program p = { .n = 0 };
	struct sock_fprog prog;

	add(&p, LOAD(arch));
	add(&p, JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0));
	add(&p, RET(SECCOMP_RET_KILL_PROCESS));
	add(&p, LOAD(nr)); /* an x32 number has a high bit set and matches nothing below */
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		if (calls[i].sets & (1u << profile))
			add_call(&p, calls[i].nr, (enum verdict)calls[i].verdict);
	add(&p, RET(SECCOMP_RET_KILL_PROCESS));
	prog = (struct sock_fprog){ .len = p.n, .filter = p.at };
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) < 0)
		return err_set(e, ERR_SYSTEM, errno, "sandbox: entering seccomp");
	return 0;
}
