/*
 * The starter: a child of the keeper with its rights, which makes one container and then gives up
 * everything and becomes its shim.
 */
#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>

#include "cgroup/cgroup.h"
#include "runtime/runtime-int.h"
#include "shim/shim.h"

#define EXEC_FD (SHIM_FD_CLAIM + 1)
#define HIGH_FD 32 /* above every number that is handed on */

/* ---- which namespaces ------------------------------------------------------------------------ */

static bool joins(const struct start *s)
{
	return s->plan->net_of || s->plan->pid_of || s->plan->ipc_of;
}

static uint64_t new_namespaces(const struct start *s)
{
	const struct keeper_create *g = s->grant;
	uint64_t f = CLONE_NEWNS;

	if (s->new_userns)
		f |= CLONE_NEWUSER;
	if (g->netns == KEEPER_NS_PRIVATE)
		f |= CLONE_NEWNET;
	if (g->pidns == KEEPER_NS_PRIVATE)
		f |= CLONE_NEWPID;
	if (g->ipcns == KEEPER_NS_PRIVATE)
		f |= CLONE_NEWIPC;
	if (g->utsns == KEEPER_NS_PRIVATE)
		f |= CLONE_NEWUTS;
	return f; /* the cgroup namespace comes when init is in its group */
}

/* The host's namespaces belong to the host's user namespace: with less, mounting their /proc or
 * /sys or binding a port is refused by the kernel, so it is refused here with a reason. */
static int check_plan(struct start *s, struct err *e)
{
	const struct keeper_create *g = s->grant;
	bool shared = g->netns == KEEPER_NS_HOST || g->pidns == KEEPER_NS_HOST ||
		      g->ipcns == KEEPER_NS_HOST;

	s->host_userns = g->userns == KEEPER_NS_HOST || (joins(s) && !s->plan->joined_base);
	s->new_userns = !s->host_userns && !joins(s);
	if (shared && !s->host_userns)
		return err_set(e, ERR_UNSUPPORTED, 0,
			"a namespace of the host needs the host's user namespace (--userns=host)");
	if (g->nlayers > KEEPER_LAYERS_MAX)
		return err_set(
			e, ERR_LIMIT, 0, "the image has more than %d layers", KEEPER_LAYERS_MAX);
	return 0;
}

static int take_ids(struct start *s, struct err *e)
{
	int r;

	if (!s->host_userns && joins(s))
		return ids_share(s->plan->claims, s->plan->joined_base, &s->ids, e);
	/* In the host's user namespace too: the shim's own id comes from the slot. */
	r = ids_claim(s->plan->claims, &s->ids, e);
	if (r == 0 && s->host_userns)
		s->ids.base = 0;
	return r;
}

/* ---- the birth of init ----------------------------------------------------------------------- */

struct join {
	int pidfd;
	int flags;
};

/* In a process between: enters what is shared, then makes init there as a child of the starter. */
static void joiner_run(struct start *s, const struct sys_clone *c) NORETURN;
static void joiner_run(struct start *s, const struct sys_clone *c)
{
	const struct join list[] = { { s->plan->pid_of, CLONE_NEWPID },
		{ s->plan->net_of, CLONE_NEWNET }, { s->plan->ipc_of, CLONE_NEWIPC } };
	struct sys_clone inner = { .flags = c->flags | CLONE_PARENT };
	bool inside = s->host_userns;
	int r = 0;

	inner.flags &= ~(uint64_t)(CLONE_PIDFD | CLONE_INTO_CGROUP);
	for (size_t i = 0; i < ARRAY_SIZE(list) && r >= 0; i++) {
		if (!list[i].pidfd)
			continue;
		r = sys_setns(list[i].pidfd, list[i].flags | (inside ? 0 : CLONE_NEWUSER));
		inside = true;
	}
	if (r >= 0)
		r = sys_clone(&inner);
	if (r == 0)
		init_run(s);
	s->link.page->pid = r;
	_exit(0);
}

/* Another container's /dev/shm goes with its ipc namespace. */
static int take_shm(struct start *s, struct err *e)
{
	int r, back;

	if (s->grant->ipcns == KEEPER_NS_PRIVATE)
		return 0;
	if (s->plan->ipc_of) {
		r = sys_setns(s->plan->ipc_of, CLONE_NEWNS);
		if (r < 0)
			return err_set(e, ERR_CONFLICT, -r, "cannot join the ipc namespace");
	}
	r = s->shm = sys_mount_clone(AT_FDCWD, "/dev/shm", 0);
	back = s->plan->ipc_of ? sys_setns(s->host_mounts, CLONE_NEWNS) : 0;
	if (r < 0 || back < 0)
		return err_set(e, ERR_SYSTEM, -MIN(r, back), "cannot share /dev/shm");
	return 0;
}

