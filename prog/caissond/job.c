/* Workers: one job each, in namespaces and ids of their own (sandbox/sandbox.h, sandbox/job.h). */
#include "sandbox/job.h"
#include "account.h"
#include "cgroup/cgroup.h"
#include "say.h"
#include "state.h"
#include "sys/sys.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define JOBS_MAX     16
#define MINUTE	     (60 * NS_PER_SEC)
#define WORKER_PIDS  16
#define WORKER_BYTES (768ll << 20)

struct kind {
	const char *name;
	uint64_t limit_ns;
	bool readonly;
};
static const struct kind kinds[] = {
	[KEEPER_JOB_UNPACK] = { "unpack", 60 * MINUTE, false },
	[KEEPER_JOB_ARCHIVE] = { "archive", 360 * MINUTE, true }, /* as slow as the client sends */
	[KEEPER_JOB_MEASURE] = { "measure", 10 * MINUTE, true },
};

static struct {
	int claim;   /* locked file: no other keeper uses these ids; 0: free */
	bool writes; /* the worker can still change the target */
	struct digest target, group;
} slots[JOBS_MAX];

struct job {
	uint32_t kind, slot;
	uint32_t base; /* host id of the worker's 0 */
	int in, out;   /* borrowed; in is -1 for MEASURE */
	int tree;
	struct cgroup_gate gate; /* of the worker's group, until it is born */
	int go[2];		 /* ours, the child's: ids are mapped, here is the tree */
	pid_t pid;
};

/* ---- slots ------------------------------------------------------------------------------- */

static int claim_slot(uint32_t i)
{
	char name[32];
	auto_close int fd = -EBADF;

	(void)snprintf(name, sizeof(name), "worker-%u", i);
	fd = openat(state.claims, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
		return -EBUSY;
	return steal_fd(&fd);
}

bool job_writes(const struct digest *staging)
{
	for (uint32_t i = 0; i < JOBS_MAX; i++)
		if (slots[i].claim && slots[i].writes && digest_eq(&slots[i].target, staging))
			return true;
	return false;
}

bool job_owns_group(const struct digest *id)
{
	static const struct digest group = { "caisson worker slot" };

	return memcmp(id, &group, sizeof(group) - 1) == 0;
}

static int find_slot(struct job *j, const struct digest *target, struct err *e)
{
	for (uint32_t i = 0; i < JOBS_MAX; i++) {
		int claim = slots[i].claim ? -EBUSY : claim_slot(i);

		if (claim < 0)
			continue;
		slots[i].claim = claim;
		slots[i].target = *target;
		slots[i].writes = j->kind == KEEPER_JOB_UNPACK;
		/* The same group each time this slot is used: what a killed keeper left
		 * is found. */
		slots[i].group = (struct digest){ "caisson worker slot" };
		slots[i].group.b[31] = (uint8_t)i;
		j->slot = i;
		j->base = ACCOUNT_WORKER_BASE + (i << ACCOUNT_WORKER_BITS);
		return 0;
	}
	return err_set(e, ERR_LIMIT, 0, "%d jobs are running already; try again later", JOBS_MAX);
}

static void free_slot(uint32_t slot)
{
	struct err e;

	(void)cgroup_kill(&slots[slot].group, SIGKILL, &e);
	(void)cgroup_remove(&slots[slot].group, &e);
	fd_close(slots[slot].claim);
	slots[slot].claim = 0;
}

/* ---- the worker's side ------------------------------------------------------------------- */

static void place(int fd, int at)
{
	if (fd >= 0 && dup2(fd, at) != at)
		_exit(125);
}

/* Waits until the keeper has mapped our ids; gives the tree or -1. */
static int wait_for_go(int sock)
{
	struct wire_msg m;

	if (wire_recv(sock, KEEPER_VERSION, &m) != 1)
		_exit(125);
	return wire_fd(&m, 0);
}

static void become_root_inside(void)
{
	struct rlimit no_core = { 0, 0 };

	(void)setrlimit(RLIMIT_CORE, &no_core);
	if (sys_become(0, 0, NULL, 0) < 0 || sys_no_new_privs() < 0 ||
		prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		_exit(125);
}

static void NORETURN run_worker(struct job *j)
{
	char *argv[] = { (char *)(uintptr_t) "caisson-worker",
		(char *)(uintptr_t)kinds[j->kind].name, NULL };
	char *envp[] = { NULL };
	int keep[] = { j->in, j->out, j->go[1], state.programs[PROGRAM_WORKER] };
	int tree, program, in, out;

	if (cgroup_gate_enter(&j->gate, NULL) < 0)
		_exit(125);
	loop_in_child(keep, ARRAY_SIZE(keep));
	tree = wait_for_go(j->go[1]);
	become_root_inside();
	/* First out of the way of the numbers they must get. */
	in = j->in < 0 ? -1 : fcntl(j->in, F_DUPFD, 16);
	out = fcntl(j->out, F_DUPFD, 16);
	program = fcntl(state.programs[PROGRAM_WORKER], F_DUPFD, 16);
	tree = tree < 0 ? -1 : fcntl(tree, F_DUPFD, 16);
	(void)close_range(3, 15, 0);
	place(in, JOB_FD_IN);
	place(out, JOB_FD_OUT);
	place(tree, JOB_FD_TREE);
	(void)close_range(16, ~0u, CLOSE_RANGE_CLOEXEC);
	(void)sys_exec_fd(program, argv, envp);
	_exit(125);
}

/* ---- the keeper's side ------------------------------------------------------------------- */

static int write_map(const struct job *j, const char *file)
{
	char path[64], map[64];
	auto_close int fd = -EBADF;
	int n = snprintf(map, sizeof(map), "0 %u %u\n", j->base, 1u << ACCOUNT_WORKER_BITS);

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)j->pid, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd_write_all(fd, map, (size_t)n);
}

/* The job's directory, with the image's ids on disk and the worker's in its eyes. */
static int map_tree(const struct job *j, int dir, const char *name)
{
	struct mount_attr a = { .attr_set = MOUNT_ATTR_IDMAP | MOUNT_ATTR_NOSUID |
					    MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC };
	auto_close int tree = sys_mount_clone(dir, name, 0);
	auto_close int ns = -EBADF;
	char path[64];

	int r;

	if (tree < 0)
		return tree;
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)j->pid);
	ns = open(path, O_RDONLY | O_CLOEXEC);
	if (ns < 0)
		return -errno;
	a.userns_fd = (uint64_t)ns;
	if (kinds[j->kind].readonly)
		a.attr_set |= MOUNT_ATTR_RDONLY;
	r = sys_mount_set(tree, &a, false);
	return r < 0 ? r : steal_fd(&tree);
}

