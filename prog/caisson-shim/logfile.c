#include <sys/stat.h>

#include "shim-int.h"

void logfile_start(struct logfile *l, int fd)
{
	struct stat st;

	l->fd = fd;
	l->size = fstat(fd, &st) == 0 ? (uint64_t)st.st_size : 0;
}

/* All or nothing: what a full disk left of a record would hide the records behind it.  Nobody else
 * appends to this file. */
static int append(struct logfile *l, const void *p, size_t n)
{
	size_t done = 0;

	while (done < n) {
		ssize_t w = fd_write(l->fd, (const char *)p + done, n - done);

		if (w <= 0) {
			if (done && ftruncate(l->fd, (off_t)l->size) < 0)
				l->size += done; /* the reader passes over it */
			return w < 0 ? (int)w : -ENOSPC;
		}
		done += (size_t)w;
	}
	l->size += n;
	return 0;
}

/* The decimal digits of v and s behind them; this program has no stdio. */
static uint32_t put_count(char *out, uint64_t v, struct str s)
{
	char digits[20];
	uint32_t n = 0, len = 0;

	do
		digits[n++] = (char)('0' + v % 10);
	while ((v /= 10) > 0);
	while (n)
		out[len++] = digits[--n];
	memcpy(out + len, s.p, s.n);
	return len + (uint32_t)s.n;
}

/* Says what is missing, before anything that comes after it. */
static int own_up(struct logfile *l)
{
	struct {
		struct log_head head;
		char text[104];
	} r;
	uint32_t n;
	int rc;

	if (!l->lost)
		return 0;
	memcpy(r.text, "caisson: ", 9);
	n = 9 + put_count(r.text + 9, l->lost,
			STR(" bytes of output are missing here: the log could not be written\n"));
	r.head = log_head_make(LOG_STDERR, 0, n, clock_wall_ns(), 0);
	rc = append(l, &r, sizeof(r.head) + n);
	if (rc == 0)
		l->lost = 0;
	return rc;
}

int logfile_flush(struct logfile *l)
{
	int rc;

	if (!l->used)
		return own_up(l);
	rc = own_up(l);
	if (rc == 0)
		rc = append(l, l->batch, l->used);
	if (rc < 0)
		l->lost += l->lines;
	l->used = l->lines = 0;
	return rc;
}

/* A record longer than the batch: head and text in two writes, undone together. */
static int append_long(struct logfile *l, const struct log_head *h, const char *text, uint32_t n)
{
	uint64_t before;
	int rc = own_up(l);

	if (rc < 0)
		return rc;
	before = l->size;
	rc = append(l, h, sizeof(*h));
	if (rc < 0)
		return rc;
	rc = append(l, text, n);
	if (rc < 0 && ftruncate(l->fd, (off_t)before) == 0)
		l->size = before;
	return rc;
}

void logfile_add(struct logfile *l, enum log_stream stream, unsigned flags, const char *text,
	uint32_t n, uint64_t time_ns)
{
	struct log_head h = log_head_make(stream, flags, n, time_ns, 0);

	if (l->used && sizeof(h) + n > BATCH_SIZE - l->used)
		(void)logfile_flush(l); /* a loss is counted */
	if (sizeof(h) + n > BATCH_SIZE) {
		if (append_long(l, &h, text, n) < 0)
			l->lost += n;
		return;
	}
	memcpy(l->batch + l->used, &h, sizeof(h));
	memcpy(l->batch + l->used + sizeof(h), text, n);
	l->used += (uint32_t)sizeof(h) + n;
	l->lines += n;
}

int logfile_exit(struct logfile *l, int code, uint64_t time_ns)
{
	struct log_head h = log_head_make(LOG_EXIT, 0, 0, time_ns, code);
	int rc = logfile_flush(l);

	/* Also without the sentence about a loss: the code matters more. */
	(void)rc;
	return append(l, &h, sizeof(h));
}

void logfile_switch(struct logfile *l, int fd)
{
	struct log_head h = log_head_make(LOG_ROTATED, 0, 0, clock_wall_ns(), 0);

	(void)logfile_flush(l);
	/* If this cannot be written, readers notice the new file by its first record. */
	(void)append(l, &h, sizeof(h));
	fd_close(l->fd);
	logfile_start(l, fd);
	l->rotate_asked = false;
	(void)own_up(l);
}
