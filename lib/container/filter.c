#include "container/container-int.h"

#include <regex.h>

static const char *const known[] = { "ancestor", "before", "exited", "id", "isolation", "label",
	"name", "status", "health", "since", "volume", "network", "is-task", "publish", "expose" };

static bool is_known(const char *key)
{
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (streq(known[i], key))
			return true;
	return false;
}

static const json_t *values(const json_t *filters, const char *key)
{
	const json_t *v = json_object_get(filters, key);

	return json_array_size(v) ? v : NULL;
}

static bool one_of(const char *s, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (streq(words[i], s))
			return true;
	return false;
}

/* ---- reading them once ----------------------------------------------------------------------- */

static int check_status(const json_t *filters, struct filter *f, struct err *e)
{
	static const char *const states[] = { "created", "running", "paused", "restarting",
		"removing", "exited", "dead" };
	json_t *v;
	size_t i;

	json_array_foreach(json_object_get(filters, "status"), i, v)
	{
		const char *s = json_string_value(v);

		if (!one_of(s, states, ARRAY_SIZE(states)))
			return err_set(e, ERR_INVALID, 0,
				"invalid filter 'status=%.60s': invalid value for state (%.60s): must be "
				"one of created, dead, exited, paused, removing, restarting, running",
				s, s);
		f->all = true;
	}
	return 0;
}

static int check_health(const json_t *filters, struct err *e)
{
	static const char *const words[] = { "none", "starting", "healthy", "unhealthy" };
	json_t *v;
	size_t i;

	json_array_foreach(json_object_get(filters, "health"), i, v)
	{
		const char *s = json_string_value(v);

		if (!one_of(s, words, ARRAY_SIZE(words)))
			return err_set(e, ERR_INVALID, 0,
				"invalid filter 'health=%.60s': invalid value for health (%.60s): must be "
				"one of healthy, none, starting, unhealthy",
				s, s);
	}
	return 0;
}

static int check_exited(const json_t *filters, struct err *e)
{
	json_t *v;
	size_t i;
	int64_t n;

	json_array_foreach(json_object_get(filters, "exited"), i,
		v) if (!num_i64(str_of(json_string_value(v)), INT32_MIN, INT32_MAX,
			       &n)) return err_set(e, ERR_INVALID, 0,
		"invalid filter 'exited=%.60s': strconv.Atoi: parsing \"%.60s\": invalid "
		"syntax",
		json_string_value(v), json_string_value(v));
	return 0;
}

static int check_ports(const json_t *filters, const char *key, struct err *e)
{
	struct port_range range;
	json_t *v;
	size_t i;

	json_array_foreach(json_object_get(filters, key), i, v)
	{
		const char *s = json_string_value(v);

		if (strchr(s, ':'))
			return err_set(e, ERR_INVALID, 0,
				"filter for '%s' should not contain ':': %.60s", key, s);
		if (!port_parse(s, &range))
			return err_set(e, ERR_INVALID, 0,
				"error while looking up for %s %.60s: invalid "
				"containerPort: %.60s",
				key, s, s);
	}
	return 0;
}

/* before, since: the newest, or the oldest, of those named */
static int find_edges(struct container_set *s, const struct http_peer *peer, const json_t *filters,
	struct filter *f, struct err *e)
{
	static const char *const keys[] = { "before", "since" };
	json_t *v;
	size_t i;

	for (size_t k = 0; k < ARRAY_SIZE(keys); k++) {
		json_array_foreach(json_object_get(filters, keys[k]), i, v)
		{
			auto_container struct container *c = NULL;
			int r = container_find(s, peer, json_string_value(v), &c, e);

			if (r < 0)
				return r;
			f->edge_ns[k] = c->created_ns;
			f->edge[k] = true;
		}
	}
	return 0;
}

static void find_ancestors(struct container_set *s, const struct http_peer *peer,
	const json_t *filters, struct filter *f)
{
	const json_t *list = values(filters, "ancestor");
	struct err ignore;
	json_t *v;
	size_t i;

	if (!list)
		return;
	f->ancestors = json_object();
	json_array_foreach(list, i, v)
	{
		struct image *img = NULL;
		char text[DIGEST_TEXT + 1];

		if (image_find(s->o.images, peer_sees(peer), json_string_value(v), &img, &ignore) <
			0)
			continue;
		json_object_set_new(f->ancestors, digest_text(&img->id, text), json_true());
		image_unref(img);
	}
}

static int check_task(const json_t *filters, struct filter *f, struct err *e)
{
	static const char *const words[] = { "0", "false", "1", "true" };
	const json_t *list = values(filters, "is-task");
	const char *s = list ? json_string_value(json_array_get(list, 0)) : "";

	if (!list)
		return 0;
	if (json_array_size(list) != 1 || !one_of(s, words, ARRAY_SIZE(words)))
		return err_set(e, ERR_INVALID, 0, "invalid filter 'is-task=[%.60s]'", s);
	/* containers of swarm tasks come with swarm */
	f->nothing = one_of(s, words + 2, 2);
	return 0;
}

