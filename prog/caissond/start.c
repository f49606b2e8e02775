#include "cgroup/cgroup.h"
#include "runtime/runtime.h"
#include "say.h"
#include "state.h"
#include "sys/sys.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define OLD_SHIM_MS    5000
#define OLD_CGROUP_MS  5000
#define SEALS_REQUIRED (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

/* ---- the descriptors that came with a question ----------------------------------------------- */

/* Nobody can change it while init reads it. */
static bool good_spec(int fd)
{
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;

	return seals >= 0 && (seals & SEALS_REQUIRED) == SEALS_REQUIRED && fstat(fd, &st) == 0 &&
	       st.st_size > 0 && st.st_size <= (off_t)SPEC_MAX;
}

static bool good_log(int fd)
{
	int flags = fcntl(fd, F_GETFL);
	struct stat st;

	return flags >= 0 && (flags & O_APPEND) && (flags & O_ACCMODE) != O_RDONLY &&
	       !(flags & O_PATH) && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	       st.st_uid == state.engine_uid;
}

static bool socket_is(int fd, int option, int value)
{
	int got = -1;
	socklen_t n = sizeof(got);

	return getsockopt(fd, SOL_SOCKET, option, &got, &n) == 0 && got == value;
}

static bool good_listener(int fd)
{
	return socket_is(fd, SO_DOMAIN, AF_UNIX) && socket_is(fd, SO_TYPE, SOCK_STREAM) &&
	       socket_is(fd, SO_ACCEPTCONN, 1);
}

static int bad_descriptor(struct err *e, const char *what)
{
	return err_set(e, ERR_INVALID, EBADF, "the %s given with the request cannot be used", what);
}

/* ---- start ----------------------------------------------------------------------------------- */

/* Everything a starter needs, copied by the fork. */
struct starter {
	struct runtime_plan plan;
	pid_t keeper;
	int report;
	int old_shim; /* pidfd of the previous run's shim, or -1 */
	struct container *c;
};
static struct keeper_grant grant; /* of the request being handled */

static int join_one(
	const struct digest *of, const struct container *c, struct container **ret, struct err *e)
{
	char hex[DIGEST_HEX + 1];
	int r = container_get(of, ret, e);

	if (r == 0 && (*ret)->owner != c->owner)
		r = err_set(e, ERR_DENIED, 0,
			"a namespace of another owner's container cannot be joined");
	if (r == 0 && !container_init_alive(*ret))
		r = err_set(e, ERR_CONFLICT, 0,
			"cannot join the namespace of a non running container: %s",
			digest_hex(of, hex));
	return r;
}

/* Who joins a container of the host's user namespace gets into that one too, which the grant does
 * not say: the floor is asked as if it did. */
static int check_host_joined(const struct container *c, struct err *e)
{
	static struct keeper_create as;

	as = grant.create;
	as.userns = KEEPER_NS_HOST;
	return floor_check(&state.floor, c->cls, c->owner, &as, 0, e);
}

static int join(const struct container *c, struct runtime_plan *p, struct err *e)
{
	const struct keeper_create *g = &grant.create;
	const struct {
		uint8_t ns;
		const struct digest *of;
		int *init;
	} list[] = { { g->netns, &g->net_of, &p->net_of }, { g->pidns, &g->pid_of, &p->pid_of },
		{ g->ipcns, &g->ipc_of, &p->ipc_of } };
	struct container *x = NULL;
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(list) && r == 0; i++) {
		const struct container *before = x;

		if (list[i].ns != KEEPER_NS_CONTAINER)
			continue;
		r = join_one(list[i].of, c, &x, e);
		if (r == 0 && before && before->id_base != x->id_base)
			r = err_set(e, ERR_INVALID, 0,
				"containers of different user namespaces cannot be joined together");
		if (r < 0)
			break;
		*list[i].init = x->init_pidfd;
		p->joined_base = x->id_base;
	}
	return r == 0 && x && x->id_base == 0 ? check_host_joined(c, e) : r;
}

