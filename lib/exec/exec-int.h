/*
 * exec-int - what the files of this folder share.
 *
 * Life of an exec: CREATED -> STARTING -> RUNNING -> EXITED, or STARTING -> EXITED when the program
 * could not be run.  The table holds a reference until the monitor forgets the exec, so the monitor
 * may use every exec it watches.  Watched descriptors (report, drain) are closed by the monitor's
 * thread only; the others under x->lock.
 */
#pragma once

#include "exec/exec.h"

#include <pthread.h>

#define EXEC_PER_CONTAINER_MAX 1000
#define EXEC_FORGET_NS	       (300 * NS_PER_SEC)
/* How long output may still come after the process ended, when a child of it has the pipe. */
#define EXEC_LINGER_NS	 (2 * NS_PER_SEC)
#define EXEC_PIPE_SIZE	 (1 << 20)
#define EXEC_CAPTURE_MAX 4096

enum exec_phase { EXEC_CREATED, EXEC_STARTING, EXEC_RUNNING, EXEC_ENDED };

enum exec_watch_kind { EXEC_WATCH_REPORT, EXEC_WATCH_DRAIN0, EXEC_WATCH_DRAIN1 };
struct exec_watch {
	struct exec *x;
	enum exec_watch_kind kind;
};

struct exec {
	struct exec_set *set;
	struct exec *next; /* in the set's list, under its lock */
	unsigned refs;	   /* atomic */
	char id[DIGEST_HEX + 1];
	struct container *c; /* a reference */

	/* fixed at creation */
	json_t *cmd, *env; /* arrays of strings */
	char *user, *cwd;
	bool tty, privileged, attach_in, attach_out, attach_err;
	unsigned rows, cols;
	struct exec_keys keys;
	bool own_keys; /* the request named them */
	/* Of a health check: output is captured, and this is called by the monitor's thread,
	 * without locks, once when the process runs and once when it ended and its output was read.
	 */
	void (*notify)(void *arg, struct exec *x, enum exec_phase now);
	void *arg;

	pthread_mutex_t lock;
	pthread_cond_t changed;
	enum exec_phase phase;
	int exit_code;
	uint32_t pid;
	struct err error;
	bool relayed;	/* somebody has the streams */
	bool truncated; /* capture was full */
	int master;	/* the pty, for resize */
	int stop;	/* eventfd */
	int hold;	/* closed at the end: stands for output that nobody asked for */
	int report;
	int drain[2];
	uint64_t ended_ns; /* monotonic; 0: not yet */
	bool lingered, notified;
	struct buf capture;
	struct exec_watch watch[3];
};

struct health_set;

struct exec_set {
	struct keeper *keeper;
	pthread_mutex_t lock; /* list, quit */
	struct exec *list;
	bool quit;
	int epoll, wake;
	pthread_t thread;
	struct health_set *health;
};

/* ---- exec.c ---------------------------------------------------------------------------------- */
/* Gives a reference; not yet in the table.  Takes cmd and env. */
struct exec *exec_new(struct exec_set *s, struct container *c, json_t *cmd, json_t *env);
/* In the table and in c->exec_ids, with the event.  -EMSGSIZE when the container has too many. */
int exec_register(struct exec *x, struct err *e);
/* The event "action: program args" with the exec's id. */
void exec_event_command(struct exec *x, const char *action);
void exec_ids_remove(struct exec *x);
struct exec *exec_ref(struct exec *x);

/* ---- env.c, spec.c --------------------------------------------------------------------------- */
/* Docker's rule: NAME=value replaces or is appended, NAME alone removes.  Changes env. */
void exec_env_merge(json_t *env, const json_t *over);
/* What a new process of this container gets before its own -e.  Needs c->lock.  Gives. */
json_t *exec_env_base(const struct container *c, bool tty);
/* The sealed spec of x's process; gives the descriptor. */
int exec_spec(struct exec *x, unsigned rows, unsigned cols, struct err *e);

/* ---- start.c, monitor.c ---------------------------------------------------------------------- */
/* What the process is given, and our ends. */
struct exec_stdio {
	int theirs[3];
	int in, out[2];
};
/* Asks the keeper for the process and watches its reports; x is STARTING.  io gets our ends unless
 * they are captured. */
int exec_launch(struct exec *x, uint64_t client, unsigned rows, unsigned cols,
	struct exec_stdio *io, struct err *e);
/* Sets the exit code that docker's words stand for; program: the program could not be run, which
 * docker says with more words.  Under x->lock. */
void exec_failure(struct exec *x, const struct err *why, bool program);
void exec_kill(struct exec *x);
int exec_monitor_start(struct exec_set *s);
void exec_monitor_stop(struct exec_set *s);
void exec_monitor_wake(struct exec_set *s);
int exec_monitor_watch(struct exec *x, enum exec_watch_kind kind, int fd);

/* ---- health.c -------------------------------------------------------------------------------- */
struct health_set *health_set_new(struct exec_set *s);
void health_set_free(struct health_set *h);
/* Runs what is due; returns the next monotonic deadline or UINT64_MAX.  Monitor's thread only. */
uint64_t health_tick(struct health_set *h, uint64_t now_ns);
