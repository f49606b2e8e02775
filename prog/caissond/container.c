#include "cgroup/cgroup.h"
#include "say.h"
#include "state.h"
#include "sys/sys.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/stat.h>

#define REMOVE_TRIES 500
#define REMOVE_PAUSE 10000000 /* ns */

/* ---- the table ------------------------------------------------------------------------------- */

struct container *container_find(const struct digest *id)
{
	for (unsigned i = 0; i < state.ncontainers; i++)
		if (state.containers[i].used && digest_eq(&state.containers[i].id, id))
			return &state.containers[i];
	return NULL;
}

int container_get(const struct digest *id, struct container **ret, struct err *e)
{
	char hex[DIGEST_HEX + 1];

	*ret = container_find(id);
	return *ret ? 0
		    : err_set(e, ERR_NOT_FOUND, 0, "No such container: %s", digest_hex(id, hex));
}

struct container *container_add(const struct keeper_grant *g)
{
	struct container *c = NULL;

	for (unsigned i = 0; i < STATE_CONTAINERS_MAX && !c; i++)
		if (!state.containers[i].used) {
			c = &state.containers[i];
			state.ncontainers = MAX(state.ncontainers, i + 1);
		}
	if (c)
		*c = (struct container){ .used = true,
			.id = g->create.id,
			.owner = g->owner_uid,
			.cls = (uint8_t)g->cls,
			.init_pidfd = -EBADF,
			.shim = { -EBADF, NULL },
			.report = { -EBADF, NULL } };
	return c;
}

static unsigned owned_by(uint32_t uid)
{
	unsigned n = 0;

	for (unsigned i = 0; i < state.ncontainers; i++)
		n += state.containers[i].used && state.containers[i].owner == uid;
	return n;
}

bool container_init_alive(const struct container *c)
{
	return c->phase == CONTAINER_RUNNING && !proc_pidfd_ended(c->init_pidfd);
}

static int need_running(const struct digest *id, struct container **ret, struct err *e)
{
	char hex[DIGEST_HEX + 1];
	int r = container_get(id, ret, e);

	if (r < 0 || container_init_alive(*ret))
		return r;
	return err_set(e, ERR_CONFLICT, ESRCH, "container %s is not running", digest_hex(id, hex));
}

int container_grant(const struct digest *id, struct keeper_grant *ret, struct err *e)
{
	char path[DIGEST_HEX + 16];
	char hex[DIGEST_HEX + 1];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "%s/grant", digest_hex(id, hex));
	memset(ret, 0, sizeof(*ret));
	n = layout_read(state.containers_dir, path, ret, sizeof(*ret));
	if (n < 0 || keeper_grant_check(ret, (size_t)n, id) < 0)
		return err_set(e, ERR_CORRUPT, 0,
			"the grant of container %s cannot be used; remove the container", hex);
	return 0;
}

/* ---- create ---------------------------------------------------------------------------------- */

struct rights {
	uint32_t cls, uid, gid;
};

static int find_rights(uint64_t handle, struct rights *ret, struct err *e)
{
	const struct client *c = door_client(handle);

	if (handle == KEEPER_HANDLE_REMOTE && state.tcp)
		*ret = (struct rights){ KEEPER_CLASS_REMOTE, KEEPER_OWNER_REMOTE,
			KEEPER_OWNER_REMOTE };
	else if (c)
		*ret = (struct rights){ c->cls, c->uid, c->gid };
	else
		return err_set(e, ERR_DENIED, 0,
			"the connection that asked has ended, and its rights with it");
	return 0;
}

static int check_layers(const struct keeper_create *c, struct err *e)
{
	char hex[DIGEST_HEX + 1];

	for (uint32_t i = 0; i < c->nlayers; i++)
		if (faccessat(state.layers, digest_hex(&c->layers[i], hex), F_OK,
			    AT_SYMLINK_NOFOLLOW) < 0)
			return err_set(e, ERR_NOT_FOUND, 0,
				"layer \"sha256:%s\" is not here; load the image again", hex);
	return 0;
}

