#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>

#include "runtime/runtime-int.h"

#define PTMX makedev(5, 2)

int link_make(struct link *l, struct err *e)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_set(e, ERR_SYSTEM, errno, "cannot make a socket pair");
	l->ours = pair[0];
	l->theirs = pair[1];
	l->page = mmap(
		NULL, sizeof(*l->page), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (l->page == MAP_FAILED)
		return err_set(e, ERR_SYSTEM, errno, "cannot map a page");
	l->page->master = -1;
	return 0;
}

int link_send(int end, enum link_step step)
{
	char c = (char)step;

	return send(end, &c, 1, MSG_NOSIGNAL) == 1 ? 0 : -errno;
}

int link_expect(int end, enum link_step step)
{
	char c = 0;
	ssize_t n = fd_read(end, &c, 1);

	if (n < 0)
		return (int)n;
	return n == 1 && c == (char)step ? 0 : -EPROTO;
}

/* Init said why in the page, or it died. */
static int failure(struct link *l, struct err *e)
{
	struct err got;

	memcpy(&got, &l->page->err, sizeof(got));
	if (l->page->state != LINK_FAILED || got.kind == ERR_NONE)
		return err_set(e, ERR_SYSTEM, 0,
			"the container's first process ended before its program was started");
	err_sanitize(&got);
	if (e)
		*e = got;
	return err_errno(&got);
}

int link_blame(struct link *l, int r, struct err *e)
{
	return r < 0 && l->page && l->page != MAP_FAILED && l->page->state == LINK_FAILED
		       ? failure(l, e)
		       : r;
}

int link_wait_exec(struct link *l, int pidfd, struct err *e)
{
	struct pollfd p[2] = { { .fd = l->ours, .events = POLLIN },
		{ .fd = pidfd, .events = POLLIN } };
	char c;

	for (;;) {
		ssize_t n;

		if (poll(p, 2, -1) < 0) {
			if (errno == EINTR)
				continue;
			return err_set(e, ERR_SYSTEM, errno, "poll");
		}
		if (!(p[0].revents & (POLLIN | POLLHUP)))
			return failure(l, e); /* died while the table was still shared */
		n = fd_read(l->ours, &c, 1);
		if (n == 1 && c == (char)LINK_OWN) {
			/* Init has its own descriptors now: when its end closes, because it
			 * executed the program or ended, we see it. */
			fd_replace(&l->theirs, -EBADF);
			continue;
		}
		return n == 0 && l->page->state == LINK_EXEC ? 0 : failure(l, e);
	}
}

int link_master(const struct link *l)
{
	int fd = l->page->master;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISCHR(st.st_mode) || st.st_rdev != PTMX)
		return -ENOTTY;
	return fd;
}

void link_fail(struct link *l, const struct err *e)
{
	memcpy(&l->page->err, e, sizeof(*e));
	l->page->state = LINK_FAILED;
	_exit(1); /* closes our end; the starter sees it or the death of this process */
}
