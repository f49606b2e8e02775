#include "oci/oci.h"

static int bad(struct err *e, const char *what)
{
	return err_set(e, ERR_CORRUPT, EBADMSG, "invalid manifest.json: %s", what);
}

static int read_layers(const json_t *list, struct oci_saved *s, struct err *e)
{
	size_t n = json_array_size(list);

	if (n > OCI_LAYERS_MAX)
		return bad(e, "more than 128 layers");
	s->layers = xcalloc(n + 1, sizeof(*s->layers));
	for (size_t i = 0; i < n; i++)
		s->layers[s->nlayers++] = xstrdup(json_string_value(json_array_get(list, i)));
	return 0;
}

static int read_tags(const json_t *list, struct oci_saved *s, struct err *e)
{
	size_t n = json_array_size(list);
	int r = 0;

	if (n > OCI_LIST_MAX)
		return bad(e, "too many tags");
	s->tags = xcalloc(n + 1, sizeof(*s->tags));
	for (size_t i = 0; i < n && r == 0; i++) {
		struct oci_ref *t = &s->tags[s->ntags];

		r = oci_ref_parse(str_of(json_string_value(json_array_get(list, i))), t, e);
		if (r == 0 && !*t->tag)
			r = err_set(e, ERR_INVALID, EINVAL, "invalid tag \"%s\"", t->name);
		s->ntags += r == 0;
	}
	return r;
}

static int read_one(const json_t *o, struct oci_saved *s, struct err *e)
{
	json_t *layers, *tags;
	const char *config = "";
	int r;

	if (!json_is_object(o))
		return bad(e, "not a list of objects");
	r = json_get_str(o, "Config", "", &config, e);
	if (r == 0)
		r = json_get_strings(o, "Layers", &layers, e);
	if (r == 0)
		r = json_get_strings(o, "RepoTags", &tags, e);
	if (r == 0 && !*config)
		r = bad(e, "Config is missing");
	if (r < 0)
		return r;
	s->config = xstrdup(config);
	r = read_layers(layers, s, e);
	return r < 0 ? r : read_tags(tags, s, e);
}

int oci_saved_parse(struct str bytes, struct oci_saved **ret, unsigned *ret_n, struct err *e)
{
	auto_json json_t *doc = NULL;
	struct oci_saved *list;
	size_t n;
	int r = json_parse(bytes, &doc, e);

	if (r < 0)
		return r;
	n = json_array_size(doc);
	if (!json_is_array(doc) || n > OCI_LIST_MAX)
		return bad(e, "not a list of images");
	list = xcalloc(n + 1, sizeof(*list));
	for (size_t i = 0; i < n && r == 0; i++)
		r = read_one(json_array_get(doc, i), &list[i], e);
	if (r < 0) {
		oci_saved_free(list, (unsigned)n);
		return r;
	}
	*ret = list;
	*ret_n = (unsigned)n;
	return 0;
}

void oci_saved_free(struct oci_saved *s, unsigned n)
{
	for (unsigned i = 0; s && i < n; i++) {
		for (unsigned k = 0; k < s[i].nlayers; k++)
			free(s[i].layers[k]);
		free(s[i].layers);
		free(s[i].config);
		free(s[i].tags);
	}
	free(s);
}
