#include "log/chain-int.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

int log_chain_open(int dir, unsigned n)
{
	char name[LOG_NAME_MAX];
	int fd = openat(dir, log_name(n, name), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	return fd < 0 ? -errno : fd;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev;
}

/* A descriptor that holds the log's lock until it is closed. */
int log_lock(int dir, bool exclusive)
{
	auto_close int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (fd < 0)
		return -errno;
	do
		r = flock(fd, exclusive ? LOCK_EX : LOCK_SH);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : steal_fd(&fd);
}

/* The number the open file has, -ENOENT when it has none; *ret_count: one above the highest.  An
 * engine that died while it rotated leaves one number free. */
static int find(int dir, const struct stat *want, int *ret_count)
{
	char name[LOG_NAME_MAX];
	struct stat st;
	int found = -ENOENT, count = 0;

	for (int n = 0; n < LOG_FILES_MAX && n <= count + 1; n++) {
		if (fstatat(dir, log_name((unsigned)n, name), &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (same_file(&st, want))
			found = n;
		count = n + 1;
	}
	*ret_count = count;
	return found;
}

/* Opens the nearest file in the direction of step. */
static int neighbour(int dir, int fd, int step)
{
	auto_close int lock = log_lock(dir, false);
	struct stat want;
	int count, n;

	if (lock < 0)
		return lock;
	if (fstat(fd, &want) < 0)
		return -errno;
	n = find(dir, &want, &count);
	if (n < 0 && step > 0)
		return -ENOENT; /* it was removed, and all older ones before it */
	if (n < 0)
		n = count; /* what follows it is the oldest that is left */
	for (n += step; n >= 0 && n < count; n += step) {
		int next = log_chain_open(dir, (unsigned)n);

		if (next != -ENOENT)
			return next;
	}
	return -ENOENT;
}

int log_chain_next(int dir, int fd)
{
	return neighbour(dir, fd, -1);
}

int log_chain_before(int dir, int fd)
{
	return neighbour(dir, fd, 1);
}