static int check_joined(uint8_t ns, const struct digest *of, uint32_t uid, struct err *e)
{
	struct container *x;
	int r;

	if (ns != KEEPER_NS_CONTAINER)
		return 0;
	r = container_get(of, &x, e);
	if (r == 0 && x->owner != uid)
		r = err_set(e, ERR_DENIED, 0,
			"a namespace of another owner's container cannot be joined");
	return r;
}

static int check_create(const struct keeper_create *c, const struct rights *who, struct err *e)
{
	int r = floor_check(&state.floor, who->cls, who->uid, c, owned_by(who->uid), e);

	if (r == 0)
		r = keeper_limits_check(&c->limits, e);
	if (r == 0)
		r = check_layers(c, e);
	if (r == 0)
		r = check_joined(c->netns, &c->net_of, who->uid, e);
	if (r == 0)
		r = check_joined(c->pidns, &c->pid_of, who->uid, e);
	if (r == 0)
		r = check_joined(c->ipcns, &c->ipc_of, who->uid, e);
	return r;
}

/* All of a container's directory under a temporary name, then one rename: whole or absent. */
static int make_dir(const char *hex, const struct keeper_grant *g, struct err *e)
{
	char temporary[DIGEST_HEX + 8];
	auto_close int dir = -EBADF;
	int upper, work, r;

	(void)snprintf(temporary, sizeof(temporary), ".%s.new", hex);
	(void)trash_put(state.containers_dir, temporary);
	dir = layout_mkdir(state.containers_dir, temporary, 0700, 0, 0, e);
	upper = dir < 0 ? dir : layout_mkdir(dir, "upper", 0755, 0, 0, e);
	work = upper < 0 ? upper : layout_mkdir(dir, "work", 0700, 0, 0, e);
	fd_close(upper);
	fd_close(work);
	if (work < 0)
		return work;
	r = fd_write_file(dir, "grant", g, sizeof(*g));
	if (r == 0 && renameat2(state.containers_dir, temporary, state.containers_dir, hex,
			      RENAME_NOREPLACE) < 0)
		r = -errno;
	return r < 0 ? err_set(e, ERR_SYSTEM, -r, "storing container \"%s\"", hex) : 0;
}

int container_create(const struct ask *a, struct wire_msg *m, struct keeper_reply *reply)
{
	static struct keeper_grant g;
	const struct keeper_create *c = (const void *)m->body;
	char hex[DIGEST_HEX + 1];
	struct rights who = { 0 };
	int r;

	(void)a;
	digest_hex(&c->id, hex);
	/* An id names a control group too, and those are shared by all keepers of the host: a group
	 * that is there already is another engine's, or a worker's. */
	if (container_find(&c->id) || job_owns_group(&c->id) || cgroup_exists(&c->id))
		return err_set(&reply->err, ERR_CONFLICT, 0, "container %s exists already", hex);
	r = find_rights(c->client, &who, &reply->err);
	if (r == 0)
		r = check_create(c, &who, &reply->err);
	if (r < 0)
		return r;
	g = (struct keeper_grant){ .magic = KEEPER_GRANT_MAGIC,
		.version = KEEPER_GRANT_VERSION,
		.owner_uid = who.uid,
		.owner_gid = who.gid,
		.cls = who.cls,
		.size = sizeof(g),
		.create = *c };
	if (!container_add(&g))
		return err_set(&reply->err, ERR_LIMIT, 0,
			"this engine already has %d containers; remove some", STATE_CONTAINERS_MAX);
	r = make_dir(hex, &g, &reply->err);
	if (r < 0)
		container_find(&c->id)->used = false;
	else
		say(SAY_INFO, "container created", "id=%.12s uid=%u", hex, who.uid);
	return r;
}

/* ---- running ones: signal, freeze, update ---------------------------------------------------- */

static void task_signal_all(const void *arg, struct keeper_reply *reply)
{
	const struct keeper_signal *s = arg;

	(void)cgroup_kill(&s->id, (int)s->signal, &reply->err);
}

