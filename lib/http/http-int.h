/*
 * http-int - what the files of lib/http share: the pure pieces (chunk decoding, decoding of
 * targets), the connection as a byte transport (plain or TLS), and the exchange.
 *
 * Ownership of a connection: exactly one thread has it, from the moment its epoll event (one-shot)
 * is taken until it is armed again or closed.  Others (the sweep of deadlines, stop) may only
 * shutdown() its socket while they hold the server's lock; its owner then sees the end of file.
 */
#pragma once

#include "http/http.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/uio.h>

#define HTTP_TIMEOUT_MS	  30000
#define HTTP_LINGER_MS	  5000
#define HTTP_DRAIN_MAX	  (256u << 10)
#define HTTP_EXTRA_MAX	  8192
#define HTTP_SCRATCH	  (HTTP_HEAD_MAX + 16384)
#define HTTP_PARAMS_MAX	  1024
#define HTTP_CHUNK_LINE	  256
#define HTTP_TRAILER_MAX  8192
#define HTTP_RELAY_BUFFER 65536
#define HTTP_CONNS_MAX	  4096
#define HTTP_HANDSHAKES	  256
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HTTP_STACK (2u << 20)
#else
#define HTTP_STACK (256u << 10)
#endif
#define HTTP_WORKER_IDLE_MS 10000

/* ---- pure: chunked coding (RFC 9112, 7.1) ---------------------------------------------------- */
enum http_chunk_state {
	CHUNK_SIZE,
	CHUNK_EXTENSION,
	CHUNK_SIZE_LF,
	CHUNK_DATA,
	CHUNK_DATA_CR,
	CHUNK_DATA_LF,
	CHUNK_TRAILER,
	CHUNK_TRAILER_LINE,
	CHUNK_TRAILER_LF,
	CHUNK_LAST_LF,
	CHUNK_END,
};
struct http_chunk {
	enum http_chunk_state state;
	unsigned line; /* bytes of the current size line, or of all trailers */
	unsigned digits;
	uint64_t left; /* of the current chunk */
};
/* Consumes framing bytes until data is next (state CHUNK_DATA: left > 0), the end, or the input's
 * end.  The count, or -EBADMSG. */
ssize_t http_chunk_frame(struct http_chunk *c, const char *p, size_t n);

/* ---- pure: targets --------------------------------------------------------------------------- */
struct http_param {
	const char *name, *value;
};
/* Decodes %XX into out (as large as s, plus NUL); plus: '+' is a blank.  -EBADMSG for a broken
 * escape or %00. */
ssize_t http_decode(struct str s, bool plus, char *out);
/* 0, or -EBADMSG for a path without leading '/', with "//" or with dot segments. */
int http_path_check(const char *path);

/* ---- a connection ---------------------------------------------------------------------------- */
enum http_conn_state { CONN_HANDSHAKE, CONN_HEAD, CONN_LINGER };

/* What an epoll event points to. */
struct http_source {
	enum { SOURCE_WAKE, SOURCE_LISTENER, SOURCE_CONN } kind;
};

struct http_conn {
	struct http_source source;
	int fd;
	SSL *ssl;    /* NULL: plain */
	short want;  /* TLS: what poll must wait for before the last operation is tried again */
	bool broken; /* TLS failed for good: no close_notify */
	bool ended;  /* http_conn_end() was called */
	bool parked; /* no thread has it; guarded by the server's lock */
	enum http_conn_state state;
	struct http_peer peer;
	char *saved; /* bytes of a head that is not complete, while parked */
	size_t saved_n;
	_Atomic uint64_t deadline_ns; /* monotonic; 0: none */
	struct http_conn *next, *prev;
};

/* One attempt: a count, 0 at the end of file (reading), -EAGAIN, or a real error. */
ssize_t http_conn_try_read(struct http_conn *c, void *p, size_t n);
ssize_t http_conn_try_write(struct http_conn *c, const struct iovec *iov, int count);
/* Bytes that are already here and that poll() cannot see. */
bool http_conn_pending(const struct http_conn *c);
/* With waiting; timeout_ms < 0: for ever.  Writing writes all. */
ssize_t http_conn_read(struct http_conn *c, void *p, size_t n, int timeout_ms);
int http_conn_write(struct http_conn *c, struct iovec *iov, int count, int timeout_ms);
/* Tells the peer that nothing more will come. */
void http_conn_end(struct http_conn *c, int timeout_ms);
void http_conn_free(struct http_conn *c);

/* ---- an exchange ----------------------------------------------------------------------------- */
enum http_body { BODY_NONE, BODY_LENGTH, BODY_CHUNKED };

struct http_exchange {
	struct http_conn *conn;
	const struct http_server_options *options;
	struct http_head head;
	/* The bytes read: the head, up to head_end (the views of `head` point there), and what came
	 * after it and is not used yet, in[in_off..in_n): body bytes, or the next request. */
	char *in;
	size_t head_end, in_off, in_n, in_cap;
	/* The decoded path and parameters, one allocation. */
	char *path;
	struct http_param *params;
	unsigned nparams;

	enum http_body body;
	uint64_t body_left;
	struct http_chunk chunk;
	bool body_begun, body_ended;
	int body_error;

	bool replied, streaming, chunked, no_body, hijacked;
	bool close;  /* the connection ends with this exchange */
	bool failed; /* a write failed: the client is gone */
	bool extra_bad;
	size_t extra_n;
	char extra[HTTP_EXTRA_MAX];
};

/* Prepares x for the head that lies in x->in; 0 or an HTTP status to refuse it with. */
int http_exchange_begin(struct http_exchange *x);
void http_exchange_done(struct http_exchange *x);
/* Reads what is left of the body; false when it is too much. */
bool http_body_drain(struct http_exchange *x);
/* The bytes after the head that the body has not taken; for the relay. */
struct str http_body_rest(struct http_exchange *x);
