#include "account.h"
#include "say.h"
#include "state.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define BACKLOG	   512
#define GROUPS_MAX 1024

/* A socket we listen on. */
struct door {
	struct watch listener;
	const char *path; /* unix: to remove at the end; NULL: TCP, the engine accepts */
	ino_t inode;	  /* of path as we made it */
	uint16_t port;
};
static struct door doors[OPTIONS_HOSTS_MAX];
static unsigned ndoors;
static bool accepting, full;
static uint64_t generation;

/* ---- clients --------------------------------------------------------------------------------- */

static void set_accepting(void)
{
	uint32_t events = accepting && !full ? EPOLLIN : 0;

	for (unsigned i = 0; i < ndoors; i++)
		if (doors[i].path)
			(void)loop_change(&doors[i].listener, events);
}

static void client_end(struct client *c)
{
	loop_unwatch(&c->conn);
	fd_close(steal_fd(&c->conn.fd));
	c->handle = 0;
	if (full) {
		full = false;
		set_accepting();
	}
}

/* Only EPOLLHUP comes here: both directions are shut, by the client's end or by the engine's
 * shutdown().  A client that half-closes (docker attach) keeps its handle. */
static void on_client(struct watch *w, uint32_t events)
{
	(void)events;
	client_end((struct client *)((char *)w - offsetof(struct client, conn)));
}

static uint32_t classify(int fd, const struct ucred *cred)
{
	uint32_t gids[GROUPS_MAX];
	socklen_t n = sizeof(gids);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, gids, &n) < 0)
		n = 0;
	return floor_is_admin(&state.floor, cred->uid, gids, n / sizeof(*gids))
		       ? KEEPER_CLASS_ROOT
		       : KEEPER_CLASS_MEMBER;
}

static struct client *client_room(uint64_t *ret_handle)
{
	for (uint64_t i = 0; i < STATE_CLIENTS_MAX; i++) {
		if (state.clients[i].handle)
			continue;
		*ret_handle = ++generation * STATE_CLIENTS_MAX + i;
		return &state.clients[i];
	}
	return NULL;
}

/* One user leaves room for the others. */
static bool too_many(uint32_t uid, uint32_t cls)
{
	unsigned n = 0;

	for (size_t i = 0; i < STATE_CLIENTS_MAX; i++)
		n += state.clients[i].handle && state.clients[i].uid == uid;
	return cls != KEEPER_CLASS_ROOT && n >= STATE_CLIENTS_OF_ONE;
}

/* Takes fd: to the engine it goes, with what we read about its peer. */
static void client_new(int fd)
{
	auto_close int conn = fd;
	struct ucred cred;
	socklen_t n = sizeof(cred);
	uint64_t handle = 0;
	struct client *c = client_room(&handle);
	struct keeper_client m;
	uint32_t cls;

	if (!c || getsockopt(conn, SOL_SOCKET, SO_PEERCRED, &cred, &n) < 0)
		return;
	cls = classify(conn, &cred);
	if (too_many(cred.uid, cls)) {
		say(SAY_WARNING, "too many connections of one user", "uid=%u", cred.uid);
		return;
	}
	*c = (struct client){ .handle = handle,
		.uid = cred.uid,
		.gid = cred.gid,
		.pid = (uint32_t)cred.pid,
		.cls = cls,
		.conn = { conn, on_client } };
	m = (struct keeper_client){ handle, c->uid, c->gid, c->pid, c->cls };
	if (loop_watch(&c->conn, 0) < 0) {
		c->handle = 0;
		return;
	}
	(void)steal_fd(&conn);
	say(SAY_DEBUG, "client", "uid=%u pid=%u class=%u", c->uid, c->pid, c->cls);
	if (engine_send(KEEPER_CLIENT, &m, sizeof(m), &c->conn.fd, 1) < 0)
		client_end(c);
}

