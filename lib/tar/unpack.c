#include "tar/tar-int.h"

#include <fcntl.h>
#include <sys/stat.h>

#define DIRS_BYTES_MAX (256u << 20)
#define PROGRESS_EVERY (4u << 20)

struct unpack {
	struct tar_reader reader;
	struct tar_dirs dirs;
	const struct tar_sink *sink;
	struct buf times; /* struct dir_time, path, NUL ...: directories, set at the end */
	uint64_t bytes, entries, progress;
	char path[TAR_PATH_MAX + 1];
};
struct dir_time {
	struct timespec t[2];
};

static int count_bytes(struct unpack *u, uint64_t n, struct err *e)
{
	if (n > TAR_BYTES_MAX - u->bytes)
		return err_set(e, ERR_LIMIT, EFBIG, "the layer is larger than %llu GiB",
			(unsigned long long)(TAR_BYTES_MAX >> 30));
	u->bytes += n;
	return 0;
}

/* Makes room for what is not a directory. */
static int make_way(struct unpack *u, int dir, const char *name, struct err *e)
{
	int r = tar_remove(dir, name, 0);

	return r < 0 ? err_set(e, ERR_SYSTEM, -r, "replacing \"%s\"", u->path) : 0;
}

static int write_block(struct unpack *u, int fd, const char *p, size_t n, int64_t at, struct err *e)
{
	while (n > 0) {
		ssize_t w = pwrite(fd, p, n, at);

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return err_set(e, ERR_SYSTEM, errno, "writing \"%s\"", u->path);
		p += w;
		at += w;
		n -= (size_t)w;
	}
	return 0;
}

static int progress(struct unpack *u)
{
	uint64_t taken = tar_stream_taken(u->reader.stream);

	if (taken - u->progress < PROGRESS_EVERY)
		return 0;
	u->progress = taken;
	return u->sink->frame(u->sink->arg, JOB_PROGRESS, &taken, sizeof(taken));
}

static int write_content(struct unpack *u, int fd, int64_t size, struct err *e)
{
	int64_t end = 0, at;
	const void *p;
	size_t n;
	int r;

	while ((r = tar_reader_block(&u->reader, &p, &n, &at, e)) > 0) {
		if (at < end || at > size || (int64_t)n > size - at)
			return err_set(
				e, ERR_CORRUPT, EBADMSG, "the content of \"%s\" overlaps", u->path);
		r = write_block(u, fd, p, n, at, e);
		if (r < 0 || (r = progress(u)) < 0)
			return r;
		end = at + (int64_t)n;
	}
	if (r == 0 && end < size && ftruncate(fd, size) < 0) /* a hole at the end */
		return err_set(e, ERR_SYSTEM, errno, "writing \"%s\"", u->path);
	return r;
}

static int add_file(
	struct unpack *u, int dir, const char *name, struct archive_entry *en, struct err *e)
{
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
	int64_t size = archive_entry_size(en);
	auto_close int fd = tar_open_beneath(dir, name, flags, 0600);
	int r;

	if (fd == -EEXIST) {
		r = make_way(u, dir, name, e);
		if (r < 0)
			return r;
		fd = tar_open_beneath(dir, name, flags, 0600);
	}
	if (fd < 0)
		return err_set(e, ERR_SYSTEM, -fd, "making \"%s\"", u->path);
	r = count_bytes(u, size < 0 ? UINT64_MAX : (uint64_t)size, e);
	if (r < 0)
		return r;
	if (size > 0) {
		r = write_content(u, fd, size, e);
		if (r < 0)
			return r;
	}
	return tar_meta_apply(fd, dir, name, u->path, en, u->sink, e);
}

static int remember_time(struct unpack *u, struct archive_entry *en, struct err *e)
{
	struct dir_time t;

	tar_meta_times(en, t.t);
	if (buf_add(&u->times, &t, sizeof(t)) < 0 ||
		buf_add(&u->times, u->path, strlen(u->path) + 1) < 0)
		return err_set(e, ERR_LIMIT, EFBIG, "the layer has too many directories");
	return 0;
}

static int add_dir(
	struct unpack *u, int dir, const char *name, struct archive_entry *en, struct err *e)
{
	auto_close int fd = -EBADF;
	bool opaque = false;
	struct stat st;
	int r;

