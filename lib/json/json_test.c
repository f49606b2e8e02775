#include "json/json.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void refused_documents(void **state)
{
	static const char *const bad[] = { "", "{", "{\"a\":1,\"a\":2}", "{} x", "nul",
		"\"\\u0000\"", "\"\xff\"", "99999999999999999999", "{\"a\":1,}", "'a'" };
	struct err e;
	json_t *j;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(json_parse(str_of(bad[i]), &j, &e), -EINVAL);
		assert_int_equal(e.kind, ERR_INVALID);
		assert_true(str_starts(str_of(e.msg), STR("invalid JSON: ")));
	}
}

/* n opening brackets and n closing ones. */
static int parse_nested(unsigned n, struct err *e)
{
	auto_buf struct buf b = BUF(4096);
	auto_json json_t *j = NULL;

	for (unsigned i = 0; i < n; i++)
		buf_c(&b, '[');
	buf_z(&b, "\"[[[[\\\"[[[[\"");
	for (unsigned i = 0; i < n; i++)
		buf_c(&b, ']');
	return json_parse(buf_view(&b), &j, e);
}

static void limits(void **state)
{
	auto_free char *big = xmalloc(JSON_INPUT_MAX + 1);
	struct err e;
	json_t *j;

	(void)state;
	assert_int_equal(parse_nested(JSON_DEPTH_MAX, &e), 0);
	assert_int_equal(parse_nested(JSON_DEPTH_MAX + 1, &e), -EINVAL);
	memset(big, ' ', JSON_INPUT_MAX + 1);
	assert_int_equal(json_parse((struct str){ big, JSON_INPUT_MAX + 1 }, &j, &e), -EMSGSIZE);
}

static void getters(void **state)
{
	auto_json json_t *o = NULL;
	struct err e;
	json_t *sub = (json_t *)&e;
	const char *s;
	int64_t n;
	bool b;

	(void)state;
	assert_int_equal(json_parse(STR("{\"s\":\"x\",\"n\":1795288911123456789,\"b\":true,\"z\":"
					"null,\"l\":[\"a\",1]}"),
				 &o, &e),
		0);
	assert_int_equal(json_get_str(o, "s", NULL, &s, &e), 0);
	assert_string_equal(s, "x");
	assert_int_equal(json_get_str(o, "z", "dflt", &s, &e), 0);
	assert_string_equal(s, "dflt");
	assert_int_equal(json_get_i64(o, "n", 0, &n, &e), 0);
	assert_int_equal(n, 1795288911123456789);
	assert_int_equal(json_get_bool(o, "b", false, &b, &e), 0);
	assert_true(b);
	assert_int_equal(json_get_object(o, "none", &sub, &e), 0);
	assert_null(sub);
	assert_int_equal(json_get_i64(o, "s", 0, &n, &e), -EINVAL);
	assert_string_equal(e.msg, "invalid JSON: member \"s\" must be an integer");
	assert_int_equal(json_get_strings(o, "l", &sub, &e), -EINVAL);
	assert_string_equal(e.msg, "invalid JSON: member \"l\" must be an array of strings");
}

static void printing(void **state)
{
	auto_buf struct buf b = BUF(256), small = BUF(4);
	auto_json json_t *o = json_pack(
		"{s:I,s:[s]}", "z", (json_int_t)1795288911123456789, "a", "\n/");

	(void)state;
	assert_int_equal(json_print(o, &b), 0);
	assert_string_equal(b.p, "{\"z\":1795288911123456789,\"a\":[\"\\n/\"]}");
	assert_int_equal(json_print(o, &small), -EMSGSIZE);
}

static void quoting(void **state)
{
	static const struct {
		const char *in, *out;
	} t[] = {
		{ "", "\"\"" },
		{ "a\"b\\c\n\x01", "\"a\\\"b\\\\c\\n\\u0001\"" },
		{ "\xc3\xa9\xf0\x9f\x98\x80", "\"\xc3\xa9\xf0\x9f\x98\x80\"" },
		{ "\xff\xc0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
		{ "\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
		{ "x\xe2\x82", "\"x\xef\xbf\xbd\xef\xbf\xbd\"" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		auto_buf struct buf b = BUF(128);

		assert_int_equal(json_quote(&b, str_of(t[i].in)), 0);
		assert_string_equal(b.p, t[i].out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refused_documents),
		cmocka_unit_test(limits),
		cmocka_unit_test(getters),
		cmocka_unit_test(printing),
		cmocka_unit_test(quoting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
