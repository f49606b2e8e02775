/* docker import: a root file system becomes an image of one layer with a config of our making. */
#include "image/image-int.h"

#if defined(__aarch64__)
#define MACHINE "arm64"
#else
#define MACHINE "amd64"
#endif

#define CHUNK (128u << 10)

static int receive_layer(struct image_store *s, const struct image_source *from, struct digest *ret,
	uint64_t *ret_size, struct err *e)
{
	auto_free char *chunk = xmalloc(CHUNK);
	struct store_writer w;
	ssize_t n;
	int r = store_begin(s->o.blobs, IMAGE_BLOB_MAX, &w, e);

	if (r < 0)
		return r;
	while (r == 0 && (n = from->read(from->arg, chunk, CHUNK)) != 0)
		r = n < 0 ? err_set(e, ERR_UNAVAILABLE, (int)-n, "the client's archive ended early")
			  : store_write(&w, chunk, (size_t)n, e);
	if (r < 0) {
		store_abort(&w);
		return r;
	}
	return image_pin_commit(s, &w, NULL, ret, ret_size, e);
}

static int make_config(
	const struct image_import *o, const struct digest *diff, json_t **ret, struct err *e)
{
	auto_json json_t *config = json_object();
	char text[DIGEST_TEXT + 1], now[CLOCK_TEXT];
	const char *message = o->message && *o->message ? o->message : "Imported from -";
	int r = 0;

	for (unsigned i = 0; i < o->nchanges && r == 0; i++)
		r = oci_change_apply(str_of(o->changes[i]), config, e);
	if (r < 0)
		return r;
	(void)clock_rfc3339_short(clock_wall_ns(), now);
	*ret = json_pack("{s:s,s:O,s:s,s:[{s:s,s:s}],s:s,s:{s:s,s:[s]}}", "architecture", MACHINE,
		"config", config, "created", now, "history", "created", now, "comment", message,
		"os", "linux", "rootfs", "type", "layers", "diff_ids", digest_text(diff, text));
	if (!*ret)
		return err_set(e, ERR_INVALID, EINVAL, "the import message is not UTF-8");
	return 0;
}

static int put_config(struct image_store *s, const json_t *doc, struct digest *ret, struct err *e)
{
	auto_buf struct buf b = BUF(JSON_INPUT_MAX);
	struct store_writer w;
	int r = json_print(doc, &b);

	if (r < 0)
		return err_set(e, ERR_LIMIT, EMSGSIZE, "the image's config is too large");
	r = store_begin(s->o.blobs, b.n, &w, e);
	if (r < 0)
		return r;
	r = store_write(&w, b.p, b.n, e);
	if (r < 0) {
		store_abort(&w);
		return r;
	}
	return image_pin_commit(s, &w, NULL, ret, NULL, e);
}

static int target_name(
	const struct image_import *o, struct oci_ref *ret, bool *ret_named, struct err *e)
{
	auto_free char *both = NULL;
	int r;

	*ret_named = o->repo && *o->repo;
	if (!*ret_named)
		return 0;
	both = o->tag && *o->tag ? xasprintf("%s:%s", o->repo, o->tag) : xstrdup(o->repo);
	r = oci_ref_parse(str_of(both), ret, e);
	if (r < 0)
		return r;
	if (ret->has_digest)
		return err_set(e, ERR_INVALID, EINVAL, "cannot import digest reference");
	if (!*ret->tag)
		(void)str_copy(ret->tag, sizeof(ret->tag), STR("latest"));
	return 0;
}

static int finish(struct image_store *s, uint32_t owner, const struct image_import *o,
	struct digest *blob, uint64_t size, struct oci_ref *name, struct digest *ret_id,
	struct err *e)
{
	struct image_report silent = { .quiet = true };
	struct image_plan p = {
		.nlayers = 1, .layers = blob, .sizes = &size, .tags = name, .ntags = name ? 1 : 0
	};
	auto_json json_t *config = NULL;
	struct image_layer layer;
	int r = image_layer_ensure(s, blob, NULL, NULL, &layer, e);

	if (r == 0)
		r = make_config(o, &layer.diff, &config, e);
	if (r == 0)
		r = put_config(s, config, &p.config, e);
	if (r < 0)
		return r;
	(void)pthread_mutex_init(&silent.lock, NULL);
	r = image_register(s, owner, &p, &silent, ret_id, e);
	(void)pthread_mutex_destroy(&silent.lock);
	image_unpin(s, &p.config);
	return r;
}

int image_import(struct image_store *s, uint32_t owner, const struct image_source *from,
	const struct image_import *o, struct digest *ret_id, struct err *e)
{
	auto_json json_t *probe = json_object();
	struct oci_ref name;
	struct digest blob;
	struct image *img;
	char text[DIGEST_TEXT + 1];
	bool named;
	uint64_t size = 0;
	int r = target_name(o, &name, &named, e);

	/* What is wrong with the words is said before the upload. */
	for (unsigned i = 0; i < o->nchanges && r == 0; i++)
		r = oci_change_apply(str_of(o->changes[i]), probe, e);
	if (r == 0)
		r = receive_layer(s, from, &blob, &size, e);
	if (r < 0)
		return r;
	r = finish(s, owner, o, &blob, size, named ? &name : NULL, ret_id, e);
	image_unpin(s, &blob);
	if (r == 0 && image_find(s, 0, digest_text(ret_id, text), &img, e) == 0) {
		auto_free char *shown = named ? oci_ref_text(&name) : xstrdup(text);

		image_event(s, owner, "import", img, shown);
		image_unref(img);
	}
	return r;
}
