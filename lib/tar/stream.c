#include "tar/tar-int.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <zlib.h>
#include <zstd.h>

#define IN_SIZE	 (256u << 10)
#define OUT_SIZE (512u << 10)
/* zstd's own limit for streams that do not ask for more (--long needs consent): 128 MiB. */
#define WINDOW_LOG_MAX 27

enum kind { PLAIN, GZIP, ZSTD };

struct tar_stream {
	int fd;
	enum kind kind;
	bool in_end, ended, between; /* between: a frame is complete, another may follow */
	size_t at, have;	     /* unread part of in */
	uint64_t taken, given;
	EVP_MD_CTX *md;
	z_stream z;
	bool z_live;
	ZSTD_DStream *zd;
	uint8_t *in, *out;
};

static int fill(struct tar_stream *s, struct err *e)
{
	ssize_t n;

	if (s->at < s->have || s->in_end)
		return 0;
	n = fd_read(s->fd, s->in, s->kind == PLAIN ? OUT_SIZE : IN_SIZE);
	if (n < 0)
		return err_set(e, ERR_SYSTEM, (int)-n, "reading the archive");
	s->in_end = n == 0;
	s->at = 0;
	s->have = (size_t)n;
	s->taken += (uint64_t)n;
	return 0;
}

static bool magic(const struct tar_stream *s, const char *m, size_t n)
{
	return s->have >= n && memcmp(s->in, m, n) == 0;
}

static int detect(struct tar_stream *s, struct err *e)
{
	static const struct {
		const char *magic;
		size_t n;
		const char *name;
	} refused[] = {
		{ "\xfd"
		  "7zXZ",
			5, "xz" },
		{ "BZh", 3, "bzip2" },
		{ "\x5d\x00\x00", 3, "lzma" },
		{ "LZIP", 4, "lzip" },
		{ "\x04\x22\x4d\x18", 4, "lz4" },
		{ "PK\x03\x04", 4, "zip" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
		if (magic(s, refused[i].magic, refused[i].n))
			return err_set(e, ERR_UNSUPPORTED, 0,
				"archives compressed with %s are not supported: use gzip, zstd or "
				"no compression",
				refused[i].name);
	if (magic(s, "\x1f\x8b", 2))
		s->kind = GZIP;
	else if (magic(s, "\x28\xb5\x2f\xfd", 4) ||
		 (s->have >= 4 && (s->in[0] & 0xf0) == 0x50 &&
			 memcmp(s->in + 1, "\x2a\x4d\x18", 3) == 0))
		s->kind = ZSTD;
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
	r = detect(s, e);
	if (r < 0)
		return r;
	if (s->kind == GZIP) {
		s->z_live = inflateInit2(&s->z, 15 + 16) == Z_OK;
		BUG_ON(!s->z_live);
	}
	if (s->kind == ZSTD) {
		s->zd = ZSTD_createDStream();
		BUG_ON(!s->zd);
		(void)ZSTD_DCtx_setParameter(s->zd, ZSTD_d_windowLogMax, WINDOW_LOG_MAX);
	}
	return 0;
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
	if (s->z_live)
		(void)inflateEnd(&s->z);
	(void)ZSTD_freeDStream(s->zd);
	EVP_MD_CTX_free(s->md);
	free(s->in);
	free(s->out);
	free(s);
}

/* One step of inflate: 1 when a member ended, 0 to go on. */
static int inflate_step(struct tar_stream *s, size_t *out_n, struct err *e)
{
	int r;

	if (s->between) { /* gzip members may follow each other */
		(void)inflateReset(&s->z);
		s->between = false;
	}
	s->z.next_in = s->in + s->at;
	s->z.avail_in = (unsigned)(s->have - s->at);
	s->z.next_out = s->out + *out_n;
	s->z.avail_out = (unsigned)(OUT_SIZE - *out_n);
	r = inflate(&s->z, Z_NO_FLUSH);
	s->at = s->have - s->z.avail_in;
	*out_n = OUT_SIZE - s->z.avail_out;
	if (r == Z_STREAM_END)
		s->between = true;
	else if (r != Z_OK && r != Z_BUF_ERROR)
		return err_set(e, ERR_CORRUPT, EBADMSG, "gzip: damaged stream (%s)",
			s->z.msg ? s->z.msg : "no detail");
	return 0;
}

static int zstd_step(struct tar_stream *s, size_t *out_n, struct err *e)
{
	ZSTD_inBuffer in = { s->in, s->have, s->at };
	ZSTD_outBuffer out = { s->out, OUT_SIZE, *out_n };
	size_t r = ZSTD_decompressStream(s->zd, &out, &in);

	if (ZSTD_isError(r))
		return err_set(
			e, ERR_CORRUPT, EBADMSG, "zstd: damaged stream (%s)", ZSTD_getErrorName(r));
	s->at = in.pos;
	*out_n = out.pos;
	s->between = r == 0;
	return 0;
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
		r = s->kind == GZIP ? inflate_step(s, &n, e) : zstd_step(s, &n, e);
		if (r < 0)
			return r;
		if (s->in_end && s->at == s->have && n == before && !s->between)
			return err_set(e, ERR_CORRUPT, EBADMSG, "%s: unexpected EOF",
				s->kind == GZIP ? "gzip" : "zstd");
	}
	*ret_n = n;
	return 0;
}

ssize_t tar_stream_next(struct tar_stream *s, const void **ret, struct err *e)
{
	size_t n = 0;
	int r;

	if (s->kind == PLAIN) {
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
	BUG_ON(EVP_DigestUpdate(s->md, *ret, n) != 1);
	return (ssize_t)n;
}

uint64_t tar_stream_taken(const struct tar_stream *s)
{
	return s->taken;
}

void tar_stream_digest(struct tar_stream *s, struct digest *ret)
{
	BUG_ON(EVP_DigestFinal_ex(s->md, ret->b, NULL) != 1);
}
