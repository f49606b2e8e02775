#include "log/log-int.h"

char *log_name(unsigned n, char *out)
{
	if (n == 0)
		(void)snprintf(out, LOG_NAME_MAX, "log");
	else
		(void)snprintf(out, LOG_NAME_MAX, "log.%u", n);
	return out;
}

void log_walk_init(struct log_walk *w, int fd)
{
	*w = (struct log_walk){ .fd = fd, .buf = xmalloc(LOG_WALK_BUF) };
}

void log_walk_done(struct log_walk *w)
{
	fd_close(w->fd);
	free(w->buf);
	*w = (struct log_walk){ .fd = -EBADF };
}

/* Makes room and reads more: 1, 0 at the end of the file, negative errno.  There is always room: a
 * whole record is smaller than the buffer, so an unfinished one leaves some. */
static int fill(struct log_walk *w)
{
	ssize_t r;

	memmove(w->buf, w->buf + w->from, w->to - w->from);
	w->at += w->from;
	w->to -= w->from;
	w->from = 0;
	do
		r = pread(w->fd, w->buf + w->to, LOG_WALK_BUF - w->to, (off_t)(w->at + w->to));
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return -errno;
	w->to += (size_t)r;
	return r > 0;
}

int log_walk_next(struct log_walk *w, struct log_head *ret, struct str *ret_text)
{
	_Static_assert(LOG_WALK_BUF > LOG_LINE_MAX + sizeof(struct log_head), "one record fits");

	for (;;) {
		const char *p = w->buf + w->from;
		ssize_t len = log_parse(p, w->to - w->from, ret, ret_text);
		int r;

		if (len > 0) {
			w->from += (size_t)len;
			return 1;
		}
		if (len < 0) {
			w->from += log_resync(p, w->to - w->from);
			continue;
		}
		r = fill(w);
		if (r <= 0)
			return r;
	}
}
