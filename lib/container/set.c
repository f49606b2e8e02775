#include "container/container-int.h"

#include <sys/stat.h>

struct name_hold {
	struct name_hold *next;
	uint32_t owner;
	char hex[DIGEST_HEX + 1];
	char name[];
};

uint32_t peer_sees(const struct http_peer *peer)
{
	return peer->cls == KEEPER_CLASS_ROOT ? 0 : peer->uid;
}

static bool visible(const struct container *c, uint32_t owner)
{
	return owner == 0 || c->owner == owner;
}

static void init_condition(pthread_cond_t *cond)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(cond, &attr);
	pthread_condattr_destroy(&attr);
}

struct container *container_new(struct container_set *s)
{
	struct container *c = xcalloc(1, sizeof(*c));

	pthread_mutex_init(&c->lock, NULL);
	pthread_mutex_init(&c->op, NULL);
	init_condition(&c->changed);
	c->refs = 1;
	c->set = s;
	c->dir = c->control = c->listener = -EBADF;
	c->exec_ids = json_array();
	return c;
}

static void container_free(struct container *c)
{
	pthread_mutex_destroy(&c->lock);
	pthread_mutex_destroy(&c->op);
	pthread_cond_destroy(&c->changed);
	if (c->image)
		image_unref(c->image);
	fd_close(c->dir);
	fd_close(c->control);
	fd_close(c->listener);
	json_decref(c->config);
	json_decref(c->host_config);
	json_decref(c->health);
	json_decref(c->exec_ids);
	free(c->image_name);
	free(c->name);
	free(c->error);
	free(c);
}

struct container *container_ref(struct container *c)
{
	__atomic_add_fetch(&c->refs, 1, __ATOMIC_RELAXED);
	return c;
}

void container_unref(struct container *c)
{
	if (__atomic_sub_fetch(&c->refs, 1, __ATOMIC_ACQ_REL) == 0)
		container_free(c);
}

/* ---- names ----------------------------------------------------------------------------------- */

/* The id of who has the name, or NULL.  Under the set's lock. */
static const char *name_taken(struct container_set *s, uint32_t owner, const char *name)
{
	for (struct name_hold *h = s->holds; h; h = h->next)
		if (h->owner == owner && streq(h->name, name))
			return h->hex;
	for (size_t i = 0; i < s->n; i++)
		if (s->all[i]->owner == owner && streq(s->all[i]->name, name))
			return s->all[i]->hex;
	return NULL;
}

int set_name_hold(
	struct container_set *s, uint32_t owner, const char *name, const char *hex, struct err *e)
{
	struct name_hold *h = xcalloc(1, sizeof(*h) + strlen(name) + 1);
	const char *who;
	int r = 0;

	h->owner = owner;
	memcpy(h->name, name, strlen(name) + 1);
	(void)str_copy(h->hex, sizeof(h->hex), str_of(hex));
	pthread_mutex_lock(&s->lock);
	who = name_taken(s, owner, name);
	if (who) {
		r = err_set(e, ERR_CONFLICT, 0,
			"Conflict. The container name \"/%s\" is already in use by container \"%s\". You "
			"have to remove (or rename) that container to be able to reuse that name.",
			name, who);
	} else {
		h->next = s->holds;
		s->holds = h;
	}
	pthread_mutex_unlock(&s->lock);
	if (r < 0)
		free(h);
	return r;
}

static void release_locked(struct container_set *s, uint32_t owner, const char *name)
{
	for (struct name_hold **p = &s->holds; *p; p = &(*p)->next) {
		struct name_hold *h = *p;

		if (h->owner != owner || !streq(h->name, name))
			continue;
		*p = h->next;
		free(h);
		return;
	}
}

void set_name_release(struct container_set *s, uint32_t owner, const char *name)
{
	pthread_mutex_lock(&s->lock);
	release_locked(s, owner, name);
	pthread_mutex_unlock(&s->lock);
}

/* ---- the table ------------------------------------------------------------------------------- */

void set_add(struct container_set *s, struct container *c)
{
	size_t at;

	pthread_mutex_lock(&s->lock);
	if (s->n == s->cap) {
		s->cap = s->cap ? s->cap * 2 : 64;
		s->all = xrealloc(s->all, s->cap * sizeof(struct container *));
	}
	for (at = s->n; at > 0 && s->all[at - 1]->created_ns > c->created_ns; at--)
		s->all[at] = s->all[at - 1];
	s->all[at] = c;
	s->n++;
	release_locked(s, c->owner, c->name);
	pthread_mutex_unlock(&s->lock);
}

