/* docker images: what it shows and by which filters. */
#include "image/image-int.h"

#include <fnmatch.h>

/* ---- filters --------------------------------------------------------------------------------- */
const char *image_filter_first(const json_t *filters, const char *key)
{
	return json_string_value(json_array_get(json_object_get(filters, key), 0));
}

int image_filters_check(const json_t *filters, const char *const *known, struct err *e)
{
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)(uintptr_t)filters, key, v)
	{
		const char *const *k = known;

		while (*k && !streq(*k, key))
			k++;
		if (!*k)
			return err_set(e, ERR_INVALID, EINVAL, "invalid filter '%s'", key);
	}
	return 0;
}

int image_filter_bool(const json_t *filters, const char *key, bool *inout, struct err *e)
{
	const char *v = image_filter_first(filters, key);

	if (!v)
		return 0;
	if (streq(v, "1") || strcasecmp(v, "true") == 0)
		*inout = true;
	else if (streq(v, "0") || strcasecmp(v, "false") == 0)
		*inout = false;
	else
		return err_set(e, ERR_INVALID, EINVAL, "invalid filter '%s=%s'", key, v);
	return 0;
}

static bool label_matches(const json_t *labels, const char *want)
{
	struct str value = str_of(want), key = str_cut(&value, '=');
	auto_free char *name = str_dup(key);
	const char *have = json_string_value(json_object_get(labels, name));

	return have && (!value.p || str_eq(str_of(have), value));
}

/* Every label of the list (none of them when negated). */
bool image_labels_match(const struct image *i, const json_t *list, bool negate)
{
	const json_t *labels = json_object_get(image_defaults(i), "Labels"), *v;
	size_t k;

	json_array_foreach((json_t *)(uintptr_t)list, k, v)
	{
		const char *want = json_string_value(v);

		if (want && label_matches(labels, want) == negate)
			return false;
	}
	return true;
}

/* Go's path.Match on the short name, with or without its tag. */
static bool reference_matches(const json_t *patterns, const struct image_tag_row *t)
{
	auto_free char *full = image_tag_text(t);
	auto_free char *name = xstrdup(full);
	const json_t *v;
	size_t k;

	*strrchr(name, ':') = '\0';
	json_array_foreach((json_t *)(uintptr_t)patterns, k, v)
	{
		const char *p = json_string_value(v);

		if (p && (fnmatch(p, full, FNM_PATHNAME | FNM_NOESCAPE) == 0 ||
				 fnmatch(p, name, FNM_PATHNAME | FNM_NOESCAPE) == 0))
			return true;
	}
	return false;
}

struct query {
	const json_t *filters, *references;
	bool dangling, dangling_set;
	uint64_t before_ns, since_ns, until_ns;
};

static int created_of(struct image_store *s, uint32_t owner, const json_t *filters, const char *key,
	uint64_t *ret, struct err *e)
{
	const char *ref = image_filter_first(filters, key);
	struct image_tag_row *tag;
	struct image_entry *en;
	int r;

	if (!ref)
		return 0;
	r = image_lookup(s, owner, ref, &en, &tag, e);
	if (r == 0)
		*ret = en->img->created_ns;
	return r;
}

static int parse_query(struct image_store *s, uint32_t owner, const json_t *filters,
	struct query *q, struct err *e)
{
	static const char *const known[] = { "dangling", "label", "label!", "before", "since",
		"reference", "until", NULL };
	const char *until = image_filter_first(filters, "until");
	int r = image_filters_check(filters, known, e);

	*q = (struct query){ .filters = filters,
		.references = json_object_get(filters, "reference") };
	q->dangling_set = image_filter_first(filters, "dangling") != NULL;
	if (r == 0)
		r = image_filter_bool(filters, "dangling", &q->dangling, e);
	if (r == 0)
		r = created_of(s, owner, filters, "before", &q->before_ns, e);
	if (r == 0)
		r = created_of(s, owner, filters, "since", &q->since_ns, e);
	if (r == 0 && until && !clock_parse(str_of(until), clock_wall_ns(), &q->until_ns))
		r = err_set(e, ERR_INVALID, EINVAL, "invalid filter 'until=%s'", until);
	return r;
}

