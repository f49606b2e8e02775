/* Health checks: when which container is probed, and what its State.Health becomes. */
#include "exec/exec-int.h"
#include "exec/health-int.h"
#include "exec/heap-int.h"

#include <limits.h>

#define START_LIMIT_NS (30 * NS_PER_SEC) /* for the keeper to run the probe */
#define KILL_LIMIT_NS  (10 * NS_PER_SEC) /* for a killed probe to be gone */

/* One checked container.  Order of locks: health_set.lock, then the container's. */
struct check {
	struct heap_item timer; /* first: the heap gives it back */
	struct check *next;
	struct container *c; /* a reference */
	uint64_t runs;	     /* of the container when this began */
	struct health_config config;
	uint64_t started_ns; /* of the container, wall clock */
	struct exec *probe;  /* running, a reference; or NULL */
	uint64_t probed_ns;  /* when it was begun, wall clock */
	bool killed, running;
};

struct health_set {
	struct exec_set *execs;
	pthread_mutex_t lock;
	struct heap timers;
	struct check *checks;
};

struct health_set *health_set_new(struct exec_set *s)
{
	struct health_set *h = xcalloc(1, sizeof(*h));

	h->execs = s;
	BUG_ON(pthread_mutex_init(&h->lock, NULL) != 0);
	return h;
}

static struct check *check_find(struct health_set *h, const struct container *c)
{
	struct check *k = h->checks;

	while (k && k->c != c)
		k = k->next;
	return k;
}

static struct check *check_of_probe(struct health_set *h, const struct exec *x)
{
	struct check *k = h->checks;

	while (k && k->probe != x)
		k = k->next;
	return k;
}

/* Takes k out, so that nothing finds it any more. */
static void check_unlink(struct health_set *h, struct check *k)
{
	struct check **at = &h->checks;

	while (*at != k)
		at = &(*at)->next;
	*at = k->next;
	heap_remove(&h->timers, &k->timer);
}

/* Without locks: what is let go of may have locks of its own. */
static void check_free(struct check *k)
{
	if (!k)
		return;
	if (k->probe) {
		exec_kill(k->probe);
		exec_unref(k->probe);
	}
	container_unref(k->c);
	free(k);
}

void health_set_free(struct health_set *h)
{
	while (h->checks) {
		struct check *k = h->checks;

		check_unlink(h, k);
		check_free(k);
	}
	heap_done(&h->timers);
	pthread_mutex_destroy(&h->lock);
	free(h);
}

static void health_replace(struct container *c, json_t *now)
{
	json_decref(c->health);
	c->health = now;
	pthread_cond_broadcast(&c->changed);
}

static void plan_next(struct health_set *h, struct check *k, const json_t *health)
{
	uint64_t wall = clock_wall_ns();
	uint64_t up = wall > k->started_ns ? wall - k->started_ns : 0;

	heap_set(&h->timers, &k->timer, clock_mono_ns() + health_interval(&k->config, health, up));
}

/* ---- probes: the monitor's thread ------------------------------------------------------------ */

static void result(struct health_set *h, struct check *k, int code, struct str output)
{
	struct container *c = k->c;
	struct health_result r = { k->probed_ns, clock_wall_ns(), code, output };
	auto_buf struct buf event = BUF(128);
	bool changed = false;

	exec_unref(steal_ptr(&k->probe));
	k->killed = k->running = false;
	pthread_mutex_lock(&c->lock);
	if (c->health) {
		bool early = k->probed_ns < k->started_ns + k->config.start_period_ns;

		health_replace(c, health_after(c->health, &k->config, &r, early, &changed));
		(void)buf_fmt(&event, "health_status: %s", health_status(c->health));
	}
	plan_next(h, k, c->health);
	pthread_mutex_unlock(&c->lock);
	if (changed)
		container_event(c, event.p, NULL);
}

static void timed_out(struct health_set *h, struct check *k)
{
	auto_buf struct buf b = BUF(HEALTH_OUTPUT_MAX + 256);
	struct exec *x = k->probe;
	char limit[32];

	(void)buf_fmt(&b, "Health check exceeded timeout (%s)",
		health_duration(k->config.timeout_ns, limit));
	if (x->capture.n) {
		(void)buf_z(&b, ": ");
		(void)buf_str(&b, buf_view(&x->capture));
		if (x->truncated)
			(void)buf_z(&b, "...");
	}
	result(h, k, -1, buf_view(&b));
}

static void probe_ended(struct health_set *h, struct check *k)
{
	auto_buf struct buf b = BUF(HEALTH_OUTPUT_MAX + 64);
	struct exec *x = k->probe;

	if (k->killed) {
		timed_out(h, k);
	} else if (x->error.kind) {
		(void)buf_z(&b, x->error.msg);
		result(h, k, -1, buf_view(&b));
	} else {
		(void)buf_str(&b, buf_view(&x->capture));
		if (x->truncated)
			(void)buf_z(&b, "...");
		result(h, k, x->exit_code, buf_view(&b));
	}
}

