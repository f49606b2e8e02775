#include <fcntl.h>

#include "runtime/runtime-int.h"

#define SLOTS	     ((IDS_END - IDS_FIRST) / IDS_SLOT)
#define SUBID_MAX    (1u << 20)
#define ID_VALUE_MAX 0xfffffffeu

bool ids_listed(struct str file, uint32_t slot)
{
	while (file.n) {
		struct str line = str_cut(&file, '\n');
		uint64_t first, count;

		(void)str_cut(&line, ':');
		if (!num_u64(str_cut(&line, ':'), UINT32_MAX, &first) ||
			!num_u64(str_cut(&line, ':'), (uint64_t)UINT32_MAX + 1, &count))
			continue;
		if (first < (uint64_t)slot + IDS_SLOT && slot < first + count)
			return true;
	}
	return false;
}

/* Root's own files, so trusted; still bounded.  An absent one lists nothing. */
static int read_subids(const char *path, struct buf *b, struct err *e)
{
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	int r;

	if (fd < 0 && errno == ENOENT)
		return 0;
	r = fd < 0 ? -errno : buf_read_fd(b, fd);
	if (r < 0)
		return err_set(
			e, ERR_SYSTEM, -r, "cannot read \"%s\", which lists ids in use", path);
	return buf_c(b, '\n');
}

/* One file for all engines of the host; byte n stands for slot n.  Locks of open file descriptions
 * (fcntl(2)) go with the descriptor through fork and exec, and end with its last copy. */
static int open_claims(int dir)
{
	int fd = openat(dir, "claims", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	return fd < 0 ? -errno : fd;
}

static bool lock(int fd, uint32_t slot, short type)
{
	struct flock l = { .l_type = type,
		.l_whence = SEEK_SET,
		.l_start = (slot - IDS_FIRST) / IDS_SLOT,
		.l_len = 1 };

	return fcntl(fd, F_OFD_SETLK, &l) == 0;
}

/* Only who gets the write lock found the slot free.  It becomes a read lock, in one step, so that a
 * container that joins this one can hold it too. */
static bool take(int fd, uint32_t slot)
{
	return lock(fd, slot, F_WRLCK) && lock(fd, slot, F_RDLCK);
}

int ids_claim(int dir, struct ids *ret, struct err *e)
{
	auto_buf struct buf used = BUF(SUBID_MAX);
	/* Not from the first slot on: with many containers that would try each of them. */
	uint32_t at = (uint32_t)getpid() % SLOTS;
	auto_close int fd = open_claims(dir);
	int r = fd < 0 ? err_set(e, ERR_SYSTEM, -fd, "cannot claim a range of ids")
		       : read_subids("/etc/subuid", &used, e);

	if (r == 0)
		r = read_subids("/etc/subgid", &used, e);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < SLOTS; i++, at = (at + 1) % SLOTS) {
		uint32_t slot = IDS_FIRST + at * IDS_SLOT;

		if (ids_listed(buf_view(&used), slot) || !take(fd, slot))
			continue;
		*ret = (struct ids){ .slot = slot, .base = slot, .claim = steal_fd(&fd) };
		return 0;
	}
	return err_set(e, ERR_LIMIT, EAGAIN, "all %u ranges of ids are in use", SLOTS);
}

int ids_share(int dir, uint32_t base, struct ids *ret, struct err *e)
{
	auto_close int fd = -EBADF;

	if (base < IDS_FIRST || base >= IDS_END || base % IDS_SLOT)
		return err_set(e, ERR_SYSTEM, EINVAL, "id range %u is none of ours", base);
	fd = open_claims(dir);
	if (fd < 0 || !lock(fd, base, F_RDLCK))
		return err_set(e, ERR_CONFLICT, 0, "the container to join has just ended");
	*ret = (struct ids){ .slot = base, .base = base, .claim = steal_fd(&fd) };
	return 0;
}

int ids_map(const struct keeper_create *g, uint32_t base, struct buf *ret, struct err *e)
{
	if (g->extra_ids > KEEPER_EXTENTS_MAX)
		return err_set(
			e, ERR_INVALID, 0, "more than %d ids above 65535", KEEPER_EXTENTS_MAX);
	(void)buf_fmt(ret, "0 %u %u\n", base, IDS_INSIDE);
	for (uint32_t i = 0; i < g->extra_ids; i++) {
		if (g->extra[i] < IDS_INSIDE || g->extra[i] > ID_VALUE_MAX)
			return err_set(e, ERR_INVALID, 0, "%u is no id above 65535", g->extra[i]);
		(void)buf_fmt(ret, "%u %u 1\n", g->extra[i], base + IDS_INSIDE + i);
	}
	return 0;
}
