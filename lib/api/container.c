#include "api/container-int.h"

static int find(struct api_call *c, struct container **ret, struct err *e)
{
	return container_find(c->engine->containers, c->peer, c->name, ret, e);
}

/* 0 done, 1 already so (304), else the error. */
static int reply_change(struct api_call *c, int r)
{
	if (r < 0)
		return r;
	return api_reply_empty(c, r == 1 ? 304 : 204);
}

static int query_i64(
	struct api_call *c, const char *name, int64_t dflt, int64_t *ret, struct err *e)
{
	const char *text = http_query(c->x, name);

	*ret = dflt;
	if (!text || !text[0])
		return 0;
	if (num_i64(str_of(text), INT32_MIN, INT32_MAX, ret))
		return 0;
	return err_set(e, ERR_INVALID, 0, "strconv.Atoi: parsing \"%.100s\": invalid syntax", text);
}

/* ---- life cycle ------------------------------------------------------------------------------ */

/* Old clients may ask for what later versions define otherwise. */
static void adapt_body(struct api_call *c, json_t *body)
{
	json_t *host = json_object_get(body, "HostConfig");

	if (c->version < 125 && json_is_object(host))
		json_object_del(host, "AutoRemove");
	if (c->version >= 142 && json_is_object(host)) {
		json_object_del(host, "KernelMemory");
		json_object_del(host, "KernelMemoryTCP");
	}
	if (c->version < 142 && json_is_object(host))
		json_object_del(host, "ConsoleSize");
	if (c->version < 140 && json_is_object(host) && !json_object_get(host, "IpcMode"))
		json_object_set_new(host, "IpcMode", json_string("shareable"));
}

/* The name that images use for an architecture that a client may spell as uname does. */
static struct str arch_name(struct str arch)
{
	if (str_ieq(arch, STR("x86_64")) || str_ieq(arch, STR("x86-64")))
		return STR("amd64");
	return str_ieq(arch, STR("aarch64")) ? STR("arm64") : arch;
}

/* Against the image's own platform, for i386 images run here too.  Of a missing image, create
 * tells. */
static int check_platform(struct api_call *c, const json_t *body, struct err *e)
{
	const char *image = json_string_value(json_object_get(body, "Image"));
	const char *p = http_query(c->x, "platform"), *has = NULL;
	struct str rest = str_of(p), os = str_cut(&rest, '/');
	struct str arch = rest.p ? arch_name(str_cut(&rest, '/')) : STR("");
	auto_json json_t *doc = NULL;
	struct err ignored = { 0 };

	if (c->version < 141 || !p || !p[0])
		return 0;
	if (!str_ieq(os, STR("linux")))
		return err_set(e, ERR_INVALID, 0, "operating system \"%.60s\" is not supported", p);
	if (!arch.n || !image ||
		image_inspect(c->engine->images, api_owner(c), image, &doc, &ignored) < 0)
		return 0;
	has = json_string_value(json_object_get(doc, "Architecture"));
	if (!has || str_ieq(arch, str_of(has)))
		return 0;
	return err_set(e, ERR_NOT_FOUND, 0,
		"image with reference %.200s was found but its platform (linux/%.40s) does not "
		"match the specified platform (%.60s)",
		image, has, p);
}

static int post_create(struct api_call *c, struct err *e)
{
	auto_json json_t *body = NULL, *warnings = json_array(), *doc = NULL;
	auto_container struct container *made = NULL;
	int r = api_body_json(c, true, &body, e);

	if (r < 0)
		return r;
	if (!body)
		return err_set(
			e, ERR_INVALID, 0, "invalid JSON: got EOF while reading request body");
	if (json_object_size(body) == 0)
		return err_set(
			e, ERR_INVALID, 0, "config cannot be empty in order to create a container");
	adapt_body(c, body);
	config_apply_create(c->engine->config, body);
	r = check_platform(c, body, e);
	if (r == 0)
		r = container_create(c->engine->containers, c->peer, http_query(c->x, "name"), body,
			warnings, &made, e);
	if (r < 0)
		return r;
	doc = json_pack("{s:s, s:O}", "Id", made->hex, "Warnings", warnings);
	return api_reply_json(c, 201, doc);
}

static int post_start(struct api_call *c, struct err *e)
{
	auto_container struct container *t = NULL;
	const char *checkpoint = http_query(c->x, "checkpoint");
	int r;

	if (checkpoint && checkpoint[0])
		return err_set(
			e, ERR_UNSUPPORTED, 0, "checkpoints of containers are not offered here");
	r = find(c, &t, e);
	return reply_change(c, r < 0 ? r : container_start(t, e));
}

