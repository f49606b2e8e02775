#include <sys/ioctl.h>
#include <sys/socket.h>

#include "shim-int.h"

bool conn_wants(const struct conn *c, unsigned which)
{
	return c->kind == SHIM_ATTACH && c->flags & (which == OUT ? SHIM_STDOUT : SHIM_STDERR);
}

void conn_drop(struct shim *s, struct conn *c)
{
	bool once = c->kind == SHIM_ATTACH && c->flags & SHIM_STDIN_ONCE && c->flags & SHIM_STDIN &&
		    !c->stdin_over;

	fd_close(c->fd);
	fd_close(c->passed);
	*c = (struct conn){ .fd = -EBADF, .passed = -EBADF };
	if (once && !s->tty)
		input_close(s);
}

/* A control peer that does not take 64 bytes has stopped reading: it must connect again. */
static bool conn_tell(struct shim *s, struct conn *c, const struct shim_record *r)
{
	ssize_t n;

	do
		n = send(c->fd, r, sizeof(*r), MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n == (ssize_t)sizeof(*r))
		return true;
	conn_drop(s, c);
	return false;
}

static void conn_tell_all(struct shim *s, const struct shim_record *r)
{
	for (struct conn *c = s->conn; c < s->conn + CONNS_MAX; c++)
		if (conn_live(c) && c->kind == SHIM_CONTROL)
			(void)conn_tell(s, c, r);
}

static struct shim_record exit_record(const struct shim *s)
{
	return (struct shim_record){
		.type = SHIM_EXIT,
		.a = (uint64_t)s->code,
		.b = s->exit_time_ns,
	};
}

void conn_tell_exit(struct shim *s)
{
	struct shim_record r = exit_record(s);

	for (struct conn *c = s->conn; c < s->conn + CONNS_MAX; c++)
		if (conn_live(c) && c->kind == SHIM_ATTACH)
			conn_drop(s, c);
	conn_tell_all(s, &r);
}

void conn_ask_rotation(struct shim *s)
{
	struct shim_record r = { .type = SHIM_ROTATE };

	if (!s->log.max || s->log.size < s->log.max || s->log.rotate_asked)
		return;
	s->log.rotate_asked = true;
	conn_tell_all(s, &r);
}

/* ---- records --------------------------------------------------------------------------------- */

static void control_start(struct shim *s, struct conn *c, const struct shim_hello *h)
{
	struct shim_record ready = {
		.type = SHIM_READY,
		.pad = SHIM_VERSION,
		.a = s->init_pid,
		.b = s->tty,
	};
	struct shim_record over = exit_record(s);

	s->log.max = h->log_max_bytes;
	s->log.rotate_asked = false;
	if (conn_tell(s, c, &ready) && s->ended)
		(void)conn_tell(s, c, &over);
	if (conn_live(c))
		conn_ask_rotation(s);
}

static void hello_handle(struct shim *s, struct conn *c)
{
	struct shim_hello h = c->in.hello;
	bool known = h.kind == SHIM_CONTROL || h.kind == SHIM_ATTACH;

	if (h.magic != SHIM_MAGIC || h.version == 0 || !known) {
		conn_drop(s, c);
		return;
	}
	c->kind = (uint8_t)h.kind;
	c->flags = (uint8_t)(h.flags & 0xff);
	c->have = 0;
	/* What is under way began before this peer came. */
	c->sent = UINT32_MAX;
	if (c->kind == SHIM_CONTROL)
		control_start(s, c, &h);
	else if (s->ended)
		conn_drop(s, c);
}

static void tty_resize(const struct shim *s, const struct shim_record *r)
{
	struct winsize ws = { .ws_row = (uint16_t)r->a, .ws_col = (uint16_t)r->b };

	if (s->tty && r->a <= UINT16_MAX && r->b <= UINT16_MAX)
		(void)ioctl(SHIM_FD_STDIN, TIOCSWINSZ, &ws);
}

