#include "wire/wire.h"

#include <sys/socket.h>
#include <sys/uio.h>

int wire_pair(int ret[2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret) < 0 ? -errno : 0;
}

union fd_space {
	struct cmsghdr head;
	char room[CMSG_SPACE(sizeof(int) * WIRE_FDS_MAX)];
};

int wire_send(int sock, uint16_t version, uint16_t op, uint32_t seq, const void *body, size_t size,
	const int *fds, unsigned nfds)
{
	struct wire_head head = { WIRE_MAGIC, version, op, seq, (uint32_t)size };
	struct iovec iov[2] = { { &head, sizeof(head) }, { (void *)(uintptr_t)body, size } };
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = size ? 2 : 1 };
	union fd_space space = { 0 };
	ssize_t n;

	BUG_ON(size > WIRE_BODY_MAX || nfds > WIRE_FDS_MAX);
	if (nfds) {
		m.msg_control = space.room;
		m.msg_controllen = CMSG_SPACE(sizeof(int) * nfds);
		space.head.cmsg_level = SOL_SOCKET;
		space.head.cmsg_type = SCM_RIGHTS;
		space.head.cmsg_len = CMSG_LEN(sizeof(int) * nfds);
		memcpy(CMSG_DATA(&space.head), fds, sizeof(int) * nfds);
	}
	do
		n = sendmsg(sock, &m, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

static void take_fds(struct msghdr *h, struct wire_msg *m)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		m->nfds = (unsigned)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(m->fds, CMSG_DATA(c), sizeof(int) * m->nfds);
	}
}

static bool head_ok(const struct wire_msg *m, ssize_t n, uint16_t version)
{
	return (size_t)n >= sizeof(m->head) && m->head.magic == WIRE_MAGIC &&
	       m->head.version == version && m->head.size == (size_t)n - sizeof(m->head);
}

int wire_recv(int sock, uint16_t version, struct wire_msg *m)
{
	struct iovec iov[2] = { { &m->head, sizeof(m->head) }, { m->body, sizeof(m->body) } };
	union fd_space space;
	struct msghdr h = { .msg_iov = iov,
		.msg_iovlen = 2,
		.msg_control = space.room,
		.msg_controllen = sizeof(space.room) };
	bool lost;
	ssize_t n;

	m->nfds = 0;
	do
		n = recvmsg(sock, &h, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	take_fds(&h, m);
	/* An empty message looks like the end of file, but may carry descriptors. */
	if (n == 0 && m->nfds == 0 && !(h.msg_flags & MSG_CTRUNC))
		return 0;
	/* Surplus descriptors fill our room; fewer, and some lost: our table is full. */
	lost = h.msg_flags & MSG_CTRUNC && m->nfds < WIRE_FDS_MAX;
	if (!head_ok(m, n, version) || h.msg_flags & MSG_TRUNC ||
		(h.msg_flags & MSG_CTRUNC && !lost)) {
		wire_msg_done(m);
		return -EPROTO;
	}
	if (lost)
		wire_msg_done(m);
	return lost ? -EMFILE : 1;
}

int wire_fd(struct wire_msg *m, unsigned i)
{
	return i < m->nfds ? steal_fd(&m->fds[i]) : -EBADF;
}

void wire_msg_done(struct wire_msg *m)
{
	for (unsigned i = 0; i < m->nfds; i++)
		fd_close(steal_fd(&m->fds[i]));
	m->nfds = 0;
}