static int make_plan(struct container *c, struct wire_msg *m, struct runtime_plan *p, struct err *e)
{
	const struct keeper_create *g = &grant.create;
	char hex[DIGEST_HEX + 1];
	int r = container_grant(&c->id, &grant, e);

	if (r < 0)
		return r;
	if (!good_spec(m->fds[0]))
		return bad_descriptor(e, "sealed specification");
	if (!good_log(m->fds[1]))
		return bad_descriptor(e, "log file");
	if (!good_listener(m->fds[2]))
		return bad_descriptor(e, "listening socket");
	*p = (struct runtime_plan){ .grant = g,
		.start_flags = ((const struct keeper_start *)(const void *)m->body)->flags,
		.spec = m->fds[0],
		.log = m->fds[1],
		.listener = m->fds[2],
		.shim = state.programs[PROGRAM_SHIM],
		.layers_dir = state.layers,
		.scratch = state.scratch,
		.scratch_path = state.scratch_path,
		.claims = state.claims };
	r = join(c, p, e);
	if (r < 0)
		return r;
	p->container_dir = openat(state.containers_dir, digest_hex(&c->id, hex),
		O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (p->container_dir < 0)
		return err_set(e, ERR_SYSTEM, errno, "opening container \"%s\"", hex);
	return 0;
}

/* The last run's init is gone, its shim perhaps not yet: the engine has said goodbye, or the exit
 * status is in the log. */
static void wait_for_old(const struct starter *s)
{
	struct pollfd old = { .fd = s->old_shim, .events = POLLIN };
	struct timespec pause = { .tv_nsec = 10000000 };
	struct err e;

	if (s->old_shim >= 0 && poll(&old, 1, OLD_SHIM_MS) == 0) {
		(void)sys_pidfd_signal(s->old_shim, SIGTERM);
		(void)poll(&old, 1, OLD_SHIM_MS);
	}
	for (int ms = 0; ms < OLD_CGROUP_MS && cgroup_remove(&s->c->id, &e) < 0; ms += 10) {
		(void)cgroup_kill(&s->c->id, SIGKILL, &e);
		(void)nanosleep(&pause, NULL);
	}
}

static void NORETURN run_starter(struct starter *s)
{
	char hex[DIGEST_HEX + 1];

	wait_for_old(s);
	/* From here on a new keeper can find us, whenever this one is killed. */
	s->c->shim_pid = getpid();
	s->c->init = 0;
	if (getppid() != s->keeper)
		_exit(1);
	container_save_run(s->c);
	/* Killed before the record was there: the next one may have looked already, so nothing may
	 * come of this.  If it lives now, every later one finds the record. */
	if (getppid() != s->keeper) {
		(void)unlinkat(state.run, digest_hex(&s->c->id, hex), 0);
		_exit(1);
	}
	runtime_start(&s->plan, s->report);
}

static void start_failed(struct container *c, const struct err *e)
{
	c->failure = *e;
	c->phase =
		CONTAINER_FAILED; /* answered when the starter has ended, so that a retry works */
}

/* One record and the pidfd of init; 0 or negative errno. */
static int receive_report(int sock, struct runtime_report *ret, int *ret_pidfd)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} space;
	struct iovec iov = { ret, sizeof(*ret) };
	struct msghdr h = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = space.room,
		.msg_controllen = sizeof(space.room) };
	struct cmsghdr *c;
	ssize_t n = recvmsg(sock, &h, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);

	*ret_pidfd = -EBADF;
	if (n < 0)
		return -errno;
	c = CMSG_FIRSTHDR(&h);
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
		c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(ret_pidfd, CMSG_DATA(c), sizeof(int));
	return n == (ssize_t)sizeof(*ret) ? 0 : -EPROTO;
}

