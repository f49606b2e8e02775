#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/sysmacros.h>

#include "runtime/runtime-int.h"
#include "seccomp/seccomp.h"

#define LINK_FD 3 /* of the process until it executes; everything above is closed */

int process_tty(struct process *p, int ptmx, struct err *e)
{
	struct winsize ws = { .ws_row = p->set->rows, .ws_col = p->set->columns };
	auto_close int master = ptmx;
	struct stat st;
	int unlock = 0, slave;

	if (fstat(master, &st) < 0 || !S_ISCHR(st.st_mode) || st.st_rdev != makedev(5, 2))
		return err_set(e, ERR_SYSTEM, 0, "/dev/pts/ptmx is no terminal multiplexer");
	/* TIOCGPTPEER opens the other side without a path, so no link or mount can be in the way
	 * (CVE-2025-52565). */
	if (ioctl(master, TIOCSPTLCK, &unlock) < 0)
		return err_set(e, ERR_SYSTEM, errno, "cannot unlock the terminal");
	slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		return err_set(e, ERR_SYSTEM, errno, "cannot open the terminal");
	if (ws.ws_row || ws.ws_col)
		(void)ioctl(master, TIOCSWINSZ, &ws); /* a wrong size is no failure */
	p->stdio[0] = p->stdio[1] = p->stdio[2] = slave;
	p->link->page->master = steal_fd(&master);
	return 0;
}

int process_chdir(struct process *p, struct err *e)
{
	const char *cwd = p->set->cwd && *p->set->cwd ? p->set->cwd : "/";
	char now[PATH_MAX];
	auto_close int fd = -EBADF;

	if (*cwd != '/')
		return err_set(e, ERR_INVALID, 0,
			"the working directory '%.300s' is invalid, it needs to be an absolute path",
			cwd);
	/* Magic links are refused: /proc/self/fd/7 leads nowhere (CVE-2024-21626). */
	fd = p->create_cwd ? sys_mkdir_in(p->root, cwd, 0755)
			   : sys_open(p->root, cwd, O_PATH | O_DIRECTORY, 0, SYS_CONFINED);
	if (fd == -ENOTDIR && p->create_cwd)
		return err_set(
			e, ERR_INVALID, ENOTDIR, "Cannot mkdir: %.300s is not a directory", cwd);
	if (fd < 0 || fchdir(fd) < 0) {
		int sys = fd < 0 ? -fd : errno;

		return err_set(e, sys == ENOENT ? ERR_NOT_FOUND : ERR_DENIED, sys,
			"chdir to cwd (\"%.300s\") set in config.json failed: %s", cwd,
			program_strerror(sys));
	}
	/* The kernel says "(unreachable)" for a place outside the root; libc makes that
	 * an error. */
	if (!getcwd(now, sizeof(now)) || now[0] != '/')
		return err_set(
			e, ERR_DENIED, 0, "current working directory is outside of container root");
	return 0;
}

static int set_limits(const struct settings *s, struct err *e)
{
	for (size_t i = 0; i < s->nrecords; i++) {
		struct spec_rlimit want;
		struct rlimit lim;

		if (s->records[i].type != SPEC_RLIMIT)
			continue;
		memcpy(&want, s->records[i].data.p, sizeof(want));
		lim = (struct rlimit){ .rlim_cur = want.soft, .rlim_max = want.hard };
		if (setrlimit((int)want.resource, &lim) < 0)
			return err_set(e, ERR_DENIED, errno, "error setting rlimit type %u: %s",
				want.resource, program_strerror(errno));
	}
	return 0;
}

/* Docker gives the user its standard streams, so that /dev/stdout can be opened again. */
static int own_stdio(const struct process *p, uid_t uid, struct err *e)
{
	for (unsigned i = 0; i < 3; i++) {
		struct stat st;

		if (fstat(p->stdio[i], &st) < 0)
			return err_set(e, ERR_SYSTEM, errno, "cannot look at descriptor %u", i);
		if (st.st_uid == uid || !(S_ISFIFO(st.st_mode) || p->tty))
			continue;
		/* EPERM: a pipe of somebody else, who keeps it.  EINVAL: the id is not ours, which
		 * becomes an error when the process is to take it. */
		if (fchown(p->stdio[i], uid, (gid_t)-1) < 0 && errno != EPERM && errno != EINVAL)
			return err_set(e, ERR_SYSTEM, errno, "cannot give descriptor %u away", i);
	}
	return 0;
}

/* A session of its own, with the terminal if there is one, and a keyring nobody else has. */
static int new_session(const struct process *p, struct err *e)
{
	int r;

	if (setsid() < 0)
		return err_set(e, ERR_SYSTEM, errno, "cannot make a session");
	if (p->tty && ioctl(p->stdio[0], TIOCSCTTY, 0) < 0)
		return err_set(e, ERR_SYSTEM, errno, "cannot take the terminal");
	r = sys_keyring_new();
	return r < 0 ? err_set(e, ERR_SYSTEM, -r, "cannot make a session keyring") : 0;
}

