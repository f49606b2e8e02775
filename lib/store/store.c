#include "store/store.h"

#include <dirent.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define GONE	 "gone-" /* in tmp/: a blob that was deleted */
#define QUIET_NS (300 * 1000000ull)

struct store {
	int blobs, tmp;
	pthread_mutex_t lock; /* guards the rest */
	pthread_cond_t wake;
	pthread_t sweeper;
	bool started, sweeping, closing;
	uint64_t put_ns; /* when the last one came, monotonic */
};

static int sub_dir(int dir, const char *name, struct err *e)
{
	int fd;

	if (mkdirat(dir, name, 0700) < 0 && errno != EEXIST)
		return err_set(e, ERR_SYSTEM, errno, "making the store's directory \"%s\"", name);
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_set(e, ERR_SYSTEM, errno, "opening the store's directory \"%s\"", name);
	return fd;
}

/* ---- deleted blobs --------------------------------------------------------------------------- */

/* Freeing a large file takes the kernel long, so who deletes a blob only renames it.  The files go
 * when no other has come for a while, on a thread that is there only for that. */
static bool is_gone(const char *name)
{
	return strncmp(name, GONE, strlen(GONE)) == 0;
}

static DIR *open_tmp(const struct store *s)
{
	int fd = openat(s->tmp, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d)
		fd_close(fd);
	return d;
}

/* With lock held: true when it is quiet, false when the store is closed. */
static bool wait_quiet(struct store *s)
{
	uint64_t now, due;

	while (!s->closing && (now = clock_mono_ns()) < (due = s->put_ns + QUIET_NS)) {
		struct timespec t = { (time_t)(due / NS_PER_SEC), (long)(due % NS_PER_SEC) };

		(void)pthread_cond_timedwait(&s->wake, &s->lock, &t);
	}
	return !s->closing;
}

static void delete_gone(struct store *s)
{
	DIR *d = open_tmp(s);
	struct dirent *de;

	while (d && !__atomic_load_n(&s->closing, __ATOMIC_RELAXED) && (de = readdir(d)))
		if (is_gone(de->d_name))
			(void)unlinkat(s->tmp, de->d_name, 0);
	if (d)
		(void)closedir(d);
}

static void *sweep(void *arg)
{
	struct store *s = arg;
	uint64_t seen;

	(void)setpriority(PRIO_PROCESS, 0, 19); /* of this thread */
	(void)pthread_mutex_lock(&s->lock);
	while (wait_quiet(s)) {
		seen = s->put_ns;
		(void)pthread_mutex_unlock(&s->lock);
		delete_gone(s);
		(void)pthread_mutex_lock(&s->lock);
		if (seen == s->put_ns)
			break;
	}
	s->sweeping = false;
	(void)pthread_mutex_unlock(&s->lock);
	return NULL;
}

/* One more is there.  Without a thread it stays until the next one, or the next start. */
static void gone_note(struct store *s)
{
	(void)pthread_mutex_lock(&s->lock);
	s->put_ns = clock_mono_ns();
	if (!s->sweeping) {
		if (s->started)
			(void)pthread_join(s->sweeper, NULL); /* it lets go of the lock last */
		s->started = s->sweeping = pthread_create(&s->sweeper, NULL, sweep, s) == 0;
	}
	(void)pthread_mutex_unlock(&s->lock);
}

/* False when there is nothing to rename, with errno. */
static bool gone_put(struct store *s, int dir, const char *name)
{
	char to[sizeof(GONE) + DIGEST_HEX], hex[DIGEST_HEX + 1];
	struct digest fresh;

	digest_random(&fresh);
	(void)snprintf(to, sizeof(to), GONE "%s", digest_hex(&fresh, hex));
	if (renameat(dir, name, s->tmp, to) < 0)
		return false;
	gone_note(s);
	return true;
}

/* What a crash left in tmp/ was never visible: away with it. */
static void clear_tmp(struct store *s)
{
	DIR *d = open_tmp(s);
	struct dirent *de;

	while (d && (de = readdir(d)))
		if (is_gone(de->d_name))
			gone_note(s);
		else
			(void)unlinkat(s->tmp, de->d_name, 0); /* "." and ".." refuse */
	if (d)
		(void)closedir(d);
}

/* ---- opening --------------------------------------------------------------------------------- */

static struct store *make(int blobs, int tmp)
{
	struct store *s = xcalloc(1, sizeof(*s));
	pthread_condattr_t clock;

	s->blobs = blobs;
	s->tmp = tmp;
	(void)pthread_mutex_init(&s->lock, NULL);
	(void)pthread_condattr_init(&clock);
	(void)pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&s->wake, &clock);
	(void)pthread_condattr_destroy(&clock);
	return s;
}

int store_open(int dir, struct store **ret, struct err *e)
{
	auto_close int blobs = sub_dir(dir, "blobs", e);
	auto_close int sha = -EBADF;
	auto_close int tmp = -EBADF;

	if (blobs < 0)
		return blobs;
	sha = sub_dir(blobs, "sha256", e);
	if (sha < 0)
		return sha;
	tmp = sub_dir(dir, "tmp", e);
	if (tmp < 0)
		return tmp;
	*ret = make(steal_fd(&sha), steal_fd(&tmp));
	clear_tmp(*ret);
	return 0;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	(void)pthread_mutex_lock(&s->lock);
	__atomic_store_n(&s->closing, true, __ATOMIC_RELAXED);
	(void)pthread_cond_signal(&s->wake);
	(void)pthread_mutex_unlock(&s->lock);
	if (s->started)
		(void)pthread_join(s->sweeper, NULL);
	(void)pthread_cond_destroy(&s->wake);
	(void)pthread_mutex_destroy(&s->lock);
	fd_close(s->blobs);
	fd_close(s->tmp);
	free(s);
}

