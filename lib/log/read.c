#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "log/chain-int.h"

struct reader {
	int dir;
	const struct log_query *q;
	log_emit_fn *emit;
	void *arg;
	struct log_walk walk;
	uint64_t skip;	/* lines still to pass over (tail) */
	bool rotated;	/* the open file is complete: LOG_ROTATED was read */
	bool exit_last; /* the newest record is LOG_EXIT */
	bool past;	/* the until time is reached */
};

#define WAIT_MS	      1000 /* a safety net under inotify, and the grain of `until` */
#define WAIT_EXIT_MS  20   /* the exit is written: the engine learns of it any moment */
#define WAIT_BLIND_MS 100  /* no inotify to be had */

static bool selected(const struct log_query *q, const struct log_head *h)
{
	return (h->stream == LOG_STDOUT && q->stdout_on) ||
	       (h->stream == LOG_STDERR && q->stderr_on);
}

static int reader_record(struct reader *r, const struct log_head *h, struct str text)
{
	const struct log_query *q = r->q;

	r->exit_last = h->stream == LOG_EXIT;
	if (h->stream == LOG_ROTATED)
		r->rotated = true;
	if (!selected(q, h))
		return 0;
	if (r->skip) {
		if (!(h->flags & LOG_PARTIAL))
			r->skip--;
		return 0;
	}
	if (q->until_ns && h->time_ns > q->until_ns) {
		r->past = true;
		return 0;
	}
	if (h->time_ns < q->since_ns)
		return 0;
	return r->emit(r->arg, h, text);
}

/* Passes on all there is in the open file. */
static int reader_pump(struct reader *r)
{
	struct log_head h;
	struct str text;
	int rc;

	while ((rc = log_walk_next(&r->walk, &h, &text)) > 0) {
		rc = reader_record(r, &h, text);
		if (rc < 0 || r->past)
			return rc;
	}
	return rc;
}

static bool has_data(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_size > 0;
}

/* Goes on to the next file once nothing more can come into this one: 1 when it did. */
static int reader_step(struct reader *r)
{
	auto_close int next = log_chain_next(r->dir, r->walk.fd);
	int rc;

	if (next < 0)
		return next == -ENOENT ? 0 : next;
	if (!r->rotated) {
		/* The writer may not have moved on yet, or it died before it could say so.  It
		 * ends the old file before it touches the new one: with data there, one more
		 * look here is the last. */
		if (!has_data(next) && r->q->follow)
			return 0;
		rc = reader_pump(r);
		if (rc < 0 || r->past)
			return rc;
	}
	log_walk_done(&r->walk);
	log_walk_init(&r->walk, steal_fd(&next));
	r->rotated = false;
	return 1;
}

/* Everything up to the present end. */
static int reader_drain(struct reader *r)
{
	int rc;

	do {
		rc = reader_pump(r);
		if (rc < 0 || r->past)
			return rc;
		rc = reader_step(r);
	} while (rc > 0 && !r->past);
	return rc;
}

/* ---- following ------------------------------------------------------------------------------- */

static int watch_open(int dir)
{
	auto_close int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	char path[32];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", dir);
	if (fd < 0 ||
		inotify_add_watch(fd, path, IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_ONLYDIR) < 0)
		return -EBADF; /* the limit per user, or no /proc: look from time to time */
	return steal_fd(&fd);
}

static int wait_ms(const struct reader *r, int watch)
{
	int ms = watch < 0 ? WAIT_BLIND_MS : WAIT_MS;
	uint64_t now, until = r->q->until_ns;

	if (r->exit_last)
		ms = MIN(ms, WAIT_EXIT_MS);
	now = until ? clock_wall_ns() : 0;
	return until > now ? clock_poll_ms(until, now, ms) : ms;
}

/* 1 to look again, 0 when the reading is cancelled. */
static int wait_change(const struct reader *r, int watch, int cancel_fd)
{
	struct pollfd p[] = { { cancel_fd, POLLIN | POLLRDHUP, 0 }, { watch, POLLIN, 0 } };
	char events[4096];

	if (poll(p, ARRAY_SIZE(p), wait_ms(r, watch)) < 0 && errno != EINTR)
		return -errno;
	if (p[0].revents)
		return 0;
	/* What changed does not matter, only that something did. */
	while (p[1].revents && fd_read(watch, events, sizeof(events)) > 0)
		;
	return 1;
}

static int reader_follow(struct reader *r, log_ended_fn *ended, int cancel_fd)
{
	auto_close int watch = watch_open(r->dir);
	int rc = 0;

	while (rc >= 0 && !r->past) {
		/* Asked before the look: what was written before the end is then seen. */
		bool over = ended && ended(r->arg);

		rc = reader_drain(r);
		if (rc < 0 || over)
			break;
		if (r->q->until_ns && clock_wall_ns() > r->q->until_ns)
			break;
		rc = r->q->pause ? r->q->pause(r->arg) : 0;
		if (rc < 0)
			break;
		rc = wait_change(r, watch, cancel_fd);
		if (rc == 0)
			break;
	}
	return MIN(rc, 0);
}

/* ---- where to begin -------------------------------------------------------------------------- */

/* Lines of the selected streams in a file. */
static int count_lines(const struct log_query *q, int fd, uint64_t *ret)
{
	struct log_walk w;
	struct log_head h;
	struct str text;
	uint64_t n = 0;
	int rc;

	log_walk_init(&w, fd);
	while ((rc = log_walk_next(&w, &h, &text)) > 0)
		n += selected(q, &h) && !(h.flags & LOG_PARTIAL);
	w.fd = -EBADF;
	log_walk_done(&w);
	*ret = n;
	return rc;
}

/* Opens the file that the wanted lines begin in: gives it, and how many of its lines to skip. */
static int find_start(int dir, const struct log_query *q, uint64_t *ret_skip)
{
	auto_close int lock = log_lock(dir, false);
	auto_close int fd = log_chain_open(dir, 0);
	uint64_t want = q->tail < 0 ? UINT64_MAX : (uint64_t)q->tail, have = 0, n;

	if (fd == -ENOENT)
		fd = log_chain_open(dir, 1); /* the engine died while it rotated */
	fd_close(steal_fd(&lock));
	if (fd < 0)
		return fd;
	for (;;) {
		int before, rc;

		if (q->tail >= 0) {
			rc = count_lines(q, fd, &n);
			if (rc < 0)
				return rc;
			have += n;
		}
		before = have >= want ? -ENOENT : log_chain_before(dir, fd);
		if (before < 0)
			break;
		fd_replace(&fd, before);
	}
	*ret_skip = have > want ? have - want : 0;
	return steal_fd(&fd);
}

int log_read(int dir, const struct log_query *q, log_emit_fn *emit, log_ended_fn *ended, void *arg,
	int cancel_fd, struct err *e)
{
	struct reader r = { .dir = dir, .q = q, .emit = emit, .arg = arg };
	int fd = find_start(dir, q, &r.skip), rc;

	if (fd == -ENOENT)
		return 0; /* never started */
	if (fd < 0)
		return err_set(e, ERR_SYSTEM, -fd, "cannot open the container's log");
	log_walk_init(&r.walk, fd);
	rc = q->follow ? reader_follow(&r, ended, cancel_fd) : reader_drain(&r);
	log_walk_done(&r.walk);
	return rc;
}