	if (*name && mkdirat(dir, name, 0700) < 0) {
		if (errno != EEXIST || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return err_set(e, ERR_SYSTEM, errno, "making \"%s\"", u->path);
		if (!S_ISDIR(st.st_mode)) {
			opaque = tar_is_whiteout(dir, name);
			r = make_way(u, dir, name, e);
			if (r < 0)
				return r;
			if (mkdirat(dir, name, 0700) < 0)
				return err_set(e, ERR_SYSTEM, errno, "making \"%s\"", u->path);
		}
	}
	fd = tar_open_beneath(dir, name, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return err_set(e, ERR_SYSTEM, -fd, "opening \"%s\"", u->path);
	r = opaque ? tar_set_opaque(fd, u->path, e) : 0;
	if (r < 0)
		return r;
	r = remember_time(u, en, e);
	return r < 0 ? r : tar_meta_apply(fd, dir, name, u->path, en, u->sink, e);
}

static int add_symlink(
	struct unpack *u, int dir, const char *name, struct archive_entry *en, struct err *e)
{
	const char *target = archive_entry_symlink(en);
	int r = make_way(u, dir, name, e);

	if (r < 0)
		return r;
	if (!target || !*target)
		return err_set(
			e, ERR_CORRUPT, EBADMSG, "symbolic link \"%s\" has no target", u->path);
	if (symlinkat(target, dir, name) < 0)
		return err_set(e, ERR_SYSTEM, errno, "making symbolic link \"%s\"", u->path);
	return tar_meta_apply(-EBADF, dir, name, u->path, en, u->sink, e);
}

static int add_fifo(
	struct unpack *u, int dir, const char *name, struct archive_entry *en, struct err *e)
{
	int r = make_way(u, dir, name, e);

	if (r < 0)
		return r;
	if (mknodat(dir, name, S_IFIFO | 0600, 0) < 0)
		return err_set(e, ERR_SYSTEM, errno, "making fifo \"%s\"", u->path);
	return tar_meta_apply(-EBADF, dir, name, u->path, en, u->sink, e);
}

/* Only to an earlier entry of this layer; the link itself is never followed. */
static int add_hardlink(struct unpack *u, const char *target, struct err *e)
{
	auto_close int from = -EBADF;
	char clean[TAR_PATH_MAX + 1];
	const char *name, *target_name;
	struct stat st;
	int dir, r = tar_path_clean(target, clean, e);

	if (r < 0)
		return err_wrap(e, "hard link \"%s\"", u->path);
	dir = tar_dirs_parent(&u->dirs, clean, false, &target_name, e);
	if (dir < 0)
		return err_wrap(e, "hard link \"%s\"", u->path);
	from = tar_open_beneath(dir, ".", O_PATH | O_DIRECTORY, 0);
	if (from < 0 || fstatat(from, target_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_set(e, ERR_INVALID, ENOENT,
			"hard link \"%s\" names \"%s\", which is not in the layer", u->path, clean);
	if (!*target_name || S_ISDIR(st.st_mode) || S_ISCHR(st.st_mode))
		return err_set(e, ERR_INVALID, EPERM, "hard link \"%s\" names no file: \"%s\"",
			u->path, clean);
	dir = tar_dirs_parent(&u->dirs, u->path, true, &name, e);
	if (dir < 0)
		return dir;
	if (streq(clean, u->path))
		return 0;
	r = make_way(u, dir, name, e);
	if (r < 0)
		return r;
	if (linkat(from, target_name, dir, name, 0) < 0)
		return err_set(e, ERR_SYSTEM, errno, "making hard link \"%s\"", u->path);
	return 0;
}

/* .wh..wh..opq hides all that is below in this directory; other .wh..wh. names are bookkeeping of
 * an old driver; .wh.NAME hides NAME. */
static int add_whiteout(struct unpack *u, int dir, const char *name, struct err *e)
{
	struct stat st;

	if (streq(name, ".wh..wh..opq"))
		return tar_set_opaque(dir, u->path, e);
	if (str_starts(str_of(name), STR(".wh..wh.")))
		return 0;
	name += 4;
	if (!*name || streq(name, ".") || streq(name, ".."))
		return err_set(e, ERR_INVALID, EINVAL, "\"%s\" hides nothing", u->path);
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		auto_close int fd = -EBADF;

		/* A whiteout speaks of lower layers only: what this one brings stays. */
		if (!S_ISDIR(st.st_mode))
			return 0;
		fd = tar_open_beneath(dir, name, O_RDONLY | O_DIRECTORY, 0);
		if (fd < 0)
			return err_set(e, ERR_SYSTEM, -fd, "opening \"%s\"", u->path);
		return tar_set_opaque(fd, u->path, e);
	}
	if (mknodat(dir, name, S_IFCHR, 0) < 0)
		return err_set(e, ERR_SYSTEM, errno, "making whiteout \"%s\"", u->path);
	return 0;
}

static int add_by_type(
	struct unpack *u, int dir, const char *name, struct archive_entry *en, struct err *e)
{
	switch (archive_entry_filetype(en)) {
	case AE_IFREG:
		return add_file(u, dir, name, en, e);
	case AE_IFLNK:
		return add_symlink(u, dir, name, en, e);
	case AE_IFIFO:
		return add_fifo(u, dir, name, en, e);
	case AE_IFCHR:
	case AE_IFBLK:
		return tar_warn(u->sink, "device node %s was left out", u->path);
	default:
		return tar_warn(u->sink, "%s was left out: its type is not supported", u->path);
	}
}

static int add_entry(struct unpack *u, struct archive_entry *en, struct err *e)
{
	const char *raw = archive_entry_pathname(en), *name;
	bool is_dir = archive_entry_filetype(en) == AE_IFDIR;
	int dir, r;

	if (++u->entries > TAR_ENTRIES_MAX)
		return err_set(
			e, ERR_LIMIT, EFBIG, "the layer has more than %u entries", TAR_ENTRIES_MAX);
	if (!raw)
		return err_set(e, ERR_CORRUPT, EBADMSG, "an entry of the layer has no name");
	r = tar_path_clean(raw, u->path, e);
	if (r < 0)
		return r;
	if (!*u->path && !is_dir)
		return err_set(e, ERR_INVALID, EINVAL, "the layer's root is not a directory");
	dir = tar_dirs_parent(&u->dirs, u->path, true, &name, e);
	if (dir < 0)
		return dir;
	if (str_starts(str_of(name), STR(".wh.")))
		return add_whiteout(u, dir, name, e);
	if (archive_entry_hardlink(en))
		return add_hardlink(u, archive_entry_hardlink(en), e);
	return is_dir ? add_dir(u, dir, name, en, e) : add_by_type(u, dir, name, en, e);
}

/* Last, because making entries changes the times of their directories. */
static int set_times(struct unpack *u, struct err *e)
{
	const char *p = u->times.p, *end = p ? p + u->times.n : p;

	while (p < end) {
		struct dir_time t;
		const char *path = p + sizeof(t);
		auto_close int fd = -EBADF;

		memcpy(&t, p, sizeof(t));
		p = path + strlen(path) + 1;
		fd = tar_open_beneath(u->dirs.root, path, O_RDONLY | O_DIRECTORY, 0);
		if (fd < 0) /* replaced by a later entry */
			continue;
		if (futimens(fd, t.t) < 0)
			return err_set(e, ERR_SYSTEM, errno, "setting the time of \"%s\"", path);
	}
	return 0;
}

static int unpack_all(struct unpack *u, struct err *e)
{
	struct archive_entry *en;
	int r;

	while ((r = tar_reader_next(&u->reader, &en, e)) > 0) {
		r = add_entry(u, en, e);
		if (r < 0 || (r = progress(u)) < 0)
			return r;
	}
	if (r == 0)
		r = tar_reader_drain(&u->reader, e);
	return r < 0 ? r : set_times(u, e);
}

int tar_unpack(
	int in, int tree, const struct tar_sink *sink, struct job_unpacked *ret, struct err *e)
{
	/* The keeper's descriptor may be O_PATH, good only for looking up. */
	auto_close int root = tar_open_beneath(tree, "", O_RDONLY | O_DIRECTORY, 0);
	struct unpack *u;
	int r;

	if (root < 0)
		return err_set(e, ERR_SYSTEM, -root, "opening the layer's directory");
	u = xcalloc(1, sizeof(*u));

	u->sink = sink;
	u->dirs = (struct tar_dirs){ .root = root, .fd = -EBADF };
	buf_init(&u->times, DIRS_BYTES_MAX);
	(void)umask(0);
	r = tar_reader_open(&u->reader, in, e);
	if (r == 0)
		r = unpack_all(u, e);
	if (r == 0 && syncfs(root) < 0)
		r = err_set(e, ERR_SYSTEM, errno, "syncing the layer");
	if (r == 0) {
		tar_stream_digest(u->reader.stream, &ret->diff_id);
		ret->size_bytes = u->bytes;
		ret->entries = u->entries;
	}
	tar_dirs_forget(&u->dirs);
	tar_reader_close(&u->reader);
	buf_done(&u->times);
	free(u);
	return r < 0 ? r : 0;
}
