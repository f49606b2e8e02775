#include "loop.h"

#include "sys/sys.h"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#define KEEP_MAX 16

static struct {
	int epoll;
	bool stop;
	struct watch signals;
	void (*term)(void);
	struct child children[LOOP_CHILDREN_MAX];
	struct {
		uint64_t at;
		void (*fn)(void);
	} timers[TIMERS];
} loop;

static void reap(void)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (size_t i = 0; i < LOOP_CHILDREN_MAX; i++) {
			struct child c = loop.children[i];

			if (c.pid != pid)
				continue;
			loop.children[i].pid = 0;
			c.ended(&c, status);
			break;
		}
	}
}

static void on_signal(struct watch *w, uint32_t events)
{
	struct signalfd_siginfo si;

	(void)events;
	if (fd_read(w->fd, &si, sizeof(si)) != sizeof(si))
		return;
	if (si.ssi_signo == SIGCHLD)
		reap();
	else
		loop.term();
}

int loop_init(struct err *e)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGCHLD);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigprocmask(SIG_SETMASK, &set, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	loop.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (loop.epoll < 0)
		return err_set(e, ERR_SYSTEM, errno, "creating the event loop");
	loop.signals = (struct watch){ signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK), on_signal };
	if (loop.signals.fd < 0 || loop_watch(&loop.signals, EPOLLIN) < 0)
		return err_set(e, ERR_SYSTEM, errno, "receiving signals");
	return 0;
}

static int control(int how, struct watch *w, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = w };

	return epoll_ctl(loop.epoll, how, w->fd, &ev) < 0 ? -errno : 0;
}

int loop_watch(struct watch *w, uint32_t events)
{
	return control(EPOLL_CTL_ADD, w, events);
}

int loop_change(struct watch *w, uint32_t events)
{
	return control(EPOLL_CTL_MOD, w, events);
}

void loop_unwatch(struct watch *w)
{
	if (w->fd >= 0)
		(void)control(EPOLL_CTL_DEL, w, 0);
}

void loop_on_term(void (*fn)(void))
{
	loop.term = fn;
}

void loop_stop(void)
{
	loop.stop = true;
}

void loop_timer(enum loop_timer t, uint64_t in_ns, void (*fn)(void))
{
	loop.timers[t].at = clock_mono_ns() + in_ns;
	loop.timers[t].fn = fn;
}

/* Runs what is due; gives the milliseconds until the next, or -1. */
static int run_due(void)
{
	uint64_t now = clock_mono_ns(), next = UINT64_MAX;

	for (int i = 0; i < TIMERS; i++) {
		if (loop.timers[i].at && loop.timers[i].at <= now) {
			loop.timers[i].at = 0;
			loop.timers[i].fn();
		}
		if (loop.timers[i].at)
			next = MIN(next, loop.timers[i].at);
	}
	for (int i = 0; i < LOOP_CHILDREN_MAX; i++) {
		struct child *c = &loop.children[i];

		if (!c->pid || !c->deadline)
			continue;
		if (c->deadline <= now) {
			(void)kill(c->pid, SIGKILL); /* ours and unreaped: the pid is its own */
			c->deadline = 0;
		} else {
			next = MIN(next, c->deadline);
		}
	}
	return next == UINT64_MAX ? -1 : clock_poll_ms(next, now, CLOCK_POLL_MAX_MS);
}

void loop_run(void)
{
	while (!loop.stop) {
		struct epoll_event ev;
		int timeout = run_due();

		if (loop.stop)
			break;
		if (epoll_wait(loop.epoll, &ev, 1, timeout) == 1) {
			struct watch *w = ev.data.ptr;

			w->ready(w, ev.events);
		}
	}
}

struct child *loop_child_room(void)
{
	for (size_t i = 0; i < LOOP_CHILDREN_MAX; i++)
		if (!loop.children[i].pid)
			return &loop.children[i];
	return NULL;
}

void loop_child_each(void (*fn)(struct child *c))
{
	for (size_t i = 0; i < LOOP_CHILDREN_MAX; i++)
		if (loop.children[i].pid)
			fn(&loop.children[i]);
}

void loop_in_child(const int *keep, unsigned nkeep)
{
	int all[3 + KEEP_MAX] = { 0, 1, 2 };

	BUG_ON(nkeep > KEEP_MAX);
	if (nkeep)
		memcpy(all + 3, keep, nkeep * sizeof(*keep));
	/* One that lives long must not hold connections, locks or others' descriptors. */
	sys_close_all_but(all, 3 + nkeep);
	sys_signals_reset();
}

pid_t loop_fork(const int *keep, unsigned nkeep)
{
	pid_t pid = fork();

	if (pid == 0)
		loop_in_child(keep, nkeep);
	return pid;
}