int store_begin(struct store *s, uint64_t max, struct store_writer *ret, struct err *e)
{
	struct digest name;
	char hex[DIGEST_HEX + 1];

	*ret = (struct store_writer){ .store = s, .fd = -EBADF, .max = max };
	digest_random(&name);
	(void)snprintf(ret->tmp, sizeof(ret->tmp), "blob-%.32s", digest_hex(&name, hex));
	ret->fd = openat(s->tmp, ret->tmp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (ret->fd < 0)
		return err_set(e, ERR_SYSTEM, errno, "making a blob");
	ret->md = EVP_MD_CTX_new();
	BUG_ON(!ret->md || EVP_DigestInit_ex(ret->md, EVP_sha256(), NULL) != 1);
	return 0;
}

int store_write(struct store_writer *w, const void *p, size_t n, struct err *e)
{
	int r;

	if (n > w->max - w->size)
		return err_set(e, ERR_LIMIT, EFBIG, "a blob is larger than %llu bytes",
			(unsigned long long)w->max);
	r = fd_write_all(w->fd, p, n);
	if (r < 0)
		return err_set(e, ERR_SYSTEM, -r, "writing a blob");
	BUG_ON(EVP_DigestUpdate(w->md, p, n) != 1);
	w->size += n;
	return 0;
}

void store_abort(struct store_writer *w)
{
	if (w->fd < 0)
		return;
	fd_close(steal_fd(&w->fd));
	EVP_MD_CTX_free(steal_ptr(&w->md));
	(void)unlinkat(w->store->tmp, w->tmp, 0);
}

static int check_expected(const struct digest *got, const struct digest *expect, struct err *e)
{
	char a[DIGEST_TEXT + 1], b[DIGEST_TEXT + 1];

	if (!expect || digest_eq(got, expect))
		return 0;
	return err_set(e, ERR_UNTRUSTED, EBADMSG, "a blob has digest %s where %s was promised",
		digest_text(got, a), digest_text(expect, b));
}

/* Data first, then the name, then the directory: after a crash a name means the whole blob. */
static int publish(struct store_writer *w, const struct digest *d, struct err *e)
{
	char hex[DIGEST_HEX + 1];

	if (fdatasync(w->fd) < 0)
		return err_set(e, ERR_SYSTEM, errno, "syncing a blob");
	if (renameat(w->store->tmp, w->tmp, w->store->blobs, digest_hex(d, hex)) < 0)
		return err_set(e, ERR_SYSTEM, errno, "keeping blob %s", hex);
	if (fsync(w->store->blobs) < 0)
		return err_set(e, ERR_SYSTEM, errno, "syncing the blob directory");
	return 0;
}

int store_commit(struct store_writer *w, const struct digest *expect, struct digest *ret_digest,
	uint64_t *ret_size, struct err *e)
{
	struct digest d = { 0 };
	int r;

	BUG_ON(w->fd < 0 || EVP_DigestFinal_ex(w->md, d.b, NULL) != 1);
	r = check_expected(&d, expect, e);
	/* A blob that is there already is the same bytes: keep the old one and its place
	 * on disk. */
	if (r == 0 && !store_has(w->store, &d))
		r = publish(w, &d, e);
	if (r == 0) {
		if (ret_digest)
			*ret_digest = d;
		if (ret_size)
			*ret_size = w->size;
	}
	store_abort(w);
	return r;
}

int store_get(struct store *s, const struct digest *d, uint64_t *ret_size, struct err *e)
{
	char hex[DIGEST_HEX + 1];
	auto_close int fd = openat(s->blobs, digest_hex(d, hex), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0 && errno == ENOENT)
		return err_set(e, ERR_NOT_FOUND, ENOENT, "blob sha256:%s is not there", hex);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(e, ERR_SYSTEM, errno, "opening blob sha256:%s", hex);
	if (ret_size)
		*ret_size = (uint64_t)st.st_size;
	return steal_fd(&fd);
}

bool store_has(struct store *s, const struct digest *d)
{
	char hex[DIGEST_HEX + 1];

	return faccessat(s->blobs, digest_hex(d, hex), F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

int store_read(struct store *s, const struct digest *d, struct buf *out, struct err *e)
{
	char hex[DIGEST_HEX + 1];
	auto_close int fd = store_get(s, d, NULL, e);
	struct digest got;
	int r;

	if (fd < 0)
		return fd;
	buf_clear(out);
	r = buf_read_fd(out, fd);
	if (r < 0)
		return err_set(e, r == -EMSGSIZE ? ERR_LIMIT : ERR_SYSTEM, -r,
			"reading blob sha256:%s", digest_hex(d, hex));
	BUG_ON(EVP_Digest(buf_view(out).p, out->n, got.b, NULL, EVP_sha256(), NULL) != 1);
	if (!digest_eq(&got, d))
		return err_set(e, ERR_CORRUPT, EBADMSG,
			"blob sha256:%s is damaged on disk: remove the image and load it again",
			digest_hex(d, hex));
	return 0;
}

int store_put(struct store *s, struct str bytes, struct digest *ret, struct err *e)
{
	struct store_writer w;
	int r = store_begin(s, bytes.n, &w, e);

	if (r < 0)
		return r;
	r = store_write(&w, bytes.p, bytes.n, e);
	if (r < 0) {
		store_abort(&w);
		return r;
	}
	return store_commit(&w, NULL, ret, NULL, e);
}

int store_delete(struct store *s, const struct digest *d, struct err *e)
{
	char hex[DIGEST_HEX + 1];

	if (!gone_put(s, s->blobs, digest_hex(d, hex)) && errno != ENOENT)
		return err_set(e, ERR_SYSTEM, errno, "removing blob sha256:%s", hex);
	return 0;
}
