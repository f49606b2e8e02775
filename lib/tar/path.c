#include "sys/sys.h"
#include "tar/tar-int.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC)

int tar_open_beneath(int dir, const char *path, int flags, mode_t mode)
{
	return sys_open(dir, *path ? path : ".", flags, mode, SYS_PLAIN);
}

static int add_component(struct str part, char *out, size_t *n, unsigned *depth, struct err *e)
{
	if (part.n == 0 || str_eq(part, STR(".")))
		return 0;
	if (str_eq(part, STR("..")))
		return err_set(e, ERR_INVALID, EPERM, "a name in the archive contains \"..\"");
	if (part.n > TAR_NAME_MAX || *n + part.n + 1 > TAR_PATH_MAX || ++*depth > TAR_DEPTH_MAX)
		return err_set(e, ERR_LIMIT, ENAMETOOLONG, "a name in the archive is too long");
	if (*n)
		out[(*n)++] = '/';
	memcpy(out + *n, part.p, part.n);
	*n += part.n;
	return 0;
}

int tar_path_clean(const char *name, char *out, struct err *e)
{
	struct str rest = str_of(name);
	unsigned depth = 0;
	size_t n = 0;

	while (rest.p) {
		int r = add_component(str_cut(&rest, '/'), out, &n, &depth, e);

		if (r < 0)
			return r;
	}
	out[n] = '\0';
	return 0;
}

bool tar_is_whiteout(int dir, const char *name)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISCHR(st.st_mode) &&
	       st.st_rdev == makedev(0, 0);
}

int tar_set_opaque(int dir_fd, const char *path, struct err *e)
{
	if (fsetxattr(dir_fd, "user.overlay.opaque", "y", 1, 0) < 0)
		return err_set(e, ERR_SYSTEM, errno, "marking directory \"%s\" opaque", path);
	return 0;
}

/* One step down from at, made if missing.  A whiteout in the way means the lower directory is gone:
 * the new one hides it. */
static int step(int at, const char *name, const char *path, struct err *e)
{
	bool opaque = false;
	int fd, r;

	if (mkdirat(at, name, 0755) < 0) {
		if (errno != EEXIST)
			return err_set(e, ERR_SYSTEM, errno, "making a directory for \"%s\"", path);
		if (tar_is_whiteout(at, name)) {
			opaque = true;
			if (unlinkat(at, name, 0) < 0 || mkdirat(at, name, 0755) < 0)
				return err_set(e, ERR_SYSTEM, errno,
					"making a directory for \"%s\"", path);
		}
	}
	fd = tar_open_beneath(at, name, DIR_FLAGS, 0);
	if (fd == -ELOOP || fd == -ENOTDIR)
		return err_set(e, ERR_INVALID, EPERM,
			"the archive writes \"%s\" through something that is not a directory",
			path);
	if (fd < 0)
		return err_set(e, ERR_SYSTEM, -fd, "opening the directory of \"%s\"", path);
	r = opaque ? tar_set_opaque(fd, path, e) : 0;
	if (r < 0) {
		fd_close(fd);
		return r;
	}
	return fd;
}

static int make_path(int root, const char *dir, const char *path, struct err *e)
{
	struct str rest = str_of(dir);
	int at = root;

	while (rest.p && rest.n) {
		struct str part = str_cut(&rest, '/');
		char name[TAR_NAME_MAX + 1];
		int next;

		BUG_ON(!str_copy(name, sizeof(name), part));
		next = step(at, name, path, e);
		if (at != root)
			fd_close(at);
		if (next < 0)
			return next;
		at = next;
	}
	return at;
}

void tar_dirs_forget(struct tar_dirs *d)
{
	if (d->fd != d->root)
		fd_close(d->fd);
	d->fd = -EBADF;
}

int tar_dirs_parent(
	struct tar_dirs *d, const char *path, bool make, const char **ret_name, struct err *e)
{
	const char *slash = strrchr(path, '/');
	size_t n = slash ? (size_t)(slash - path) : 0;
	int fd;

	*ret_name = slash ? slash + 1 : path;
	if (d->fd >= 0 && strlen(d->path) == n && memcmp(d->path, path, n) == 0)
		return d->fd;
	tar_dirs_forget(d);
	BUG_ON(!str_copy(d->path, sizeof(d->path), (struct str){ path, n }));
	if (n == 0)
		return d->fd = d->root;
	fd = tar_open_beneath(d->root, d->path, DIR_FLAGS, 0);
	if (fd < 0 && make)
		fd = make_path(d->root, d->path, path, e);
	else if (fd < 0)
		return err_set(e, ERR_INVALID, -fd, "the directory of \"%s\" is not there", path);
	if (fd >= 0)
		d->fd = fd;
	return fd;
}

static int remove_content(int fd, unsigned depth)
{
	DIR *dir = fdopendir(fd);
	struct dirent *de;
	int r = 0;

	if (!dir) {
		fd_close(fd);
		return -errno;
	}
	while (r == 0 && (de = readdir(dir)))
		if (!streq(de->d_name, ".") && !streq(de->d_name, ".."))
			r = tar_remove(dirfd(dir), de->d_name, depth + 1);
	(void)closedir(dir);
	return r;
}

int tar_remove(int dir, const char *name, unsigned depth)
{
	int fd, r;

	if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -errno;
	if (depth > TAR_DEPTH_MAX)
		return -ELOOP;
	fd = tar_open_beneath(dir, name, DIR_FLAGS, 0);
	if (fd < 0)
		return fd;
	r = remove_content(fd, depth);
	if (r < 0)
		return r;
	return unlinkat(dir, name, AT_REMOVEDIR) < 0 ? -errno : 0;
}
