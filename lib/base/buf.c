#include <stdarg.h>

void buf_init(struct buf *b, size_t max)
{
	*b = BUF(max);
}

void buf_done(struct buf *b)
{
	free(b->p);
	*b = BUF(b->max);
}

void buf_clear(struct buf *b)
{
	b->n = 0;
	b->bad = false;
	if (b->p)
		b->p[0] = '\0';
}

void *buf_room(struct buf *b, size_t n)
{
	size_t need, cap;

	if (b->bad || __builtin_add_overflow(b->n, n, &need) || need > b->max) {
		b->bad = true;
		return NULL;
	}
	if (need > b->cap || !b->p) {
		cap = b->cap ? b->cap : 64;
		while (cap < need)
			cap = cap > b->max / 2 ? b->max : cap * 2;
		b->p = xrealloc(b->p, cap + 1);
		b->cap = cap;
	}
	return b->p + b->n;
}

int buf_add(struct buf *b, const void *p, size_t n)
{
	char *to = buf_room(b, n);

	if (!to)
		return -EMSGSIZE;
	if (n)
		memcpy(to, p, n);
	b->n += n;
	b->p[b->n] = '\0';
	return 0;
}

int buf_str(struct buf *b, struct str s)
{
	return buf_add(b, s.p, s.n);
}

int buf_z(struct buf *b, const char *z)
{
	return buf_add(b, z, strlen(z));
}

int buf_c(struct buf *b, char c)
{
	return buf_add(b, &c, 1);
}

int buf_fmt(struct buf *b, const char *fmt, ...)
{
	char small[512];
	auto_free char *large = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(small, sizeof(small), fmt, ap);
	va_end(ap);
	BUG_ON(n < 0);
	if ((size_t)n < sizeof(small))
		return buf_add(b, small, (size_t)n);
	large = xmalloc((size_t)n + 1);
	va_start(ap, fmt);
	(void)vsnprintf(large, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return buf_add(b, large, (size_t)n);
}

char *buf_steal(struct buf *b)
{
	char *p = b->p ? b->p : xstrdup("");

	b->p = NULL;
	b->n = b->cap = 0;
	return p;
}

int buf_read_fd(struct buf *b, int fd)
{
	char chunk[16384];

	for (;;) {
		ssize_t r = fd_read(fd, chunk, sizeof(chunk));

		if (r <= 0)
			return (int)r;
		if (buf_add(b, chunk, (size_t)r) < 0)
			return -EMSGSIZE;
	}
}