void set_drop(struct container_set *s, struct container *c)
{
	bool found = false;

	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < s->n; i++) {
		if (found)
			s->all[i - 1] = s->all[i];
		found = found || s->all[i] == c;
	}
	s->n -= found;
	pthread_mutex_unlock(&s->lock);
	if (found)
		container_unref(c);
}

size_t set_snapshot(struct container_set *s, uint32_t owner, struct container ***ret)
{
	size_t n = 0;

	pthread_mutex_lock(&s->lock);
	*ret = xcalloc(s->n + 1, sizeof(struct container *));
	for (size_t i = 0; i < s->n; i++)
		if (visible(s->all[i], owner))
			(*ret)[n++] = container_ref(s->all[i]);
	pthread_mutex_unlock(&s->lock);
	return n;
}

void container_each(
	struct container_set *s, uint32_t owner, void (*fn)(void *, struct container *), void *arg)
{
	auto_free struct container **all = NULL;
	size_t n = set_snapshot(s, owner, &all);

	for (size_t i = 0; i < n; i++) {
		fn(arg, all[i]);
		container_unref(all[i]);
	}
}

/* ---- finding --------------------------------------------------------------------------------- */

static struct container *by_id(struct container_set *s, uint32_t owner, const char *ref)
{
	for (size_t i = 0; i < s->n; i++)
		if (visible(s->all[i], owner) && streq(s->all[i]->hex, ref))
			return s->all[i];
	return NULL;
}

/* One's own name first: another owner may use the same one, and only root sees both. */
static struct container *by_name(
	struct container_set *s, uint32_t sees, uint32_t self, const char *ref)
{
	struct container *found = NULL;

	if (ref[0] == '/')
		ref++;
	for (size_t i = 0; i < s->n; i++) {
		struct container *c = s->all[i];

		if (!visible(c, sees) || !streq(c->name, ref))
			continue;
		if (c->owner == self)
			return c;
		found = c;
	}
	return found;
}

static struct container *by_prefix(
	struct container_set *s, uint32_t owner, const char *ref, bool *ret_ambiguous)
{
	struct container *found = NULL;

	if (!ref[0] || ref[strspn(ref, "0123456789abcdef")])
		return NULL;
	for (size_t i = 0; i < s->n; i++) {
		if (!visible(s->all[i], owner) || !str_starts(str_of(s->all[i]->hex), str_of(ref)))
			continue;
		*ret_ambiguous = *ret_ambiguous || found;
		found = s->all[i];
	}
	return found;
}

static int find(struct container_set *s, uint32_t sees, uint32_t self, const char *ref,
	struct container **ret, struct err *e)
{
	bool ambiguous = false;
	struct container *c;

	pthread_mutex_lock(&s->lock);
	c = by_id(s, sees, ref);
	if (!c)
		c = by_name(s, sees, self, ref);
	if (!c)
		c = by_prefix(s, sees, ref, &ambiguous);
	if (c && !ambiguous)
		*ret = container_ref(c);
	pthread_mutex_unlock(&s->lock);
	if (ambiguous)
		return err_set(
			e, ERR_INVALID, 0, "multiple IDs found with provided prefix: %.100s", ref);
	return c ? 0 : err_set(e, ERR_NOT_FOUND, 0, "No such container: %.200s", ref);
}

int container_find(struct container_set *s, const struct http_peer *peer, const char *ref,
	struct container **ret, struct err *e)
{
	return find(s, peer_sees(peer), peer->uid, ref, ret, e);
}

int set_find_name(struct container_set *s, uint32_t owner, const char *name, struct container **ret)
{
	struct err ignore;

	return find(s, owner, owner, name, ret, &ignore);
}

/* ---- opening --------------------------------------------------------------------------------- */

int container_set_open(
	const struct container_options *o, bool rebuild, struct container_set **ret, struct err *e)
{
	struct container_set *s = xcalloc(1, sizeof(*s));
	int r;

	pthread_mutex_init(&s->lock, NULL);
	s->o = *o;
	r = persist_load_all(s, rebuild, e);
	if (r == 0)
		r = monitor_start(s, e);
	if (r < 0) {
		while (s->n > 0)
			container_unref(s->all[--s->n]);
		free(s->all);
		free(s);
		return r;
	}
	*ret = s;
	return 0;
}
