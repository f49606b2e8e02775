#include "http/http-int.h"

static int nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

ssize_t http_decode(struct str s, bool plus, char *out)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (c == '+' && plus) {
			c = ' ';
		} else if (c == '%') {
			int hi = i + 2 < s.n ? nibble(s.p[i + 1]) : -1;
			int lo = i + 2 < s.n ? nibble(s.p[i + 2]) : -1;

			if (hi < 0 || lo < 0 || hi + lo == 0)
				return -EBADMSG;
			c = (char)(hi << 4 | lo);
			i += 2;
		}
		out[n++] = c;
	}
	out[n] = '\0';
	return (ssize_t)n;
}

int http_path_check(const char *path)
{
	if (path[0] != '/')
		return -EBADMSG;
	for (const char *p = path; *p; p++) {
		size_t n;

		if (*p != '/')
			continue;
		n = strcspn(p + 1, "/");
		/* The segment after this slash: empty (but at the very end), "." or "..". */
		if ((n == 0 && p[1]) || (n == 1 && p[1] == '.') ||
			(n == 2 && p[1] == '.' && p[2] == '.'))
			return -EBADMSG;
	}
	return 0;
}