static int make_init(struct start *s, struct err *e)
{
	auto_close int group = cgroup_open(&s->grant->id, e);
	struct sys_clone c = { .flags = new_namespaces(s) | CLONE_FILES | CLONE_PIDFD,
		.cgroup = group,
		.pidfd = &s->pidfd };
	bool join = joins(s);

	if (group < 0 && group != -EOPNOTSUPP)
		return group;
	s->unified = group >= 0;
	if (s->unified && !join)
		c.flags |= CLONE_INTO_CGROUP;
	else if (cgroup_gate_open(&s->grant->id, &s->gate, e) < 0)
		return err_errno(e);
	if (join) {
		struct sys_clone between = { .flags = CLONE_FILES | CLONE_PIDFD,
			.pidfd = &s->pidfd };

		s->pid = sys_clone(&between);
		if (s->pid == 0)
			joiner_run(s, &c);
		if (s->pid > 0) {
			(void)sys_pidfd_wait(s->pidfd);
			s->pid = s->link.page->pid ? s->link.page->pid : -ESRCH;
			/* It is our child, not yet reaped: its pid is nobody else's. */
			fd_replace(&s->pidfd, s->pid > 0 ? sys_pidfd_open(s->pid) : -EBADF);
		}
	} else {
		s->pid = sys_clone(&c);
		if (s->pid == 0)
			init_run(s);
	}
	if (s->pid < 0 || s->pidfd < 0)
		return err_set(e, ERR_SYSTEM, s->pid < 0 ? -s->pid : EBADF,
			"cannot make the container's namespaces");
	return 0;
}

static int write_proc(const struct start *s, const char *file, struct str text, struct err *e)
{
	char path[64];
	auto_close int fd = -EBADF;
	int r;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", s->pid, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	r = fd < 0 ? -errno : fd_write_all(fd, text.p, text.n);
	return r < 0 ? err_set(e, ERR_SYSTEM, -r, "cannot write %s of the container", file) : 0;
}

static int write_maps(struct start *s, struct err *e)
{
	auto_buf struct buf map = BUF(2048);
	char path[64], score[16];
	int r = 0;

	if (s->new_userns) {
		r = ids_map(s->grant, s->ids.base, &map, e);
		if (r == 0)
			r = write_proc(s, "uid_map", buf_view(&map), e);
		if (r == 0)
			r = write_proc(s, "gid_map", buf_view(&map), e);
	}
	(void)snprintf(score, sizeof(score), "%d", s->grant->oom_score_adj);
	if (r == 0)
		r = write_proc(s, "oom_score_adj", str_of(score), e);
	if (r < 0 || s->host_userns)
		return r;
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/user", s->pid);
	s->userns = open(path, O_RDONLY | O_CLOEXEC);
	return s->userns < 0 ? err_set(e, ERR_SYSTEM, errno, "cannot open the user namespace") : 0;
}

/* ---- one start ------------------------------------------------------------------------------- */

static int prepare(struct start *s, struct err *e)
{
	int r = check_plan(s, e);

	if (r == 0)
		r = take_ids(s, e);
	if (r == 0)
		r = link_make(&s->link, e);
	if (r < 0)
		return r;
	s->host_mounts = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	if (s->host_mounts < 0)
		return err_set(e, ERR_SYSTEM, errno, "cannot open /proc/self/ns/mnt");
	r = take_shm(s, e);
	if (r == 0)
		r = cgroup_create(&s->grant->id, &s->grant->limits, e);
	if (r < 0)
		return r;
	if (s->host_userns)
		r = cgroup_restrict_devices(&s->grant->id, e);
	/* From here on what we make on file systems is the container root's; the mounter's ids are
	 * those with which overlay makes its work directory. */
	if (r == 0 && s->ids.base) {
		r = sys_fs_ids(s->ids.base, s->ids.base);
		if (r < 0)
			r = err_set(e, ERR_SYSTEM, -r, "cannot take the container's ids");
	}
	if (r == 0)
		r = rootfs_dev(s, e);
	return r < 0 ? r : rootfs_stdio(s, e);
}

static int tell(struct start *s, enum link_step step, struct err *e)
{
	int r = link_send(s->link.ours, step);

	return r < 0 ? err_set(e, ERR_SYSTEM, -r, "the container's first process is gone") : 0;
}

/* Init moves itself into its group first of all, and prepares its mounts while we build
 * the root. */
static int build(struct start *s, struct err *e)
{
	int r = write_maps(s, e);

	if (r == 0)
		r = tell(s, LINK_MAPPED, e);
	if (r == 0)
		r = rootfs_make(s, e);
	if (r < 0)
		return r;
	s->link.page->root = s->root;
	r = tell(s, LINK_ROOT, e);
	return r < 0 ? r : link_wait_exec(&s->link, s->pidfd, e);
}

/* Nothing stays: the mounts were in init's namespace, the claim ends with our descriptor. */
static void undo(struct start *s)
{
	/* With the shim's rights it cannot be killed, only by the keeper: never wait for
	 * it then. */
	if (s->pidfd >= 0 && sys_pidfd_signal(s->pidfd, SIGKILL) == 0)
		(void)sys_pidfd_wait(s->pidfd);
	(void)cgroup_remove(&s->grant->id, NULL);
}

/* ---- becoming the shim ----------------------------------------------------------------------- */

