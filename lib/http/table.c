#include "http/server-int.h"

#include <sys/epoll.h>
#include <sys/socket.h>

/* Connections of clients that are not root leave a quarter of the table to root. */
static unsigned conns_max(const struct http_conn *c)
{
	return c->peer.uid || c->ssl ? HTTP_CONNS_MAX / 4 * 3 : HTTP_CONNS_MAX;
}

int http_conn_add(struct http_server *s, struct http_conn *c)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLRDHUP | EPOLLONESHOT, .data.ptr = c };
	int r = 0;

	pthread_mutex_lock(&s->lock);
	if (s->stopping || s->nconns >= conns_max(c)) {
		r = s->stopping ? -ESHUTDOWN : -EMFILE;
	} else {
		c->parked = true;
		c->next = s->conns;
		c->prev = NULL;
		if (c->next)
			c->next->prev = c;
		s->conns = c;
		s->nconns++;
		s->handshakes += c->state == CONN_HANDSHAKE;
		s->deadlines |= c->deadline_ns != 0;
	}
	pthread_mutex_unlock(&s->lock);
	if (r < 0) {
		http_conn_free(c);
		return r;
	}
	if (epoll_ctl(s->epoll, EPOLL_CTL_ADD, c->fd, &ev) < 0) {
		r = -errno;
		http_conn_drop(s, c);
	}
	return r;
}

void http_conn_park(struct http_server *s, struct http_conn *c, uint32_t events)
{
	struct epoll_event ev = { .events = events | EPOLLRDHUP | EPOLLONESHOT, .data.ptr = c };
	bool stopping;

	pthread_mutex_lock(&s->lock);
	stopping = s->stopping && c->state != CONN_LINGER;
	c->parked = !stopping;
	s->deadlines |= c->deadline_ns != 0;
	pthread_mutex_unlock(&s->lock);
	if (stopping || epoll_ctl(s->epoll, EPOLL_CTL_MOD, c->fd, &ev) < 0)
		http_conn_drop(s, c);
}

void http_conn_taken(struct http_server *s, struct http_conn *c)
{
	pthread_mutex_lock(&s->lock);
	c->parked = false;
	pthread_mutex_unlock(&s->lock);
}

void http_conn_drop(struct http_server *s, struct http_conn *c)
{
	/* Not left to close(): the keeper has a duplicate of a Unix connection, and epoll knows the
	 * open file, not our descriptor. */
	(void)epoll_ctl(s->epoll, EPOLL_CTL_DEL, c->fd, NULL);
	pthread_mutex_lock(&s->lock);
	if (c->next)
		c->next->prev = c->prev;
	if (c->prev)
		c->prev->next = c->next;
	else
		s->conns = c->next;
	s->nconns--;
	s->handshakes -= c->state == CONN_HANDSHAKE;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
	http_conn_free(c);
}

static void resume_listeners(struct http_server *s)
{
	for (struct http_listener *l = s->listeners; l; l = l->next) {
		struct epoll_event ev = { .events = EPOLLIN | EPOLLONESHOT, .data.ptr = l };

		if (!l->paused || s->stopping)
			continue;
		l->paused = false;
		(void)epoll_ctl(s->epoll, EPOLL_CTL_MOD, l->fd, &ev);
	}
}

void http_sweep(struct http_server *s, uint64_t now_ns)
{
	if (!s->deadlines || now_ns < s->next_sweep_ns)
		return;
	s->next_sweep_ns = now_ns + NS_PER_SEC;
	s->deadlines = false;
	for (struct http_conn *c = s->conns; c; c = c->next) {
		uint64_t d = c->deadline_ns;

		if (d == 0)
			continue;
		s->deadlines = true;
		/* Its next owner sees the end of file and drops it. */
		if (now_ns > d)
			(void)shutdown(c->fd, SHUT_RDWR);
	}
	resume_listeners(s);
}
