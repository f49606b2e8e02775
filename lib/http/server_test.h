/*
 * server_test - for the tests of this folder: a server with one handler for each thing to test, and
 * clients of it, plain and over TLS.
 */
#pragma once

#include "http/http.h"
#include "tls/tls.h"

#include "tls/certs_test.h"

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

/* ---- start and end --------------------------------------------------------------------------- */

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
