/*
 * err - errors as values.  A failing function returns a negative errno; one whose failure a person
 * will read also fills a caller-owned struct err, passed last.  An err is never touched on success,
 * holds no heap, and can be sent as bytes.
 *
 * Message grammar: one lower-case sentence without a final dot that names the object in quotes,
 * says what was tried and, where the user can act, what to do.  Where docker's users or tools know
 * a message text, ours is the same.
 */
#pragma once

#include <stdint.h>

enum err_kind {
	ERR_NONE = 0,
	ERR_INVALID,	  /* the caller's input is wrong */
	ERR_UNAUTHORIZED, /* who are you */
	ERR_DENIED,	  /* policy or permission says no */
	ERR_NOT_FOUND,
	ERR_CONFLICT,	 /* the object's state does not allow it now */
	ERR_LIMIT,	 /* a size, count or rate limit was hit */
	ERR_UNTRUSTED,	 /* a digest, signature or certificate check failed */
	ERR_CORRUPT,	 /* stored or received data breaks its format */
	ERR_UNSUPPORTED, /* not offered here */
	ERR_UNAVAILABLE, /* a peer or resource is away; a retry may work */
	ERR_SYSTEM,	 /* the kernel refused something it should not */
	ERR_KINDS,
};

#define ERR_MSG_MAX 496

struct err {
	int32_t kind;	       /* enum err_kind */
	int32_t sys;	       /* positive errno, or 0 */
	char msg[ERR_MSG_MAX]; /* one line, no control bytes, always terminated */
};

/* Fills *e (which may be NULL) and returns -sys, or a fitting negative errno when sys is 0.
 * When sys is not 0 and kind is ERR_SYSTEM, ": strerror" is appended. */
int err_set(struct err *e, enum err_kind kind, int sys, const char *fmt, ...) PRINTF(4, 5);
/* Puts "context: " before the message; returns the negative errno that e stands for. */
int err_wrap(struct err *e, const char *fmt, ...) PRINTF(2, 3);
/* The negative errno that e stands for (-EIO if nothing better). */
int err_errno(const struct err *e);
/* HTTP status of a kind (400 for ERR_INVALID and so on): the one table. */
int err_http_status(enum err_kind kind);
/* Makes an err that came from another process safe to use: kind in range, text terminated and
 * without control bytes. */
void err_sanitize(struct err *e);