static int prepare_tree(struct job *j, struct err *e)
{
	const struct digest *target = &slots[j->slot].target;
	char hex[DIGEST_HEX + 1], upper[DIGEST_HEX + 8];

	j->tree = -EBADF;
	if (j->kind == KEEPER_JOB_ARCHIVE)
		return 0;
	(void)snprintf(upper, sizeof(upper), "%s/upper", digest_hex(target, hex));
	j->tree = j->kind == KEEPER_JOB_UNPACK ? map_tree(j, state.staging, hex)
					       : map_tree(j, state.containers_dir, upper);
	return j->tree < 0 ? err_set(e, ERR_SYSTEM, -j->tree, "opening the job's directory") : 0;
}

/* An empty staging directory; what an earlier attempt left goes. */
static int make_staging(const struct digest *id, struct err *e)
{
	char hex[DIGEST_HEX + 1];
	int fd;

	(void)trash_put(state.staging, digest_hex(id, hex));
	fd = layout_mkdir(state.staging, hex, 0755, 0, 0, e);
	fd_close(fd);
	return MIN(fd, 0);
}

static int clone_worker(struct job *j, struct err *e)
{
	struct sys_clone how = { .flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID |
					  CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS };

	j->pid = sys_clone(&how);
	if (j->pid == 0)
		run_worker(j);
	return j->pid < 0 ? err_set(e, ERR_SYSTEM, -j->pid, "starting a worker") : 0;
}

static int limit_worker(struct job *j, struct err *e)
{
	static const struct keeper_limits limits = { .set = KEEPER_LIMIT_MEMORY | KEEPER_LIMIT_PIDS,
		.memory_bytes = WORKER_BYTES,
		.pids = WORKER_PIDS };
	const struct digest *group = &slots[j->slot].group;
	struct err ignored;
	int r;

	(void)cgroup_remove(group, &ignored);
	r = cgroup_create(group, &limits, e);
	return r < 0 ? r : cgroup_gate_open(group, &j->gate, e);
}

