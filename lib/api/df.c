#include "api/system-int.h"

/* type=container&type=image ...: only those; none: all. */
static bool wanted(struct api_call *c, const char *type)
{
	const char *one;

	if (c->version < 142 || !http_query(c->x, "type"))
		return true;
	for (unsigned i = 0; (one = http_query_nth(c->x, "type", i)); i++)
		if (streq(one, type))
			return true;
	return false;
}

static int check_types(struct api_call *c, struct err *e)
{
	static const char *const types[] = { "container", "image", "volume", "build-cache" };
	const char *one;

	for (unsigned i = 0; (one = http_query_nth(c->x, "type", i)); i++) {
		bool known = false;

		for (size_t k = 0; k < ARRAY_SIZE(types); k++)
			known |= streq(types[k], one);
		if (!known && c->version >= 142)
			return err_set(e, ERR_INVALID, EINVAL, "unknown object type: %.100s", one);
	}
	return 0;
}

static int put_images(struct api_call *c, json_t *doc, struct err *e)
{
	struct image_list_options o = { .all = true, .shared_size = true };
	json_t *images;
	int r = image_list(c->engine->images, api_owner(c), &o, &images, e);

	if (r < 0)
		return r;
	json_object_set_new(
		doc, "LayersSize", json_integer((json_int_t)image_layers_size(c->engine->images)));
	json_object_set_new(doc, "Images", images);
	return 0;
}

int api_df(struct api_call *c, struct err *e)
{
	auto_json json_t *doc = json_object();
	json_t *list;
	int r = check_types(c, e);

	if (r == 0 && wanted(c, "image"))
		r = put_images(c, doc, e);
	if (r == 0 && wanted(c, "container")) {
		r = container_list(c->engine->containers, c->peer, true, true, 0, NULL, &list, e);
		if (r == 0)
			json_object_set_new(doc, "Containers", list);
	}
	if (r < 0)
		return r;
	if (wanted(c, "volume"))
		json_object_set_new(doc, "Volumes", json_array());
	if (wanted(c, "build-cache"))
		json_object_set_new(doc, "BuildCache", json_array());
	return api_reply_json(c, 200, doc);
}
