/*
 * fd - descriptors: closed by scope, handed on explicitly, always close-on-exec from birth.
 * An empty descriptor is -EBADF (any negative number counts as empty).
 */
#pragma once

#include <errno.h>
#include <sys/types.h>
#include <unistd.h>

static inline void fd_close(int fd)
{
	if (fd >= 0)
		(void)close(fd);
}
static inline void fd_close_p(int *fd)
{
	fd_close(*fd);
}
#define auto_close __attribute__((cleanup(fd_close_p)))
static inline int steal_fd(int *fd)
{
	int v = *fd;

	*fd = -EBADF;
	return v;
}
/* Closes what *slot holds and stores fd there.  Takes fd. */
static inline void fd_replace(int *slot, int fd)
{
	fd_close(*slot);
	*slot = fd;
}

/* Writes all n bytes, retrying on EINTR and short writes (blocking descriptors only).
 * 0 or negative errno. */
int fd_write_all(int fd, const void *p, size_t n) MUST_USE;
/* Reads until n bytes or end of file; returns the count or negative errno. */
ssize_t fd_read_full(int fd, void *p, size_t n) MUST_USE;
/* Read or write once, retrying only EINTR; the count or negative errno. */
ssize_t fd_read(int fd, void *p, size_t n) MUST_USE;
ssize_t fd_write(int fd, const void *p, size_t n) MUST_USE;
/* The file (dir, name), mode 0600: whole or not at all, through ".NAME.tmp" and a rename, not
 * synced. name: at most 100 bytes.  0 or negative errno. */
int fd_write_file(int dir, const char *name, const void *p, size_t n) MUST_USE;
/* O_NONBLOCK on or off; 0 or negative errno. */
int fd_nonblock(int fd, bool on);
