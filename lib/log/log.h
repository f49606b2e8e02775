/*
 * log - a container's output on disk: what the shim appends and the engine reads.
 *
 * A file is a sequence of records: struct log_head, then size bytes.  One record is one line (its
 * '\n' included) or, when a line is longer than LOG_LINE_MAX or the process paused in the middle
 * of a tty line, a part of it (LOG_PARTIAL: more follows).  Without a tty stdout and stderr are
 * told apart.  Records are written whole with O_APPEND by one writer; a torn last record (power
 * loss) is recognised by its check word and ignored.  Files are only ever walked from their first
 * record: what looks like a record inside of a line (the container chooses those bytes) is never
 * taken for one, except behind a damaged place, where reading goes on at the next valid head.
 *
 * Rotation: "log" is the newest, "log.1" the one before, and so on.  The engine renames and gives
 * the shim a new descriptor; the shim ends the old file with LOG_ROTATED, so a reader that follows
 * knows when to go on to the next file, and loses nothing.  LOG_EXIT ends the log of one run of the
 * container (a restart goes on in the same file).
 */
#pragma once

#include "base/versions.h"

#define LOG_MAGIC    0x4c6fu
#define LOG_LINE_MAX 16384

enum log_stream { LOG_STDOUT = 1, LOG_STDERR = 2, LOG_EXIT = 3, LOG_ROTATED = 4 };
enum log_flag { LOG_PARTIAL = 1, LOG_KIND = 0x0f }; /* above: the version of the format, less 1 */

struct log_head {
	uint16_t magic;
	uint8_t stream;
	uint8_t flags;
	uint32_t size;	  /* of the bytes that follow, at most LOG_LINE_MAX */
	uint64_t time_ns; /* wall clock */
	uint32_t check;	  /* log_check(): over the other fields, not the bytes */
	int32_t status;	  /* LOG_EXIT: exit code; else 0 */
};

uint32_t log_check(const struct log_head *h);
/* A complete head, check word included; size and status as above. */
struct log_head log_head_make(
	enum log_stream stream, unsigned flags, uint32_t size, uint64_t time_ns, int32_t status);
/* Pure: finds one record at the front of n bytes.  Returns its whole length and fills *ret and
 * *ret_text; 0 when more bytes are needed; -EBADMSG when this is not a record. */
ssize_t log_parse(const void *p, size_t n, struct log_head *ret, struct str *ret_text);
/* Pure: after a -EBADMSG at p, the distance (> 0) to the next place where a record may begin: a
 * whole valid head, or too few bytes left to tell.  n when there is none. */
size_t log_resync(const void *p, size_t n);

/* ---- reading, engine side (read.c): rotation and following included -------------------------- */
struct log_query {
	bool stdout_on, stderr_on;
	bool follow;
	uint64_t since_ns, until_ns; /* 0: none */
	int64_t tail;		     /* lines; -1: all */
	/* Called with emit's arg while following, when all there is was emitted and the reader is
	 * about to wait: who batches sends now.  A negative return ends the reading.  NULL: none.
	 */
	int (*pause)(void *arg);
};
/* Called for each record in order; a negative return ends the reading with it. */
typedef int log_emit_fn(void *arg, const struct log_head *h, struct str text);
/* Asked while following at the end of the data: true when the container is not running and
 * nothing more can come. */
typedef bool log_ended_fn(void *arg);

/* Reads the log in directory dir ("log", "log.1" ...).  cancel_fd (or -1) becoming readable or
 * hung up ends a follow.  0 or what emit returned or negative errno. */
int log_read(int dir, const struct log_query *q, log_emit_fn *emit, log_ended_fn *ended, void *arg,
	int cancel_fd, struct err *e);
/* Opens "log" for appending in dir, creating it (0600), and cuts off a torn last record.  Only when
 * no shim writes to it.  Gives the descriptor. */
int log_open(int dir, struct err *e);
/* Renames log -> log.1 -> ... keeping at most files, and opens a new "log".  Gives it. */
int log_rotate(int dir, unsigned files, struct err *e);
/* The last LOG_EXIT record, if the log ends with one: 1 and code and time, 0 none,
 * negative errno. */
int log_last_exit(int dir, int *ret_code, uint64_t *ret_time_ns);
