#include "container/container-int.h"

#include <limits.h>

/* What is allowed when.  SAME is docker's 304.  In a text, %s is the id. */
enum verdict { NO, YES, SAME };

struct rule {
	enum verdict verdict;
	const char *text;
};

#define NOT_RUNNING "container %s is not running"
#define DOOMED	    "container is marked for removal and cannot be started"
#define WAIT	    "Container %s is restarting, wait until the container is running"

static const struct rule rules[ACTIONS][CONTAINER_DEAD + 1] = {
	[ACT_START] = {
		[CONTAINER_CREATED] = { YES },
		[CONTAINER_RUNNING] = { SAME },
		[CONTAINER_PAUSED] = { NO, "cannot start a paused container, try unpause instead" },
		[CONTAINER_RESTARTING] = { SAME },
		[CONTAINER_REMOVING] = { NO, DOOMED },
		[CONTAINER_EXITED] = { YES },
		[CONTAINER_DEAD] = { NO, DOOMED },
	},
	[ACT_STOP] = {
		[CONTAINER_CREATED] = { SAME },
		[CONTAINER_RUNNING] = { YES },
		[CONTAINER_PAUSED] = { YES },
		[CONTAINER_RESTARTING] = { YES },
		[CONTAINER_REMOVING] = { SAME },
		[CONTAINER_EXITED] = { SAME },
		[CONTAINER_DEAD] = { SAME },
	},
	[ACT_KILL] = {
		[CONTAINER_CREATED] = { NO, NOT_RUNNING },
		[CONTAINER_RUNNING] = { YES },
		[CONTAINER_PAUSED] = { YES },
		[CONTAINER_RESTARTING] = { YES },
		[CONTAINER_REMOVING] = { NO, NOT_RUNNING },
		[CONTAINER_EXITED] = { NO, NOT_RUNNING },
		[CONTAINER_DEAD] = { NO, NOT_RUNNING },
	},
	[ACT_PAUSE] = {
		[CONTAINER_CREATED] = { NO, NOT_RUNNING },
		[CONTAINER_RUNNING] = { YES },
		[CONTAINER_PAUSED] = { NO, "Container %s is already paused" },
		[CONTAINER_RESTARTING] = { NO, WAIT },
		[CONTAINER_REMOVING] = { NO, NOT_RUNNING },
		[CONTAINER_EXITED] = { NO, NOT_RUNNING },
		[CONTAINER_DEAD] = { NO, NOT_RUNNING },
	},
	[ACT_UNPAUSE] = {
		[CONTAINER_CREATED] = { NO, "Container %s is not paused" },
		[CONTAINER_RUNNING] = { NO, "Container %s is not paused" },
		[CONTAINER_PAUSED] = { YES },
		[CONTAINER_RESTARTING] = { NO, "Container %s is not paused" },
		[CONTAINER_REMOVING] = { NO, "Container %s is not paused" },
		[CONTAINER_EXITED] = { NO, "Container %s is not paused" },
		[CONTAINER_DEAD] = { NO, "Container %s is not paused" },
	},
	[ACT_RESIZE] = {
		[CONTAINER_CREATED] = { NO, NOT_RUNNING },
		[CONTAINER_RUNNING] = { YES },
		[CONTAINER_PAUSED] = { YES },
		[CONTAINER_RESTARTING] = { NO, NOT_RUNNING },
		[CONTAINER_REMOVING] = { NO, NOT_RUNNING },
		[CONTAINER_EXITED] = { NO, NOT_RUNNING },
		[CONTAINER_DEAD] = { NO, NOT_RUNNING },
	},
};

/* Under lock. */
int life_check(const struct container *c, enum action a, struct err *e)
{
	const struct rule *r = &rules[a][c->status];
	char text[256];
	const char *id;
	size_t head;

	if (a == ACT_START && (c->removing || c->dead))
		return err_set(e, ERR_CONFLICT, 0, "%s", DOOMED);
	if (r->verdict != NO)
		return r->verdict == SAME;
	id = strstr(r->text, "%s");
	if (!id)
		return err_set(e, ERR_CONFLICT, 0, "%s", r->text);
	head = (size_t)(id - r->text);
	(void)snprintf(text, sizeof(text), "%.*s%s%s", (int)MIN(head, (size_t)INT_MAX), r->text,
		c->hex, id + 2);
	return err_set(e, ERR_CONFLICT, 0, "%s", text);
}

bool status_running(enum container_status st)
{
	return st == CONTAINER_RUNNING || st == CONTAINER_PAUSED || st == CONTAINER_RESTARTING;
}

/* Under lock: whoever sleeps on this container looks again. */
void life_changed(struct container *c)
{
	const uint64_t one = 1;

	pthread_cond_broadcast(&c->changed);
	for (struct container_watch *w = c->watches; w; w = w->next)
		if (fd_write(w->event, &one, sizeof(one)) < 0)
			continue; /* its counter is full: it is awake */
}

void life_notify(struct container *c, enum container_status was)
{
	if (c->set->o.on_change)
		c->set->o.on_change(c->set->o.arg, c, was);
}

struct job {
	struct container *c;
	void (*fn)(struct container *);
};

static void *job_main(void *arg)
{
	struct job j = *(struct job *)arg;

	free(arg);
	j.fn(j.c);
	container_unref(j.c);
	return NULL;
}

void life_job(struct container *c, void (*fn)(struct container *))
{
	struct job *j = xmalloc(sizeof(*j));
	pthread_attr_t attr;
	pthread_t t;

	*j = (struct job){ container_ref(c), fn };
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, 256u << 10);
	/* no thread to be had: do it here, late is better than never */
	if (pthread_create(&t, &attr, job_main, j) != 0)
		(void)job_main(j);
	pthread_attr_destroy(&attr);
}

void socket_name(const struct container *c, char out[DIGEST_HEX + 6])
{
	(void)snprintf(out, DIGEST_HEX + 6, "%s.sock", c->hex);
}
