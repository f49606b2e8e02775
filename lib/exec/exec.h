/*
 * exec - more processes in a running container: docker exec, and health checks.
 *
 * An exec is created (its configuration is checked and kept), started once, and forgotten five
 * minutes after it ended.  Its process is run by a guardian that the keeper makes (KEEPER_EXEC) and
 * that reports on a socket (shim/shim.h).  Without a tty the engine holds the ends of pipes, with
 * one the pty master; nothing of an exec survives the engine except the process itself.
 *
 * Threads: one thread per set (monitor.c) reads all reports, drains the output nobody looks at, and
 * runs the health checks; every function here may be called from any thread.  Locks: an exec's own
 * lock may be taken while a container's is held, never the other way round.
 *
 * Owners: an exec belongs to its container's owner; for others it does not exist.
 */
#pragma once

#include "container/container.h"

struct exec;
struct exec_keys;
struct exec_set;
/* Keeps k.  NULL when no thread can be made. */
struct exec_set *exec_set_new(struct keeper *k);
/* Ends the thread and frees the set; no exec may be in use. */
void exec_set_free(struct exec_set *s);

/* body: docker's exec create request.  Gives a reference. */
int exec_create(struct exec_set *s, struct container *c, const json_t *body, struct exec **ret,
	struct err *e);
/* By full id; 404 "No such exec instance: X". */
int exec_find(struct exec_set *s, const struct http_peer *peer, const char *id, struct exec **ret,
	struct err *e);
void exec_unref(struct exec *x);
#define auto_exec __attribute__((cleanup(exec_unref_p)))
static inline void exec_unref_p(struct exec **x)
{
	if (*x)
		exec_unref(*x);
}
const char *exec_id(const struct exec *x); /* 64 hex digits */
bool exec_tty(const struct exec *x);
const struct exec_keys *exec_keys(const struct exec *x); /* borrows; copy it to filter */
struct container *exec_container(struct exec *x);	 /* borrows */
/* The container runs and is not paused; else docker's 409. */
int exec_check_running(struct exec *x, struct err *e);
json_t *exec_inspect(struct exec *x); /* gives */

/* ---- starting -------------------------------------------------------------------------------- */
struct exec_start {
	uint64_t client;     /* the keeper's handle of who asks */
	bool attach;	     /* give the ends of the streams that the exec was created with */
	unsigned rows, cols; /* initial window of a tty; 0: unknown */
};
/* What an attached caller relays.  Filled by exec_start(); what is left in it is the caller's. */
struct exec_io {
	int in;	    /* the process's stdin, or -EBADF */
	int out[2]; /* stdout and stderr, or the pty master and -EBADF */
	uint8_t frame[2];
	int stop; /* readable some time after the process ended; borrowed from the exec */
};
/* Starts the process and waits until it runs or has failed.  A failure of the program itself (not
 * found, not executable) sets exit code 127 or 126 and is an error with docker's text.  io is
 * filled only when o->attach. */
int exec_start(struct exec *x, const struct exec_start *o, struct exec_io *io, struct err *e);
/* After an attached start, once.  left: the client went away or detached while the process runs;
 * its output is then read and thrown away.  Else waits (not for long) for the exit code, so that
 * who saw the end of the stream finds it in exec_inspect(). */
void exec_finish(struct exec *x, bool left);
int exec_resize(struct exec *x, unsigned rows, unsigned cols, struct err *e);

/* ---- health checks --------------------------------------------------------------------------- */
/* Hook for container_options.on_change: starts, pauses and ends the checks of a container with
 * docker's Healthcheck, keeps c->health. */
void exec_health_on_change(void *exec_set, struct container *c, enum container_status was);

/* ---- detach keys (pure) ---------------------------------------------------------------------- */
#define EXEC_KEYS_MAX 16
struct exec_keys {
	uint8_t keys[EXEC_KEYS_MAX];
	uint8_t n;
	uint8_t matched; /* of them already seen and held back */
};
/* Docker's syntax: a comma list of single characters, "ctrl-x" and "DEL"; "" is ctrl-p,ctrl-q.
 * -EINVAL when it is not that. */
int exec_keys_parse(struct str text, struct exec_keys *ret);
/* http_relay_filter; arg: struct exec_keys. */
ssize_t exec_keys_filter(void *arg, char *p, size_t n);