static int apply_filter(const struct process *p, struct err *e)
{
	const struct sock_filter *f = p->set->filter;
	size_t n = p->set->filter_n;
	int r;

	if (p->grant->seccomp == KEEPER_SECCOMP_UNCONFINED)
		return 0;
	if (p->grant->seccomp == KEEPER_SECCOMP_DEFAULT)
		f = seccomp_default(&n);
	else if (n == 0 || n > SECCOMP_PROGRAM_MAX)
		return err_set(e, ERR_CORRUPT, 0, "the container's seccomp filter is missing");
	r = seccomp_load(f, n);
	return r < 0 ? err_set(e, ERR_SYSTEM, -r, "cannot load the seccomp filter") : 0;
}

/* A table of our own with 0, 1, 2 and the link.  From here the starter can see our end close. */
static int own_descriptors(struct process *p, struct err *e)
{
	int fds[4] = { p->stdio[0], p->stdio[1], p->stdio[2], p->link->theirs };

	if (unshare(CLONE_FILES) < 0)
		return err_set(e, ERR_SYSTEM, errno, "cannot copy the descriptor table");
	for (int i = 0; i < 4; i++) {
		/* Out of the way of the numbers they are to get. */
		fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 16);
		if (fds[i] < 0)
			return err_set(e, ERR_SYSTEM, errno, "cannot arrange the descriptors");
	}
	for (int i = 0; i < 4; i++)
		if (dup3(fds[i], i, i == LINK_FD ? O_CLOEXEC : 0) < 0)
			return err_set(e, ERR_SYSTEM, errno, "cannot arrange the descriptors");
	/* Nothing but 0, 1, 2 reaches the program (CVE-2024-21626). */
	if (sys_close_range(LINK_FD + 1, ~0u, 0) < 0)
		return err_set(e, ERR_SYSTEM, errno, "cannot close descriptors");
	p->link->theirs = LINK_FD;
	return link_send(LINK_FD, LINK_OWN);
}

static void set_home(struct settings *s, const char *home)
{
	const char *now = settings_env(s, "HOME");

	if (now && *now)
		return;
	for (size_t i = 0; i < s->nenv; i++)
		if (streq(s->env[i], "HOME=")) {
			mem_replace(&s->env[i], xasprintf("HOME=%s", home));
			return;
		}
	s->env[s->nenv++] = xasprintf("HOME=%s", home);
}

/* Exactly these capabilities, and which can ever come back: root inside has the bounding set,
 * everybody else nothing; inheritable and ambient are empty for all (CVE-2022-24769). */
static int take_identity(struct process *p, const struct identity *id, struct err *e)
{
	bool early = p->grant->flags & KEEPER_NEW_PRIVS;
	uint64_t caps = id->uid == 0 ? p->caps : 0;
	int r = sys_caps_bound(p->caps);

	if (r < 0)
		return err_set(e, ERR_SYSTEM, -r, "cannot drop capabilities");
	/* Without no_new_privs only a privileged process may load a filter. */
	r = early ? apply_filter(p, e) : 0;
	if (r < 0)
		return r;
	r = sys_become(id->uid, id->gid, id->groups, id->ngroups);
	if (r == -EINVAL)
		return err_set(e, ERR_INVALID, 0,
			"user %u, group %u or one of its groups is outside the container's range of ids",
			id->uid, id->gid);
	if (r == 0)
		r = sys_caps_set(caps, caps, 0);
	if (r < 0)
		return err_set(e, ERR_SYSTEM, -r, "cannot become user %u", id->uid);
	if (!early && sys_no_new_privs() < 0)
		return err_set(e, ERR_SYSTEM, errno, "cannot set no_new_privs");
	/* Changing ids cleared it.  A container does not outlive its shim, which holds the claim on
	 * its ids. */
	if (p->dies_with_parent)
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	return 0;
}

static void execute(struct process *p, const char *program) NORETURN;
static void execute(struct process *p, const char *program)
{
	const char *why;

	p->link->page->state = LINK_EXEC;
	(void)execve(program, p->set->args, p->set->env);
	/* The file is there and may be executed, but the kernel cannot: to docker that is a started
	 * container, whose output says why. */
	why = program_strerror(errno);
	(void)dprintf(2, "exec %s: %s\n", program, why);
	_exit(255);
}

int process_run(struct process *p, struct err *e)
{
	static struct identity id; /* large, and there is one per process */
	char program[PATH_MAX];
	int r = new_session(p, e);

	if (r == 0 && p->set->nargs == 0)
		r = err_set(e, ERR_INVALID, 0, "no command specified");
	if (r == 0)
		r = identity_load(p->root, p->set, &id, e);
	if (r == 0)
		r = set_limits(p->set, e);
	if (r == 0)
		r = own_stdio(p, id.uid, e);
	if (r == 0)
		r = own_descriptors(p, e);
	if (r < 0)
		return r;
	(void)umask(p->set->umask);
	set_home(p->set, id.home);
	r = take_identity(p, &id, e);
	/* As the user, and before a filter could forbid looking. */
	if (r == 0)
		r = program_find(
			p->set->args[0], settings_env(p->set, "PATH"), program, sizeof(program), e);
	if (r == 0 && !(p->grant->flags & KEEPER_NEW_PRIVS))
		r = apply_filter(p, e);
	if (r == 0 && p->set->reaper)
		r = reaper_fork() < 0 ? err_set(e, ERR_SYSTEM, errno, "cannot fork") : 0;
	if (r < 0)
		return r;
	execute(p, program);
}
