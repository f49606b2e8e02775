#include "sys/sys.h"

#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

int sys_send_fds(int sock, const void *p, size_t n, const int *fds, unsigned nfds)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(8 * sizeof(int))];
	} c = { 0 };
	struct iovec iov = { .iov_base = (void *)(uintptr_t)p, .iov_len = n };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t r;

	BUG_ON(nfds > 8);
	if (nfds) {
		m.msg_control = c.room;
		m.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
		c.align.cmsg_level = SOL_SOCKET;
		c.align.cmsg_type = SCM_RIGHTS;
		c.align.cmsg_len = CMSG_LEN(nfds * sizeof(int));
		memcpy(CMSG_DATA(&c.align), fds, nfds * sizeof(int));
	}
	do
		r = sendmsg(sock, &m, MSG_NOSIGNAL);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : 0;
}

int sys_loopback_up(void)
{
	struct {
		struct nlmsghdr h;
		struct ifinfomsg i;
	} ask = {
		.h = { .nlmsg_len = sizeof(ask),
			.nlmsg_type = RTM_NEWLINK,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK },
		.i = { .ifi_family = AF_UNSPEC,
			.ifi_index = 1, /* lo is the first link of every network namespace */
			.ifi_flags = IFF_UP,
			.ifi_change = IFF_UP },
	};
	struct {
		struct nlmsghdr h;
		struct nlmsgerr e;
		char rest[256];
	} got = { 0 };
	auto_close int s = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	ssize_t n;

	if (s < 0 || send(s, &ask, sizeof(ask), 0) < 0)
		return -errno;
	n = recv(s, &got, sizeof(got), 0);
	if (n < 0)
		return -errno;
	if ((size_t)n < sizeof(got.h) + sizeof(got.e.error) || got.h.nlmsg_type != NLMSG_ERROR)
		return -EPROTO;
	return got.e.error;
}
