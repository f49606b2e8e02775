/*
 * What a peer that does not read has not had when the container is over.  It is put aside, so that
 * the log and the news of the exit do not wait for that peer, and brought to it by a process that
 * holds nothing else and that nobody waits for.
 */
#include <signal.h>
#include <sys/mman.h>

#include "shim-int.h"

/* Both pipes as large as a container can make them (fs.pipe-max-size, 1 MiB), with heads; only what
 * is used costs memory. */
#define REST_MAX (4u << 20)

/* Above every descriptor the shim can have: two for each peer, and the fixed ones. */
#define FDS_MAX 128

struct rest_head {
	uint32_t which, len;
};

static bool room_for(struct rest *r, uint32_t n)
{
	void *p;

	if (!r->bytes) {
		p = mmap(NULL, REST_MAX, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (p == MAP_FAILED)
			return false;
		r->bytes = p;
	}
	return n <= REST_MAX - r->used;
}

bool rest_add(struct shim *s)
{
	const struct stream *st = &s->stream[s->chunk_stream];
	struct rest_head h = { s->chunk_stream, s->chunk_len };
	struct rest *r = &s->rest;

	if (!room_for(r, sizeof(h) + h.len))
		return false;
	for (struct conn *c = s->conn; c < s->conn + CONNS_MAX; c++) {
		if (!conn_live(c) || c->behind || !chunk_due(s, c))
			continue;
		c->behind = true;
		c->at = r->used; /* and c->sent bytes of it are there already */
	}
	memcpy(r->bytes + r->used, &h, sizeof(h));
	memcpy(r->bytes + r->used + sizeof(h), st->text + s->chunk_at, h.len);
	r->used += (uint32_t)sizeof(h) + h.len;
	return true;
}

bool rest_owed(const struct shim *s)
{
	for (const struct conn *c = s->conn; c < s->conn + CONNS_MAX; c++)
		if (conn_live(c) && c->behind)
			return true;
	return false;
}

/* Sends what the socket takes; false when the peer is gone. */
static bool rest_send(const struct shim *s, struct conn *c)
{
	struct rest_head h;

	for (; c->at < s->rest.used; c->at += (uint32_t)sizeof(h) + h.len) {
		memcpy(&h, s->rest.bytes + c->at, sizeof(h));
		if (!conn_wants(c, h.which))
			continue;
		if (!frame_send(s, c, h.which, s->rest.bytes + c->at + sizeof(h), h.len))
			return false;
		if (c->sent < frame_size(s, h.len))
			return true;
		c->sent = 0;
	}
	c->behind = false;
	c->sent = 0; /* of the chunk under way, if there was no room to keep it */
	return true;
}

void rest_push(struct shim *s)
{
	for (struct conn *c = s->conn; c < s->conn + CONNS_MAX; c++)
		if (conn_live(c) && c->behind && !rest_send(s, c))
			conn_drop(s, c);
	if (s->rest.bytes && !rest_owed(s)) {
		(void)munmap(s->rest.bytes, REST_MAX);
		s->rest = (struct rest){ 0 };
	}
}

void term_let(bool through)
{
	sigset_t term;

	(void)sigemptyset(&term);
	(void)sigaddset(&term, SIGTERM);
	(void)sigprocmask(through ? SIG_UNBLOCK : SIG_BLOCK, &term, NULL);
}

/* ---- the process that stays for them --------------------------------------------------------- */

static bool fd_needed(const struct shim *s, int fd)
{
	/* Our uid comes from the range: nobody else may get it while we live. */
	if (fd < SHIM_FD_LISTEN || fd == s->claim)
		return true;
	for (const struct conn *c = s->conn; c < s->conn + CONNS_MAX; c++)
		if (c->fd == fd && c->behind)
			return true;
	return false;
}

static void NORETURN rest_serve(struct shim *s)
{
	struct pollfd p[CONNS_MAX];

	for (int fd = 0; fd < FDS_MAX; fd++)
		if (!fd_needed(s, fd))
			(void)close(fd);
	s->input = -EBADF; /* that was closed: dropping a peer touches it no more */
	for (unsigned i = 0; i < CONNS_MAX; i++)
		if (!s->conn[i].behind)
			s->conn[i] = (struct conn){ .fd = -EBADF, .passed = -EBADF };
		else
			s->conn[i].passed = -EBADF;
	term_let(true);
	for (rest_push(s); rest_owed(s); rest_push(s)) {
		for (unsigned i = 0; i < CONNS_MAX; i++) {
			if (!s->conn[i].behind && s->conn[i].fd >= 0)
				conn_drop(s, &s->conn[i]); /* has everything */
			p[i] = (struct pollfd){ s->conn[i].fd, POLLOUT, 0 };
		}
		if (poll(p, CONNS_MAX, -1) < 0 && errno != EINTR)
			break;
		for (unsigned i = 0; i < CONNS_MAX; i++)
			if (p[i].fd >= 0 && p[i].revents & (POLLHUP | POLLERR | POLLNVAL))
				conn_drop(s, &s->conn[i]);
	}
	_exit(0);
}

bool rest_hand_over(struct shim *s)
{
	pid_t pid;

	if (!rest_owed(s))
		return true;
	pid = fork();
	if (pid == 0)
		rest_serve(s);
	return pid > 0;
}
