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

/* By name[:tag], name@digest, id or unique id prefix, as seen by owner (uid; 0 sees all).
 * Not there: ERR_NOT_FOUND "No such image: X". */
int image_find(
	struct image_store *s, uint32_t owner, const char *ref, struct image **ret, struct err *e);
struct image *image_ref(struct image *i);
void image_unref(struct image *i);
/* The image's "config" member (Cmd, Env ...), never NULL. */
const json_t *image_defaults(const struct image *i);
