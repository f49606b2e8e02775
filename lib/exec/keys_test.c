/* Promise: detach keys are read as docker reads them; whatever is not the sequence reaches the
 * process unchanged, however the bytes are cut into pieces. */
#include "exec/exec.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_parse(void **state)
{
	static const struct {
		const char *text;
		int n; /* -1: refused */
		const char *keys;
	} t[] = {
		{ "", 2, "\x10\x11" },
		{ "ctrl-p,ctrl-q", 2, "\x10\x11" },
		{ "ctrl-a", 1, "\x01" },
		{ "ctrl-z,x", 2, "\x1ax" },
		{ "ctrl-@", 1, "\0" },
		{ "ctrl-[", 1, "\x1b" },
		{ "ctrl-\\,ctrl-],ctrl-^,ctrl-_", 4, "\x1c\x1d\x1e\x1f" },
		{ "DEL", 1, "\x7f" },
		{ "a,b,c", 3, "abc" },
		{ "ctrl-A", -1, NULL },
		{ "ctrl-", -1, NULL },
		{ "ctrl-pp", -1, NULL },
		{ "a,,b", -1, NULL },
		{ ",", -1, NULL },
		{ "del", -1, NULL },
		{ "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q", -1, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		struct exec_keys k = { .n = 99 };
		int r = exec_keys_parse(str_of(t[i].text), &k);

		assert_int_equal(r, t[i].n < 0 ? -EINVAL : 0);
		if (t[i].n < 0) {
			assert_int_equal(k.n, 99); /* untouched */
			continue;
		}
		assert_int_equal(k.n, t[i].n);
		assert_memory_equal(k.keys, t[i].keys, k.n);
	}
}

/* Feeds text in pieces of the given size; what comes out, and whether it ended in a detach. */
static bool feed(struct exec_keys *k, const char *text, size_t piece, struct buf *out)
{
	size_t n = strlen(text);

	for (size_t at = 0; at < n; at += piece) {
		char p[64 + HTTP_FILTER_ROOM];
		size_t part = MIN(piece, n - at);
		ssize_t r;

		memcpy(p, text + at, part);
		r = exec_keys_filter(k, p, part);
		if (r == -ECANCELED)
			return true;
		assert_true(r >= 0 && (size_t)r <= part + EXEC_KEYS_MAX);
		(void)buf_add(out, p, (size_t)r);
	}
	return false;
}

static void test_filter(void **state)
{
	static const struct {
		const char *keys, *in, *out;
		bool detach;
	} t[] = {
		{ "", "hello", "hello", false },
		{ "", "\x10", "", false },	 /* held back */
		{ "", "\x10x", "\x10x", false }, /* and given back */
		{ "", "a\x10\x10q", "a\x10\x10q", false },
		{ "", "\x10\x11", "", true },
		/* as docker's, a byte that breaks a match does not begin one */
		{ "a,b,c", "ababc", "ababc", false },
		{ "a,b,c", "aabc", "aabc", false },
		{ "a,b,c", "zabc", "z", true },
		{ "x", "x", "", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		for (size_t piece = 1; piece <= 3; piece++) {
			auto_buf struct buf out = BUF(256);
			struct exec_keys k;
			bool detached;

			assert_int_equal(exec_keys_parse(str_of(t[i].keys), &k), 0);
			detached = feed(&k, t[i].in, piece, &out);
			assert_int_equal(detached, t[i].detach);
			if (!detached) {
				assert_int_equal(out.n, strlen(t[i].out));
				assert_memory_equal(buf_view(&out).p, t[i].out, out.n);
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_filter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
