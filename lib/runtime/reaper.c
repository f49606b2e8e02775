#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "runtime/runtime-int.h"

#define TITLE "docker-init"

/* Never forwarded: ours, or caused by this process itself. */
static const int own[] = { SIGCHLD, SIGFPE, SIGILL, SIGSEGV, SIGBUS, SIGABRT, SIGTRAP, SIGSYS,
	SIGTTIN, SIGTTOU };

/* Collects what has ended; the code of the main child, or -1 while it runs. */
static int collect(pid_t main_child)
{
	int status, code = -1;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		if (pid == main_child)
			code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	return code;
}

static void reap(pid_t child, const sigset_t *wanted) NORETURN;
static void reap(pid_t child, const sigset_t *wanted)
{
	for (;;) {
		siginfo_t si;
		int sig = sigwaitinfo(wanted, &si), code;

		if (sig > 0 && sig != SIGCHLD)
			(void)kill(child, sig);
		code = collect(child);
		if (code >= 0)
			_exit(code);
	}
}

int reaper_fork(void)
{
	sigset_t wanted, before;
	pid_t child;

	(void)sigfillset(&wanted);
	for (size_t i = 1; i < ARRAY_SIZE(own); i++)
		(void)sigdelset(&wanted, own[i]);
	(void)sigprocmask(SIG_BLOCK, &wanted, &before);
	/* Before the program can look: its own name comes with its execution. */
	sys_set_title(program_invocation_name, TITLE);
	child = fork();
	if (child < 0)
		return -errno;
	if (child == 0) {
		/* A group of its own, in front of the terminal if there is one: keys like ^C go to
		 * the program, not to the reaper, which would send them on a second time. */
		(void)setpgid(0, 0);
		(void)signal(SIGTTOU, SIG_IGN);
		(void)tcsetpgrp(0, getpgrp());
		(void)signal(SIGTTOU, SIG_DFL);
		(void)sigprocmask(SIG_SETMASK, &before, NULL);
		return 0;
	}
	/* This process goes on as the container's first one with our program's pages, so it stays
	 * non-dumpable: /proc/1/exe, its memory and its descriptors are closed to the container. */
	(void)sys_close_range(3, ~0u, 0);
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	reap(child, &wanted);
}
