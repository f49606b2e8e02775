/*
 * image-int - what the files of lib/image share.
 *
 * Lock order: blob_lock, then lock.
 */
#pragma once

#include "image/image.h"
#include "oci/oci.h"
#include "sandbox/job.h"

#include <pthread.h>

#define IMAGE_BLOB_MAX (64ull << 30)
#define IMAGE_USERS    16

/* A name of an image. */
struct image_tag_row {
	uint32_t owner;
	char *name; /* complete: docker.io/library/busybox */
	char *tag;
	uint64_t set_ns;
};
/* An image with what may change about it; under lock. */
struct image_entry {
	struct image *img;
	uint32_t owners[IMAGE_USERS]; /* who loaded it */
	unsigned nowners;
	struct image_tag_row *tags;
	unsigned ntags;
	bool hidden; /* removed by force while stopped containers use it: kept only for them */
};
/* A layer on disk, or on its way there; under layer_lock. */
struct image_layer {
	struct digest blob, diff;
	uint64_t size;
	bool ready;
};
/* Blobs an operation in progress relies on; under blob_lock. */
struct image_pin {
	struct digest blob;
	unsigned count;
};

struct image_store {
	struct image_store_options o;
	pthread_rwlock_t lock;
	struct image_entry **all;
	unsigned n, cap;
	pthread_mutex_t layer_lock;
	pthread_cond_t layer_done;
	struct image_layer *layers;
	unsigned nlayers;
	pthread_mutex_t blob_lock;
	struct image_pin *pins;
	unsigned npins;
};

/* ---- store.c --------------------------------------------------------------------------------- */
/* With lock held: entry of an id, or NULL. */
struct image_entry *image_entry_of(struct image_store *s, const struct digest *id);
bool image_visible(const struct image_entry *en, uint32_t owner);
/* May owner change the image's names, remove it? */
bool image_writable(const struct image_entry *en, uint32_t owner);
/* With lock held: finds the entry, and the tag it was found by (or NULL when by id). */
int image_lookup(struct image_store *s, uint32_t owner, const char *text, struct image_entry **ret,
	struct image_tag_row **ret_tag, struct err *e);
/* With lock held for writing: puts the entry into the database and into images/<id>.json. */
int image_entry_save(struct image_store *s, const struct image_entry *en, struct err *e);
int image_restore_all(struct image_store *s, bool rebuild, struct err *e);
/* Takes img; with lock held for writing.  Gives the entry that now holds that id. */
struct image_entry *image_entry_add(struct image_store *s, struct image *img, uint32_t owner);
/* Gives a new image out of its config and layers; sizes come from the layer table. */
int image_make(struct image_store *s, const struct digest *id, const struct digest *blobs,
	unsigned n, struct image **ret, struct err *e);

/* ---- tag.c ----------------------------------------------------------------------------------- */
char *image_tag_text(const struct image_tag_row *t); /* "busybox:latest"; gives */
/* With lock held for writing: moves or adds the name; *ret_old gets the id that lost it (zero:
 * none).
 */
int image_tag_set(struct image_store *s, struct image_entry *en, uint32_t owner,
	const struct oci_ref *ref, struct digest *ret_old, struct err *e);
void image_tag_drop(struct image_entry *en, unsigned i);
void image_event(struct image_store *s, uint32_t owner, const char *action, const struct image *i,
	const char *name);

/* ---- layer.c --------------------------------------------------------------------------------- */
/* Unpacks the blob unless that was done; waits for another thread that is at it. */
struct image_layer_watch {
	void (*progress)(void *arg, uint64_t taken, uint64_t total);
	void (*warning)(void *arg, struct str text);
	void *arg;
};
int image_layer_ensure(struct image_store *s, const struct digest *blob, const struct digest *diff,
	const struct image_layer_watch *w, struct image_layer *ret, struct err *e);
bool image_layer_get(struct image_store *s, const struct digest *blob, struct image_layer *ret);
void image_layer_known(struct image_store *s, const struct image_layer *l);
void image_pin(struct image_store *s, const struct digest *blob);
/* Commits a writer and pins the result in one step. */
int image_pin_commit(struct image_store *s, struct store_writer *w, const struct digest *expect,
	struct digest *ret, uint64_t *ret_size, struct err *e);
/* Drops one pin; what neither a pin nor an image needs any more leaves the disk. */
void image_unpin(struct image_store *s, const struct digest *blob);

/* ---- job.c ----------------------------------------------------------------------------------- */
/* One job of a worker: its frames are read here and checked; the keeper's answer ends it. */
struct image_job;
struct image_frame {
	enum job_frame_type type;
	uint32_t size;
	union {
		struct err err;
		struct job_unpacked unpacked;
		struct job_member member;
		uint64_t taken;
		uint8_t bytes[JOB_CHUNK_MAX];
	} u;
};
/* Takes in. */
int image_job_start(struct image_store *s, enum keeper_job_kind kind, const struct digest *target,
	int in, struct image_job **ret, struct err *e);
/* 1 and a frame; JOB_ERROR, a broken report and a killed worker are errors.  After JOB_DONE: 0. */
int image_job_next(struct image_job *j, struct image_frame *f, struct err *e);
/* Waits for the keeper's answer. */
void image_job_end(struct image_job *j);

/* ---- receive.c: an archive's members as blobs ------------------------------------------------ */
struct image_member {
	char *name, *target; /* target: links */
	uint32_t type;
	uint64_t size;
	struct digest blob;
};
struct image_members {
	struct image_member *at;
	unsigned n, cap;
};
int image_receive(struct image_store *s, const struct image_source *from, struct image_members *ret,
	struct err *e);
/* Unpins all. */
void image_members_done(struct image_store *s, struct image_members *m);
/* Follows links inside the archive. */
int image_member_find(const struct image_members *m, const char *name,
	const struct image_member **ret, struct err *e);

/* ---- plan.c: which images an archive holds --------------------------------------------------- */
struct image_plan {
	struct digest config;
	unsigned nlayers;
	struct digest *layers;
	uint64_t *sizes; /* of the blobs, for progress */
	struct oci_ref *tags;
	unsigned ntags;
};
int image_plan(struct image_store *s, const struct image_members *m, struct image_plan **ret,
	unsigned *ret_n, struct err *e);
void image_plan_free(struct image_plan *p, unsigned n);

/* ---- register.c ------------------------------------------------------------------------------ */
struct image_report { /* lines for the client; any thread */
	pthread_mutex_t lock;
	const struct image_sink *sink;
	bool quiet, failed;
	json_t *held; /* lines that wait for a lock to be let go: a slow client must not hold it */
};
/* Unpacks what is missing, makes the image, names it, tells. */
int image_register(struct image_store *s, uint32_t owner, const struct image_plan *p,
	struct image_report *r, struct digest *ret_id, struct err *e);
uint64_t image_time(const json_t *doc, const char *key); /* RFC 3339 member, 0 when absent */
void image_entry_drop(
	struct image_store *s, struct image_entry *en); /* with lock held for writing */

/* ---- list.c ---------------------------------------------------------------------------------- */
const char *image_filter_first(const json_t *filters, const char *key);
int image_filters_check(const json_t *filters, const char *const *known, struct err *e);
int image_filter_bool(const json_t *filters, const char *key, bool *inout, struct err *e);
bool image_labels_match(const struct image *i, const json_t *list, bool negate);
json_t *image_tags_json(const struct image_entry *en, uint32_t owner); /* gives */
void image_event_prune(struct image_store *s, uint32_t owner, uint64_t bytes);
