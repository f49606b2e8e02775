/* Images: the small answers.  Transfers of archives are in image_move.c. */
#include "api/image.h"

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
	int r = image_inspect(c->engine->images, api_owner(c), c->name, &doc, e);

	return r < 0 ? r : api_reply_json(c, 200, doc);
}

static int history(struct api_call *c, struct err *e)
{
	auto_json json_t *doc = NULL;
	int r = image_history(c->engine->images, api_owner(c), c->name, &doc, e);

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
	int r = image_remove(c->engine->images, api_owner(c), c->name,
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