static void on_connect(struct watch *w, uint32_t events)
{
	int fd = accept4(w->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	bool room = false;

	(void)events;
	if (fd >= 0)
		client_new(fd);
	for (size_t i = 0; i < STATE_CLIENTS_MAX && !room; i++)
		room = !state.clients[i].handle;
	/* Out of entries or descriptors: the others wait in the queue until a client ends. */
	if (!room || (fd < 0 && (errno == EMFILE || errno == ENFILE))) {
		say(SAY_WARNING, "too many clients; new ones wait", "%s", "");
		full = true;
		set_accepting();
	}
}

const struct client *door_client(uint64_t handle)
{
	const struct client *c = &state.clients[handle % STATE_CLIENTS_MAX];

	return handle && c->handle == handle ? c : NULL;
}

void door_forget_clients(void)
{
	for (size_t i = 0; i < STATE_CLIENTS_MAX; i++) {
		if (!state.clients[i].handle)
			continue;
		(void)shutdown(state.clients[i].conn.fd, SHUT_RDWR);
		client_end(&state.clients[i]);
	}
}

void door_accept(bool on)
{
	accepting = on;
	set_accepting();
}

/* ---- sockets --------------------------------------------------------------------------------- */

static int socket_gid(gid_t *ret, bool *ret_any, struct err *e)
{
	auto_buf struct buf group = BUF(ACCOUNT_TEXT_MAX);
	struct str name = str_of(state.opt.group);
	uint32_t gid;

	*ret_any = num_u32(name, UINT32_MAX - 1, &gid);
	if (!*ret_any && account_read("/etc/group", &group) == 0)
		*ret_any = account_group(buf_view(&group), name, &gid);
	if (*ret_any)
		*ret = gid;
	else if (state.opt.group_given)
		return err_set(e, ERR_NOT_FOUND, 0,
			"--group \"%s\": no such group; make it with groupadd, or give another",
			state.opt.group);
	return 0;
}

/* A socket that nobody serves is removed; one in use, or another kind of file, stays. */
static int remove_stale(const struct sockaddr_un *a, struct err *e)
{
	auto_close int fd = -EBADF;
	struct stat st;

	if (lstat(a->sun_path, &st) < 0)
		return errno == ENOENT
			       ? 0
			       : err_set(e, ERR_SYSTEM, errno, "looking at \"%s\"", a->sun_path);
	if (!S_ISSOCK(st.st_mode))
		return err_set(e, ERR_CONFLICT, 0, "\"%s\" exists and is no socket; remove it",
			a->sun_path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (connect(fd, (const struct sockaddr *)a, sizeof(*a)) == 0 || errno != ECONNREFUSED)
		return err_set(e, ERR_CONFLICT, 0,
			"\"%s\" is served by another program; give another --host", a->sun_path);
	return unlink(a->sun_path) < 0
		       ? err_set(e, ERR_SYSTEM, errno, "removing \"%s\"", a->sun_path)
		       : 0;
}

static int open_unix(struct door *d, const char *path, struct err *e)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool group = false;
	struct stat st;
	gid_t gid = 0;
	mode_t mask;
	int r;

	if (!str_copy(a.sun_path, sizeof(a.sun_path), str_of(path)))
		return err_set(e, ERR_INVALID, 0, "\"%s\" is too long for a socket", path);
	r = socket_gid(&gid, &group, e);
	if (r == 0)
		r = remove_stale(&a, e);
	if (r < 0)
		return r;
	mask = umask(0177);
	r = bind(fd, (const struct sockaddr *)&a, sizeof(a)) < 0 ? -errno : 0;
	(void)umask(mask);
	if (r < 0)
		return err_set(e, ERR_SYSTEM, -r, "making the socket \"%s\"", path);
	if (lchown(path, 0, gid) < 0 || chmod(path, group ? 0660 : 0600) < 0 ||
		lstat(path, &st) < 0 || listen(fd, BACKLOG) < 0)
		return err_set(e, ERR_SYSTEM, errno, "opening the socket \"%s\"", path);
	*d = (struct door){ { steal_fd(&fd), on_connect }, path, st.st_ino, 0 };
	return loop_watch(&d->listener, 0);
}

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* ADDRESS:PORT or [ADDRESS]:PORT, numeric: a static root program asks no name service. */
static bool parse_address(struct str s, union address *ret, socklen_t *ret_n, uint32_t *ret_port)
{
	struct str host = s, port;
	char text[64];

	if (s.n && s.p[0] == '[') {
		port = (struct str){ s.p + 1, s.n - 1 };
		host = str_cut(&port, ']');
		if (port.n == 0 || port.p[0] != ':')
			return false;
		port = (struct str){ port.p + 1, port.n - 1 };
	} else {
		port = s;
		host = str_cut(&port, ':');
	}
	if (str_eq(host, STR("localhost")))
		host = STR("127.0.0.1");
	if (host.n == 0)
		host = STR("0.0.0.0");
	if (!port.p || !num_u32(port, 65535, ret_port) || !str_copy(text, sizeof(text), host))
		return false;
	*ret = (union address){ 0 };
	if (inet_pton(AF_INET, text, &ret->v4.sin_addr) == 1) {
		ret->v4.sin_family = AF_INET;
		ret->v4.sin_port = htons((uint16_t)*ret_port);
		*ret_n = sizeof(ret->v4);
		return true;
	}
	ret->v6.sin6_family = AF_INET6;
	ret->v6.sin6_port = htons((uint16_t)*ret_port);
	*ret_n = sizeof(ret->v6);
	return inet_pton(AF_INET6, text, &ret->v6.sin6_addr) == 1;
}

static int open_tcp(struct door *d, const char *text, struct err *e)
{
	auto_close int fd = -EBADF;
	union address a;
	uint32_t port = 0;
	socklen_t n = 0;
	int on = 1;

	if (!parse_address(str_of(text), &a, &n, &port))
		return err_set(e, ERR_INVALID, 0,
			"tcp://%s: give a numeric address and a port, like tcp://127.0.0.1:2376",
			text);
	fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
		bind(fd, &a.any, n) < 0 || listen(fd, BACKLOG) < 0)
		return err_set(e, ERR_SYSTEM, errno, "listening on tcp://%s", text);
	*d = (struct door){ { steal_fd(&fd), NULL }, NULL, 0, (uint16_t)port };
	state.tcp = true;
	return 0;
}

