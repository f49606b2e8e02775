/*
 * The dispatcher and its pure parts; its own small tables instead of the engine's.
 */
#include "api/route-int.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/socket.h>

#include <cmocka.h>

static void versions(void **state)
{
	static const struct {
		const char *path, *rest;
		unsigned version;
		const char *refused;
	} t[] = {
		{ "/_ping", "/_ping", 150, NULL },
		{ "/v1.50/info", "/info", 150, NULL },
		{ "/v1.24/info", "/info", 124, NULL },
		{ "/v1.4/info", "/info", 104,
			"client version 1.4 is too old. Minimum supported "
			"API version is 1.24, please upgrade your client to "
			"a newer version" },
		{ "/v1.23/info", "/info", 123, "client version 1.23 is too old. " },
		{ "/v1.51/info", "/info", 151,
			"client version 1.51 is too new. Maximum supported "
			"API version is 1.50" },
		{ "/v2/info", "/info", 200, "client version 2 is too new. " },
		{ "/v../info", "/info", 0, "client version .. is too old. " },
		{ "/v1.999999999999/info", "/info", 0, "client version 1.999999999999 is too old" },
		{ "/volumes", "/volumes", 150, NULL },
		{ "/v1.50", "/v1.50", 150, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		struct err e = { 0 };
		unsigned version;
		struct str text;
		int r;

		assert_string_equal(api_version_split(t[i].path, &version, &text), t[i].rest);
		assert_int_equal(version, t[i].version);
		r = api_version_check(version, text, &e);
		assert_int_equal(r, t[i].refused ? -EINVAL : 0);
		if (t[i].refused)
			assert_true(str_starts(str_of(e.msg), str_of(t[i].refused)));
	}
}

static void templates(void **state)
{
	static const struct {
		const char *template, *path, *name, *name2;
	} good[] = {
		{ "/info", "/info", NULL, NULL },
		{ "/containers/{name}/json", "/containers/a/json", "a", NULL },
		{ "/images/{name}/json", "/images/a/b:c/json", "a/b:c", NULL },
		{ "/images/{name}/json", "/images/json/json", "json", NULL },
		{ "/images/{name}", "/images/a/b", "a/b", NULL },
		{ "/c/{name}/x/{name}", "/c/a/x/b/c", "a", "b/c" },
	};
	static const char *const bad[][2] = { { "/info", "/info/" }, { "/info", "/inf" },
		{ "/containers/{name}/json", "/containers//json" },
		{ "/containers/{name}/json", "/containers/json" },
		{ "/containers/{name}/json", "/containers/a/jsonx" },
		{ "/images/{name}", "/images/" }, { "/c/{name}/x/{name}", "/c/a/x/" } };
	struct str names[2];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		if (!api_path_match(good[i].template, good[i].path, names))
			fail_msg("%s", good[i].path);
		assert_true(str_eq(names[0], str_of(good[i].name)));
		assert_true(str_eq(names[1], str_of(good[i].name2)));
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (api_path_match(bad[i][0], bad[i][1], names))
			fail_msg("%s", bad[i][1]);
}

static void filter_forms(void **state)
{
	static const char *const bad[] = { "{", "[]", "\"a\"", "{\"a\":1}", "{\"a\":{\"b\":1}}",
		"{\"a\":[1]}", "{\"a\":null}" };
	static const char *const known[] = { "label", "name", NULL };
	auto_json json_t *f = NULL, *g = NULL;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(api_filters_parse(STR("{\"name\":{\"a\":true,\"b\":true}}"), &f, &e), 0);
	assert_int_equal(api_filters_parse(STR("{\"name\":[\"a\",\"b\"]}"), &g, &e), 0);
	assert_true(json_equal(f, g));
	assert_true(api_filter_match(f, "name", "b"));
	assert_false(api_filter_match(f, "name", "c"));
	assert_true(api_filter_match(f, "other", "c"));
	assert_true(api_filter_match(NULL, "name", "c"));
	assert_int_equal(api_filters_check(f, known, &e), 0);
	assert_int_equal(api_filters_check(f, known + 2, &e), -EINVAL);
	assert_string_equal(e.msg, "invalid filter 'name'");
	json_decref(f);
	assert_int_equal(api_filters_parse(STR(""), &f, &e), 0);
	assert_null(f);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(api_filters_parse(str_of(bad[i]), &f, &e), -EINVAL);
		assert_string_equal(e.msg, "invalid filter");
	}
}

/* ---- a whole request ------------------------------------------------------------------------- */

