#include "engine.h"

#include <unistd.h>

/* Clients may be there before the containers are: they wait instead of getting half an answer. */
void link_handle(void *arg, struct http_exchange *x)
{
	struct link *l = arg;

	if (!__atomic_load_n(&l->is_open, __ATOMIC_ACQUIRE)) {
		pthread_mutex_lock(&l->lock);
		while (!l->is_open)
			pthread_cond_wait(&l->opened, &l->lock);
		pthread_mutex_unlock(&l->lock);
	}
	api_handle(&l->engine, x);
}

void link_open(struct link *l)
{
	pthread_mutex_lock(&l->lock);
	__atomic_store_n(&l->is_open, true, __ATOMIC_RELEASE);
	pthread_cond_broadcast(&l->opened);
	pthread_mutex_unlock(&l->lock);
}

static void on_client(struct link *l, struct wire_msg *m)
{
	struct keeper_client c;
	struct http_peer peer = { 0 };
	int fd = wire_fd(m, 0);

	if (m->head.size != sizeof(c) || fd < 0) {
		fd_close(fd);
		say("malformed CLIENT from the keeper");
		return;
	}
	memcpy(&c, m->body, sizeof(c));
	peer = (struct http_peer){
		.handle = c.handle, .uid = c.uid, .gid = c.gid, .pid = c.pid, .cls = c.cls
	};
	/* Refused when too many are open: the server has closed it then. */
	(void)http_server_adopt(l->server, fd, &peer);
}

static void on_listener(struct link *l, struct wire_msg *m)
{
	int fd = wire_fd(m, 0), r;

	/* Never without TLS, whatever the keeper was told. */
	if (!l->boot.tls || fd < 0) {
		fd_close(fd);
		say("a TCP listener without TLS settings is not used");
		return;
	}
	r = http_server_listen_tls(l->server, fd, l->boot.tls);
	if (r < 0)
		say("listening on TCP failed: %s", strerror(-r));
}

void link_end(struct link *l)
{
	/* Before that the state may be half open; its log is read by the next start then. */
	if (__atomic_load_n(&l->is_open, __ATOMIC_ACQUIRE))
		state_end(l->engine.state);
	_exit(0);
}

void link_notify(void *arg, struct wire_msg *m)
{
	if (!m)
		link_end(arg);
	else if (m->head.op == KEEPER_CLIENT)
		on_client(arg, m);
	else if (m->head.op == KEEPER_LISTENER)
		on_listener(arg, m);
	else
		say("unknown message %u from the keeper", m->head.op);
}
