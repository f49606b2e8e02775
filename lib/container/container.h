/*
 * container - the engine's containers: configuration, life cycle, and everything `docker` asks of
 * one.  The privileged half is behind keeper.h; this code has no rights.
 *
 * A container is created from docker's JSON (Config, HostConfig), kept as normalised JSON plus a
 * typed run state.  Documents: containers/<id>/config.json (never changes but by update and rename)
 * and state.json, both mirrored in the state database.  Its log lives in containers/<id>/ too.
 *
 * Life cycle: CREATED -> RUNNING <-> PAUSED -> EXITED (-> RESTARTING -> RUNNING), any -> REMOVING;
 * DEAD when removal failed half-way.  The table in state machine (life.c) says what is allowed and
 * gives docker's 304/409 texts.
 *
 * Threads: `lock` guards all mutable members; `changed` is broadcast at every state change.  Each
 * running container has one control connection to its shim, served by the monitor thread
 * (monitor.c: one poll loop for all containers).  Containers are reference counted; the table
 * (struct container_set) has its own lock, taken before any container's.
 *
 * Owners: objects belong to the uid that created them; another member gets 404, root sees all.
 */
#pragma once

#include "event/event.h"
#include "http/http.h"
#include "image/image.h"
#include "keeper/keeper.h"
#include "state/state.h"
#include "json/json.h"

#include <pthread.h>

enum container_status {
	CONTAINER_CREATED,
	CONTAINER_RUNNING,
	CONTAINER_PAUSED,
	CONTAINER_RESTARTING,
	CONTAINER_REMOVING,
	CONTAINER_EXITED,
	CONTAINER_DEAD,
};

struct container {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned refs;
	struct container_set *set;

	/* fixed at creation */
	struct digest id;
	char hex[DIGEST_HEX + 1];
	uint32_t owner;
	uint64_t created_ns;
	struct image *image;
	char *image_name; /* as the user typed it */
	int dir;	  /* containers/<id>/ */
	bool tty, open_stdin, stdin_once, auto_remove;

	/* under lock */
	char *name;	     /* without the slash */
	json_t *config;	     /* docker's Config, complete */
	json_t *host_config; /* docker's HostConfig, complete */
	enum container_status status;
	uint32_t pid;
	uint32_t id_base;
	int exit_code;
	bool oom_killed, dead, manually_stopped;
	char *error;
	uint64_t started_ns, finished_ns;
	unsigned restart_count;
	uint64_t runs; /* how often it was started: waiters see an exit even if it restarts */
	uint64_t exits;
	int last_exit_code; /* of the newest exit */
	int control;	    /* connection to the shim, -EBADF when there is none */
	json_t *health;	    /* docker's State.Health, written by exec/health.c; NULL: no check */
	json_t *exec_ids;   /* array of strings */

	/* lib/container's own */
	pthread_mutex_t op; /* one life-cycle step at a time; taken before any other lock */
	struct digest image_id;
	int listener; /* bound before the start, so that an attach can wait in it; else -EBADF */
	bool exit_on_next; /* someone asked for the end: no restart */
	bool removing, removed;
	bool keep; /* a restart is under way: its stop removes nothing */
	uint64_t restart_delay_ns, restart_at_ns; /* back-off; monotonic, 0: none planned */
	struct container_watch *watches;	  /* waiters to wake */
};

struct container_set;
struct container_options {
	struct keeper *keeper;
	struct image_store *images;
	struct state *state;
	struct event_log *events;
	int dir;     /* containers/ of the state directory; kept */
	int run_dir; /* where shim sockets are: <id>.sock; kept */
	bool cgroup_v2;
	/* Called without `lock` after every change of status (health checks hang on it); it must
	 * not call back into the life cycle on the same thread. */
	void (*on_change)(void *arg, struct container *c, enum container_status was);
	void *arg;
};
int container_set_open(
	const struct container_options *o, bool rebuild, struct container_set **ret, struct err *e);
/* Reconnects to running shims, starts what restart policies ask for. */
int container_set_recover(struct container_set *s, struct err *e);

/* ---- finding --------------------------------------------------------------------------------- */
/* By id, unique id prefix or name, as seen by peer; "No such container: X".  Gives a reference. */
int container_find(struct container_set *s, const struct http_peer *peer, const char *ref,
	struct container **ret, struct err *e);
struct container *container_ref(struct container *c);
void container_unref(struct container *c);
#define auto_container __attribute__((cleanup(container_unref_p)))
static inline void container_unref_p(struct container **c)
{
	if (*c)
		container_unref(*c);
}
/* Calls fn for each visible to owner; fn must not block. */
void container_each(
	struct container_set *s, uint32_t owner, void (*fn)(void *, struct container *), void *arg);

/* ---- life cycle (each returns 0, or negative errno with docker's message) -------------------- */
/* body: docker's create request.  warnings: array that gets strings. */
int container_create(struct container_set *s, const struct http_peer *peer, const char *name,
	const json_t *body, json_t *warnings, struct container **ret, struct err *e);
int container_start(struct container *c, struct err *e); /* 1: already running */
/* timeout_s < 0: wait for ever; signal NULL: the container's stop signal. */
int container_stop(struct container *c, const char *signal, int64_t timeout_s,
	struct err *e); /* 1: was not running */
int container_restart(struct container *c, const char *signal, int64_t timeout_s, struct err *e);
int container_kill(struct container *c, const char *signal, struct err *e);
int container_pause(struct container *c, bool pause, struct err *e);
int container_rename(struct container *c, const char *name, struct err *e);
int container_update(struct container *c, const json_t *body, json_t *warnings, struct err *e);
int container_remove(struct container *c, bool force, bool volumes, struct err *e);
int container_resize(struct container *c, unsigned rows, unsigned cols, struct err *e);

enum container_wait {
	CONTAINER_WAIT_NOT_RUNNING,
	CONTAINER_WAIT_NEXT_EXIT,
	CONTAINER_WAIT_REMOVED
};
/* A wait is registered (so that no exit is missed) and then waited for. */
struct container_waiter {
	enum container_wait condition;
	uint64_t exits;
};
void container_wait_begin(struct container *c, enum container_wait w, struct container_waiter *ret);
/* 1 and the code; 0 when cancel_fd hung up. */
int container_wait_end(struct container *c, const struct container_waiter *w, int cancel_fd,
	int *ret_code, char **ret_error);

/* Connects to the shim as hello says, making its listener first when the container does not run:
 * the connection then waits for the start and misses nothing.  Gives the socket. */
struct shim_hello;
int container_attach_socket(struct container *c, const struct shim_hello *hello, struct err *e);
/* Adds to the spec of one more process what every process of c has: groups, limits of resources,
 * its own seccomp program. */
struct spec_writer;
int container_spec_more(struct container *c, struct spec_writer *w, struct err *e);
/* Publishes an event of c with docker's attributes (labels, image, name) and the given pairs. */
void container_event(struct container *c, const char *action, ...) __attribute__((sentinel));

/* ---- documents ------------------------------------------------------------------------------- */
json_t *container_inspect(struct container *c, bool size); /* gives */
/* filters: normalised {"name":["x"]}; may be NULL. */
int container_list(struct container_set *s, const struct http_peer *peer, bool all, bool size,
	int64_t limit, const json_t *filters, json_t **ret, struct err *e);
const char *container_status_word(enum container_status st); /* "running" */
/* "Up 5 minutes (healthy)", "Exited (0) 2 hours ago"; gives. */
char *container_status_text(struct container *c);
