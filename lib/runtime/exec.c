/*
 * One more process in a running container, and its guardian.
 *
 * The guardian (a child of the keeper) makes the process, then keeps only the right to kill inside
 * the container, says what happens on its socket, and ends with the process.
 */
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <linux/securebits.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/vfs.h>

#include "cgroup/cgroup.h"
#include "runtime/runtime-int.h"
#include "shim/shim.h"

#define PIPEFS 0x50495045

/* ---- the process ----------------------------------------------------------------------------- */

static int enter(const struct runtime_exec_plan *p, struct err *e)
{
	int flags = CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
	int r = sys_setns(p->init_pidfd, flags | (p->id_base ? CLONE_NEWUSER : 0));

	if (r == 0)
		r = sys_become(0, 0, NULL, 0);
	return r < 0 ? err_set(e, ERR_CONFLICT, -r, "cannot enter the container") : 0;
}

/* The multiplexer of the container's own devpts.  What stands there is the container's to change,
 * so links are refused and what was opened is looked at. */
static int open_ptmx(int root, struct err *e)
{
	auto_close int fd = sys_open(root, "dev/pts/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK, 0,
		SYS_CONFINED | RESOLVE_NO_SYMLINKS);
	struct statfs fs;

	if (fd < 0)
		return err_set(e, ERR_SYSTEM, -fd, "cannot open /dev/pts/ptmx of the container");
	if (fstatfs(fd, &fs) < 0 || fs.f_type != DEVPTS_SUPER_MAGIC || fd_nonblock(fd, false) < 0)
		return err_set(e, ERR_SYSTEM, 0, "/dev/pts of the container is no devpts");
	return steal_fd(&fd);
}

static int inside(
	const struct runtime_exec_plan *p, struct link *l, struct cgroup_gate *gate, struct err *e)
{
	static struct settings set;
	struct process c = { .grant = p->grant,
		.set = &set,
		.link = l,
		.stdio = { p->stdio[0], p->stdio[1], p->stdio[2] },
		.tty = p->flags & KEEPER_EXEC_TTY };
	int r = cgroup_gate_enter(gate, e);

	cgroup_gate_close(gate);
	if (r < 0)
		return r;
	r = link_expect(l->theirs, LINK_READY);
	if (r < 0)
		return err_set(e, ERR_SYSTEM, -r, "the guardian went away");
	r = enter(p, e);
	if (r == 0)
		r = settings_read(p->spec, &set, e);
	if (r < 0)
		return r;
	set.reaper = false;
	c.caps = p->flags & KEEPER_EXEC_PRIVILEGED ? SYS_CAPS_ALL : p->grant->caps & set.caps;
	c.root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (c.root < 0)
		return err_set(e, ERR_SYSTEM, errno, "cannot open the container's root");
	if (c.tty) {
		r = open_ptmx(c.root, e);
		r = r < 0 ? r : process_tty(&c, r, e);
	}
	if (r == 0)
		r = process_chdir(&c, e);
	return r < 0 ? r : process_run(&c, e);
}

static void process_main(
	const struct runtime_exec_plan *p, struct link *l, struct cgroup_gate *gate) NORETURN;
static void process_main(
	const struct runtime_exec_plan *p, struct link *l, struct cgroup_gate *gate)
{
	struct err e = { 0 };

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0); /* until it changes its ids */
	(void)inside(p, l, gate, &e);
	link_fail(l, &e);
}

/* ---- the guardian ---------------------------------------------------------------------------- */

/* The engine's pipes become the container root's, so that /dev/stdout can be opened again inside.
 * Only pipes: the engine may hand us any descriptor, and a file must not change hands. */
static int give_pipes(const struct runtime_exec_plan *p, struct err *e)
{
	for (unsigned i = 0; i < 3; i++) {
		struct statfs fs;

		if (p->stdio[i] < 0 || fstatfs(p->stdio[i], &fs) < 0 || fs.f_type != PIPEFS)
			continue;
		if (fchown(p->stdio[i], p->id_base, p->id_base) < 0)
			return err_set(e, ERR_SYSTEM, errno, "cannot give stream %u away", i);
	}
	return 0;
}

static int make_process(
	const struct runtime_exec_plan *p, struct link *l, int *pidfd, pid_t *pid, struct err *e)
{
	auto_close int group = cgroup_open(&p->grant->id, e);
	struct sys_clone c = {
		.flags = CLONE_FILES | CLONE_PIDFD, .cgroup = group, .pidfd = pidfd
	};
	struct cgroup_gate gate = { .n = 0 };
	int r;

	if (group < 0 && group != -EOPNOTSUPP)
		return group;
	if (group >= 0)
		c.flags |= CLONE_INTO_CGROUP;
	else if (cgroup_gate_open(&p->grant->id, &gate, e) < 0)
		return err_errno(e);
	r = sys_setns(p->init_pidfd, CLONE_NEWPID);
	if (r < 0)
		return err_set(e, ERR_CONFLICT, -r, "cannot enter the container");
	*pid = sys_clone(&c);
	if (*pid == 0)
		process_main(p, l, &gate);
	if (*pid < 0)
		return err_set(e, ERR_SYSTEM, -*pid, "cannot fork");
	return 0;
}

