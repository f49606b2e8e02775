#include "http/server-int.h"

#include "tls/tls.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/socket.h>

static void set_tcp(int fd)
{
	int on = 1;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
}

static struct http_conn *conn_new(int fd, enum http_conn_state state)
{
	struct http_conn *c = xcalloc(1, sizeof(*c));

	c->source.kind = SOURCE_CONN;
	c->fd = fd;
	c->state = state;
	c->want = POLLIN;
	return c;
}

int http_server_adopt(struct http_server *s, int fd, const struct http_peer *peer)
{
	struct http_conn *c = conn_new(fd, CONN_HEAD);

	c->peer = *peer;
	return http_conn_add(s, c);
}

static void add_tls(struct http_server *s, struct http_listener *l, int fd)
{
	struct http_conn *c = conn_new(fd, CONN_HANDSHAKE);

	set_tcp(fd);
	c->peer.handle = KEEPER_HANDLE_REMOTE;
	c->peer.cls = KEEPER_CLASS_REMOTE;
	c->deadline_ns = clock_mono_ns() + HTTP_TIMEOUT_MS * NS_PER_MS;
	c->ssl = SSL_new(l->ctx);
	if (!c->ssl || SSL_set_fd(c->ssl, fd) != 1) {
		ERR_clear_error();
		http_conn_free(c);
		return;
	}
	SSL_set_accept_state(c->ssl);
	(void)http_conn_add(s, c);
}

static void pause_or_resume(struct http_server *s, struct http_listener *l, bool pause)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLONESHOT, .data.ptr = l };

	pthread_mutex_lock(&s->lock);
	if (s->handshakes >= HTTP_HANDSHAKES)
		pause = true;
	if (pause) {
		l->paused = true;
		s->deadlines = true;
	}
	pthread_mutex_unlock(&s->lock);
	if (!pause)
		(void)epoll_ctl(s->epoll, EPOLL_CTL_MOD, l->fd, &ev);
}

void http_accept(struct http_server *s, struct http_listener *l)
{
	int fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	bool full = fd < 0 &&
		    (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS);

	if (fd >= 0)
		add_tls(s, l, fd);
	pause_or_resume(s, l, full);
}

/* Remote accounts own objects as local users do, so each needs a number of its own: above every
 * uid a host gives out, below the two highest (which mean "nobody" and "all"). */
static uint32_t account_uid(const char *account)
{
	uint32_t n = 0;

	for (int i = 0; i < 8; i++)
		n = n << 4 |
		    (uint32_t)(account[i] <= '9' ? account[i] - '0' : account[i] - 'a' + 10);
	return 0x80000000u | (n & 0x7ffffff0u);
}

static bool identify(struct http_conn *c)
{
	if (tls_peer_account(c->ssl, c->peer.account) < 0)
		return false;
	c->peer.uid = c->peer.gid = account_uid(c->peer.account);
	return true;
}

bool http_handshake(struct http_server *s, struct http_conn *c)
{
	int r, why;

	ERR_clear_error();
	r = SSL_do_handshake(c->ssl);
	why = r == 1 ? SSL_ERROR_NONE : SSL_get_error(c->ssl, r);
	ERR_clear_error();
	if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) {
		http_conn_park(s, c, why == SSL_ERROR_WANT_READ ? EPOLLIN : EPOLLOUT);
		return false;
	}
	if (r != 1 || !identify(c)) {
		c->broken = true;
		http_conn_drop(s, c);
		return false;
	}
	pthread_mutex_lock(&s->lock);
	s->handshakes--;
	c->state = CONN_HEAD;
	pthread_mutex_unlock(&s->lock);
	c->deadline_ns = 0;
	return true;
}
