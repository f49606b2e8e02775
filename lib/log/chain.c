#include "log/chain.h"

#include <fcntl.h>
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

/* The number the open file has now; *ret_count: how many files there are.  -ENOENT: it is gone. */
static int find(int dir, const struct stat *want, unsigned *ret_count)
{
	char name[LOG_NAME_MAX];
	struct stat st;
	int found = -ENOENT;
	unsigned n = 0;

	for (; n < LOG_FILES_MAX; n++) {
		if (fstatat(dir, log_name(n, name), &st, AT_SYMLINK_NOFOLLOW) < 0) {
			/* In the middle of a rotation "log" does not exist. */
			if (n == 0)
				continue;
			break;
		}
		if (found < 0 && same_file(&st, want))
			found = (int)n;
	}
	*ret_count = n;
	return found;
}

/* Opens the neighbour at distance step, sure that no rotation happened in between. */
static int neighbour(int dir, int fd, int step)
{
	struct stat want;
	unsigned count;

	if (fstat(fd, &want) < 0)
		return -errno;
	for (unsigned tries = 0; tries < 100; tries++) {
		auto_close int next = -EBADF;
		int n = find(dir, &want, &count), to = n + step;

		if (n < 0) {
			/* Removed: what follows it is the oldest that is left. */
			if (step > 0 || count == 0)
				return -ENOENT;
			to = (int)count - 1;
		}
		if (to < 0 || to >= (int)count)
			return -ENOENT;
		next = log_chain_open(dir, (unsigned)to);
		if (find(dir, &want, &count) == n && next >= 0)
			return steal_fd(&next);
		if (next == -ENOENT && to == 0)
			return -ENOENT; /* mid-rotation: comes in a moment */
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