static bool wanted(const struct image_entry *en, const struct query *q)
{
	const struct image *i = en->img;

	if (q->dangling_set && q->dangling != (en->ntags == 0))
		return false;
	if ((q->before_ns && i->created_ns >= q->before_ns) ||
		(q->since_ns && i->created_ns <= q->since_ns) ||
		(q->until_ns && i->created_ns >= q->until_ns))
		return false;
	return image_labels_match(i, json_object_get(q->filters, "label"), false) &&
	       image_labels_match(i, json_object_get(q->filters, "label!"), true);
}

/* ---- one line -------------------------------------------------------------------------------- */
static json_t *tags_of(const struct image_entry *en, uint32_t owner, const json_t *references)
{
	json_t *tags = json_array();

	for (unsigned i = 0; i < en->ntags; i++) {
		auto_free char *text = image_tag_text(&en->tags[i]);

		if (owner != 0 && en->tags[i].owner != owner && en->tags[i].owner != 0)
			continue;
		if (!references || reference_matches(references, &en->tags[i]))
			(void)json_array_append_new(tags, json_string(text));
	}
	return tags;
}

json_t *image_tags_json(const struct image_entry *en, uint32_t owner)
{
	return tags_of(en, owner, NULL);
}

static uint64_t shared_size(struct image_store *s, const struct image *i)
{
	uint64_t sum = 0;

	for (unsigned k = 0; k < i->nlayers; k++)
		for (unsigned o = 0; o < s->n; o++) {
			const struct image *other = s->all[o]->img;
			bool found = false;

			for (unsigned m = 0; other != i && m < other->nlayers && !found; m++)
				found = digest_eq(&other->layers[m], &i->layers[k]);
			if (found) {
				sum += i->layer_sizes[k];
				break;
			}
		}
	return sum;
}

static json_t *line(struct image_store *s, const struct image_entry *en, json_t *tags,
	const struct image_list_options *o)
{
	const json_t *labels = json_object_get(image_defaults(en->img), "Labels");
	char id[DIGEST_TEXT + 1], container[DIGEST_HEX + 1];
	json_int_t users = -1, shared = -1;
	bool running;

	if (o->shared_size) {
		shared = (json_int_t)shared_size(s, en->img);
		users = s->o.users ? (json_int_t)s->o.users(
					     s->o.arg, &en->img->id, &running, container)
				   : 0;
	}
	return json_pack("{s:I,s:I,s:s,s:O?,s:s,s:[],s:o,s:I,s:I}", "Containers", users, "Created",
		(json_int_t)(en->img->created_ns / NS_PER_SEC), "Id", digest_text(&en->img->id, id),
		"Labels", labels, "ParentId", "", "RepoDigests", "RepoTags", tags, "SharedSize",
		shared, "Size", (json_int_t)en->img->size);
}

static int newest_first(const void *a, const void *b)
{
	const struct image_entry *const *x = a, *const *y = b;
	uint64_t p = (*x)->img->created_ns, q = (*y)->img->created_ns;

	return p < q ? 1 : p > q ? -1 : 0;
}

int image_list(struct image_store *s, uint32_t owner, const struct image_list_options *o,
	json_t **ret, struct err *e)
{
	auto_free struct image_entry **sorted = NULL;
	auto_json json_t *list = json_array();
	struct query q;
	int r;

	(void)pthread_rwlock_rdlock(&s->lock);
	r = parse_query(s, owner, o->filters, &q, e);
	sorted = xcalloc(s->n + 1, sizeof(struct image_entry *));
	if (s->n)
		memcpy(sorted, s->all, s->n * sizeof(struct image_entry *));
	qsort(sorted, s->n, sizeof(struct image_entry *), newest_first);
	for (unsigned i = 0; r == 0 && i < s->n; i++) {
		json_t *tags;

		if (!image_visible(sorted[i], owner) || !wanted(sorted[i], &q))
			continue;
		tags = tags_of(sorted[i], owner, q.references);
		if (q.references && json_array_size(tags) == 0)
			json_decref(tags);
		else
			(void)json_array_append_new(list, line(s, sorted[i], tags, o));
	}
	(void)pthread_rwlock_unlock(&s->lock);
	if (r == 0)
		*ret = steal_ptr(&list);
	return r;
}
