/*
 * The raw stream of attach and exec, both ways in one thread: nothing waits for one direction while
 * the other could move.  Each direction has one buffer, filled when it is empty, written until it
 * is empty; so a reader that is slow stalls its own direction only, and no byte is lost.
 */
#include "http/http-int.h"

#include <sys/mman.h>
#include <sys/socket.h>

#define FRAME_HEAD 8

struct flow {
	char *p;
	size_t off, n; /* bytes waiting: p[off..n) */
};

struct relay {
	struct http_exchange *x;
	struct http_conn *c;
	struct http_relay *r;
	struct flow up, down;
	struct str early;	     /* client bytes that came with the request */
	short read_want, write_want; /* what poll waits for (TLS may need the other one) */
	bool client_ended;	     /* it will send no more */
	bool client_hung_up;	     /* it can neither send nor receive */
	bool to_dead;		     /* nobody reads what the client sends: thrown away */
	bool to_ended;		     /* the half-close was passed on */
	bool stopped;		     /* r->stop spoke: what is there now is the rest */
};

static bool empty(const struct flow *f)
{
	return f->off == f->n;
}

/* An end that serves both directions is closed once, by the direction that ends last. */
static bool shared(const struct relay *s, int fd)
{
	return fd >= 0 && (fd == s->r->from[0].fd || fd == s->r->from[1].fd);
}

static void end_to(struct relay *s)
{
	if (s->to_ended)
		return;
	s->to_ended = true;
	if (s->r->to < 0)
		return;
	if (s->r->to_socket)
		(void)shutdown(s->r->to, SHUT_WR);
	else if (!shared(s, s->r->to))
		fd_close(steal_fd(&s->r->to));
}

/* ---- client to container --------------------------------------------------------------------- */
static int filter_up(struct relay *s, ssize_t n)
{
	s->up.off = 0;
	s->up.n = (size_t)n;
	if (s->r->filter && n > 0) {
		n = s->r->filter(s->r->arg, s->up.p, (size_t)n);
		if (n < 0)
			return (int)n;
		s->up.n = (size_t)n;
	}
	if (s->to_dead || s->r->to < 0)
		s->up.n = 0;
	return 0;
}

/* 1: something was read (perhaps the end); 0: nothing there; negative: the relay ends. */
static int read_client(struct relay *s)
{
	ssize_t n;

	if (s->early.n) {
		n = (ssize_t)MIN(s->early.n, (size_t)HTTP_RELAY_BUFFER);
		memcpy(s->up.p, s->early.p, (size_t)n);
		s->early.p += n;
		s->early.n -= (size_t)n;
	} else {
		n = http_conn_try_read(s->c, s->up.p, HTTP_RELAY_BUFFER);
	}
	if (n == -EAGAIN) {
		s->read_want = s->c->want;
		return 0;
	}
	if (n < 0)
		return -EPIPE;
	if (n == 0)
		s->client_ended = true;
	n = filter_up(s, n);
	return n < 0 ? (int)n : 1;
}

/* Output of a failed write is unwanted input of a process that is ending: only the direction
 * dies, as with docker. */
static bool write_to(struct relay *s)
{
	ssize_t n = fd_write(s->r->to, s->up.p + s->up.off, s->up.n - s->up.off);

	if (n == -EAGAIN)
		return false;
	if (n < 0) {
		s->to_dead = true;
		s->up.off = s->up.n;
	} else {
		s->up.off += (size_t)n;
	}
	return true;
}

/* False: `to` takes no more now. */
static bool flush_up(struct relay *s)
{
	while (!empty(&s->up))
		if (!write_to(s))
			return false;
	if (s->client_ended)
		end_to(s);
	return true;
}

/* Moves what can be moved without waiting, for a few turns. */
static int pump_up(struct relay *s)
{
	for (int turns = 0; turns < 4; turns++) {
		int r;

		if (!flush_up(s) || s->client_ended)
			return 0;
		r = read_client(s);
		if (r <= 0)
			return r;
	}
	(void)flush_up(s);
	return 0;
}

/* ---- container to client --------------------------------------------------------------------- */
static void put_frame(char *p, uint8_t stream, size_t n)
{
	memset(p, 0, FRAME_HEAD);
	p[0] = (char)stream;
	p[4] = (char)(n >> 24);
	p[5] = (char)(n >> 16);
	p[6] = (char)(n >> 8);
	p[7] = (char)n;
}

static void end_from(struct relay *s, int i)
{
	int fd = steal_fd(&s->r->from[i].fd);

	if (fd == s->r->to || fd == s->r->from[1 - i].fd)
		return;
	fd_close(fd);
}

/* True when bytes were read. */
static bool read_from(struct relay *s, int i)
{
	size_t head = s->r->from[i].frame ? FRAME_HEAD : 0;
	ssize_t n = fd_read(s->r->from[i].fd, s->down.p + head, HTTP_RELAY_BUFFER);

	if (n == -EAGAIN && !s->stopped)
		return false;
	/* A pty without a process gives EIO. */
	if (n <= 0) {
		end_from(s, i);
		return false;
	}
	if (head)
		put_frame(s->down.p, s->r->from[i].frame, (size_t)n);
	s->down.off = 0;
	s->down.n = (size_t)n + head;
	return true;
}

