#include <sys/socket.h>
#include <sys/uio.h>

#include "shim-int.h"

static enum log_stream log_stream_of(unsigned which)
{
	return which == OUT ? LOG_STDOUT : LOG_STDERR;
}

/* Logs the whole lines that are there; a buffer full of one line goes in part. */
static void log_lines(struct shim *s, unsigned which)
{
	struct stream *st = &s->stream[which];
	uint64_t now = clock_wall_ns();
	uint32_t at = 0;

	while (at < st->n) {
		const char *p = st->text + at, *nl = memchr(p, '\n', st->n - at);
		uint32_t len;

		if (!nl)
			break;
		len = (uint32_t)(nl - p) + 1;
		logfile_add(&s->log, log_stream_of(which), 0, p, len, now);
		at += len;
	}
	if (at == 0 && st->n == LOG_LINE_MAX) {
		logfile_add(&s->log, log_stream_of(which), LOG_PARTIAL, st->text, st->n, now);
		at = st->n;
	}
	st->logged = at;
	(void)logfile_flush(&s->log); /* a loss is counted */
}

/* ---- to the attached peers ------------------------------------------------------------------- */

bool chunk_due(const struct shim *s, const struct conn *c)
{
	return s->chunk_len && conn_wants(c, s->chunk_stream) &&
	       c->sent < frame_size(s, s->chunk_len);
}

bool frame_send(
	const struct shim *s, struct conn *c, uint32_t which, const char *text, uint32_t len)
{
	uint32_t head_len = frame_size(s, 0);
	uint8_t head[8] = { (uint8_t)(which + 1), 0, 0, 0, (uint8_t)(len >> 24),
		(uint8_t)(len >> 16), (uint8_t)(len >> 8), (uint8_t)len };

	while (c->sent < head_len + len) {
		uint32_t in_head = c->sent < head_len ? head_len - c->sent : 0;
		uint32_t in_text = in_head ? 0 : c->sent - head_len;
		struct iovec iov[2] = {
			{ head + (head_len - in_head), in_head },
			{ (char *)(uintptr_t)text + in_text, len - in_text },
		};
		struct msghdr m = { .msg_iov = iov, .msg_iovlen = 2 };
		ssize_t n = sendmsg(c->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN;
		c->sent += (uint32_t)n;
	}
	return true;
}

static bool chunk_send(const struct shim *s, struct conn *c)
{
	const struct stream *st = &s->stream[s->chunk_stream];

	return frame_send(s, c, s->chunk_stream, st->text + s->chunk_at, s->chunk_len);
}

/* All peers have the chunk: keeps only the line that was begun. */
static void chunk_done(struct shim *s)
{
	struct stream *st = &s->stream[s->chunk_stream];

	memmove(st->text, st->text + st->logged, st->n - st->logged);
	st->n -= st->logged;
	st->logged = 0;
	s->chunk_len = 0;
	conn_ask_rotation(s);
}

bool output_late(const struct shim *s)
{
	return s->exited && clock_mono_ns() - s->exit_mono_ns >= LATE_NS;
}

void output_push(struct shim *s)
{
	bool waiting = false, late = output_late(s);

	rest_push(s);
	if (!s->chunk_len)
		return;
	for (struct conn *c = s->conn; c < s->conn + CONNS_MAX; c++) {
		if (!conn_live(c) || c->behind || !chunk_due(s, c))
			continue;
		if (!chunk_send(s, c))
			conn_drop(s, c);
		else if (chunk_due(s, c))
			waiting = true;
	}
	/* Who is behind gets it in its turn; with no room to keep it all wait, as before the end.
	 */
	if (!(waiting || rest_owed(s)) || (late && rest_add(s)))
		chunk_done(s);
}

/* ---- from the container ---------------------------------------------------------------------- */

static void stream_end(struct shim *s, unsigned which, ssize_t error)
{
	struct stream *st = &s->stream[which];

	/* A pty without an open slave reads EIO; while the container lives, somebody may open it
	 * again. */
	if (s->tty && error == -EIO && !s->exited) {
		st->idle = true;
		return;
	}
	if (!s->tty)
		fd_close(st->fd);
	st->fd = -EBADF;
}

void output_read(struct shim *s, unsigned which)
{
	struct stream *st = &s->stream[which];
	ssize_t n = fd_read(st->fd, st->text + st->n, MIN(LOG_LINE_MAX - st->n, READ_SIZE));

	if (n == -EAGAIN)
		return;
	if (n <= 0) {
		stream_end(s, which, n);
		return;
	}
	s->touched = true;
	s->chunk_stream = which;
	s->chunk_at = st->n;
	s->chunk_len = (uint32_t)n;
	st->n += (uint32_t)n;
	for (struct conn *c = s->conn; c < s->conn + CONNS_MAX; c++)
		if (!c->behind)
			c->sent = 0;
	s->last_output = clock_mono_ns();
	/* First, so that a peer that stalls does not hold up the log. */
	log_lines(s, which);
	output_push(s);
}

void output_flush(struct shim *s)
{
	unsigned flags = s->exited ? 0 : LOG_PARTIAL;

	for (unsigned i = 0; i < STREAMS; i++) {
		struct stream *st = &s->stream[i];

		if (st->n && !(s->chunk_len && s->chunk_stream == i)) {
			logfile_add(
				&s->log, log_stream_of(i), flags, st->text, st->n, clock_wall_ns());
			st->n = 0;
		}
	}
	(void)logfile_flush(&s->log);
}
