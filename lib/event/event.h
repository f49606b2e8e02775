/*
 * event - what happened, for `docker events`: a ring of the last EVENT_RING events, and
 * subscribers that follow it.  Threads: all functions may be called from any thread.
 */
#pragma once

#include "json/json.h"

#define EVENT_RING 1024

struct event_log;
struct event_log *event_log_new(void);
void event_log_free(struct event_log *l); /* nobody may follow it */

/* Publishes.  attrs: pairs name, value, ended by NULL (values NULL are left out).  owner: uid whose
 * object it is (members see only their own; root sees all).  from: image, for containers and
 * images, else NULL. */
void event_publish(struct event_log *l, uint32_t owner, const char *type, const char *action,
	const char *id, const char *from, ...) __attribute__((sentinel));
/* The same with attributes as a JSON object (borrowed). */
void event_publish_json(struct event_log *l, uint32_t owner, const char *type, const char *action,
	const char *id, const char *from, const json_t *attrs);

/* Docker's filters of /events: container, image, type, event, label, daemon, volume, network,
 * scope. */
struct event_query {
	uint64_t since_ns, until_ns; /* 0: none */
	const json_t *filters;	     /* {"type":["container"]}, normalised; may be NULL */
	uint32_t owner;		     /* UINT32_MAX: sees all */
};
typedef int event_emit_fn(void *arg, struct str json_line); /* negative ends */
/* Replays, then follows until until_ns or cancel_fd hangs up. */
int event_follow(struct event_log *l, const struct event_query *q, event_emit_fn *emit, void *arg,
	int cancel_fd);
unsigned event_followers(struct event_log *l); /* how many follow now */
