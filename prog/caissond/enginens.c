/* The engine's world: a root of its own with the libraries, read-only, and its two directories. */
#include "sandbox/sandbox.h"
#include "say.h"
#include "state.h"
#include "sys/sys.h"

#include <fcntl.h>
#include <linux/securebits.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>

enum what { TREE, FILE_, DEVICE };

/* What the engine sees of the host.  Missing ones are left out. */
static const struct {
	const char *path;
	enum what what;
} views[] = {
	{ "usr", TREE },
	{ "lib", TREE },
	{ "lib32", TREE },
	{ "lib64", TREE },
	{ "bin", TREE },
	{ "sbin", TREE },
	{ "proc", TREE },
	{ "sys", TREE },
	{ "dev/null", DEVICE },
	{ "dev/zero", DEVICE },
	{ "dev/random", DEVICE },
	{ "dev/urandom", DEVICE },
	{ "etc/ssl", TREE },
	{ "etc/ca-certificates", TREE },
	{ "etc/ld.so.cache", FILE_ },
	{ "etc/localtime", FILE_ },
	{ "etc/timezone", FILE_ },
	{ "etc/resolv.conf", FILE_ },
	{ "etc/hosts", FILE_ },
	{ "etc/hostname", FILE_ },
	{ "etc/host.conf", FILE_ },
	{ "etc/nsswitch.conf", FILE_ },
	{ "etc/gai.conf", FILE_ },
	{ "etc/services", FILE_ },
	{ "etc/protocols", FILE_ },
	{ "etc/os-release", FILE_ },
	{ "etc/debian_version", FILE_ },
};

static void NORETURN fail(const char *step)
{
	say(SAY_ERROR, "preparing the engine failed", "step=\"%s\" errno=%d", step, errno);
	_exit(125);
}

static int make_target(int root, const char *path, enum what what)
{
	int fd;

	if (what == TREE)
		return mkdirat(root, path, 0755);
	fd = openat(root, path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
	fd_close(fd);
	return MIN(fd, 0);
}

/* /lib and its like are symbolic links on Debian: the same links inside. */
static bool copy_link(int root, const char *source, const char *path)
{
	char to[256];
	ssize_t n = readlink(source, to, sizeof(to) - 1);

	if (n <= 0 || strchr(path, '/'))
		return false;
	to[n] = '\0';
	return symlinkat(to, root, path) == 0;
}

static void show(int root, const char *path, enum what what)
{
	struct mount_attr a = { .attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID };
	auto_close int from = -EBADF;
	auto_close int tree = -EBADF;
	char source[64];

	(void)snprintf(source, sizeof(source), "/%s", path);
	if (copy_link(root, source, path))
		return;
	from = open(source, O_PATH | O_CLOEXEC); /* /etc/localtime and its like are links */
	if (from < 0 && errno == ENOENT)
		return;
	tree = from < 0 ? -EBADF : sys_mount_clone(from, "", what == TREE ? AT_RECURSIVE : 0);
	if (what != DEVICE)
		a.attr_set |= MOUNT_ATTR_NODEV;
	if (tree < 0 || make_target(root, path, what) < 0 ||
		sys_mount_set(tree, &a, what == TREE) < 0 || sys_mount_attach(tree, root, path) < 0)
		fail(path);
}

static void own(int tree, int root, const char *path)
{
	struct mount_attr a = { .attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
					    MOUNT_ATTR_NOEXEC };

	if (mkdirat(root, path, 0755) < 0 || sys_mount_set(tree, &a, false) < 0 ||
		sys_mount_attach(tree, root, path) < 0)
		fail(path);
}

static int new_tmpfs(const char *mode)
{
	const char *const options[] = { mode, "size=16m", NULL };

	return sys_mount_new("tmpfs", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
}

void engine_enter(int state_tree, int run_tree)
{
	struct mount_attr readonly = { .attr_set = MOUNT_ATTR_RDONLY };
	auto_close int root = -EBADF;
	auto_close int tmp = -EBADF;

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		fail("mount namespace");
	root = new_tmpfs("mode=0755");
	tmp = new_tmpfs("mode=01777");
	/* Attached first: older kernels refuse mounts on a detached tree.  By its path: our own
	 * descriptor of scratch belongs to the namespace we left. */
	if (root < 0 || tmp < 0 || sys_mount_attach(root, AT_FDCWD, state.scratch_path) < 0)
		fail("root");
	if (mkdirat(root, "etc", 0755) < 0 || mkdirat(root, "dev", 0755) < 0)
		fail("directories");
	for (size_t i = 0; i < ARRAY_SIZE(views); i++)
		show(root, views[i].path, views[i].what);
	own(state_tree, root, "state");
	own(run_tree, root, "run");
	own(tmp, root, "tmp");
	if (sys_mount_set(root, &readonly, false) < 0 || sys_pivot(root) < 0 || chdir("/state") < 0)
		fail("new root");
}

static void set_limits(void)
{
	struct rlimit files, core = { 0, 0 };

	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	(void)setrlimit(RLIMIT_CORE, &core); /* a core would hold clients' data */
}

void engine_drop_rights(void)
{
	set_limits();
	(void)umask(0077);
	if (sys_caps_bound(0) < 0 ||
		sys_securebits(SECBIT_NOROOT | SECBIT_NOROOT_LOCKED |
			       SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED |
			       SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED) <
			0)
		fail("securebits");
	if (sys_become(state.engine_uid, state.engine_gid, NULL, 0) < 0 ||
		sys_caps_set(0, 0, 0) < 0)
		fail("identity");
	if (sys_no_new_privs() < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		fail("no_new_privs");
	/* The engines of a host may share a uid; one that was taken over must not get at another,
	 * not even in the moment before that one has made itself untraceable. */
	if (sandbox_domain(NULL) < 0)
		fail("Landlock");
}
