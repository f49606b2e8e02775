#include "http/server-int.h"

#include <signal.h>
#include <sys/epoll.h>

static void dispatch(struct http_worker *w, struct http_source *source)
{
	switch (source->kind) {
	case SOURCE_CONN:
		http_serve(w, (struct http_conn *)source);
		break;
	case SOURCE_LISTENER:
		http_accept(w->server, (struct http_listener *)source);
		break;
	case SOURCE_WAKE:
		break;
	}
}

/* Somebody must be left waiting while this thread is busy.  Without memory for a thread the next
 * event simply waits until one is free. */
static void leave_a_waiter(struct http_server *s)
{
	if (s->waiting == 0 && !s->quit && s->threads < s->options.threads_max)
		(void)http_worker_start(s);
}

/* Waits for one event.  NULL: nothing to do; *ret_end: this thread is not needed any more. */
static struct http_source *next_event(struct http_server *s, bool *ret_end)
{
	struct epoll_event ev;
	int n, timeout;

	pthread_mutex_lock(&s->lock);
	s->waiting++;
	timeout = s->deadlines ? 1000 : HTTP_WORKER_IDLE_MS;
	*ret_end = s->quit;
	pthread_mutex_unlock(&s->lock);
	n = *ret_end ? 0 : epoll_wait(s->epoll, &ev, 1, timeout);
	pthread_mutex_lock(&s->lock);
	s->waiting--;
	if (s->deadlines)
		http_sweep(s, clock_mono_ns());
	if (n > 0)
		leave_a_waiter(s);
	*ret_end = s->quit || (n == 0 && s->waiting > 0);
	pthread_mutex_unlock(&s->lock);
	return n > 0 && !*ret_end ? ev.data.ptr : NULL;
}

static void *worker_main(void *arg)
{
	struct http_server *s = arg;
	struct http_worker *w = xmalloc(sizeof(*w));
	bool end = false;

	w->server = s;
	while (!end) {
		struct http_source *source = next_event(s, &end);

		if (source)
			dispatch(w, source);
	}
	free(w);
	pthread_mutex_lock(&s->lock);
	s->threads--;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

int http_worker_start(struct http_server *s)
{
	pthread_attr_t attr;
	sigset_t all, old;
	pthread_t t;
	int r;

	r = pthread_attr_init(&attr);
	if (r)
		return -r;
	(void)pthread_attr_setstacksize(&attr, HTTP_STACK);
	(void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	/* Signals are the main thread's; a broken pipe is an error value here. */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&t, &attr, worker_main, s);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	(void)pthread_attr_destroy(&attr);
	if (r == 0)
		s->threads++;
	return -r;
}
