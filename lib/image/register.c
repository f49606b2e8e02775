/* From a plan to an image: layers unpacked two at a time, then everything visible at once. */
#include "image/image-int.h"

#include <stdarg.h>

#define WORKERS 2

/* ---- what the client reads ------------------------------------------------------------------- */
static void report_line(struct image_report *r, json_t *line)
{
	auto_buf struct buf b = BUF(64 << 10);

	if (r->held) {
		(void)json_array_append_new(r->held, line);
		return;
	}
	if (json_print(line, &b) == 0 && buf_z(&b, "\r\n") == 0) {
		(void)pthread_mutex_lock(&r->lock);
		if (!r->failed && r->sink)
			r->failed = r->sink->write(r->sink->arg, b.p, b.n) < 0;
		(void)pthread_mutex_unlock(&r->lock);
	}
	json_decref(line);
}

PRINTF(2, 3)
static void report_stream(struct image_report *r, const char *fmt, ...)
{
	char text[ERR_MSG_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	report_line(r, json_pack("{s:s}", "stream", text));
}

static void report_held(struct image_report *r)
{
	auto_json json_t *lines = steal_ptr(&r->held);
	json_t *line;
	size_t k;

	json_array_foreach(lines, k, line)
	{
		report_line(r, json_incref(line));
	}
}

struct watch {
	struct image_report *report;
	char id[13];
};

static void on_progress(void *arg, uint64_t taken, uint64_t total)
{
	struct watch *w = arg;

	if (!w->report->quiet)
		report_line(w->report, json_pack("{s:s,s:{s:I,s:I},s:s}", "status", "Loading layer",
					       "progressDetail", "current", (json_int_t)taken,
					       "total", (json_int_t)total, "id", w->id));
}

static void on_warning(void *arg, struct str text)
{
	struct watch *w = arg;

	if (!w->report->quiet)
		report_stream(w->report, "Warning: %.*s\n", (int)MIN(text.n, (size_t)400), text.p);
}

/* ---- layers ---------------------------------------------------------------------------------- */
struct work {
	struct image_store *s;
	const struct image_plan *plan;
	const struct digest *diffs;
	struct image_report *report;
	pthread_mutex_t lock; /* guards the rest */
	unsigned next;
	int result;
	struct err err;
};

static int take_next(struct work *w)
{
	int i = -1;

	(void)pthread_mutex_lock(&w->lock);
	if (w->result == 0 && w->next < w->plan->nlayers)
		i = (int)w->next++;
	(void)pthread_mutex_unlock(&w->lock);
	return i;
}

static void *work(void *arg)
{
	struct work *w = arg;
	int i;

	while ((i = take_next(w)) >= 0) {
		struct watch seen = { .report = w->report };
		struct image_layer_watch lw = { on_progress, on_warning, &seen };
		struct image_layer l;
		char hex[DIGEST_HEX + 1];
		struct err err;
		bool known = image_layer_get(w->s, &w->plan->layers[i], &l);
		int r;

		(void)str_copy(seen.id, sizeof(seen.id),
			(struct str){ digest_hex(&w->diffs[i], hex), 12 });
		r = image_layer_ensure(w->s, &w->plan->layers[i], &w->diffs[i], &lw, &l, &err);
		if (r == 0 && !known)
			on_progress(&seen, w->plan->sizes[i], w->plan->sizes[i]);
		if (r < 0) {
			(void)pthread_mutex_lock(&w->lock);
			if (w->result == 0) {
				w->result = r;
				w->err = err;
			}
			(void)pthread_mutex_unlock(&w->lock);
		}
	}
	return NULL;
}

static int unpack_layers(struct image_store *s, const struct image_plan *p,
	const struct digest *diffs, struct image_report *report, struct err *e)
{
	struct work w = { .s = s, .plan = p, .diffs = diffs, .report = report };
	pthread_t helpers[WORKERS - 1];
	unsigned n = 0;

	(void)pthread_mutex_init(&w.lock, NULL);
	while (n < ARRAY_SIZE(helpers) && n + 1 < p->nlayers &&
		pthread_create(&helpers[n], NULL, work, &w) == 0)
		n++;
	(void)work(&w);
	while (n > 0)
		(void)pthread_join(helpers[--n], NULL);
	(void)pthread_mutex_destroy(&w.lock);
	if (w.result < 0 && e)
		*e = w.err;
	return w.result;
}

/* ---- the image ------------------------------------------------------------------------------- */
static void tell_tag(struct image_report *r, const struct oci_ref *ref, const struct digest *old)
{
	auto_free char *name = oci_ref_text(ref);
	char id[DIGEST_TEXT + 1];

	if (!digest_is_zero(old))
		report_stream(r,
			"The image %s already exists, renaming the old one with ID %s to empty "
			"string\n",
			name, digest_text(old, id));
	report_stream(r, "Loaded image: %s\n", name);
}

/* With lock held for writing.  Takes img. */
static int publish(struct image_store *s, uint32_t owner, struct image *img,
	const struct image_plan *p, struct image_report *report, struct err *e)
{
	bool fresh = image_entry_of(s, &img->id) == NULL;
	struct image_entry *en = image_entry_add(s, img, owner);
	char id[DIGEST_TEXT + 1];
	struct digest old;
	int r;

	if (!en->img->loaded_ns)
		en->img->loaded_ns = clock_wall_ns();
	en->hidden = false;
	r = image_entry_save(s, en, e);
	for (unsigned i = 0; i < p->ntags && r == 0; i++) {
		r = image_tag_set(s, en, owner, &p->tags[i], &old, e);
		if (r == 0)
			tell_tag(report, &p->tags[i], &old);
	}
	if (r == 0 && p->ntags == 0)
		report_stream(report, "Loaded image ID: %s\n", digest_text(&en->img->id, id));
	if (r < 0 && fresh)
		image_entry_drop(s, en);
	return r;
}

static int diffs_of(
	struct image_store *s, const struct image_plan *p, struct digest **ret, struct err *e)
{
	auto_buf struct buf b = BUF(JSON_INPUT_MAX);
	auto_json json_t *doc = NULL;
	auto_free struct digest *ids = NULL;
	unsigned n = 0;
	int r = store_read(s->o.blobs, &p->config, &b, e);

	if (r == 0)
		r = oci_config_parse(buf_view(&b), &doc, &ids, &n, e);
	if (r < 0)
		return r;
	if (n != p->nlayers)
		return err_set(e, ERR_CORRUPT, EBADMSG,
			"invalid manifest, layers length mismatch: expected %u, got %u", n,
			p->nlayers);
	*ret = steal_ptr(&ids);
	return 0;
}

int image_register(struct image_store *s, uint32_t owner, const struct image_plan *p,
	struct image_report *report, struct digest *ret_id, struct err *e)
{
	auto_free struct digest *diffs = NULL;
	struct image *img = NULL;
	int r = diffs_of(s, p, &diffs, e);

	if (r == 0)
		r = unpack_layers(s, p, diffs, report, e);
	if (r == 0)
		r = image_make(s, &p->config, p->layers, p->nlayers, &img, e);
	if (r < 0)
		return r;
	report->held = json_array();
	(void)pthread_rwlock_wrlock(&s->lock);
	r = publish(s, owner, img, p, report, e);
	(void)pthread_rwlock_unlock(&s->lock);
	report_held(report);
	if (r == 0)
		*ret_id = p->config;
	return r;
}
