#include "config/config.h"

enum type { BOOL, TRISTATE, STRINGS, WORD, STRING_MAP, ULIMITS, SIZE, ALWAYS_TRUE };

struct key {
	const char *name;
	enum type type;
	size_t at;	   /* in struct config */
	const char *words; /* WORD: what is allowed, between blanks */
};

#define AT(member) offsetof(struct config, member)

/* man/daemon.json.5 describes these. */
static const struct key keys[] = {
	{ "debug", BOOL, AT(debug) },
	{ "labels", STRINGS, AT(labels) },
	{ "insecure-registries", STRINGS, AT(insecure_registries) },
	{ "registry-mirrors", STRINGS, AT(registry_mirrors) },
	{ "log-driver", WORD, AT(log_driver), " json-file local none " },
	{ "log-opts", STRING_MAP, AT(log_opts) },
	{ "default-ulimits", ULIMITS, AT(default_ulimits) },
	{ "default-ipc-mode", WORD, AT(default_ipc_mode), " private shareable " },
	{ "default-cgroupns-mode", WORD, AT(default_cgroupns_mode), " private host " },
	{ "default-shm-size", SIZE, AT(default_shm_bytes) },
	{ "init", TRISTATE, AT(init) },
	{ "no-new-privileges", TRISTATE, AT(no_new_privileges) },
	{ "live-restore", ALWAYS_TRUE },
};

static int wrong(const struct key *k, const char *what, struct err *e)
{
	return err_set(e, ERR_INVALID, EINVAL, "daemon.json: \"%s\" must be %s", k->name, what);
}

static bool all_strings(const json_t *v)
{
	const char *name;
	json_t *item;
	size_t i;

	json_array_foreach(v, i, item) if (!json_is_string(item)) return false;
	json_object_foreach(
		(json_t *)(uintptr_t)v, name, item) if (!json_is_string(item)) return false;
	return true;
}

static bool all_ulimits(const json_t *v)
{
	const char *name;
	json_t *item;

	json_object_foreach((json_t *)(uintptr_t)v, name,
		item) if (!json_is_object(item) ||
			  !json_is_integer(json_object_get(item, "Soft")) ||
			  !json_is_integer(json_object_get(item, "Hard"))) return false;
	return true;
}

static int set_word(const struct key *k, const json_t *v, const char **ret, struct err *e)
{
	const char *text = json_string_value(v);
	auto_free char *inside = text ? xasprintf(" %s ", text) : NULL;

	if (!text || strchr(text, ' ') || !strstr(k->words, inside))
		return err_set(e, ERR_INVALID, EINVAL, "daemon.json: \"%s\" must be one of:%s",
			k->name, k->words);
	*ret = text;
	return 0;
}

static int set_size(const struct key *k, const json_t *v, uint64_t *ret, struct err *e)
{
	if (json_is_integer(v) && json_integer_value(v) > 0) {
		*ret = (uint64_t)json_integer_value(v);
		return 0;
	}
	if (!json_is_string(v) || !num_size(str_of(json_string_value(v)), INT64_MAX, ret))
		return wrong(k, "a size like \"64m\"", e);
	return 0;
}

static int set_json(
	const struct key *k, json_t *v, bool ok, json_t **ret, const char *what, struct err *e)
{
	if (!ok)
		return wrong(k, what, e);
	*ret = v;
	return 0;
}

static int set_flag(const struct key *k, const json_t *v, void *at, struct err *e)
{
	if (!json_is_boolean(v))
		return wrong(k, "true or false", e);
	if (k->type == BOOL)
		*(bool *)at = json_is_true(v);
	else if (k->type == TRISTATE)
		*(int *)at = json_is_true(v);
	else if (!json_is_true(v))
		return wrong(k, "true: containers always outlive the daemons", e);
	return 0;
}

static int set(struct config *c, const struct key *k, json_t *v, struct err *e)
{
	void *at = (char *)c + k->at;

	switch (k->type) {
	case BOOL:
	case TRISTATE:
	case ALWAYS_TRUE:
		return set_flag(k, v, at, e);
	case STRINGS:
		return set_json(
			k, v, json_is_array(v) && all_strings(v), at, "an array of strings", e);
	case STRING_MAP:
		return set_json(
			k, v, json_is_object(v) && all_strings(v), at, "an object of strings", e);
	case ULIMITS:
		return set_json(k, v, json_is_object(v) && all_ulimits(v), at,
			"an object of {\"Name\", \"Soft\", \"Hard\"}", e);
	case WORD:
		return set_word(k, v, at, e);
	case SIZE:
		return set_size(k, v, at, e);
	}
	base_bug(__FILE__, __LINE__, "type of a configuration key");
}

static const struct key *find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (streq(keys[i].name, name))
			return &keys[i];
	return NULL;
}

/* All unknown ones in one message, as dockerd says it. */
static int check_names(const json_t *doc, struct err *e)
{
	auto_buf struct buf b = BUF(400);
	unsigned unknown = 0; /* a name may be empty */
	const char *name;
	json_t *v;

	json_object_foreach((json_t *)(uintptr_t)doc, name, v) if (!find(name))(void)
		buf_fmt(&b, "%s%s", unknown++ ? ", " : "", name);
	if (unknown == 0)
		return 0;
	return err_set(e, ERR_INVALID, EINVAL,
		"the following directives don't match any configuration option: %.*s",
		STR_ARG(buf_view(&b)));
}

int config_parse(struct str text, struct config *ret, struct err *e)
{
	struct config c = { .init = -1, .no_new_privileges = -1 };
	const char *name;
	json_t *v;
	int r = 0;

	text = str_trim(text);
	if (text.n == 0)
		c.doc = json_object();
	else
		r = json_parse(text, &c.doc, e);
	if (r < 0) {
		(void)err_wrap(e, "daemon.json");
		return r;
	}
	if (!json_is_object(c.doc))
		r = err_set(e, ERR_INVALID, EINVAL, "daemon.json must be an object");
	if (r == 0)
		r = check_names(c.doc, e);
	if (r == 0)
		json_object_foreach(c.doc, name, v) if (r == 0) r = set(&c, find(name), v, e);
	if (r < 0)
		config_done(&c);
	else
		*ret = c;
	return r;
}

void config_done(struct config *c)
{
	json_decref(c->doc);
	*c = (struct config){ 0 };
}

/* The array of a key, made when the file did not have it. */
static json_t *array_of(struct config *c, const char *key, json_t **slot)
{
	if (!*slot) {
		*slot = json_array();
		json_object_set_new(c->doc, key, *slot);
	}
	return *slot;
}

int config_add_boot(struct config *c, const char *labels, const char *registries, struct err *e)
{
	struct str rest = str_of(labels), line;

	while ((line = str_cut(&rest, '\n')).n)
		json_array_append_new(
			array_of(c, "labels", &c->labels), json_stringn(line.p, line.n));
	rest = str_of(registries);
	while ((line = str_cut(&rest, '\n')).n) {
		struct str value = line, kind = str_cut(&value, ' ');

		if (str_eq(kind, STR("insecure")))
			json_array_append_new(
				array_of(c, "insecure-registries", &c->insecure_registries),
				json_stringn(value.p, value.n));
		else if (str_eq(kind, STR("mirror")))
			json_array_append_new(array_of(c, "registry-mirrors", &c->registry_mirrors),
				json_stringn(value.p, value.n));
		else
			return err_set(e, ERR_CORRUPT, EBADMSG,
				"unknown registry line from the keeper: \"%.*s\"",
				(int)MIN(line.n, (size_t)100), line.p);
	}
	return 0;
}