static int on_name(struct api_call *c, struct err *e)
{
	auto_json json_t *doc = json_pack("{s:s,s:i}", "name", c->name, "version", (int)c->version);

	(void)e;
	return api_reply_json(c, 200, doc);
}

static int on_list(struct api_call *c, struct err *e)
{
	(void)e;
	return api_reply_empty(c, 204);
}

static int on_body(struct api_call *c, struct err *e)
{
	auto_json json_t *doc = NULL;
	int r = api_body_json(c, false, &doc, e);

	return r < 0 ? r : api_reply_json(c, 201, doc);
}

static int on_fail(struct api_call *c, struct err *e)
{
	return err_set(e, ERR_CONFLICT, 0, "\"%s\" is busy", c->text);
}

static const struct api_route test_routes[] = {
	{ "GET", "/things/{name}", on_name },
	{ "GET", "/things/json", on_list },
	{ "POST", "/body", on_body },
	{ "GET", "/fail", on_fail, "it" },
	{ NULL },
};
const struct api_route *const api_tables[] = { test_routes, NULL };

static void exchange(int fd, const char *request, struct buf *b)
{
	char p[4096];
	ssize_t n;

	buf_clear(b);
	assert_int_equal(
		send(fd, request, strlen(request), MSG_NOSIGNAL), (ssize_t)strlen(request));
	(void)shutdown(fd, SHUT_WR);
	while ((n = fd_read(fd, p, sizeof(p))) > 0)
		buf_add(b, p, (size_t)n);
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: x\r\n\r\n"
#define POST(type, length, body)                                                                   \
	"POST /body HTTP/1.1\r\nHost: x\r\n" type "Content-Length: " length "\r\n\r\n" body
#define JSON "Content-Type: application/json; charset=utf-8\r\n"

static void requests(void **state)
{
	static const struct {
		const char *request, *status, *tail;
	} t[] = {
		{ GET("/v1.41/things/a%2Fb"), "200 OK",
			"\r\n\r\n{\"name\":\"a/b\",\"version\":141}\n" },
		{ GET("/things/json"), "204 No Content", "\r\n\r\n" },
		{ GET("/nothing"), "404 Not Found", "{\"message\":\"page not found\"}\n" },
		{ GET("/body"), "404 Not Found", "{\"message\":\"page not found\"}\n" },
		{ GET("/v1.0/fail"), "400 Bad Request", "newer version\"}\n" },
		{ GET("/fail"), "409 Conflict", "\r\n\r\n{\"message\":\"\\\"it\\\" is busy\"}\n" },
		{ POST(JSON, "7", "{\"a\":1}"), "201 Created", "\r\n\r\n{\"a\":1}\n" },
		{ POST(JSON, "4", "null"), "201 Created", "\r\n\r\n{}\n" },
		{ POST(JSON, "2", "[]"), "400 Bad Request", "must be an object\"}\n" },
		{ POST("", "0", ""), "400 Bad Request",
			"{\"message\":\"invalid JSON: got EOF while reading request body\"}\n" },
		{ POST("", "2", "{}"), "400 Bad Request",
			"malformed Content-Type header (): mime: no media type\"}\n" },
		{ POST("Content-Type: text/plain\r\n", "2", "{}"), "400 Bad Request",
			"{\"message\":\"unsupported Content-Type header (text/plain): must be "
			"'application/json'\"}\n" },
		{ POST(JSON, "9999999", "{}"), "413 Request Entity Too Large",
			"{\"message\":\"request body is larger than 4194304 bytes\"}\n" },
	};
	struct http_server_options o = { .handler = api_handle, .server_name = "Caisson/test" };
	struct http_peer peer = { .cls = KEEPER_CLASS_ROOT };
	struct http_server *s;
	struct err e;

	(void)state;
	assert_int_equal(http_server_start(&o, &s, &e), 0);
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		auto_buf struct buf b = BUF(1 << 20);
		auto_free char *line = xasprintf(
			"HTTP/1.1 %s\r\nServer: Caisson/test\r\n", t[i].status);
		int sv[2];

		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
		assert_int_equal(http_server_adopt(s, sv[1], &peer), 0);
		exchange(sv[0], t[i].request, &b);
		fd_close(sv[0]);
		if (!str_starts(buf_view(&b), str_of(line)) || !strstr(b.p, t[i].tail))
			fail_msg("%s gave %s", t[i].request, b.p);
		assert_non_null(strstr(b.p, "\r\nApi-Version: 1.50\r\nOstype: linux\r\n"
					    "Docker-Experimental: false\r\n"));
	}
	http_server_stop(s, 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(versions),
		cmocka_unit_test(templates),
		cmocka_unit_test(filter_forms),
		cmocka_unit_test(requests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
