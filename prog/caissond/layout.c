#include "state.h"

#include "account.h"
#include "runtime/runtime.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#define HOST_WIDE "/run/caisson" /* claims are shared by all keepers of the host */

struct state state;

/* The directories of a root.  Engine's: owner engine; 0711: the engine or an init
 * passes through. */
struct place {
	const char *name;
	mode_t mode;
	bool engine;
	size_t at; /* where its descriptor goes; 0: nowhere */
};

static const struct place data_places[] = {
	{ "engine", 0700, true, 0 },
	{ "layers", 0700, false, offsetof(struct state, layers) },
	{ "layers/staging", 0700, false, offsetof(struct state, staging) },
	{ "containers", 0700, false, offsetof(struct state, containers_dir) },
	{ "trash", 0700, false, offsetof(struct state, trash) },
};

static const struct place exec_places[] = {
	{ "engine", 0700, true, 0 },
	{ "run", 0700, false, offsetof(struct state, run) },
	{ "scratch", 0755, false, offsetof(struct state, scratch) },
};

static int verify(int fd, const char *name, mode_t mode, uint32_t uid, uint32_t gid, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_set(e, ERR_SYSTEM, errno, "looking at \"%s\"", name);
	if (st.st_uid != uid && st.st_uid != 0)
		return err_set(e, ERR_DENIED, 0,
			"\"%s\" belongs to uid %u instead of %u; give another directory, or chown "
			"it",
			name, st.st_uid, uid);
	/* Root's directory may still be handed to the engine; a wider mode is narrowed. */
	if ((st.st_uid != uid || st.st_gid != gid) && fchown(fd, uid, gid) < 0)
		return err_set(e, ERR_SYSTEM, errno, "setting the owner of \"%s\"", name);
	if ((st.st_mode & 07777) != mode && fchmod(fd, mode) < 0)
		return err_set(e, ERR_SYSTEM, errno, "setting the mode of \"%s\"", name);
	return 0;
}

int layout_mkdir(int at, const char *name, mode_t mode, uint32_t uid, uint32_t gid, struct err *e)
{
	auto_close int fd = -EBADF;
	int r;

	if (mkdirat(at, name, mode & 0700) < 0 && errno != EEXIST)
		return err_set(e, ERR_SYSTEM, errno, "making the directory \"%s\"", name);
	fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_set(e, ERR_SYSTEM, errno, "opening the directory \"%s\"", name);
	r = verify(fd, name, mode, uid, gid, e);
	return r < 0 ? r : steal_fd(&fd);
}

/* Parents of a root are the administrator's business; missing ones are made, 0755. */
static void make_parents(const char *path)
{
	char part[256];

	for (const char *s = strchr(path + 1, '/'); s; s = strchr(s + 1, '/'))
		if (str_copy(part, sizeof(part), (struct str){ path, (size_t)(s - path) }))
			(void)mkdir(part, 0755);
}

static int open_root(const char *path, mode_t mode, struct err *e)
{
	make_parents(path);
	return layout_mkdir(AT_FDCWD, path, mode, 0, 0, e);
}

static int open_places(int root, const struct place *p, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		int fd = layout_mkdir(root, p[i].name, p[i].mode,
			p[i].engine ? state.engine_uid : 0, p[i].engine ? state.engine_gid : 0, e);

		if (fd < 0)
			return fd;
		if (p[i].at)
			*(int *)((char *)&state + p[i].at) = fd;
		else
			fd_close(fd);
	}
	return 0;
}

/* A record lock: it belongs to this process alone, so no child can keep it alive. */
static int lock_root(int root, const char *path, struct err *e)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd = openat(root, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return err_set(e, ERR_SYSTEM, errno, "opening the lock of \"%s\"", path);
	if (fcntl(fd, F_SETLK, &lock) == 0)
		return 0; /* held, and fd open, until we end */
	fd_close(fd);
	return err_set(e, ERR_CONFLICT, 0,
		"another caissond uses \"%s\": stop it, or give --data-root and --exec-root of your "
		"own",
		path);
}

static int find_accounts(struct err *e)
{
	auto_buf struct buf passwd = BUF(ACCOUNT_TEXT_MAX);
	auto_buf struct buf group = BUF(ACCOUNT_TEXT_MAX);
	struct floor_names names;

	if (account_read("/etc/passwd", &passwd) < 0 || account_read("/etc/group", &group) < 0)
		return err_set(e, ERR_SYSTEM, EIO, "reading /etc/passwd and /etc/group");
	names = (struct floor_names){ buf_view(&passwd), buf_view(&group) };
	state.engine_uid = state.engine_gid = ACCOUNT_ENGINE_ID;
	(void)!account_user(names.passwd, STR("caisson"), &state.engine_uid, &state.engine_gid);
	if (state.engine_uid == 0 || state.engine_gid == 0)
		return err_set(e, ERR_DENIED, 0, "the user \"caisson\" must not be root");
	floor_default(&state.floor, state.opt.floor_file);
	return floor_load(&state.floor, state.opt.floor_given, &names, e);
}