static void started(struct container *c, const struct runtime_report *report, int pidfd)
{
	struct keeper_reply reply = { .pid = (uint32_t)report->pid, .id_base = report->id_base };
	char hex[DIGEST_HEX + 1];

	c->phase = CONTAINER_RUNNING;
	c->init = report->pid;
	c->init_pidfd = pidfd;
	c->id_base = report->id_base;
	container_save_run(c);
	say(SAY_INFO, "container started", "id=%.12s pid=%d base=%u", digest_hex(&c->id, hex),
		(int)c->init, c->id_base);
	engine_reply(&c->ask, &reply);
}

static void on_report(struct watch *w, uint32_t events)
{
	struct container *c = (struct container *)((char *)w - offsetof(struct container, report));
	struct runtime_report report;
	int pidfd, r = receive_report(w->fd, &report, &pidfd);

	(void)events;
	if (r == -EAGAIN)
		return;
	loop_unwatch(w);
	fd_close(steal_fd(&w->fd));
	if (r == 0 && report.err.kind == ERR_NONE && pidfd >= 0 && report.pid > 1) {
		started(c, &report, pidfd);
		return;
	}
	fd_close(pidfd);
	if (r < 0 || report.err.kind == ERR_NONE) {
		(void)err_set(&report.err, ERR_SYSTEM, 0,
			"the process that starts the container died before it could say why");
		(void)sys_pidfd_signal(c->shim.fd, SIGKILL);
	}
	err_sanitize(&report.err);
	start_failed(c, &report.err);
}

static pid_t fork_starter(struct starter *s)
{
	int keep[] = { s->plan.spec, s->plan.log, s->plan.listener, s->plan.shim,
		s->plan.layers_dir, s->plan.container_dir, s->plan.scratch, s->plan.claims,
		s->plan.net_of, s->plan.pid_of, s->plan.ipc_of, s->report, s->old_shim, state.run };
	pid_t pid = loop_fork(keep, ARRAY_SIZE(keep));

	if (pid == 0)
		run_starter(s);
	return pid;
}

static int launch(struct starter *s, const struct ask *a, struct err *e)
{
	struct container *c = s->c;
	auto_close int theirs = -EBADF;
	int pair[2], pidfd;
	pid_t pid;

	if (wire_pair(pair) < 0)
		return err_set(e, ERR_SYSTEM, errno, "starting the container");
	theirs = pair[1];
	s->report = theirs;
	pid = fork_starter(s);
	pidfd = pid < 0 ? -1 : sys_pidfd_open(pid);
	if (pidfd < 0) {
		fd_close(pair[0]);
		return err_set(e, ERR_SYSTEM, errno, "starting the container");
	}
	loop_unwatch(&c->shim);
	fd_close(steal_fd(&c->shim.fd));
	fd_close(steal_fd(&c->init_pidfd));
	c->phase = CONTAINER_STARTING;
	c->shim_pid = pid;
	c->start_flags = s->plan.start_flags;
	c->ask = *a;
	c->report = (struct watch){ pair[0], on_report };
	(void)loop_watch(&c->report, EPOLLIN);
	container_watch_shim(c, pidfd);
	return OP_LATER;
}

int container_start(const struct ask *a, struct wire_msg *m, struct keeper_reply *reply)
{
	const struct keeper_start *q = (const void *)m->body;
	struct starter s = { .keeper = getpid(), .old_shim = -1 };
	char hex[DIGEST_HEX + 1];
	int r = container_get(&q->id, &s.c, &reply->err);

	if (r < 0)
		return r;
	if (s.c->removing || s.c->phase == CONTAINER_STARTING || s.c->phase == CONTAINER_FAILED ||
		container_init_alive(s.c))
		return err_set(&reply->err, ERR_CONFLICT, 0, "container %s is already running",
			digest_hex(&q->id, hex));
	if (s.c->phase == CONTAINER_RUNNING)
		s.old_shim = s.c->shim.fd;
	s.plan.container_dir = -EBADF;
	r = make_plan(s.c, m, &s.plan, &reply->err);
	if (r == 0)
		r = launch(&s, a, &reply->err);
	fd_close(s.plan.container_dir);
	return r;
}

