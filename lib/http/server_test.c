/*
 * The server with real sockets: keep-alive, bodies, streams, clients that go, mutual TLS.
 */
#include "http/server_test.h"

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
		cmocka_unit_test(tls_requests),
		cmocka_unit_test(tls_clients_need_a_certificate),
		cmocka_unit_test(silent_and_stupid_tls_clients),
		cmocka_unit_test(bad_tls_files),
		cmocka_unit_test(many_at_once),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
