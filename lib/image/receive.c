#include "image/image-int.h"

#include <fcntl.h>

#define MEMBERS_MAX 10000
#define PUMP_CHUNK  (128u << 10)

/* ---- pump: client to pipe -------------------------------------------------------------------- */
struct image_pump {
	struct image_source from;
	int to;
	pthread_t thread;
	int result;
};

static void *pump(void *arg)
{
	struct image_pump *p = arg;
	char *chunk = xmalloc(PUMP_CHUNK);
	ssize_t n;

	while ((n = p->from.read(p->from.arg, chunk, PUMP_CHUNK)) > 0)
		if (fd_write_all(p->to, chunk, (size_t)n) < 0)
			break; /* the worker has seen enough; its report says why */
	p->result = n < 0 ? (int)n : 0;
	fd_close(steal_fd(&p->to));
	free(chunk);
	return NULL;
}

/* A client's bytes go into a descriptor on a thread of its own. */
static int pump_start(
	const struct image_source *from, int *ret_fd, struct image_pump **ret, struct err *e)
{
	struct image_pump *p = xcalloc(1, sizeof(*p));
	int ends[2], r;

	if (pipe2(ends, O_CLOEXEC) < 0) {
		r = err_set(e, ERR_SYSTEM, errno, "making a pipe for an archive");
		free(p);
		return r;
	}
	(void)fcntl(ends[1], F_SETPIPE_SZ, 1 << 20); /* fewer switches; works without */
	p->from = *from;
	p->to = ends[1];
	r = pthread_create(&p->thread, NULL, pump, p);
	if (r) {
		fd_close(ends[0]);
		fd_close(ends[1]);
		free(p);
		return err_set(e, ERR_SYSTEM, r, "starting a thread for an archive");
	}
	*ret_fd = ends[0];
	*ret = p;
	return 0;
}

/* Joins; the error of reading the client, if there was one. */
static int pump_end(struct image_pump *p, struct err *e)
{
	int r;

	(void)pthread_join(p->thread, NULL);
	r = p->result;
	free(p);
	return r < 0 ? err_set(e, ERR_UNAVAILABLE, -r, "the client's archive ended early") : 0;
}

/* ---- members --------------------------------------------------------------------------------- */
struct receiver {
	struct image_store *s;
	struct image_members *members;
	struct store_writer w;
	bool open;
	uint64_t left;
};

static int close_member(struct receiver *v, struct err *e)
{
	struct image_member *m = &v->members->at[v->members->n - 1];
	int r;

	if (!v->open)
		return 0;
	v->open = false;
	if (v->left) {
		store_abort(&v->w);
		return err_set(e, ERR_CORRUPT, EBADMSG, "member \"%s\" is cut short", m->name);
	}
	r = image_pin_commit(v->s, &v->w, NULL, &m->blob, &m->size, e);
	if (r < 0)
		m->type = 0; /* nothing pinned */
	return r;
}

/* Metadata of docker before 1.10, never used again: not worth a blob each. */
static bool is_legacy(const char *name)
{
	const char *base = strrchr(name, '/');

	return base && (streq(base, "/VERSION") || streq(base, "/json"));
}

static int open_member(struct receiver *v, const struct job_member *in, struct err *e)
{
	struct image_members *all = v->members;
	struct image_member m = { .type = in->type };
	int r = close_member(v, e);

	if (r < 0)
		return r;
	if (all->n >= MEMBERS_MAX || in->type < 1 || in->type > 3)
		return err_set(e, ERR_LIMIT, EFBIG, "the archive has too many members");
	for (unsigned i = 0; i < all->n; i++)
		if (streq(all->at[i].name, in->name))
			return err_set(e, ERR_CORRUPT, EBADMSG,
				"the archive has two members named \"%s\"", in->name);
	v->left = in->size;
	if (in->type == 1) {
		r = store_begin(v->s->o.blobs, MIN(in->size, IMAGE_BLOB_MAX), &v->w, e);
		if (r < 0)
			return r;
		v->open = true;
	}
	m.name = xstrdup(in->name);
	m.target = xstrdup(in->target);
	if (all->n == all->cap) {
		all->cap = all->cap ? all->cap * 2 : 32;
		all->at = xrealloc(all->at, all->cap * sizeof(m));
	}
	all->at[all->n++] = m;
	if (v->open && is_legacy(m.name)) {
		store_abort(&v->w);
		v->open = false;
		all->at[all->n - 1].type = 0;
	}
	return 0;
}

