#include "tar/tar-int.h"

static int send_member(struct archive_entry *en, const struct tar_sink *sink, uint32_t type,
	const char *target, struct err *e)
{
	struct job_member m = { .type = type };
	char clean[TAR_PATH_MAX + 1];
	const char *raw = archive_entry_pathname(en);
	int r;

	if (!raw)
		return err_set(e, ERR_CORRUPT, EBADMSG, "a member of the archive has no name");
	r = tar_path_clean(raw, clean, e);
	if (r < 0)
		return r;
	if (!str_copy(m.name, sizeof(m.name), str_of(clean)) ||
		(target && !str_copy(m.target, sizeof(m.target), str_of(target))))
		return err_set(e, ERR_LIMIT, ENAMETOOLONG, "a name in the archive is too long");
	m.size = type == 1 ? (uint64_t)archive_entry_size(en) : 0;
	return sink->frame(sink->arg, JOB_MEMBER, &m, sizeof(m));
}

static int send_bytes(const struct tar_sink *sink, const char *p, size_t n)
{
	int r = 0;

	for (; n > 0 && r == 0; n -= MIN(n, (size_t)JOB_CHUNK_MAX)) {
		size_t now = MIN(n, (size_t)JOB_CHUNK_MAX);

		r = sink->frame(sink->arg, JOB_DATA, p, now);
		p += now;
	}
	return r;
}

static int send_content(
	struct tar_reader *rd, int64_t size, const struct tar_sink *sink, struct err *e)
{
	int64_t end = 0, at;
	const void *p;
	size_t n;
	int r;

	while ((r = tar_reader_block(rd, &p, &n, &at, e)) > 0) {
		if (at != end || (int64_t)n > size - end)
			return err_set(e, ERR_UNSUPPORTED, 0,
				"sparse members are not supported in image archives");
		r = send_bytes(sink, p, n);
		if (r < 0)
			return r;
		end += (int64_t)n;
	}
	if (r == 0 && end != size)
		return err_set(e, ERR_CORRUPT, EBADMSG, "a member of the archive is cut short");
	return r;
}

static int list_entry(
	struct tar_reader *rd, struct archive_entry *en, const struct tar_sink *sink, struct err *e)
{
	const char *hard = archive_entry_hardlink(en);
	int64_t size = archive_entry_size(en);
	int r;

	if (hard)
		return send_member(en, sink, 3, hard, e);
	if (archive_entry_filetype(en) == AE_IFLNK)
		return send_member(en, sink, 2, archive_entry_symlink(en), e);
	if (archive_entry_filetype(en) != AE_IFREG)
		return 0;
	if (size < 0 || (uint64_t)size > TAR_BYTES_MAX)
		return err_set(e, ERR_LIMIT, EFBIG, "a member of the archive is too large");
	r = send_member(en, sink, 1, NULL, e);
	return r < 0 ? r : send_content(rd, size, sink, e);
}

int tar_list(int in, const struct tar_sink *sink, struct err *e)
{
	struct tar_reader rd = { 0 };
	struct archive_entry *en;
	unsigned members = 0;
	int r = tar_reader_open(&rd, in, e);

	while (r == 0 && (r = tar_reader_next(&rd, &en, e)) > 0) {
		if (++members > TAR_MEMBERS_MAX)
			r = err_set(e, ERR_LIMIT, EFBIG, "the archive has more than %u members",
				TAR_MEMBERS_MAX);
		else
			r = list_entry(&rd, en, sink, e);
	}
	if (r == 0)
		r = tar_reader_drain(&rd, e);
	tar_reader_close(&rd);
	return r;
}
