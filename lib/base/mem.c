#include <stdarg.h>

static void *must(void *p)
{
	if (!p)
		base_bug("heap", 0, "out of memory");
	return p;
}

void base_bug(const char *file, int line, const char *what)
{
	fprintf(stderr, "caisson: bug at %s:%d: %s\n", file, line, what);
	abort();
}

void *xmalloc(size_t size)
{
	return must(malloc(size ? size : 1));
}

void *xcalloc(size_t count, size_t size)
{
	return must(calloc(count ? count : 1, size ? size : 1));
}

void *xrealloc(void *p, size_t size)
{
	return must(realloc(p, size ? size : 1));
}

char *xstrdup(const char *s)
{
	return s ? must(strdup(s)) : NULL;
}

char *xstrndup(const char *s, size_t n)
{
	return must(strndup(s, n));
}

char *xasprintf(const char *fmt, ...)
{
	va_list ap;
	char *s = NULL;

	va_start(ap, fmt);
	if (vasprintf(&s, fmt, ap) < 0)
		s = NULL;
	va_end(ap);
	return must(s);
}

void mem_replace(char **slot, char *value)
{
	free(*slot);
	*slot = value;
}