/* The t and signal parameters of stop and restart. */
static int stop_options(struct api_call *c, struct container *t, const char **ret_signal,
	int64_t *ret_timeout, struct err *e)
{
	const json_t *own = json_object_get(t->config, "StopTimeout");
	int64_t dflt = json_is_integer(own) ? json_integer_value(own) : 10;

	*ret_signal = c->version >= 142 ? http_query(c->x, "signal") : NULL;
	return query_i64(c, "t", dflt, ret_timeout, e);
}

static int post_stop(struct api_call *c, struct err *e)
{
	auto_container struct container *t = NULL;
	const char *signal;
	int64_t timeout = 0;
	int r = find(c, &t, e);

	if (r == 0)
		r = stop_options(c, t, &signal, &timeout, e);
	if (r < 0)
		return r;
	r = container_stop(t, signal, timeout, e);
	if (r < 0 && e->kind == ERR_SYSTEM)
		(void)err_wrap(e, "cannot stop container: %s", c->name);
	return reply_change(c, r);
}

static int post_restart(struct api_call *c, struct err *e)
{
	auto_container struct container *t = NULL;
	const char *signal;
	int64_t timeout = 0;
	int r = find(c, &t, e);

	if (r == 0)
		r = stop_options(c, t, &signal, &timeout, e);
	if (r < 0)
		return r;
	r = container_restart(t, signal, timeout, e);
	if (r < 0)
		(void)err_wrap(e, "Cannot restart container %s", c->name);
	return reply_change(c, r);
}

static int post_kill(struct api_call *c, struct err *e)
{
	auto_container struct container *t = NULL;
	int r = find(c, &t, e);

	if (r == 0)
		r = container_kill(t, http_query(c->x, "signal"), e);
	if (r < 0)
		(void)err_wrap(e, "cannot kill container: %s", c->name);
	return reply_change(c, r);
}

static int change_pause(struct api_call *c, bool pause, struct err *e)
{
	auto_container struct container *t = NULL;
	int r = find(c, &t, e);

	return reply_change(c, r < 0 ? r : container_pause(t, pause, e));
}

static int post_pause(struct api_call *c, struct err *e)
{
	return change_pause(c, true, e);
}

static int post_unpause(struct api_call *c, struct err *e)
{
	return change_pause(c, false, e);
}

static int post_rename(struct api_call *c, struct err *e)
{
	auto_container struct container *t = NULL;
	const char *name = http_query(c->x, "name");
	int r = find(c, &t, e);

	return reply_change(c, r < 0 ? r : container_rename(t, name ? name : "", e));
}

static int post_update(struct api_call *c, struct err *e)
{
	auto_json json_t *body = NULL, *warnings = json_array(), *doc = NULL;
	auto_container struct container *t = NULL;
	int r = find(c, &t, e);

	if (r == 0)
		r = api_body_json(c, false, &body, e);
	if (r == 0 && c->version >= 142)
		json_object_del(body, "KernelMemory");
	if (r == 0 && c->version < 140)
		json_object_del(body, "PidsLimit");
	if (r == 0)
		r = container_update(t, body, warnings, e);
	if (r < 0)
		return r;
	if (json_array_size(warnings) == 0)
		doc = json_pack("{s:n}", "Warnings");
	else
		doc = json_pack("{s:O}", "Warnings", warnings);
	return api_reply_json(c, 200, doc);
}

static int post_resize(struct api_call *c, struct err *e)
{
	static const char *const names[] = { "h", "w" }, *const words[] = { "height", "width" };
	auto_container struct container *t = NULL;
	uint32_t size[2] = { 0, 0 };
	int r;

	for (unsigned i = 0; i < 2; i++) {
		const char *text = http_query(c->x, names[i]);

		if (!num_u32(str_of(text ? text : ""), UINT16_MAX, &size[i]))
			return err_set(e, ERR_INVALID, 0,
				"invalid resize %s \"%.60s\": strconv.ParseUint: parsing \"%.60s\": invalid "
				"syntax",
				words[i], text ? text : "", text ? text : "");
	}
	r = find(c, &t, e);
	if (r == 0)
		r = container_resize(t, size[0], size[1], e);
	return r < 0 ? r : api_reply_empty(c, 200);
}