static void record_handle(struct shim *s, struct conn *c)
{
	const struct shim_record *r = &c->in.record;

	switch (r->type) {
	case SHIM_LOG:
		/* Behind LOG_EXIT nothing follows: the last run's end must stay the last record. */
		if (c->passed >= 0 && !s->ended)
			logfile_switch(&s->log, steal_fd(&c->passed));
		break;
	case SHIM_RESIZE:
		tty_resize(s, r);
		break;
	case SHIM_CLOSE_STDIN:
		input_close(s);
		break;
	case SHIM_BYE:
		s->bye = s->ended;
		break;
	default:
		break; /* of a newer version */
	}
	fd_replace(&c->passed, -EBADF);
	c->have = 0;
}

/* ---- reading --------------------------------------------------------------------------------- */

static void keep_passed(struct conn *c, struct msghdr *m)
{
	struct cmsghdr *h = CMSG_FIRSTHDR(m);
	int fd;

	if (!h || h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS ||
		h->cmsg_len != CMSG_LEN(sizeof(int)))
		return;
	memcpy(&fd, CMSG_DATA(h), sizeof(fd));
	fd_replace(&c->passed, fd);
}

/* Reads towards the next hello or record: the count, 0 at the end, negative errno. */
static ssize_t conn_fill(struct conn *c, size_t whole)
{
	char control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { c->in.bytes + c->have, whole - c->have };
	struct msghdr m = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control) };
	ssize_t n;

	do
		n = recvmsg(c->fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	keep_passed(c, &m);
	c->have = (uint8_t)(c->have + n);
	return n;
}

static void attach_readable(struct shim *s, struct conn *c)
{
	ssize_t n;

	if (c->stdin_over || input_full(s))
		return; /* later: the container has not taken the last bytes */
	s->touched = true;
	n = fd_read(c->fd, s->in_text, STDIN_SIZE);
	if (n == -EAGAIN)
		return;
	if (n < 0) {
		conn_drop(s, c);
		return;
	}
	if (n > 0) {
		if (c->flags & SHIM_STDIN && s->input >= 0 && !s->in_close) {
			s->in_to = (uint32_t)n;
			input_push(s);
		}
		return;
	}
	c->stdin_over = true;
	if (c->flags & SHIM_STDIN && c->flags & SHIM_STDIN_ONCE && !s->tty)
		input_close(s);
}

void conn_readable(struct shim *s, struct conn *c)
{
	size_t whole = c->kind ? sizeof(struct shim_record) : sizeof(struct shim_hello);
	ssize_t n;

	if (c->kind == SHIM_ATTACH) {
		attach_readable(s, c);
		return;
	}
	n = conn_fill(c, whole);
	if (n == -EAGAIN)
		return;
	if (n <= 0)
		conn_drop(s, c);
	else if (c->have == whole && c->kind)
		record_handle(s, c);
	else if (c->have == whole)
		hello_handle(s, c);
}

/* ---- new peers ------------------------------------------------------------------------------- */

static struct conn *conn_free(struct shim *s)
{
	for (struct conn *c = s->conn; c < s->conn + CONNS_MAX; c++)
		if (!conn_live(c))
			return c;
	return NULL;
}

static bool peer_allowed(const struct shim *s, int fd)
{
	struct ucred u;
	socklen_t n = sizeof(u);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &u, &n) == 0 && u.uid == s->peer_uid;
}

void conn_accept_all(struct shim *s)
{
	struct conn *c;

	while ((c = conn_free(s)) != NULL) {
		int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0 && errno == EINTR)
			continue;
		if (fd < 0)
			return;
		if (!peer_allowed(s, fd)) {
			fd_close(fd);
			continue;
		}
		*c = (struct conn){ .fd = fd, .passed = -EBADF, .sent = UINT32_MAX };
		/* The hello is there already: peers send it before they return from connecting.
		 * Who came before the first output sees all of it. */
		conn_readable(s, c);
	}
}
