/* POST /containers/{name}/attach, and the table of the streaming routes. */
#include "api/stream-int.h"

#include "shim/shim.h"

const struct api_route api_stream_routes[] = {
	{ "POST", "/containers/{name}/attach", api_attach },
	{ "GET", "/containers/{name}/attach/ws", api_attach_ws },
	{ "GET", "/containers/{name}/logs", api_logs },
	{ "GET", "/containers/{name}/stats", api_stats },
	{ "GET", "/containers/{name}/top", api_top },
	{ NULL },
};

const char *stream_content_type(const struct api_call *c, bool tty)
{
	if (tty || c->version < 142)
		return "application/vnd.docker.raw-stream";
	return "application/vnd.docker.multiplexed-stream";
}

int stream_hijack(struct api_call *c, bool tty)
{
	/* as docker, who does not upgrade is always told "raw" */
	if (!http_request_head(c->x)->upgrade_tcp)
		tty = true;
	return http_hijack(c->x, stream_content_type(c, tty));
}

static int check_status(struct container *ct, const char *name, struct err *e)
{
	int r = 0;

	pthread_mutex_lock(&ct->lock);
	if (ct->status == CONTAINER_PAUSED)
		r = err_set(e, ERR_CONFLICT, 0,
			"container %s is paused, unpause the container before attach", name);
	else if (ct->status == CONTAINER_RESTARTING)
		r = err_set(e, ERR_CONFLICT, 0,
			"container %s is restarting, wait until the container is running", name);
	else if (ct->status == CONTAINER_REMOVING || ct->status == CONTAINER_DEAD)
		r = err_set(e, ERR_CONFLICT, 0, "container %s is dead or marked for removal", name);
	pthread_mutex_unlock(&ct->lock);
	return r;
}

struct attach {
	bool in, out, err, logs, stream;
	struct exec_keys keys;
};

static int parse(struct api_call *c, struct attach *ret, struct err *e)
{
	const char *keys = http_query(c->x, "detachKeys");

	*ret = (struct attach){
		.in = http_query_bool(c->x, "stdin"),
		.out = http_query_bool(c->x, "stdout"),
		.err = http_query_bool(c->x, "stderr"),
		.logs = http_query_bool(c->x, "logs"),
		.stream = http_query_bool(c->x, "stream"),
	};
	if (exec_keys_parse(str_of(keys ? keys : ""), &ret->keys) < 0)
		return err_set(e, ERR_INVALID, 0, "Invalid detach keys (%s) provided", keys);
	return 0;
}

static int connect_shim(struct container *ct, const struct attach *a, struct err *e)
{
	struct shim_hello hello = {
		.magic = SHIM_MAGIC,
		.version = SHIM_VERSION,
		.kind = SHIM_ATTACH,
	};

	if (a->in && ct->open_stdin)
		hello.flags |= SHIM_STDIN;
	if (a->out)
		hello.flags |= SHIM_STDOUT;
	if (a->err)
		hello.flags |= SHIM_STDERR;
	if (ct->stdin_once && !ct->tty)
		hello.flags |= SHIM_STDIN_ONCE;
	return container_attach_socket(ct, &hello, e);
}

/* Takes sock. */
static void relay(struct api_call *c, struct container *ct, struct attach *a, int sock)
{
	bool in = a->in && ct->open_stdin;
	struct http_relay r = {
		.to = in ? sock : -1,
		.to_socket = true,
		.from = { { sock, 0 }, { -1, 0 } },
		.filter = in && ct->tty ? exec_keys_filter : NULL,
		.arg = &a->keys,
		.stop = -1,
		/* as docker: who is attached to a stdin that stays open leaves with its own end */
		.end_with_client = in && (ct->tty || !ct->stdin_once),
	};

	if (http_relay(c->x, &r) == -ECANCELED)
		container_event(ct, "detach", NULL);
}

int api_attach(struct api_call *c, struct err *e)
{
	auto_container struct container *ct = NULL;
	auto_close int sock = -EBADF;
	struct attach a;
	int r;

	if ((r = parse(c, &a, e)) < 0 ||
		(r = container_find(c->engine->containers, c->peer, c->name, &ct, e)) < 0 ||
		(r = check_status(ct, c->name, e)) < 0)
		return r;
	/* Connected before the log is replayed: nothing is missed in between. */
	if (a.stream && (sock = connect_shim(ct, &a, e)) < 0)
		return sock;
	if (stream_hijack(c, ct->tty) < 0)
		return 0; /* the client is gone */
	if (a.logs && log_replay(c, ct, a.out, a.err, e) < 0)
		return 0;
	container_event(ct, "attach", NULL);
	if (a.stream)
		relay(c, ct, &a, steal_fd(&sock));
	return 0;
}

int api_attach_ws(struct api_call *c, struct err *e)
{
	(void)c;
	return err_set(e, ERR_UNSUPPORTED, 0,
		"attaching by WebSocket is not supported; use POST /containers/{id}/attach");
}
