/*
 * exec - more processes in a running container: docker exec, and health checks.
 *
 * An exec is created (its configuration is checked and kept), started once, and forgotten some time
 * after it ended.  Its process is run by a guardian that the keeper makes (KEEPER_EXEC) and that
 * reports on a socket (shim/shim.h).  Without a tty the engine holds the ends of three pipes, with
 * one the pty master; nothing of an exec survives the engine except the process itself.
 */
#pragma once

#include "container/container.h"

struct exec;
struct exec_set;
struct exec_set *exec_set_new(struct keeper *k, struct event_log *events);

/* body: docker's exec create request.  Gives a reference. */
int exec_create(struct exec_set *s, struct container *c, const json_t *body, struct exec **ret,
	struct err *e);
int exec_find(struct exec_set *s, const struct http_peer *peer, const char *id, struct exec **ret,
	struct err *e);
void exec_unref(struct exec *x);
json_t *exec_inspect(struct exec *x); /* gives */

/* Health checks of a container with docker's Healthcheck: hook for container_options.on_change. */
void exec_health_on_change(void *exec_set, struct container *c, enum container_status was);
