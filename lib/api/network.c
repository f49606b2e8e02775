/*
 * The two networks that exist until networks have their own folder: none and host.
 */
#include "api/route-int.h"

#include <openssl/evp.h>

static const struct {
	const char *name, *driver;
} networks[] = { { "host", "host" }, { "none", "null" } };

/* Stable: made of the engine's id and the network's name. */
static void network_id(const struct engine *e, const char *name, char out[DIGEST_HEX + 1])
{
	auto_free char *text = xasprintf("%s/network/%s", e->id, name);
	struct digest d;
	unsigned n = sizeof(d.b);

	BUG_ON(EVP_Digest(text, strlen(text), d.b, &n, EVP_sha256(), NULL) != 1);
	(void)digest_hex(&d, out);
}

struct members {
	const char *network;
	json_t *out;
};

static void add_member(void *arg, struct container *c)
{
	struct members *m = arg;
	const char *mode;

	pthread_mutex_lock(&c->lock);
	mode = json_string_value(json_object_get(c->host_config, "NetworkMode"));
	if (mode && streq(mode, m->network) &&
		(c->status == CONTAINER_RUNNING || c->status == CONTAINER_PAUSED))
		json_object_set_new(m->out, c->hex,
			json_pack("{s:s,s:s,s:s,s:s,s:s}", "Name", c->name, "EndpointID", c->hex,
				"MacAddress", "", "IPv4Address", "", "IPv6Address", ""));
	pthread_mutex_unlock(&c->lock);
}

static json_t *members_of(struct api_call *c, const char *network)
{
	struct members m = { network, json_object() };

	if (c->engine->containers)
		container_each(c->engine->containers, api_owner(c), add_member, &m);
	return m.out;
}

static json_t *document(struct api_call *c, size_t i, bool members)
{
	char id[DIGEST_HEX + 1], created[CLOCK_TEXT];

	network_id(c->engine, networks[i].name, id);
	return json_pack("{s:s,s:s,s:s,s:s,s:s,s:b,s:b,s:{s:s,s:n,s:[]},s:b,s:b,s:b,s:{s:s},s:b,"
			 "s:o,s:{},s:{}}",
		"Name", networks[i].name, "Id", id, "Created",
		clock_rfc3339_short(c->engine->started_ns, created), "Scope", "local", "Driver",
		networks[i].driver, "EnableIPv4", 1, "EnableIPv6", 0, "IPAM", "Driver", "default",
		"Options", "Config", "Internal", 0, "Attachable", 0, "Ingress", 0, "ConfigFrom",
		"Network", "", "ConfigOnly", 0, "Containers",
		members ? members_of(c, networks[i].name) : json_object(), "Options", "Labels");
}

/* By name, or by the beginning of the id. */
static int find(struct api_call *c, size_t *ret, struct err *e)
{
	char id[DIGEST_HEX + 1];

	for (size_t i = 0; i < ARRAY_SIZE(networks); i++) {
		network_id(c->engine, networks[i].name, id);
		if (streq(c->name, networks[i].name) || str_starts(str_of(id), str_of(c->name))) {
			*ret = i;
			return 0;
		}
	}
	return err_set(e, ERR_NOT_FOUND, ENOENT, "network %.200s not found", c->name);
}

static bool contains(const json_t *filters, const char *key, const char *text, bool prefix)
{
	const json_t *values = json_object_get(filters, key), *item;
	size_t i;

	json_array_foreach(values, i, item)
	{
		const char *at = strstr(text, json_string_value(item));

		if (at && (!prefix || at == text))
			return true;
	}
	return json_array_size(values) == 0;
}

static bool wanted(const struct engine *engine, size_t i, const json_t *f)
{
	char id[DIGEST_HEX + 1];

	network_id(engine, networks[i].name, id);
	return contains(f, "name", networks[i].name, false) && contains(f, "id", id, true) &&
	       api_filter_match(f, "driver", networks[i].driver) &&
	       api_filter_match(f, "scope", "local") && api_filter_match(f, "type", "builtin") &&
	       json_array_size(json_object_get(f, "label")) == 0 &&
	       api_filter_match(f, "dangling", "false");
}

static int list(struct api_call *c, struct err *e)
{
	static const char *const known[] = { "dangling", "driver", "id", "label", "name", "scope",
		"type", NULL };
	auto_json json_t *filters = NULL, *all = json_array();
	int r = api_filters(c, &filters, e);

	if (r == 0)
		r = api_filters_check(filters, known, e);
	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(networks); i++)
		if (wanted(c->engine, i, filters))
			json_array_append_new(all, document(c, i, false));
	return api_reply_json(c, 200, all);
}

static int inspect(struct api_call *c, struct err *e)
{
	auto_json json_t *doc = NULL;
	size_t i;
	int r = find(c, &i, e);

	if (r < 0)
		return r;
	doc = document(c, i, true);
	return api_reply_json(c, 200, doc);
}

static int remove_one(struct api_call *c, struct err *e)
{
	size_t i;
	int r = find(c, &i, e);

	if (r < 0)
		return r;
	return err_set(e, ERR_DENIED, EPERM, "%s is a pre-defined network and cannot be removed",
		networks[i].name);
}

static int absent(struct api_call *c, struct err *e)
{
	(void)c;
	return err_set(e, ERR_UNSUPPORTED, EOPNOTSUPP,
		"creating and connecting networks is not offered by this version of Caisson");
}

static int prune(struct api_call *c, struct err *e)
{
	auto_json json_t *doc = json_pack("{s:[]}", "NetworksDeleted");

	(void)e;
	return api_reply_json(c, 200, doc);
}

const struct api_route api_network_routes[] = {
	{ "GET", "/networks", list },
	{ "GET", "/networks/", list },
	{ "POST", "/networks/create", absent },
	{ "POST", "/networks/prune", prune },
	{ "GET", "/networks/{name}", inspect },
	{ "DELETE", "/networks/{name}", remove_one },
	{ "POST", "/networks/{name}/connect", absent },
	{ "POST", "/networks/{name}/disconnect", absent },
	{ NULL },
};
