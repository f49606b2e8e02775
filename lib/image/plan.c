/* What an archive's documents say its images are: docker's manifest.json, else an OCI layout. */
#include "image/image-int.h"

#define DEPTH_MAX 3

#if defined(__x86_64__)
#define MACHINE "amd64"
#elif defined(__aarch64__)
#define MACHINE "arm64"
#else
#define MACHINE "unknown"
#endif

struct planner {
	struct image_store *s;
	const struct image_members *members;
	struct image_plan *plans;
	unsigned n;
};

void image_plan_free(struct image_plan *p, unsigned n)
{
	for (unsigned i = 0; p && i < n; i++) {
		free(p[i].layers);
		free(p[i].sizes);
		free(p[i].tags);
	}
	free(p);
}

static struct image_plan *add_plan(struct planner *pl, unsigned nlayers)
{
	struct image_plan *p;

	pl->plans = xrealloc(pl->plans, (pl->n + 1) * sizeof(*p));
	p = &pl->plans[pl->n++];
	*p = (struct image_plan){ .nlayers = nlayers };
	p->layers = xcalloc(nlayers + 1, sizeof(*p->layers));
	p->sizes = xcalloc(nlayers + 1, sizeof(*p->sizes));
	return p;
}

/* A name that promises a digest ("blobs/sha256/<hex>", "<hex>.json") is held to it. */
static int check_name(const char *name, const struct image_member *m, struct err *e)
{
	const char *base = strrchr(name, '/');
	struct str stem = str_of(base ? base + 1 : name);
	struct digest promised;
	char got[DIGEST_TEXT + 1];

	if (stem.n == DIGEST_HEX + 5 && streq(stem.p + DIGEST_HEX, ".json"))
		stem.n = DIGEST_HEX;
	if (!digest_parse_hex(stem, &promised) || digest_eq(&promised, &m->blob))
		return 0;
	return err_set(e, ERR_UNTRUSTED, EBADMSG, "invalid archive: the content of \"%s\" is %s",
		name, digest_text(&m->blob, got));
}

static int find(
	struct planner *pl, const char *name, struct digest *ret, uint64_t *ret_size, struct err *e)
{
	const struct image_member *m;
	int r = image_member_find(pl->members, name, &m, e);

	if (r == 0)
		r = check_name(name, m, e);
	if (r < 0)
		return r;
	*ret = m->blob;
	if (ret_size)
		*ret_size = m->size;
	return 0;
}

static int read_member(struct planner *pl, const char *name, struct buf *out, struct err *e)
{
	struct digest d;
	int r = find(pl, name, &d, NULL, e);

	return r < 0 ? r : store_read(pl->s->o.blobs, &d, out, e);
}

/* ---- docker's manifest.json ------------------------------------------------------------------ */
static int plan_saved_one(struct planner *pl, struct oci_saved *in, struct err *e)
{
	struct image_plan *p = add_plan(pl, in->nlayers);
	int r = find(pl, in->config, &p->config, NULL, e);

	for (unsigned i = 0; i < in->nlayers && r == 0; i++)
		r = find(pl, in->layers[i], &p->layers[i], &p->sizes[i], e);
	p->tags = steal_ptr(&in->tags);
	p->ntags = in->ntags;
	return r;
}

static int plan_saved(struct planner *pl, struct err *e)
{
	auto_buf struct buf b = BUF(JSON_INPUT_MAX);
	struct oci_saved *list = NULL;
	unsigned n = 0;
	int r = read_member(pl, "manifest.json", &b, e);

	if (r == 0)
		r = oci_saved_parse(buf_view(&b), &list, &n, e);
	if (r < 0)
		return r;
	for (unsigned i = 0; i < n && r == 0; i++)
		r = plan_saved_one(pl, &list[i], e);
	oci_saved_free(list, n);
	return r;
}

/* ---- OCI layout ------------------------------------------------------------------------------ */
static int find_blob(struct planner *pl, const struct oci_descriptor *d, struct err *e)
{
	char name[16 + DIGEST_HEX], hex[DIGEST_HEX + 1];
	struct digest got;
	uint64_t size;
	int r;

	(void)snprintf(name, sizeof(name), "blobs/sha256/%s", digest_hex(&d->digest, hex));
	r = find(pl, name, &got, &size, e);
	if (r < 0)
		return r;
	if (size != d->size || !digest_eq(&got, &d->digest))
		return err_set(e, ERR_UNTRUSTED, EBADMSG,
			"invalid archive: blob sha256:%s has %llu bytes, %llu were promised", hex,
			(unsigned long long)size, (unsigned long long)d->size);
	return 0;
}

