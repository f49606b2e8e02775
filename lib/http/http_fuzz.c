#include "http/http-int.h"

static void check_view(struct str s, const char *p, size_t n)
{
	BUG_ON(s.n && (s.p < p || s.p + s.n > p + n));
}

static void fuzz_target(const struct http_head *h)
{
	auto_free char *out = xmalloc(h->target.n + 1);

	if (http_decode(h->path, false, out) >= 0)
		(void)http_path_check(out);
	(void)http_decode(h->query, true, out);
}

/* The decoder must not depend on how its input is cut into pieces. */
static void fuzz_chunks(const char *p, size_t n, size_t piece)
{
	struct http_chunk c = { 0 };
	size_t at = 0;

	while (at < n && c.state != CHUNK_END) {
		size_t have = MIN(piece, n - at);
		ssize_t r = http_chunk_frame(&c, p + at, have);

		if (r < 0)
			return;
		BUG_ON((size_t)r > have);
		at += (size_t)r;
		if (c.state == CHUNK_DATA) {
			size_t data = MIN((uint64_t)(n - at), c.left);

			at += data;
			c.left -= data;
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct http_head h;
	/* An exact copy, so that a read past the end is seen. */
	auto_free char *p = xmalloc(n + !n);
	ssize_t r;

	if (n)
		memcpy(p, data, n);
	r = http_head_parse(p, n, &h);
	fuzz_chunks(p, n, 1 + n / 3);
	fuzz_chunks(p, n, 1);
	if (r <= 0)
		return 0;
	BUG_ON((size_t)r > n || r > HTTP_HEAD_MAX);
	check_view(h.method, p, (size_t)r);
	check_view(h.path, p, (size_t)r);
	check_view(h.query, p, (size_t)r);
	for (unsigned i = 0; i < h.nheaders; i++) {
		check_view(h.headers[i].name, p, (size_t)r);
		check_view(h.headers[i].value, p, (size_t)r);
	}
	fuzz_target(&h);
	/* No shorter front of a whole head may count as one. */
	BUG_ON(http_head_parse(p, (size_t)r - 1, &h) != 0);
	return 0;
}
