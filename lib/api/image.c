/* Images: the small answers.  Transfers of archives are in image_move.c. */
#include "api/image-int.h"

/* What this machine runs, as images name it. */
#if defined(__x86_64__)
#define ARCHITECTURE "amd64"
#elif defined(__aarch64__)
#define ARCHITECTURE "arm64"
#endif

/* {"os":"linux","architecture":"amd64"}, as newer clients write it, or linux/amd64. */
static bool platform_is_ours(const char *p)
{
	auto_json json_t *doc = NULL;
	const char *os = NULL, *arch = NULL;
	struct str rest = str_of(p), first;
	struct err ignored;

	if (p[0] != '{') {
		first = str_cut(&rest, '/');
		rest = rest.p ? str_cut(&rest, '/') : STR(ARCHITECTURE);
		return str_ieq(first, STR("linux")) && str_ieq(rest, STR(ARCHITECTURE));
	}
	if (json_parse(rest, &doc, &ignored) < 0 ||
		json_get_str(doc, "os", "linux", &os, &ignored) < 0 ||
		json_get_str(doc, "architecture", ARCHITECTURE, &arch, &ignored) < 0)
		return false;
	return streq(os, "linux") && streq(arch, ARCHITECTURE);
}

int api_image_platform(const struct api_call *c, struct err *e)
{
	static const char *const names[] = { "platform", "platforms" };
	const char *p;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		for (unsigned n = 0; (p = http_query_nth(c->x, names[i], n)); n++)
			if (*p && !platform_is_ours(p))
				return err_set(e, ERR_UNSUPPORTED, 0,
					"images of another platform than linux/" ARCHITECTURE
					" are not kept here: %.100s",
					p);
	return 0;
}

static int list(struct api_call *c, struct err *e)
{
	auto_json json_t *filters = NULL;
	auto_json json_t *doc = NULL;
	struct image_list_options o = {
		.all = http_query_bool(c->x, "all"),
		.digests = http_query_bool(c->x, "digests"),
		.shared_size = http_query_bool(c->x, "shared-size"),
	};
	int r = api_filters(c, &filters, e);

	o.filters = filters;
	if (r == 0)
		r = image_list(c->engine->images, api_owner(c), &o, &doc, e);
	return r < 0 ? r : api_reply_json(c, 200, doc);
}

static int inspect(struct api_call *c, struct err *e)
{
	auto_json json_t *doc = NULL;
	int r = api_image_platform(c, e);

	if (r == 0)
		r = image_inspect(c->engine->images, api_owner(c), c->name, &doc, e);
	return r < 0 ? r : api_reply_json(c, 200, doc);
}

static int history(struct api_call *c, struct err *e)
{
	auto_json json_t *doc = NULL;
	int r = api_image_platform(c, e);

	if (r == 0)
		r = image_history(c->engine->images, api_owner(c), c->name, &doc, e);
	return r < 0 ? r : api_reply_json(c, 200, doc);
}

static int tag(struct api_call *c, struct err *e)
{
	const char *repo = http_query(c->x, "repo");
	int r;

	if (!repo || !*repo)
		return err_set(e, ERR_INVALID, EINVAL, "invalid reference format");
	r = image_tag(c->engine->images, api_owner(c), c->name, repo, http_query(c->x, "tag"), e);
	return r < 0 ? r : api_reply_empty(c, 201);
}

static int remove_image(struct api_call *c, struct err *e)
{
	auto_json json_t *doc = NULL;
	int r = api_image_platform(c, e);

	if (r == 0)
		r = image_remove(c->engine->images, api_owner(c), c->name,
			http_query_bool(c->x, "force"), http_query_bool(c->x, "noprune"), &doc, e);

	return r < 0 ? r : api_reply_json(c, 200, doc);
}

static int prune(struct api_call *c, struct err *e)
{
	auto_json json_t *filters = NULL;
	auto_json json_t *doc = NULL;
	int r = api_filters(c, &filters, e);

	if (r == 0)
		r = image_prune(c->engine->images, api_owner(c), filters, &doc, e);
	return r < 0 ? r : api_reply_json(c, 200, doc);
}

const struct api_route api_image_routes[] = {
	{ "GET", "/images/json", list },
	{ "GET", "/images/get", api_image_save_many },
	{ "POST", "/images/load", api_image_load },
	{ "POST", "/images/create", api_image_create },
	{ "POST", "/images/prune", prune },
	{ "GET", "/images/{name}/json", inspect },
	{ "GET", "/images/{name}/history", history },
	{ "GET", "/images/{name}/get", api_image_save_one },
	{ "POST", "/images/{name}/tag", tag },
	{ "DELETE", "/images/{name}", remove_image },
	{ NULL },
};
