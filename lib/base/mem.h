/*
 * mem - allocation and ownership.  The x-functions abort when the heap is exhausted; they are for
 * small, own sizes.  A size that a peer chose must be limited first (see buf.h).
 */
#pragma once

#include <stdlib.h>

void *xmalloc(size_t size) MUST_USE;
void *xcalloc(size_t count, size_t size) MUST_USE;
void *xrealloc(void *p, size_t size) MUST_USE;
char *xstrdup(const char *s) MUST_USE; /* NULL gives NULL */
char *xstrndup(const char *s, size_t n) MUST_USE;
char *xasprintf(const char *fmt, ...) PRINTF(1, 2) MUST_USE;

static inline void mem_free_p(void *pp)
{
	free(*(void **)pp);
}
/* auto_free char *s = NULL;  frees at the end of the scope. */
#define auto_free __attribute__((cleanup(mem_free_p)))

/* Hands a pointer on and forgets it:  return steal_ptr(&p); */
#define steal_ptr(pp)                                                                              \
	({                                                                                         \
		__typeof__(*(pp)) v_ = *(pp);                                                      \
		*(pp) = NULL;                                                                      \
		v_;                                                                                \
	})
/* Replaces an owned string, freeing the old one.  Takes value. */
void mem_replace(char **slot, char *value);
