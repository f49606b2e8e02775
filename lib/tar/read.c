#include "tar/tar-int.h"

#include <iconv.h>
#include <openssl/evp.h>

static la_ssize_t read_cb(struct archive *a, void *arg, const void **ret)
{
	struct tar_reader *r = arg;
	ssize_t n = tar_stream_next(r->stream, ret, &r->err);

	if (n < 0) {
		archive_set_error(a, (int)-n, "%s", r->err.msg);
		return ARCHIVE_FATAL;
	}
	return n;
}

/* What the stream said beats what libarchive made of it. */
static int fail(struct tar_reader *r, struct err *e)
{
	const char *text = archive_error_string(r->archive);

	if (r->err.kind != ERR_NONE) {
		if (e)
			*e = r->err;
		return err_errno(&r->err);
	}
	return err_set(e, ERR_CORRUPT, EBADMSG, "the tar archive is damaged: %s",
		text ? text : "unknown format");
}

int tar_reader_open(struct tar_reader *r, int fd, struct err *e)
{
	int ret = tar_stream_open(fd, &r->stream, e);

	if (ret < 0)
		return ret;
	r->err.kind = ERR_NONE;
	r->archive = archive_read_new();
	BUG_ON(!r->archive);
	(void)archive_read_support_format_tar(r->archive);
	(void)archive_read_support_format_empty(r->archive);
	if (archive_read_open(r->archive, r, NULL, read_cb, NULL) != ARCHIVE_OK)
		return fail(r, e);
	return 0;
}

void tar_reader_close(struct tar_reader *r)
{
	if (r->archive)
		(void)archive_read_free(r->archive);
	tar_stream_close(r->stream);
	r->archive = NULL;
	r->stream = NULL;
}

/* In the C locale libarchive keeps UTF-8 names as they are and warns that it did not convert them
 * (in a UTF-8 locale it would normalise them, which changes bytes).  Every other warning means that
 * something was dropped or guessed. */
static bool harmless(struct archive *a)
{
	static const char tail[] = " can't be converted from UTF-8 to current locale.";
	const char *text = archive_error_string(a);
	size_t n = text ? strlen(text) : 0;

	return n >= sizeof(tail) - 1 && streq(text + n - (sizeof(tail) - 1), tail);
}

int tar_reader_next(struct tar_reader *r, struct archive_entry **ret, struct err *e)
{
	int got = archive_read_next_header(r->archive, ret);

	if (got == ARCHIVE_EOF)
		return 0;
	if (got == ARCHIVE_OK || (got == ARCHIVE_WARN && harmless(r->archive)))
		return 1;
	return fail(r, e);
}

int tar_reader_block(
	struct tar_reader *r, const void **ret, size_t *ret_size, int64_t *ret_at, struct err *e)
{
	la_int64_t at = 0;
	int got = archive_read_data_block(r->archive, ret, ret_size, &at);

	*ret_at = at;
	if (got == ARCHIVE_EOF)
		return 0;
	return got == ARCHIVE_OK ? 1 : fail(r, e);
}

int tar_reader_drain(struct tar_reader *r, struct err *e)
{
	const void *p;
	ssize_t n;

	do
		n = tar_stream_next(r->stream, &p, e);
	while (n > 0);
	return (int)n;
}

int tar_prepare(struct err *e)
{
	struct archive *a = archive_read_new();
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	iconv_t c = iconv_open("ANSI_X3.4-1968", "UTF-8");
	bool ok = a && md && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1;

	if (c != (iconv_t)-1)
		(void)iconv_close(c);
	EVP_MD_CTX_free(md);
	if (a)
		(void)archive_read_free(a);
	return ok ? 0 : err_set(e, ERR_SYSTEM, ENOMEM, "preparing the archive reader");
}
