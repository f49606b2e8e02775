#include "event/event-int.h"

#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <sys/eventfd.h>

#define LINE_MAX_BYTES (1u << 20)

struct follower {
	int wake;
	struct follower *next;
};

struct event_log {
	pthread_mutex_t lock;
	struct event *ring[EVENT_RING];
	uint64_t next; /* number of the next event; the ring holds the last EVENT_RING of them */
	uint64_t last_ns;
	struct follower *followers;
};

struct event_log *event_log_new(void)
{
	struct event_log *l = xcalloc(1, sizeof(*l));

	pthread_mutex_init(&l->lock, NULL);
	return l;
}

void event_log_free(struct event_log *l)
{
	BUG_ON(l->followers);
	for (unsigned i = 0; i < EVENT_RING; i++)
		if (l->ring[i])
			event_unref(l->ring[i]);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

void event_publish_json(struct event_log *l, uint32_t owner, const char *type, const char *action,
	const char *id, const char *from, const json_t *attrs)
{
	struct event *v = event_new(type, action, id, from, attrs), *old;

	v->owner = owner;
	pthread_mutex_lock(&l->lock);
	/* Times never go back and never repeat, so "since" the last one seen misses nothing. */
	v->time_ns = MAX(clock_wall_ns(), l->last_ns + 1);
	l->last_ns = v->time_ns;
	old = l->ring[l->next % EVENT_RING];
	l->ring[l->next % EVENT_RING] = v;
	l->next++;
	for (struct follower *f = l->followers; f; f = f->next)
		(void)eventfd_write(f->wake, 1);
	pthread_mutex_unlock(&l->lock);
	if (old)
		event_unref(old);
}

void event_publish(struct event_log *l, uint32_t owner, const char *type, const char *action,
	const char *id, const char *from, ...)
{
	auto_json json_t *attrs = json_object();
	const char *name, *value;
	va_list ap;

	va_start(ap, from);
	while ((name = va_arg(ap, const char *))) {
		value = va_arg(ap, const char *);
		if (value)
			json_object_set_new(attrs, name, json_string(value));
	}
	va_end(ap);
	event_publish_json(l, owner, type, action, id, from, attrs);
}

/* The event number *at, or the oldest one kept after it; NULL when there is none yet. */
static struct event *next_event(struct event_log *l, uint64_t *at)
{
	struct event *v = NULL;

	pthread_mutex_lock(&l->lock);
	if (l->next > EVENT_RING && *at < l->next - EVENT_RING)
		*at = l->next - EVENT_RING;
	if (*at < l->next) {
		v = l->ring[(*at)++ % EVENT_RING];
		v->refs++;
	}
	pthread_mutex_unlock(&l->lock);
	return v;
}

static int emit_one(struct event *v, event_emit_fn *emit, void *arg)
{
	auto_buf struct buf b = BUF(LINE_MAX_BYTES);

	/* An event whose labels pass every limit is left out rather than cut. */
	return event_print(v, &b) < 0 ? 0 : emit(arg, buf_view(&b));
}

/* Passes on what is there.  1: the query's end was passed. */
static int emit_new(struct event_log *l, const struct event_query *q, uint64_t *at,
	event_emit_fn *emit, void *arg)
{
	struct event *v;
	int r = 0;

	while (r == 0 && (v = next_event(l, at))) {
		if (q->until_ns && v->time_ns > q->until_ns)
			r = 1;
		else if (v->time_ns >= q->since_ns && event_matches(v, q))
			r = emit_one(v, emit, arg);
		event_unref(v);
	}
	return r;
}

/* 1: there may be events; 0: the time is over or the client is gone. */
static int wait_more(const struct event_query *q, int wake, int cancel_fd)
{
	struct pollfd p[2] = { { wake, POLLIN, 0 }, { cancel_fd, POLLRDHUP, 0 } };
	int timeout = -1, r;
	eventfd_t count;

	if (q->until_ns) {
		uint64_t now = clock_wall_ns();

		if (now >= q->until_ns)
			return 0;
		timeout = clock_poll_ms(q->until_ns, now, CLOCK_POLL_MAX_MS);
	}
	do
		r = poll(p, 2, timeout);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return -errno;
	if (p[1].revents)
		return 0;
	(void)eventfd_read(wake, &count);
	return 1;
}

static int follow(struct event_log *l, const struct event_query *q, uint64_t at, int wake,
	event_emit_fn *emit, void *arg, int cancel_fd)
{
	for (;;) {
		int r = emit_new(l, q, &at, emit, arg);

		if (r)
			return r < 0 ? r : 0;
		r = wait_more(q, wake, cancel_fd);
		if (r < 0)
			return r;
		/* After the last moment, what came until then is still passed on. */
		if (r == 0)
			return q->until_ns && clock_wall_ns() >= q->until_ns
				       ? MIN(emit_new(l, q, &at, emit, arg), 0)
				       : 0;
	}
}

int event_follow(struct event_log *l, const struct event_query *q, event_emit_fn *emit, void *arg,
	int cancel_fd)
{
	struct follower f = { .wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) };
	uint64_t at;
	int r;

	if (f.wake < 0)
		return -errno;
	pthread_mutex_lock(&l->lock);
	/* As docker: the past is told only to who names a time. */
	at = q->since_ns || q->until_ns ? 0 : l->next;
	f.next = l->followers;
	l->followers = &f;
	pthread_mutex_unlock(&l->lock);
	r = follow(l, q, at, f.wake, emit, arg, cancel_fd);
	pthread_mutex_lock(&l->lock);
	for (struct follower **p = &l->followers; *p; p = &(*p)->next)
		if (*p == &f) {
			*p = f.next;
			break;
		}
	pthread_mutex_unlock(&l->lock);
	fd_close(f.wake);
	return r;
}

unsigned event_followers(struct event_log *l)
{
	unsigned n = 0;

	pthread_mutex_lock(&l->lock);
	for (struct follower *f = l->followers; f; f = f->next)
		n++;
	pthread_mutex_unlock(&l->lock);
	return n;
}
