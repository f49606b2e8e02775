#include "event/event-int.h"

/* The values of one filter, or NULL when the query does not have it (then all events pass). */
static const json_t *values_of(const struct event_query *q, const char *key)
{
	const json_t *values = json_object_get(q->filters, key);

	return json_array_size(values) ? values : NULL;
}

static bool has(const json_t *values, const char *text, bool prefix)
{
	const json_t *item;
	size_t i;

	if (!text)
		return false;
	json_array_foreach(values, i, item)
	{
		const char *want = json_string_value(item);

		if (want && (prefix ? str_starts(str_of(text), str_of(want)) : streq(text, want)))
			return true;
	}
	return false;
}

/* "event": these actions carry an argument after a colon, so their bare names match by prefix. */
static bool match_action(const struct event *v, const json_t *values)
{
	bool prefix = has(values, "health_status", false) || has(values, "exec_create", false) ||
		      has(values, "exec_start", false);

	return has(values, v->action, prefix);
}

static bool match_type(const struct event *v, const json_t *values)
{
	return has(values, v->type, false);
}

static bool match_scope(const struct event *v, const json_t *values)
{
	(void)v;
	return has(values, "local", false);
}

/* "container", "volume", "network" and so on: the beginning of the id or of the name. */
static bool match_name(const struct event *v, const json_t *values)
{
	return has(values, v->id, true) || has(values, event_attr(v, "name"), true);
}

static bool match_without_tag(const char *name, const json_t *values)
{
	const char *slash = name ? strrchr(name, '/') : NULL;
	const char *colon = name ? strrchr(name, ':') : NULL;
	auto_free char *bare = NULL;

	if (!colon || (slash && colon < slash))
		return false;
	bare = xstrndup(name, (size_t)(colon - name));
	return has(values, bare, false);
}

static bool match_image(const struct event *v, const json_t *values)
{
	const char *name = event_attr(v, streq(v->type, "image") ? "name" : "image");

	return has(values, v->id, false) || has(values, name, false) ||
	       match_without_tag(name, values) || match_without_tag(v->id, values);
}

/* Every label asked for must be there: "name" or "name=value". */
static bool match_labels(const struct event *v, const json_t *values)
{
	const json_t *item;
	size_t i;

	json_array_foreach(values, i, item)
	{
		struct str value = str_of(json_string_value(item)), name = str_cut(&value, '=');
		auto_free char *key = str_dup(name);
		const char *have = event_attr(v, key);

		if (!have || (value.p && !str_eq(str_of(have), value)))
			return false;
	}
	return true;
}

bool event_matches(const struct event *v, const struct event_query *q)
{
	static const struct {
		const char *key;
		bool (*fn)(const struct event *v, const json_t *values);
	} rules[] = {
		{ "event", match_action },
		{ "type", match_type },
		{ "scope", match_scope },
		{ "image", match_image },
		{ "label", match_labels },
		{ "daemon", match_name },
		{ "container", match_name },
		{ "plugin", match_name },
		{ "volume", match_name },
		{ "network", match_name },
		{ "node", match_name },
		{ "service", match_name },
		{ "secret", match_name },
		{ "config", match_name },
	};

	if (q->owner != UINT32_MAX && v->owner != q->owner)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		const json_t *values = values_of(q, rules[i].key);

		if (values && !rules[i].fn(v, values))
			return false;
	}
	return true;
}
