#include "http/http-int.h"

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static int size_byte(struct http_chunk *c, char b)
{
	int v = hex_value(b);

	if (++c->line > HTTP_CHUNK_LINE)
		return -EBADMSG;
	if (v >= 0) {
		/* 15 digits: the size stays far from overflow. */
		if (++c->digits > 15)
			return -EBADMSG;
		c->left = c->left << 4 | (unsigned)v;
		return 0;
	}
	if (c->digits == 0)
		return -EBADMSG;
	if (b == '\r')
		c->state = CHUNK_SIZE_LF;
	else if (b == ';' || b == ' ' || b == '\t')
		c->state = CHUNK_EXTENSION;
	else
		return -EBADMSG;
	return 0;
}

/* Text whose content does not matter (an extension, a trailer), up to its CR. */
static int skip_byte(struct http_chunk *c, char b, unsigned max, enum http_chunk_state after)
{
	if (++c->line > max || (b >= 0 && b < ' ' && b != '\t' && b != '\r'))
		return -EBADMSG;
	if (b == '\r')
		c->state = after;
	return 0;
}

static int expect(struct http_chunk *c, char b, char want, enum http_chunk_state after)
{
	if (b != want)
		return -EBADMSG;
	c->state = after;
	return 0;
}

static int size_end(struct http_chunk *c, char b)
{
	enum http_chunk_state next = c->left ? CHUNK_DATA : CHUNK_TRAILER;

	c->line = c->digits = 0;
	return expect(c, b, '\n', next);
}

static int trailer_begin(struct http_chunk *c, char b)
{
	c->state = CHUNK_TRAILER_LINE;
	return skip_byte(c, b, HTTP_TRAILER_MAX, CHUNK_LAST_LF);
}

static int step(struct http_chunk *c, char b)
{
	switch (c->state) {
	case CHUNK_SIZE:
		return size_byte(c, b);
	case CHUNK_EXTENSION:
		return skip_byte(c, b, HTTP_CHUNK_LINE, CHUNK_SIZE_LF);
	case CHUNK_SIZE_LF:
		return size_end(c, b);
	case CHUNK_DATA_CR:
		return expect(c, b, '\r', CHUNK_DATA_LF);
	case CHUNK_DATA_LF:
		return expect(c, b, '\n', CHUNK_SIZE);
	case CHUNK_TRAILER:
		return trailer_begin(c, b);
	case CHUNK_TRAILER_LINE:
		return skip_byte(c, b, HTTP_TRAILER_MAX, CHUNK_TRAILER_LF);
	case CHUNK_TRAILER_LF:
		return expect(c, b, '\n', CHUNK_TRAILER);
	case CHUNK_LAST_LF:
		return expect(c, b, '\n', CHUNK_END);
	case CHUNK_DATA:
	case CHUNK_END:
		break;
	}
	base_bug(__FILE__, __LINE__, "chunk step in data");
}

ssize_t http_chunk_frame(struct http_chunk *c, const char *p, size_t n)
{
	size_t i = 0;

	if (c->state == CHUNK_DATA && c->left == 0)
		c->state = CHUNK_DATA_CR;
	while (i < n && c->state != CHUNK_DATA && c->state != CHUNK_END) {
		int r = step(c, p[i++]);

		if (r < 0)
			return r;
	}
	return (ssize_t)i;
}
