/* docker rmi and image prune: names first, then the image, then what only it needed. */
#include "image/image-int.h"

#include <openssl/evp.h>

struct use {
	unsigned n;
	bool running;
	char container[DIGEST_HEX + 1];
};

static struct use use_of(struct image_store *s, const struct image *i)
{
	struct use u = { .n = 0 };

	if (s->o.users)
		u.n = s->o.users(s->o.arg, &i->id, &u.running, u.container);
	u.container[12] = '\0';
	return u;
}

/* What docker calls a layer in its answers: the digest of the chain up to it. */
static void chain_step(struct digest *chain, const struct digest *diff, bool first)
{
	char text[2 * DIGEST_TEXT + 2];

	if (first) {
		*chain = *diff;
		return;
	}
	(void)digest_text(chain, text);
	text[DIGEST_TEXT] = ' ';
	(void)digest_text(diff, text + DIGEST_TEXT + 1);
	BUG_ON(EVP_Digest(text, 2 * DIGEST_TEXT + 1, chain->b, NULL, EVP_sha256(), NULL) != 1);
}

static bool shares(const struct image *a, const struct image *b, unsigned upto)
{
	if (b->nlayers <= upto)
		return false;
	return memcmp(a->diff_ids, b->diff_ids, (upto + 1) * sizeof(*a->diff_ids)) == 0;
}

static bool chain_used(struct image_store *s, const struct image *i, unsigned upto)
{
	for (unsigned k = 0; k < s->n; k++)
		if (s->all[k]->img != i && shares(i, s->all[k]->img, upto))
			return true;
	return false;
}

static void add_record(json_t *records, const char *what, const char *text)
{
	(void)json_array_append_new(records, json_pack("{s:s}", what, text));
}

static void add_deleted(struct image_store *s, const struct image *i, json_t *records)
{
	struct digest chains[OCI_LAYERS_MAX], chain = { { 0 } };
	char text[DIGEST_TEXT + 1];

	add_record(records, "Deleted", digest_text(&i->id, text));
	for (unsigned k = 0; k < i->nlayers; k++) {
		chain_step(&chain, &i->diff_ids[k], k == 0);
		chains[k] = chain;
	}
	for (unsigned k = i->nlayers; k-- > 0;)
		if (!chain_used(s, i, k))
			add_record(records, "Deleted", digest_text(&chains[k], text));
}

static int drop_documents(struct image_store *s, const struct digest *id, struct err *e)
{
	char hex[DIGEST_HEX + 1], name[DIGEST_HEX + 8];
	int r = state_delete(s->o.state, "image", digest_hex(id, hex), e);

	(void)snprintf(name, sizeof(name), "%s.json", hex);
	if (r == 0 && unlinkat(s->o.dir, name, 0) < 0 && errno != ENOENT)
		r = err_set(e, ERR_SYSTEM, errno, "removing the document of image %.12s", hex);
	return r;
}

void image_entry_drop(struct image_store *s, struct image_entry *en)
{
	for (unsigned i = 0; i < s->n; i++)
		if (s->all[i] == en) {
			s->all[i] = s->all[--s->n];
			break;
		}
	while (en->ntags)
		image_tag_drop(en, en->ntags - 1);
	image_unref(en->img);
	free(en->tags);
	free(en);
}

/* Without any lock: lets go of blobs and layers that no other image needs. */
static void collect(struct image_store *s, const struct image *i)
{
	image_pin(s, &i->id);
	image_unpin(s, &i->id);
	for (unsigned k = i->nlayers; k-- > 0;) {
		struct digest blob = i->layers[k];

		image_pin(s, &blob);
		image_unpin(s, &blob);
	}
}

/* A removal under the write lock; what is to be collected afterwards is kept in gone. */
struct removal {
	struct image_store *s;
	uint32_t owner;
	json_t *records;
	struct image **gone;
	unsigned ngone;
};

static void finish(struct removal *v)
{
	for (unsigned i = 0; i < v->ngone; i++) {
		collect(v->s, v->gone[i]);
		image_unref(v->gone[i]);
	}
	free(v->gone);
}

static int untag(struct removal *v, struct image_entry *en, unsigned i, struct err *e)
{
	auto_free char *text = image_tag_text(&en->tags[i]);
	int r;

	image_tag_drop(en, i);
	r = image_entry_save(v->s, en, e);
	if (r < 0)
		return r;
	add_record(v->records, "Untagged", text);
	image_event(v->s, v->owner, "untag", en->img, text);
	return 0;
}

