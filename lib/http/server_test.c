/*
 * The server with real sockets: keep-alive, bodies, streams, raw streams with half-close both ways,
 * 100 MB through a relay byte-exact, mutual TLS.
 */
#include "http/http.h"
#include "tls/tls.h"

#include "tls/tls-testcerts.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cmocka.h>

#define BULK (100u << 20)

/* ---- the server side of the tests ------------------------------------------------------------ */

static void on_ping(struct http_exchange *x)
{
	http_header_add(x, "X-Test", "%d", 7);
	http_reply(x, 200, "text/plain", STR("OK"));
}

/* Sends the request's body back, as a stream. */
static void on_echo(struct http_exchange *x)
{
	char p[10000];
	ssize_t n;

	http_stream_begin(x, 200, "application/octet-stream");
	while ((n = http_body_read(x, p, sizeof(p))) > 0)
		http_stream_write(x, p, (size_t)n);
	if (n == 0)
		http_stream_end(x);
}

static void on_count(struct http_exchange *x)
{
	auto_buf struct buf b = BUF(1000);
	struct err e;

	if (http_body_all(x, &b, &e) < 0)
		http_reply(x, err_http_status((enum err_kind)e.kind), "text/plain", str_of(e.msg));
	else
		http_reply(x, 200, "text/plain", buf_view(&b));
}

static void on_query(struct http_exchange *x)
{
	auto_buf struct buf b = BUF(1000);

	buf_fmt(&b, "%s|%s|%s|%d%d|%s", http_request_path(x), http_query(x, "a"),
		http_query_nth(x, "a", 1), http_query_bool(x, "yes"), http_query_bool(x, "no"),
		http_request_peer(x)->account);
	http_reply(x, 200, "text/plain", buf_view(&b));
}

static void on_refuse(struct http_exchange *x)
{
	http_reply(x, 403, "text/plain", STR("no"));
}

/* Goes when the client goes. */
static int client_gone_pipe[2];
static void on_hang(struct http_exchange *x)
{
	struct pollfd p = { .fd = http_client_fd(x), .events = POLLRDHUP };

	http_stream_begin(x, 200, "text/plain");
	http_stream_write(x, "x", 1);
	BUG_ON(poll(&p, 1, -1) != 1);
	BUG_ON(fd_write(client_gone_pipe[1], p.revents & POLLRDHUP ? "g" : "?", 1) != 1);
}

static void *echo_main(void *arg)
{
	int fd = (int)(intptr_t)arg;
	static _Thread_local char p[65536];
	ssize_t n;

	while ((n = fd_read(fd, p, sizeof(p))) > 0)
		if (fd_write_all(fd, p, (size_t)n) < 0)
			break;
	fd_close(fd);
	return NULL;
}

static ssize_t upper(void *arg, char *p, size_t n)
{
	(void)arg;
	for (size_t i = 0; i < n; i++) {
		if (p[i] == '!')
			return -ECANCELED;
		if (p[i] >= 'a' && p[i] <= 'z')
			p[i] = (char)(p[i] - 32);
	}
	return (ssize_t)n;
}