static int arrange(struct start *s, struct err *e)
{
	bool tty = s->plan->start_flags & KEEPER_START_TTY;
	struct {
		int from, to;
	} move[] = { { s->plan->listener, SHIM_FD_LISTEN }, { s->plan->log, SHIM_FD_LOG },
		{ s->pidfd, SHIM_FD_PIDFD },
		{ tty ? link_master(&s->link) : s->outside[0], SHIM_FD_STDIN },
		{ s->outside[1], SHIM_FD_STDOUT }, { s->outside[2], SHIM_FD_STDERR },
		{ s->ids.claim, SHIM_FD_CLAIM }, { s->plan->shim, EXEC_FD } };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (size_t i = 0; i < ARRAY_SIZE(move); i++)
		if (move[i].from >= 0)
			move[i].from = fcntl(move[i].from, F_DUPFD_CLOEXEC, HIGH_FD);
	for (int i = 0; i < SHIM_FD_LISTEN; i++)
		if (dup3(null, i, 0) < 0)
			return err_set(e, ERR_SYSTEM, errno, "cannot arrange the descriptors");
	for (size_t i = 0; i < ARRAY_SIZE(move); i++) {
		if (move[i].from < 0)
			(void)close(move[i].to); /* no such stream */
		else if (dup3(move[i].from, move[i].to, move[i].to == EXEC_FD ? O_CLOEXEC : 0) < 0)
			return err_set(e, ERR_SYSTEM, errno, "cannot arrange the descriptors");
	}
	return 0;
}

static int drop_rights(struct start *s, struct err *e)
{
	uid_t id = s->ids.slot + IDS_SHIM;
	int r = sys_securebits(0);

	if (r == 0)
		r = sys_caps_bound(0);
	if (r == 0)
		r = sys_become(id, id, NULL, 0);
	if (r == 0)
		r = sys_caps_set(0, 0, 0);
	if (r == 0)
		r = sys_no_new_privs();
	return r < 0 ? err_set(e, ERR_SYSTEM, -r, "cannot drop the rights of the shim") : 0;
}

static int become_shim(struct start *s, int report, struct err *e)
{
	char letters[] = { s->plan->start_flags & KEEPER_START_TTY ? 't' : '-',
		s->plan->start_flags & KEEPER_START_STDIN ? 'i' : '\0', '\0' };
	char name[] = "caisson-shim", *argv[] = { name, letters, NULL }, *env[] = { NULL };
	struct runtime_report done = { .pid = s->pid, .id_base = s->ids.base };
	int keep[] = { 0, 1, 2, SHIM_FD_LISTEN, SHIM_FD_LOG, SHIM_FD_PIDFD, SHIM_FD_STDIN,
		SHIM_FD_STDOUT, SHIM_FD_STDERR, SHIM_FD_CLAIM, EXEC_FD, -1 };
	int r, said = fcntl(report, F_DUPFD_CLOEXEC, HIGH_FD);

	if (said < 0 || fchdir(s->plan->scratch) < 0)
		return err_set(e, ERR_SYSTEM, errno, "cannot prepare the shim");
	r = arrange(s, e);
	keep[ARRAY_SIZE(keep) - 1] = said;
	if (r == 0)
		r = drop_rights(s, e);
	if (r < 0)
		return r;
	/* A keeper that was killed meanwhile changes nothing: the program runs, and the next keeper
	 * finds it by the run record. */
	(void)sys_send_fds(said, &done, sizeof(done), (int[]){ SHIM_FD_PIDFD }, 1);
	sys_close_all_but(keep, ARRAY_SIZE(keep));
	r = sys_exec_fd(EXEC_FD, argv, env);
	return err_set(e, ERR_SYSTEM, -r, "cannot execute caisson-shim");
}

void runtime_start(const struct runtime_plan *p, int report)
{
	struct start s = { .plan = p,
		.grant = p->grant,
		.link = { .ours = -EBADF, .theirs = -EBADF },
		.ids = { .claim = -EBADF },
		.host_mounts = -EBADF,
		.userns = -EBADF,
		.root = -EBADF,
		.dev = -EBADF,
		.shm = -EBADF,
		.inside = { -EBADF, -EBADF, -EBADF },
		.outside = { -EBADF, -EBADF, -EBADF },
		.pidfd = -EBADF };
	int keep[] = { p->spec, p->log, p->listener, p->shim, p->layers_dir, p->container_dir,
		p->scratch, p->claims, report, p->net_of, p->pid_of, p->ipc_of, 0, 1, 2 };
	struct runtime_report failed = { 0 };
	int r;

	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	sys_signals_reset();
	sys_close_all_but(keep, ARRAY_SIZE(keep));
	(void)umask(0);
	r = prepare(&s, &failed.err);
	if (r == 0)
		r = make_init(&s, &failed.err);
	if (r == 0)
		r = link_blame(&s.link, build(&s, &failed.err), &failed.err);
	if (r == 0)
		(void)become_shim(&s, report, &failed.err);
	undo(&s);
	(void)sys_send_fds(report, &failed, sizeof(failed), NULL, 0);
	_exit(1);
}
