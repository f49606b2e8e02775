/* What is on disk of an image, and finding all of them when the engine starts. */
#include "base/versions.h"
#include "image/image-int.h"

#include <dirent.h>
#include <fcntl.h>

static json_t *tag_document(const struct image_tag_row *t)
{
	return json_pack("{s:I,s:s,s:s,s:I}", "owner", (json_int_t)t->owner, "name", t->name, "tag",
		t->tag, "set", (json_int_t)t->set_ns);
}

static json_t *entry_document(struct image_store *s, const struct image_entry *en)
{
	json_t *layers = json_array(), *tags = json_array(), *owners = json_array();
	const struct image *i = en->img;
	char hex[DIGEST_TEXT + 1], diff[DIGEST_TEXT + 1];

	(void)s;
	for (unsigned k = 0; k < i->nlayers; k++)
		(void)json_array_append_new(
			layers, json_pack("{s:s,s:s,s:I}", "blob", digest_text(&i->layers[k], hex),
					"diff", digest_text(&i->diff_ids[k], diff), "size",
					(json_int_t)i->layer_sizes[k]));
	for (unsigned k = 0; k < en->ntags; k++)
		(void)json_array_append_new(tags, tag_document(&en->tags[k]));
	for (unsigned k = 0; k < en->nowners; k++)
		(void)json_array_append_new(owners, json_integer((json_int_t)en->owners[k]));
	return json_pack("{s:i,s:b,s:s,s:I,s:o,s:o,s:o}", "version", IMAGE_VERSION, "hidden",
		en->hidden, "id", digest_text(&i->id, hex), "loaded", (json_int_t)i->loaded_ns,
		"layers", layers, "tags", tags, "owners", owners);
}

