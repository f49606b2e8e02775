/*
 * The promises of lib/base: views, bounded buffers, the one number parser, digests, times, errors.
 */

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>

#include <cmocka.h>

static void numbers_take_whole_digits_only(void **state)
{
	static const char *const bad[] = { "", " 1", "1 ", "+1", "-1", "0x10", "1e3",
		"18446744073709551616", "1:", "١" };
	uint64_t v = 7;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(num_u64(str_of(bad[i]), UINT64_MAX, &v));
	assert_int_equal(v, 7);
	assert_true(num_u64(STR("18446744073709551615"), UINT64_MAX, &v));
	assert_true(v == UINT64_MAX);
	assert_false(num_u64(STR("101"), 100, &v));
}

static void signed_numbers_keep_their_range(void **state)
{
	int64_t v = 0;

	(void)state;
	assert_true(num_i64(STR("-5"), -10, 10, &v));
	assert_int_equal(v, -5);
	assert_false(num_i64(STR("-11"), -10, 10, &v));
	assert_false(num_i64(STR("--1"), -10, 10, &v));
	assert_false(num_i64(STR("-"), -10, 10, &v));
}

static void sizes_have_binary_units(void **state)
{
	uint64_t v;

	(void)state;
	assert_true(num_size(STR("64m"), UINT64_MAX, &v));
	assert_true(v == 64u << 20);
	assert_true(num_size(STR("1GB"), UINT64_MAX, &v));
	assert_true(v == 1u << 30);
	assert_true(num_size(STR("12"), UINT64_MAX, &v));
	assert_true(v == 12);
	assert_false(num_size(STR("m"), UINT64_MAX, &v));
	assert_false(num_size(STR("99999999999t"), UINT64_MAX, &v));
	assert_false(num_size(STR("1mm"), UINT64_MAX, &v));
}

static void buffers_stop_at_their_maximum(void **state)
{
	auto_buf struct buf b = BUF(8);

	(void)state;
	assert_int_equal(buf_z(&b, "12345678"), 0);
	assert_int_equal(buf_c(&b, '9'), -EMSGSIZE);
	assert_true(buf_bad(&b));
	assert_int_equal(b.n, 8);
	assert_string_equal(b.p, "12345678");
	assert_int_equal(buf_z(&b, ""), -EMSGSIZE);
	buf_clear(&b);
	assert_int_equal(buf_fmt(&b, "%d", 42), 0);
	assert_string_equal(b.p, "42");
}

static void views_cut_and_trim(void **state)
{
	struct str s = STR("a=b=c"), head = str_cut(&s, '=');

	(void)state;
	assert_true(str_eq(head, STR("a")));
	assert_true(str_eq(s, STR("b=c")));
	(void)str_cut(&s, '=');
	head = str_cut(&s, '=');
	assert_true(str_eq(head, STR("c")));
	assert_null(s.p);
	assert_true(str_eq(str_trim(STR(" \tx y ")), STR("x y")));
	assert_true(str_ieq(STR("Host"), STR("hOST")));
}

static void digests_exist_only_parsed(void **state)
{
	static const char text[] =
		"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
	char out[DIGEST_TEXT + 1];
	struct digest d, same;

	(void)state;
	assert_true(digest_parse(str_of(text), &d));
	assert_string_equal(digest_text(&d, out), text);
	assert_false(digest_parse(STR("sha256:E3B0"), &d));
	assert_false(digest_parse_hex((struct str){ text + 7, 63 }, &d));
	assert_false(digest_parse(STR("sha512:00"), &d));
	digest_random(&same);
	assert_false(digest_eq(&d, &same));
}

static void times_read_as_docker_writes_them(void **state)
{
	static const struct {
		const char *text;
		uint64_t ns;
	} good[] = {
		{ "0", 0 },
		{ "1700000000", 1700000000ull * NS_PER_SEC },
		{ "1700000000.5", 1700000000ull * NS_PER_SEC + 500000000 },
		{ "2023-11-14T22:13:20Z", 1700000000ull * NS_PER_SEC },
		{ "2023-11-15T00:13:20+02:00", 1700000000ull * NS_PER_SEC },
		{ "2023-11-14T22:13:20.000000001Z", 1700000000ull * NS_PER_SEC + 1 },
		{ "2023-11-14", 1699920000ull * NS_PER_SEC },
		{ "10m", (1800000000ull - 600) * NS_PER_SEC },
		{ "1h30m", (1800000000ull - 5400) * NS_PER_SEC },
	};
	static const char *const bad[] = { "", "x", "2023-13-01", "1.", "10y", "-5m" };
	uint64_t v;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_true(clock_parse(str_of(good[i].text), 1800000000ull * NS_PER_SEC, &v));
		assert_true(v == good[i].ns);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(clock_parse(str_of(bad[i]), 1800000000ull * NS_PER_SEC, &v));
}

