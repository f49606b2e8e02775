#include "http/server-int.h"

#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

static int setup(struct http_server *s, struct err *e)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = &s->wake_source };
	int r;

	s->wake_source.kind = SOURCE_WAKE;
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	s->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->epoll < 0 || s->wake < 0 || epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->wake, &ev) < 0)
		return err_set(e, ERR_SYSTEM, errno, "start the HTTP server");
	pthread_mutex_lock(&s->lock);
	r = http_worker_start(s);
	pthread_mutex_unlock(&s->lock);
	if (r < 0)
		return err_set(e, ERR_SYSTEM, -r, "start a thread of the HTTP server");
	return 0;
}

static void free_server(struct http_server *s)
{
	struct http_listener *l;

	while ((l = s->listeners)) {
		s->listeners = l->next;
		fd_close(l->fd);
		free(l);
	}
	fd_close(s->epoll);
	fd_close(s->wake);
	pthread_cond_destroy(&s->changed);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

int http_server_start(const struct http_server_options *o, struct http_server **ret, struct err *e)
{
	struct http_server *s = xcalloc(1, sizeof(*s));
	pthread_condattr_t attr;
	int r;

	s->options = *o;
	if (s->options.threads_max == 0)
		s->options.threads_max = 512;
	s->epoll = s->wake = -EBADF;
	pthread_mutex_init(&s->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&s->changed, &attr);
	pthread_condattr_destroy(&attr);
	r = setup(s, e);
	if (r < 0) {
		free_server(s);
		return r;
	}
	*ret = s;
	return 0;
}

int http_server_listen_tls(struct http_server *s, int fd, SSL_CTX *ctx)
{
	struct http_listener *l = xcalloc(1, sizeof(*l));
	struct epoll_event ev = { .events = EPOLLIN | EPOLLONESHOT, .data.ptr = l };
	int r = fd_nonblock(fd, true);

	l->source.kind = SOURCE_LISTENER;
	l->fd = fd;
	l->ctx = ctx;
	pthread_mutex_lock(&s->lock);
	l->next = s->listeners;
	s->listeners = l;
	pthread_mutex_unlock(&s->lock);
	if (r == 0 && epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &ev) < 0)
		r = -errno;
	return r;
}

/* Waits, with the lock held, until *count is 0 or the time is over. */
static void wait_zero(struct http_server *s, const unsigned *count, unsigned ms)
{
	uint64_t end = clock_mono_ns() + ms * NS_PER_MS;
	struct timespec ts = { .tv_sec = (time_t)(end / NS_PER_SEC),
		.tv_nsec = (long)(end % NS_PER_SEC) };

	while (*count > 0)
		if (pthread_cond_timedwait(&s->changed, &s->lock, &ts) == ETIMEDOUT)
			break;
}

/* With the lock held: their owners, now or at the next event, see the end. */
static void shut_conns(struct http_server *s, bool parked_only)
{
	for (struct http_conn *c = s->conns; c; c = c->next)
		if (c->parked || !parked_only)
			(void)shutdown(c->fd, SHUT_RDWR);
}

void http_server_stop(struct http_server *s, unsigned grace_ms)
{
	bool all_gone;

	pthread_mutex_lock(&s->lock);
	s->stopping = true;
	for (struct http_listener *l = s->listeners; l; l = l->next)
		(void)epoll_ctl(s->epoll, EPOLL_CTL_DEL, l->fd, NULL);
	shut_conns(s, true);
	wait_zero(s, &s->nconns, grace_ms);
	shut_conns(s, false);
	wait_zero(s, &s->nconns, HTTP_LINGER_MS);
	s->quit = true;
	pthread_mutex_unlock(&s->lock);
	(void)eventfd_write(s->wake, 1);
	pthread_mutex_lock(&s->lock);
	wait_zero(s, &s->threads, HTTP_LINGER_MS);
	all_gone = s->threads == 0;
	pthread_mutex_unlock(&s->lock);
	/* A handler that does not come back still uses the server; the process is ending anyway. */
	if (all_gone)
		free_server(s);
}
