#include "oci/oci.h"

static const char docker_manifest[] = "application/vnd.docker.distribution.manifest.v2+json";
static const char docker_list[] = "application/vnd.docker.distribution.manifest.list.v2+json";
static const char docker_config[] = "application/vnd.docker.container.image.v1+json";

static const char *const layer_types[] = { OCI_LAYER, OCI_LAYER_GZ, OCI_LAYER_ZS,
	"application/vnd.oci.image.layer.nondistributable.v1.tar",
	"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
	"application/vnd.docker.image.rootfs.diff.tar",
	"application/vnd.docker.image.rootfs.diff.tar.gzip",
	"application/vnd.docker.image.rootfs.diff.tar.zstd" };

bool oci_is_index(const char *t)
{
	return streq(t, OCI_INDEX) || streq(t, docker_list);
}

bool oci_is_manifest(const char *t)
{
	return streq(t, OCI_MANIFEST) || streq(t, docker_manifest);
}

static bool is_layer(const char *t)
{
	for (size_t i = 0; i < ARRAY_SIZE(layer_types); i++)
		if (streq(t, layer_types[i]))
			return true;
	return false;
}

static int bad(struct err *e, const char *what)
{
	return err_set(e, ERR_CORRUPT, EBADMSG, "invalid image: %s", what);
}

static int get_string(const json_t *o, const char *key, char *out, size_t size, struct err *e)
{
	const char *s;
	int r = json_get_str(o, key, "", &s, e);

	if (r < 0)
		return r;
	return str_copy(out, size, str_of(s)) ? 0 : bad(e, "a member is too long");
}

/* Docker writes the complete name in io.containerd.image.name, others use ref.name. */
static int get_annotations(const json_t *o, struct oci_descriptor *ret, struct err *e)
{
	json_t *a;
	int r = json_get_object(o, "annotations", &a, e);

	if (r < 0 || !a)
		return r;
	r = get_string(a, "io.containerd.image.name", ret->ref_name, sizeof(ret->ref_name), e);
	if (r == 0 && !*ret->ref_name)
		r = get_string(a, "org.opencontainers.image.ref.name", ret->ref_name,
			sizeof(ret->ref_name), e);
	return r;
}

static int get_platform(const json_t *o, struct oci_descriptor *ret, struct err *e)
{
	json_t *p;
	int r = json_get_object(o, "platform", &p, e);

	if (r < 0 || !p)
		return r;
	r = get_string(p, "os", ret->os, sizeof(ret->os), e);
	return r < 0 ? r : get_string(p, "architecture", ret->arch, sizeof(ret->arch), e);
}

static int get_descriptor(const json_t *o, struct oci_descriptor *ret, struct err *e)
{
	const char *digest;
	int64_t size = -1;
	int r;

	*ret = (struct oci_descriptor){ .size = 0 };
	if (!json_is_object(o))
		return bad(e, "a descriptor is not an object");
	r = get_string(o, "mediaType", ret->media_type, sizeof(ret->media_type), e);
	if (r == 0)
		r = json_get_str(o, "digest", "", &digest, e);
	if (r == 0)
		r = json_get_i64(o, "size", -1, &size, e);
	if (r < 0)
		return r;
	if (!digest_parse(str_of(digest), &ret->digest))
		return bad(e, "a descriptor has no sha256 digest");
	if (size < 0)
		return bad(e, "a descriptor has no size");
	ret->size = (uint64_t)size;
	r = get_annotations(o, ret, e);
	return r < 0 ? r : get_platform(o, ret, e);
}

/* One document, one meaning. */
static int check_kind(const json_t *doc, const char *own, const char *foreign,
	bool (*is)(const char *), const char *expect, struct err *e)
{
	const char *type = "";
	int64_t schema;
	int r = json_get_i64(doc, "schemaVersion", 0, &schema, e);

	if (r == 0)
		r = json_get_str(doc, "mediaType", "", &type, e);
	if (r < 0)
		return r;
	if (schema != 2)
		return bad(e, "schemaVersion is not 2");
	if (!json_object_get(doc, own) || json_object_get(doc, foreign) ||
		json_object_get(doc, "fsLayers"))
		return bad(e, "a document is both a manifest and an index, or neither");
	if ((*type && !is(type)) || (expect && !is(expect)) ||
		(*type && expect && !streq(type, expect)))
		return bad(e, "the media type contradicts the document");
	return 0;
}

static int read_layers(const json_t *doc, struct oci_manifest *m, struct err *e)
{
	json_t *layers;
	int r = json_get_array(doc, "layers", &layers, e);

	if (r < 0)
		return r;
	if (json_array_size(layers) > OCI_LAYERS_MAX)
		return err_set(
			e, ERR_LIMIT, E2BIG, "invalid image: more than %d layers", OCI_LAYERS_MAX);
	m->nlayers = (unsigned)json_array_size(layers);
	for (unsigned i = 0; i < m->nlayers && r == 0; i++) {
		r = get_descriptor(json_array_get(layers, i), &m->layers[i], e);
		if (r == 0 && !is_layer(m->layers[i].media_type))
			r = err_set(e, ERR_UNSUPPORTED, 0,
				"layers of type \"%s\" are not supported", m->layers[i].media_type);
	}
	return r;
}

int oci_manifest_parse(
	struct str bytes, const char *expect, struct oci_manifest *ret, struct err *e)
{
	auto_json json_t *doc = NULL;
	int r = json_parse(bytes, &doc, e);

	if (r < 0)
		return r;
	if (!json_is_object(doc))
		return bad(e, "the manifest is not an object");
	r = check_kind(doc, "layers", "manifests", oci_is_manifest, expect, e);
	if (r == 0)
		r = get_descriptor(json_object_get(doc, "config"), &ret->config, e);
	if (r < 0)
		return r;
	if (!streq(ret->config.media_type, OCI_CONFIG) &&
		!streq(ret->config.media_type, docker_config))
		return err_set(e, ERR_UNSUPPORTED, 0, "artifacts of type \"%s\" are not images",
			ret->config.media_type);
	return read_layers(doc, ret, e);
}

int oci_index_parse(struct str bytes, struct oci_descriptor **ret, unsigned *ret_n, struct err *e)
{
	auto_json json_t *doc = NULL;
	auto_free struct oci_descriptor *list = NULL;
	json_t *manifests;
	size_t n;
	int r = json_parse(bytes, &doc, e);

	if (r < 0)
		return r;
	if (!json_is_object(doc))
		return bad(e, "the index is not an object");
	r = check_kind(doc, "manifests", "layers", oci_is_index, NULL, e);
	if (r == 0)
		r = json_get_array(doc, "manifests", &manifests, e);
	if (r < 0)
		return r;
	n = json_array_size(manifests);
	if (n > OCI_LIST_MAX)
		return err_set(
			e, ERR_LIMIT, E2BIG, "invalid image: more than %d manifests", OCI_LIST_MAX);
	list = xcalloc(n + 1, sizeof(*list));
	for (size_t i = 0; i < n && r == 0; i++)
		r = get_descriptor(json_array_get(manifests, i), &list[i], e);
	if (r < 0)
		return r;
	*ret = steal_ptr(&list);
	*ret_n = (unsigned)n;
	return 0;
}
