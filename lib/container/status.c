#include "container/container-int.h"

static char *ago(uint64_t ns, uint64_t now, char *out, size_t size)
{
	return duration_text(now > ns ? now - ns : 0, out, size);
}

/* Docker's words; "(healthy)" and the like when there is a health check. */
static char *text_locked(const struct container *c, uint64_t now)
{
	const char *health = jstr(c->health, "Status");
	char since[64], ended[64];

	ago(c->started_ns, now, since, sizeof(since));
	ago(c->finished_ns, now, ended, sizeof(ended));
	switch (c->status) {
	case CONTAINER_PAUSED:
		return xasprintf("Up %s (Paused)", since);
	case CONTAINER_RESTARTING:
		return xasprintf("Restarting (%d) %s ago", c->exit_code, ended);
	case CONTAINER_RUNNING:
		if (streq(health, "starting"))
			health = "health: starting";
		if (health[0] && !streq(health, "none"))
			return xasprintf("Up %s (%s)", since, health);
		return xasprintf("Up %s", since);
	case CONTAINER_REMOVING:
		return xstrdup("Removal In Progress");
	case CONTAINER_DEAD:
		return xstrdup("Dead");
	case CONTAINER_CREATED:
		return xstrdup("Created");
	case CONTAINER_EXITED:
		break;
	}
	return xasprintf("Exited (%d) %s ago", c->exit_code, ended);
}

char *container_status_text(struct container *c)
{
	uint64_t now = clock_wall_ns();
	char *text;

	pthread_mutex_lock(&c->lock);
	text = text_locked(c, now);
	pthread_mutex_unlock(&c->lock);
	return text;
}
