#include "sandbox/sandbox-int.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

#define MEMORY_MAX (1ull << 30)

/* A directory that leads out of the new root would undo chroot: none may stay open. */
static int check_kept(const int *keep, unsigned nkeep, struct err *e)
{
	struct stat st;

	for (unsigned i = 0; i < nkeep; i++) {
		if (fstat(keep[i], &st) < 0)
			return err_set(e, ERR_SYSTEM, errno, "sandbox: descriptor %d", keep[i]);
		if (S_ISDIR(st.st_mode) || S_ISBLK(st.st_mode))
			return err_set(e, ERR_DENIED, EPERM,
				"sandbox: descriptor %d is a directory or disk", keep[i]);
	}
	return 0;
}

/* A file system of its own with nothing in it. */
static int empty_root(struct err *e)
{
	auto_close int fs = fsopen("tmpfs", FSOPEN_CLOEXEC);
	int at;

	if (fs < 0 || fsconfig(fs, FSCONFIG_SET_STRING, "size", "4k", 0) < 0 ||
		fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return err_set(e, ERR_SYSTEM, errno, "sandbox: making an empty root");
	at = fsmount(fs, FSMOUNT_CLOEXEC,
		MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	if (at < 0)
		return err_set(e, ERR_SYSTEM, errno, "sandbox: mounting an empty root");
	return at;
}

static int enter_root(int tree, struct err *e)
{
	auto_close int empty = -EBADF;

	if (tree < 0) {
		empty = empty_root(e);
		if (empty < 0)
			return empty;
		tree = empty;
	}
	if (fchdir(tree) < 0 || chroot(".") < 0)
		return err_set(e, ERR_SYSTEM, errno, "sandbox: entering the job's root");
	return 0;
}

static bool is_kept(int fd, int tree, const int *keep, unsigned nkeep)
{
	if (tree >= 0 && fd == tree)
		return true;
	for (unsigned i = 0; i < nkeep; i++)
		if (keep[i] == fd)
			return true;
	return false;
}

/* Standard streams nobody keeps become O_PATH descriptors of the new root: they stay occupied, so
 * that a stray message can never end up in a file, and cannot be written to. */
static int close_others(int tree, const int *keep, unsigned nkeep, struct err *e)
{
	int top = MAX(tree, 2), place;

	for (unsigned i = 0; i < nkeep; i++)
		top = MAX(top, keep[i]);
	if (close_range((unsigned)top + 1, ~0u, 0) < 0)
		return err_set(e, ERR_SYSTEM, errno, "sandbox: closing descriptors");
	for (int fd = 0; fd <= top; fd++)
		if (!is_kept(fd, tree, keep, nkeep))
			(void)close(fd);
	do
		place = open("/", O_PATH | O_CLOEXEC);
	while (place >= 0 && place <= 2);
	if (place < 0)
		return err_set(e, ERR_SYSTEM, errno, "sandbox: opening the job's root");
	(void)close(place);
	return 0;
}

static int limit(int what, rlim_t max, struct err *e)
{
	struct rlimit r;

	if (getrlimit((__rlimit_resource_t)what, &r) < 0)
		return err_set(e, ERR_SYSTEM, errno, "sandbox: reading a resource limit");
	r.rlim_max = MIN(r.rlim_max, max);
	r.rlim_cur = r.rlim_max;
	if (setrlimit((__rlimit_resource_t)what, &r) < 0)
		return err_set(e, ERR_SYSTEM, errno, "sandbox: setting a resource limit");
	return 0;
}

static int limit_all(struct err *e)
{
	static const struct {
		int what;
		rlim_t max;
	} limits[] = {
		{ RLIMIT_CORE, 0 },
		{ RLIMIT_NPROC, 0 },
		{ RLIMIT_NOFILE, 512 },
		{ RLIMIT_CPU, 4 * 3600 },
		{ RLIMIT_MEMLOCK, 0 },
		{ RLIMIT_MSGQUEUE, 0 },
		/* A sanitizer reserves terabytes of address space. */
		{ RLIMIT_AS, SANITIZED ? RLIM_INFINITY : MEMORY_MAX },
	};
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(limits) && r == 0; i++)
		r = limit(limits[i].what, limits[i].max, e);
	return r;
}

int sandbox_enter(enum sandbox_profile p, int tree, const int *keep, unsigned nkeep, struct err *e)
{
	int r = check_kept(keep, nkeep, e);

	if (r < 0)
		return r;
	r = enter_root(tree, e);
	if (r < 0)
		return r;
	r = close_others(tree, keep, nkeep, e);
	if (r < 0)
		return r;
	r = limit_all(e);
	if (r < 0)
		return r;
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_set(e, ERR_SYSTEM, errno, "sandbox: giving up new privileges");
	r = sandbox_landlock(p, tree, e);
	if (r < 0)
		return r;
	r = sandbox_caps(p, e);
	if (r < 0)
		return r;
	return sandbox_seccomp(p, e);
}
