/* A message of another process: any bytes, and as many descriptors as the first byte says. */
#include "wire/wire.h"

#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static struct wire_msg m;
	int pair[2], fds[16];
	struct iovec iov = { (void *)(uintptr_t)(p + 1), n - 1 };
	union {
		char room[CMSG_SPACE(sizeof(fds))];
		struct cmsghdr h;
	} space = { .h = { .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS } };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1 };
	unsigned nfds = n ? p[0] % ARRAY_SIZE(fds) : 0;
	int r;

	if (n < 1 || wire_pair(pair) < 0)
		return 0;
	for (unsigned i = 0; i < nfds; i++)
		fds[i] = pair[0];
	if (nfds) {
		space.h.cmsg_len = CMSG_LEN(nfds * sizeof(int));
		memcpy(CMSG_DATA(&space.h), fds, nfds * sizeof(int));
		h.msg_control = space.room;
		h.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
	}
	(void)sendmsg(pair[0], &h, MSG_NOSIGNAL | MSG_DONTWAIT);
	fd_close(pair[0]);
	r = wire_recv(pair[1], 1, &m);
	BUG_ON(r == 1 && (m.head.size != n - 1 - sizeof(m.head) || m.nfds != nfds));
	if (r == 1)
		fd_close(wire_fd(&m, p[0] % WIRE_FDS_MAX));
	wire_msg_done(&m);
	fd_close(pair[1]);
	/* Nothing stays open, whatever came. */
	r = dup(2);
	BUG_ON(r > 64);
	fd_close(r);
	return 0;
}
