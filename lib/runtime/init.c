/*
 * The container's first process, from its birth to the execution of the program.  It has no rights
 * outside (but in the host's user namespace) when it reads the spec.
 */
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/vfs.h>

#include "cgroup/cgroup.h"
#include "runtime/runtime-int.h"

static int step(struct start *s, enum link_step want, struct err *e)
{
	int r = link_expect(s->link.theirs, want);

	return r < 0 ? err_set(e, ERR_SYSTEM, -r, "the starter went away") : 0;
}

/* Root of the container's user namespace, with all its rights there and none outside. */
static int become_root(struct start *s, struct err *e)
{
	int r = sys_become(0, 0, NULL, 0);

	if (r < 0)
		return err_set(e, ERR_SYSTEM, -r, "cannot become root of the container");
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	(void)s;
	return 0;
}

static int set_names(struct start *s, const struct settings *set, struct err *e)
{
	if (s->grant->utsns != KEEPER_NS_PRIVATE)
		return 0;
	if ((set->hostname && sethostname(set->hostname, strlen(set->hostname)) < 0) ||
		(set->domainname && setdomainname(set->domainname, strlen(set->domainname)) < 0))
		return err_set(e, ERR_INVALID, errno, "cannot set the host name: %s",
			program_strerror(errno));
	return 0;
}

static int set_network(struct start *s, struct err *e)
{
	int r = s->grant->netns == KEEPER_NS_PRIVATE ? sys_loopback_up() : 0;

	return r < 0 ? err_set(e, ERR_SYSTEM, -r, "cannot bring the loopback interface up") : 0;
}

static int attach_console(struct start *s, const struct process *p, struct err *e)
{
	auto_close int m = sys_mount_clone(p->stdio[0], "", 0);
	int r = m < 0 ? m : sys_mount_attach(m, s->dev, "console");

	return r < 0 ? err_set(e, ERR_SYSTEM, -r, "cannot mount /dev/console") : 0;
}

static int open_stdio(struct start *s, struct process *p, struct mounts *m, struct err *e)
{
	if (p->tty) {
		int r = process_tty(p, m->ptmx, e);

		return r < 0 ? r : attach_console(s, p, e);
	}
	for (unsigned i = 0; i < 3; i++) {
		p->stdio[i] = s->inside[i];
		if (p->stdio[i] < 0) /* docker run without -i reads nothing */
			p->stdio[i] = openat(s->dev, "null", O_RDONLY | O_CLOEXEC);
		if (p->stdio[i] < 0)
			return err_set(e, ERR_SYSTEM, errno, "cannot open /dev/null");
	}
	return 0;
}

static int own_cgroup(struct start *s, struct err *e)
{
	if (s->grant->cgroupns == KEEPER_NS_PRIVATE && unshare(CLONE_NEWCGROUP) < 0)
		return err_set(e, ERR_SYSTEM, errno, "cannot make a cgroup namespace");
	return s->unified ? mounts_cgroup(s, e) : 0;
}

/* What was meant to be there is there, whatever the image is like. */
static int verify(const struct start *s, const struct mounts *m, struct err *e)
{
	const struct {
		int fd;
		const char *path;
		long magic;
	} want[] = { { m->proc, "/proc", PROC_SUPER_MAGIC }, { m->sys, "/sys", SYSFS_MAGIC },
		{ s->dev, "/dev", TMPFS_MAGIC }, { s->root, "/", OVERLAYFS_SUPER_MAGIC } };

	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		struct stat mine, seen;
		struct statfs fs;

		if (fstat(want[i].fd, &mine) < 0 || stat(want[i].path, &seen) < 0 ||
			statfs(want[i].path, &fs) < 0 || mine.st_dev != seen.st_dev ||
			mine.st_ino != seen.st_ino || fs.f_type != want[i].magic)
			return err_set(
				e, ERR_SYSTEM, 0, "%s of the container is not ours", want[i].path);
	}
	return 0;
}

static int make_tree(
	struct start *s, struct settings *set, struct mounts *m, struct process *p, struct err *e)
{
	int r = mounts_attach(s, m, e);

	if (r == 0)
		r = content_attach(s, set, e);
	if (r == 0)
		r = mounts_hide(s, set, m, e);
	if (r == 0)
		r = open_stdio(s, p, m, e);
	if (r < 0)
		return r;
	r = sys_pivot(s->root);
	if (r < 0)
		return err_set(e, ERR_SYSTEM, -r, "cannot enter the container's root");
	return verify(s, m, e);
}

static int make_read_only(struct start *s, struct err *e)
{
	struct mount_attr a = { .attr_set = MOUNT_ATTR_RDONLY };
	int r = s->grant->flags & KEEPER_READONLY ? sys_mount_set(s->root, &a, false) : 0;

	return r < 0 ? err_set(e, ERR_SYSTEM, -r, "cannot make the root read-only") : 0;
}

static int setup(struct start *s, struct err *e)
{
	static struct settings set;
	struct mounts m;
	struct process p = { .grant = s->grant,
		.set = &set,
		.link = &s->link,
		.tty = s->plan->start_flags & KEEPER_START_TTY,
		.create_cwd = true,
		.dies_with_parent = true };
	int r = cgroup_gate_enter(&s->gate, e);

	cgroup_gate_close(&s->gate);
	if (r == 0)
		r = step(s, LINK_MAPPED, e);
	if (r == 0)
		r = become_root(s, e);
	if (r == 0)
		r = settings_read(s->plan->spec, &set, e);
	if (r == 0)
		r = mounts_prepare(s, &set, &m, e);
	if (r == 0)
		r = mounts_sysctls(s, &set, &m, e);
	if (r == 0)
		r = set_network(s, e);
	if (r == 0)
		r = set_names(s, &set, e);
	if (r == 0)
		r = step(s, LINK_ROOT, e);
	if (r < 0)
		return r;
	s->root = s->link.page->root;
	p.root = s->root;
	p.caps = s->grant->caps & set.caps;
	r = make_tree(s, &set, &m, &p, e);
	if (r == 0)
		r = process_chdir(&p, e);
	if (r == 0)
		r = own_cgroup(s, e);
	if (r == 0)
		r = make_read_only(s, e);
	return r < 0 ? r : process_run(&p, e);
}

void init_run(struct start *s)
{
	struct err e = { 0 };

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	(void)setup(s, &e);
	link_fail(&s->link, &e);
}