static int add_bytes(struct receiver *v, const uint8_t *p, size_t n, struct err *e)
{
	if (!v->open)
		return v->members->n && v->members->at[v->members->n - 1].type == 0
			       ? 0
			       : err_set(e, ERR_CORRUPT, EPROTO, "bytes without a member");
	if (n > v->left)
		return err_set(e, ERR_CORRUPT, EPROTO, "a member is longer than it said");
	v->left -= n;
	return store_write(&v->w, p, n, e);
}

static int take_frames(struct receiver *v, struct image_job *job, struct err *e)
{
	struct image_frame *f = xmalloc(sizeof(*f));
	int r;

	while ((r = image_job_next(job, f, e)) > 0) {
		if (f->type == JOB_MEMBER)
			r = open_member(v, &f->u.member, e);
		else if (f->type == JOB_DATA)
			r = add_bytes(v, f->u.bytes, f->size, e);
		if (r < 0)
			break;
	}
	free(f);
	if (r == 0)
		r = close_member(v, e);
	if (v->open)
		store_abort(&v->w);
	return r;
}

int image_receive(struct image_store *s, const struct image_source *from, struct image_members *ret,
	struct err *e)
{
	struct receiver v = { .s = s, .members = ret };
	struct image_pump *pump_thread;
	struct image_job *job;
	struct err client;
	int in, r;

	*ret = (struct image_members){ .n = 0 };
	r = pump_start(from, &in, &pump_thread, e);
	if (r < 0)
		return r;
	r = image_job_start(s, KEEPER_JOB_ARCHIVE, NULL, in, &job, e);
	if (r == 0) {
		r = take_frames(&v, job, e);
		image_job_end(job);
	}
	/* A client that went away explains a truncated archive better than its parser does. */
	if (pump_end(pump_thread, &client) < 0) {
		if (e)
			*e = client;
		r = err_errno(&client);
	}
	if (r < 0)
		image_members_done(s, ret);
	return r;
}

void image_members_done(struct image_store *s, struct image_members *m)
{
	for (unsigned i = 0; i < m->n; i++) {
		if (m->at[i].type == 1 && !digest_is_zero(&m->at[i].blob))
			image_unpin(s, &m->at[i].blob);
		free(m->at[i].name);
		free(m->at[i].target);
	}
	free(m->at);
	*m = (struct image_members){ .n = 0 };
}

/* "a/b" and "../c" give "c"; what leaves the archive is refused. */
static int resolve(const char *from, const char *target, char *out, size_t size, struct err *e)
{
	const char *slash = *target == '/' ? NULL : strrchr(from, '/');
	struct str rest = str_of(target);
	size_t n = slash ? (size_t)(slash - from) : 0;

	if (n >= size)
		return err_set(e, ERR_LIMIT, ENAMETOOLONG, "a link in the archive is too long");
	memcpy(out, from, n);
	out[n] = '\0';
	while (rest.p) {
		struct str part = str_cut(&rest, '/');

		if (part.n == 0 || str_eq(part, STR(".")))
			continue;
		if (str_eq(part, STR(".."))) {
			char *up = strrchr(out, '/');

			if (n == 0)
				return err_set(e, ERR_INVALID, EPERM,
					"link \"%s\" leads out of the archive", from);
			n = up ? (size_t)(up - out) : 0;
			out[n] = '\0';
			continue;
		}
		if (n + part.n + 2 > size)
			return err_set(
				e, ERR_LIMIT, ENAMETOOLONG, "a link in the archive is too long");
		if (n)
			out[n++] = '/';
		memcpy(out + n, part.p, part.n);
		n += part.n;
		out[n] = '\0';
	}
	return 0;
}

static const struct image_member *by_name(const struct image_members *m, const char *name)
{
	for (unsigned i = 0; i < m->n; i++)
		if (streq(m->at[i].name, name))
			return &m->at[i];
	return NULL;
}

int image_member_find(const struct image_members *m, const char *name,
	const struct image_member **ret, struct err *e)
{
	char path[JOB_NAME_MAX], next[JOB_NAME_MAX];
	int r = resolve("", name, path, sizeof(path), e);

	for (unsigned hops = 0; r == 0; hops++) {
		const struct image_member *found = by_name(m, path);

		if (!found || found->type == 0)
			return err_set(e, ERR_INVALID, ENOENT,
				"invalid archive: \"%s\" is not in it", name);
		if (found->type == 1) {
			*ret = found;
			return 0;
		}
		if (hops > 8)
			return err_set(e, ERR_INVALID, ELOOP,
				"invalid archive: too many links at \"%s\"", name);
		r = resolve(found->type == 2 ? path : "", found->target, next, sizeof(next), e);
		memcpy(path, next, sizeof(path));
	}
	return r;
}
