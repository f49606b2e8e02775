#include "json/json.h"

/* Whatever parses must print, and what was printed must parse to the same document. */
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct str s = { (const char *)p, n };
	auto_json json_t *a = NULL, *b = NULL;
	auto_buf struct buf text = BUF(64u << 20), quoted = BUF(64u << 20);
	struct err e;

	BUG_ON(json_quote(&quoted, s) < 0);
	BUG_ON(json_parse(buf_view(&quoted), &b, &e) < 0 && !memchr(p, 0, n));
	json_decref(b);
	b = NULL;
	if (json_parse(s, &a, &e) < 0)
		return 0;
	BUG_ON(json_print(a, &text) < 0);
	BUG_ON(json_parse(buf_view(&text), &b, &e) < 0 || !json_equal(a, b));
	return 0;
}
