/*
 * http - HTTP/1.1 (RFC 9112) for the engine: a thin layer on epoll and OpenSSL.
 *
 * Threads: one epoll thread accepts and parks idle connections (no buffer while parked); a request
 * in progress runs on a worker thread with blocking reads and writes, so backpressure is the
 * kernel's.  Workers are started on demand, up to a limit, and end when idle for a while.  A
 * handler may block for as long as it wants (logs -f, events).
 *
 * Limits: head 16 KiB, 100 headers, 30 s for a head and between body bytes of a slow sender
 * (hijacked and streaming replies have none).  Bare LF, duplicate or signed Content-Length, both
 * lengths, obsolete folding, control bytes: 400 and close.  Expect: 100-continue is answered when
 * the handler first reads the body.  Unread body is drained up to a limit, else the connection
 * closes.
 *
 * The head parser (parse.c) is pure: bytes in, struct http_head out; http_fuzz.c feeds it.
 */
#pragma once

#include "keeper/keeper.h"

#include <openssl/types.h>

#define HTTP_HEAD_MAX	 16384
#define HTTP_HEADERS_MAX 100

struct http_header {
	struct str name, value;
};
struct http_head {
	struct str method, target, path, query; /* path still encoded */
	unsigned minor;				/* HTTP/1.minor */
	bool keep_alive, chunked, upgrade_tcp, expect_continue;
	int64_t content_length; /* -1: none given */
	unsigned nheaders;
	struct http_header headers[HTTP_HEADERS_MAX];
};
/* Pure.  The head's length when it is complete, 0 when more bytes are needed, -EBADMSG when
 * malformed, -EMSGSIZE when over a limit.  Views point into p. */
ssize_t http_head_parse(const char *p, size_t n, struct http_head *ret);

/* Who is at the other end. */
struct http_peer {
	uint64_t handle; /* the keeper's handle; KEEPER_HANDLE_REMOTE for TLS clients */
	uint32_t uid, gid, pid;
	uint32_t cls;	  /* enum keeper_class */
	char account[65]; /* TLS: hex sha256 of the client's public key; else "" */
};

/* ---- one request and its answer -------------------------------------------------------------- */
struct http_exchange;

const struct http_head *http_request_head(const struct http_exchange *x);
const struct http_peer *http_request_peer(const struct http_exchange *x);
/* Decoded path ("/v1.50/containers/x/json"); a path with %00, "//" or dot segments was refused. */
const char *http_request_path(const struct http_exchange *x);
/* First header of that name, or a view with p == NULL. */
struct str http_request_header(const struct http_exchange *x, const char *name);
/* Decoded query parameter, or NULL.  Borrowed from x.  Index i of a repeated one. */
const char *http_query(const struct http_exchange *x, const char *name);
const char *http_query_nth(const struct http_exchange *x, const char *name, unsigned i);
/* Docker's rule: "", "0", "no", "false", "none" (any case) and absent are false. */
bool http_query_bool(const struct http_exchange *x, const char *name);

/* Body bytes, decoded: count, 0 at the end, negative errno (-EPIPE: the client went away). */
ssize_t http_body_read(struct http_exchange *x, void *p, size_t n);
/* The whole body into b (whose maximum holds). */
int http_body_all(struct http_exchange *x, struct buf *b, struct err *e);

/* Adds a header to the coming answer.  Values with CR, LF or NUL are refused (BUG). */
void http_header_add(struct http_exchange *x, const char *name, const char *fmt, ...) PRINTF(3, 4);
/* A whole answer.  content_type may be NULL with an empty body.  204 and 304 carry no length. */
int http_reply(struct http_exchange *x, int status, const char *content_type, struct str body);
/* A streamed answer: head at once (chunked, or close-delimited for HTTP/1.0), each write one
 * chunk sent at once, end closes it.  HEAD requests send no body. */
int http_stream_begin(struct http_exchange *x, int status, const char *content_type);
int http_stream_write(struct http_exchange *x, const void *p, size_t n);
int http_stream_end(struct http_exchange *x);
/* True when a reply has been started. */
bool http_replied(const struct http_exchange *x);
/* Becomes readable or hung up when the client goes away; for poll() (events POLLRDHUP). */
int http_client_fd(const struct http_exchange *x);

/* ---- hijack: the raw stream of attach and exec ----------------------------------------------- */
/* Answers 101 UPGRADED (or 200 without Upgrade) and turns the connection into a raw stream. */
int http_hijack(struct http_exchange *x, const char *content_type);
int http_raw_write(struct http_exchange *x, const void *p, size_t n);

/* What the client sends may pass this filter before it goes on (detach keys): it returns how many
 * bytes of p to forward (it may change them, and p has room for HTTP_FILTER_ROOM more, since a
 * filter may have held bytes back), or -ECANCELED to end the relay (detach). */
#define HTTP_FILTER_ROOM 64
typedef ssize_t http_relay_filter(void *arg, char *p, size_t n);

struct http_relay {
	int to;		/* client bytes are written here; -1: read and thrown away */
	bool to_socket; /* end of client stream: shutdown(SHUT_WR), else close(to) */
	/* bytes from here go to the client, framed as docker's stream 1 or 2, or raw (0).
	 * The relay ends when all of them are at their end.  Unused: fd -1. */
	struct {
		int fd;
		uint8_t frame;
	} from[2];
	http_relay_filter *filter;
	void *arg;
	/* When this becomes readable, what the from-side holds at that moment is forwarded and the
	 * relay ends as if the from-side had ended (a process ended, but a child of it keeps the
	 * pipe open).  -1: none.  Borrowed, never read. */
	int stop;
	/* The relay ends with 0 when the client half-closes and its bytes were passed on. */
	bool end_with_client;
};
/* Relays both ways until the from-side ends, the client is gone or the filter ends it.  Half-closes
 * are passed on in both directions, over TLS too.  Takes r->to and r->from (closes them).
 * The connection ends after the handler returns: who sees its end finds what the handler did
 * after the relay.
 * 0 at the from-side's end, -ECANCELED by the filter, -EPIPE when the client went away. */
int http_relay(struct http_exchange *x, struct http_relay *r);

/* ---- server --------------------------------------------------------------------------------- */
struct http_server;
/* Runs on a worker thread; must reply, stream or hijack.  If it does none, 500 is sent. */
typedef void http_handler_fn(void *arg, struct http_exchange *x);

struct http_server_options {
	http_handler_fn *handler;
	void *arg;
	unsigned threads_max;	 /* default 512 */
	const char *server_name; /* "Server:" header of every answer */
};
int http_server_start(const struct http_server_options *o, struct http_server **ret, struct err *e);
/* Takes an accepted connection. */
int http_server_adopt(struct http_server *s, int fd, const struct http_peer *peer);
/* Takes a listening socket; every connection must pass the TLS handshake of ctx (client
 * certificate required there). */
int http_server_listen_tls(struct http_server *s, int fd, SSL_CTX *ctx);
/* Stops accepting, lets running requests end for up to grace_ms, closes the rest. */
void http_server_stop(struct http_server *s, unsigned grace_ms);
