/*
 * server-int - the server's table of connections and its threads.
 *
 * Every thread waits in epoll_wait() of the same epoll set (exclusive wake-up, one event each) and
 * then serves what it got, so a request needs no hand-over between threads.  Whoever takes an event
 * makes sure that somebody is left waiting.  Surplus waiters end.
 */
#pragma once

#include "http/http-int.h"

struct http_listener {
	struct http_source source;
	int fd;
	SSL_CTX *ctx;
	bool paused; /* out of descriptors, or too many handshakes: the sweep tries again */
	struct http_listener *next;
};

struct http_server {
	struct http_server_options options;
	int epoll;
	int wake;
	struct http_source wake_source;
	struct http_listener *listeners;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	/* under lock */
	struct http_conn *conns;
	unsigned nconns, handshakes;
	unsigned threads, waiting, member_requests;
	uint64_t next_sweep_ns;
	bool deadlines; /* somebody has one: look every second */
	bool stopping;	/* no new requests */
	bool quit;	/* threads end */
};

/* A thread's own memory: scratch for heads, and the exchange. */
struct http_worker {
	struct http_server *server;
	struct http_exchange x;
	char scratch[HTTP_SCRATCH];
};

/* table.c */
int http_conn_add(struct http_server *s, struct http_conn *c); /* takes c */
/* Gives the connection back to epoll; saved bytes and deadline are set before. */
void http_conn_park(struct http_server *s, struct http_conn *c, uint32_t events);
void http_conn_taken(struct http_server *s, struct http_conn *c);
void http_conn_drop(struct http_server *s, struct http_conn *c);
/* Called with the lock held. */
void http_sweep(struct http_server *s, uint64_t now_ns);

/* accept.c */
void http_accept(struct http_server *s, struct http_listener *l);
/* True when it is done; else the connection is parked or gone. */
bool http_handshake(struct http_server *s, struct http_conn *c);

/* serve.c */
void http_serve(struct http_worker *w, struct http_conn *c);

/* worker.c */
int http_worker_start(struct http_server *s); /* called with the lock held */
