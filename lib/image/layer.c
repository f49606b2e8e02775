/* Which layers are unpacked, who is unpacking one, and which blobs are in use. */
#include "image/image-int.h"

static struct image_layer *layer_of(struct image_store *s, const struct digest *blob)
{
	for (unsigned i = 0; i < s->nlayers; i++)
		if (digest_eq(&s->layers[i].blob, blob))
			return &s->layers[i];
	return NULL;
}

static void layer_add(struct image_store *s, const struct image_layer *l)
{
	s->layers = xrealloc(s->layers, (s->nlayers + 1) * sizeof(*l));
	s->layers[s->nlayers++] = *l;
}

static void layer_drop(struct image_store *s, struct image_layer *l)
{
	*l = s->layers[--s->nlayers];
}

void image_layer_known(struct image_store *s, const struct image_layer *l)
{
	(void)pthread_mutex_lock(&s->layer_lock);
	if (!layer_of(s, &l->blob))
		layer_add(s, l);
	(void)pthread_mutex_unlock(&s->layer_lock);
}

bool image_layer_get(struct image_store *s, const struct digest *blob, struct image_layer *ret)
{
	struct image_layer *l;

	(void)pthread_mutex_lock(&s->layer_lock);
	l = layer_of(s, blob);
	if (l)
		*ret = *l;
	(void)pthread_mutex_unlock(&s->layer_lock);
	return l && ret->ready;
}

uint64_t image_layers_size(struct image_store *s)
{
	uint64_t sum = 0;

	(void)pthread_mutex_lock(&s->layer_lock);
	for (unsigned i = 0; i < s->nlayers; i++)
		sum += s->layers[i].ready ? s->layers[i].size : 0;
	(void)pthread_mutex_unlock(&s->layer_lock);
	return sum;
}

static int read_report(struct image_job *j, uint64_t total, const struct image_layer_watch *w,
	struct job_unpacked *ret, struct err *e)
{
	struct image_frame *f = xmalloc(sizeof(*f));
	bool done = false;
	int r;

	while ((r = image_job_next(j, f, e)) > 0) {
		if (f->type == JOB_PROGRESS && w && w->progress)
			w->progress(w->arg, MIN(f->u.taken, total), total);
		if (f->type == JOB_WARNING && w && w->warning)
			w->warning(w->arg, (struct str){ (const char *)f->u.bytes, f->size });
		if (f->type == JOB_DONE && f->size == sizeof(*ret)) {
			*ret = f->u.unpacked;
			done = true;
		}
	}
	free(f);
	if (r == 0 && !done)
		r = err_set(e, ERR_CORRUPT, EPROTO, "the unpacking worker's report is malformed");
	return r;
}

/* A staging directory is only ever renamed or left to the keeper: to discard a good one it gets a
 * name of its own and goes as a layer. */
static void discard(struct image_store *s, const struct digest *staging)
{
	struct keeper_layer l = { .staging = *staging };
	struct keeper_reply reply;
	struct err ignored;

	digest_random(&l.layer);
	if (keeper_call(s->o.keeper, KEEPER_LAYER_COMMIT, &l, sizeof(l), NULL, 0, &reply,
		    &ignored) == 0)
		(void)keeper_call(
			s->o.keeper, KEEPER_LAYER_REMOVE, &l, sizeof(l), NULL, 0, &reply, &ignored);
}

static int wrong_diff(const struct digest *got, const struct digest *want, struct err *e)
{
	char a[DIGEST_TEXT + 1], b[DIGEST_TEXT + 1];

	return err_set(e, ERR_UNTRUSTED, EBADMSG,
		"invalid diffID for layer: expected \"%s\", got \"%s\"", digest_text(want, a),
		digest_text(got, b));
}

static int unpack(struct image_store *s, const struct digest *blob, const struct digest *diff,
	const struct image_layer_watch *w, struct image_layer *ret, struct err *e)
{
	struct keeper_layer l = { .layer = *blob };
	struct job_unpacked done = { .entries = 0 };
	struct keeper_reply reply;
	struct image_job *job;
	uint64_t total = 0;
	int fd = store_get(s->o.blobs, blob, &total, e), r;

	if (fd < 0)
		return fd;
	digest_random(&l.staging);
	r = image_job_start(s, KEEPER_JOB_UNPACK, &l.staging, fd, &job, e);
	if (r < 0)
		return r;
	r = read_report(job, total, w, &done, e);
	image_job_end(job);
	if (r < 0)
		return r;
	if (digest_is_zero(&done.diff_id))
		done.diff_id = *blob; /* not compressed, and hashed when it came */
	if (diff && !digest_eq(&done.diff_id, diff)) {
		discard(s, &l.staging);
		return wrong_diff(&done.diff_id, diff, e);
	}
	r = keeper_call(s->o.keeper, KEEPER_LAYER_COMMIT, &l, sizeof(l), NULL, 0, &reply, e);
	if (r < 0)
		return r;
	*ret = (struct image_layer){ *blob, done.diff_id, done.size_bytes, true };
	return 0;
}

