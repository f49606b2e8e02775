#include "http/http-int.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

/* Largest gathered write over TLS: one record. */
#define TLS_RECORD 16384

/* What an OpenSSL result means.  An end of file without close_notify is an error: over TLS a cut
 * connection must not look like the end of somebody's input. */
static ssize_t tls_result(struct http_conn *c, int r)
{
	switch (SSL_get_error(c->ssl, r)) {
	case SSL_ERROR_WANT_READ:
		c->want = POLLIN;
		return -EAGAIN;
	case SSL_ERROR_WANT_WRITE:
		c->want = POLLOUT;
		return -EAGAIN;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	default:
		ERR_clear_error();
		c->broken = true;
		return -EPIPE;
	}
}

static ssize_t tls_write(struct http_conn *c, const struct iovec *iov, int count)
{
	char record[TLS_RECORD] __attribute__((uninitialized));
	const void *from = iov[0].iov_base;
	size_t n = iov[0].iov_len;
	int r;

	/* A head and a small body, a chunk's size and its data: one record, one packet. */
	if (count > 1 && n < sizeof(record)) {
		n = 0;
		for (int i = 0; i < count && n < sizeof(record); i++) {
			size_t part = MIN(iov[i].iov_len, sizeof(record) - n);

			if (part)
				memcpy(record + n, iov[i].iov_base, part);
			n += part;
		}
		from = record;
	}
	ERR_clear_error();
	r = SSL_write(c->ssl, from, (int)MIN(n, (size_t)INT32_MAX));
	if (r > 0)
		return r;
	return tls_result(c, r) == -EAGAIN ? -EAGAIN : -EPIPE;
}

ssize_t http_conn_try_read(struct http_conn *c, void *p, size_t n)
{
	ssize_t r;

	if (c->ssl) {
		if (c->broken)
			return -EPIPE;
		ERR_clear_error();
		r = SSL_read(c->ssl, p, (int)MIN(n, (size_t)INT32_MAX));
		return r > 0 ? r : tls_result(c, (int)r);
	}
	do
		r = recv(c->fd, p, n, MSG_DONTWAIT);
	while (r < 0 && errno == EINTR);
	c->want = POLLIN;
	return r < 0 ? -errno : r;
}

ssize_t http_conn_try_write(struct http_conn *c, const struct iovec *iov, int count)
{
	struct msghdr m = { .msg_iov = (struct iovec *)(uintptr_t)iov,
		.msg_iovlen = (size_t)count };
	ssize_t r;

	if (c->ssl)
		return c->broken ? -EPIPE : tls_write(c, iov, count);
	do
		r = sendmsg(c->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (r < 0 && errno == EINTR);
	c->want = POLLOUT;
	return r < 0 ? -errno : r;
}

bool http_conn_pending(const struct http_conn *c)
{
	return c->ssl && !c->broken && SSL_has_pending(c->ssl);
}

static int wait_ready(struct http_conn *c, int timeout_ms)
{
	struct pollfd p = { .fd = c->fd, .events = c->want };
	int r;

	do
		r = poll(&p, 1, timeout_ms);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return -errno;
	return r ? 0 : -ETIMEDOUT;
}

ssize_t http_conn_read(struct http_conn *c, void *p, size_t n, int timeout_ms)
{
	for (;;) {
		ssize_t r = http_conn_try_read(c, p, n);

		if (r != -EAGAIN)
			return r;
		r = wait_ready(c, timeout_ms);
		if (r < 0)
			return r;
	}
}

/* Drops the first n bytes of the vector. */
static void advance(struct iovec **iov, int *count, size_t n)
{
	while (*count > 0 && n >= (*iov)->iov_len) {
		n -= (*iov)->iov_len;
		(*iov)++;
		(*count)--;
	}
	if (*count > 0) {
		(*iov)->iov_base = (char *)(*iov)->iov_base + n;
		(*iov)->iov_len -= n;
	}
}

int http_conn_write(struct http_conn *c, struct iovec *iov, int count, int timeout_ms)
{
	advance(&iov, &count, 0);
	while (count > 0) {
		ssize_t r = http_conn_try_write(c, iov, count);

		if (r == -EAGAIN) {
			r = wait_ready(c, timeout_ms);
			if (r < 0)
				return (int)r;
			continue;
		}
		if (r < 0)
			return (int)r;
		advance(&iov, &count, (size_t)r);
	}
	return 0;
}

/* A client that misses the close_notify reports a broken stream, so it is waited for. */
static void tls_end(struct http_conn *c, int timeout_ms)
{
	int r;

	do {
		ERR_clear_error();
		r = SSL_shutdown(c->ssl);
	} while (r < 0 && tls_result(c, r) == -EAGAIN && c->want == POLLOUT &&
		 wait_ready(c, timeout_ms) == 0);
	ERR_clear_error();
}

void http_conn_end(struct http_conn *c, int timeout_ms)
{
	if (c->ended)
		return;
	c->ended = true;
	if (c->ssl && !c->broken && SSL_is_init_finished(c->ssl))
		tls_end(c, timeout_ms);
	(void)shutdown(c->fd, SHUT_WR);
}

void http_conn_free(struct http_conn *c)
{
	/* The keeper holds a duplicate of a Unix connection: a close alone would not end it. */
	(void)shutdown(c->fd, SHUT_RDWR);
	if (c->ssl)
		SSL_free(c->ssl);
	fd_close(c->fd);
	free(c->saved);
	free(c);
}
