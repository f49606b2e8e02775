/* The one thread that learns what becomes of exec'd processes: it reads the guardians' reports and
 * the output nobody looks at, lets go of ended execs, and runs the health checks. */
#include "exec/exec-int.h"

#include "shim/shim.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

static int *watched(struct exec *x, enum exec_watch_kind kind)
{
	return kind == EXEC_WATCH_REPORT ? &x->report : &x->drain[kind - EXEC_WATCH_DRAIN0];
}

/* Takes fd, whatever comes of it.  The monitor's own thread, or with x->lock, or before x is
 * known to others. */
int exec_monitor_watch(struct exec *x, enum exec_watch_kind kind, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = &x->watch[kind] };

	if (fd < 0)
		return -EBADF;
	*watched(x, kind) = fd;
	if (epoll_ctl(x->set->epoll, EPOLL_CTL_ADD, fd, &ev) < 0) {
		int r = -errno;

		fd_close(steal_fd(watched(x, kind)));
		return r;
	}
	return 0;
}

static void unwatch(struct exec *x, enum exec_watch_kind kind)
{
	int fd;

	pthread_mutex_lock(&x->lock);
	fd = steal_fd(watched(x, kind));
	pthread_mutex_unlock(&x->lock);
	if (fd < 0)
		return;
	/* a copy of it may live on in a relay, so closing alone would not end the watch */
	(void)epoll_ctl(x->set->epoll, EPOLL_CTL_DEL, fd, NULL);
	fd_close(fd);
}

static enum exec_phase phase_of(struct exec *x)
{
	enum exec_phase p;

	pthread_mutex_lock(&x->lock);
	p = x->phase;
	pthread_mutex_unlock(&x->lock);
	return p;
}

/* ---- reports --------------------------------------------------------------------------------- */

/* 1 and a report, 0 at the end of the socket, -EAGAIN; *ret_fd is the pty or -EBADF. */
static int receive(int sock, struct exec_report *ret, int *ret_fd)
{
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = { ret, sizeof(*ret) };
	struct msghdr m = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *c;
	ssize_t n = recvmsg(sock, &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);

	*ret_fd = -EBADF;
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? -EAGAIN : 0;
	c = CMSG_FIRSTHDR(&m);
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
		memcpy(ret_fd, CMSG_DATA(c), sizeof(int));
	if (n == 0)
		return 0;
	if (n != sizeof(*ret)) { /* the guardian is of our own making: treat it as gone */
		fd_close(steal_fd(ret_fd));
		return 0;
	}
	return 1;
}

static void ended(struct exec *x, int code)
{
	char text[16];

	(void)snprintf(text, sizeof(text), "%d", code);
	pthread_mutex_lock(&x->lock);
	x->phase = EXEC_ENDED;
	x->exit_code = code;
	x->ended_ns = clock_mono_ns();
	fd_close(steal_fd(&x->master));
	fd_close(steal_fd(&x->hold));
	pthread_mutex_unlock(&x->lock);
	exec_ids_remove(x);
	container_event(x->c, "exec_die", "execID", x->id, "exitCode", text, NULL);
	/* only now: who sees the end may look at the lists and events */
	pthread_mutex_lock(&x->lock);
	pthread_cond_broadcast(&x->changed);
	pthread_mutex_unlock(&x->lock);
}

static void failed(struct exec *x, const struct err *why)
{
	pthread_mutex_lock(&x->lock);
	exec_failure(x, why, true);
	x->phase = EXEC_ENDED;
	x->ended_ns = clock_mono_ns();
	pthread_mutex_unlock(&x->lock);
	exec_ids_remove(x);
	pthread_mutex_lock(&x->lock);
	pthread_cond_broadcast(&x->changed);
	pthread_mutex_unlock(&x->lock);
}

static void started(struct exec *x, uint32_t pid, int pty)
{
	bool drain;

	pthread_mutex_lock(&x->lock);
	x->pid = pid;
	x->phase = EXEC_RUNNING;
	if (pty >= 0)
		(void)fd_nonblock(pty, true);
	fd_replace(&x->master, pty);
	drain = pty >= 0 && !x->relayed;
	if (drain)
		(void)exec_monitor_watch(x, EXEC_WATCH_DRAIN0, fcntl(pty, F_DUPFD_CLOEXEC, 0));
	pthread_cond_broadcast(&x->changed);
	pthread_mutex_unlock(&x->lock);
	if (x->notify)
		x->notify(x->arg, x, EXEC_RUNNING);
}

