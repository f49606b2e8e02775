#include "sys/sys.h"

#include <fcntl.h>
#include <linux/keyctl.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

pid_t sys_clone(const struct sys_clone *c)
{
	struct clone_args a = {
		.flags = c->flags,
		.exit_signal = c->flags & CLONE_PARENT ? 0 : SIGCHLD,
		.pidfd = c->flags & CLONE_PIDFD ? (uint64_t)(uintptr_t)c->pidfd : 0,
		.cgroup = c->flags & CLONE_INTO_CGROUP ? (uint64_t)(unsigned)c->cgroup : 0,
	};
	long r;

	BUG_ON(c->flags & CLONE_VM);
	r = syscall(SYS_clone3, &a, sizeof(a));
	return r < 0 ? -errno : (pid_t)r;
}

int sys_pidfd_open(pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	return fd < 0 ? -errno : fd;
}

int sys_pidfd_signal(int pidfd, int sig)
{
	return syscall(SYS_pidfd_send_signal, pidfd, sig, NULL, 0) < 0 ? -errno : 0;
}

int sys_pidfd_wait(int pidfd)
{
	siginfo_t si = { 0 };

	while (waitid(P_PIDFD, (id_t)pidfd, &si, WEXITED | __WALL) < 0)
		if (errno != EINTR)
			return -errno;
	return si.si_code == CLD_EXITED ? si.si_status & 255 : 128 + si.si_status;
}

extern int setns(int, int);
int sys_setns(int fd, int flags)
{
	return setns(fd, flags) < 0 ? -errno : 0;
}

int sys_close_range(unsigned first, unsigned last, unsigned flags)
{
	return syscall(SYS_close_range, first, last, flags) < 0 ? -errno : 0;
}

static int ascending(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

void sys_close_all_but(int *keep, size_t n)
{
	unsigned from = 0;

	qsort(keep, n, sizeof(*keep), ascending);
	for (size_t i = 0; i < n; i++) {
		unsigned fd = (unsigned)keep[i];

		if (keep[i] < 0 || fd < from)
			continue;
		if (fd > from)
			(void)sys_close_range(from, fd - 1, 0);
		from = fd + 1;
	}
	(void)sys_close_range(from, ~0u, 0);
}

int sys_exec_fd(int fd, char *const argv[], char *const env[])
{
	(void)syscall(SYS_execveat, fd, "", argv, env, AT_EMPTY_PATH);
	return -errno;
}

void sys_signals_reset(void)
{
	struct sigaction sa = { .sa_handler = SIG_DFL };
	sigset_t none;

	for (int i = 1; i < NSIG; i++)
		(void)sigaction(i, &sa, NULL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

int sys_keyring_new(void)
{
	if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL, 0, 0, 0) < 0)
		return errno == ENOSYS ? 0 : -errno; /* a kernel without keyrings leaks none */
	return 0;
}

void sys_set_title(char *argv0, const char *title)
{
	/* Arguments and environment lie in one piece; the kernel puts the file name behind them. */
	char *end = (char *)(uintptr_t)getauxval(AT_EXECFN); // NOLINT
	size_t room = end > argv0 ? (size_t)(end - argv0) : strlen(argv0);

	memset(argv0, 0, room);
	(void)snprintf(argv0, room, "%s", title);
	(void)prctl(PR_SET_NAME, title, 0, 0, 0);
}
