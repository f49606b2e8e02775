#include "http/server-int.h"

#include <sys/epoll.h>
#include <sys/socket.h>

static void set_deadline(struct http_conn *c, unsigned ms)
{
	c->deadline_ns = clock_mono_ns() + ms * NS_PER_MS;
}

/* Reads away what the client still sends, so that closing does not reset the connection and
 * destroy the end of the answer on its way.  No thread waits for it. */
static void linger(struct http_server *s, struct http_conn *c)
{
	char trash[4096] __attribute__((uninitialized));
	ssize_t n;

	do
		n = recv(c->fd, trash, sizeof(trash), MSG_DONTWAIT);
	while (n > 0 || (n < 0 && errno == EINTR));
	if (n < 0 && errno == EAGAIN)
		http_conn_park(s, c, EPOLLIN);
	else
		http_conn_drop(s, c);
}

static void finish(struct http_server *s, struct http_conn *c, bool failed)
{
	if (failed) {
		http_conn_drop(s, c);
		return;
	}
	http_conn_end(c, HTTP_TIMEOUT_MS);
	c->state = CONN_LINGER;
	set_deadline(c, HTTP_LINGER_MS);
	linger(s, c);
}

static void refuse(struct http_exchange *x, int status, const char *text)
{
	x->close = true;
	(void)http_reply(x, status, "text/plain; charset=utf-8", str_of(text));
}

/* Requests in progress of one user.  Called with the lock held. */
static unsigned requests_of(const struct http_server *s, uint32_t uid)
{
	unsigned n = 0;

	for (const struct http_conn *c = s->conns; c; c = c->next)
		n += !c->parked && c->state == CONN_HEAD && c->peer.uid == uid;
	return n;
}

static bool admit(struct http_server *s, const struct http_conn *c)
{
	unsigned most = s->options.threads_max / 4 * 3;
	bool ok = true;

	/* Whatever members do, root's requests find a thread. */
	if (c->peer.uid == 0)
		return true;
	pthread_mutex_lock(&s->lock);
	/* And no member takes more than half of what the members have.  This one is counted. */
	if (s->member_requests >= most ||
		(s->member_requests >= most / 2 && requests_of(s, c->peer.uid) > most / 2))
		ok = false;
	else
		s->member_requests++;
	pthread_mutex_unlock(&s->lock);
	return ok;
}

static void leave(struct http_server *s, const struct http_conn *c)
{
	if (c->peer.uid == 0)
		return;
	pthread_mutex_lock(&s->lock);
	s->member_requests--;
	pthread_mutex_unlock(&s->lock);
}

/* One request whose head is complete.  True when the connection may carry another. */
static bool serve_request(struct http_worker *w)
{
	struct http_exchange *x = &w->x;
	struct http_server *s = w->server;

	if (http_exchange_begin(x)) {
		refuse(x, 400, "400 Bad Request: malformed target\n");
	} else if (!admit(s, x->conn)) {
		refuse(x, 503, "503 Service Unavailable: too many requests in progress\n");
	} else {
		s->options.handler(s->options.arg, x);
		leave(s, x->conn);
	}
	/* Neither a stream left open nor a request left unanswered may look complete. */
	if (x->streaming)
		x->failed = x->close = true;
	else if (!x->replied)
		refuse(x, 500, "500 Internal Server Error: no answer was made\n");
	if (!x->close && !http_body_drain(x))
		x->close = true;
	http_exchange_done(x);
	return !x->close;
}

static void begin(struct http_worker *w, struct http_conn *c)
{
	struct http_exchange *x = &w->x;

	x->conn = c;
	x->options = &w->server->options;
	x->in = w->scratch;
	x->in_cap = sizeof(w->scratch);
	x->in_off = x->in_n = x->head_end = 0;
	if (c->saved) {
		memcpy(x->in, c->saved, c->saved_n);
		x->in_n = c->saved_n;
		free(steal_ptr(&c->saved));
	}
}

/* Parks the connection; a head that is not complete yet waits in its own small buffer. */
static void park(struct http_worker *w, struct http_conn *c)
{
	struct http_exchange *x = &w->x;

	if (x->in_n) {
		c->saved = xmalloc(x->in_n);
		memcpy(c->saved, x->in, x->in_n);
		c->saved_n = x->in_n;
		if (c->deadline_ns == 0)
			set_deadline(c, HTTP_TIMEOUT_MS);
	}
	http_conn_park(w->server, c, c->want == POLLOUT ? EPOLLOUT : EPOLLIN);
}

/* The malformed head cannot be trusted to say anything: the answer depends on nothing in it. */
static void refuse_head(struct http_worker *w, ssize_t why)
{
	struct http_exchange *x = &w->x;

	x->head = (struct http_head){ .content_length = -1, .minor = 1 };
	x->head.path = STR("/");
	(void)http_exchange_begin(x);
	if (why == -EMSGSIZE)
		refuse(x, 431, "431 Request Header Fields Too Large\n");
	else
		refuse(x, 400, "400 Bad Request\n");
	http_exchange_done(x);
}

/* Moves the unused bytes to the front. */
static void compact(struct http_exchange *x)
{
	x->in_n -= x->in_off;
	if (x->in_off && x->in_n)
		memmove(x->in, x->in + x->in_off, x->in_n);
	x->in_off = 0;
}

static void serve_heads(struct http_worker *w, struct http_conn *c)
{
	struct http_exchange *x = &w->x;

	for (;;) {
		ssize_t n = x->in_n ? http_head_parse(x->in, x->in_n, &x->head) : 0;

		if (n < 0) {
			refuse_head(w, n);
			break;
		}
		if (n > 0) {
			c->deadline_ns = 0;
			x->head_end = x->in_off = (size_t)n;
			if (!serve_request(w))
				break;
			compact(x);
			/* Most clients wait for the answer before they ask again. */
			if (x->in_n == 0 && !http_conn_pending(c)) {
				c->want = POLLIN;
				park(w, c);
				return;
			}
			continue;
		}
		n = http_conn_try_read(c, x->in + x->in_n, x->in_cap - x->in_n);
		if (n == -EAGAIN) {
			park(w, c);
			return;
		}
		if (n <= 0) {
			http_conn_drop(w->server, c);
			return;
		}
		x->in_n += (size_t)n;
	}
	finish(w->server, c, x->failed);
}

void http_serve(struct http_worker *w, struct http_conn *c)
{
	http_conn_taken(w->server, c);
	if (c->state == CONN_LINGER) {
		linger(w->server, c);
		return;
	}
	/* The first bytes of a client may be in OpenSSL's buffer already: tried at once. */
	if (c->state == CONN_HANDSHAKE && !http_handshake(w->server, c))
		return;
	begin(w, c);
	serve_heads(w, c);
}
