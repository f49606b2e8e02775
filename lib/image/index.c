/* The images in memory, and finding one by what a user typed. */
#include "image/image-int.h"

struct image *image_ref(struct image *i)
{
	(void)__atomic_add_fetch(&i->refs, 1, __ATOMIC_RELAXED);
	return i;
}

void image_unref(struct image *i)
{
	if (!i || __atomic_sub_fetch(&i->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	json_decref(i->config);
	free(i->layers);
	free(i->diff_ids);
	free(i->layer_sizes);
	free(i);
}

const json_t *image_defaults(const struct image *i)
{
	static json_t *empty;
	const json_t *c = json_object_get(i->config, "config");

	if (c && json_is_object(c))
		return c;
	if (!__atomic_load_n(&empty, __ATOMIC_ACQUIRE)) {
		json_t *fresh = json_object(), *none = NULL;

		if (!__atomic_compare_exchange_n(
			    &empty, &none, fresh, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
			json_decref(fresh);
	}
	return empty;
}

uint64_t image_time(const json_t *doc, const char *key)
{
	const char *s = json_string_value(json_object_get(doc, key));
	uint64_t ns = 0;

	return s && clock_parse(str_of(s), clock_wall_ns(), &ns) ? ns : 0;
}

int image_make(struct image_store *s, const struct digest *id, const struct digest *blobs,
	unsigned n, struct image **ret, struct err *e)
{
	auto_buf struct buf bytes = BUF(JSON_INPUT_MAX);
	struct image *i = xcalloc(1, sizeof(*i));
	struct image_layer l;
	unsigned ndiff = 0;
	int r;

	i->refs = 1;
	i->id = *id;
	r = store_read(s->o.blobs, id, &bytes, e);
	if (r == 0)
		r = oci_config_parse(buf_view(&bytes), &i->config, &i->diff_ids, &ndiff, e);
	if (r == 0 && ndiff != n)
		r = err_set(e, ERR_CORRUPT, EBADMSG,
			"invalid manifest, layers length mismatch: "
			"the config names %u layers, the manifest %u",
			ndiff, n);
	if (r < 0) {
		image_unref(i);
		return r;
	}
	i->nlayers = n;
	i->layers = xcalloc(n + 1, sizeof(*i->layers));
	i->layer_sizes = xcalloc(n + 1, sizeof(*i->layer_sizes));
	for (unsigned k = 0; k < n; k++) {
		i->layers[k] = blobs[k];
		if (image_layer_get(s, &blobs[k], &l)) {
			i->layer_sizes[k] = l.size;
			i->size += l.size;
		}
	}
	i->created_ns = image_time(i->config, "created");
	*ret = i;
	return 0;
}

struct image_entry *image_entry_of(struct image_store *s, const struct digest *id)
{
	for (unsigned i = 0; i < s->n; i++)
		if (digest_eq(&s->all[i]->img->id, id))
			return s->all[i];
	return NULL;
}

static bool loaded_by(const struct image_entry *en, uint32_t owner)
{
	for (unsigned i = 0; i < en->nowners; i++)
		if (en->owners[i] == owner)
			return true;
	return false;
}

bool image_visible(const struct image_entry *en, uint32_t owner)
{
	if (en->hidden)
		return false;
	if (owner == 0 || loaded_by(en, owner) || loaded_by(en, 0))
		return true;
	for (unsigned i = 0; i < en->ntags; i++)
		if (en->tags[i].owner == owner || en->tags[i].owner == 0)
			return true;
	return false;
}

bool image_writable(const struct image_entry *en, uint32_t owner)
{
	return owner == 0 || loaded_by(en, owner);
}

struct image_entry *image_entry_add(struct image_store *s, struct image *img, uint32_t owner)
{
	struct image_entry *en = image_entry_of(s, &img->id);

	if (en) {
		image_unref(img);
	} else {
		en = xcalloc(1, sizeof(*en));
		en->img = img;
		if (s->n == s->cap) {
			s->cap = s->cap ? s->cap * 2 : 16;
			s->all = xrealloc(s->all, s->cap * sizeof(*s->all));
		}
		s->all[s->n++] = en;
	}
	if (!loaded_by(en, owner) && en->nowners < IMAGE_USERS)
		en->owners[en->nowners++] = owner;
	return en;
}

/* ---- the store ------------------------------------------------------------------------------- */
int image_store_open(
	const struct image_store_options *o, bool rebuild, struct image_store **ret, struct err *e)
{
	struct image_store *s = xcalloc(1, sizeof(*s));
	int r;

	s->o = *o;
	(void)pthread_rwlock_init(&s->lock, NULL);
	(void)pthread_mutex_init(&s->layer_lock, NULL);
	(void)pthread_mutex_init(&s->blob_lock, NULL);
	(void)pthread_cond_init(&s->layer_done, NULL);
	r = image_restore_all(s, rebuild, e);
	if (r < 0) {
		image_store_close(s);
		return r;
	}
	*ret = s;
	return 0;
}

void image_store_close(struct image_store *s)
{
	while (s->n)
		image_entry_drop(s, s->all[s->n - 1]);
	free(s->all);
	free(s->layers);
	free(s->pins);
	fd_close(s->o.dir);
	(void)pthread_rwlock_destroy(&s->lock);
	(void)pthread_mutex_destroy(&s->layer_lock);
	(void)pthread_mutex_destroy(&s->blob_lock);
	(void)pthread_cond_destroy(&s->layer_done);
	free(s);
}

/* ---- finding --------------------------------------------------------------------------------- */
/* A caller's own name hides root's.  A member's name is nobody else's, not even root's: else a
 * member could plant what root runs next.  By id root reaches every image. */
static int rank(const struct image_tag_row *t, uint32_t owner)
{
	if (t->owner == owner)
		return 2;
	return t->owner == 0 ? 1 : 0;
}

static bool find_tag(struct image_store *s, uint32_t owner, const struct oci_ref *ref,
	struct image_entry **ret, struct image_tag_row **ret_tag)
{
	const char *tag = *ref->tag ? ref->tag : "latest";
	int best = 0;

	for (unsigned i = 0; i < s->n; i++)
		for (unsigned k = 0; k < s->all[i]->ntags; k++) {
			struct image_tag_row *t = &s->all[i]->tags[k];

			if (rank(t, owner) <= best || !streq(t->name, ref->name))
				continue;
			if (ref->has_digest ? !digest_eq(&s->all[i]->img->id, &ref->digest)
					    : !streq(t->tag, tag))
				continue;
			best = rank(t, owner);
			*ret = s->all[i];
			*ret_tag = t;
		}
	return best > 0;
}

/* A unique prefix of an id, with or without "sha256:". */
static bool find_prefix(
	struct image_store *s, uint32_t owner, struct str text, struct image_entry **ret)
{
	unsigned found = 0;

	if (str_starts(text, STR("sha256:")))
		text = (struct str){ text.p + 7, text.n - 7 };
	if (text.n == 0 || text.n > DIGEST_HEX)
		return false;
	for (unsigned i = 0; i < s->n; i++) {
		char hex[DIGEST_HEX + 1];

		if (!image_visible(s->all[i], owner) ||
			!str_starts(str_of(digest_hex(&s->all[i]->img->id, hex)), text))
			continue;
		*ret = s->all[i];
		found++;
	}
	return found == 1;
}

static int no_such(const char *text, const struct oci_ref *ref, struct err *e)
{
	auto_free char *full = ref ? oci_ref_text(ref) : xstrdup(text);
	bool bare = ref && !*ref->tag && !ref->has_digest;

	return err_set(
		e, ERR_NOT_FOUND, ENOENT, "No such image: %s%s", full, bare ? ":latest" : "");
}

int image_lookup(struct image_store *s, uint32_t owner, const char *text, struct image_entry **ret,
	struct image_tag_row **ret_tag, struct err *e)
{
	struct oci_ref ref;
	struct digest id;
	struct str t = str_of(text);
	bool whole = digest_parse(t, &id) || digest_parse_hex(t, &id);
	int r;

	*ret_tag = NULL;
	if (whole) {
		struct image_entry *en = image_entry_of(s, &id);

		*ret = en;
		/* A container finds the image it was made from, even a hidden one, as root. */
		return en && (owner == 0 || image_visible(en, owner)) ? 0 : no_such(text, NULL, e);
	}
	r = oci_ref_parse(t, &ref, e);
	if (r == 0 && find_tag(s, owner, &ref, ret, ret_tag))
		return 0;
	if (find_prefix(s, owner, t, ret))
		return 0;
	return r < 0 ? r : no_such(text, &ref, e);
}

int image_find(
	struct image_store *s, uint32_t owner, const char *ref, struct image **ret, struct err *e)
{
	struct image_tag_row *tag;
	struct image_entry *en;
	int r;

	(void)pthread_rwlock_rdlock(&s->lock);
	r = image_lookup(s, owner, ref, &en, &tag, e);
	if (r == 0)
		*ret = image_ref(en->img);
	(void)pthread_rwlock_unlock(&s->lock);
	return r;
}

unsigned image_count(struct image_store *s)
{
	unsigned n;

	(void)pthread_rwlock_rdlock(&s->lock);
	n = s->n;
	(void)pthread_rwlock_unlock(&s->lock);
	return n;
}
