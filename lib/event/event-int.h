/*
 * event-int - one event in memory: a single allocation, immutable, reference counted.
 */
#pragma once

#include "event/event.h"

struct event {
	_Atomic unsigned refs;
	uint32_t owner;
	uint64_t time_ns;
	const char *type, *action, *id, *from; /* from may be NULL */
	unsigned nattrs;
	const char **attrs; /* name, value, name, value, sorted by name as docker prints them */
};

struct event *event_new(const char *type, const char *action, const char *id, const char *from,
	const json_t *attrs);
void event_unref(struct event *v);
const char *event_attr(const struct event *v, const char *name); /* or NULL */
/* docker's rules (daemon/events/filter.go): names by prefix, images and labels exactly. */
bool event_matches(const struct event *v, const struct event_query *q);
/* One line of JSON with '\n'. */
int event_print(const struct event *v, struct buf *out);