static void socket_ended(struct exec *x)
{
	enum exec_phase phase = phase_of(x);
	struct err e;

	if (phase == EXEC_STARTING) {
		(void)err_set(&e, ERR_SYSTEM, 0, "the exec's guardian ended without a report");
		failed(x, &e);
	} else if (phase == EXEC_RUNNING) {
		ended(x, 255); /* killed from outside: the status is lost */
	}
}

static void handle_report(struct exec *x)
{
	enum exec_phase phase = phase_of(x);
	struct exec_report r;
	int pty, got = receive(x->report, &r, &pty);

	if (got == -EAGAIN)
		return;
	if (got == 0) {
		unwatch(x, EXEC_WATCH_REPORT);
		socket_ended(x);
		return;
	}
	err_sanitize(&r.err);
	if (r.type == EXEC_STARTED && phase == EXEC_STARTING)
		started(x, r.pid, steal_fd(&pty));
	else if (r.type == EXEC_FAILED && phase == EXEC_STARTING)
		failed(x, &r.err);
	else if (r.type == EXEC_EXITED && phase == EXEC_RUNNING)
		ended(x, r.status);
	fd_close(pty);
}

/* ---- output nobody looks at, and that of health checks --------------------------------------- */

static void capture(struct exec *x, const char *p, size_t n)
{
	size_t keep = MIN(n, x->capture.max - x->capture.n);

	(void)buf_add(&x->capture, p, keep);
	if (keep < n)
		x->truncated = true;
}

static void handle_drain(struct exec *x, enum exec_watch_kind kind)
{
	char chunk[65536];
	ssize_t n = fd_read(*watched(x, kind), chunk, sizeof(chunk));

	if (n == -EAGAIN)
		return;
	if (n <= 0) /* the end; a pty says EIO */
		unwatch(x, kind);
	else if (x->notify)
		capture(x, chunk, (size_t)n);
}

/* ---- what time brings ------------------------------------------------------------------------ */

static bool is_relayed(struct exec *x)
{
	bool relayed;

	pthread_mutex_lock(&x->lock);
	relayed = x->relayed;
	pthread_mutex_unlock(&x->lock);
	return relayed;
}

/* The process ended some time ago, but something keeps its streams open: end them. */
static void linger_over(struct exec *x)
{
	x->lingered = true;
	(void)eventfd_write(x->stop, 1);
	if (is_relayed(x)) /* exec_finish() closes what its relay holds */
		return;
	unwatch(x, EXEC_WATCH_DRAIN0);
	unwatch(x, EXEC_WATCH_DRAIN1);
}

static void notify_end(struct exec *x)
{
	if (!x->notify || x->notified || x->ended_ns == 0 || x->drain[0] >= 0 || x->drain[1] >= 0)
		return;
	x->notified = true;
	x->notify(x->arg, x, EXEC_ENDED);
}

/* Never started, and its container does not run any more: nobody can start it. */
static void expire_created(struct exec *x, uint64_t now)
{
	enum container_status st;

	pthread_mutex_lock(&x->c->lock);
	st = x->c->status;
	pthread_mutex_unlock(&x->c->lock);
	if (st == CONTAINER_RUNNING || st == CONTAINER_PAUSED)
		return;
	pthread_mutex_lock(&x->lock);
	if (x->phase == EXEC_CREATED) {
		x->phase = EXEC_ENDED;
		x->ended_ns = now;
	}
	pthread_mutex_unlock(&x->lock);
	exec_ids_remove(x);
}

/* The next time x needs a look; UINT64_MAX: never by itself; 0: forget it now. */
static uint64_t exec_due(struct exec *x, uint64_t now)
{
	enum exec_phase phase = phase_of(x);

	if (phase == EXEC_CREATED) {
		expire_created(x, now);
		return now + EXEC_FORGET_NS;
	}
	if (phase != EXEC_ENDED)
		return UINT64_MAX;
	if (!x->lingered && now >= x->ended_ns + EXEC_LINGER_NS)
		linger_over(x);
	notify_end(x);
	if (!x->lingered)
		return x->ended_ns + EXEC_LINGER_NS;
	if (now < x->ended_ns + EXEC_FORGET_NS)
		return x->ended_ns + EXEC_FORGET_NS;
	/* The reports' socket ends with the guardian, which has nothing more to say.  A relay that
	 * is still on its way wakes us when it ends: a time in the past would be a busy loop. */
	return is_relayed(x) ? UINT64_MAX : 0;
}

