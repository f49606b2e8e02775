/* GET /containers/{name}/stats. */
#include "api/stream-int.h"

#include <poll.h>

#define PERIOD_MS 1000

static bool query_default(struct api_call *c, const char *name, bool dflt)
{
	return http_query(c->x, name) ? http_query_bool(c->x, name) : dflt;
}

static json_t *counters(const struct host_net *n)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "rx_bytes",
		(json_int_t)n->rx_bytes, "rx_packets", (json_int_t)n->rx_packets, "rx_errors",
		(json_int_t)n->rx_errors, "rx_dropped", (json_int_t)n->rx_dropped, "tx_bytes",
		(json_int_t)n->tx_bytes, "tx_packets", (json_int_t)n->tx_packets, "tx_errors",
		(json_int_t)n->tx_errors, "tx_dropped", (json_int_t)n->tx_dropped);
}

static json_t *networks_of(uint32_t pid)
{
	auto_buf struct buf b = BUF(1 << 20);
	json_t *o = json_object();
	struct str text, name;
	struct host_net n;
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%u/net/dev", pid);
	(void)host_read(path, &b);
	text = buf_view(&b);
	while (host_net_next(&text, &name, &n))
		if (!str_eq(name, STR("lo")))
			(void)json_object_setn_new(o, name.p, name.n, counters(&n));
	return o;
}

/* In the host's network there is nothing of the container's own to count. */
static bool own_network(const struct container *ct)
{
	const char *mode = json_string_value(json_object_get(ct->host_config, "NetworkMode"));

	return !mode || !streq(mode, "host");
}

/* -ENOENT when the container is being removed. */
static int sample(struct container *ct, struct stats_sample *ret, char **ret_name)
{
	struct stats_sample s = { 0 };
	bool running, gone, network;
	uint32_t pid;

	pthread_mutex_lock(&ct->lock);
	running = ct->status == CONTAINER_RUNNING || ct->status == CONTAINER_PAUSED;
	gone = ct->status == CONTAINER_REMOVING || ct->status == CONTAINER_DEAD;
	network = own_network(ct);
	pid = ct->pid;
	mem_replace(ret_name, xstrdup(ct->name));
	pthread_mutex_unlock(&ct->lock);
	if (gone)
		return -ENOENT;
	/* a container that ends meanwhile has no group any more: as if it had not run */
	if (running && cgroup_stats(&ct->id, &s.cg, NULL) == 0) {
		host_cpu_now(&s.host);
		s.read_ns = clock_wall_ns();
		s.networks = network ? networks_of(pid) : NULL;
	} else {
		s.cg = (struct cgroup_stats){ 0 };
	}
	*ret = s;
	return 0;
}

/* False when the client is gone. */
static bool pause_for_client(struct api_call *c)
{
	struct pollfd p = { http_client_fd(c->x), POLLRDHUP, 0 };

	return poll(&p, 1, PERIOD_MS) == 0;
}

static int write_document(struct api_call *c, const json_t *doc)
{
	auto_buf struct buf b = BUF(1 << 20);

	(void)json_print(doc, &b);
	(void)buf_c(&b, '\n');
	return http_stream_write(c->x, b.p, b.n);
}

static int stream(struct api_call *c, struct container *ct)
{
	bool v2 = c->engine->boot.cgroup_v2;
	struct stats_sample now, before = { 0 };
	auto_free char *name = NULL;

	if (http_stream_begin(c->x, 200, "application/json") < 0)
		return 0;
	while (sample(ct, &now, &name) == 0) {
		auto_json json_t *doc = stats_document(
			name, ct->hex, &now, &before, v2, host_memory_bytes());

		json_decref(now.networks); /* the document has its own reference */
		if (write_document(c, doc) < 0 || !pause_for_client(c))
			return 0; /* the client is gone */
		before = now;
	}
	return http_stream_end(c->x);
}

static int once(struct api_call *c, struct container *ct, bool one_shot, struct err *e)
{
	struct stats_sample now, before = { 0 };
	auto_free char *name = NULL;
	auto_json json_t *doc = NULL;
	int r = sample(ct, &now, &name);

	/* two samples, so that their difference shows the use of the processor */
	if (r == 0 && !one_shot && now.read_ns) {
		json_decref(now.networks);
		before = now;
		if (!pause_for_client(c))
			return 0;
		r = sample(ct, &now, &name);
	}
	if (r < 0)
		return err_set(e, ERR_NOT_FOUND, 0, "No such container: %s", c->name);
	doc = stats_document(
		name, ct->hex, &now, &before, c->engine->boot.cgroup_v2, host_memory_bytes());
	json_decref(now.networks);
	return api_reply_json(c, 200, doc);
}

int api_stats(struct api_call *c, struct err *e)
{
	bool streaming = query_default(c, "stream", true);
	bool one_shot = c->version >= 141 && query_default(c, "one-shot", false);
	auto_container struct container *ct = NULL;
	int r = container_find(c->engine->containers, c->peer, c->name, &ct, e);

	if (r < 0)
		return r;
	if (streaming && one_shot)
		return err_set(e, ERR_INVALID, 0, "cannot have stream=true and one-shot=true");
	return streaming ? stream(c, ct) : once(c, ct, one_shot, e);
}
