#include "tar/tar-int.h"

#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/xattr.h>

int tar_warn(const struct tar_sink *sink, const char *fmt, ...)
{
	struct err text;
	char line[ERR_MSG_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	(void)err_set(&text, ERR_INVALID, 0, "%s", line); /* for its rule: no control bytes */
	return sink->frame(sink->arg, JOB_WARNING, text.msg, strlen(text.msg));
}

/* The attributes an archive may set.  user.overlay.* would steer the overlay itself, trusted.* and
 * other security.* belong to the host. */
static bool wanted(const char *name)
{
	if (str_starts(str_of(name), STR("user.")))
		return !str_starts(str_of(name), STR("user.overlay."));
	return streq(name, "security.capability") || streq(name, "system.posix_acl_access") ||
	       streq(name, "system.posix_acl_default");
}

/* Without a descriptor the name is set in its directory: a single component, never followed. */
static int set_one(int fd, int dir, const char *name, const char *key, const void *p, size_t n)
{
	if (fd >= 0)
		return fsetxattr(fd, key, p, n, 0) < 0 ? -errno : 0;
	if (fchdir(dir) < 0)
		return -errno;
	return lsetxattr(name, key, p, n, 0) < 0 ? -errno : 0;
}

static int set_xattrs(int fd, int dir, const char *name, const char *path, struct archive_entry *en,
	const struct tar_sink *sink, struct err *e)
{
	int left = archive_entry_xattr_reset(en), r = 0;
	const char *key;
	const void *p;
	size_t n;

	if (left > TAR_XATTRS_MAX)
		return err_set(
			e, ERR_LIMIT, E2BIG, "\"%s\" has %d extended attributes", path, left);
	while (r == 0 && archive_entry_xattr_next(en, &key, &p, &n) == ARCHIVE_OK) {
		if (!key || !wanted(key))
			continue;
		if (n > TAR_XATTR_MAX)
			return err_set(e, ERR_LIMIT, E2BIG,
				"extended attribute \"%s\" of \"%s\" is too large", key, path);
		r = set_one(fd, dir, name, key, p, n);
		if (r == -EOPNOTSUPP || r == -EPERM)
			r = tar_warn(sink, "attribute %s of %s was left out: %s", key, path,
				strerror(-r));
		else if (r < 0)
			return err_set(
				e, ERR_SYSTEM, -r, "setting attribute \"%s\" of \"%s\"", key, path);
	}
	return r;
}

static int set_owner(int fd, int dir, const char *name, const char *path, struct archive_entry *en,
	struct err *e)
{
	int64_t uid = archive_entry_uid(en), gid = archive_entry_gid(en);
	int r;

	if (uid < 0 || gid < 0 || uid >= UINT32_MAX || gid >= UINT32_MAX)
		return err_set(e, ERR_INVALID, EINVAL,
			"\"%s\" belongs to an impossible user or group", path);
	r = fd >= 0 ? fchown(fd, (uid_t)uid, (gid_t)gid)
		    : fchownat(dir, name, (uid_t)uid, (gid_t)gid, AT_SYMLINK_NOFOLLOW);
	if (r < 0 && (errno == EINVAL || errno == EOVERFLOW))
		return err_set(e, ERR_UNSUPPORTED, errno,
			"\"%s\" belongs to user %lld and group %lld: ids above 65535 are not mapped",
			path, (long long)uid, (long long)gid);
	if (r < 0)
		return err_set(e, ERR_SYSTEM, errno, "setting the owner of \"%s\"", path);
	return 0;
}

void tar_meta_times(struct archive_entry *en, struct timespec ret[2])
{
	ret[1].tv_sec = archive_entry_mtime_is_set(en) ? archive_entry_mtime(en) : 0;
	ret[1].tv_nsec = archive_entry_mtime_is_set(en) ? archive_entry_mtime_nsec(en) : 0;
	if (ret[1].tv_nsec < 0 || ret[1].tv_nsec > 999999999)
		ret[1].tv_nsec = 0;
	ret[0] = ret[1];
}

/* Owner before mode and attributes: a change of owner clears set-id bits and capabilities. */
int tar_meta_apply(int fd, int dir, const char *name, const char *path, struct archive_entry *en,
	const struct tar_sink *sink, struct err *e)
{
	bool link = archive_entry_filetype(en) == AE_IFLNK;
	struct timespec times[2];
	int r = set_owner(fd, dir, name, path, en, e);

	if (r < 0)
		return r;
	if (!link) {
		mode_t mode = archive_entry_perm(en) & 07777;

		/* A fifo without descriptor: just made here, nobody else is in this tree. */
		r = fd >= 0 ? fchmod(fd, mode) : fchmodat(dir, name, mode, 0);
		if (r < 0)
			return err_set(e, ERR_SYSTEM, errno, "setting the mode of \"%s\"", path);
	}
	r = set_xattrs(fd, dir, name, path, en, sink, e);
	if (r < 0)
		return r;
	tar_meta_times(en, times);
	r = fd >= 0 ? futimens(fd, times) : utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW);
	if (r < 0)
		return err_set(e, ERR_SYSTEM, errno, "setting the time of \"%s\"", path);
	return 0;
}
