#include <fcntl.h>
#include <sys/stat.h>

#include "log/chain-int.h"

static int create(int dir, struct err *e)
{
	int fd = openat(dir, "log", O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return err_set(e, ERR_SYSTEM, errno, "cannot open the container's log");
	return fd;
}

/* What a power cut left of a record would swallow the records written behind it. */
static int cut_torn_tail(int dir, int fd, struct err *e)
{
	struct log_walk w;
	struct log_head h;
	struct str text;
	uint64_t end = 0;
	struct stat st;
	int r;

	/* Who appends gets no right to read. */
	r = openat(dir, "log", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (r < 0)
		return err_set(e, ERR_SYSTEM, errno, "cannot read the container's log");
	log_walk_init(&w, r);
	while ((r = log_walk_next(&w, &h, &text)) > 0)
		end = log_walk_offset(&w);
	log_walk_done(&w);
	if (r < 0 || fstat(fd, &st) < 0)
		return err_set(
			e, ERR_SYSTEM, r < 0 ? -r : errno, "cannot read the container's log");
	if ((uint64_t)st.st_size > end && ftruncate(fd, (off_t)end) < 0)
		return err_set(e, ERR_SYSTEM, errno, "cannot repair the container's log");
	return 0;
}

int log_open(int dir, struct err *e)
{
	auto_close int fd = create(dir, e);
	int r = fd < 0 ? fd : cut_torn_tail(dir, fd, e);

	return r < 0 ? r : steal_fd(&fd);
}

int log_rotate(int dir, unsigned files, struct err *e)
{
	char from[LOG_NAME_MAX], to[LOG_NAME_MAX];
	auto_close int lock = log_lock(dir, true);
	unsigned last = 1;

	if (lock < 0)
		return err_set(e, ERR_SYSTEM, -lock, "cannot lock the container's log");
	if (files < 2) {
		/* Nothing old is kept: readers still hold the file that goes away. */
		if (unlinkat(dir, "log", 0) < 0 && errno != ENOENT)
			return err_set(e, ERR_SYSTEM, errno, "cannot remove the container's log");
		return create(dir, e);
	}
	while (last < files - 1 && faccessat(dir, log_name(last, to), F_OK, 0) == 0)
		last++;
	for (unsigned i = last; i > 0; i--) {
		if (renameat(dir, log_name(i - 1, from), dir, log_name(i, to)) < 0 &&
			errno != ENOENT)
			return err_set(e, ERR_SYSTEM, errno, "cannot rename %s to %s", from, to);
	}
	/* Files beyond the number that is kept now (it may have been lowered). */
	for (unsigned i = files; unlinkat(dir, log_name(i, to), 0) == 0; i++)
		;
	return create(dir, e);
}

/* The last record of one file: 1, 0 when it has none, negative errno (-ENOENT: no file). */
static int last_record(int dir, unsigned n, struct log_head *ret)
{
	char name[LOG_NAME_MAX];
	struct log_walk w;
	struct log_head h;
	struct str text;
	int fd = openat(dir, log_name(n, name), O_RDONLY | O_CLOEXEC | O_NOFOLLOW), r;
	bool some = false;

	if (fd < 0)
		return -errno;
	log_walk_init(&w, fd);
	while ((r = log_walk_next(&w, &h, &text)) > 0) {
		*ret = h;
		some = true;
	}
	log_walk_done(&w);
	return r < 0 ? r : some;
}

int log_last_exit(int dir, int *ret_code, uint64_t *ret_time_ns)
{
	struct log_head h = { 0 };
	int r = 0;

	/* Behind a rotation the newest file may be empty and the one before may end with the
	 * exit, when the shim got no new descriptor in time. */
	for (unsigned n = 0; n < 2 && r == 0; n++) {
		r = last_record(dir, n, &h);
		if (r == -ENOENT)
			r = 0; /* never started, or the engine died while it rotated */
	}
	if (r <= 0 || h.stream != LOG_EXIT)
		return r < 0 ? r : 0;
	*ret_code = h.status;
	*ret_time_ns = h.time_ns;
	return 1;
}
