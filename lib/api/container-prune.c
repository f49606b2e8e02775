#include "api/container-int.h"

#include <pthread.h>

struct prune {
	struct api_call *call;
	const json_t *filters;
	uint64_t until_ns; /* 0: none */
	json_t *deleted;
	uint64_t reclaimed;
};

static int read_filters(struct prune *p, struct err *e)
{
	const json_t *until = json_object_get(p->filters, "until");
	const char *key, *text;
	json_t *v;

	json_object_foreach(
		(json_t *)p->filters, key, v) if (!streq(key, "label") && !streq(key, "label!") &&
						  !streq(key, "until")) return err_set(e,
		ERR_INVALID, 0, "invalid filter '%.100s'", key);
	if (json_array_size(until) == 0)
		return 0;
	if (json_array_size(until) > 1)
		return err_set(e, ERR_INVALID, 0, "more than one until filter specified");
	text = json_string_value(json_array_get(until, 0));
	if (!clock_parse(str_of(text), clock_wall_ns(), &p->until_ns))
		return err_set(e, ERR_INVALID, 0, "invalid until filter: \"%.100s\"", text);
	return 0;
}

static bool has_label(const json_t *labels, const char *value)
{
	struct str v = str_of(value), k = str_cut(&v, '=');
	auto_free char *key = str_dup(k);
	const json_t *have = json_object_get(labels, key);

	return have && (!v.p || str_eq(v, str_of(json_string_value(have))));
}

/* All of label, and not all of label!. */
static bool labels_match(const json_t *filters, const json_t *labels)
{
	const json_t *without = json_object_get(filters, "label!");
	bool all = json_array_size(without) > 0;
	json_t *v;
	size_t i;

	json_array_foreach(json_object_get(filters, "label"), i,
		v) if (!has_label(labels, json_string_value(v))) return false;
	json_array_foreach(without, i, v) all = all && has_label(labels, json_string_value(v));
	return !all;
}

static bool chosen(const struct prune *p, struct container *t)
{
	bool yes;

	pthread_mutex_lock(&t->lock);
	yes = t->status != CONTAINER_RUNNING && t->status != CONTAINER_PAUSED &&
	      t->status != CONTAINER_RESTARTING && (!p->until_ns || t->created_ns <= p->until_ns) &&
	      labels_match(p->filters, json_object_get(t->config, "Labels"));
	pthread_mutex_unlock(&t->lock);
	return yes;
}

static void prune_one(void *arg, struct container *t)
{
	auto_json json_t *doc = NULL;
	struct prune *p = arg;
	struct err ignore;
	json_int_t size;

	if (!chosen(p, t))
		return;
	doc = container_inspect(t, true);
	size = json_integer_value(json_object_get(doc, "SizeRw"));
	if (container_remove(t, false, false, &ignore) < 0)
		return;
	p->reclaimed += (uint64_t)size;
	json_array_append_new(p->deleted, json_string(t->hex));
}

static int prune(struct api_call *c, struct err *e)
{
	auto_json json_t *filters = NULL, *deleted = json_array(), *doc = NULL;
	struct prune p = { .call = c, .deleted = deleted };
	char text[24];
	int r = api_filters(c, &filters, e);

	p.filters = filters;
	if (r == 0)
		r = read_filters(&p, e);
	if (r < 0)
		return r;
	container_each(c->engine->containers, api_owner(c), prune_one, &p);
	(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)p.reclaimed);
	event_publish(c->engine->events, c->peer->uid, "container", "prune", "", NULL, "reclaimed",
		text, NULL);
	doc = json_pack("{s:O, s:I}", "ContainersDeleted",
		json_array_size(deleted) ? deleted : json_null(), "SpaceReclaimed",
		(json_int_t)p.reclaimed);
	return api_reply_json(c, 200, doc);
}

int api_container_prune(struct api_call *c, struct err *e)
{
	static pthread_mutex_t running = PTHREAD_MUTEX_INITIALIZER;
	int r;

	if (pthread_mutex_trylock(&running) != 0)
		return err_set(e, ERR_CONFLICT, 0, "a prune operation is already running");
	r = prune(c, e);
	pthread_mutex_unlock(&running);
	return r;
}
