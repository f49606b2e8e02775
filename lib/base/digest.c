#include <sys/random.h>

bool digest_eq(const struct digest *a, const struct digest *b)
{
	return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

bool digest_is_zero(const struct digest *d)
{
	static const struct digest zero;

	return digest_eq(d, &zero);
}

static int nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

bool digest_parse_hex(struct str s, struct digest *ret)
{
	struct digest d = { 0 };

	if (s.n != DIGEST_HEX)
		return false;
	for (size_t i = 0; i < sizeof(d.b); i++) {
		int hi = nibble(s.p[2 * i]), lo = nibble(s.p[2 * i + 1]);

		if (hi < 0 || lo < 0)
			return false;
		d.b[i] = (uint8_t)(hi << 4 | lo);
	}
	*ret = d;
	return true;
}

bool digest_parse(struct str s, struct digest *ret)
{
	if (!str_starts(s, STR("sha256:")))
		return false;
	return digest_parse_hex((struct str){ s.p + 7, s.n - 7 }, ret);
}

char *digest_hex(const struct digest *d, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < sizeof(d->b); i++) {
		out[2 * i] = digits[d->b[i] >> 4];
		out[2 * i + 1] = digits[d->b[i] & 15];
	}
	out[DIGEST_HEX] = '\0';
	return out;
}

char *digest_text(const struct digest *d, char *out)
{
	memcpy(out, "sha256:", 7);
	(void)digest_hex(d, out + 7);
	return out;
}

void base_random(void *p, size_t n)
{
	for (size_t have = 0; have < n;) {
		ssize_t r = getrandom((char *)p + have, n - have, 0);

		BUG_ON(r < 0 && errno != EINTR);
		if (r > 0)
			have += (size_t)r;
	}
}

void digest_random(struct digest *ret)
{
	base_random(ret->b, sizeof(ret->b));
}