static int set_score(const struct runtime_exec_plan *p, pid_t pid, struct err *e)
{
	char path[64], text[16];
	auto_close int fd = -EBADF;
	int r;

	(void)snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", pid);
	(void)snprintf(text, sizeof(text), "%d", p->grant->oom_score_adj);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	r = fd < 0 ? -errno : fd_write_all(fd, text, strlen(text));
	return r < 0 ? err_set(e, ERR_SYSTEM, -r, "cannot set oom_score_adj to %s", text) : 0;
}

/* The shim's id, which nothing inside has, and of all rights only that to signal processes of the
 * container's user namespace. */
static int drop_rights(const struct runtime_exec_plan *p, struct err *e)
{
	const uint64_t kill = 1ull << CAP_KILL;
	/* In the host's user namespace: an id of no slot, which no shim has. */
	uid_t id = (p->id_base ? p->id_base : IDS_END) + IDS_SHIM;
	int r = sys_securebits(SECBIT_NO_SETUID_FIXUP);

	if (r == 0)
		r = sys_become(id, id, NULL, 0);
	if (r == 0 && p->id_base)
		r = sys_setns(p->init_pidfd, CLONE_NEWUSER);
	if (r == 0)
		r = sys_caps_bound(0);
	if (r == 0)
		r = sys_caps_set(kill, kill, 0);
	if (r == 0)
		r = sys_no_new_privs();
	return r < 0 ? err_set(e, ERR_SYSTEM, -r, "cannot drop rights") : 0;
}

/* Until the process ends; the engine may ask to kill it, and its going away changes nothing. */
static int watch(int report, int pidfd)
{
	struct pollfd p[2] = { { .fd = pidfd, .events = POLLIN },
		{ .fd = report, .events = POLLIN } };

	for (;;) {
		struct exec_report ask;
		ssize_t n;

		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return -errno;
		if (p[0].revents)
			return sys_pidfd_wait(pidfd);
		if (!p[1].revents)
			continue;
		n = recv(report, &ask, sizeof(ask), MSG_DONTWAIT);
		if (n == (ssize_t)sizeof(ask) && ask.type == EXEC_KILL)
			(void)sys_pidfd_signal(pidfd, SIGKILL);
		else if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
			p[1].fd = -1;
	}
}

static void say(const struct runtime_exec_plan *p, struct exec_report *r, int fd)
{
	/* Nobody listens any more: the process goes on all the same. */
	(void)sys_send_fds(p->report, r, sizeof(*r), &fd, fd >= 0 ? 1 : 0);
}

static int start_process(
	const struct runtime_exec_plan *p, struct link *l, int *pidfd, pid_t *pid, struct err *e)
{
	int r = link_make(l, e);

	if (r == 0)
		r = give_pipes(p, e);
	if (r == 0)
		r = make_process(p, l, pidfd, pid, e);
	if (r == 0)
		r = set_score(p, *pid, e);
	if (r == 0)
		r = drop_rights(p, e);
	if (r < 0)
		return r;
	r = link_send(l->ours, LINK_READY);
	if (r < 0)
		return err_set(e, ERR_SYSTEM, -r, "the process is gone");
	return link_wait_exec(l, *pidfd, e);
}

void runtime_exec(const struct runtime_exec_plan *p)
{
	int keep[] = { p->spec, p->report, p->init_pidfd, p->stdio[0], p->stdio[1], p->stdio[2] };
	struct link l = { .ours = -EBADF, .theirs = -EBADF };
	struct exec_report said = { .type = EXEC_STARTED };
	int pidfd = -EBADF, r;
	pid_t pid = 0;

	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	sys_signals_reset();
	sys_close_all_but(keep, ARRAY_SIZE(keep));
	r = link_blame(&l, start_process(p, &l, &pidfd, &pid, &said.err), &said.err);
	if (r < 0) {
		if (pidfd >= 0) {
			(void)sys_pidfd_signal(pidfd, SIGKILL);
			(void)sys_pidfd_wait(pidfd);
		}
		said.type = EXEC_FAILED;
		say(p, &said, -1);
		_exit(1);
	}
	said.pid = (uint32_t)pid;
	say(p, &said, link_master(&l));
	/* The streams are the process's alone: who reads must see their end. */
	sys_close_all_but((int[]){ p->report, pidfd }, 2);
	r = watch(p->report, pidfd);
	said = (struct exec_report){ .type = EXEC_EXITED, .status = r < 0 ? 255 : r };
	say(p, &said, -1);
	_exit(0);
}
