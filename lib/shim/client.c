#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "shim/shim.h"

/* A path of any length is reached through the directory's descriptor, which always fits. */
static int address(int dir, const char *name, struct sockaddr_un *ret, struct err *e)
{
	int n;

	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	n = snprintf(ret->sun_path, sizeof(ret->sun_path), "/proc/self/fd/%d/%s", dir, name);
	if (n < 0 || (size_t)n >= sizeof(ret->sun_path))
		return err_set(
			e, ERR_INVALID, ENAMETOOLONG, "socket name \"%s\" is too long", name);
	return 0;
}

static int sock_new(struct err *e)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return fd < 0 ? err_set(e, ERR_SYSTEM, errno, "cannot make a socket") : fd;
}

int shim_listen(int dir, const char *name, struct err *e)
{
	struct sockaddr_un a;
	auto_close int fd = sock_new(e);
	int r = fd < 0 ? fd : address(dir, name, &a, e);

	if (r < 0)
		return r;
	if (unlinkat(dir, name, 0) < 0 && errno != ENOENT)
		return err_set(e, ERR_SYSTEM, errno, "cannot remove the old socket \"%s\"", name);
	/* The mode of the socket object is what bind() gives the file (less the umask), so there
	 * is no moment with another one. */
	if (fchmod(fd, 0600) < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 ||
		fchmodat(dir, name, 0600, 0) < 0 || listen(fd, 64) < 0)
		return err_set(e, ERR_SYSTEM, errno, "cannot listen on \"%s\"", name);
	return steal_fd(&fd);
}

int shim_connect(int dir, const char *name, const struct shim_hello *hello, struct err *e)
{
	struct sockaddr_un a;
	auto_close int fd = sock_new(e);
	int r = fd < 0 ? fd : address(dir, name, &a, e);

	if (r < 0)
		return r;
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0) {
		/* No file is as good as nobody behind it. */
		r = errno == ENOENT ? ECONNREFUSED : errno;
		return err_set(e, r == ECONNREFUSED ? ERR_UNAVAILABLE : ERR_SYSTEM, r,
			"cannot reach the shim at \"%s\"", name);
	}
	if (send(fd, hello, sizeof(*hello), MSG_NOSIGNAL) != (ssize_t)sizeof(*hello))
		return err_set(e, ERR_UNAVAILABLE, errno ? errno : EPIPE,
			"the shim at \"%s\" does not take a connection", name);
	return steal_fd(&fd);
}

int shim_recv(int sock, struct shim_record *ret)
{
	struct shim_record rec;
	ssize_t n = fd_read_full(sock, &rec, sizeof(rec));

	if (n == -ECONNRESET)
		return 0;
	if (n <= 0)
		return (int)n;
	if (n != (ssize_t)sizeof(rec))
		return -EPROTO;
	*ret = rec;
	return 1;
}

int shim_send(int sock, const struct shim_record *r, int fd_or_negative)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { (void *)(uintptr_t)r, sizeof(*r) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;
	ssize_t n;

	if (fd_or_negative >= 0) {
		m.msg_control = control;
		m.msg_controllen = sizeof(control);
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd_or_negative, sizeof(int));
	}
	do
		n = sendmsg(sock, &m, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return n == (ssize_t)sizeof(*r) ? 0 : -EPROTO;
}
