/*
 * buf - a growing byte buffer that cannot exist without a maximum.
 *
 * Life cycle: buf_init(&b, LIMIT) ... buf_done(&b); or auto_buf struct buf b = BUF(LIMIT).
 * Appending past the maximum fails with -EMSGSIZE and makes the buffer sticky-bad: every further
 * append fails too, so a chain of appends may be checked once with buf_bad() at the end.
 * The content is always followed by a NUL that does not count.
 */
#pragma once

struct buf {
	char *p;
	size_t n;   /* bytes in use */
	size_t cap; /* bytes allocated, without the NUL */
	size_t max; /* hard limit, from birth */
	bool bad;
};

#define BUF(limit) ((struct buf){ .max = (limit) })
void buf_init(struct buf *b, size_t max);
void buf_done(struct buf *b);
static inline void buf_done_p(struct buf *b)
{
	buf_done(b);
}
#define auto_buf __attribute__((cleanup(buf_done_p)))

void buf_clear(struct buf *b); /* empties, keeps the memory, clears bad */
int buf_add(struct buf *b, const void *p, size_t n);
int buf_str(struct buf *b, struct str s);
int buf_z(struct buf *b, const char *z);
int buf_c(struct buf *b, char c);
int buf_fmt(struct buf *b, const char *fmt, ...) PRINTF(2, 3);
/* Room for n more bytes to be written at b->p + b->n, or NULL (limit).  Add to b->n yourself. */
void *buf_room(struct buf *b, size_t n);
char *buf_steal(struct buf *b) MUST_USE; /* gives the NUL-terminated content */
static inline bool buf_bad(const struct buf *b)
{
	return b->bad;
}
static inline struct str buf_view(const struct buf *b)
{
	return (struct str){ b->p ? b->p : "", b->n };
}
/* Reads a whole descriptor; -EMSGSIZE past the maximum. */
int buf_read_fd(struct buf *b, int fd);