static int write_client(struct relay *s)
{
	struct iovec iov = { s->down.p + s->down.off, s->down.n - s->down.off };
	ssize_t n = http_conn_try_write(s->c, &iov, 1);

	if (n == -EAGAIN) {
		s->write_want = s->c->want;
		return 0;
	}
	if (n < 0)
		return -EPIPE;
	s->down.off += (size_t)n;
	return 1;
}

/* Each turn gives both ends a chance, so that a flood on stdout does not starve stderr. */
static int pump_down(struct relay *s)
{
	for (int turns = 0; turns < 8; turns++) {
		int i = turns & 1;

		while (!empty(&s->down)) {
			int r = write_client(s);

			if (r <= 0)
				return r;
		}
		if (s->r->from[i].fd >= 0)
			(void)read_from(s, i);
	}
	while (!empty(&s->down)) {
		int r = write_client(s);

		if (r <= 0)
			return r;
	}
	return 0;
}

/* ---- waiting --------------------------------------------------------------------------------- */
enum { P_CLIENT, P_TO, P_FROM0, P_FROM1, P_STOP, P_COUNT };

static short client_events(const struct relay *s)
{
	short events = 0;

	if (empty(&s->up) && !s->client_ended)
		events |= s->read_want;
	if (!empty(&s->down))
		events |= s->write_want;
	return events;
}

/* Work that no descriptor announces: bytes already here, the rest of who hung up, and the rest of
 * a stopped process. */
static bool more_at_once(const struct relay *s)
{
	if (empty(&s->up) && !s->client_ended &&
		(s->early.n || s->client_hung_up || http_conn_pending(s->c)))
		return true;
	return s->stopped && empty(&s->down);
}

static int timeout_of(const struct relay *s)
{
	if (more_at_once(s))
		return 0;
	/* The last bytes of a client that is gone may wait for their reader, but not for ever. */
	return s->client_hung_up ? HTTP_TIMEOUT_MS : -1;
}

static int wait_any(struct relay *s, struct pollfd p[P_COUNT])
{
	int r;

	/* A hung-up client is always "ready": once known, only its last bytes are of interest. */
	p[P_CLIENT] = (struct pollfd){ s->client_hung_up ? -1 : s->c->fd, client_events(s), 0 };
	p[P_TO] = (struct pollfd){ empty(&s->up) ? -1 : s->r->to, POLLOUT, 0 };
	for (int i = 0; i < 2; i++)
		p[P_FROM0 + i] = (struct pollfd){ empty(&s->down) ? s->r->from[i].fd : -1, POLLIN,
			0 };
	p[P_STOP] = (struct pollfd){ s->stopped || s->r->stop == 0 ? -1 : s->r->stop, POLLIN, 0 };
	do
		r = poll(p, P_COUNT, timeout_of(s));
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return -errno;
	if (r == 0 && !more_at_once(s))
		return -EPIPE;
	if (p[P_CLIENT].revents & (POLLHUP | POLLERR | POLLNVAL))
		s->client_hung_up = true;
	if (p[P_STOP].revents)
		s->stopped = true;
	return 0;
}

static bool from_ended(const struct relay *s)
{
	return s->r->from[0].fd < 0 && s->r->from[1].fd < 0 && empty(&s->down);
}

static int run(struct relay *s)
{
	struct pollfd p[P_COUNT];

	for (;;) {
		int r = pump_up(s);

		if (r >= 0)
			r = pump_down(s);
		if (r < 0)
			return r;
		if (from_ended(s) || (s->to_ended && s->r->end_with_client))
			return 0;
		if (s->client_hung_up && s->client_ended && empty(&s->up))
			return -EPIPE;
		r = wait_any(s, p);
		if (r < 0)
			return r;
	}
}

static void close_ends(struct http_relay *r)
{
	int to = steal_fd(&r->to), from0 = steal_fd(&r->from[0].fd),
	    from1 = steal_fd(&r->from[1].fd);

	fd_close(to);
	if (from0 != to)
		fd_close(from0);
	if (from1 != to && from1 != from0)
		fd_close(from1);
}

int http_relay(struct http_exchange *x, struct http_relay *r)
{
	const size_t up = HTTP_RELAY_BUFFER + HTTP_FILTER_ROOM,
		     size = up + HTTP_RELAY_BUFFER + FRAME_HEAD;
	struct relay s = { .x = x,
		.c = x->conn,
		.r = r,
		.early = http_body_rest(x),
		.read_want = POLLIN,
		.write_want = POLLOUT };
	/* Its own mapping: pages that a quiet stream never touches cost nothing. */
	char *room = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int status;

	BUG_ON(!x->hijacked);
	if (room == MAP_FAILED) {
		close_ends(r);
		return -ENOMEM;
	}
	s.up.p = room;
	s.down.p = room + up;
	for (int i = 0; i < 2; i++)
		if (r->from[i].fd >= 0)
			(void)fd_nonblock(r->from[i].fd, true);
	if (r->to >= 0)
		(void)fd_nonblock(r->to, true);
	status = run(&s);
	close_ends(r);
	(void)munmap(room, size);
	return status;
}
