#include "image/image-int.h"

/* Every image of the archive must be sound before the first one shows. */
static int check_plans(struct image_store *s, const struct image_plan *p, unsigned n, struct err *e)
{
	auto_buf struct buf b = BUF(JSON_INPUT_MAX);
	int r = 0;

	for (unsigned i = 0; i < n && r == 0; i++) {
		auto_json json_t *doc = NULL;
		auto_free struct digest *ids = NULL;
		unsigned nids = 0;

		r = store_read(s->o.blobs, &p[i].config, &b, e);
		if (r == 0)
			r = oci_config_parse(buf_view(&b), &doc, &ids, &nids, e);
		if (r == 0 && nids != p[i].nlayers)
			r = err_set(e, ERR_CORRUPT, EBADMSG,
				"invalid manifest, layers length mismatch: expected %u, got %u",
				nids, p[i].nlayers);
	}
	return r;
}

static void announce(struct image_store *s, uint32_t owner, const struct digest *id)
{
	char text[DIGEST_TEXT + 1];
	struct image *img;
	struct err ignored;

	if (image_find(s, 0, digest_text(id, text), &img, &ignored) < 0)
		return;
	image_event(s, owner, "load", img, text);
	image_unref(img);
}

int image_load(struct image_store *s, uint32_t owner, const struct image_source *from, bool quiet,
	const struct image_sink *progress, struct err *e)
{
	struct image_report report = { .sink = progress, .quiet = quiet };
	struct image_members members;
	struct image_plan *plans = NULL;
	unsigned n = 0;
	int r = image_receive(s, from, &members, e);

	if (r < 0)
		return r;
	(void)pthread_mutex_init(&report.lock, NULL);
	r = image_plan(s, &members, &plans, &n, e);
	if (r == 0)
		r = check_plans(s, plans, n, e);
	for (unsigned i = 0; i < n && r == 0; i++) {
		struct digest id;

		r = image_register(s, owner, &plans[i], &report, &id, e);
		if (r == 0)
			announce(s, owner, &id);
	}
	image_plan_free(plans, n);
	image_members_done(s, &members); /* what no image took is gone again */
	(void)pthread_mutex_destroy(&report.lock);
	return r;
}
