/*
 * engine - the pieces of caisson-engine's start: what the keeper sends first (boot.c), opening the
 * stores and recovering containers (open.c), clients and listeners from the keeper (link.c).
 */
#pragma once

#include "api/api.h"
#include "tls/tls.h"

/* What came with KEEPER_BOOT. */
struct boot {
	struct keeper_boot head;
	int state_dir, run_dir;
	struct config config;
	SSL_CTX *tls; /* NULL: no TCP listeners */
};

/* Reads the first message from the keeper at fd. */
int boot_receive(int fd, struct boot *ret, struct err *e);

/* Requests wait in the gate until the engine is open. */
struct link {
	struct engine engine;
	struct boot boot;
	struct http_server *server;
	pthread_mutex_t lock;
	pthread_cond_t opened;
	bool is_open;
};
void link_handle(void *link, struct http_exchange *x); /* http_handler_fn */
void link_notify(void *link, struct wire_msg *m);      /* keeper_notify_fn */
void link_open(struct link *l);			       /* lets requests through */
void NORETURN link_end(struct link *l);		       /* ends the process */

/* Opens state, images and containers below b->state_dir and recovers what runs. */
int engine_open(struct engine *e, const struct boot *b, struct err *err);

/* Says on stderr what happened, one line. */
void say(const char *fmt, ...) PRINTF(1, 2);
