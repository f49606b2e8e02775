#include "sys/sys.h"
#include "worker.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#define LINKED_MAX (1u << 22)

/* Files with several links, by inode number: an open-addressed set (0 is no inode). */
struct seen {
	uint64_t *at;
	size_t n, cap;
};

static bool seen_add(struct seen *s, uint64_t ino);

static void seen_grow(struct seen *s)
{
	struct seen bigger = { .cap = s->cap ? s->cap * 2 : 256 };

	bigger.at = xcalloc(bigger.cap, sizeof(*bigger.at));
	for (size_t i = 0; i < s->cap; i++)
		if (s->at[i])
			(void)seen_add(&bigger, s->at[i]);
	free(s->at);
	*s = bigger;
}

/* True when it is new.  Past the limit everything is new: a wrong sum, never a crash. */
static bool seen_add(struct seen *s, uint64_t ino)
{
	size_t i;

	if (2 * s->n >= s->cap) {
		if (s->cap >= LINKED_MAX)
			return true;
		seen_grow(s);
	}
	for (i = (ino * 0x9e3779b97f4a7c15ull >> 20) & (s->cap - 1); s->at[i];
		i = (i + 1) & (s->cap - 1))
		if (s->at[i] == ino)
			return false;
	s->at[i] = ino;
	s->n++;
	return true;
}

static int open_dir(int dir, const char *name)
{
	return sys_open(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, SYS_PLAIN);
}

static int walk(int fd, unsigned depth, struct seen *seen, struct job_measured *m, struct err *e);

static int walk_entry(DIR *dir, const char *name, unsigned depth, struct seen *seen,
	struct job_measured *m, struct err *e)
{
	struct stat st;
	int fd;

	if (streq(name, ".") || streq(name, ".."))
		return 0;
	if (fstatat(dirfd(dir), name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_set(e, ERR_SYSTEM, errno, "measuring a file");
	m->entries++;
	if (!S_ISDIR(st.st_mode)) {
		if (st.st_nlink < 2 || seen_add(seen, st.st_ino))
			m->size_bytes += (uint64_t)st.st_size;
		return 0;
	}
	if (depth >= TAR_DEPTH_MAX) /* a container may nest deeper than descriptors last */
		return 0;
	fd = open_dir(dirfd(dir), name);
	if (fd == -ENOENT || fd == -ELOOP || fd == -ENOTDIR || fd == -EXDEV)
		return 0; /* changed under our eyes */
	if (fd < 0)
		return err_set(e, ERR_SYSTEM, -fd, "measuring a directory");
	return walk(fd, depth + 1, seen, m, e);
}

/* Takes fd. */
static int walk(int fd, unsigned depth, struct seen *seen, struct job_measured *m, struct err *e)
{
	DIR *dir = fdopendir(fd);
	struct dirent *de;
	int r = 0;

	if (!dir) {
		r = err_set(e, ERR_SYSTEM, errno, "measuring a directory");
		fd_close(fd);
		return r;
	}
	while (r == 0 && (de = readdir(dir)))
		r = walk_entry(dir, de->d_name, depth, seen, m, e);
	(void)closedir(dir);
	return r;
}

int worker_measure(int tree, struct job_measured *ret, struct err *e)
{
	struct seen seen = { 0 };
	int r, fd = open_dir(tree, ".");

	*ret = (struct job_measured){ 0 };
	if (fd < 0)
		return err_set(e, ERR_SYSTEM, -fd, "opening the tree to measure");
	r = walk(fd, 0, &seen, ret, e);
	free(seen.at);
	return r;
}
