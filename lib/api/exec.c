/* docker exec: create, start, resize, inspect. */
#include "exec/exec.h"

#include "api/stream-int.h"

static int find(struct api_call *c, struct exec **ret, struct err *e)
{
	return exec_find(c->engine->execs, c->peer, c->name, ret, e);
}

static int handle_create(struct api_call *c, struct err *e)
{
	auto_container struct container *ct = NULL;
	auto_exec struct exec *x = NULL;
	auto_json json_t *body = NULL, *doc = NULL;
	int r;

	if ((r = api_body_json(c, false, &body, e)) < 0 ||
		(r = container_find(c->engine->containers, c->peer, c->name, &ct, e)) < 0 ||
		(r = exec_create(c->engine->execs, ct, body, &x, e)) < 0)
		return r;
	doc = json_pack("{s:s}", "Id", exec_id(x));
	return api_reply_json(c, 201, doc);
}

static int handle_inspect(struct api_call *c, struct err *e)
{
	auto_exec struct exec *x = NULL;
	auto_json json_t *doc = NULL;
	int r = find(c, &x, e);

	if (r < 0)
		return r;
	doc = exec_inspect(x);
	return api_reply_json(c, 200, doc);
}

static int query_size(struct api_call *c, const char *name, unsigned *ret, struct err *e)
{
	const char *text = http_query(c->x, name);
	uint32_t v;

	if (!num_u32(str_of(text ? text : ""), 65535, &v))
		return err_set(e, ERR_INVALID, 0, "invalid resize %s \"%s\": must be a number",
			*name == 'h' ? "height" : "width", text ? text : "");
	*ret = v;
	return 0;
}

static int handle_resize(struct api_call *c, struct err *e)
{
	auto_exec struct exec *x = NULL;
	unsigned rows, cols;
	int r;

	if ((r = query_size(c, "h", &rows, e)) < 0 || (r = query_size(c, "w", &cols, e)) < 0 ||
		(r = find(c, &x, e)) < 0 || (r = exec_resize(x, rows, cols, e)) < 0)
		return r;
	return api_reply_empty(c, 200);
}

/* ---- start ----------------------------------------------------------------------------------- */

static int parse_start(struct api_call *c, bool *ret_detach, struct exec_start *ret, struct err *e)
{
	auto_json json_t *body = NULL;
	json_t *size = NULL;
	bool tty = false;
	int r;

	*ret = (struct exec_start){ .client = c->peer->handle };
	*ret_detach = false;
	if ((r = api_body_json(c, true, &body, e)) < 0)
		return r;
	if (body && ((r = json_get_bool(body, "Detach", false, ret_detach, e)) < 0 ||
			    (r = json_get_bool(body, "Tty", false, &tty, e)) < 0 ||
			    (r = json_get_array(body, "ConsoleSize", &size, e)) < 0))
		return r;
	if (size && tty && c->version >= 142) {
		json_int_t h = json_integer_value(json_array_get(size, 0));
		json_int_t w = json_integer_value(json_array_get(size, 1));

		if (h < 0 || w < 0 || h > 65535 || w > 65535)
			return err_set(e, ERR_INVALID, 0,
				"invalid JSON: member \"ConsoleSize\" must be [height, width]");
		ret->rows = (unsigned)h;
		ret->cols = (unsigned)w;
	}
	ret->attach = !*ret_detach;
	return 0;
}

/* The answer has begun, so the failure is text on the stream, as docker does; the exit code is in
 * exec's inspect. */
static void tell(struct api_call *c, bool framed, const char *msg)
{
	auto_buf struct buf b = BUF(ERR_MSG_MAX + 16);
	size_t n = strlen(msg) + 2;
	const uint8_t head[8] = { 1, 0, 0, 0, 0, 0, (uint8_t)(n >> 8), (uint8_t)n };

	if (framed)
		(void)buf_add(&b, head, sizeof(head));
	(void)buf_fmt(&b, "%s\r\n", msg);
	(void)http_raw_write(c->x, b.p, b.n);
}

static int relay(struct api_call *c, struct exec *x, struct exec_io *io)
{
	struct exec_keys keys = *exec_keys(x);
	struct http_relay r = {
		.to = io->in,
		.from = { { io->out[0], io->frame[0] }, { io->out[1], io->frame[1] } },
		.filter = exec_tty(x) ? exec_keys_filter : NULL,
		.arg = &keys,
		.stop = io->stop,
		.end_with_client = exec_tty(x),
	};

	return http_relay(c->x, &r);
}

static int start_attached(struct api_call *c, struct exec *x, struct exec_start *o)
{
	struct err why = { 0 };
	struct exec_io io;
	int r;

	if (stream_hijack(c, exec_tty(x)) < 0)
		return 0; /* the client is gone */
	if (exec_start(x, o, &io, &why) < 0) {
		tell(c, !exec_tty(x), why.msg);
		return 0;
	}
	r = relay(c, x, &io);
	if (r == -ECANCELED)
		container_event(exec_container(x), "exec_detach", "execID", exec_id(x), NULL);
	/* the connection ends after this: who sees its end finds the exit code */
	exec_finish(x, r < 0);
	return 0;
}

static int handle_start(struct api_call *c, struct err *e)
{
	auto_exec struct exec *x = NULL;
	struct exec_start o;
	bool detach;
	int r;

	if ((r = parse_start(c, &detach, &o, e)) < 0 || (r = find(c, &x, e)) < 0 ||
		(r = exec_check_running(x, e)) < 0)
		return r;
	if (!detach)
		return start_attached(c, x, &o);
	r = exec_start(x, &o, NULL, e);
	return r < 0 ? r : api_reply_empty(c, 200);
}

const struct api_route api_exec_routes[] = {
	{ "POST", "/containers/{name}/exec", handle_create },
	{ "POST", "/exec/{id}/start", handle_start },
	{ "POST", "/exec/{id}/resize", handle_resize },
	{ "GET", "/exec/{id}/json", handle_inspect },
	{ NULL },
};