int container_signal(const struct ask *a, struct wire_msg *m, struct keeper_reply *reply)
{
	const struct keeper_signal *s = (const void *)m->body;
	struct container *c;
	int r = need_running(&s->id, &c, &reply->err);

	if (r < 0)
		return r;
	if (s->all)
		return task_run(a, task_signal_all, s, reply);
	r = sys_pidfd_signal(c->init_pidfd, (int)s->signal);
	return r < 0 ? err_set(&reply->err, ERR_SYSTEM, -r, "sending signal %u", s->signal) : 0;
}

static void task_freeze(const void *arg, struct keeper_reply *reply)
{
	const struct keeper_freeze *f = arg;

	(void)cgroup_freeze(&f->id, f->frozen, &reply->err);
}

int container_freeze(const struct ask *a, struct wire_msg *m, struct keeper_reply *reply)
{
	const struct keeper_freeze *f = (const void *)m->body;
	struct container *c;
	int r = need_running(&f->id, &c, &reply->err);

	return r < 0 ? r : task_run(a, task_freeze, f, reply);
}

int container_update(const struct ask *a, struct wire_msg *m, struct keeper_reply *reply)
{
	static struct keeper_grant g;
	const struct keeper_update *u = (const void *)m->body;
	char path[DIGEST_HEX + 1];
	struct container *c;
	int r = container_get(&u->id, &c, &reply->err);

	(void)a;
	if (r == 0)
		r = keeper_limits_check(&u->limits, &reply->err);
	if (r == 0)
		r = container_grant(&u->id, &g, &reply->err);
	if (r < 0)
		return r;
	if (container_init_alive(c) && (r = cgroup_update(&u->id, &u->limits, &reply->err)) < 0)
		return r;
	keeper_limits_merge(&g.create.limits, &u->limits);
	g.version = KEEPER_GRANT_VERSION;
	g.size = sizeof(g);
	{
		auto_close int dir = openat(state.containers_dir, digest_hex(&u->id, path),
			O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		r = dir < 0 ? -errno : fd_write_file(dir, "grant", &g, sizeof(g));
	}
	return r < 0 ? err_set(&reply->err, ERR_SYSTEM, -r, "storing the new limits") : 0;
}

/* ---- the end of one -------------------------------------------------------------------------- */

/* Ends what is left in the group and removes it; a group may be busy for a moment after its last
 * process was killed, and v1 has no event for that. */
static int clear_cgroup(const struct digest *id, int tries)
{
	struct timespec pause = { .tv_nsec = REMOVE_PAUSE };
	struct err e;
	int r = cgroup_remove(id, &e);

	while (r < 0 && tries-- > 0) {
		(void)cgroup_kill(id, SIGKILL, &e);
		r = cgroup_remove(id, &e);
		if (r < 0)
			(void)nanosleep(&pause, NULL);
	}
	return r;
}

static void task_clear(const void *arg, struct keeper_reply *reply)
{
	(void)reply;
	if (clear_cgroup(arg, REMOVE_TRIES) < 0)
		say(SAY_WARNING, "a cgroup could not be removed", "%s", "");
}

static int move_to_trash(const struct digest *id, struct err *e)
{
	char hex[DIGEST_HEX + 1];
	int r = trash_put(state.containers_dir, digest_hex(id, hex));

	if (r < 0 && r != -ENOENT)
		return err_set(e, ERR_SYSTEM, -r, "removing container \"%s\"", hex);
	say(SAY_INFO, "container removed", "id=%.12s", hex);
	return 0;
}

static void answer_remove(struct container *c)
{
	struct keeper_reply reply = { 0 };

	c->removing = false;
	if (move_to_trash(&c->id, &reply.err) == 0)
		c->used = false;
	engine_reply(&c->ask, &reply);
}

static void answer_failed_start(struct container *c)
{
	struct keeper_reply reply = { .err = c->failure };

	engine_reply(&c->ask, &reply);
}

/* The starter is gone: its report is here, or there will be none. */
static void last_report(struct container *c)
{
	if (c->phase == CONTAINER_STARTING && c->report.fd >= 0)
		c->report.ready(&c->report, 0);
	if (c->phase != CONTAINER_STARTING)
		return;
	(void)err_set(
		&c->failure, ERR_SYSTEM, 0, "the process that starts the container was killed");
	c->phase = CONTAINER_FAILED;
}

void container_ended(struct container *c)
{
	static const struct ask nobody = { 0, 0 };
	uint8_t phase;
	struct keeper_reply ignored = { 0 };
	char hex[DIGEST_HEX + 1];

	last_report(c);
	phase = c->phase;
	/* A shim that was killed leaves its container behind: it ends too. */
	if (c->init_pidfd >= 0)
		(void)sys_pidfd_signal(c->init_pidfd, SIGKILL);
	loop_unwatch(&c->shim);
	loop_unwatch(&c->report);
	fd_close(steal_fd(&c->shim.fd));
	fd_close(steal_fd(&c->report.fd));
	fd_close(steal_fd(&c->init_pidfd));
	c->phase = CONTAINER_STOPPED;
	c->init = c->shim_pid = 0;
	/* Usually the first try does it; else a child goes on, and a new start waits in its own. */
	if (clear_cgroup(&c->id, 1) < 0)
		(void)task_run(&nobody, task_clear, &c->id, &ignored);
	/* After that: whoever is killed before finds the record, and clears the group. */
	(void)unlinkat(state.run, digest_hex(&c->id, hex), 0);
	say(SAY_INFO, phase == CONTAINER_RUNNING ? "container ended" : "container did not start",
		"id=%.12s", hex);
	if (phase == CONTAINER_FAILED)
		answer_failed_start(c);
	if (c->removing)
		answer_remove(c);
}

int container_remove(const struct ask *a, struct wire_msg *m, struct keeper_reply *reply)
{
	const struct keeper_id *id = (const void *)m->body;
	char hex[DIGEST_HEX + 1];
	struct container *c;
	int r = container_get(&id->id, &c, &reply->err);

	if (r < 0)
		return r;
	if (c->removing || c->phase == CONTAINER_STARTING || c->phase == CONTAINER_FAILED ||
		container_init_alive(c))
		return err_set(&reply->err, ERR_CONFLICT, 0,
			"container %s is running: stop it first", digest_hex(&id->id, hex));
	if (c->phase == CONTAINER_RUNNING) {
		/* Only its shim is left, with an exit status that is in the log. */
		c->removing = true;
		c->ask = *a;
		(void)sys_pidfd_signal(c->shim.fd, SIGTERM);
		return OP_LATER;
	}
	r = move_to_trash(&id->id, &reply->err);
	if (r == 0)
		c->used = false;
	return r;
}

/* ---- what the next keeper needs ---------------------------------------------------------- */

static void on_shim(struct watch *w, uint32_t events)
{
	(void)events;
	container_ended((struct container *)((char *)w - offsetof(struct container, shim)));
}

void container_watch_shim(struct container *c, int pidfd)
{
	c->shim = (struct watch){ pidfd, on_shim };
	(void)loop_watch(&c->shim, EPOLLIN);
}

void container_save_run(const struct container *c)
{
	struct keeper_run run = { .magic = KEEPER_RUN_MAGIC,
		.version = KEEPER_RUN_VERSION,
		.size = sizeof(run),
		.id = c->id,
		.shim = c->shim_pid,
		.init = c->init,
		.id_base = c->id_base,
		.flags = c->start_flags };
	char hex[DIGEST_HEX + 1];

	(void)!proc_start_time(c->shim_pid, &run.shim_start);
	if (c->init)
		(void)!proc_start_time(c->init, &run.init_start);
	memcpy(run.boot, state.boot, sizeof(run.boot));
	if (fd_write_file(state.run, digest_hex(&c->id, hex), &run, sizeof(run)) < 0)
		say(SAY_ERROR, "a run record could not be written", "id=%.12s errno=%d", hex,
			errno);
}