/* A "container" that echoes; /relay/upper filters what the client sends. */
static void on_relay(struct http_exchange *x)
{
	struct http_relay r = { .to_socket = true, .from = { { -1, 0 }, { -1, 0 } }, .stop = -1 };
	pthread_t t;
	int sv[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
	pthread_create(&t, NULL, echo_main, (void *)(intptr_t)sv[1]);
	r.to = r.from[0].fd = sv[0];
	if (strstr(http_request_path(x), "upper"))
		r.filter = upper;
	if (http_hijack(x, "application/vnd.docker.raw-stream") == 0)
		(void)http_relay(x, &r);
	pthread_join(t, NULL);
}

/* Two pipes, framed. */
static void on_frames(struct http_exchange *x)
{
	struct http_relay r = { .to = -1, .from = { { -1, 1 }, { -1, 2 } }, .stop = -1 };
	int out[2], err[2];

	assert_int_equal(pipe(out) | pipe(err), 0);
	assert_int_equal(fd_write_all(out[1], "hello", 5) | fd_write_all(err[1], "oh", 2), 0);
	fd_close(out[1]);
	fd_close(err[1]);
	r.from[0].fd = out[0];
	r.from[1].fd = err[0];
	if (http_hijack(x, "application/vnd.docker.multiplexed-stream") == 0)
		(void)http_relay(x, &r);
}

/* The pipe stays open, but stop speaks: what is in the pipe still arrives. */
static void on_stop(struct http_exchange *x)
{
	struct http_relay r = { .to = -1, .from = { { -1, 0 }, { -1, 0 } } };
	int out[2], stop[2];

	assert_int_equal(pipe(out) | pipe(stop), 0);
	assert_int_equal(fd_write_all(out[1], "rest", 4), 0);
	fd_close(stop[1]);
	r.from[0].fd = out[0];
	r.stop = stop[0];
	if (http_hijack(x, "application/vnd.docker.raw-stream") == 0)
		(void)http_relay(x, &r);
	fd_close(out[1]);
	fd_close(stop[0]);
}

static void on_nothing(struct http_exchange *x)
{
	(void)x;
}

static void on_broken_stream(struct http_exchange *x)
{
	http_stream_begin(x, 200, "text/plain");
	http_stream_write(x, "half", 4);
}

static void handle(void *arg, struct http_exchange *x)
{
	static const struct {
		const char *path;
		void (*fn)(struct http_exchange *);
	} t[] = { { "/_ping", on_ping }, { "/echo", on_echo }, { "/count", on_count },
		{ "/query/a/b", on_query }, { "/refuse", on_refuse }, { "/hang", on_hang },
		{ "/relay", on_relay }, { "/relay/upper", on_relay }, { "/frames", on_frames },
		{ "/stop", on_stop }, { "/nothing", on_nothing }, { "/broken", on_broken_stream } };

	(void)arg;
	for (size_t i = 0; i < ARRAY_SIZE(t); i++)
		if (streq(t[i].path, http_request_path(x))) {
			t[i].fn(x);
			return;
		}
	http_reply(x, 404, "text/plain", STR("none"));
}

/* ---- the client side ------------------------------------------------------------------------- */
static struct http_server *server;
static struct test_cert ca, server_cert, client_cert, stranger_ca, stranger;
static SSL_CTX *server_ctx;
static uint16_t tls_port;

struct client {
	int fd;
	SSL *ssl;
	SSL_CTX *ctx;
};

static struct client connect_plain(void)
{
	struct http_peer peer = { .handle = 1, .uid = 0 };
	int sv[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
	assert_int_equal(http_server_adopt(server, sv[1], &peer), 0);
	return (struct client){ .fd = sv[0] };
}

static struct client connect_tls(const struct test_cert *own)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons(tls_port),
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
	struct client c = { .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };

	assert_int_equal(connect(c.fd, (struct sockaddr *)&a, sizeof(a)), 0);
	c.ctx = test_client_context(&ca, own);
	c.ssl = SSL_new(c.ctx);
	SSL_set_fd(c.ssl, c.fd);
	assert_int_equal(SSL_connect(c.ssl), 1);
	return c;
}

static void client_close(struct client *c)
{
	SSL_free(c->ssl);
	SSL_CTX_free(c->ctx);
	fd_close(c->fd);
}

static ssize_t client_read(struct client *c, void *p, size_t n)
{
	int r;

	if (!c->ssl)
		return fd_read(c->fd, p, n);
	r = SSL_read(c->ssl, p, (int)n);
	if (r > 0)
		return r;
	return SSL_get_error(c->ssl, r) == SSL_ERROR_ZERO_RETURN ? 0 : -EIO;
}

static bool client_write(struct client *c, const char *p, size_t n)
{
	if (c->ssl)
		return SSL_write(c->ssl, p, (int)n) == (int)n;
	while (n) {
		ssize_t w = send(c->fd, p, n, MSG_NOSIGNAL);

		if (w < 0)
			return false;
		p += w;
		n -= (size_t)w;
	}
	return true;
}

static void client_end(struct client *c)
{
	if (c->ssl)
		SSL_shutdown(c->ssl);
	else
		(void)shutdown(c->fd, SHUT_WR);
}

/* Reads until out ends with tail (or contains it), or the end of file. */
static bool read_until(struct client *c, struct buf *out, const char *tail)
{
	char p[4096];

	while (!tail || !out->p || !strstr(out->p, tail)) {
		ssize_t n = client_read(c, p, sizeof(p));

		if (n <= 0)
			return !tail && n == 0;
		buf_add(out, p, (size_t)n);
	}
	return true;
}

static void ask(struct client *c, const char *request, struct buf *out, const char *tail)
{
	assert_true(client_write(c, request, strlen(request)));
	buf_clear(out);
	if (!read_until(c, out, tail))
		fail_msg("\"%s\" gave \"%s\"", request, out->p);
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: x\r\n\r\n"
#define UPGRADE(path)                                                                              \
	"POST " path " HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"             \
	"Content-Length: 0\r\n\r\n"

/* ---- tests ----------------------------------------------------------------------------------- */

static void keep_alive(void **state)
{
	struct client c = connect_plain();
	auto_buf struct buf b = BUF(1 << 20);

	(void)state;
	for (int i = 0; i < 3; i++) {
		ask(&c, GET("/_ping"), &b, "\r\n\r\nOK");
		assert_true(str_starts(buf_view(&b), STR("HTTP/1.1 200 OK\r\nServer: test\r\n")));
		assert_non_null(strstr(b.p, "X-Test: 7\r\n"));
		assert_non_null(strstr(b.p, "Content-Length: 2\r\n"));
	}
	/* Two at once are answered in order. */
	ask(&c, GET("/_ping") GET("/none"), &b, "none");
	assert_non_null(strstr(b.p, "OKHTTP/1.1 404 Not Found"));
	/* HEAD: the length, no body. */
	ask(&c, "HEAD /_ping HTTP/1.1\r\nHost: x\r\n\r\n" GET("/refuse"), &b, "\r\n\r\nno");
	assert_non_null(strstr(b.p, "Content-Length: 2\r\nX-Test: 7\r\n\r\nHTTP/1.1 403"));
	ask(&c, "GET /_ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", &b, NULL);
	assert_non_null(strstr(b.p, "Connection: close\r\n"));
	client_close(&c);
}

static void slow_heads_and_bodies(void **state)
{
	static const char text[] =
		"POST /count HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello";
	struct client c = connect_plain();
	auto_buf struct buf b = BUF(1 << 20);

	(void)state;
	for (size_t i = 0; i < sizeof(text) - 1; i++)
		assert_true(client_write(&c, text + i, 1));
	assert_true(read_until(&c, &b, "hello"));
	client_close(&c);
}

static void bodies(void **state)
{
	struct client c = connect_plain();
	auto_buf struct buf b = BUF(1 << 20);

	(void)state;
	ask(&c,
		"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
		"5\r\nhello\r\n2;e\r\n, \r\n5\r\nworld\r\n0\r\n\r\n",
		&b, "0\r\n\r\n");
	assert_non_null(strstr(b.p, "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"));
	assert_non_null(strstr(b.p, "world\r\n0\r\n\r\n"));
	/* The client that asks first gets its 100 before the answer. */
	ask(&c,
		"POST /count HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n"
		"Expect: 100-continue\r\n\r\n",
		&b, "HTTP/1.1 100 Continue\r\n\r\n");
	ask(&c, "abc", &b, "\r\n\r\nabc");
	/* A body nobody reads is thrown away; the next request is found behind it. */
	ask(&c, "POST /refuse HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc" GET("/_ping"),
		&b, "\r\n\r\nOK");
	/* Too large for the reader. */
	ask(&c, "POST /count HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999\r\n\r\nabc", &b,
		NULL);
	assert_non_null(strstr(b.p, "HTTP/1.1 413 "));
	assert_non_null(strstr(b.p, "Connection: close\r\n"));
	client_close(&c);
}

static void chunked_body_at_its_limit(void **state)
{
	struct client c = connect_plain();
	auto_buf struct buf b = BUF(1 << 20), r = BUF(1 << 20);

	(void)state;
	buf_z(&r, "POST /count HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n");
	for (int i = 0; i < 1000; i++)
		buf_c(&r, 'z');
	buf_z(&r, "\r\n0\r\n\r\n");
	ask(&c, r.p, &b, "zzzz");
	assert_true(str_starts(buf_view(&b), STR("HTTP/1.1 200 ")));
	client_close(&c);
	c = connect_plain();
	r.n -= 5;
	r.p[r.n] = '\0';
	buf_z(&r, "1\r\nz\r\n0\r\n\r\n");
	ask(&c, r.p, &b, "HTTP/1.1 413 ");
	client_close(&c);
}

static void bad_requests(void **state)
{
	static const struct {
		const char *request, *want;
	} t[] = {
		{ "GET / HTTP/1.1\nHost: x\n\n", "HTTP/1.1 400 Bad Request\r\n" },
		{ GET("/a//b"), "HTTP/1.1 400 " },
		{ GET("/a/../b"), "HTTP/1.1 400 " },
		{ GET("/a/%2e%2e/b"), "HTTP/1.1 400 " },
		{ GET("/a%00"), "HTTP/1.1 400 " },
		{ GET("/a?b=%"), "HTTP/1.1 400 " },
		{ "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
			"HTTP/1.1 200 " },
		{ GET("/nothing"), "HTTP/1.1 500 " },
		{ "GET /_ping HTTP/1.0\r\n\r\n", "Connection: close\r\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		struct client c = connect_plain();
		auto_buf struct buf b = BUF(1 << 20);

		/* Answered, and the connection is closed. */
		ask(&c, t[i].request, &b, NULL);
		if (!strstr(b.p ? b.p : "", t[i].want))
			fail_msg("%s gave %s", t[i].request, b.p);
		client_close(&c);
	}
}

static void huge_head(void **state)
{
	struct client c = connect_plain();
	auto_buf struct buf b = BUF(1 << 20), r = BUF(1 << 20);

	(void)state;
	buf_z(&r, "GET / HTTP/1.1\r\nHost: x\r\nX: ");
	for (int i = 0; i < 100000; i++)
		buf_c(&r, 'x');
	ask(&c, r.p, &b, NULL);
	assert_true(str_starts(buf_view(&b), STR("HTTP/1.1 431 ")));
	client_close(&c);
}

static void a_broken_stream_has_no_end(void **state)
{
	struct client c = connect_plain();
	auto_buf struct buf b = BUF(1 << 20);

	(void)state;
	ask(&c, GET("/broken"), &b, NULL);
	assert_non_null(strstr(b.p, "4\r\nhalf\r\n"));
	assert_null(strstr(b.p, "0\r\n\r\n"));
	client_close(&c);
}

static void queries(void **state)
{
	struct client c = connect_plain();
	auto_buf struct buf b = BUF(1 << 20);

	(void)state;
	ask(&c, GET("/query%2fa/b?a=1+2&&a=%3d&yes=1&no=False"), &b, "\r\n\r\n/query");
	assert_non_null(strstr(b.p, "\r\n\r\n/query/a/b|1 2|=|10|"));
	client_close(&c);
}

static void gone_clients_are_noticed(void **state)
{
	struct client c = connect_plain();
	auto_buf struct buf b = BUF(1 << 20);
	char seen = 0;

	(void)state;
	assert_int_equal(pipe(client_gone_pipe), 0);
	ask(&c, GET("/hang"), &b, "1\r\nx\r\n");
	client_close(&c);
	assert_int_equal(fd_read(client_gone_pipe[0], &seen, 1), 1);
	assert_int_equal(seen, 'g');
	fd_close(client_gone_pipe[0]);
	fd_close(client_gone_pipe[1]);
}

/* ---- relays ---------------------------------------------------------------------------------- */

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
	/* The echo ends because the half-close reached it; its bytes still come back, then an end.
	 */
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

/* ---- TLS ------------------------------------------------------------------------------------- */

static void tls_requests(void **state)
{
	struct client c = connect_tls(&client_cert);
	auto_buf struct buf b = BUF(1 << 20);
	const char *account;

	(void)state;
	for (int i = 0; i < 3; i++)
		ask(&c, GET("/_ping"), &b, "\r\n\r\nOK");
	ask(&c, GET("/query/a/b"), &b, "|00|");
	account = strstr(b.p, "|00|") + 4;
	assert_int_equal(strlen(account), 64);
	client_close(&c);
}

/* The server refuses after its part of a TLS 1.3 handshake, so the client sees it when it reads. */
static void refused_client(const struct test_cert *own)
{
	struct client c = connect_tls(own);
	char p[16];

	(void)client_write(&c, GET("/_ping"), strlen(GET("/_ping")));
	assert_int_equal(client_read(&c, p, sizeof(p)), -EIO);
	client_close(&c);
}

static void tls_clients_need_a_certificate(void **state)
{
	(void)state;
	refused_client(NULL);
	refused_client(&stranger);
}

/* A client that says nothing, or nonsense, holds up nobody. */
static void silent_and_stupid_tls_clients(void **state)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons(tls_port),
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fds[20];
	char p[64];

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		assert_int_equal(connect(fds[i], (struct sockaddr *)&a, sizeof(a)), 0);
	}
	assert_int_equal(fd_write_all(fds[0], GET("/_ping"), strlen(GET("/_ping"))), 0);
	assert_true(fd_read(fds[0], p, sizeof(p)) >= 0);
	tls_requests(state);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		fd_close(fds[i]);
}

static void bad_tls_files(void **state)
{
	auto_free char *pem = test_cert_pem(&server_cert, false);
	auto_free char *key = test_cert_pem(&client_cert, true);
	SSL_CTX *ctx;
	struct err e;

	(void)state;
	assert_true(tls_server_context(STR("x"), str_of(pem), str_of(key), &ctx, &e) < 0);
	assert_true(str_starts(str_of(e.msg), STR("TLS: read the CA certificate: ")));
	assert_true(tls_server_context(str_of(pem), STR(""), str_of(key), &ctx, &e) < 0);
	assert_true(str_starts(str_of(e.msg), STR("TLS: read the server certificate: ")));
	/* The key of another certificate. */
	assert_true(tls_server_context(str_of(pem), str_of(pem), str_of(key), &ctx, &e) < 0);
	assert_true(str_starts(str_of(e.msg), STR("TLS: use the server key: ")));
}

static void many_at_once(void **state)
{
	struct client c[100];
	auto_buf struct buf b = BUF(1 << 20);

	(void)state;
	assert_int_equal(pipe(client_gone_pipe), 0);
	for (size_t i = 0; i < ARRAY_SIZE(c); i++) {
		c[i] = connect_plain();
		ask(&c[i], GET("/hang"), &b, "1\r\nx\r\n");
	}
	for (size_t i = 0; i < ARRAY_SIZE(c); i++)
		client_close(&c[i]);
	for (size_t i = 0; i < ARRAY_SIZE(c); i++) {
		char seen;

		assert_int_equal(fd_read(client_gone_pipe[0], &seen, 1), 1);
	}
	fd_close(client_gone_pipe[0]);
	fd_close(client_gone_pipe[1]);
}

static int listen_tls(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (bind(fd, (struct sockaddr *)&a, n) < 0 || listen(fd, 64) < 0 ||
		getsockname(fd, (struct sockaddr *)&a, &n) < 0)
		return -errno;
	tls_port = ntohs(a.sin_port);
	return http_server_listen_tls(server, fd, server_ctx);
}

static int setup(void **state)
{
	struct http_server_options o = { .handler = handle, .server_name = "test" };
	auto_free char *ca_pem = NULL, *pem = NULL, *key = NULL;
	struct err e;

	(void)state;
	(void)signal(SIGPIPE, SIG_IGN); /* the client side writes TLS with plain write() */
	ca = test_cert_make("ca", NULL);
	server_cert = test_cert_make("server", &ca);
	client_cert = test_cert_make("client", &ca);
	stranger_ca = test_cert_make("ca", NULL);
	stranger = test_cert_make("client", &stranger_ca);
	ca_pem = test_cert_pem(&ca, false);
	pem = test_cert_pem(&server_cert, false);
	key = test_cert_pem(&server_cert, true);
	if (tls_server_context(str_of(ca_pem), str_of(pem), str_of(key), &server_ctx, &e) < 0 ||
		http_server_start(&o, &server, &e) < 0)
		return -1;
	return listen_tls();
}

static int teardown(void **state)
{
	struct test_cert *certs[] = { &ca, &server_cert, &client_cert, &stranger_ca, &stranger };

	(void)state;
	http_server_stop(server, 1000);
	SSL_CTX_free(server_ctx);
	for (size_t i = 0; i < ARRAY_SIZE(certs); i++)
		test_cert_free(certs[i]);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keep_alive),
		cmocka_unit_test(slow_heads_and_bodies),
		cmocka_unit_test(bodies),
		cmocka_unit_test(chunked_body_at_its_limit),
		cmocka_unit_test(bad_requests),
		cmocka_unit_test(huge_head),
		cmocka_unit_test(a_broken_stream_has_no_end),
		cmocka_unit_test(queries),
		cmocka_unit_test(gone_clients_are_noticed),
		cmocka_unit_test(relay_half_close),
		cmocka_unit_test(relay_half_close_tls),
		cmocka_unit_test(relay_details),
		cmocka_unit_test(relay_bulk),
		cmocka_unit_test(relay_bulk_tls),
		cmocka_unit_test(tls_requests),
		cmocka_unit_test(tls_clients_need_a_certificate),
		cmocka_unit_test(silent_and_stupid_tls_clients),
		cmocka_unit_test(bad_tls_files),
		cmocka_unit_test(many_at_once),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
