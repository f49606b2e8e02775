#include "sys/sys.h"

#include <fcntl.h>
#include <sys/syscall.h>

/* glibc's <sys/mount.h> and <linux/mount.h> exclude each other; these two come from the former. */
extern int mount(const char *, const char *, const char *, unsigned long, const void *);
extern int umount2(const char *, int);
#define DETACH 2

static int configure(int fs, const char *option)
{
	char key[256];
	const char *equals = strchr(option, '=');
	struct str name = { option, equals ? (size_t)(equals - option) : strlen(option) };
	long r;

	if (!str_copy(key, sizeof(key), name))
		return -EINVAL;
	if (equals)
		r = syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, key, equals + 1, 0);
	else
		r = syscall(SYS_fsconfig, fs, FSCONFIG_SET_FLAG, key, NULL, 0);
	return r < 0 ? -errno : 0;
}

int sys_mount_new(const char *type, const char *const *options, unsigned attr)
{
	auto_close int fs = (int)syscall(SYS_fsopen, type, FSOPEN_CLOEXEC);
	int r;

	if (fs < 0)
		return -errno;
	/* What mount(8) shows as the device: docker's "proc", "tmpfs" and so on. */
	if (syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, "source", type, 0) < 0)
		return -errno;
	for (; options && *options; options++) {
		r = configure(fs, *options);
		if (r < 0)
			return r;
	}
	if (syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	r = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, attr);
	return r < 0 ? -errno : r;
}

int sys_mount_clone(int dir, const char *path, unsigned flags)
{
	int fd = (int)syscall(SYS_open_tree, dir, path,
		OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | flags);

	return fd < 0 ? -errno : fd;
}

int sys_mount_set(int m, const struct mount_attr *a, bool recursive)
{
	unsigned flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0u);

	return syscall(SYS_mount_setattr, m, "", flags, a, sizeof(*a)) < 0 ? -errno : 0;
}

int sys_mount_attach(int m, int dir, const char *path)
{
	/* Without T_SYMLINKS and T_AUTOMOUNTS the last component is never followed. */
	unsigned flags = MOVE_MOUNT_F_EMPTY_PATH | (*path ? 0 : MOVE_MOUNT_T_EMPTY_PATH);

	return syscall(SYS_move_mount, m, "", dir, path, flags) < 0 ? -errno : 0;
}

int sys_mount_overlay(const char *at, unsigned long flags, const char *options)
{
	return mount("overlay", at, "overlay", flags, options) < 0 ? -errno : 0;
}

int sys_pivot(int new_root)
{
	/* Old and new root share one place for a moment, the old one on top: no directory for it is
	 * needed in the image (pivot_root(2), "pivot_root(".", ".")"). */
	if (fchdir(new_root) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
		umount2(".", DETACH) < 0 || chdir("/") < 0)
		return -errno;
	return 0;
}
