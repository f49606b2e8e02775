/* docker save: blobs as received, described twice (docker's manifest.json and an OCI layout). */
#include "image/image-int.h"

#include <openssl/evp.h>

#define CHUNK	(512u << 10)
#define DOC_MAX (4u << 20)

struct file { /* one member: a blob of the store, or bytes */
	char *name;
	struct digest blob;
	char *bytes; /* NULL: the blob */
	uint64_t size, mtime;
};
struct pick { /* one image and the names it was asked by */
	struct image *img;
	char **names; /* familiar name:tag */
	unsigned nnames;
};
struct image_save {
	struct image_store *s;
	struct pick *picks;
	unsigned npicks;
	struct file *files;
	unsigned nfiles;
	uint32_t owner;
};

/* ---- which images ---------------------------------------------------------------------------- */
static struct pick *pick_of(struct image_save *v, struct image *img)
{
	for (unsigned i = 0; i < v->npicks; i++)
		if (v->picks[i].img == img)
			return &v->picks[i];
	v->picks = xrealloc(v->picks, (v->npicks + 1) * sizeof(*v->picks));
	v->picks[v->npicks] = (struct pick){ .img = image_ref(img) };
	return &v->picks[v->npicks++];
}

static void pick_tag(
	struct image_save *v, const struct image_entry *en, const struct image_tag_row *t)
{
	struct pick *p = pick_of(v, en->img);
	char *text = image_tag_text(t);

	for (unsigned i = 0; i < p->nnames; i++)
		if (streq(p->names[i], text)) {
			free(text);
			return;
		}
	p->names = xrealloc(p->names, (p->nnames + 1) * sizeof(*p->names));
	p->names[p->nnames++] = text;
}

/* A bare repository name means all of its tags. */
static unsigned pick_repository(struct image_save *v, const char *name)
{
	struct oci_ref ref;
	struct err ignored;
	unsigned found = 0;

	if (oci_ref_parse(str_of(name), &ref, &ignored) < 0 || *ref.tag || ref.has_digest)
		return 0;
	for (unsigned i = 0; i < v->s->n; i++)
		for (unsigned k = 0; k < v->s->all[i]->ntags; k++) {
			const struct image_tag_row *t = &v->s->all[i]->tags[k];

			if (!streq(t->name, ref.name) ||
				(v->owner != 0 && t->owner != v->owner && t->owner != 0))
				continue;
			pick_tag(v, v->s->all[i], t);
			found++;
		}
	return found;
}

static int pick(struct image_save *v, const char *name, struct err *e)
{
	struct image_tag_row *tag;
	struct image_entry *en;
	int r;

	if (pick_repository(v, name) > 0)
		return 0;
	r = image_lookup(v->s, v->owner, name, &en, &tag, e);
	if (r < 0)
		return r;
	if (tag)
		pick_tag(v, en, tag);
	else
		(void)pick_of(v, en->img);
	return 0;
}

/* ---- which members --------------------------------------------------------------------------- */
static struct file *file_named(struct image_save *v, const char *name)
{
	for (unsigned i = 0; i < v->nfiles; i++)
		if (streq(v->files[i].name, name))
			return &v->files[i];
	return NULL;
}

/* Takes name and bytes. */
static struct file *add_file(struct image_save *v, char *name, char *bytes, uint64_t size)
{
	v->files = xrealloc(v->files, (v->nfiles + 1) * sizeof(*v->files));
	v->files[v->nfiles] = (struct file){ .name = name, .bytes = bytes, .size = size };
	return &v->files[v->nfiles++];
}

static char *blob_name(const struct digest *d)
{
	char hex[DIGEST_HEX + 1];

	return xasprintf("blobs/sha256/%s", digest_hex(d, hex));
}

static const char *layer_type(int fd)
{
	uint8_t magic[4] = { 0 };

	if (pread(fd, magic, sizeof(magic), 0) == sizeof(magic)) {
		if (magic[0] == 0x1f && magic[1] == 0x8b)
			return OCI_LAYER_GZ;
		if (memcmp(magic, "\x28\xb5\x2f\xfd", 4) == 0)
			return OCI_LAYER_ZS;
	}
	return OCI_LAYER;
}

/* Adds a blob once; *ret describes it. */
static int add_blob(struct image_save *v, const struct digest *d, const char *type, uint64_t mtime,
	json_t **ret, struct err *e)
{
	char *name = blob_name(d), text[DIGEST_TEXT + 1];
	uint64_t size;
	auto_close int fd = store_get(v->s->o.blobs, d, &size, e);

	if (fd < 0) {
		free(name);
		return fd;
	}
	*ret = json_pack("{s:s,s:s,s:I}", "mediaType", type ? type : layer_type(fd), "digest",
		digest_text(d, text), "size", (json_int_t)size);
	if (file_named(v, name)) {
		free(name);
		return 0;
	}
	*add_file(v, name, NULL,
		size) = (struct file){ .name = name, .blob = *d, .size = size, .mtime = mtime };
	image_pin(v->s, d);
	return 0;
}

