#include <fcntl.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

#include "runtime/runtime-int.h"

#define NOSUID	    2ul
#define NODEV	    4ul
#define OPTIONS_MAX 4000 /* mount(2) takes a page */

/* The device nodes every container has.  We make them, on a tmpfs of our own: nothing of the host's
 * /dev is trusted or shared, and inside they belong to the container's root, as with docker. */
static const struct {
	const char *name;
	unsigned major, minor;
} nodes[] = { { "null", 1, 3 }, { "zero", 1, 5 }, { "full", 1, 7 }, { "random", 1, 8 },
	{ "urandom", 1, 9 }, { "tty", 5, 0 } };
static const char *const dirs[] = { "pts", "shm", "mqueue" };
static const struct {
	const char *name, *to;
} links[] = { { "fd", "/proc/self/fd" }, { "stdin", "/proc/self/fd/0" },
	{ "stdout", "/proc/self/fd/1" }, { "stderr", "/proc/self/fd/2" }, { "ptmx", "pts/ptmx" } };

static int fill_dev(int dev, bool tty)
{
	for (size_t i = 0; i < ARRAY_SIZE(nodes); i++)
		if (mknodat(dev, nodes[i].name, S_IFCHR | 0666,
			    makedev(nodes[i].major, nodes[i].minor)) < 0)
			return -errno;
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++)
		if (mkdirat(dev, dirs[i], 0755) < 0)
			return -errno;
	for (size_t i = 0; i < ARRAY_SIZE(links); i++)
		if (symlinkat(links[i].to, dev, links[i].name) < 0)
			return -errno;
	if (access("/proc/kcore", F_OK) == 0 && symlinkat("/proc/kcore", dev, "core") < 0)
		return -errno;
	if (tty && mknodat(dev, "console", S_IFREG | 0620, 0) < 0)
		return -errno;
	return 0;
}

int rootfs_dev(struct start *s, struct err *e)
{
	static const char *const options[] = { "size=65536k", "mode=0755", NULL };
	int r;

	s->dev = sys_mount_new("tmpfs", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_STRICTATIME);
	r = s->dev < 0 ? s->dev : fill_dev(s->dev, s->plan->start_flags & KEEPER_START_TTY);
	return r < 0 ? err_set(e, ERR_SYSTEM, -r, "cannot make /dev") : 0;
}

int rootfs_stdio(struct start *s, struct err *e)
{
	bool keep_stdin = s->plan->start_flags & KEEPER_START_STDIN;

	if (s->plan->start_flags & KEEPER_START_TTY)
		return 0;
	for (unsigned i = 0; i < 3; i++) {
		int pair[2], in = i == 0 ? 0 : 1;

		if (i == 0 && !keep_stdin)
			continue;
		if (pipe2(pair, O_CLOEXEC) < 0)
			return err_set(e, ERR_SYSTEM, errno, "cannot make a pipe");
		s->inside[i] = pair[in];
		s->outside[i] = pair[!in];
	}
	return 0;
}

/* A detached, private copy of a directory of ours whose ids 0.. are the container's. */
static int clone_mapped(int dir, const char *name, int userns)
{
	/* Private: else what is mounted on it would appear on the host too. */
	struct mount_attr a = { .propagation = 1 << 18 /* MS_PRIVATE */ };
	auto_close int m = sys_mount_clone(dir, name, 0);
	int r;

	if (m < 0)
		return m;
	if (userns >= 0) {
		a.attr_set = MOUNT_ATTR_IDMAP;
		a.userns_fd = (uint64_t)(unsigned)userns;
	}
	r = sys_mount_set(m, &a, false);
	return r < 0 ? r : steal_fd(&m);
}

struct layers {
	int fd[KEEPER_LAYERS_MAX + 1];
	unsigned n;
	int writable, upper, work;
};

static int open_layers(struct start *s, struct layers *l, struct err *e)
{
	char hex[DIGEST_HEX + 1];

	for (uint32_t i = s->grant->nlayers; i-- > 0;) { /* overlay wants the top first */
		int fd = clone_mapped(
			s->plan->layers_dir, digest_hex(&s->grant->layers[i], hex), s->userns);

		if (fd < 0)
			return err_set(e, ERR_SYSTEM, -fd, "cannot open layer \"%s\"", hex);
		l->fd[l->n++] = fd;
	}
	l->fd[l->n] = clone_mapped(s->plan->layers_dir, RUNTIME_BASE, s->userns);
	if (l->fd[l->n] >= 0)
		l->n++;
	else if (l->fd[l->n] != -ENOENT)
		return err_set(e, ERR_SYSTEM, -l->fd[l->n], "cannot open the layer below all");
	if (l->n == 0) { /* an image without layers: overlay needs one */
		l->fd[0] = sys_mount_new("tmpfs", NULL, MOUNT_ATTR_RDONLY);
		if (l->fd[0] < 0)
			return err_set(e, ERR_SYSTEM, -l->fd[0], "cannot make an empty layer");
		l->n = 1;
	}
	/* One copy for both: overlay renames between them. */
	l->writable = clone_mapped(s->plan->container_dir, "", s->userns);
	if (l->writable < 0)
		return err_set(e, ERR_SYSTEM, -l->writable, "cannot open the writable layer");
	return 0;
}

