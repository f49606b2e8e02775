/*
 * Decompressors, one row each.  A step takes what it can from the input and says when a frame (gzip
 * member, zstd frame, xz stream, bzip2 block sequence) is complete; another may follow.
 */
#include "tar/tar-int.h"

#include <bzlib.h>
#include <isa-l/igzip_lib.h>
#include <lzma.h>
#include <zstd.h>

/* zstd's own limit for streams that do not ask for more (--long needs consent): 128 MiB. */
#define WINDOW_LOG_MAX 27
/* What xz -9 needs, and a little: larger dictionaries are refused. */
#define XZ_MEMORY_MAX (96u << 20)

static int damaged(struct err *e, const char *name, const char *why)
{
	return err_set(e, ERR_CORRUPT, EBADMSG, "%s: damaged stream (%s)", name, why);
}

/* ---- gzip (RFC 1952), by ISA-L: five times as fast as zlib --------------------------------- */
static bool gzip_is(const uint8_t *p, size_t n)
{
	return n >= 2 && memcmp(p, "\x1f\x8b", 2) == 0;
}

static void *gzip_open(void)
{
	struct inflate_state *z = xcalloc(1, sizeof(*z));

	isal_inflate_init(z);
	z->crc_flag = ISAL_GZIP;
	return z;
}

static int gzip_step(void *state, struct tar_step *s, struct err *e)
{
	struct inflate_state *z = state;
	int r;

	if (s->between)
		isal_inflate_reset(z);
	z->next_in = (uint8_t *)(uintptr_t)s->in;
	z->avail_in = (uint32_t)s->in_n;
	z->next_out = s->out;
	z->avail_out = (uint32_t)s->out_n;
	r = isal_inflate(z);
	s->in_used = s->in_n - z->avail_in;
	s->out_used = s->out_n - z->avail_out;
	s->between = z->block_state == ISAL_BLOCK_FINISH;
	return r < 0 ? damaged(e, "gzip", r == ISAL_INVALID_WRAPPER ? "header" : "data") : 0;
}

/* ---- zstd (RFC 8878) ------------------------------------------------------------------------- */
static bool zstd_is(const uint8_t *p, size_t n)
{
	if (n < 4)
		return false;
	return memcmp(p, "\x28\xb5\x2f\xfd", 4) == 0 ||
	       ((p[0] & 0xf0) == 0x50 && memcmp(p + 1, "\x2a\x4d\x18", 3) == 0);
}

static void *zstd_open(void)
{
	ZSTD_DStream *z = ZSTD_createDStream();

	BUG_ON(!z);
	(void)ZSTD_DCtx_setParameter(z, ZSTD_d_windowLogMax, WINDOW_LOG_MAX);
	return z;
}

static int zstd_step(void *state, struct tar_step *s, struct err *e)
{
	ZSTD_inBuffer in = { s->in, s->in_n, 0 };
	ZSTD_outBuffer out = { s->out, s->out_n, 0 };
	size_t r = ZSTD_decompressStream(state, &out, &in);

	if (ZSTD_isError(r))
		return damaged(e, "zstd", ZSTD_getErrorName(r));
	s->in_used = in.pos;
	s->out_used = out.pos;
	s->between = r == 0;
	return 0;
}

static void zstd_close(void *state)
{
	(void)ZSTD_freeDStream(state);
}

/* ---- xz (xz-file-format.txt) ----------------------------------------------------------------- */
static bool xz_is(const uint8_t *p, size_t n)
{
	static const uint8_t magic[] = { 0xfd, '7', 'z', 'X', 'Z', 0 };

	return n >= sizeof(magic) && memcmp(p, magic, sizeof(magic)) == 0;
}

static void xz_begin(lzma_stream *z)
{
	BUG_ON(lzma_stream_decoder(z, XZ_MEMORY_MAX, 0) != LZMA_OK);
}

static void *xz_open(void)
{
	lzma_stream *z = xcalloc(1, sizeof(*z));

	xz_begin(z);
	return z;
}

static int xz_step(void *state, struct tar_step *s, struct err *e)
{
	lzma_stream *z = state;
	lzma_ret r;

	if (s->between)
		xz_begin(z);
	z->next_in = s->in;
	z->avail_in = s->in_n;
	z->next_out = s->out;
	z->avail_out = s->out_n;
	r = lzma_code(z, LZMA_RUN);
	s->in_used = s->in_n - z->avail_in;
	s->out_used = s->out_n - z->avail_out;
	s->between = r == LZMA_STREAM_END;
	if (r == LZMA_MEMLIMIT_ERROR)
		return err_set(e, ERR_LIMIT, EFBIG,
			"xz: the stream wants a dictionary of more than 64 MiB");
	return r == LZMA_OK || r == LZMA_STREAM_END || r == LZMA_BUF_ERROR
		       ? 0
		       : damaged(e, "xz", "data");
}

static void xz_close(void *state)
{
	lzma_end(state);
	free(state);
}

/* ---- bzip2 ----------------------------------------------------------------------------------- */
static bool bzip2_is(const uint8_t *p, size_t n)
{
	return n >= 3 && memcmp(p, "BZh", 3) == 0;
}

static void *bzip2_open(void)
{
	bz_stream *z = xcalloc(1, sizeof(*z));

	BUG_ON(BZ2_bzDecompressInit(z, 0, 0) != BZ_OK);
	return z;
}

static int bzip2_step(void *state, struct tar_step *s, struct err *e)
{
	bz_stream *z = state;
	int r;

	if (s->between) {
		(void)BZ2_bzDecompressEnd(z);
		BUG_ON(BZ2_bzDecompressInit(z, 0, 0) != BZ_OK);
	}
	z->next_in = (char *)(uintptr_t)s->in;
	z->avail_in = (unsigned)s->in_n;
	z->next_out = (char *)s->out;
	z->avail_out = (unsigned)s->out_n;
	r = BZ2_bzDecompress(z);
	s->in_used = s->in_n - z->avail_in;
	s->out_used = s->out_n - z->avail_out;
	s->between = r == BZ_STREAM_END;
	return r == BZ_OK || r == BZ_STREAM_END ? 0 : damaged(e, "bzip2", "data");
}

static void bzip2_close(void *state)
{
	(void)BZ2_bzDecompressEnd(state);
	free(state);
}

static const struct tar_codec codecs[] = {
	{ "gzip", gzip_is, gzip_open, gzip_step, free },
	{ "zstd", zstd_is, zstd_open, zstd_step, zstd_close },
	{ "xz", xz_is, xz_open, xz_step, xz_close },
	{ "bzip2", bzip2_is, bzip2_open, bzip2_step, bzip2_close },
};

/* Known and not taken: a name is a better answer than "not a tar". */
static const struct {
	const char *magic;
	size_t n;
	const char *name;
} refused[] = {
	{ "\x5d\x00\x00", 3, "lzma" },
	{ "LZIP", 4, "lzip" },
	{ "\x04\x22\x4d\x18", 4, "lz4" },
	{ "PK\x03\x04", 4, "zip" },
};

int tar_codec_find(const uint8_t *p, size_t n, const struct tar_codec **ret, struct err *e)
{
	*ret = NULL;
	for (size_t i = 0; i < ARRAY_SIZE(codecs); i++)
		if (codecs[i].is(p, n))
			*ret = &codecs[i];
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
		if (n >= refused[i].n && memcmp(p, refused[i].magic, refused[i].n) == 0)
			return err_set(e, ERR_UNSUPPORTED, 0,
				"archives compressed with %s are not supported: use gzip, zstd, xz, "
				"bzip2 or no compression",
				refused[i].name);
	return 0;
}