/* Everything before the worker may run; it waits at wait_for_go(). */
static int confine(struct job *j, struct err *e)
{
	int r = write_map(j, "uid_map");

	if (r == 0)
		r = write_map(j, "gid_map");
	if (r < 0)
		return err_set(e, ERR_SYSTEM, -r, "mapping the worker's ids");
	r = prepare_tree(j, e);
	if (r < 0)
		return r;
	r = wire_send(j->go[0], KEEPER_VERSION, KEEPER_JOB, 0, NULL, 0, &j->tree, j->tree >= 0);
	fd_close(steal_fd(&j->tree));
	return r < 0 ? err_set(e, ERR_SYSTEM, -r, "starting a worker") : 0;
}

static void on_job_ended(struct child *c, int status)
{
	struct ask a = { c->seq, c->link };
	struct keeper_reply reply = { .status = WIFEXITED(status) ? WEXITSTATUS(status)
								  : 128 + WTERMSIG(status) };
	char hex[DIGEST_HEX + 1];

	if (c->kind == KEEPER_JOB_UNPACK && reply.status != 0)
		(void)trash_put(state.staging, digest_hex(&slots[c->slot].target, hex));
	free_slot(c->slot);
	if (c->deadline == 0)
		(void)err_set(&reply.err, ERR_LIMIT, ETIMEDOUT, "the %s job took too long",
			kinds[c->kind].name);
	say(SAY_INFO, "job ended", "kind=%s status=%d", kinds[c->kind].name, reply.status);
	engine_reply(&a, &reply);
}

static void kill_worker(struct job *j)
{
	int status;

	(void)kill(j->pid, SIGKILL);
	(void)waitpid(j->pid, &status, 0); /* it has done nothing yet: this is quick */
}

static int start_job(struct job *j, const struct ask *a, struct err *e)
{
	struct child *c = loop_child_room();
	int r;

	if (!c)
		return err_set(e, ERR_LIMIT, 0, "the keeper has too much to do; try again");
	if (wire_pair(j->go) < 0)
		return err_set(e, ERR_SYSTEM, errno, "starting a worker");
	r = limit_worker(j, e);
	if (r == 0)
		r = clone_worker(j, e);
	cgroup_gate_close(&j->gate);
	fd_close(steal_fd(&j->go[1]));
	if (r == 0) {
		r = confine(j, e);
		if (r < 0)
			kill_worker(j);
	}
	fd_close(steal_fd(&j->go[0]));
	if (r == 0)
		*c = (struct child){ .pid = j->pid,
			.deadline = clock_mono_ns() + kinds[j->kind].limit_ns,
			.ended = on_job_ended,
			.kind = j->kind,
			.slot = j->slot,
			.seq = a->seq,
			.link = a->link };
	return r;
}

int job_run(const struct ask *a, struct wire_msg *m, struct keeper_reply *reply)
{
	const struct keeper_job *q = (const void *)m->body;
	struct job j = {
		.kind = q->kind, .in = m->nfds == 2 ? m->fds[0] : -1, .out = m->fds[m->nfds - 1]
	};
	struct container *c;
	int r = 0;

	if (q->kind == KEEPER_JOB_MEASURE)
		r = container_get(&q->target, &c, &reply->err);
	else if (q->kind == KEEPER_JOB_UNPACK && job_writes(&q->target))
		r = err_set(&reply->err, ERR_CONFLICT, 0, "this layer is being unpacked already");
	if (r == 0)
		r = find_slot(&j, &q->target, &reply->err);
	if (r < 0)
		return r;
	if (q->kind == KEEPER_JOB_UNPACK)
		r = make_staging(&q->target, &reply->err);
	if (r == 0)
		r = start_job(&j, a, &reply->err);
	if (r == 0)
		return OP_LATER;
	free_slot(j.slot);
	return r;
}

static void kill_job(struct child *c)
{
	if (c->ended == on_job_ended)
		(void)kill(c->pid, SIGKILL);
}

void job_kill_all(void)
{
	loop_child_each(kill_job);
}
