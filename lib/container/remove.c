#include "container/container-int.h"

#include <signal.h>

/* Under lock. */
static int check(struct container *c, bool force, struct err *e)
{
	if (c->removing)
		return err_set(e, ERR_CONFLICT, 0, "removal of container %s is already in progress",
			c->name);
	if (!status_running(c->status) || force)
		return 0;
	if (c->status == CONTAINER_PAUSED)
		return err_set(
			e, ERR_CONFLICT, 0, "container is paused and must be unpaused first");
	return err_set(e, ERR_CONFLICT, 0,
		"container is %s: stop the container before removing or force remove",
		container_status_word(c->status));
}

/* Half removed: it can only be removed again. */
static void mark_dead(struct container *c, const struct err *why)
{
	struct err ignore;

	pthread_mutex_lock(&c->lock);
	c->dead = true;
	c->removing = false;
	c->status = CONTAINER_DEAD;
	mem_replace(&c->error, xstrdup(why->msg));
	(void)persist_config(c, &ignore);
	(void)unlinkat(c->dir, PERSIST_REMOVING, 0);
	(void)persist_state(c, &ignore);
	life_changed(c);
	pthread_mutex_unlock(&c->lock);
}

#define KILL_TRIES    500
#define KILL_PAUSE_NS (10 * NS_PER_MS)

/* The keeper refuses to remove what runs.  We know of nothing that runs, so it is a start whose
 * answer an earlier engine did not live to hear: nobody will ever stop it, but us. */
static int keeper_remove(struct container *c, struct err *e)
{
	struct keeper_signal kill = { .id = c->id, .signal = SIGKILL, .all = 1 };
	struct keeper_id body = { .id = c->id };
	struct timespec pause = { .tv_nsec = KILL_PAUSE_NS };
	struct keeper_reply reply;
	struct err ignore;
	int r;

	for (int tries = 0;; tries++) {
		r = keeper_call(
			c->set->o.keeper, KEEPER_REMOVE, &body, sizeof(body), NULL, 0, &reply, e);
		if (r >= 0 || e->kind != ERR_CONFLICT || tries == KILL_TRIES)
			return r;
		(void)keeper_call(c->set->o.keeper, KEEPER_SIGNAL, &kill, sizeof(kill), NULL, 0,
			&reply, &ignore);
		(void)nanosleep(&pause, NULL);
	}
}

/* Its document gets the name of a doomed one first, which takes no space on a full disk: whatever
 * interrupts us, the next start of the engine goes on from there.  op held. */
static int erase(struct container *c, struct err *e)
{
	char name[DIGEST_HEX + 6];
	int r;

	(void)renameat(c->dir, "config.json", c->dir, PERSIST_REMOVING);
	r = keeper_remove(c, e);
	if (r < 0 && e->kind == ERR_UNAVAILABLE)
		return r; /* no keeper, so this engine ends too */
	if (r < 0 && e->kind != ERR_NOT_FOUND) {
		mark_dead(c, e);
		return r;
	}
	socket_name(c, name);
	(void)unlinkat(c->set->o.run_dir, name, 0);
	persist_forget(c);
	gone_put(c->set, c->hex);
	return 0;
}

static int remove_stopped(struct container *c, struct err *e)
{
	enum container_status was;
	int r;

	pthread_mutex_lock(&c->op);
	pthread_mutex_lock(&c->lock);
	was = c->status;
	c->status = CONTAINER_REMOVING;
	c->restart_at_ns = 0;
	fd_close(steal_fd(&c->listener));
	pthread_mutex_unlock(&c->lock);
	life_notify(c, was);
	r = erase(c, e);
	pthread_mutex_unlock(&c->op);
	if (r < 0)
		return r;
	set_drop(c->set, c);
	pthread_mutex_lock(&c->lock);
	c->removed = true;
	life_changed(c);
	pthread_mutex_unlock(&c->lock);
	container_event(c, "destroy", NULL);
	return 0;
}

int container_remove(struct container *c, bool force, bool volumes, struct err *e)
{
	auto_container struct container *hold = container_ref(c);
	bool running;
	int r;

	(void)hold;
	(void)volumes; /* there are none yet: an image's volume is part of the writable layer */
	pthread_mutex_lock(&c->lock);
	r = c->removed ? 1 : check(c, force, e);
	running = status_running(c->status);
	c->removing = c->removing || r == 0;
	pthread_mutex_unlock(&c->lock);
	if (r != 0)
		return r < 0 ? r : 0;
	if (running)
		r = life_kill_wait(c, e);
	if (r < 0 && e->kind != ERR_CONFLICT) {
		pthread_mutex_lock(&c->lock);
		c->removing = false;
		pthread_mutex_unlock(&c->lock);
		return err_wrap(e, "could not kill container");
	}
	return remove_stopped(c, e);
}

void life_remove_job(struct container *c)
{
	struct err ignore;

	(void)container_remove(c, true, true, &ignore);
}
