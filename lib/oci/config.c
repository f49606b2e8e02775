#include "oci/oci.h"

static int bad(struct err *e, const char *what)
{
	return err_set(e, ERR_CORRUPT, EBADMSG, "invalid image config: %s", what);
}

static int check_strings(const json_t *o, const char *const *keys, size_t n, struct err *e)
{
	const char *s;
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++)
		r = json_get_str(o, keys[i], "", &s, e);
	return r;
}

/* What containers take from an image has the types they expect. */
static int check_defaults(const json_t *doc, struct err *e)
{
	static const char *const lists[] = { "Env", "Cmd", "Entrypoint", "OnBuild", "Shell" };
	static const char *const objects[] = { "Labels", "Volumes", "ExposedPorts", "Healthcheck" };
	static const char *const strings[] = { "User", "WorkingDir", "StopSignal", "Hostname" };
	json_t *c, *v;
	const char *key;
	int r = json_get_object(doc, "config", &c, e);

	if (r < 0 || !c)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(lists) && r == 0; i++)
		r = json_get_strings(c, lists[i], &v, e);
	for (size_t i = 0; i < ARRAY_SIZE(objects) && r == 0; i++)
		r = json_get_object(c, objects[i], &v, e);
	if (r == 0)
		r = check_strings(c, strings, ARRAY_SIZE(strings), e);
	if (r < 0)
		return r;
	json_object_foreach(json_object_get(c, "Labels"), key, v)
	{
		if (!json_is_string(v))
			return bad(e, "a label is not a string");
	}
	return 0;
}

static int read_diff_ids(const json_t *doc, struct digest **ret, unsigned *ret_n, struct err *e)
{
	auto_free struct digest *ids = NULL;
	json_t *rootfs, *list;
	const char *type;
	size_t n;
	int r = json_get_object(doc, "rootfs", &rootfs, e);

	if (r < 0)
		return r;
	if (!rootfs)
		return bad(e, "rootfs is missing");
	r = json_get_str(rootfs, "type", "", &type, e);
	if (r == 0)
		r = json_get_strings(rootfs, "diff_ids", &list, e);
	if (r < 0)
		return r;
	if (!streq(type, "layers"))
		return bad(e, "rootfs is not made of layers");
	n = json_array_size(list);
	if (n > OCI_LAYERS_MAX)
		return err_set(e, ERR_LIMIT, E2BIG, "invalid image config: more than %d layers",
			OCI_LAYERS_MAX);
	ids = xcalloc(n + 1, sizeof(*ids));
	for (size_t i = 0; i < n; i++)
		if (!digest_parse(str_of(json_string_value(json_array_get(list, i))), &ids[i]))
			return bad(e, "a diff id is not a sha256 digest");
	*ret = steal_ptr(&ids);
	*ret_n = (unsigned)n;
	return 0;
}

int oci_config_parse(struct str bytes, json_t **ret_doc, struct digest **ret_diff_ids,
	unsigned *ret_n, struct err *e)
{
	static const char *const strings[] = { "created", "author", "architecture", "os",
		"variant" };
	auto_json json_t *doc = NULL;
	const char *os = "";
	json_t *history;
	int r = json_parse(bytes, &doc, e);

	if (r < 0)
		return r;
	if (!json_is_object(doc))
		return bad(e, "it is not an object");
	r = check_strings(doc, strings, ARRAY_SIZE(strings), e);
	if (r == 0)
		r = json_get_str(doc, "os", "", &os, e);
	if (r == 0 && *os && !streq(os, "linux"))
		r = err_set(e, ERR_UNSUPPORTED, 0, "cannot load %s image on linux", os);
	if (r == 0)
		r = json_get_array(doc, "history", &history, e);
	if (r == 0)
		r = check_defaults(doc, e);
	if (r == 0)
		r = read_diff_ids(doc, ret_diff_ids, ret_n, e);
	if (r < 0)
		return r;
	*ret_doc = steal_ptr(&doc);
	return 0;
}
