/*
 * store - content-addressed blobs by sha256, kept as received, under blobs/sha256/<hex>.
 *
 * A blob is written to tmp/, hashed while it is written, checked against the digest that was
 * promised, synced and renamed: it is never visible half or wrong.  Everything in tmp/ is rubbish
 * at start.  A deleted blob is renamed into tmp/ and its file goes a little later, on a thread of
 * low priority.  Threads: any.
 */
#pragma once

#include <openssl/types.h>

struct store;
int store_open(int dir, struct store **ret, struct err *e); /* borrows dir */
void store_close(struct store *s);

struct store_writer {
	struct store *store;
	int fd;
	EVP_MD_CTX *md;
	uint64_t size, max;
	char tmp[40];
};
/* At most max bytes may be written. */
int store_begin(struct store *s, uint64_t max, struct store_writer *ret, struct err *e);
int store_write(struct store_writer *w, const void *p, size_t n, struct err *e);
/* expect may be NULL.  On success the blob is there; the writer is done either way. */
int store_commit(struct store_writer *w, const struct digest *expect, struct digest *ret_digest,
	uint64_t *ret_size, struct err *e);
void store_abort(struct store_writer *w); /* no effect after commit */

int store_get(
	struct store *s, const struct digest *d, uint64_t *ret_size, struct err *e); /* gives fd */
bool store_has(struct store *s, const struct digest *d);
/* Whole small blob, verified against its digest. */
int store_read(struct store *s, const struct digest *d, struct buf *out, struct err *e);
int store_put(struct store *s, struct str bytes, struct digest *ret, struct err *e);
int store_delete(struct store *s, const struct digest *d, struct err *e);