int filter_read(struct container_set *s, const struct http_peer *peer, const json_t *filters,
	struct filter *ret, struct err *e)
{
	const char *key;
	json_t *v;
	int r;

	*ret = (struct filter){ .filters = filters };
	json_object_foreach((json_t *)filters, key, v) if (!is_known(key)) return err_set(
		e, ERR_INVALID, 0, "invalid filter '%.100s'", key);
	r = check_status(filters, ret, e);
	if (r == 0)
		r = check_health(filters, e);
	if (r == 0)
		r = check_exited(filters, e);
	if (r == 0)
		r = check_ports(filters, "publish", e);
	if (r == 0)
		r = check_ports(filters, "expose", e);
	if (r == 0)
		r = check_task(filters, ret, e);
	if (r == 0)
		r = find_edges(s, peer, filters, ret, e);
	if (r == 0)
		find_ancestors(s, peer, filters, ret);
	return r;
}

/* ---- asking them of each container ----------------------------------------------------------- */

/* Docker's: the value is a regular expression, and also right when it is the whole text. */
static bool matches(const char *pattern, const char *text)
{
	regex_t re;
	bool yes;

	if (streq(pattern, text))
		return true;
	if (strlen(pattern) > 256 || regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB) != 0)
		return false;
	yes = regexec(&re, text, 0, NULL, 0) == 0;
	regfree(&re);
	return yes;
}

static bool match_name(const struct container *c, const char *value)
{
	auto_free char *slash = xasprintf("/%s", c->name);

	return matches(value, c->name) || matches(value, slash);
}

static bool match_id(const struct container *c, const char *value)
{
	return strncmp(c->hex, value, strlen(value)) == 0 || matches(value, c->hex);
}

static bool match_label(const struct container *c, const char *value)
{
	struct str v = str_of(value), k = str_cut(&v, '=');
	auto_free char *key = str_dup(k);
	const json_t *have = json_object_get(json_object_get(c->config, "Labels"), key);

	return have && (!v.p || str_eq(v, str_of(json_string_value(have))));
}

static bool match_status(const struct container *c, const char *value)
{
	return streq(value, container_status_word(c->status));
}

static bool match_health(const struct container *c, const char *value)
{
	const char *now = jstr(c->health, "Status");

	return streq(value, now[0] ? now : "none");
}

static bool match_exited(const struct container *c, const char *value)
{
	int64_t n = 0;

	return !status_running(c->status) && c->started_ns &&
	       num_i64(str_of(value), INT32_MIN, INT32_MAX, &n) && n == c->exit_code;
}

static bool match_volume(const struct container *c, const char *value)
{
	const json_t *v;
	size_t i;

	if (json_object_get(json_object_get(c->host_config, "Tmpfs"), value))
		return true;
	json_array_foreach(json_object_get(c->host_config, "Mounts"), i,
		v) if (streq(jstr(v, "Target"), value)) return true;
	return false;
}

static bool match_network(const struct container *c, const char *value)
{
	return streq(jstr(c->host_config, "NetworkMode"), value);
}

static bool match_isolation(const struct container *c, const char *value)
{
	return streq(jstr(c->host_config, "Isolation"), value);
}

static bool match_expose(const struct container *c, const char *value)
{
	struct port_range want, have;
	const char *key;
	json_t *v;

	if (!port_parse(value, &want))
		return false;
	json_object_foreach(json_object_get(c->config, "ExposedPorts"), key,
		v) if (port_parse(key, &have) && have.udp == want.udp && have.first <= want.last &&
		       have.last >= want.first) return true;
	return false;
}

/* nothing is published yet */
static bool match_publish(const struct container *c, const char *value)
{
	(void)c;
	(void)value;
	return false;
}

static const struct {
	const char *key;
	bool (*match)(const struct container *c, const char *value);
	bool every; /* all values must match, not one */
} matchers[] = {
	{ "id", match_id, false },
	{ "name", match_name, false },
	{ "label", match_label, true },
	{ "status", match_status, false },
	{ "health", match_health, false },
	{ "exited", match_exited, false },
	{ "volume", match_volume, false },
	{ "network", match_network, false },
	{ "isolation", match_isolation, false },
	{ "expose", match_expose, false },
	{ "publish", match_publish, false },
};

static bool match_list(const struct container *c, size_t which, const json_t *list)
{
	const bool every = matchers[which].every;
	json_t *v;
	size_t i;

	json_array_foreach(list, i,
		v) if (matchers[which].match(c, json_string_value(v)) != every) return !every;
	return every;
}

bool filter_match(const struct filter *f, const struct container *c)
{
	char image[DIGEST_TEXT + 1];

	if (f->nothing || (f->edge[0] && c->created_ns >= f->edge_ns[0]) ||
		(f->edge[1] && c->created_ns <= f->edge_ns[1]))
		return false;
	if (f->ancestors && !json_object_get(f->ancestors, digest_text(&c->image_id, image)))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(matchers); i++) {
		const json_t *list = values(f->filters, matchers[i].key);

		if (list && !match_list(c, i, list))
			return false;
	}
	return true;
}
