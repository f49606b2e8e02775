#include "container/container-int.h"

#include <signal.h>

#define KILL_WAIT_MS 10000

/* 0 when it has stopped; -ETIMEDOUT.  timeout_ms < 0: for ever. */
static int wait_stopped(struct container *c, int64_t timeout_ms)
{
	uint64_t end = clock_mono_ns() + (uint64_t)MAX(timeout_ms, (int64_t)0) * NS_PER_MS;
	struct timespec at = { .tv_sec = (time_t)(end / NS_PER_SEC),
		.tv_nsec = (long)(end % NS_PER_SEC) };
	uint64_t exits;
	int r = 0;

	pthread_mutex_lock(&c->lock);
	exits = c->exits;
	while (r == 0 && status_running(c->status) && c->exits == exits) {
		if (timeout_ms < 0)
			pthread_cond_wait(&c->changed, &c->lock);
		else
			r = pthread_cond_timedwait(&c->changed, &c->lock, &at);
	}
	if (r && !(status_running(c->status) && c->exits == exits))
		r = 0;
	pthread_mutex_unlock(&c->lock);
	return r ? -ETIMEDOUT : 0;
}

static int stop_signal(const struct container *c)
{
	struct err ignore;
	int n = *jstr(c->config, "StopSignal")
			? signal_parse(jstr(c->config, "StopSignal"), &ignore)
			: SIGTERM;

	return n > 0 ? n : SIGTERM;
}

/* A container between two runs has no process: it just does not start again. */
static bool cancel_restart(struct container *c)
{
	struct err ignore;

	if (c->status != CONTAINER_RESTARTING)
		return false;
	c->restart_at_ns = 0;
	c->status = CONTAINER_EXITED;
	(void)persist_state(c, &ignore);
	life_changed(c);
	return true;
}

static int thaw(struct container *c, struct err *e)
{
	struct keeper_freeze f = { .id = c->id, .frozen = 0 };
	struct keeper_reply reply;
	int r = keeper_call(c->set->o.keeper, KEEPER_FREEZE, &f, sizeof(f), NULL, 0, &reply, e);

	if (r == 0) {
		pthread_mutex_lock(&c->lock);
		if (c->status == CONTAINER_PAUSED)
			c->status = CONTAINER_RUNNING;
		life_changed(c);
		pthread_mutex_unlock(&c->lock);
	}
	return r;
}

/* Sends a signal as docker kill does: the container's own stop signal, and KILL, also mean that it
 * shall not come back, and wake a paused one.  op held.  0, or 1 when there was nothing to signal.
 */
static int signal_locked(struct container *c, int signal, struct err *e)
{
	struct keeper_signal s = { .id = c->id, .signal = (uint32_t)signal };
	struct keeper_reply reply;
	struct err ignore;
	bool ends, paused, cancelled;
	int r;

	pthread_mutex_lock(&c->lock);
	r = life_check(c, ACT_KILL, e);
	ends = signal == SIGKILL || signal == stop_signal(c) || !*jstr(c->config, "StopSignal");
	paused = c->status == CONTAINER_PAUSED;
	cancelled = r == 0 && cancel_restart(c);
	if (r == 0) {
		c->exit_on_next = c->exit_on_next || ends;
		if (!c->manually_stopped) {
			c->manually_stopped = true;
			(void)persist_state(c, &ignore);
		}
	}
	pthread_mutex_unlock(&c->lock);
	if (r < 0 || cancelled)
		return r < 0 ? r : 1;
	r = keeper_call(c->set->o.keeper, KEEPER_SIGNAL, &s, sizeof(s), NULL, 0, &reply, e);
	/* gone already: its exit is on the way */
	if (r < 0 && (e->kind == ERR_NOT_FOUND || e->kind == ERR_CONFLICT || r == -ESRCH))
		return 0;
	if (r == 0 && paused && ends)
		r = thaw(c, e);
	return r;
}

static int send_signal(struct container *c, int signal, struct err *e)
{
	char text[16];
	int r;

	pthread_mutex_lock(&c->op);
	r = signal_locked(c, signal, e);
	pthread_mutex_unlock(&c->op);
	if (r == 0) {
		(void)snprintf(text, sizeof(text), "%d", signal);
		container_event(c, "kill", "signal", text, NULL);
	}
	return r;
}

