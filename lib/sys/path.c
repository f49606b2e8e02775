#include "sys/sys.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/syscall.h>

int sys_open(int dir, const char *path, int flags, mode_t mode, uint64_t resolve)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
		.mode = mode,
		.resolve = resolve,
	};

	for (unsigned tries = 0; tries < 32; tries++) {
		int fd = (int)syscall(SYS_openat2, dir, path, &how, sizeof(how));

		if (fd >= 0)
			return fd;
		if (errno != EAGAIN)
			return -errno;
	}
	return -EAGAIN;
}

static int open_dir(int root, const char *path)
{
	return sys_open(root, path, O_PATH | O_DIRECTORY, 0, SYS_CONFINED);
}

/* Copies the path up to the end of component i into out; false when there is no such component. */
static bool prefix(const char *path, unsigned i, char *out, const char **ret_last)
{
	size_t n = 0;

	for (;;) {
		size_t start;

		while (path[n] == '/')
			n++;
		start = n;
		while (path[n] && path[n] != '/')
			n++;
		if (n == start)
			return false;
		if (i-- == 0) {
			memcpy(out, path, n);
			out[n] = '\0';
			*ret_last = out + start;
			return true;
		}
	}
}

int sys_mkdir_in(int root, const char *path, mode_t mode)
{
	char part[PATH_MAX];
	const char *last;
	auto_close int at = open_dir(root, path);

	if (at != -ENOENT)
		return steal_fd(&at);
	if (strlen(path) >= sizeof(part))
		return -ENAMETOOLONG;
	at = open_dir(root, "/");
	for (unsigned i = 0; at >= 0 && prefix(path, i, part, &last); i++) {
		int next = open_dir(root, part);

		if (next == -ENOENT) {
			/* The name is made in the directory found before: nothing is followed. */
			if (mkdirat(at, last, mode) < 0 && errno != EEXIST)
				return -errno;
			next = open_dir(root, part);
		}
		fd_replace(&at, next);
	}
	return steal_fd(&at);
}

/* The path that the link (root, path) stands for, as seen from the root. */
static int follow(int root, char *path)
{
	char link[PATH_MAX];
	auto_close int fd = sys_open(root, path, O_PATH | O_NOFOLLOW, 0, SYS_CONFINED);
	char *slash = strrchr(path, '/');
	ssize_t n;

	if (fd < 0)
		return fd;
	n = readlinkat(fd, "", link, sizeof(link) - 1);
	if (n <= 0)
		return -ENOENT;
	link[n] = '\0';
	if (link[0] == '/' || !slash)
		slash = path - 1;
	if ((size_t)(slash + 1 - path) + (size_t)n >= PATH_MAX)
		return -ENAMETOOLONG;
	memcpy(slash + 1, link, (size_t)n + 1);
	return 0;
}

static int make_parent(int root, const char *path)
{
	char dir[PATH_MAX];
	const char *slash = strrchr(path, '/');

	if (!slash || slash == path)
		return 0;
	(void)snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path), path);
	return sys_mkdir_in(root, dir, 0755);
}

int sys_mkfile_in(int root, const char *path, mode_t mode)
{
	char at[PATH_MAX];
	int fd = sys_open(root, path, O_PATH, 0, SYS_CONFINED);

	if (fd != -ENOENT)
		return fd;
	if (!str_copy(at, sizeof(at), str_of(path)))
		return -ENAMETOOLONG;
	for (unsigned links = 0; links < 8; links++) {
		auto_close int dir = make_parent(root, at);

		if (dir < 0)
			return dir == -ENOENT ? -ELOOP : dir;
		if (dir == 0)
			dir = -EBADF;
		fd = sys_open(root, at, O_CREAT | O_WRONLY | O_NONBLOCK, mode, SYS_CONFINED);
		if (fd >= 0) {
			(void)close(fd);
			return sys_open(root, at, O_PATH, 0, SYS_CONFINED);
		}
		if (fd != -ENOENT || follow(root, at) < 0)
			return fd;
	}
	return -ELOOP;
}
