/*
 * oci - image documents as values: references, media types, configs, manifests and indexes
 * (OCI image-spec v1.1, docker image-spec v1.2, distribution reference grammar).
 *
 * Pure: bytes in, records out.  Limits: JSON_INPUT_MAX per document, OCI_LAYERS_MAX layers,
 * OCI_LIST_MAX members of an index.  A document that is ambiguous (both `layers` and `manifests`, a
 * media type that contradicts the content, a digest that is not sha256) is refused: two readers
 * must never see two images in the same bytes.
 */
#pragma once

#include "json/json.h"

#define OCI_LAYERS_MAX 128
#define OCI_LIST_MAX   1024
#define OCI_NAME_MAX   255
#define OCI_TAG_MAX    128

#define OCI_INDEX    "application/vnd.oci.image.index.v1+json"
#define OCI_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define OCI_CONFIG   "application/vnd.oci.image.config.v1+json"
#define OCI_LAYER    "application/vnd.oci.image.layer.v1.tar"
#define OCI_LAYER_GZ "application/vnd.oci.image.layer.v1.tar+gzip"
#define OCI_LAYER_ZS "application/vnd.oci.image.layer.v1.tar+zstd"

/* ---- references ------------------------------------------------------------------------------ */
struct oci_ref {
	char name[OCI_NAME_MAX + 1]; /* complete: docker.io/library/busybox */
	char tag[OCI_TAG_MAX + 1];   /* "" when none was given */
	bool has_digest;
	struct digest digest;
};
/* Docker's grammar and messages ("invalid reference format" ...).  No default tag is added. */
int oci_ref_parse(struct str text, struct oci_ref *ret, struct err *e);
/* As people write it ("busybox", "user/app", "ghcr.io/x/y"), with ":tag" ("latest" is not added) or
 * "@sha256:..."; gives. */
char *oci_ref_text(const struct oci_ref *r);

/* ---- documents ------------------------------------------------------------------------------- */
struct oci_descriptor {
	char media_type[128];
	struct digest digest;
	uint64_t size;
	char ref_name[OCI_NAME_MAX + OCI_TAG_MAX + 2]; /* annotations: full image name, or "" */
	char os[32], arch[32];			       /* platform, or "" */
};
struct oci_manifest {
	struct oci_descriptor config;
	unsigned nlayers;
	struct oci_descriptor layers[OCI_LAYERS_MAX];
};
/* expect: the media type the descriptor promised, or NULL. */
int oci_manifest_parse(
	struct str bytes, const char *expect, struct oci_manifest *ret, struct err *e);
/* Gives an array. */
int oci_index_parse(struct str bytes, struct oci_descriptor **ret, unsigned *ret_n, struct err *e);
bool oci_is_index(const char *media_type);
bool oci_is_manifest(const char *media_type);
/* The image config: checked (os, rootfs.type, diff_ids, types of what containers use).  Gives doc
 * and the diff ids. */
int oci_config_parse(struct str bytes, json_t **ret_doc, struct digest **ret_diff_ids,
	unsigned *ret_n, struct err *e);

/* docker-archive: manifest.json of `docker save`. */
struct oci_saved {
	char *config;  /* member name */
	char **layers; /* member names, bottom first */
	unsigned nlayers;
	struct oci_ref *tags;
	unsigned ntags;
};
int oci_saved_parse(struct str bytes, struct oci_saved **ret, unsigned *ret_n, struct err *e);
void oci_saved_free(struct oci_saved *s, unsigned n);

/* ---- changes (docker import --change) -------------------------------------------------------- */

/* One Dockerfile instruction (CMD, ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK, LABEL, ONBUILD, SHELL,
 * STOPSIGNAL, USER, VOLUME, WORKDIR) applied to an image's "config" member. */
int oci_change_apply(struct str line, json_t *config, struct err *e);