/* SIGKILL and wait for the end. */
int life_kill_wait(struct container *c, struct err *e)
{
	int r = send_signal(c, SIGKILL, e);

	if (r < 0)
		return r;
	if (wait_stopped(c, KILL_WAIT_MS) < 0)
		return err_set(e, ERR_SYSTEM, 0,
			"tried to kill container, but did not receive an exit event");
	return 0;
}

int container_kill(struct container *c, const char *signal, struct err *e)
{
	int n = signal && signal[0] ? signal_parse(signal, e) : SIGKILL;
	int r;

	if (n < 0)
		return n;
	r = n == SIGKILL ? life_kill_wait(c, e) : send_signal(c, n, e);
	return r < 0 ? r : 0;
}

/* The same for stop, restart and forced removal; status has been looked at. */
static int stop(struct container *c, int signal, int64_t timeout_s, struct err *e)
{
	int r = send_signal(c, signal, e);

	if (r < 0 && e->kind == ERR_CONFLICT)
		return 0; /* it ended by itself */
	if (r < 0)
		return r;
	r = wait_stopped(c, timeout_s < 0 ? -1 : MIN(timeout_s, INT64_C(1) << 40) * 1000);
	if (r < 0) {
		r = life_kill_wait(c, e);
		if (r < 0 && e->kind == ERR_CONFLICT)
			r = 0;
	}
	if (r == 0)
		container_event(c, "stop", NULL);
	return r;
}

int container_stop(struct container *c, const char *signal, int64_t timeout_s, struct err *e)
{
	int n, r;

	if (signal && signal[0] && (n = signal_parse(signal, e)) < 0)
		return n;
	pthread_mutex_lock(&c->lock);
	r = life_check(c, ACT_STOP, e);
	n = signal && signal[0] ? signal_parse(signal, e) : stop_signal(c);
	pthread_mutex_unlock(&c->lock);
	return r != 0 ? r : stop(c, n, timeout_s, e);
}

static void set_keep(struct container *c, bool keep)
{
	pthread_mutex_lock(&c->lock);
	c->keep = keep;
	pthread_mutex_unlock(&c->lock);
}

int container_restart(struct container *c, const char *signal, int64_t timeout_s, struct err *e)
{
	int r;

	/* stopping must not remove what is about to start */
	set_keep(c, true);
	r = container_stop(c, signal, timeout_s, e);
	if (r >= 0)
		r = container_start(c, e);
	set_keep(c, false);
	if (r < 0)
		return r;
	container_event(c, "restart", NULL);
	return 0;
}

int container_pause(struct container *c, bool pause, struct err *e)
{
	struct keeper_freeze f = { .id = c->id, .frozen = pause };
	enum container_status was = CONTAINER_RUNNING;
	struct keeper_reply reply;
	struct err ignore;
	int r;

	pthread_mutex_lock(&c->op);
	pthread_mutex_lock(&c->lock);
	r = life_check(c, pause ? ACT_PAUSE : ACT_UNPAUSE, e);
	pthread_mutex_unlock(&c->lock);
	if (r == 0)
		r = keeper_call(c->set->o.keeper, KEEPER_FREEZE, &f, sizeof(f), NULL, 0, &reply, e);
	if (r == 0) {
		pthread_mutex_lock(&c->lock);
		was = c->status;
		if (c->status == CONTAINER_RUNNING || c->status == CONTAINER_PAUSED)
			c->status = pause ? CONTAINER_PAUSED : CONTAINER_RUNNING;
		(void)persist_state(c, &ignore);
		life_changed(c);
		pthread_mutex_unlock(&c->lock);
	}
	pthread_mutex_unlock(&c->op);
	if (r < 0)
		return r;
	life_notify(c, was);
	container_event(c, pause ? "pause" : "unpause", NULL);
	return 0;
}

int container_resize(struct container *c, unsigned rows, unsigned cols, struct err *e)
{
	struct shim_record rec = { .type = SHIM_RESIZE, .a = rows, .b = cols };
	char height[16], width[16];
	int r;

	pthread_mutex_lock(&c->lock);
	r = life_check(c, ACT_RESIZE, e);
	if (r == 0 && shim_send(c->control, &rec, -1) < 0)
		r = err_set(e, ERR_CONFLICT, 0, "container %s is not running", c->hex);
	pthread_mutex_unlock(&c->lock);
	if (r < 0)
		return r;
	(void)snprintf(height, sizeof(height), "%u", rows);
	(void)snprintf(width, sizeof(width), "%u", cols);
	container_event(c, "resize", "height", height, "width", width, NULL);
	return 0;
}