/* A bare "latest" names nothing; a complete name does. */
static void add_ref_name(struct image_plan *p, const char *name)
{
	struct oci_ref ref;
	struct err ignored;

	if ((!strchr(name, ':') && !strchr(name, '/')) ||
		oci_ref_parse(str_of(name), &ref, &ignored) < 0 || ref.has_digest)
		return;
	if (!*ref.tag)
		(void)str_copy(ref.tag, sizeof(ref.tag), STR("latest"));
	p->tags = xrealloc(p->tags, (p->ntags + 1) * sizeof(ref));
	p->tags[p->ntags++] = ref;
}

static bool same_image(const struct image_plan *p, const struct oci_manifest *m)
{
	return digest_eq(&p->config, &m->config.digest) && p->nlayers == m->nlayers;
}

static int plan_manifest(
	struct planner *pl, const struct oci_descriptor *d, const char *ref_name, struct err *e)
{
	auto_buf struct buf b = BUF(JSON_INPUT_MAX);
	auto_free struct oci_manifest *m = xcalloc(1, sizeof(*m));
	struct image_plan *p;
	int r = find_blob(pl, d, e);

	if (r == 0)
		r = store_read(pl->s->o.blobs, &d->digest, &b, e);
	if (r == 0)
		r = oci_manifest_parse(buf_view(&b), d->media_type, m, e);
	if (r == 0)
		r = find_blob(pl, &m->config, e);
	for (unsigned i = 0; i < m->nlayers && r == 0; i++)
		r = find_blob(pl, &m->layers[i], e);
	if (r < 0)
		return r;
	for (unsigned i = 0; i < pl->n; i++)
		if (same_image(&pl->plans[i], m)) { /* one image, several names */
			add_ref_name(&pl->plans[i], ref_name);
			return 0;
		}
	p = add_plan(pl, m->nlayers);
	p->config = m->config.digest;
	for (unsigned i = 0; i < m->nlayers; i++) {
		p->layers[i] = m->layers[i].digest;
		p->sizes[i] = m->layers[i].size;
	}
	add_ref_name(p, ref_name);
	return 0;
}

/* Attestations say "unknown"; other machines' images stay in the archive. */
static bool ours(const struct oci_descriptor *d)
{
	return (!*d->arch || streq(d->arch, MACHINE)) && (!*d->os || streq(d->os, "linux"));
}

static int plan_index(
	struct planner *pl, struct str bytes, const char *ref_name, unsigned depth, struct err *e);

static int plan_descriptor(struct planner *pl, const struct oci_descriptor *d, const char *ref_name,
	unsigned depth, struct err *e)
{
	auto_buf struct buf b = BUF(JSON_INPUT_MAX);
	int r;

	if (oci_is_manifest(d->media_type))
		return ours(d) ? plan_manifest(pl, d, ref_name, e) : 0;
	if (!oci_is_index(d->media_type))
		return err_set(e, ERR_UNSUPPORTED, 0, "documents of type \"%s\" are not supported",
			d->media_type);
	r = find_blob(pl, d, e);
	if (r == 0)
		r = store_read(pl->s->o.blobs, &d->digest, &b, e);
	return r < 0 ? r : plan_index(pl, buf_view(&b), ref_name, depth + 1, e);
}

static int plan_index(
	struct planner *pl, struct str bytes, const char *ref_name, unsigned depth, struct err *e)
{
	auto_free struct oci_descriptor *list = NULL;
	unsigned n;
	int r;

	if (depth > DEPTH_MAX)
		return err_set(e, ERR_LIMIT, ELOOP, "invalid archive: indexes are nested too deep");
	r = oci_index_parse(bytes, &list, &n, e);
	for (unsigned i = 0; r == 0 && i < n; i++)
		r = plan_descriptor(
			pl, &list[i], *list[i].ref_name ? list[i].ref_name : ref_name, depth, e);
	return r;
}

static int plan_layout(struct planner *pl, struct err *e)
{
	auto_buf struct buf b = BUF(JSON_INPUT_MAX);
	int r = read_member(pl, "index.json", &b, e);

	return r < 0 ? r : plan_index(pl, buf_view(&b), "", 0, e);
}

int image_plan(struct image_store *s, const struct image_members *m, struct image_plan **ret,
	unsigned *ret_n, struct err *e)
{
	struct planner pl = { .s = s, .members = m };
	const struct image_member *found;
	int r;

	if (image_member_find(m, "manifest.json", &found, NULL) == 0)
		r = plan_saved(&pl, e);
	else if (image_member_find(m, "index.json", &found, NULL) == 0)
		r = plan_layout(&pl, e);
	else
		r = err_set(e, ERR_INVALID, EINVAL,
			"invalid archive: does not contain a manifest.json");
	if (r == 0 && pl.n == 0)
		r = err_set(e, ERR_INVALID, EINVAL,
			"invalid archive: no image for linux/" MACHINE " in it");
	if (r < 0) {
		image_plan_free(pl.plans, pl.n);
		return r;
	}
	*ret = pl.plans;
	*ret_n = pl.n;
	return 0;
}