static void waits_are_rounded_up_and_bounded(void **state)
{
	(void)state;
	assert_int_equal(clock_poll_ms(5, 5, 100), 0);
	assert_int_equal(clock_poll_ms(4, 5, 100), 0);
	assert_int_equal(clock_poll_ms(6, 5, 100), 1);
	assert_int_equal(clock_poll_ms(2 * NS_PER_MS, NS_PER_MS / 2, 100), 2);
	assert_int_equal(clock_poll_ms(UINT64_MAX, 0, 100), 100);
}

static void times_print_with_nine_digits(void **state)
{
	char out[CLOCK_TEXT];

	(void)state;
	assert_string_equal(clock_rfc3339(1700000000ull * NS_PER_SEC + 5, out),
		"2023-11-14T22:13:20.000000005Z");
	assert_string_equal(clock_rfc3339_short(1700000000ull * NS_PER_SEC + 500000000, out),
		"2023-11-14T22:13:20.5Z");
	assert_string_equal(
		clock_rfc3339_short(1700000000ull * NS_PER_SEC, out), "2023-11-14T22:13:20Z");
	assert_string_equal(clock_rfc3339_short(0, out), "0001-01-01T00:00:00Z");
}

static void errors_carry_kind_cause_and_context(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_int_equal(err_set(&e, ERR_SYSTEM, ENOSPC, "write \"%s\"", "x\ny"), -ENOSPC);
	assert_string_equal(e.msg, "write \"x y\": No space left on device");
	assert_int_equal(err_wrap(&e, "load"), -ENOSPC);
	assert_string_equal(e.msg, "load: write \"x y\": No space left on device");
	assert_int_equal(err_set(&e, ERR_NOT_FOUND, 0, "no"), -ENOENT);
	assert_int_equal(err_http_status(ERR_CONFLICT), 409);
	memset(&e, 0xff, sizeof(e));
	err_sanitize(&e);
	assert_int_equal(e.kind, ERR_SYSTEM);
	assert_int_equal(strnlen(e.msg, sizeof(e.msg)), sizeof(e.msg) - 1);
}

static void long_contexts_are_cut_not_overrun(void **state)
{
	struct err e = { 0 };
	char large[2000];

	(void)state;
	memset(large, 'a', sizeof(large));
	large[sizeof(large) - 1] = '\0';
	(void)err_set(&e, ERR_INVALID, 0, "%s", large);
	(void)err_wrap(&e, "%s", large);
	assert_int_equal(strlen(e.msg), sizeof(e.msg) - 1);
}

static void files_are_written_whole_or_not_at_all(void **state)
{
	char path[] = "/tmp/base-test-XXXXXX", text[8] = "";
	auto_close int dir = open(mkdtemp(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_close int fd = -EBADF;

	(void)state;
	assert_int_equal(fd_write_file(dir, "a", "old text", 8), 0);
	assert_int_equal(fd_write_file(dir, "a", "new", 3), 0);
	fd = openat(dir, "a", O_RDONLY | O_CLOEXEC);
	assert_int_equal(fd_read_full(fd, text, sizeof(text)), 3);
	assert_string_equal(text, "new");
	/* What cannot take the name leaves nothing behind: rmdir() would find it. */
	assert_int_equal(mkdirat(dir, "b", 0700), 0);
	assert_int_equal(fd_write_file(dir, "b", "x", 1), -EISDIR);
	assert_int_equal(unlinkat(dir, "a", 0), 0);
	assert_int_equal(unlinkat(dir, "b", AT_REMOVEDIR), 0);
	assert_int_equal(rmdir(path), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_take_whole_digits_only),
		cmocka_unit_test(signed_numbers_keep_their_range),
		cmocka_unit_test(sizes_have_binary_units),
		cmocka_unit_test(buffers_stop_at_their_maximum),
		cmocka_unit_test(views_cut_and_trim),
		cmocka_unit_test(digests_exist_only_parsed),
		cmocka_unit_test(times_read_as_docker_writes_them),
		cmocka_unit_test(times_print_with_nine_digits),
		cmocka_unit_test(waits_are_rounded_up_and_bounded),
		cmocka_unit_test(errors_carry_kind_cause_and_context),
		cmocka_unit_test(long_contexts_are_cut_not_overrun),
		cmocka_unit_test(files_are_written_whole_or_not_at_all),
	};

	return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
