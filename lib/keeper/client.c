#include "keeper/keeper.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

/* One caller that waits for its answer; lives on the caller's stack. */
struct waiter {
	struct waiter *next;
	uint32_t seq;
	bool answered;
	struct keeper_reply reply;
	pthread_cond_t wake;
};

struct keeper {
	int sock;
	int spare; /* closed to make room for a client that must be turned away */
	keeper_notify_fn *notify;
	void *arg;
	pthread_mutex_t lock; /* guards the rest */
	struct waiter *waiters;
	uint32_t seq;
};

static void deliver(struct keeper *k, const struct wire_msg *m)
{
	(void)pthread_mutex_lock(&k->lock);
	for (struct waiter *w = k->waiters; w; w = w->next) {
		if (w->seq != m->head.seq || w->answered)
			continue;
		memcpy(&w->reply, m->body, sizeof(w->reply));
		w->answered = true;
		(void)pthread_cond_signal(&w->wake);
		break;
	}
	(void)pthread_mutex_unlock(&k->lock);
}

/* True when no descriptor is left but the spare's, which is closed then.  Without it the kernel
 * would throw the next client's connection away, and the client would wait for an answer for ever.
 */
static bool make_room(struct keeper *k)
{
	struct pollfd ready = { .fd = k->sock, .events = POLLIN };
	int fd;

	while (poll(&ready, 1, -1) < 0 && errno == EINTR)
		;
	fd = fcntl(k->sock, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		fd_close(steal_fd(&k->spare));
	fd_close(fd);
	return fd < 0;
}

static void turn_away(struct wire_msg *m)
{
	if (m->head.op == KEEPER_CLIENT && m->nfds)
		(void)shutdown(m->fds[0], SHUT_RDWR);
}

/* Without its keeper an engine has no clients and no rights: it ends, the next keeper starts
 * another, and the containers do not notice. */
static void *receive(void *arg)
{
	struct keeper *k = arg;
	struct wire_msg m;

	for (;;) {
		bool full = make_room(k);
		int r = wire_recv(k->sock, KEEPER_VERSION, &m);

		if (r != 1 && r != -EMFILE)
			break;
		if (m.head.op != KEEPER_REPLY && (full || r < 0))
			turn_away(&m);
		else if (m.head.op != KEEPER_REPLY)
			k->notify(k->arg, &m);
		else if (m.head.size == sizeof(struct keeper_reply))
			deliver(k, &m);
		wire_msg_done(&m);
		if (k->spare < 0)
			k->spare = fcntl(k->sock, F_DUPFD_CLOEXEC, 0);
	}
	k->notify(k->arg, NULL);
	_exit(0);
}

int keeper_open(int sock, keeper_notify_fn *notify, void *arg, struct keeper **ret, struct err *e)
{
	struct keeper *k = xcalloc(1, sizeof(*k));
	pthread_t thread;
	int r;

	*k = (struct keeper){ .sock = sock, .spare = -EBADF, .notify = notify, .arg = arg };
	(void)pthread_mutex_init(&k->lock, NULL);
	r = pthread_create(&thread, NULL, receive, k);
	if (r) {
		free(k);
		fd_close(sock);
		return err_set(e, ERR_SYSTEM, r, "starting the thread of the keeper link");
	}
	(void)pthread_detach(thread);
	*ret = k;
	return 0;
}

static void waiter_add(struct keeper *k, struct waiter *w)
{
	(void)pthread_cond_init(&w->wake, NULL);
	(void)pthread_mutex_lock(&k->lock);
	w->seq = ++k->seq;
	w->next = k->waiters;
	k->waiters = w;
	(void)pthread_mutex_unlock(&k->lock);
}

/* Waits for the answer if asked to, then takes w off the list. */
static void waiter_end(struct keeper *k, struct waiter *w, bool wait)
{
	struct waiter **at = &k->waiters;

	(void)pthread_mutex_lock(&k->lock);
	while (wait && !w->answered)
		(void)pthread_cond_wait(&w->wake, &k->lock);
	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	(void)pthread_mutex_unlock(&k->lock);
	(void)pthread_cond_destroy(&w->wake);
}

int keeper_call(struct keeper *k, enum keeper_op op, const void *body, size_t size, const int *fds,
	unsigned nfds, struct keeper_reply *ret, struct err *e)
{
	struct waiter w = { 0 };
	int r;

	waiter_add(k, &w);
	r = wire_send(k->sock, KEEPER_VERSION, (uint16_t)op, w.seq, body, size, fds, nfds);
	waiter_end(k, &w, r == 0);
	if (r == -EPIPE || r == -ECONNRESET)
		return err_set(e, ERR_UNAVAILABLE, -r, "the keeper is gone");
	if (r < 0)
		return err_set(e, ERR_SYSTEM, -r, "asking the keeper");
	if (ret)
		*ret = w.reply;
	if (w.reply.err.kind == ERR_NONE)
		return 0;
	if (e) {
		*e = w.reply.err;
		err_sanitize(e);
	}
	err_sanitize(&w.reply.err);
	return err_errno(&w.reply.err);
}
