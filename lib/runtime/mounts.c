#include <fcntl.h>

#include "runtime/runtime-int.h"

#define QUIET (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)

static int fresh(
	int *slot, const char *type, const char *const *options, unsigned attr, struct err *e)
{
	*slot = sys_mount_new(type, options, attr);
	return *slot < 0 ? err_set(e, ERR_SYSTEM, -*slot, "cannot mount a new %s", type) : 0;
}

int mounts_prepare(
	const struct start *s, const struct settings *set, struct mounts *m, struct err *e)
{
	/* gid 5 is "tty" in every distribution, and always mapped. */
	static const char *const pts[] = { "newinstance", "ptmxmode=0666", "mode=0620", "gid=5",
		NULL };
	char size[48];
	const char *shm[] = { "mode=1777", size, NULL };
	int r;

	(void)snprintf(size, sizeof(size), "size=%llu", (unsigned long long)set->shm_size);
	*m = (struct mounts){ .shm = s->shm, .ptmx = -EBADF, .empty = -EBADF };
	r = fresh(&m->proc, "proc", NULL, QUIET, e);
	if (r == 0)
		r = fresh(&m->sys, "sysfs", NULL, QUIET | MOUNT_ATTR_RDONLY, e);
	if (r == 0)
		r = fresh(&m->pts, "devpts", pts, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, e);
	if (r == 0)
		r = fresh(&m->mqueue, "mqueue", NULL, QUIET, e);
	if (r == 0 && m->shm < 0 && set->shm_size)
		r = fresh(&m->shm, "tmpfs", shm, QUIET, e);
	if (r == 0 && s->plan->start_flags & KEEPER_START_TTY) {
		/* Through the mount itself, before anybody could put something in the way. */
		m->ptmx = sys_open(m->pts, "ptmx", O_RDWR | O_NOCTTY, 0, SYS_PLAIN);
		if (m->ptmx < 0)
			r = err_set(e, ERR_SYSTEM, -m->ptmx, "cannot open a terminal");
	}
	return r;
}

/* The directory to mount on.  An image whose /proc is a link or a file gets a directory instead, in
 * its writable layer; the link is never followed (CVE-2019-19921 and its kin). */
static int mount_point(int root, const char *name)
{
	int fd = sys_open(root, name, O_PATH | O_DIRECTORY, 0, SYS_PLAIN);

	if (fd != -ENOENT && fd != -ELOOP && fd != -ENOTDIR)
		return fd;
	if (unlinkat(root, name, 0) < 0 && errno != ENOENT)
		return -errno;
	if (mkdirat(root, name, 0755) < 0)
		return -errno;
	return sys_open(root, name, O_PATH | O_DIRECTORY, 0, SYS_PLAIN);
}

int mounts_attach(const struct start *s, struct mounts *m, struct err *e)
{
	const struct {
		const char *name;
		int mount;
	} tops[] = { { "dev", s->dev }, { "proc", m->proc }, { "sys", m->sys } },
	  below[] = { { "pts", m->pts }, { "shm", m->shm }, { "mqueue", m->mqueue } };
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(tops); i++) {
		auto_close int at = mount_point(s->root, tops[i].name);

		r = at < 0 ? at : sys_mount_attach(tops[i].mount, at, "");
		if (r < 0)
			return err_set(e, ERR_SYSTEM, -r, "cannot mount /%s", tops[i].name);
	}
	for (size_t i = 0; i < ARRAY_SIZE(below); i++) {
		if (below[i].mount < 0) /* --ipc none: no /dev/shm */
			continue;
		r = sys_mount_attach(below[i].mount, s->dev, below[i].name);
		if (r < 0)
			return err_set(e, ERR_SYSTEM, -r, "cannot mount /dev/%s", below[i].name);
	}
	return 0;
}

int mounts_cgroup(const struct start *s, struct err *e)
{
	auto_close int at = sys_open(
		s->root, "sys/fs/cgroup", O_PATH | O_DIRECTORY, 0, SYS_CONFINED);
	auto_close int m = -EBADF;
	int r;

	if (at == -ENOENT)
		return 0;
	r = at < 0 ? at : fresh(&m, "cgroup2", NULL, QUIET | MOUNT_ATTR_RDONLY, e);
	if (r == 0)
		r = sys_mount_attach(m, at, "");
	return r < 0 ? err_set(e, ERR_SYSTEM, -r, "cannot mount /sys/fs/cgroup") : 0;
}