/* The image is unnamed now: it goes, or is hidden while a container still stands on it. */
static int delete_entry(struct removal *v, struct image_entry *en, struct err *e)
{
	char id[DIGEST_TEXT + 1];
	struct image *img = en->img;
	int r;

	(void)digest_text(&img->id, id);
	if (use_of(v->s, img).n > 0) {
		en->hidden = true;
		en->nowners = 0;
		r = image_entry_save(v->s, en, e);
		if (r == 0)
			add_record(v->records, "Deleted", id);
	} else {
		r = drop_documents(v->s, &img->id, e);
		if (r < 0)
			return r;
		add_deleted(v->s, img, v->records);
		v->gone = xrealloc(v->gone, (v->ngone + 1) * sizeof(img));
		v->gone[v->ngone++] = image_ref(img);
	}
	if (r == 0)
		image_event(v->s, v->owner, "delete", img, id);
	if (r == 0 && !en->hidden)
		image_entry_drop(v->s, en);
	return r;
}

/* Images that were hidden for a container that has gone since. */
static void sweep_hidden(struct removal *v)
{
	struct err ignored;

	for (unsigned i = v->s->n; i-- > 0;) {
		struct image_entry *en = v->s->all[i];

		if (!en->hidden || use_of(v->s, en->img).n > 0 ||
			drop_documents(v->s, &en->img->id, &ignored) < 0)
			continue;
		v->gone = xrealloc(v->gone, (v->ngone + 1) * sizeof(*v->gone));
		v->gone[v->ngone++] = image_ref(en->img);
		image_entry_drop(v->s, en);
	}
}

static int conflict(const struct image *i, bool soft, const char *why, struct err *e)
{
	char hex[DIGEST_HEX + 1];

	return err_set(e, ERR_CONFLICT, EBUSY, "conflict: unable to delete %.12s (%s) - %s",
		digest_hex(&i->id, hex), soft ? "must be forced" : "cannot be forced", why);
}

static int check_users(const struct image *i, const struct use *u, bool force, struct err *e)
{
	char why[80];

	if (u->n == 0 || (force && !u->running))
		return 0;
	(void)snprintf(why, sizeof(why), "image is being used by %s container %.12s",
		u->running ? "running" : "stopped", u->container);
	return conflict(i, !u->running, why, e);
}

static bool single_repository(const struct image_entry *en)
{
	for (unsigned i = 1; i < en->ntags; i++)
		if (!streq(en->tags[i].name, en->tags[0].name))
			return false;
	return en->ntags <= 1;
}

static bool other_owners(const struct image_entry *en, uint32_t owner)
{
	for (unsigned i = 0; i < en->nowners; i++)
		if (en->owners[i] != owner)
			return true;
	return false;
}

/* A member gives up its part; the image stays for whoever else loaded it. */
static int leave(struct removal *v, struct image_entry *en, struct err *e)
{
	for (unsigned i = 0; i < en->nowners; i++)
		if (en->owners[i] == v->owner) {
			en->owners[i] = en->owners[--en->nowners];
			break;
		}
	return image_entry_save(v->s, en, e);
}

static int remove_by_tag(struct removal *v, const char *ref, struct image_entry *en,
	struct image_tag_row *tag, bool force, struct err *e)
{
	struct use u = use_of(v->s, en->img);
	char hex[DIGEST_HEX + 1];
	int r;

	if (!force && en->ntags == 1 && u.n > 0)
		return err_set(e, ERR_CONFLICT, EBUSY,
			"conflict: unable to remove repository reference \"%s\" (must force) - "
			"container %.12s is using its referenced image %.12s",
			ref, u.container, digest_hex(&en->img->id, hex));
	r = untag(v, en, (unsigned)(tag - en->tags), e);
	if (r < 0 || en->ntags > 0)
		return r;
	if (u.running) /* as docker: the name is gone, the image stays, dangling */
		return 0;
	if (v->owner != 0 && other_owners(en, v->owner))
		return leave(v, en, e);
	return delete_entry(v, en, e);
}

