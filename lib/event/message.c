#include "event/event-int.h"

struct pair {
	const char *name, *value;
};

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct pair *)a)->name, ((const struct pair *)b)->name);
}

/* Copies a string to *at and moves on; NULL stays NULL. */
static const char *put(char **at, const char *s)
{
	const char *start = *at;
	size_t n;

	if (!s)
		return NULL;
	n = strlen(s) + 1;
	memcpy(*at, s, n);
	*at += n;
	return start;
}

static size_t size_of(const char *s)
{
	return s ? strlen(s) + 1 : 0;
}

/* The string members of attrs, sorted; returns their number and adds up their sizes. */
static unsigned collect(const json_t *attrs, struct pair *pairs, size_t *size)
{
	const char *name;
	unsigned n = 0;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)attrs, name, value)
	{
		if (!json_is_string(value))
			continue;
		pairs[n] = (struct pair){ name, json_string_value(value) };
		*size += strlen(name) + strlen(pairs[n].value) + 2;
		n++;
	}
	if (n)
		qsort(pairs, n, sizeof(pairs[0]), by_name);
	return n;
}

struct event *event_new(
	const char *type, const char *action, const char *id, const char *from, const json_t *attrs)
{
	auto_free struct pair *pairs = xcalloc(json_object_size(attrs) + 1, sizeof(*pairs));
	size_t size = size_of(type) + size_of(action) + size_of(id) + size_of(from);
	unsigned n = collect(attrs, pairs, &size);
	struct event *v = xmalloc(sizeof(*v) + 2 * n * sizeof(v->attrs[0]) + size);
	char *at;

	*v = (struct event){ .refs = 1, .nattrs = n, .attrs = (const char **)(v + 1) };
	at = (char *)(v->attrs + 2 * (size_t)n);
	v->type = put(&at, type);
	v->action = put(&at, action);
	v->id = put(&at, id);
	v->from = put(&at, from);
	for (unsigned i = 0; i < n; i++) {
		v->attrs[2 * i] = put(&at, pairs[i].name);
		v->attrs[2 * i + 1] = put(&at, pairs[i].value);
	}
	return v;
}

void event_unref(struct event *v)
{
	if (--v->refs == 0)
		free(v);
}

const char *event_attr(const struct event *v, const char *name)
{
	for (unsigned i = 0; i < v->nattrs; i++)
		if (streq(v->attrs[2 * i], name))
			return v->attrs[2 * i + 1];
	return NULL;
}

static void put_member(struct buf *b, const char *name, const char *value)
{
	(void)buf_fmt(b, "\"%s\":", name);
	(void)json_quote(b, str_of(value));
	(void)buf_c(b, ',');
}

int event_print(const struct event *v, struct buf *out)
{
	bool old_form = streq(v->type, "container") || streq(v->type, "image");

	(void)buf_c(out, '{');
	/* Members of the API before 1.22, which docker still fills for these two types. */
	if (old_form) {
		put_member(out, "status", v->action);
		put_member(out, "id", v->id);
		if (v->from && streq(v->type, "container"))
			put_member(out, "from", v->from);
	}
	put_member(out, "Type", v->type);
	put_member(out, "Action", v->action);
	(void)buf_z(out, "\"Actor\":{");
	put_member(out, "ID", v->id);
	(void)buf_z(out, "\"Attributes\":{");
	for (unsigned i = 0; i < v->nattrs; i++) {
		if (i)
			(void)buf_c(out, ',');
		(void)json_quote(out, str_of(v->attrs[2 * i]));
		(void)buf_c(out, ':');
		(void)json_quote(out, str_of(v->attrs[2 * i + 1]));
	}
	(void)buf_fmt(out, "}},\"scope\":\"local\",\"time\":%llu,\"timeNano\":%llu}\n",
		(unsigned long long)(v->time_ns / NS_PER_SEC), (unsigned long long)v->time_ns);
	return buf_bad(out) ? -EMSGSIZE : 0;
}