/* ---- exec ------------------------------------------------------------------------------------ */

/* In the host's user namespace, or with every capability, the caller must be allowed what the
 * process will have: the grant may be older than the floor, and is not for --privileged at all. */
static int check_entry(const struct keeper_exec *q, const struct container *c, uint32_t cls,
	uint32_t uid, struct err *e)
{
	static struct keeper_create as;

	as = grant.create;
	if (c->id_base && !(q->flags & KEEPER_EXEC_PRIVILEGED))
		return 0;
	if (c->id_base == 0)
		as.userns = KEEPER_NS_HOST;
	if (q->flags & KEEPER_EXEC_PRIVILEGED)
		as.caps = FLOOR_CAPS_ALL;
	return floor_check(&state.floor, cls, uid, &as, 0, e);
}

static int check_exec(const struct keeper_exec *q, const struct container *c, struct err *e)
{
	const struct client *who = door_client(q->client);
	bool remote = q->client == KEEPER_HANDLE_REMOTE && state.tcp;

	if (q->client == 0 && !(q->flags & KEEPER_EXEC_PRIVILEGED))
		return 0; /* a health check: no more rights than the container has */
	if (!who && !remote)
		return err_set(e, ERR_DENIED, 0,
			"the connection that asked has ended, and its rights with it");
	if (remote ? c->owner != KEEPER_OWNER_REMOTE
		   : who->cls != KEEPER_CLASS_ROOT && who->uid != c->owner)
		return err_set(e, ERR_DENIED, 0, "the container belongs to somebody else");
	return check_entry(
		q, c, remote ? KEEPER_CLASS_REMOTE : who->cls, remote ? c->owner : who->uid, e);
}

static int fork_guardian(const struct container *c, const struct keeper_exec *q,
	const struct wire_msg *m, struct err *e)
{
	struct runtime_exec_plan p = { .grant = &grant.create,
		.flags = q->flags,
		.spec = m->fds[0],
		.report = m->fds[1],
		.stdio = { -1, -1, -1 },
		.init_pidfd = c->init_pidfd,
		.init_pid = c->init,
		.id_base = c->id_base };
	int keep[6] = { p.spec, p.report, p.init_pidfd };
	unsigned n = 3;
	pid_t pid;

	for (unsigned i = 2; i < m->nfds; i++)
		keep[n++] = p.stdio[i - 2] = m->fds[i];
	pid = loop_fork(keep, n);
	if (pid == 0)
		runtime_exec(&p);
	return pid < 0 ? err_set(e, ERR_SYSTEM, errno, "starting the guardian of an exec") : 0;
}

int container_exec(const struct ask *a, struct wire_msg *m, struct keeper_reply *reply)
{
	const struct keeper_exec *q = (const void *)m->body;
	char hex[DIGEST_HEX + 1];
	struct container *c;
	int r = container_get(&q->id, &c, &reply->err);

	(void)a;
	if (r < 0)
		return r;
	if (!container_init_alive(c))
		return err_set(&reply->err, ERR_CONFLICT, 0, "container %s is not running",
			digest_hex(&q->id, hex));
	r = container_grant(&c->id, &grant, &reply->err);
	if (r == 0)
		r = check_exec(q, c, &reply->err);
	if (r < 0)
		return r;
	if (!good_spec(m->fds[0]))
		return bad_descriptor(&reply->err, "sealed specification");
	if (!socket_is(m->fds[1], SO_TYPE, SOCK_SEQPACKET))
		return bad_descriptor(&reply->err, "report socket");
	return fork_guardian(c, q, m, &reply->err);
}
