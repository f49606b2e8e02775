/* docker image inspect and docker history. */
#include "image/image-int.h"

static const char *text_of(const json_t *doc, const char *key)
{
	const char *s = json_string_value(json_object_get(doc, key));

	return s ? s : "";
}

static json_t *rootfs(const struct image *i)
{
	json_t *layers = json_array();
	char text[DIGEST_TEXT + 1];

	for (unsigned k = 0; k < i->nlayers; k++)
		(void)json_array_append_new(
			layers, json_string(digest_text(&i->diff_ids[k], text)));
	return json_pack("{s:s,s:o}", "Type", "layers", "Layers", layers);
}

static const char *last_comment(const struct image *i)
{
	const json_t *h = json_object_get(i->config, "history");

	return text_of(json_array_get(h, json_array_size(h) - 1), "comment");
}

/* Absent and null are the same in docker's answer. */
static json_t *config_of(const struct image *i)
{
	json_t *c = json_copy((json_t *)(uintptr_t)image_defaults(i)), *v;
	const char *key;
	void *next;

	json_object_foreach_safe(c, next, key, v)
	{
		if (json_is_null(v))
			(void)json_object_del(c, key);
	}
	return c;
}

static json_t *describe(const struct image_entry *en, uint32_t owner)
{
	const struct image *i = en->img;
	char id[DIGEST_TEXT + 1], created[CLOCK_TEXT], tagged[CLOCK_TEXT];
	uint64_t last = 0;
	json_t *doc;

	for (unsigned k = 0; k < en->ntags; k++)
		last = MAX(last, en->tags[k].set_ns);
	doc = json_pack(
		"{s:s,s:o,s:[],s:s,s:s,s:s,s:s,s:s,s:o,s:s,s:s,s:I,s:{s:n,s:s},s:o,s:{s:s}}", "Id",
		digest_text(&i->id, id), "RepoTags", image_tags_json(en, owner), "RepoDigests",
		"Parent", "", "Comment", last_comment(i), "Created",
		clock_rfc3339_short(i->created_ns, created), "DockerVersion",
		text_of(i->config, "docker_version"), "Author", text_of(i->config, "author"),
		"Config", config_of(i), "Architecture", text_of(i->config, "architecture"), "Os",
		text_of(i->config, "os"), "Size", (json_int_t)i->size, "GraphDriver", "Data",
		"Name", "overlay2", "RootFS", rootfs(i), "Metadata", "LastTagTime",
		clock_rfc3339_short(last, tagged));
	if (*text_of(i->config, "variant"))
		(void)json_object_set_new(
			doc, "Variant", json_string(text_of(i->config, "variant")));
	return doc;
}

/* Steps that made no layer say so; the others take the layers in order. */
static json_t *history_step(const struct image *i, const json_t *step, unsigned *layer)
{
	uint64_t size = 0;

	if (!json_is_true(json_object_get(step, "empty_layer")) && *layer < i->nlayers)
		size = i->layer_sizes[(*layer)++];
	return json_pack("{s:s,s:I,s:s,s:s,s:I,s:n}", "Comment", text_of(step, "comment"),
		"Created", (json_int_t)(image_time(step, "created") / NS_PER_SEC), "CreatedBy",
		text_of(step, "created_by"), "Id", "<missing>", "Size", (json_int_t)size, "Tags");
}

static json_t *history_of(const struct image_entry *en, uint32_t owner)
{
	const struct image *i = en->img;
	const json_t *steps = json_object_get(i->config, "history"), *step;
	json_t *list = json_array(), *top;
	char id[DIGEST_TEXT + 1];
	unsigned layer = 0;
	size_t k;

	json_array_foreach((json_t *)(uintptr_t)steps, k, step)
	{
		(void)json_array_insert_new(list, 0, history_step(i, step, &layer));
	}
	while (layer < i->nlayers) /* layers nobody described */
		(void)json_array_insert_new(list, 0, history_step(i, NULL, &layer));
	top = json_array_get(list, 0);
	if (top) {
		json_t *tags = image_tags_json(en, owner);

		(void)json_object_set_new(top, "Id", json_string(digest_text(&i->id, id)));
		(void)json_object_set(top, "Tags", json_array_size(tags) ? tags : json_null());
		json_decref(tags);
	}
	return list;
}

/* What one image's document is made of, with lock held. */
typedef json_t *document_fn(const struct image_entry *en, uint32_t owner);

static int show(struct image_store *s, uint32_t owner, const char *ref, document_fn *document,
	json_t **ret, struct err *e)
{
	struct image_tag_row *tag;
	struct image_entry *en;
	int r;

	(void)pthread_rwlock_rdlock(&s->lock);
	r = image_lookup(s, owner, ref, &en, &tag, e);
	if (r == 0)
		*ret = document(en, owner);
	(void)pthread_rwlock_unlock(&s->lock);
	return r;
}

int image_inspect(
	struct image_store *s, uint32_t owner, const char *ref, json_t **ret, struct err *e)
{
	return show(s, owner, ref, describe, ret, e);
}

int image_history(
	struct image_store *s, uint32_t owner, const char *ref, json_t **ret, struct err *e)
{
	return show(s, owner, ref, history_of, ret, e);
}