/* Beside us (a build tree) or where `make install` puts them. */
static int find_program(const char *name, struct err *e)
{
	static const char *const places[] = { "", "/../libexec/caisson" };
	char self[1024], path[1200];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	const char *slash;

	if (n <= 0)
		return err_set(e, ERR_SYSTEM, errno, "reading /proc/self/exe");
	self[n] = '\0';
	slash = strrchr(self, '/');
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		struct stat st;
		int fd;

		(void)snprintf(path, sizeof(path), "%.*s%s/%s", (int)(slash - self), self,
			places[i], name);
		fd = open(path, O_PATH | O_CLOEXEC);
		if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 0111))
			return fd;
		fd_close(fd);
	}
	return err_set(e, ERR_NOT_FOUND, 0,
		"the program \"%s\" is neither beside caissond nor in ../libexec/caisson; build or "
		"install it",
		name);
}

static int find_programs(struct err *e)
{
	static const char *const names[PROGRAMS] = { "caisson-engine", "caisson-shim",
		"caisson-worker" };

	for (int i = 0; i < PROGRAMS; i++) {
		state.programs[i] = find_program(names[i], e);
		if (state.programs[i] < 0)
			return state.programs[i];
	}
	return 0;
}

static int open_claims(struct err *e)
{
	auto_close int host = open_root(HOST_WIDE, 0711, e);

	if (host < 0)
		return host;
	state.claims = layout_mkdir(host, "ids", 0700, 0, 0, e);
	return MIN(state.claims, 0);
}

static int make_empty_file(int dir, const char *name, mode_t mode, struct err *e)
{
	auto_close int fd = openat(dir, name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, mode);

	return fd < 0 || fchmod(fd, mode) < 0
		       ? err_set(e, ERR_SYSTEM, errno, "making \"%s\" of the base layer", name)
		       : 0;
}

/* RUNTIME_BASE: what docker puts into a layer of each container's own. */
static int make_base(struct err *e)
{
	static const char *const dirs[] = { "dev", "proc", "sys" };
	static const char *const files[] = { "hosts", "hostname", "resolv.conf" };
	auto_close int base = layout_mkdir(state.layers, RUNTIME_BASE, 0755, 0, 0, e);
	auto_close int etc = base < 0 ? base : layout_mkdir(base, "etc", 0755, 0, 0, e);
	int r = MIN(etc, 0);

	for (size_t i = 0; i < ARRAY_SIZE(dirs) && r == 0; i++) {
		auto_close int fd = layout_mkdir(base, dirs[i], 0755, 0, 0, e);

		r = MIN(fd, 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(files) && r == 0; i++)
		r = make_empty_file(etc, files[i], 0644, e);
	if (r == 0)
		r = make_empty_file(base, ".dockerenv", 0755, e);
	if (r == 0 && symlinkat("/proc/mounts", etc, "mtab") < 0 && errno != EEXIST)
		r = err_set(e, ERR_SYSTEM, errno, "making \"mtab\" of the base layer");
	return r;
}

static int open_roots(struct err *e)
{
	int r = 0;

	state.data = open_root(state.opt.data_root, 0711, e);
	if (state.data < 0 || (r = lock_root(state.data, state.opt.data_root, e)) < 0)
		return state.data < 0 ? state.data : r;
	state.exec = open_root(state.opt.exec_root, 0711, e);
	if (state.exec < 0 || (r = lock_root(state.exec, state.opt.exec_root, e)) < 0)
		return state.exec < 0 ? state.exec : r;
	r = open_places(state.data, data_places, ARRAY_SIZE(data_places), e);
	if (r == 0)
		r = open_places(state.exec, exec_places, ARRAY_SIZE(exec_places), e);
	if (r == 0)
		r = make_base(e);
	(void)snprintf(
		state.scratch_path, sizeof(state.scratch_path), "%s/scratch", state.opt.exec_root);
	return r;
}

int layout_open(struct err *e)
{
	int r = find_accounts(e);

	if (r == 0)
		r = find_programs(e);
	if (r == 0 && proc_boot_id(state.boot) < 0)
		r = err_set(e, ERR_SYSTEM, EIO, "reading the boot id from /proc");
	if (r == 0)
		r = open_roots(e);
	return r < 0 ? r : open_claims(e);
}

ssize_t layout_read(int dir, const char *name, void *p, size_t n)
{
	auto_close int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);

	return fd < 0 ? -errno : fd_read_full(fd, p, n);
}