static int delete_container(struct api_call *c, struct err *e)
{
	auto_container struct container *t = NULL;
	int r;

	if (http_query_bool(c->x, "link"))
		return err_set(e, ERR_UNSUPPORTED, 0,
			"removing a link: networks and links come with a later version");
	r = find(c, &t, e);
	if (r < 0)
		return r;
	r = container_remove(t, http_query_bool(c->x, "force"), http_query_bool(c->x, "v"), e);
	if (r < 0 && !strstr(e->msg, "is already in progress"))
		(void)err_wrap(e, "cannot remove container \"%s\"", c->name);
	return reply_change(c, r);
}

/* ---- wait ------------------------------------------------------------------------------------ */

static int read_condition(struct api_call *c, enum container_wait *ret, struct err *e)
{
	static const char *const words[] = {
		[CONTAINER_WAIT_NOT_RUNNING] = "not-running",
		[CONTAINER_WAIT_NEXT_EXIT] = "next-exit",
		[CONTAINER_WAIT_REMOVED] = "removed",
	};
	const char *text = http_query(c->x, "condition");

	*ret = CONTAINER_WAIT_NOT_RUNNING;
	if (!text || !text[0] || c->version < 130)
		return 0;
	for (unsigned i = 0; i < ARRAY_SIZE(words); i++) {
		if (!streq(words[i], text))
			continue;
		*ret = i;
		return 0;
	}
	return err_set(e, ERR_INVALID, 0, "invalid condition: \"%.100s\"", text);
}

/* The head goes out before the wait: `docker run` starts the container only when it has it, and
 * the wait is registered before that, so no exit is missed. */
static int post_wait(struct api_call *c, struct err *e)
{
	auto_container struct container *t = NULL;
	struct container_waiter w;
	enum container_wait condition;
	auto_json json_t *doc = NULL;
	auto_free char *error = NULL;
	auto_buf struct buf text = BUF(4096);
	int code, r = read_condition(c, &condition, e);

	if (r == 0)
		r = find(c, &t, e);
	if (r < 0)
		return r;
	container_wait_begin(t, condition, &w);
	r = http_stream_begin(c->x, 200, "application/json");
	if (r < 0)
		return r;
	r = container_wait_end(t, &w, http_client_fd(c->x), &code, &error);
	if (r != 1)
		return r < 0 ? r : -EPIPE;
	doc = json_pack("{s:i}", "StatusCode", code);
	if (error)
		json_object_set_new(doc, "Error", json_pack("{s:s}", "Message", error));
	json_print(doc, &text);
	buf_c(&text, '\n');
	r = http_stream_write(c->x, text.p, text.n);
	return r < 0 ? r : http_stream_end(c->x);
}

/* ---- documents ------------------------------------------------------------------------------- */

static int get_list(struct api_call *c, struct err *e)
{
	auto_json json_t *filters = NULL, *doc = NULL;
	int64_t limit = 0;
	int r = api_filters(c, &filters, e);

	if (r == 0)
		r = query_i64(c, "limit", 0, &limit, e);
	if (r == 0)
		r = container_list(c->engine->containers, c->peer, http_query_bool(c->x, "all"),
			http_query_bool(c->x, "size"), limit, filters, &doc, e);
	return r < 0 ? r : api_reply_json(c, 200, doc);
}

static int get_inspect(struct api_call *c, struct err *e)
{
	auto_container struct container *t = NULL;
	auto_json json_t *doc = NULL;
	int r = find(c, &t, e);

	if (r < 0)
		return r;
	doc = container_inspect(t, http_query_bool(c->x, "size"));
	return api_reply_json(c, 200, doc);
}

const struct api_route api_container_routes[] = {
	{ "POST", "/containers/create", post_create },
	{ "POST", "/containers/prune", api_container_prune },
	{ "GET", "/containers/json", get_list },
	{ "GET", "/containers/{name}/json", get_inspect },
	{ "POST", "/containers/{name}/start", post_start },
	{ "POST", "/containers/{name}/stop", post_stop },
	{ "POST", "/containers/{name}/restart", post_restart },
	{ "POST", "/containers/{name}/kill", post_kill },
	{ "POST", "/containers/{name}/pause", post_pause },
	{ "POST", "/containers/{name}/unpause", post_unpause },
	{ "POST", "/containers/{name}/wait", post_wait },
	{ "POST", "/containers/{name}/rename", post_rename },
	{ "POST", "/containers/{name}/update", post_update },
	{ "POST", "/containers/{name}/resize", post_resize },
	{ "DELETE", "/containers/{name}", delete_container },
	{ NULL },
};