static int add_document(struct image_save *v, const char *name, const json_t *doc, struct err *e)
{
	auto_buf struct buf b = BUF(DOC_MAX);
	size_t n;

	if (json_print(doc, &b) < 0)
		return err_set(e, ERR_LIMIT, EMSGSIZE, "too many images for one archive");
	n = b.n;
	(void)add_file(v, xstrdup(name), buf_steal(&b), n);
	return 0;
}

/* The manifest is ours; its descriptor goes into the index once per name. */
static int add_manifest(struct image_save *v, const struct pick *p, json_t *config, json_t *layers,
	json_t *index, struct err *e)
{
	auto_json json_t *doc = json_pack("{s:i,s:s,s:O,s:O}", "schemaVersion", 2, "mediaType",
		OCI_MANIFEST, "config", config, "layers", layers);
	auto_buf struct buf b = BUF(DOC_MAX);
	char text[DIGEST_TEXT + 1];
	struct digest d;
	size_t n;

	if (json_print(doc, &b) < 0)
		return err_set(e, ERR_LIMIT, EMSGSIZE, "an image has too many layers");
	BUG_ON(EVP_Digest(b.p, b.n, d.b, NULL, EVP_sha256(), NULL) != 1);
	n = b.n;
	(void)add_file(v, blob_name(&d), buf_steal(&b), n);
	for (unsigned i = 0; i < MAX(p->nnames, 1u); i++) {
		json_t *entry = json_pack("{s:s,s:s,s:I}", "mediaType", OCI_MANIFEST, "digest",
			digest_text(&d, text), "size", (json_int_t)n);
		struct oci_ref ref;
		struct err ignored;

		if (i < p->nnames && oci_ref_parse(str_of(p->names[i]), &ref, &ignored) == 0) {
			auto_free char *full = xasprintf("%s:%s", ref.name, ref.tag);

			(void)json_object_set_new(entry, "annotations",
				json_pack("{s:s,s:s}", "io.containerd.image.name", full,
					"org.opencontainers.image.ref.name", ref.tag));
		}
		(void)json_array_append_new(index, entry);
	}
	return 0;
}

static int add_image(struct image_save *v, const struct pick *p, json_t *manifest, json_t *index,
	json_t *repositories, struct err *e)
{
	const struct image *i = p->img;
	uint64_t mtime = i->created_ns / NS_PER_SEC;
	auto_json json_t *layers = json_array();
	auto_json json_t *paths = json_array();
	auto_json json_t *sources = json_object();
	auto_json json_t *tags = json_array();
	auto_json json_t *config = NULL;
	char diff[DIGEST_TEXT + 1], top[DIGEST_HEX + 1] = "";
	int r = add_blob(v, &i->id, OCI_CONFIG, mtime, &config, e);

	for (unsigned k = 0; k < i->nlayers && r == 0; k++) {
		auto_free char *path = blob_name(&i->layers[k]);
		json_t *d = NULL;

		r = add_blob(v, &i->layers[k], NULL, mtime, &d, e);
		(void)json_array_append_new(paths, json_string(path));
		(void)json_object_set(sources, digest_text(&i->diff_ids[k], diff), d);
		(void)json_array_append_new(layers, d);
		(void)digest_hex(&i->layers[k], top);
	}
	if (r == 0)
		r = add_manifest(v, p, config, layers, index, e);
	if (r < 0)
		return r;
	for (unsigned k = 0; k < p->nnames; k++) {
		auto_free char *repo = xstrdup(p->names[k]);
		char *colon = strrchr(repo, ':');
		json_t *row;

		(void)json_array_append_new(tags, json_string(p->names[k]));
		*colon = '\0';
		row = json_object_get(repositories, repo);
		if (!row) {
			row = json_object();
			(void)json_object_set_new(repositories, repo, row);
		}
		(void)json_object_set_new(row, colon + 1, json_string(top));
	}
	{
		auto_free char *path = blob_name(&i->id);

		(void)json_array_append_new(
			manifest, json_pack("{s:s,s:O,s:O,s:O}", "Config", path, "RepoTags",
					  p->nnames ? tags : json_null(), "Layers", paths,
					  "LayerSources", sources));
	}
	return 0;
}

static int plan_members(struct image_save *v, struct err *e)
{
	auto_json json_t *manifest = json_array();
	auto_json json_t *entries = json_array();
	auto_json json_t *repositories = json_object();
	auto_json json_t *layout = json_pack("{s:s}", "imageLayoutVersion", "1.0.0");
	auto_json json_t *index = NULL;
	int r = 0;

	for (unsigned i = 0; i < v->npicks && r == 0; i++)
		r = add_image(v, &v->picks[i], manifest, entries, repositories, e);
	index = json_pack(
		"{s:i,s:s,s:O}", "schemaVersion", 2, "mediaType", OCI_INDEX, "manifests", entries);
	if (r == 0)
		r = add_document(v, "index.json", index, e);
	if (r == 0)
		r = add_document(v, "manifest.json", manifest, e);
	if (r == 0)
		r = add_document(v, "oci-layout", layout, e);
	if (r == 0 && json_object_size(repositories))
		r = add_document(v, "repositories", repositories, e);
	return r;
}

