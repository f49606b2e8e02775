#include "container/container-int.h"

#include <signal.h>

/* Read before the shim goes, while the group exists.  Only who has a memory limit, or was killed,
 * can have met it. */
static bool was_oom(struct container *c, int code)
{
	struct cgroup_stats st;
	struct err ignore;
	bool limited;

	pthread_mutex_lock(&c->lock);
	limited = jint(c->host_config, "Memory") > 0;
	pthread_mutex_unlock(&c->lock);
	if (code != 128 + SIGKILL && !limited)
		return false;
	return cgroup_stats(&c->id, &st, &ignore) == 0 && st.oom_kills > 0;
}

/* Under lock: whether and when to start again. */
static bool plan_restart(struct container *c, int code, uint64_t ran_ns)
{
	const struct restart_facts f = { .exit_code = code,
		.exit_on_next = c->exit_on_next,
		.manually_stopped = c->manually_stopped,
		.restarts = c->restart_count,
		.ran_ns = ran_ns,
		.last_delay_ns = c->restart_delay_ns };
	struct restart_policy p;
	struct err ignore;
	uint64_t delay;

	if (c->removing || restart_policy_parse(c->host_config, &p, &ignore) < 0 ||
		!restart_decide(&p, &f, &delay))
		return false;
	c->restart_delay_ns = delay;
	c->restart_at_ns = clock_mono_ns() + delay;
	c->restart_count++;
	return true;
}

/* Under lock. */
static void store_exit(struct container *c, int code, uint64_t when_ns, bool oom, bool again)
{
	const struct shim_record bye = { .type = SHIM_BYE };
	struct err ignore;

	c->status = again ? CONTAINER_RESTARTING : CONTAINER_EXITED;
	c->exit_code = c->last_exit_code = code;
	c->oom_killed = oom;
	c->finished_ns = when_ns;
	c->pid = 0;
	c->exits++;
	/* on disk before the shim forgets it */
	(void)persist_state(c, &ignore);
	if (c->control >= 0) {
		(void)shim_send(c->control, &bye, -1);
		fd_close(steal_fd(&c->control));
	}
	life_changed(c);
}

static void exit_events(struct container *c, int code, uint64_t ran_ns, bool oom)
{
	char text[16], seconds[24];

	(void)snprintf(text, sizeof(text), "%d", code);
	(void)snprintf(seconds, sizeof(seconds), "%llu", (unsigned long long)(ran_ns / NS_PER_SEC));
	if (oom)
		container_event(c, "oom", NULL);
	container_event(c, "die", "exitCode", text, "execDuration", seconds, NULL);
}

void life_exited(struct container *c, int code, uint64_t when_ns)
{
	const bool oom = was_oom(c, code);
	enum container_status was;
	uint64_t ran_ns, at_ns;
	bool again, remove;

	pthread_mutex_lock(&c->lock);
	was = c->status;
	ran_ns = when_ns > c->started_ns ? when_ns - c->started_ns : 0;
	again = plan_restart(c, code, ran_ns);
	remove = !again && c->auto_remove && !c->keep;
	at_ns = c->restart_at_ns;
	store_exit(c, code, when_ns, oom, again);
	pthread_mutex_unlock(&c->lock);
	exit_events(c, code, ran_ns, oom);
	life_notify(c, was);
	if (again)
		monitor_plan(c->set, at_ns);
	else if (remove)
		life_job(c, life_remove_job);
}
