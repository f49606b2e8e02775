#include "http/http-int.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define H "Host: x\r\n"

static void good_heads(void **state)
{
	static struct http_head h;
	static const char text[] =
		"POST /v1.50/containers/a%2Fb/attach?stream=1&x HTTP/1.1\r\nHost: api\r\n"
		"Connection: keep-alive, Upgrade\r\nUpgrade: tcp\r\nContent-Length: 12\r\n"
		"Expect: 100-Continue\r\nX-Empty:\r\nX-Blank: \t v \t\r\n\r\nbody";
	ssize_t n = http_head_parse(text, sizeof(text) - 1, &h);

	(void)state;
	assert_int_equal(n, (ssize_t)sizeof(text) - 1 - 4);
	assert_true(str_eq(h.method, STR("POST")));
	assert_true(str_eq(h.path, STR("/v1.50/containers/a%2Fb/attach")));
	assert_true(str_eq(h.query, STR("stream=1&x")));
	assert_int_equal(h.minor, 1);
	assert_true(h.keep_alive && h.upgrade_tcp && h.expect_continue && !h.chunked);
	assert_int_equal(h.content_length, 12);
	assert_int_equal(h.nheaders, 7);
	assert_int_equal(h.headers[5].value.n, 0);
	assert_true(str_eq(h.headers[6].value, STR("v")));
	for (size_t i = 0; i < (size_t)n; i++)
		assert_int_equal(http_head_parse(text, i, &h), 0);
}

static void other_good_heads(void **state)
{
	static struct http_head h;

	(void)state;
	assert_true(http_head_parse("GET / HTTP/1.0\r\n\r\n", 18, &h) == 18);
	assert_false(h.keep_alive);
	assert_int_equal(h.content_length, -1);
	assert_true(http_head_parse("\r\nGET http://h/p?q HTTP/1.1\r\n" H "\r\n", 40, &h) > 0);
	assert_true(str_eq(h.path, STR("/p")) && str_eq(h.query, STR("q")));
	assert_true(
		http_head_parse("GET / HTTP/1.1\r\n" H "Connection: close\r\n\r\n", 46, &h) > 0);
	assert_false(h.keep_alive);
}

static void malformed_heads(void **state)
{
	static const char *const bad[] = {
		"GET / HTTP/1.1\n" H "\r\n",
		"GET / HTTP/1.1\r\nHost: x\n\r\n",
		"GET / HTTP/1.1\r\nHost: x\rY\r\n\r\n",
		"GET / HTTP/1.1\r\n\r\n",
		"GET / HTTP/1.1\r\n" H H "\r\n",
		"GET / HTTP/2.0\r\n" H "\r\n",
		"GET / HTTP/1.11\r\n" H "\r\n",
		"GET  / HTTP/1.1\r\n" H "\r\n",
		"GET / x HTTP/1.1\r\n" H "\r\n",
		"GET /\x01 HTTP/1.1\r\n",
		"GET /\xc3\xa9 HTTP/1.1\r\n",
		"GET /#f HTTP/1.1\r\n",
		"GET x HTTP/1.1\r\n",
		"GET * HTTP/1.1\r\n",
		"G(T / HTTP/1.1\r\n",
		" GET / HTTP/1.1\r\n",
		"AVERYVERYLONGMETHOD / HTTP/1.1\r\n",
		"GET / HTTP/1.1\r\n" H " folded\r\n",
		"GET / HTTP/1.1\r\n" H "Name : v\r\n",
		"GET / HTTP/1.1\r\n" H ": v\r\n",
		"GET / HTTP/1.1\r\n" H "noname\r\n",
		"GET / HTTP/1.1\r\n" H "X: a\x01\r\n",
		"GET / HTTP/1.1\r\n" H "Content-Length: +1\r\n",
		"GET / HTTP/1.1\r\n" H "Content-Length: -1\r\n",
		"GET / HTTP/1.1\r\n" H "Content-Length: 1, 1\r\n",
		"GET / HTTP/1.1\r\n" H "Content-Length: 9223372036854775808\r\n",
		"GET / HTTP/1.1\r\n" H "Content-Length:\r\n",
		"GET / HTTP/1.1\r\n" H "Content-Length: 1\r\nContent-Length: 1\r\n",
		"GET / HTTP/1.1\r\n" H "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
		"GET / HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n",
		"GET / HTTP/1.1\r\n" H
		"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
		"GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
		"GET / HTTP/1.1\r\n" H "Expect: more\r\n",
	};
	static struct http_head h;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (http_head_parse(bad[i], strlen(bad[i]), &h) != -EBADMSG)
			fail_msg("accepted: %s", bad[i]);
}

