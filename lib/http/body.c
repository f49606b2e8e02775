#include "http/http-int.h"

static ssize_t fail(struct http_exchange *x, int error)
{
	x->body_error = error;
	x->close = true;
	return error;
}

/* The client holds the body back until it sees this. */
static int send_continue(struct http_exchange *x)
{
	static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
	struct iovec iov = { (void *)(uintptr_t)text, sizeof(text) - 1 };

	if (x->body_begun || !x->head.expect_continue || x->in_n > x->in_off || x->replied)
		return 0;
	return http_conn_write(x->conn, &iov, 1, HTTP_TIMEOUT_MS);
}

/* Takes up to n bytes: first what was read together with the head. */
static ssize_t take(struct http_exchange *x, void *p, size_t n)
{
	size_t have = MIN(n, x->in_n - x->in_off);
	ssize_t r;

	if (have) {
		memcpy(p, x->in + x->in_off, have);
		x->in_off += have;
		return (ssize_t)have;
	}
	r = http_conn_read(x->conn, p, n, HTTP_TIMEOUT_MS);
	/* An end in the middle of a body is never its end. */
	return r == 0 || r == -ECONNRESET ? -EPIPE : r;
}

/* Refills the scratch when the framing of chunks needs bytes. */
static int refill(struct http_exchange *x)
{
	ssize_t r;

	if (x->in_n > x->in_off)
		return 0;
	r = http_conn_read(x->conn, x->in + x->head_end, x->in_cap - x->head_end, HTTP_TIMEOUT_MS);
	if (r <= 0)
		return r == 0 || r == -ECONNRESET ? -EPIPE : (int)r;
	x->in_off = x->head_end;
	x->in_n = x->head_end + (size_t)r;
	return 0;
}

/* Reads framing until data or the end is next. */
static int next_chunk(struct http_exchange *x)
{
	struct http_chunk *c = &x->chunk;

	while (c->state != CHUNK_END && !(c->state == CHUNK_DATA && c->left > 0)) {
		int r = refill(x);
		ssize_t n;

		if (r < 0)
			return r;
		n = http_chunk_frame(c, x->in + x->in_off, x->in_n - x->in_off);
		if (n < 0)
			return (int)n;
		x->in_off += (size_t)n;
	}
	return 0;
}

ssize_t http_body_read(struct http_exchange *x, void *p, size_t n)
{
	uint64_t *left = x->body == BODY_CHUNKED ? &x->chunk.left : &x->body_left;
	ssize_t r;

	if (x->body_error)
		return x->body_error;
	if (x->body_ended || n == 0)
		return 0;
	r = send_continue(x);
	x->body_begun = true;
	if (r >= 0 && x->body == BODY_CHUNKED)
		r = next_chunk(x);
	if (r < 0)
		return fail(x, (int)r);
	if (x->body == BODY_CHUNKED && x->chunk.state == CHUNK_END) {
		x->body_ended = true;
		return 0;
	}
	r = take(x, p, MIN((uint64_t)n, *left));
	if (r < 0)
		return fail(x, (int)r);
	*left -= (uint64_t)r;
	if (x->body == BODY_LENGTH && *left == 0)
		x->body_ended = true;
	return r;
}

int http_body_all(struct http_exchange *x, struct buf *b, struct err *e)
{
	if (x->body == BODY_LENGTH && x->body_left > b->max - b->n)
		return err_set(
			e, ERR_LIMIT, EMSGSIZE, "request body is larger than %zu bytes", b->max);
	for (;;) {
		size_t want = MIN(b->max - b->n, (size_t)16384);
		char more;
		ssize_t r;

		/* At the maximum, one more byte tells whether the body goes on. */
		r = want ? http_body_read(x, buf_room(b, want), want) : http_body_read(x, &more, 1);
		if (r == 0)
			break;
		if (r > 0 && !want)
			return err_set(e, ERR_LIMIT, EMSGSIZE,
				"request body is larger than %zu bytes", b->max);
		if (r == -EBADMSG)
			return err_set(e, ERR_INVALID, EBADMSG, "malformed chunked request body");
		if (r == -ETIMEDOUT)
			return err_set(e, ERR_INVALID, ETIMEDOUT, "request body timed out");
		if (r < 0)
			return err_set(
				e, ERR_UNAVAILABLE, (int)-r, "client went away while sending");
		b->n += (size_t)r;
	}
	if (b->p)
		b->p[b->n] = '\0';
	return 0;
}

bool http_body_drain(struct http_exchange *x)
{
	char trash[4096] __attribute__((uninitialized));
	size_t total = 0;

	/* Who waits for "100 Continue" may or may not send the body: nobody can tell. */
	if (!x->body_ended && x->head.expect_continue && !x->body_begun)
		return false;
	while (!x->body_ended && total < HTTP_DRAIN_MAX) {
		ssize_t r = http_body_read(x, trash, sizeof(trash));

		if (r < 0)
			return false;
		total += (size_t)r;
	}
	return x->body_ended;
}

struct str http_body_rest(struct http_exchange *x)
{
	struct str rest = { x->in + x->in_off, x->in_n - x->in_off };

	x->in_off = x->in_n;
	return rest;
}
