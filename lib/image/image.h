/*
 * image - the images of the engine: what `docker images` shows and `docker run` starts from.
 *
 * An image is its config blob (id = sha256 of the config, as docker), the ordered layer blobs as
 * received, and names.  Layers are unpacked once, keyed by the digest of the blob as received
 * (computed by the engine before any parser sees it), into a directory only the keeper reaches;
 * their diff ids, reported by the worker, are checked against the config.  Names, ids and sizes are
 * in memory and in the state database, and each image has a document images/<id>.json for rebuilds.
 *
 * Owners: a tag belongs to the uid that made it; root's images are visible to all.
 * Threads: any; images are immutable and reference counted.
 */
#pragma once

#include "event/event.h"
#include "keeper/keeper.h"
#include "state/state.h"
#include "store/store.h"
#include "json/json.h"

struct image {
	struct digest id;
	unsigned refs;
	json_t *config; /* the whole image config (OCI image-spec config.md) */
	unsigned nlayers;
	struct digest *layers; /* blob digests, bottom first: what KEEPER_CREATE wants */
	struct digest *diff_ids;
	uint64_t *layer_sizes; /* unpacked bytes */
	uint64_t size;	       /* unpacked, all layers */
	uint64_t created_ns;   /* from the config */
	uint64_t loaded_ns;
};

struct image_store;
struct image_store_options {
	struct keeper *keeper;
	struct store *blobs;
	struct state *state;
	struct event_log *events;
	int dir; /* images/ of the state directory; kept */
	/* How many containers use an image (for rmi, prune): set by the engine. */
	unsigned (*users)(
		void *arg, const struct digest *image, bool *ret_running, char *ret_container);
	void *arg;
};
int image_store_open(
	const struct image_store_options *o, bool rebuild, struct image_store **ret, struct err *e);
void image_store_close(struct image_store *s); /* nothing may be in progress; closes dir */

/* By name[:tag], name@digest, id or unique id prefix, as seen by owner (uid; 0 sees all).
 * Not there: ERR_NOT_FOUND "No such image: X". */
int image_find(
	struct image_store *s, uint32_t owner, const char *ref, struct image **ret, struct err *e);
struct image *image_ref(struct image *i);
void image_unref(struct image *i);
/* The image's "config" member (Cmd, Env ...), never NULL. */
const json_t *image_defaults(const struct image *i);

/* ---- what the API asks (every text is docker's) ---------------------------------------------- */

/* owner: uid of the caller, 0 sees and may do everything. */

/* Bytes from a client: count, 0 at the end, negative errno. */
struct image_source {
	ssize_t (*read)(void *arg, void *p, size_t n);
	void *arg;
};
/* Bytes to a client; negative ends the operation. */
struct image_sink {
	int (*write)(void *arg, const void *p, size_t n);
	void *arg;
};
#define IMAGE_TEXT 400 /* room for any name:tag */

/* docker load: progress objects go to the sink as JSON lines.  All or nothing. */
int image_load(struct image_store *s, uint32_t owner, const struct image_source *from, bool quiet,
	const struct image_sink *progress, struct err *e);
struct image_import {
	const char *repo, *tag, *message, *platform; /* each may be NULL */
	const char *const *changes;
	unsigned nchanges;
};
/* docker import: a root file system tar becomes an image of one layer. */
int image_import(struct image_store *s, uint32_t owner, const struct image_source *from,
	const struct image_import *o, struct digest *ret_id, struct err *e);
/* docker save of names (tags or ids), as docker 28 writes it.  Everything is found and checked by
 * begin, so that a missing image is an error and not a broken stream. */
struct image_save;
int image_save_begin(struct image_store *s, uint32_t owner, const char *const *names,
	unsigned nnames, struct image_save **ret, struct err *e);
int image_save_write(struct image_save *v, const struct image_sink *to, struct err *e);
void image_save_end(struct image_save *v);

int image_tag(struct image_store *s, uint32_t owner, const char *ref, const char *repo,
	const char *tag, struct err *e);
/* ret: [{"Untagged":..},{"Deleted":..}]; gives. */
int image_remove(struct image_store *s, uint32_t owner, const char *ref, bool force, bool noprune,
	json_t **ret, struct err *e);
/* ret: {"ImagesDeleted":[..],"SpaceReclaimed":n}; gives. */
int image_prune(
	struct image_store *s, uint32_t owner, const json_t *filters, json_t **ret, struct err *e);
struct image_list_options {
	bool all, digests, shared_size, manifests;
	const json_t *filters; /* may be NULL */
};
int image_list(struct image_store *s, uint32_t owner, const struct image_list_options *o,
	json_t **ret, struct err *e); /* gives */
int image_inspect(
	struct image_store *s, uint32_t owner, const char *ref, json_t **ret, struct err *e);
int image_history(
	struct image_store *s, uint32_t owner, const char *ref, json_t **ret, struct err *e);
/* Bytes of all unpacked layers, each counted once (docker system df). */
uint64_t image_layers_size(struct image_store *s);
unsigned image_count(struct image_store *s);
