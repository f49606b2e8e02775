/*
 * Promise: raw streams pass both ways unchanged, half-closes too, plain and over TLS.
 */
#include "http/server_test.h"

#define BULK (100u << 20)

static void client_end(struct client *c)
{
	if (c->ssl)
		SSL_shutdown(c->ssl);
	else
		(void)shutdown(c->fd, SHUT_WR);
}

static void half_close(struct client c)
{
	auto_buf struct buf b = BUF(1 << 20);

	ask(&c, UPGRADE("/relay"), &b, "\r\n\r\n");
	assert_true(str_starts(buf_view(&b), STR("HTTP/1.1 101 UPGRADED\r\n")));
	assert_non_null(strstr(b.p, "Content-Type: application/vnd.docker.raw-stream\r\n"));
	assert_non_null(strstr(b.p, "Connection: Upgrade\r\nUpgrade: tcp\r\n"));
	ask(&c, "one", &b, "one");
	assert_true(client_write(&c, "two", 3));
	client_end(&c);
	buf_clear(&b);
	/* The echo ends because the half-close reached it; its bytes still come back, then
	 * an end. */
	assert_true(read_until(&c, &b, NULL));
	assert_string_equal(b.p, "two");
	client_close(&c);
}

static void relay_half_close(void **state)
{
	(void)state;
	half_close(connect_plain());
}

static void relay_half_close_tls(void **state)
{
	(void)state;
	half_close(connect_tls(&client_cert));
}

static void relay_details(void **state)
{
	struct client c = connect_plain();
	auto_buf struct buf b = BUF(1 << 20);

	(void)state;
	/* Without Upgrade: 200; bytes sent along with the request are part of the stream. */
	ask(&c, "POST /relay/upper HTTP/1.1\r\nHost: x\r\n\r\nearly", &b, "EARLY");
	assert_true(str_starts(buf_view(&b), STR("HTTP/1.1 200 OK\r\n")));
	ask(&c, "late", &b, "LATE");
	/* The filter ends it. */
	ask(&c, "x!", &b, NULL);
	client_close(&c);

	c = connect_plain();
	ask(&c, UPGRADE("/frames"), &b, NULL);
	assert_true(b.n > 23);
	assert_memory_equal(b.p + b.n - 23, "\1\0\0\0\0\0\0\5hello\2\0\0\0\0\0\0\2oh", 23);
	client_close(&c);

	c = connect_plain();
	ask(&c, UPGRADE("/stop"), &b, NULL);
	assert_memory_equal(b.p + b.n - 4, "rest", 4);
	client_close(&c);
}

static uint8_t pattern(size_t i)
{
	return (uint8_t)((i * 2654435761u) >> 13 ^ i >> 8);
}

static void *bulk_sender(void *arg)
{
	struct client *c = arg;
	static char p[50000];
	size_t done = 0;

	while (done < BULK) {
		size_t n = MIN(sizeof(p), BULK - done);

		for (size_t i = 0; i < n; i++)
			p[i] = (char)pattern(done + i);
		if (!client_write(c, p, n))
			return NULL;
		done += n;
	}
	client_end(c);
	return arg;
}

/* 100 MB there and back, at once. */
static void relay_bulk(void **state)
{
	struct client c = connect_plain();
	auto_buf struct buf b = BUF(1 << 20);
	static char p[65536];
	size_t done = 0;
	pthread_t t;
	void *sent;
	ssize_t n;

	(void)state;
	ask(&c, UPGRADE("/relay"), &b, "\r\n\r\n");
	pthread_create(&t, NULL, bulk_sender, &c);
	while ((n = client_read(&c, p, sizeof(p))) > 0) {
		for (ssize_t i = 0; i < n; i++)
			if ((uint8_t)p[i] != pattern(done + (size_t)i))
				fail_msg("byte %zu differs", done + (size_t)i);
		done += (size_t)n;
	}
	assert_int_equal(done, BULK);
	pthread_join(t, &sent);
	assert_non_null(sent);
	client_close(&c);
}

/* Over TLS one thread drives both directions of the SSL object, as its rules demand. */
static void relay_bulk_tls(void **state)
{
	struct client c = connect_tls(&client_cert);
	auto_buf struct buf b = BUF(1 << 20);
	static char out[30000], in[65536];
	size_t sent = 0, got = 0, have = 0, at = 0;
	bool ended = false;

	(void)state;
	ask(&c, UPGRADE("/relay"), &b, "\r\n\r\n");
	(void)fd_nonblock(c.fd, true);
	SSL_set_mode(c.ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	for (;;) {
		struct pollfd p = { .fd = c.fd, .events = POLLIN };
		int r;

		while (sent < BULK || at < have) {
			if (at == have) {
				have = MIN(sizeof(out), BULK - sent);
				at = 0;
				for (size_t i = 0; i < have; i++)
					out[i] = (char)pattern(sent + i);
				sent += have;
			}
			r = SSL_write(c.ssl, out + at, (int)(have - at));
			if (r <= 0)
				break;
			at += (size_t)r;
		}
		/* -1 while the close_notify does not fit into the socket. */
		if (sent == BULK && at == have && !ended)
			ended = SSL_shutdown(c.ssl) >= 0;
		while ((r = SSL_read(c.ssl, in, sizeof(in))) > 0) {
			for (int i = 0; i < r; i++)
				if ((uint8_t)in[i] != pattern(got + (size_t)i))
					fail_msg("byte %zu differs", got + (size_t)i);
			got += (size_t)r;
		}
		r = SSL_get_error(c.ssl, r);
		if (r == SSL_ERROR_ZERO_RETURN)
			break;
		assert_int_equal(r, SSL_ERROR_WANT_READ);
		if (!ended)
			p.events |= POLLOUT;
		(void)poll(&p, 1, -1);
	}
	assert_int_equal(got, BULK);
	client_close(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(relay_half_close),
		cmocka_unit_test(relay_half_close_tls),
		cmocka_unit_test(relay_details),
		cmocka_unit_test(relay_bulk),
		cmocka_unit_test(relay_bulk_tls),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