static void head_limits(void **state)
{
	static struct http_head h;
	auto_buf struct buf b = BUF(1 << 20);

	(void)state;
	buf_z(&b, "GET / HTTP/1.1\r\n" H);
	for (int i = 1; i < HTTP_HEADERS_MAX; i++)
		buf_z(&b, "a:b\r\n");
	assert_int_equal(http_head_parse(b.p, b.n, &h), 0);
	buf_z(&b, "a:b\r\n");
	assert_int_equal(http_head_parse(b.p, b.n, &h), -EMSGSIZE);
	buf_clear(&b);
	buf_z(&b, "GET /");
	while (b.n < HTTP_HEAD_MAX - 1)
		buf_c(&b, 'x');
	assert_int_equal(http_head_parse(b.p, b.n, &h), 0);
	buf_z(&b, "xx");
	assert_int_equal(http_head_parse(b.p, b.n, &h), -EMSGSIZE);
}

/* Decodes text fed in pieces; false when it is malformed or not complete. */
static bool dechunk(struct str in, size_t piece, struct buf *out)
{
	struct http_chunk c = { 0 };
	size_t at = 0;

	buf_clear(out);
	while (at < in.n && c.state != CHUNK_END) {
		ssize_t r = http_chunk_frame(&c, in.p + at, MIN(piece, in.n - at));
		size_t data;

		if (r < 0)
			return false;
		at += (size_t)r;
		if (c.state != CHUNK_DATA)
			continue;
		data = MIN(piece, in.n - at);
		data = MIN(data, c.left);
		buf_add(out, in.p + at, data);
		at += data;
		c.left -= data;
	}
	return c.state == CHUNK_END && at == in.n;
}

static void chunks(void **state)
{
	static const struct str text = STR(
		"5\r\nhello\r\n0a;x=y\r\n, world..!\r\n0\r\nT: 1\r\n\r\n");
	static const char *const bad[] = { "", "5\r\nhelloX\r\n0\r\n\r\n", "5\nhello\r\n0\r\n\r\n",
		"g\r\n", "\r\n", "-1\r\n", "0x5\r\nhello\r\n0\r\n\r\n", "1234567890123456\r\n",
		"5\r\nhello\r\n0\r\n", "0\r\n\x01\r\n\r\n", "0\r\n\r\nrest" };
	auto_buf struct buf out = BUF(1024);

	(void)state;
	for (size_t piece = 1; piece <= text.n; piece++) {
		assert_true(dechunk(text, piece, &out));
		assert_string_equal(out.p, "hello, world..!");
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (dechunk(str_of(bad[i]), 1000, &out))
			fail_msg("accepted: %s", bad[i]);
}

static void long_chunk_lines(void **state)
{
	auto_buf struct buf b = BUF(1 << 20), out = BUF(16);

	(void)state;
	buf_z(&b, "0;");
	for (int i = 0; i < HTTP_CHUNK_LINE; i++)
		buf_c(&b, 'x');
	buf_z(&b, "\r\n\r\n");
	assert_false(dechunk(buf_view(&b), 1000, &out));
	buf_clear(&b);
	buf_z(&b, "0\r\n");
	for (int i = 0; i < HTTP_TRAILER_MAX / 2; i++)
		buf_z(&b, "a:\r\n");
	buf_z(&b, "\r\n");
	assert_false(dechunk(buf_view(&b), 1000, &out));
}

static void targets(void **state)
{
	static const char *const bad[] = { "", "a", "//", "/a//b", "/.", "/a/..", "/../a",
		"/a/./b" };
	static const char *const good[] = { "/", "/a/", "/a/b", "/...", "/a..b/.c" };
	char out[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(http_path_check(bad[i]), -EBADMSG);
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_int_equal(http_path_check(good[i]), 0);
	assert_int_equal(http_decode(STR("a%2Fb+%c3%A9"), false, out), 6);
	assert_string_equal(out, "a/b+\xc3\xa9");
	assert_int_equal(http_decode(STR("a+b"), true, out), 3);
	assert_string_equal(out, "a b");
	assert_int_equal(http_decode(STR("%00"), false, out), -EBADMSG);
	assert_int_equal(http_decode(STR("%4"), false, out), -EBADMSG);
	assert_int_equal(http_decode(STR("%zz"), false, out), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_heads),
		cmocka_unit_test(other_good_heads),
		cmocka_unit_test(malformed_heads),
		cmocka_unit_test(head_limits),
		cmocka_unit_test(chunks),
		cmocka_unit_test(long_chunk_lines),
		cmocka_unit_test(targets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
