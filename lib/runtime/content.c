/*
 * What the user puts into a container's file system at its start: --tmpfs, and the files of ours
 * (/etc/hosts, /etc/hostname, /etc/resolv.conf) that are over the image's.
 */
#include <fcntl.h>

#include "runtime/runtime-int.h"

/* The mode of the directory that the tmpfs will cover, as docker keeps it. */
static void keep_mode(int at, char *out, size_t size)
{
	struct stat st;

	if (fstat(at, &st) == 0)
		(void)snprintf(out, size, "mode=%04o", st.st_mode & 07777);
	else
		(void)snprintf(out, size, "mode=1777");
}

static int attach_tmpfs(const struct start *s, struct str data, struct err *e)
{
	auto_free char *target = str_dup(str_cut(&data, '\0'));
	const char *list[TMPFS_OPTIONS_MAX + 2] = { NULL };
	auto_close int at = -EBADF, m = -EBADF;
	struct tmpfs_options o;
	char mode[24];
	int r = tmpfs_options_parse(data, &o, e);

	if (r < 0)
		return r;
	at = sys_open(s->root, target, O_PATH | O_DIRECTORY, 0, SYS_CONFINED);
	if (at >= 0)
		keep_mode(at, mode, sizeof(mode));
	else
		(void)snprintf(mode, sizeof(mode), "mode=1777");
	if (at == -ENOENT)
		at = sys_mkdir_in(s->root, target, 0755);
	for (size_t i = 0; i < o.n; i++)
		list[i] = o.text[i];
	if (!o.has_mode)
		list[o.n] = mode;
	m = at < 0 ? at : sys_mount_new("tmpfs", list, o.attr);
	r = m < 0 ? m : sys_mount_attach(m, at, "");
	return r < 0 ? err_set(e, ERR_INVALID, -r, "cannot mount a tmpfs on \"%.300s\": %s", target,
			       program_strerror(-r))
		     : 0;
}

static int attach_file(
	const struct start *s, int store, unsigned number, struct str data, struct err *e)
{
	auto_free char *target = str_dup(str_cut(&data, '\0'));
	auto_close int fd = -EBADF, at = -EBADF, m = -EBADF;
	char name[16];
	int r;

	(void)snprintf(name, sizeof(name), "%u", number);
	fd = openat(store, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
	r = fd < 0 ? -errno : fd_write_all(fd, data.p, data.n);
	if (r < 0)
		return err_set(e, ERR_SYSTEM, -r, "cannot write \"%.300s\"", target);
	at = sys_mkfile_in(s->root, target, 0644);
	m = at < 0 ? at : sys_mount_clone(store, name, 0);
	r = m < 0 ? m : sys_mount_attach(m, at, "");
	return r < 0 ? err_set(e, ERR_INVALID, -r, "cannot mount our file over \"%.300s\": %s",
			       target, program_strerror(-r))
		     : 0;
}

/* One tmpfs holds the files.  Only what is mounted can be copied on kernels before 6.15, so it sits
 * on the old root's /proc, which nobody needs any more and which is about to go away. */
static int make_store(struct err *e)
{
	static const char *const options[] = { "size=8m", "nr_inodes=256", "mode=0755", NULL };
	auto_close int at = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	auto_close int m = sys_mount_new(
		"tmpfs", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	int r = at < 0 ? -ENOENT : m < 0 ? m : sys_mount_attach(m, at, "");

	return r < 0 ? err_set(e, ERR_SYSTEM, -r, "cannot make room for /etc/hosts") : steal_fd(&m);
}

/* What programs look for to know that they are in a container, and where mount(8) of old looks; an
 * image's own stay. */
static int leave_marks(const struct start *s, struct err *e)
{
	auto_close int mark = sys_mkfile_in(s->root, "/.dockerenv", 0755);
	auto_close int etc = sys_open(s->root, "/etc", O_PATH | O_DIRECTORY, 0, SYS_CONFINED);
	int r = mark < 0 ? mark : 0;

	if (r == 0 && etc >= 0 && symlinkat("/proc/mounts", etc, "mtab") < 0 && errno != EEXIST)
		r = -errno;
	return r < 0 ? err_set(e, ERR_SYSTEM, -r, "cannot mark the container's file system") : 0;
}

int content_attach(const struct start *s, const struct settings *set, struct err *e)
{
	auto_close int store = -EBADF;
	unsigned number = 0;
	int r = 0;

	for (size_t i = 0; i < set->nrecords && r == 0; i++)
		if (set->records[i].type == SPEC_TMPFS)
			r = attach_tmpfs(s, set->records[i].data, e);
	for (size_t i = 0; i < set->nrecords && r == 0; i++) {
		if (set->records[i].type != SPEC_FILE)
			continue;
		if (store < 0)
			store = make_store(e);
		r = store < 0 ? store : attach_file(s, store, number++, set->records[i].data, e);
	}
	return r < 0 ? r : leave_marks(s, e);
}
