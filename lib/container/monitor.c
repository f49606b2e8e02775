#include "container/container-int.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>

struct container_monitor {
	struct container_set *set;
	int epoll, wake;
	uint64_t next_ns; /* earliest planned restart, monotonic; 0: none; atomic */
};

/* ---- records of the shims -------------------------------------------------------------------- */

/* No exit was reported: the log knows, or nobody does. */
void life_shim_lost(struct container *c)
{
	uint64_t when;
	int code;

	if (log_last_exit(c->dir, &code, &when) != 1 || when < c->started_ns) {
		code = LOST_CODE;
		when = clock_wall_ns();
	}
	pthread_mutex_lock(&c->lock);
	fd_close(steal_fd(&c->control));
	pthread_mutex_unlock(&c->lock);
	life_exited(c, code, when);
}

static void rotate(struct container *c)
{
	const struct shim_record rec = { .type = SHIM_LOG };
	struct log_limits limits;
	auto_close int fd = -EBADF;
	struct err ignore;
	int r;

	pthread_mutex_lock(&c->lock);
	r = log_limits_parse(c->host_config, &limits, &ignore);
	pthread_mutex_unlock(&c->lock);
	if (r < 0)
		return;
	fd = log_rotate(c->dir, limits.files, &ignore);
	if (fd >= 0)
		(void)shim_send(c->control, &rec, fd);
}

/* One record, or the end of the connection. */
static void serve(struct container_monitor *m, struct container *c)
{
	struct shim_record rec;
	int r = shim_recv(c->control, &rec);

	if (r == 1 && rec.type == SHIM_ROTATE) {
		rotate(c);
		return;
	}
	if (r == 1 && rec.type != SHIM_EXIT)
		return;
	(void)epoll_ctl(m->epoll, EPOLL_CTL_DEL, c->control, NULL);
	if (r == 1)
		life_exited(c, (int)(rec.a & 0xff), rec.b);
	else
		life_shim_lost(c);
	container_unref(c);
}

/* ---- planned restarts ------------------------------------------------------------------------ */

static void restart_job(struct container *c)
{
	struct err ignore;
	bool still;

	pthread_mutex_lock(&c->op);
	pthread_mutex_lock(&c->lock);
	still = c->status == CONTAINER_RESTARTING && !c->removing;
	pthread_mutex_unlock(&c->lock);
	if (still)
		(void)life_start(c, false, &ignore); /* its error is kept in the container */
	pthread_mutex_unlock(&c->op);
}

static void look_at_plan(void *arg, struct container *c)
{
	uint64_t *next = arg, now = clock_mono_ns();
	bool due;

	pthread_mutex_lock(&c->lock);
	due = c->restart_at_ns && c->restart_at_ns <= now;
	if (due)
		c->restart_at_ns = 0;
	else if (c->restart_at_ns && (!*next || c->restart_at_ns < *next))
		*next = c->restart_at_ns;
	pthread_mutex_unlock(&c->lock);
	if (due)
		life_job(c, restart_job);
}

void monitor_wake(struct container_set *s)
{
	const uint64_t one = 1;

	if (s->monitor && fd_write(s->monitor->wake, &one, sizeof(one)) < 0)
		return; /* its counter is full: it is awake */
}

void monitor_plan(struct container_set *s, uint64_t at_ns)
{
	uint64_t next = __atomic_load_n(&s->monitor->next_ns, __ATOMIC_SEQ_CST);

	while (!next || at_ns < next)
		if (__atomic_compare_exchange_n(&s->monitor->next_ns, &next, at_ns, false,
			    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
			break;
	monitor_wake(s);
}

static void run_plans(struct container_monitor *m)
{
	uint64_t due = __atomic_load_n(&m->next_ns, __ATOMIC_SEQ_CST), next = 0;

	if (!due || due > clock_mono_ns())
		return;
	/* whoever plans from here on is seen below, or asks again */
	__atomic_store_n(&m->next_ns, 0, __ATOMIC_SEQ_CST);
	container_each(m->set, 0, look_at_plan, &next);
	if (next)
		monitor_plan(m->set, next);
}

/* busy: something happened in the last round. */
static int sleep_ms(const struct container_monitor *m, bool busy)
{
	uint64_t due = __atomic_load_n(&m->next_ns, __ATOMIC_SEQ_CST), now = clock_mono_ns();
	int gone = gone_wait_ms(m->set, busy), ms;

	if (!due)
		return gone;
	ms = clock_poll_ms(due, now, CLOCK_POLL_MAX_MS);
	return gone < 0 ? ms : MIN(ms, gone);
}

/* ---- the loop -------------------------------------------------------------------------------- */

static void *monitor_main(void *arg)
{
	struct container_monitor *m = arg;
	struct epoll_event ev[32];
	uint64_t count;
	int n = 1;

	for (;;) {
		n = epoll_wait(m->epoll, ev, ARRAY_SIZE(ev), sleep_ms(m, n != 0));
		for (int i = 0; i < n; i++) {
			if (ev[i].data.ptr)
				serve(m, ev[i].data.ptr);
			else
				count = fd_read(m->wake, &count, sizeof(count)) > 0;
		}
		run_plans(m);
		if (gone_wait_ms(m->set, n != 0) == 0)
			gone_clear_some(m->set);
	}
	return NULL;
}

void monitor_add(struct container *c)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLRDHUP, .data.ptr = c };

	container_ref(c);
	if (c->control >= 0 &&
		epoll_ctl(c->set->monitor->epoll, EPOLL_CTL_ADD, c->control, &ev) == 0)
		return;
	/* the shim is gone before we could ask it */
	life_shim_lost(c);
	container_unref(c);
}

int monitor_start(struct container_set *s, struct err *e)
{
	struct container_monitor *m = xcalloc(1, sizeof(*m));
	struct epoll_event ev = { .events = EPOLLIN };
	pthread_t t;

	m->set = s;
	m->epoll = epoll_create1(EPOLL_CLOEXEC);
	m->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (m->epoll < 0 || m->wake < 0 || epoll_ctl(m->epoll, EPOLL_CTL_ADD, m->wake, &ev) < 0 ||
		pthread_create(&t, NULL, monitor_main, m) != 0) {
		fd_close(m->epoll);
		fd_close(m->wake);
		free(m);
		return err_set(e, ERR_SYSTEM, errno, "starting the monitor of containers");
	}
	pthread_detach(t);
	s->monitor = m;
	return 0;
}
