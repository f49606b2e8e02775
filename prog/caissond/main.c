/* caissond - see caissond(8) and state.h. */
#include "cgroup/cgroup.h"
#include "say.h"
#include "state.h"
#include "sys/sys.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/stat.h>

static int open_std(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	/* 0, 1 and 2 exist from here on; input is not ours to read. */
	while (fd >= 0 && fd <= 2)
		fd = open("/dev/null", O_RDWR);
	if (fd < 0 || dup2(fd, STDIN_FILENO) < 0)
		return -errno;
	fd_close(fd);
	return 0;
}

/* The engine's configuration, opened with root's rights and read by the engine. */
static int open_config(struct err *e)
{
	const char *path = state.opt.config_file;
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	state.config = -EBADF;
	if (fd < 0 && errno == ENOENT && !state.opt.config_given)
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(e, ERR_SYSTEM, errno, "opening the configuration \"%s\"", path);
	if (!S_ISREG(st.st_mode) || st.st_uid != 0 || (st.st_mode & 022))
		return err_set(e, ERR_DENIED, 0,
			"the configuration \"%s\" must be a file of root that nobody else can write "
			"(chown root, chmod 644)",
			path);
	state.config = steal_fd(&fd);
	return 0;
}

static int open_tls(struct err *e)
{
	const char *paths[] = { state.opt.tls_ca, state.opt.tls_cert, state.opt.tls_key };

	for (size_t i = 0; state.opt.tls_verify && i < ARRAY_SIZE(paths); i++) {
		struct stat st;

		if (!paths[i])
			return err_set(e, ERR_INVALID, 0,
				"--tlsverify needs --tlscacert, --tlscert and --tlskey");
		state.tls[i] = open(paths[i], O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
		if (state.tls[i] < 0)
			return err_set(e, ERR_SYSTEM, errno, "opening \"%s\"", paths[i]);
		if (fstat(state.tls[i], &st) < 0 || !S_ISREG(st.st_mode))
			return err_set(e, ERR_INVALID, 0, "\"%s\" is no file", paths[i]);
	}
	return 0;
}

static int write_pidfile(struct err *e)
{
	auto_close int fd = -EBADF;
	char text[16];
	int n;

	if (!state.opt.pidfile)
		return 0;
	fd = open(state.opt.pidfile, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
	n = snprintf(text, sizeof(text), "%d\n", (int)getpid());
	if (fd < 0 || fd_write_all(fd, text, (size_t)n) < 0)
		return err_set(
			e, ERR_SYSTEM, errno, "writing the pidfile \"%s\"", state.opt.pidfile);
	return 0;
}

/* What the keeper itself needs, beside what a container may get in the host's user namespace.
 * no_new_privs stays off: it would be inherited by containers that are allowed setuid programs. */
static void shrink_bounding_set(void)
{
	static const uint8_t own[] = { CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER,
		CAP_FSETID, CAP_KILL, CAP_SETGID, CAP_SETUID, CAP_SETPCAP, CAP_NET_ADMIN,
		CAP_SYS_CHROOT, CAP_SYS_PTRACE, CAP_SYS_ADMIN, CAP_SYS_RESOURCE, CAP_MKNOD,
		CAP_SETFCAP };
	uint64_t keep = floor_all_caps(&state.floor);

	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		keep |= 1ull << own[i];
	(void)sys_caps_bound(keep);
}

static void settle_process(void)
{
	struct rlimit files;
	auto_close int oom = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	(void)umask(0022);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	if (oom < 0 || fd_write_all(oom, "-500", 4) < 0)
		say(SAY_WARNING, "oom_score_adj could not be lowered", "errno=%d", errno);
	shrink_bounding_set();
}

static void on_term(void)
{
	if (state.ending)
		return;
	say(SAY_INFO, "ending; containers go on", "%s", "");
	state.ending = true;
	door_close();
	engine_stop();
}

static int start_up(struct err *e)
{
	enum cgroup_version version = 0;
	int r;

	if (geteuid() != 0)
		return err_set(
			e, ERR_DENIED, 0, "caissond must be started as root (sudo caissond)");
	if (cgroup_detect(&version) < 0)
		return err_set(e, ERR_UNSUPPORTED, 0, "no cgroups: mount them at /sys/fs/cgroup");
	state.cgroup_version = (int)version;
	r = layout_open(e);
	if (r == 0)
		r = open_config(e);
	if (r == 0)
		r = open_tls(e);
	if (r == 0)
		r = loop_init(e);
	if (r < 0)
		return r;
	loop_on_term(on_term);
	settle_process();
	r = door_open(e);
	if (r == 0)
		r = container_recover(e);
	return r < 0 ? r : write_pidfile(e);
}

static int show(bool version)
{
	auto_buf struct buf out = BUF(65536);

	if (version)
		(void)buf_z(&out, "caissond version " CAISSON_VERSION "\n");
	else
		options_usage(&out);
	return fd_write_all(STDOUT_FILENO, out.p, out.n) < 0;
}

int main(int argc, char **argv)
{
	struct err e;

	if (options_parse(argc, argv, &state.opt, &e) < 0) {
		(void)fprintf(stderr, "caissond: %s\n", e.msg);
		return 1;
	}
	if (state.opt.help || state.opt.version)
		return show(state.opt.version);
	say_set_debug(state.opt.debug);
	if (open_std() < 0)
		return 1;
	if (start_up(&e) < 0) {
		say_err(SAY_ERROR, "caissond cannot start", &e);
		door_close();
		return 1;
	}
	trash_kick();
	engine_start();
	loop_run();
	if (state.opt.pidfile)
		(void)unlink(state.opt.pidfile);
	say(SAY_INFO, "ended", "%s", "");
	return 0;
}