/* With layer_lock held.  True when the layer is there; false when it is this caller's to make. */
static bool wait_for_others(
	struct image_store *s, const struct digest *blob, struct image_layer *ret)
{
	struct image_layer *l;

	while ((l = layer_of(s, blob))) {
		if (l->ready) {
			*ret = *l;
			return true;
		}
		(void)pthread_cond_wait(&s->layer_done, &s->layer_lock);
	}
	layer_add(s, &(struct image_layer){ .blob = *blob });
	return false;
}

int image_layer_ensure(struct image_store *s, const struct digest *blob, const struct digest *diff,
	const struct image_layer_watch *w, struct image_layer *ret, struct err *e)
{
	struct image_layer made;
	bool there;
	int r = 0;

	(void)pthread_mutex_lock(&s->layer_lock);
	there = wait_for_others(s, blob, ret);
	(void)pthread_mutex_unlock(&s->layer_lock);
	if (there)
		return diff && !digest_eq(&ret->diff, diff) ? wrong_diff(&ret->diff, diff, e) : 0;
	r = unpack(s, blob, diff, w, &made, e);
	(void)pthread_mutex_lock(&s->layer_lock);
	if (r == 0)
		*ret = *layer_of(s, blob) = made;
	else
		layer_drop(s, layer_of(s, blob));
	(void)pthread_cond_broadcast(&s->layer_done);
	(void)pthread_mutex_unlock(&s->layer_lock);
	return r;
}

static void layer_forget(struct image_store *s, const struct digest *blob)
{
	struct keeper_layer l = { .layer = *blob };
	struct keeper_reply reply;
	struct image_layer *known;
	struct err ignored;
	bool ready;

	(void)pthread_mutex_lock(&s->layer_lock);
	known = layer_of(s, blob);
	ready = known && known->ready;
	if (ready)
		layer_drop(s, known);
	(void)pthread_mutex_unlock(&s->layer_lock);
	/* What the keeper cannot remove now is an orphan of known name; a later load reuses it. */
	if (ready)
		(void)keeper_call(
			s->o.keeper, KEEPER_LAYER_REMOVE, &l, sizeof(l), NULL, 0, &reply, &ignored);
}

/* ---- pins ------------------------------------------------------------------------------------ */
static struct image_pin *pin_of(struct image_store *s, const struct digest *blob)
{
	for (unsigned i = 0; i < s->npins; i++)
		if (digest_eq(&s->pins[i].blob, blob))
			return &s->pins[i];
	return NULL;
}

static void pin_locked(struct image_store *s, const struct digest *blob)
{
	struct image_pin *p = pin_of(s, blob);

	if (!p) {
		s->pins = xrealloc(s->pins, (s->npins + 1) * sizeof(*p));
		p = &s->pins[s->npins++];
		*p = (struct image_pin){ .blob = *blob };
	}
	p->count++;
}

void image_pin(struct image_store *s, const struct digest *blob)
{
	(void)pthread_mutex_lock(&s->blob_lock);
	pin_locked(s, blob);
	(void)pthread_mutex_unlock(&s->blob_lock);
}

int image_pin_commit(struct image_store *s, struct store_writer *w, const struct digest *expect,
	struct digest *ret, uint64_t *ret_size, struct err *e)
{
	int r;

	/* Under the lock, or a removal could take the blob between commit and pin. */
	(void)pthread_mutex_lock(&s->blob_lock);
	r = store_commit(w, expect, ret, ret_size, e);
	if (r == 0)
		pin_locked(s, ret);
	(void)pthread_mutex_unlock(&s->blob_lock);
	return r;
}

static bool used_by_image(struct image_store *s, const struct digest *blob)
{
	bool used = false;

	(void)pthread_rwlock_rdlock(&s->lock);
	for (unsigned i = 0; i < s->n && !used; i++) {
		const struct image *img = s->all[i]->img;

		used = digest_eq(&img->id, blob);
		for (unsigned k = 0; k < img->nlayers && !used; k++)
			used = digest_eq(&img->layers[k], blob);
	}
	(void)pthread_rwlock_unlock(&s->lock);
	return used;
}

void image_unpin(struct image_store *s, const struct digest *blob)
{
	struct digest d = *blob;
	struct image_pin *p;
	struct err ignored;

	(void)pthread_mutex_lock(&s->blob_lock);
	p = pin_of(s, &d);
	BUG_ON(!p);
	if (--p->count == 0) {
		*p = s->pins[--s->npins];
		if (!used_by_image(s, &d)) {
			layer_forget(s, &d);
			(void)store_delete(s->o.blobs, &d, &ignored);
		}
	}
	(void)pthread_mutex_unlock(&s->blob_lock);
}
