#include "image/image-int.h"

char *image_tag_text(const struct image_tag_row *t)
{
	struct oci_ref ref = { .tag = "" };

	BUG_ON(!str_copy(ref.name, sizeof(ref.name), str_of(t->name)) ||
		!str_copy(ref.tag, sizeof(ref.tag), str_of(t->tag)));
	return oci_ref_text(&ref);
}

void image_tag_drop(struct image_entry *en, unsigned i)
{
	free(en->tags[i].name);
	free(en->tags[i].tag);
	en->tags[i] = en->tags[--en->ntags];
}

void image_event(struct image_store *s, uint32_t owner, const char *action, const struct image *i,
	const char *name)
{
	const json_t *labels = json_object_get(image_defaults(i), "Labels");
	auto_json json_t *attrs = labels ? json_copy((json_t *)(uintptr_t)labels) : NULL;
	char id[DIGEST_TEXT + 1];

	if (!json_is_object(attrs)) {
		json_decref(attrs);
		attrs = json_object();
	}
	(void)json_object_set_new(attrs, "name", json_string(name));
	event_publish_json(
		s->o.events, owner, "image", action, digest_text(&i->id, id), NULL, attrs);
}

void image_event_prune(struct image_store *s, uint32_t owner, uint64_t bytes)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)bytes);
	event_publish(s->o.events, owner, "image", "prune", "", NULL, "reclaimed", text, NULL);
}

static int take_from_other(struct image_store *s, const struct image_entry *en, uint32_t owner,
	const struct oci_ref *ref, struct digest *ret_old, struct err *e)
{
	for (unsigned i = 0; i < s->n; i++)
		for (unsigned k = 0; k < s->all[i]->ntags; k++) {
			struct image_tag_row *t = &s->all[i]->tags[k];

			if (s->all[i] == en || t->owner != owner || !streq(t->name, ref->name) ||
				!streq(t->tag, ref->tag))
				continue;
			*ret_old = s->all[i]->img->id;
			image_tag_drop(s->all[i], k);
			return image_entry_save(s, s->all[i], e);
		}
	return 0;
}

/* The new holder is written first: after a crash the younger of two rows counts. */
int image_tag_set(struct image_store *s, struct image_entry *en, uint32_t owner,
	const struct oci_ref *ref, struct digest *ret_old, struct err *e)
{
	struct image_tag_row row = { .owner = owner, .set_ns = clock_wall_ns() };
	int r;

	*ret_old = (struct digest){ { 0 } };
	/* It would be found before the image whose id begins so, by root too. */
	if (streq(ref->name, "docker.io/library/sha256"))
		return err_set(e, ERR_INVALID, 0,
			"refusing to create an ambiguous tag using digest algorithm as name");
	for (unsigned k = 0; k < en->ntags; k++)
		if (en->tags[k].owner == owner && streq(en->tags[k].name, ref->name) &&
			streq(en->tags[k].tag, ref->tag))
			return 0;
	row.name = xstrdup(ref->name);
	row.tag = xstrdup(ref->tag);
	en->tags = xrealloc(en->tags, (en->ntags + 1) * sizeof(row));
	en->tags[en->ntags++] = row;
	r = image_entry_save(s, en, e);
	if (r < 0) {
		image_tag_drop(en, en->ntags - 1);
		return r;
	}
	return take_from_other(s, en, owner, ref, ret_old, e);
}

/* repo[:tag in its own parameter]; a digest is not a name one can give. */
static int parse_target(const char *repo, const char *tag, struct oci_ref *ret, struct err *e)
{
	auto_free char *both = tag && *tag ? xasprintf("%s:%s", repo, tag) : xstrdup(repo);
	int r = oci_ref_parse(str_of(both), ret, e);

	if (r < 0)
		return r;
	if (ret->has_digest)
		return err_set(
			e, ERR_INVALID, EINVAL, "refusing to create a tag with a digest reference");
	if (!*ret->tag)
		(void)str_copy(ret->tag, sizeof(ret->tag), STR("latest"));
	return 0;
}

int image_tag(struct image_store *s, uint32_t owner, const char *ref, const char *repo,
	const char *tag, struct err *e)
{
	struct oci_ref target;
	struct image_tag_row *by;
	struct image_entry *en;
	struct digest old;
	int r = parse_target(repo, tag, &target, e);

	if (r < 0)
		return r;
	(void)pthread_rwlock_wrlock(&s->lock);
	r = image_lookup(s, owner, ref, &en, &by, e);
	if (r == 0)
		r = image_tag_set(s, en, owner, &target, &old, e);
	if (r == 0) {
		auto_free char *name = oci_ref_text(&target);

		image_event(s, owner, "tag", en->img, name);
	}
	(void)pthread_rwlock_unlock(&s->lock);
	return r;
}
