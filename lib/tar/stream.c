#include "tar/tar-int.h"

#include <fcntl.h>
#include <openssl/evp.h>

#define IN_SIZE	 (256u << 10)
#define OUT_SIZE (512u << 10)

struct tar_stream {
	int fd;
	bool in_end, ended, between; /* between: a frame is complete, another may follow */
	size_t at, have;	     /* unread part of in */
	uint64_t taken, given;
	EVP_MD_CTX *md;
	const struct tar_codec *codec; /* NULL: not compressed */
	void *state;
	uint8_t *in, *out;
};

static int fill(struct tar_stream *s, struct err *e)
{
	ssize_t n;

	if (s->at < s->have || s->in_end)
		return 0;
	n = fd_read(s->fd, s->in, s->codec ? IN_SIZE : OUT_SIZE);
	if (n < 0)
		return err_set(e, ERR_SYSTEM, (int)-n, "reading the archive");
	s->in_end = n == 0;
	s->at = 0;
	s->have = (size_t)n;
	s->taken += (uint64_t)n;
	return 0;
}

static int start(struct tar_stream *s, struct err *e)
{
	ssize_t n = fd_read_full(s->fd, s->in, 512);
	int r;

	if (n < 0)
		return err_set(e, ERR_SYSTEM, (int)-n, "reading the archive");
	s->have = (size_t)n;
	s->taken = (uint64_t)n;
	s->in_end = n < 512;
	r = tar_codec_find(s->in, s->have, &s->codec, e);
	if (r == 0 && s->codec)
		s->state = s->codec->open();
	return r;
}

int tar_stream_open(int fd, struct tar_stream **ret, struct err *e)
{
	auto_stream struct tar_stream *s = xcalloc(1, sizeof(*s));
	int r;

	s->fd = fd;
	s->in = xmalloc(OUT_SIZE);
	s->out = xmalloc(OUT_SIZE);
	s->md = EVP_MD_CTX_new();
	BUG_ON(!s->md || EVP_DigestInit_ex(s->md, EVP_sha256(), NULL) != 1);
	r = start(s, e);
	if (r < 0)
		return r;
	*ret = steal_ptr(&s);
	return 0;
}

void tar_stream_close(struct tar_stream *s)
{
	if (!s)
		return;
	if (s->codec)
		s->codec->close(s->state);
	EVP_MD_CTX_free(s->md);
	free(s->in);
	free(s->out);
	free(s);
}

/* One step of the codec, behind the n bytes that out holds already. */
static int step(struct tar_stream *s, size_t *n, struct err *e)
{
	struct tar_step t = { .in = s->in + s->at,
		.in_n = s->have - s->at,
		.out = s->out + *n,
		.out_n = OUT_SIZE - *n,
		.between = s->between };
	int r = s->codec->step(s->state, &t, e);

	s->at += t.in_used;
	*n += t.out_used;
	s->between = t.between;
	return r;
}

static int decompress(struct tar_stream *s, size_t *ret_n, struct err *e)
{
	size_t n = 0;
	int r;

	while (n < OUT_SIZE) {
		size_t before = n;

		r = fill(s, e);
		if (r < 0)
			return r;
		if (s->at == s->have && s->between)
			break;
		r = step(s, &n, e);
		if (r < 0)
			return r;
		if (s->in_end && s->at == s->have && n == before && !s->between)
			return err_set(
				e, ERR_CORRUPT, EBADMSG, "%s: unexpected EOF", s->codec->name);
	}
	*ret_n = n;
	return 0;
}

ssize_t tar_stream_next(struct tar_stream *s, const void **ret, struct err *e)
{
	size_t n = 0;
	int r;

	if (!s->codec) {
		r = fill(s, e);
		*ret = s->in + s->at;
		n = s->have - s->at;
		s->at = s->have;
	} else {
		r = decompress(s, &n, e);
		*ret = s->out;
	}
	if (r < 0)
		return r;
	s->given += n;
	if (s->given > TAR_RATIO_FREE && s->given / TAR_RATIO_MAX > s->taken)
		return err_set(e, ERR_LIMIT, EFBIG,
			"the archive expands to more than %d times its size: refused as a "
			"decompression bomb",
			TAR_RATIO_MAX);
	/* What is not compressed is the blob itself, whose digest the engine has. */
	BUG_ON(s->codec && EVP_DigestUpdate(s->md, *ret, n) != 1);
	return (ssize_t)n;
}

uint64_t tar_stream_taken(const struct tar_stream *s)
{
	return s->taken;
}

void tar_stream_digest(struct tar_stream *s, struct digest *ret)
{
	*ret = (struct digest){ 0 };
	BUG_ON(s->codec && EVP_DigestFinal_ex(s->md, ret->b, NULL) != 1);
}