/* Overlay on kernels before 6.15 takes only layers that are mounted: they are stacked on the empty
 * directory, under the overlay itself, and go away with init's old root. */
static int stack(struct layers *l, const char *path, struct err *e)
{
	auto_close int at = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r = at < 0 ? -errno : 0;

	for (unsigned i = 0; i < l->n && r == 0; i++)
		r = sys_mount_attach(l->fd[i], at, "");
	if (r == 0)
		r = sys_mount_attach(l->writable, at, "");
	if (r == 0) {
		l->upper = sys_open(l->writable, "upper", O_PATH | O_DIRECTORY, 0, SYS_PLAIN);
		l->work = sys_open(l->writable, "work", O_PATH | O_DIRECTORY, 0, SYS_PLAIN);
		r = MIN(l->upper, l->work);
	}
	return r < 0 ? err_set(e, ERR_SYSTEM, -r, "cannot attach the layers") : 0;
}

/* The kernel's mark of an earlier start that did not reach the program, over which it would not
 * mount again.  At the end of every other mount it syncs the whole file system below. */
static void forget_volatile(const struct layers *l)
{
	auto_close int work = sys_open(
		l->writable, "work/work", O_RDONLY | O_DIRECTORY, 0, SYS_PLAIN);

	if (work >= 0 && unlinkat(work, "incompat/volatile", AT_REMOVEDIR) == 0)
		(void)unlinkat(work, "incompat", AT_REMOVEDIR);
}

/* On a full disk the kernel cannot make overlay's work directory and mounts without a writable
 * layer instead; a program that cannot write should be told why. */
static int check_writable(int root, struct err *e)
{
	struct statvfs st;

	if (fstatvfs(root, &st) < 0)
		return err_set(e, ERR_SYSTEM, errno, "cannot look at the root");
	if (!(st.f_flag & ST_RDONLY))
		return 0;
	return st.f_bavail == 0 || st.f_favail == 0
		       ? err_set(e, ERR_SYSTEM, ENOSPC,
				 "cannot make the container's writable layer")
		       : err_set(e, ERR_SYSTEM, EROFS,
				 "cannot make the container's writable layer");
}

static int mount_overlay(struct start *s, const struct layers *l, struct err *e)
{
	auto_buf struct buf o = BUF(OPTIONS_MAX);
	bool suid = s->grant->flags & KEEPER_NEW_PRIVS;
	int r;

	(void)buf_z(&o, "userxattr,lowerdir=");
	for (unsigned i = 0; i < l->n; i++)
		(void)buf_fmt(&o, "%s/proc/self/fd/%d", i ? ":" : "", l->fd[i]);
	(void)buf_fmt(&o, ",upperdir=/proc/self/fd/%d,workdir=/proc/self/fd/%d", l->upper, l->work);
	if (s->plan->start_flags & KEEPER_START_VOLATILE) {
		forget_volatile(l);
		(void)buf_z(&o, ",volatile");
	}
	if (buf_bad(&o))
		return err_set(e, ERR_LIMIT, 0, "the image has too many layers");
	r = sys_mount_overlay(s->plan->scratch_path, NODEV | (suid ? 0 : NOSUID), o.p);
	if (r < 0)
		return err_set(e, ERR_SYSTEM, -r, "cannot mount the container's file system");
	s->root = open(s->plan->scratch_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return s->root < 0 ? err_set(e, ERR_SYSTEM, errno, "cannot open the root")
			   : check_writable(s->root, e);
}

static void layers_close(struct layers *l)
{
	for (unsigned i = 0; i < l->n; i++)
		fd_close(l->fd[i]);
	fd_close(l->writable);
	fd_close(l->upper);
	fd_close(l->work);
}

/* In the mount namespace of init, which is a private or slave copy of ours. */
static int build_inside(struct start *s, struct layers *l, struct err *e)
{
	struct mount_attr private = { .propagation = 1 << 18 };
	auto_close int top = -EBADF;
	int r;

	if (s->userns < 0) {
		/* Same owner as the host's: its mounts are peers of ours until told otherwise. */
		top = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
		r = top < 0 ? -errno : sys_mount_set(top, &private, true);
		if (r < 0)
			return err_set(e, ERR_SYSTEM, -r, "cannot detach from the host's mounts");
	}
	r = stack(l, s->plan->scratch_path, e);
	return r < 0 ? r : mount_overlay(s, l, e);
}

int rootfs_make(struct start *s, struct err *e)
{
	struct layers l = { .writable = -EBADF, .upper = -EBADF, .work = -EBADF };
	int r = open_layers(s, &l, e), back;

	if (r == 0) {
		r = sys_setns(s->pidfd, CLONE_NEWNS);
		if (r < 0) {
			r = err_set(e, ERR_SYSTEM, -r, "cannot enter the mount namespace");
		} else {
			r = build_inside(s, &l, e);
			back = sys_setns(s->host_mounts, CLONE_NEWNS);
			if (back < 0)
				r = err_set(
					e, ERR_SYSTEM, -back, "cannot leave the mount namespace");
		}
	}
	layers_close(&l);
	return r;
}