static void forget(struct exec *x)
{
	unwatch(x, EXEC_WATCH_REPORT);
	unwatch(x, EXEC_WATCH_DRAIN0);
	unwatch(x, EXEC_WATCH_DRAIN1);
	exec_unref(x);
}

/* Takes the list apart outside the lock: callbacks and container locks come in between. */
static size_t snapshot(struct exec_set *s, struct exec ***ret)
{
	struct exec **all, *x;
	size_t n = 0;

	pthread_mutex_lock(&s->lock);
	for (x = s->list; x; x = x->next)
		n++;
	all = xcalloc(n + 1, sizeof(struct exec *));
	n = 0;
	for (x = s->list; x; x = x->next)
		all[n++] = x;
	pthread_mutex_unlock(&s->lock);
	*ret = all;
	return n;
}

static void unlink_exec(struct exec_set *s, struct exec *x)
{
	struct exec **at = &s->list;

	pthread_mutex_lock(&s->lock);
	while (*at && *at != x)
		at = &(*at)->next;
	if (*at)
		*at = x->next;
	pthread_mutex_unlock(&s->lock);
}

static uint64_t tick(struct exec_set *s)
{
	uint64_t now = clock_mono_ns(), next = health_tick(s->health, now);
	auto_free struct exec **all = NULL;
	size_t n = snapshot(s, &all);

	for (size_t i = 0; i < n; i++) {
		uint64_t due = exec_due(all[i], now);

		if (due == 0) {
			unlink_exec(s, all[i]);
			forget(all[i]);
		} else {
			next = MIN(next, due);
		}
	}
	return next;
}

/* ---- the thread ------------------------------------------------------------------------------ */

static void handle(struct exec_set *s, void *ptr)
{
	struct exec_watch *w = ptr;
	eventfd_t n;

	if (!w) {
		(void)eventfd_read(s->wake, &n);
		return;
	}
	if (*watched(w->x, w->kind) < 0)
		return; /* ended by an event before this one */
	if (w->kind == EXEC_WATCH_REPORT)
		handle_report(w->x);
	else
		handle_drain(w->x, w->kind);
}

static int timeout_until(uint64_t due)
{
	return due == UINT64_MAX ? -1 : clock_poll_ms(due, clock_mono_ns(), CLOCK_POLL_MAX_MS);
}

static bool quitting(struct exec_set *s)
{
	bool q;

	pthread_mutex_lock(&s->lock);
	q = s->quit;
	pthread_mutex_unlock(&s->lock);
	return q;
}

static void *monitor_main(void *arg)
{
	struct exec_set *s = arg;
	struct epoll_event ev[64];

	while (!quitting(s)) {
		int n = epoll_wait(s->epoll, ev, ARRAY_SIZE(ev), timeout_until(tick(s)));

		for (int i = 0; i < n; i++)
			handle(s, ev[i].data.ptr);
	}
	return NULL;
}

void exec_monitor_wake(struct exec_set *s)
{
	(void)eventfd_write(s->wake, 1);
}

int exec_monitor_start(struct exec_set *s)
{
	struct epoll_event ev = { .events = EPOLLIN };

	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	s->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->epoll < 0 || s->wake < 0 || epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->wake, &ev) < 0 ||
		pthread_create(&s->thread, NULL, monitor_main, s) != 0) {
		fd_close(s->epoll);
		fd_close(s->wake);
		return -EAGAIN;
	}
	(void)pthread_setname_np(s->thread, "execs");
	return 0;
}

void exec_monitor_stop(struct exec_set *s)
{
	pthread_mutex_lock(&s->lock);
	s->quit = true;
	pthread_mutex_unlock(&s->lock);
	exec_monitor_wake(s);
	(void)pthread_join(s->thread, NULL);
	fd_close(s->epoll);
	fd_close(s->wake);
}
