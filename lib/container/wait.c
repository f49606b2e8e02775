#include "container/container-int.h"

#include <poll.h>
#include <sys/eventfd.h>

/* What a waiter's exits says when the newest exit is already the answer. */
#define AT_ONCE UINT64_MAX

void container_wait_begin(struct container *c, enum container_wait w, struct container_waiter *ret)
{
	pthread_mutex_lock(&c->lock);
	*ret = (struct container_waiter){ .condition = w, .exits = c->exits };
	if (w == CONTAINER_WAIT_NOT_RUNNING && !status_running(c->status))
		ret->exits = AT_ONCE;
	pthread_mutex_unlock(&c->lock);
}

/* Under lock.  An exit since the beginning counts even if the container runs again by now. */
static bool over(const struct container *c, const struct container_waiter *w)
{
	if (c->removed)
		return true;
	if (w->condition == CONTAINER_WAIT_REMOVED)
		return c->dead && !c->removing;
	return w->exits == AT_ONCE || c->exits != w->exits;
}

static void watch_add(struct container *c, struct container_watch *w)
{
	w->next = c->watches;
	c->watches = w;
}

static void watch_drop(struct container *c, struct container_watch *w)
{
	struct container_watch **p = &c->watches;

	while (*p != w)
		p = &(*p)->next;
	*p = w->next;
}

/* 1: something changed, 0: the client is gone. */
static int sleep_on(int event, int cancel_fd)
{
	struct pollfd p[] = { { .fd = event, .events = POLLIN },
		{ .fd = cancel_fd, .events = POLLRDHUP } };
	uint64_t count;

	while (poll(p, 2, -1) < 0)
		if (errno != EINTR)
			return 0;
	if (p[0].revents)
		return fd_read(event, &count, sizeof(count)) > 0;
	return 0;
}

int container_wait_end(struct container *c, const struct container_waiter *w, int cancel_fd,
	int *ret_code, char **ret_error)
{
	auto_close int event = eventfd(0, EFD_CLOEXEC);
	struct container_watch watch = { .event = event };
	int r = 1;

	if (event < 0)
		return -errno;
	pthread_mutex_lock(&c->lock);
	watch_add(c, &watch);
	while (r == 1 && !over(c, w)) {
		pthread_mutex_unlock(&c->lock);
		r = sleep_on(event, cancel_fd);
		pthread_mutex_lock(&c->lock);
	}
	watch_drop(c, &watch);
	*ret_code = c->last_exit_code;
	*ret_error = NULL;
	/* waited for the removal, and it failed */
	if (r == 1 && w->condition == CONTAINER_WAIT_REMOVED && !c->removed)
		*ret_error = xstrdup(c->error);
	pthread_mutex_unlock(&c->lock);
	return r;
}
