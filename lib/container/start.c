#include "container/container-int.h"

#include <fcntl.h>
#include <sys/socket.h>

/* Under lock. */
static int ensure_listener(struct container *c, struct err *e)
{
	char name[DIGEST_HEX + 6];

	if (c->listener >= 0)
		return 0;
	socket_name(c, name);
	c->listener = shim_listen(c->set->o.run_dir, name, e);
	return c->listener < 0 ? c->listener : 0;
}

int container_attach_socket(struct container *c, const struct shim_hello *hello, struct err *e)
{
	char name[DIGEST_HEX + 6];
	int r = 0;

	socket_name(c, name);
	pthread_mutex_lock(&c->lock);
	/* a running container has its shim's listener */
	if (c->status != CONTAINER_RUNNING && c->status != CONTAINER_PAUSED && !c->removed)
		r = ensure_listener(c, e);
	pthread_mutex_unlock(&c->lock);
	/* without the lock: a full backlog makes this wait */
	return r < 0 ? r : shim_connect(c->set->o.run_dir, name, hello, e);
}

int life_connect_control(struct container *c, struct err *e)
{
	struct shim_hello hello = {
		.magic = SHIM_MAGIC, .version = SHIM_VERSION, .kind = SHIM_CONTROL
	};
	struct log_limits limits;
	struct err ignore;
	char name[DIGEST_HEX + 6];

	if (log_limits_parse(c->host_config, &limits, &ignore) == 0)
		hello.log_max_bytes = limits.max_bytes;
	socket_name(c, name);
	return shim_connect(c->set->o.run_dir, name, &hello, e);
}

/* Hands the keeper what it needs and waits for its answer.  op held. */
static int ask_keeper(struct container *c, struct keeper_reply *reply, struct err *e)
{
	struct keeper_start start = { .id = c->id };
	auto_close int spec = -EBADF, log = -EBADF;
	int r;

	start.flags = (c->tty ? KEEPER_START_TTY : 0) | (c->open_stdin ? KEEPER_START_STDIN : 0) |
		      (c->auto_remove ? KEEPER_START_VOLATILE : 0);
	pthread_mutex_lock(&c->lock);
	r = ensure_listener(c, e);
	if (r == 0)
		r = spec = spec_memfd(c, e);
	pthread_mutex_unlock(&c->lock);
	if (r < 0)
		return r;
	log = log_open(c->dir, e);
	if (log < 0)
		return log;
	return keeper_call(c->set->o.keeper, KEEPER_START, &start, sizeof(start),
		(int[]){ spec, log, c->listener }, 3, reply, e);
}

/* Docker's way with a start that failed: the error and its code stay with the container. */
static void start_failed(struct container *c, enum container_status was, struct err *e)
{
	const bool asked = e->kind != ERR_UNAVAILABLE;
	struct err ignore;
	int code = asked ? start_error_fill(e) : 128;

	pthread_mutex_lock(&c->lock);
	/* who waits in the listener's backlog sees the end of file */
	fd_close(steal_fd(&c->listener));
	mem_replace(&c->error, xstrdup(e->msg));
	c->exit_code = c->last_exit_code = code;
	c->pid = 0;
	c->status = c->runs ? CONTAINER_EXITED : CONTAINER_CREATED;
	c->exits++;
	/* Without a keeper this engine ends, and the next one sees what became of the start. */
	if (asked)
		(void)persist_state(c, &ignore);
	life_changed(c);
	pthread_mutex_unlock(&c->lock);
	life_notify(c, was);
	if (c->auto_remove)
		life_job(c, life_remove_job);
}

static void start_done(struct container *c, bool by_user, const struct keeper_reply *reply)
{
	struct err ignore;

	pthread_mutex_lock(&c->lock);
	fd_close(steal_fd(&c->listener)); /* the shim has it */
	c->status = CONTAINER_RUNNING;
	c->pid = reply->pid;
	c->id_base = reply->id_base;
	c->exit_code = 0;
	c->oom_killed = false;
	c->exit_on_next = false;
	mem_replace(&c->error, NULL);
	c->started_ns = clock_wall_ns();
	c->runs++;
	if (by_user) {
		c->manually_stopped = false;
		c->restart_count = 0;
		c->restart_delay_ns = 0;
	}
	fd_replace(&c->control, life_connect_control(c, &ignore));
	(void)persist_state(c, &ignore);
	life_changed(c);
	pthread_mutex_unlock(&c->lock);
}

/* op held; checks are done. */
int life_start(struct container *c, bool by_user, struct err *e)
{
	struct keeper_reply reply;
	enum container_status was;
	int r;

	pthread_mutex_lock(&c->lock);
	was = c->status;
	c->restart_at_ns = 0;
	pthread_mutex_unlock(&c->lock);
	r = ask_keeper(c, &reply, e);
	if (r < 0) {
		start_failed(c, was, e);
		return err_errno(e);
	}
	start_done(c, by_user, &reply);
	container_event(c, "start", NULL);
	life_notify(c, was);
	monitor_add(c);
	return 0;
}

int container_start(struct container *c, struct err *e)
{
	int r;

	pthread_mutex_lock(&c->op);
	pthread_mutex_lock(&c->lock);
	r = life_check(c, ACT_START, e);
	pthread_mutex_unlock(&c->lock);
	if (r == 0)
		r = joined_check(c, e);
	if (r == 0)
		r = life_start(c, true, e);
	pthread_mutex_unlock(&c->op);
	return r;
}