int door_open(struct err *e)
{
	int r = 0;

	generation = clock_wall_ns() >> 20; /* handles of an earlier keeper never fit */
	for (unsigned i = 0; r == 0 && i < state.opt.nhosts; i++) {
		const char *host = state.opt.hosts[i];
		struct door *d = &doors[ndoors];

		if (str_starts(str_of(host), STR("unix://")))
			r = open_unix(d, host + strlen("unix://"), e);
		else
			r = open_tcp(d, host + strlen("tcp://"), e);
		if (r == 0) {
			ndoors++;
			say(SAY_INFO, "listening", "host=%s", host);
		}
	}
	return r;
}

int door_send_listeners(void)
{
	int r = 0;

	for (unsigned i = 0; r == 0 && i < ndoors; i++) {
		struct keeper_listener m = { .port = doors[i].port };

		if (!doors[i].path)
			r = engine_send(KEEPER_LISTENER, &m, sizeof(m), &doors[i].listener.fd, 1);
	}
	return r;
}

void door_close(void)
{
	for (unsigned i = 0; i < ndoors; i++) {
		struct stat st;
		const char *path = doors[i].path;

		if (path)
			loop_unwatch(&doors[i].listener);
		fd_close(steal_fd(&doors[i].listener.fd));
		/* Only what we made: somebody may have replaced it. */
		if (path && lstat(path, &st) == 0 && st.st_ino == doors[i].inode)
			(void)unlink(path);
	}
	ndoors = 0;
}