int image_save_begin(struct image_store *s, uint32_t owner, const char *const *names,
	unsigned nnames, struct image_save **ret, struct err *e)
{
	struct image_save *v = xcalloc(1, sizeof(*v));
	int r = 0;

	v->s = s;
	v->owner = owner;
	(void)pthread_rwlock_rdlock(&s->lock);
	for (unsigned i = 0; i < nnames && r == 0; i++)
		r = pick(v, names[i], e);
	(void)pthread_rwlock_unlock(&s->lock);
	if (r == 0)
		r = plan_members(v, e);
	if (r < 0) {
		image_save_end(v);
		return r;
	}
	*ret = v;
	return 0;
}

void image_save_end(struct image_save *v)
{
	for (unsigned i = 0; i < v->nfiles; i++) {
		if (!v->files[i].bytes)
			image_unpin(v->s, &v->files[i].blob);
		free(v->files[i].bytes);
		free(v->files[i].name);
	}
	for (unsigned i = 0; i < v->npicks; i++) {
		for (unsigned k = 0; k < v->picks[i].nnames; k++)
			free(v->picks[i].names[k]);
		free(v->picks[i].names);
		image_unref(v->picks[i].img);
	}
	free(v->files);
	free(v->picks);
	free(v);
}

/* ---- the tar --------------------------------------------------------------------------------- */
struct ustar {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], sum[8], type, link[100],
		magic[8], uname[32], gname[32], major[8], minor[8], prefix[155], pad[12];
};
_Static_assert(sizeof(struct ustar) == 512, "one tar block");

/* Octal where it fits, else GNU's base-256. */
static void put_size(char *out, uint64_t size)
{
	char text[24];

	if (size < 1ull << 33) {
		(void)snprintf(text, sizeof(text), "%011llo", (unsigned long long)size);
		memcpy(out, text, 12);
		return;
	}
	memset(out, 0, 12);
	out[0] = (char)0x80;
	for (int i = 11; i > 3; i--, size >>= 8)
		out[i] = (char)(size & 0xff);
}

static int write_head(
	const struct image_sink *to, const char *name, char type, uint64_t size, uint64_t mtime)
{
	struct ustar h = { .type = type, .magic = "ustar\00000" };
	unsigned sum = 0;

	BUG_ON(!str_copy(h.name, sizeof(h.name), str_of(name)));
	(void)snprintf(h.mode, sizeof(h.mode), "%07o", type == '5' ? 0755u : 0644u);
	memcpy(h.uid, "0000000", 8);
	memcpy(h.gid, "0000000", 8);
	put_size(h.size, size);
	put_size(h.mtime, mtime);
	memset(h.sum, ' ', sizeof(h.sum));
	for (size_t i = 0; i < sizeof(h); i++)
		sum += ((const uint8_t *)&h)[i];
	(void)snprintf(h.sum, sizeof(h.sum), "%06o", sum & 0777777);
	return to->write(to->arg, &h, sizeof(h));
}

static int write_pad(const struct image_sink *to, uint64_t size)
{
	static const char zero[512];
	size_t n = (512 - size % 512) % 512;

	return n ? to->write(to->arg, zero, n) : 0;
}

static int write_blob(
	struct image_save *v, const struct file *f, const struct image_sink *to, struct err *e)
{
	auto_free char *chunk = xmalloc(CHUNK);
	auto_close int fd = store_get(v->s->o.blobs, &f->blob, NULL, e);
	uint64_t left = f->size;
	int r = 0;

	if (fd < 0)
		return fd;
	while (left > 0 && r >= 0) {
		ssize_t n = fd_read_full(fd, chunk, MIN(left, (uint64_t)CHUNK));

		if (n <= 0)
			return err_set(e, ERR_CORRUPT, EIO, "a blob is shorter than it was");
		left -= (uint64_t)n;
		r = to->write(to->arg, chunk, (size_t)n);
	}
	return r;
}

static int write_file(
	struct image_save *v, const struct file *f, const struct image_sink *to, struct err *e)
{
	int r = write_head(to, f->name, '0', f->size, f->mtime);

	if (r >= 0)
		r = f->bytes ? to->write(to->arg, f->bytes, f->size) : write_blob(v, f, to, e);
	return r < 0 ? r : write_pad(to, f->size);
}

int image_save_write(struct image_save *v, const struct image_sink *to, struct err *e)
{
	static const char end[1024];
	int r = write_head(to, "blobs/", '5', 0, 0);

	if (r >= 0)
		r = write_head(to, "blobs/sha256/", '5', 0, 0);
	for (unsigned i = 0; i < v->nfiles && r >= 0; i++)
		r = write_file(v, &v->files[i], to, e);
	if (r >= 0)
		r = to->write(to->arg, end, sizeof(end));
	for (unsigned i = 0; i < v->npicks && r >= 0; i++) {
		char id[DIGEST_TEXT + 1];

		(void)digest_text(&v->picks[i].img->id, id);
		image_event(v->s, v->owner, "save", v->picks[i].img,
			v->picks[i].nnames ? v->picks[i].names[0] : id);
	}
	return r < 0 ? r : 0;
}
