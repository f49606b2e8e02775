/*
 * spec - what a container's init needs to know, as typed records in a sealed memfd.
 *
 * The engine writes it (spec_* writer), the keeper passes the descriptor on unread, and the init
 * process of the container reads it after it has entered its namespaces and lost every right
 * outside: whatever a lying engine writes here can hurt only that container.
 *
 * Format: struct spec_head, then records { uint16 type, uint16 zero, uint32 size, bytes, padded
 * with zeros to 4 }.  Strings carry no NUL.  Unknown types are refused.  At most SPEC_MAX bytes.
 */
#pragma once

#include "base/versions.h"

#define SPEC_MAGIC 0x43735370u
#define SPEC_MAX   (4u << 20)

struct spec_head {
	uint32_t magic;
	uint32_t version;
	uint32_t size; /* of everything, head included */
	uint32_t records;
};

enum spec_type {
	SPEC_ARG = 1, /* string, one per argument, in order; the first is the program */
	SPEC_ENV,     /* "NAME=value", one each, in order */
	SPEC_CWD,     /* absolute path inside; created when missing (start, not exec) */
	SPEC_USER,    /* docker's form: "", "name", "uid", "name:group", "uid:gid"; resolved inside
		       * the image with bounded readers; HOME is added to the environment if unset */
	SPEC_GROUP_ADD, /* one more supplementary group, name or number */
	SPEC_HOSTNAME,
	SPEC_DOMAINNAME,
	SPEC_FILE,     /* path NUL content: a file of ours over /etc/hosts and the like, writable */
	SPEC_TMPFS,    /* target NUL options ("rw,noexec,size=64m"), docker's --tmpfs syntax */
	SPEC_SHM_SIZE, /* uint64 bytes of /dev/shm; 0: none is mounted */
	SPEC_RLIMIT,   /* struct spec_rlimit */
	SPEC_SYSCTL,   /* "net.x.y=value", namespaced keys only */
	SPEC_MASK,     /* path to hide */
	SPEC_READONLY, /* path to make read-only */
	SPEC_SECCOMP,  /* array of struct sock_filter, used when the grant says CUSTOM */
	SPEC_INIT,     /* empty: run our reaper as process 1 (docker's --init) */
	SPEC_UMASK,    /* uint32 */
	SPEC_CAPS,     /* uint64 bounding set, cut by the grant; exec: the container's own */
	SPEC_CONSOLE,  /* uint32 rows, uint32 columns: initial window size */
};

struct spec_rlimit {
	uint32_t resource; /* RLIMIT_* */
	uint32_t pad;
	uint64_t soft, hard; /* UINT64_MAX: unlimited */
};

/* ---- writer -------------------------------------------------------------------------------- */
struct spec_writer {
	struct buf b;
	uint32_t records;
};
void spec_init(struct spec_writer *w);
void spec_done(struct spec_writer *w);
/* Errors (too large) are sticky and reported by spec_seal(). */
void spec_add(struct spec_writer *w, enum spec_type type, const void *p, size_t n);
void spec_add_str(struct spec_writer *w, enum spec_type type, const char *z);
/* Gives a sealed (write, grow, shrink, seal) memfd or negative errno. */
int spec_seal(struct spec_writer *w, struct err *e);

/* ---- reader: pure, over mapped bytes ------------------------------------------------------- */
struct spec_reader {
	const uint8_t *p, *end;
	uint32_t left;
};
struct spec_record {
	enum spec_type type;
	struct str data;
};
/* -EBADMSG unless the head is right and size is exactly n. */
int spec_open(const void *p, size_t n, struct spec_reader *ret);
/* 1 and a record, 0 at the end, -EBADMSG. */
int spec_next(struct spec_reader *r, struct spec_record *ret);