static void probe_notify(void *arg, struct exec *x, enum exec_phase now)
{
	struct health_set *h = arg;
	struct check *k;

	pthread_mutex_lock(&h->lock);
	k = check_of_probe(h, x); /* none: the check ended meanwhile */
	if (k && now == EXEC_RUNNING) {
		k->running = true;
		heap_set(&h->timers, &k->timer, clock_mono_ns() + k->config.timeout_ns);
	} else if (k) {
		probe_ended(h, k);
	}
	pthread_mutex_unlock(&h->lock);
}

static struct exec *probe_new(struct health_set *h, struct check *k)
{
	struct container *c = k->c;
	struct exec *x = exec_new(h->execs, c, NULL, NULL);
	const char *user, *cwd;

	pthread_mutex_lock(&c->lock);
	x->cmd = health_command(c->config, &k->config);
	x->env = exec_env_base(c, false);
	user = json_string_value(json_object_get(c->config, "User"));
	cwd = json_string_value(json_object_get(c->config, "WorkingDir"));
	x->user = xstrdup(user ? user : "");
	x->cwd = xstrdup(cwd ? cwd : "");
	pthread_mutex_unlock(&c->lock);
	x->attach_out = x->attach_err = true;
	x->notify = probe_notify;
	x->arg = h;
	return x;
}

/* Runs without the lock: the keeper is asked.  The check may end meanwhile. */
static void probe_launch(struct health_set *h, struct exec *x)
{
	struct check *k;
	struct err e = { 0 };

	if (exec_register(x, &e) == 0) {
		x->phase = EXEC_STARTING;
		exec_event_command(x, "exec_start");
		if (exec_launch(x, 0, 0, 0, NULL, &e) == 0)
			return;
		pthread_mutex_lock(&x->lock);
		x->phase = EXEC_ENDED;
		x->ended_ns = clock_mono_ns();
		x->notified = true; /* here and now */
		pthread_mutex_unlock(&x->lock);
		exec_ids_remove(x);
	}
	pthread_mutex_lock(&h->lock);
	k = check_of_probe(h, x);
	if (k)
		result(h, k, -1, str_of(e.msg));
	pthread_mutex_unlock(&h->lock);
}

/* The deadline of k has come.  Gives a probe to launch, or NULL. */
static struct exec *due(struct health_set *h, struct check *k, uint64_t now)
{
	if (!k->probe) {
		k->probe = probe_new(h, k);
		k->probed_ns = clock_wall_ns();
		heap_set(&h->timers, &k->timer, now + START_LIMIT_NS);
		return exec_ref(k->probe);
	}
	if (k->killed) { /* it does not go: go on without it */
		timed_out(h, k);
		return NULL;
	}
	exec_kill(k->probe);
	k->killed = true;
	heap_set(&h->timers, &k->timer, now + KILL_LIMIT_NS);
	return NULL;
}

uint64_t health_tick(struct health_set *h, uint64_t now_ns)
{
	for (;;) {
		struct exec *launch = NULL;
		struct heap_item *first;
		uint64_t next;

		pthread_mutex_lock(&h->lock);
		first = heap_first(&h->timers);
		next = first ? first->due : UINT64_MAX;
		if (next <= now_ns)
			launch = due(h, (struct check *)(void *)first, now_ns);
		pthread_mutex_unlock(&h->lock);
		if (next > now_ns)
			return next;
		if (launch) {
			probe_launch(h, launch);
			exec_unref(launch);
		}
	}
}

/* ---- what containers do: any thread ---------------------------------------------------------- */

/* Both under both locks. */
static void check_begin(
	struct health_set *h, struct check *k, struct container *c, const struct health_config *hc)
{
	k->runs = c->runs;
	k->config = *hc;
	k->started_ns = c->started_ns;
	k->next = h->checks;
	h->checks = k;
	plan_next(h, k, c->health);
}

static void check_end(struct health_set *h, struct check *k, struct container *c)
{
	check_unlink(h, k);
	if (c->health) /* as docker, who is not checked is not called healthy */
		health_replace(c, health_with_status(c->health, "unhealthy"));
}

/* Makes what is checked match what the container does.  fresh: not only unpaused. */
static void health_sync(struct health_set *h, struct container *c, bool fresh)
{
	struct check *k, *old = NULL, *add = xcalloc(1, sizeof(*add));
	struct health_config hc;

	add->c = container_ref(c);
	pthread_mutex_lock(&h->lock);
	pthread_mutex_lock(&c->lock);
	k = check_find(h, c);
	if (k && (c->status != CONTAINER_RUNNING || k->runs != c->runs)) {
		check_end(h, k, c);
		old = k;
		k = NULL;
	}
	if (!k && c->status == CONTAINER_RUNNING && health_config_read(c->config, &hc)) {
		if (fresh || !c->health)
			health_replace(c, health_starting(c->health));
		check_begin(h, steal_ptr(&add), c, &hc);
	}
	pthread_mutex_unlock(&c->lock);
	pthread_mutex_unlock(&h->lock);
	check_free(add);
	check_free(old);
	exec_monitor_wake(h->execs);
}

void exec_health_on_change(void *exec_set, struct container *c, enum container_status was)
{
	struct exec_set *s = exec_set;

	health_sync(s->health, c, was != CONTAINER_PAUSED);
}
