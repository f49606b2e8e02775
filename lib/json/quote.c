#include "json/json.h"

/* Length of the well-formed UTF-8 sequence at p (RFC 3629, section 4), or 0. */
static size_t utf8_length(const uint8_t *p, size_t n)
{
	uint8_t low = 0x80, high = 0xbf;
	size_t want;

	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	want = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	/* The second byte's range excludes overlong forms, surrogates and what is
	 * above U+10FFFF. */
	if (p[0] == 0xe0)
		low = 0xa0;
	else if (p[0] == 0xed)
		high = 0x9f;
	else if (p[0] == 0xf0)
		low = 0x90;
	else if (p[0] == 0xf4)
		high = 0x8f;
	if (n < want || p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < want; i++)
		if (p[i] < 0x80 || p[i] > 0xbf)
			return 0;
	return want;
}

static int quote_control(struct buf *out, uint8_t c)
{
	static const char escapes[] = {
		['\b'] = 'b',
		['\t'] = 't',
		['\n'] = 'n',
		['\f'] = 'f',
		['\r'] = 'r',
		['"'] = '"',
		['\\'] = '\\',
	};

	if (c < sizeof(escapes) && escapes[c])
		return buf_fmt(out, "\\%c", escapes[c]);
	return buf_fmt(out, "\\u%04x", c);
}

int json_quote(struct buf *out, struct str s)
{
	const uint8_t *p = (const uint8_t *)s.p;
	size_t from = 0, i = 0;

	(void)buf_c(out, '"');
	while (i < s.n) {
		size_t n = utf8_length(p + i, s.n - i);

		if (n > 1 || (n == 1 && p[i] >= ' ' && p[i] != '"' && p[i] != '\\')) {
			i += n;
			continue;
		}
		(void)buf_add(out, s.p + from, i - from);
		if (n)
			(void)quote_control(out, p[i]);
		else
			(void)buf_z(out, "\xef\xbf\xbd");
		from = ++i;
	}
	(void)buf_add(out, s.p + from, s.n - from);
	(void)buf_c(out, '"');
	return buf_bad(out) ? -EMSGSIZE : 0;
}