static int remove_by_id(struct removal *v, struct image_entry *en, bool force, struct err *e)
{
	struct use u = use_of(v->s, en->img);
	int r;

	if (!force && !single_repository(en))
		return conflict(en->img, true, "image is referenced in multiple repositories", e);
	r = check_users(en->img, &u, force, e);
	for (unsigned i = en->ntags; r == 0 && i-- > 0;)
		if (v->owner == 0 || en->tags[i].owner == v->owner)
			r = untag(v, en, i, e);
	if (r < 0)
		return r;
	if (v->owner != 0 && (other_owners(en, v->owner) || en->ntags > 0))
		return leave(v, en, e);
	return delete_entry(v, en, e);
}

static int denied(const char *ref, struct err *e)
{
	return err_set(e, ERR_DENIED, EACCES, "image \"%s\" belongs to another user", ref);
}

int image_remove(struct image_store *s, uint32_t owner, const char *ref, bool force, bool noprune,
	json_t **ret, struct err *e)
{
	struct removal v = { .s = s, .owner = owner, .records = json_array() };
	struct image_tag_row *tag;
	struct image_entry *en;
	int r;

	(void)noprune; /* there are no untagged parents to keep */
	(void)pthread_rwlock_wrlock(&s->lock);
	r = image_lookup(s, owner, ref, &en, &tag, e);
	if (r == 0 && tag)
		r = owner == 0 || tag->owner == owner ? remove_by_tag(&v, ref, en, tag, force, e)
						      : denied(ref, e);
	else if (r == 0)
		r = image_writable(en, owner) ? remove_by_id(&v, en, force, e) : denied(ref, e);
	sweep_hidden(&v);
	(void)pthread_rwlock_unlock(&s->lock);
	finish(&v);
	if (r < 0)
		json_decref(v.records);
	else
		*ret = v.records;
	return r;
}

/* ---- prune ----------------------------------------------------------------------------------- */
struct prune {
	bool dangling_only;
	uint64_t until_ns;
	const json_t *filters;
};

static bool prune_wants(
	struct image_store *s, const struct image_entry *en, uint32_t owner, const struct prune *p)
{
	if (en->hidden || !image_writable(en, owner) || (p->dangling_only && en->ntags > 0))
		return false;
	if (p->until_ns && en->img->created_ns >= p->until_ns)
		return false;
	if (!image_labels_match(en->img, json_object_get(p->filters, "label"), false) ||
		!image_labels_match(en->img, json_object_get(p->filters, "label!"), true))
		return false;
	if (owner != 0 && other_owners(en, owner))
		return false;
	return use_of(s, en->img).n == 0;
}

static int parse_prune(const json_t *filters, struct prune *ret, struct err *e)
{
	static const char *const known[] = { "dangling", "until", "label", "label!", NULL };
	const char *until = image_filter_first(filters, "until");
	int r = image_filters_check(filters, known, e);

	if (r < 0)
		return r;
	*ret = (struct prune){ .dangling_only = true, .filters = filters };
	r = image_filter_bool(filters, "dangling", &ret->dangling_only, e);
	if (r < 0)
		return r;
	if (until && !clock_parse(str_of(until), clock_wall_ns(), &ret->until_ns))
		return err_set(e, ERR_INVALID, EINVAL, "invalid until filter \"%s\"", until);
	return 0;
}

int image_prune(
	struct image_store *s, uint32_t owner, const json_t *filters, json_t **ret, struct err *e)
{
	struct removal v = { .s = s, .owner = owner, .records = json_array() };
	uint64_t before = image_layers_size(s), after;
	struct prune p;
	int r = parse_prune(filters, &p, e);

	(void)pthread_rwlock_wrlock(&s->lock);
	for (unsigned i = s->n; r == 0 && i-- > 0;) {
		struct image_entry *en = s->all[i];

		if (!prune_wants(s, en, owner, &p))
			continue;
		while (en->ntags > 0 && r == 0)
			r = untag(&v, en, en->ntags - 1, e);
		if (r == 0)
			r = delete_entry(&v, en, e);
		i = MIN(i, s->n);
	}
	sweep_hidden(&v);
	(void)pthread_rwlock_unlock(&s->lock);
	finish(&v);
	if (r < 0) {
		json_decref(v.records);
		return r;
	}
	after = image_layers_size(s);
	*ret = json_pack("{s:o,s:I}", "ImagesDeleted", v.records, "SpaceReclaimed",
		(json_int_t)(before > after ? before - after : 0));
	image_event_prune(s, owner, before > after ? before - after : 0);
	return 0;
}
