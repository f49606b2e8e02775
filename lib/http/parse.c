#include "http/http.h"

/* RFC 9110, 5.6.2: what method and header names are made of. */
static bool is_token(struct str s)
{
	static const char marks[] = "!#$%&'*+-.^_`|~";

	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
			continue;
		if (!memchr(marks, c, sizeof(marks) - 1))
			return false;
	}
	return s.n > 0;
}

static bool is_visible(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] > '~')
			return false;
	return s.n > 0;
}

/* Cuts the next line, which must end in CRLF: its length with the CRLF, 0 when it is not complete,
 * -EBADMSG for a control byte in it (a bare CR or LF too). */
static ssize_t cut_line(const char *p, size_t n, struct str *ret)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)p[i];

		if ((c >= ' ' && c != 127) || c == '\t')
			continue;
		if (c != '\r')
			return -EBADMSG;
		if (i + 1 == n)
			return 0;
		if (p[i + 1] != '\n')
			return -EBADMSG;
		*ret = (struct str){ p, i };
		return (ssize_t)i + 2;
	}
	return 0;
}

static int parse_target(struct http_head *h)
{
	struct str rest = h->target;

	if (!is_visible(rest))
		return -EBADMSG;
	/* RFC 9112, 3.2.2: the absolute form counts as the path that is in it. */
	if (str_starts(rest, STR("http://")) || str_starts(rest, STR("https://"))) {
		size_t skip = rest.p[4] == 's' ? 8 : 7;
		const char *slash = memchr(rest.p + skip, '/', rest.n - skip);

		if (!slash)
			return -EBADMSG;
		rest = (struct str){ slash, rest.n - (size_t)(slash - rest.p) };
	}
	if (rest.p[0] != '/' || memchr(rest.p, '#', rest.n))
		return -EBADMSG;
	h->path = str_cut(&rest, '?');
	h->query = rest.p ? rest : (struct str){ "", 0 };
	return 0;
}

static int parse_request_line(struct str line, struct http_head *h)
{
	struct str rest = line;

	h->method = str_cut(&rest, ' ');
	h->target = str_cut(&rest, ' ');
	if (!is_token(h->method) || h->method.n > 16)
		return -EBADMSG;
	if (rest.n != 8 || !str_starts(rest, STR("HTTP/1.")))
		return -EBADMSG;
	if (rest.p[7] != '0' && rest.p[7] != '1')
		return -EBADMSG;
	h->minor = (unsigned)(rest.p[7] - '0');
	h->keep_alive = h->minor == 1;
	return parse_target(h);
}

/* ---- headers that the layer itself understands; each says what it does to the head ----------- */
struct seen {
	unsigned host, length, coding, upgrade;
	bool wants_upgrade, close;
};

static int on_host(struct http_head *h, struct seen *s, struct str v)
{
	(void)h;
	(void)v;
	return s->host++ ? -EBADMSG : 0;
}

/* A second Content-Length is refused even when it says the same: nobody honest sends it. */
static int on_length(struct http_head *h, struct seen *s, struct str v)
{
	uint64_t n;

	if (s->length++ || !num_u64(v, INT64_MAX, &n))
		return -EBADMSG;
	h->content_length = (int64_t)n;
	return 0;
}

static int on_coding(struct http_head *h, struct seen *s, struct str v)
{
	if (s->coding++ || !str_ieq(v, STR("chunked")))
		return -EBADMSG;
	h->chunked = true;
	return 0;
}

static int on_connection(struct http_head *h, struct seen *s, struct str v)
{
	while (v.p) {
		struct str word = str_trim(str_cut(&v, ','));

		if (str_ieq(word, STR("close")))
			s->close = true;
		else if (str_ieq(word, STR("keep-alive")))
			h->keep_alive = true;
		else if (str_ieq(word, STR("upgrade")))
			s->wants_upgrade = true;
	}
	return 0;
}

static int on_upgrade(struct http_head *h, struct seen *s, struct str v)
{
	s->upgrade++;
	h->upgrade_tcp = str_ieq(v, STR("tcp"));
	return 0;
}

static int on_expect(struct http_head *h, struct seen *s, struct str v)
{
	(void)s;
	if (!str_ieq(v, STR("100-continue")))
		return -EBADMSG;
	h->expect_continue = h->minor == 1;
	return 0;
}

static const struct {
	struct str name;
	int (*fn)(struct http_head *h, struct seen *s, struct str v);
} known[] = {
	{ { "host", 4 }, on_host },
	{ { "content-length", 14 }, on_length },
	{ { "transfer-encoding", 17 }, on_coding },
	{ { "connection", 10 }, on_connection },
	{ { "upgrade", 7 }, on_upgrade },
	{ { "expect", 6 }, on_expect },
};

/* A line that starts with a blank (obsolete folding) has no token before its colon: refused. */
static int parse_header(struct str line, struct http_head *h, struct seen *s)
{
	struct str value = line, name = str_cut(&value, ':');

	if (!value.p || !is_token(name))
		return -EBADMSG;
	if (h->nheaders == HTTP_HEADERS_MAX)
		return -EMSGSIZE;
	value = str_trim(value);
	h->headers[h->nheaders++] = (struct http_header){ name, value };
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (str_ieq(name, known[i].name))
			return known[i].fn(h, s, value);
	return 0;
}

/* Rules between headers, once all are known. */
static int settle(struct http_head *h, const struct seen *s)
{
	if (h->chunked && (s->length || h->minor == 0))
		return -EBADMSG;
	if (h->minor == 1 && s->host != 1)
		return -EBADMSG;
	if (s->close)
		h->keep_alive = false;
	h->upgrade_tcp = h->upgrade_tcp && s->wants_upgrade && s->upgrade == 1 && h->minor == 1;
	return 0;
}

static void head_clear(struct http_head *h)
{
	memset(h, 0, offsetof(struct http_head, headers));
	h->content_length = -1;
}

ssize_t http_head_parse(const char *p, size_t n, struct http_head *ret)
{
	struct seen seen = { 0 };
	struct str line = { NULL, 0 };
	size_t limit = MIN(n, (size_t)HTTP_HEAD_MAX), at = 0;
	bool first = true;
	int r;

	head_clear(ret);
	/* RFC 9112, 2.2: one empty line before a request is ignored. */
	if (limit >= 2 && p[0] == '\r' && p[1] == '\n')
		at = 2;
	for (;;) {
		ssize_t step = cut_line(p + at, limit - at, &line);

		if (step < 0)
			return step;
		if (step == 0)
			return limit < HTTP_HEAD_MAX ? 0 : -EMSGSIZE;
		at += (size_t)step;
		if (!first && line.n == 0)
			break;
		r = first ? parse_request_line(line, ret) : parse_header(line, ret, &seen);
		if (r < 0)
			return r;
		first = false;
	}
	r = settle(ret, &seen);
	return r < 0 ? r : (ssize_t)at;
}
