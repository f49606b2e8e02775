#include "container/container-int.h"

/* Docker's one-line command: words with blanks in quotes. */
static json_t *command_text(const struct container *c)
{
	auto_buf struct buf b = BUF(1u << 20);
	static const char *const keys[] = { "Entrypoint", "Cmd" };
	const char *s;
	json_t *v;
	size_t i;

	for (size_t k = 0; k < ARRAY_SIZE(keys); k++) {
		json_array_foreach(json_object_get(c->config, keys[k]), i, v)
		{
			s = json_string_value(v);
			if (b.n && strchr(s, ' '))
				buf_fmt(&b, " '%s'", s);
			else
				buf_fmt(&b, "%s%s", b.n ? " " : "", s);
		}
	}
	return json_string(buf_bad(&b) || !b.p ? "" : b.p);
}

/* Exposed ports, unpublished. */
static json_t *ports_doc(const struct container *c)
{
	json_t *all = json_array(), *v;
	struct port_range p;
	const char *key;

	json_object_foreach(json_object_get(c->config, "ExposedPorts"), key,
		v) if (port_parse(key, &p) && p.first)
		json_array_append_new(all, json_pack("{s:i, s:s}", "PrivatePort", (int)p.first,
						   "Type", p.udp ? "udp" : "tcp"));
	return all;
}

static json_t *networks_doc(const struct container *c)
{
	const char *net = jstr(c->host_config, "NetworkMode");

	if (strncmp(net, "container:", 10) == 0)
		return json_pack("{s:{}}", "Networks");
	return json_pack(
		"{s:{s:{s:n, s:n, s:n, s:s, s:n, s:i, s:s, s:s, s:s, s:s, s:i, s:s, s:s, s:i, "
		"s:n}}}",
		"Networks", net, "IPAMConfig", "Links", "Aliases", "MacAddress", "", "DriverOpts",
		"GwPriority", 0, "NetworkID", "", "EndpointID", "", "Gateway", "", "IPAddress", "",
		"IPPrefixLen", 0, "IPv6Gateway", "", "GlobalIPv6Address", "", "GlobalIPv6PrefixLen",
		0, "DNSNames");
}

/* Under lock. */
static json_t *row(struct container *c, const char *status)
{
	char image[DIGEST_TEXT + 1];
	json_t *d = json_object(), *labels = json_object_get(c->config, "Labels");

	json_object_set_new(d, "Id", json_string(c->hex));
	json_object_set_new(d, "Names", json_pack("[s+]", "/", c->name));
	json_object_set_new(d, "Image", json_string(c->image_name));
	json_object_set_new(d, "ImageID", json_string(digest_text(&c->image_id, image)));
	json_object_set_new(d, "Command", command_text(c));
	json_object_set_new(d, "Created", json_integer((json_int_t)(c->created_ns / NS_PER_SEC)));
	json_object_set_new(d, "Ports", ports_doc(c));
	json_object_set_new(d, "Labels", labels ? json_deep_copy(labels) : json_object());
	json_object_set_new(d, "State", json_string(container_status_word(c->status)));
	json_object_set_new(d, "Status", json_string(status));
	json_object_set_new(d, "HostConfig",
		json_pack("{s:s}", "NetworkMode", jstr(c->host_config, "NetworkMode")));
	json_object_set_new(d, "NetworkSettings", networks_doc(c));
	json_object_set_new(d, "Mounts", mounts_doc(c));
	return d;
}

struct listing {
	struct filter filter;
	bool all, size;
	int64_t left; /* -1: no limit */
	json_t *rows;
};

/* Whether it is shown; then its row is added. */
static void list_one(struct listing *l, struct container *c)
{
	auto_free char *status = container_status_text(c);
	json_t *d = NULL;

	pthread_mutex_lock(&c->lock);
	if ((l->all || status_running(c->status)) && filter_match(&l->filter, c))
		d = row(c, status);
	pthread_mutex_unlock(&c->lock);
	if (!d)
		return;
	if (l->size)
		size_add(c, d);
	json_array_append_new(l->rows, d);
	l->left -= l->left > 0;
}

/* Newest first.  A limit, like some filters, means all states. */
int container_list(struct container_set *s, const struct http_peer *peer, bool all, bool size,
	int64_t limit, const json_t *filters, json_t **ret, struct err *e)
{
	struct listing l = { .size = size, .left = limit > 0 ? limit : -1 };
	auto_free struct container **list = NULL;
	size_t n;
	int r = filter_read(s, peer, filters, &l.filter, e);

	if (r == 0) {
		l.all = all || l.filter.all || limit > 0;
		l.rows = json_array();
		n = set_snapshot(s, peer_sees(peer), &list);
		while (n-- > 0) {
			if (l.left != 0)
				list_one(&l, list[n]);
			container_unref(list[n]);
		}
		*ret = l.rows;
	}
	json_decref(l.filter.ancestors);
	return r;
}