/* Written beside and renamed: a reader after a crash sees the old or the new one. */
static int write_file(struct image_store *s, const char *hex, const json_t *doc, struct err *e)
{
	auto_buf struct buf b = BUF(JSON_INPUT_MAX);
	char name[DIGEST_HEX + 8], tmp[DIGEST_HEX + 8];
	auto_close int fd = -EBADF;
	int r = json_print(doc, &b);

	(void)snprintf(name, sizeof(name), "%s.json", hex);
	(void)snprintf(tmp, sizeof(tmp), "%s.new", hex);
	if (r < 0)
		return err_set(e, ERR_LIMIT, -r, "image %.12s has too many names", hex);
	fd = openat(s->o.dir, tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_set(e, ERR_SYSTEM, errno, "writing the document of image %.12s", hex);
	r = fd_write_all(fd, b.p, b.n);
	if (r == 0 && (fdatasync(fd) < 0 || renameat(s->o.dir, tmp, s->o.dir, name) < 0))
		r = -errno;
	if (r < 0) {
		(void)unlinkat(s->o.dir, tmp, 0);
		return err_set(e, ERR_SYSTEM, -r, "writing the document of image %.12s", hex);
	}
	return 0;
}

int image_entry_save(struct image_store *s, const struct image_entry *en, struct err *e)
{
	auto_json json_t *doc = entry_document(s, en);
	char hex[DIGEST_HEX + 1];
	int r = write_file(s, digest_hex(&en->img->id, hex), doc, e);

	return r < 0 ? r : state_put(s->o.state, "image", hex, doc, e);
}

static void restore_tag(struct image_store *s, struct image_entry *en, const json_t *t)
{
	struct image_tag_row row = { .owner = (uint32_t)json_integer_value(
					     json_object_get(t, "owner")),
		.set_ns = (uint64_t)json_integer_value(json_object_get(t, "set")) };
	const char *name = json_string_value(json_object_get(t, "name"));
	const char *tag = json_string_value(json_object_get(t, "tag"));

	if (!name || !tag)
		return;
	/* A crash between two documents can leave a name twice: the younger counts. */
	for (unsigned i = 0; i < s->n; i++)
		for (unsigned k = 0; k < s->all[i]->ntags; k++) {
			struct image_tag_row *o = &s->all[i]->tags[k];

			if (o->owner != row.owner || !streq(o->name, name) || !streq(o->tag, tag))
				continue;
			if (o->set_ns >= row.set_ns)
				return;
			image_tag_drop(s->all[i], k);
			break;
		}
	row.name = xstrdup(name);
	row.tag = xstrdup(tag);
	en->tags = xrealloc(en->tags, (en->ntags + 1) * sizeof(row));
	en->tags[en->ntags++] = row;
}

static unsigned restore_layers(
	struct image_store *s, const json_t *layers, struct digest *ret_blobs)
{
	unsigned n = 0;
	const json_t *v;
	size_t k;

	json_array_foreach(layers, k, v)
	{
		const char *blob = json_string_value(json_object_get(v, "blob"));
		const char *diff = json_string_value(json_object_get(v, "diff"));
		struct image_layer l = { .ready = true };

		if (n >= OCI_LAYERS_MAX || !blob || !diff || !digest_parse(str_of(blob), &l.blob) ||
			!digest_parse(str_of(diff), &l.diff))
			break;
		l.size = (uint64_t)json_integer_value(json_object_get(v, "size"));
		image_layer_known(s, &l);
		ret_blobs[n++] = l.blob;
	}
	return n;
}

/* One document; one that cannot be used (its blob is gone) is left alone and not shown. */
static int restore(struct image_store *s, const char *key, const json_t *doc)
{
	struct digest id, blobs[OCI_LAYERS_MAX];
	struct image_entry *en;
	struct image *img;
	struct err e;
	const json_t *v;
	unsigned n;
	size_t k;

	if (!digest_parse_hex(str_of(key), &id) ||
		!version_readable(
			json_integer_value(json_object_get(doc, "version")), IMAGE_VERSION))
		return 0;
	n = restore_layers(s, json_object_get(doc, "layers"), blobs);
	if (image_make(s, &id, blobs, n, &img, &e) < 0)
		return 0;
	img->loaded_ns = (uint64_t)json_integer_value(json_object_get(doc, "loaded"));
	en = image_entry_add(s, img, 0);
	en->nowners = 0;
	en->hidden = json_is_true(json_object_get(doc, "hidden"));
	json_array_foreach(json_object_get(doc, "owners"), k, v)
	{
		if (en->nowners < IMAGE_USERS)
			en->owners[en->nowners++] = (uint32_t)json_integer_value(v);
	}
	json_array_foreach(json_object_get(doc, "tags"), k, v)
	{
		restore_tag(s, en, v);
	}
	return 0;
}

static json_t *read_file(struct image_store *s, const char *name)
{
	auto_buf struct buf b = BUF(JSON_INPUT_MAX);
	auto_close int fd = openat(s->o.dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	json_t *doc = NULL;
	struct err ignored;

	if (fd < 0 || buf_read_fd(&b, fd) < 0 || json_parse(buf_view(&b), &doc, &ignored) < 0)
		return NULL;
	return doc;
}

static int restore_file(struct image_store *s, const char *name, const json_t *rows, struct err *e)
{
	auto_json json_t *doc = read_file(s, name);
	char hex[DIGEST_HEX + 1];

	if (!doc)
		return 0;
	(void)str_copy(hex, sizeof(hex), (struct str){ name, DIGEST_HEX });
	(void)restore(s, hex, doc);
	return json_equal(doc, json_object_get(rows, hex))
		       ? 0
		       : state_put(s->o.state, "image", hex, doc, e);
}

static int restore_files(struct image_store *s, const json_t *rows, struct err *e)
{
	int fd = openat(s->o.dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *de;
	struct err ignored;

	if (!d) {
		fd_close(fd);
		return err_set(e, ERR_SYSTEM, errno, "reading the images' documents");
	}
	/* A mirror that cannot be written (full disk) is made good at the next start. */
	while ((de = readdir(d)))
		if (strlen(de->d_name) == DIGEST_HEX + 5 && streq(de->d_name + DIGEST_HEX, ".json"))
			(void)restore_file(s, de->d_name, rows, &ignored);
	(void)closedir(d);
	return 0;
}

static int keep_row(void *arg, const char *key, json_t *doc)
{
	return json_object_set(arg, key, doc);
}

/* The files decide; the database steps in for one that is gone or damaged. */
int image_restore_all(struct image_store *s, bool rebuild, struct err *e)
{
	auto_json json_t *rows = json_object();
	int r = rebuild ? 0 : state_each(s->o.state, "image", keep_row, rows, e);
	struct err ignored;
	const char *key;
	struct digest id;
	json_t *doc;

	if (r < 0 && e->kind != ERR_CORRUPT)
		return r;
	r = restore_files(s, rows, e);
	json_object_foreach(rows, key, doc)
	{
		if (!digest_parse_hex(str_of(key), &id) || image_entry_of(s, &id))
			continue;
		(void)restore(s, key, doc);
		if (image_entry_of(s, &id))
			(void)image_entry_save(s, image_entry_of(s, &id), &ignored);
	}
	return r;
}
