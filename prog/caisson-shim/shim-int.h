/*
 * shim-int - the parts of caisson-shim.
 *
 * One struct shim, one thread, no heap: everything that grows has a place below (rest.c's pages
 * exist only after the container's end).  Bytes are read from the container into the stream's own
 * buffer, sent to the attached peers from there and written to the log from there.  One chunk is
 * under way at a time: until every peer has it, no more output is read, which is how a slow reader
 * slows the container down instead of losing bytes.  After the container's end who is slow gets the
 * rest on its own (rest.c).
 */
#pragma once

#include <poll.h>

#include "log/log.h"
#include "shim/shim.h"

#define CONNS_MAX  32
#define READ_SIZE  8192u /* at once: only long lines touch the rest of a stream's buffer */
#define BATCH_SIZE 8192
#define STDIN_SIZE 4096
/* After init's end peers have this long to take what is left before it is put aside for them. */
#define LATE_NS (500 * NS_PER_MS)

enum { OUT, ERR, STREAMS };

/* A line that was begun and the newest chunk behind it. */
struct stream {
	int fd;		 /* -EBADF: ended */
	bool idle;	 /* tty without an open slave: not polled for a while */
	uint32_t n;	 /* bytes in text */
	uint32_t logged; /* of these, while a chunk is under way */
	char *text;	 /* LOG_LINE_MAX bytes */
};

struct conn {
	int fd;
	uint8_t kind;  /* enum shim_kind; 0: hello not complete */
	uint8_t flags; /* enum shim_attach_flag */
	uint8_t have;  /* bytes in `in` */
	bool stdin_over;
	bool behind; /* gets its output from the rest, from `at` on */
	uint32_t at;
	int passed;    /* a descriptor that came with a record, or -EBADF */
	uint32_t sent; /* bytes of the present frame: the chunk's, or that at `at` */
	union {
		struct shim_hello hello;
		struct shim_record record;
		char bytes[sizeof(struct shim_record)];
	} in;
};

struct logfile {
	int fd;
	uint64_t size, max; /* max 0: no limit */
	bool rotate_asked;
	uint64_t lost;	/* bytes of output that could not be written */
	uint32_t used;	/* bytes in batch */
	uint32_t lines; /* of these, bytes of text */
	char *batch;	/* BATCH_SIZE bytes */
};

/* All that is large, in pages of its own: given back to the kernel while nothing happens, because
 * most containers say little and there are many of them. */
struct buffers {
	_Alignas(4096) char text[STREAMS][LOG_LINE_MAX];
	_Alignas(4096) char batch[BATCH_SIZE];
	_Alignas(4096) char in_text[STDIN_SIZE];
};

/* Output kept for peers that were behind when the container was over: for each chunk its stream,
 * its length and its text.  Nothing is mapped before. */
struct rest {
	char *bytes;
	uint32_t used;
};

struct shim {
	bool tty;
	int listener, pidfd, input, claim;
	uid_t peer_uid;
	uint64_t init_pid;
	struct stream stream[STREAMS];
	struct conn conn[CONNS_MAX];
	struct logfile log;
	struct rest rest;

	/* The chunk under way: stream[chunk_stream].text + chunk_at, chunk_len bytes. */
	uint32_t chunk_stream, chunk_at, chunk_len;

	char *in_text; /* STDIN_SIZE bytes */
	uint32_t in_from, in_to;
	bool in_close; /* close the container's stdin once it has what we hold */

	bool touched; /* the buffers hold pages */

	bool exited;	      /* init is gone */
	bool ended;	      /* ... and the log is complete */
	bool exit_logged;     /* LOG_EXIT is on disk */
	bool bye;	      /* the engine has the status */
	uint64_t last_output; /* monotonic */
	int code;
	uint64_t exit_time_ns, exit_mono_ns;
};

/* output.c */
void output_read(struct shim *s, unsigned which);
/* Sends what is left of the chunk; when all have it, forgets it. */
void output_push(struct shim *s);
/* Logs lines that will not be completed. */
void output_flush(struct shim *s);
static inline bool output_busy(const struct shim *s)
{
	return s->chunk_len > 0;
}

/* init ended a while ago: who does not read holds up nobody any more. */
bool output_late(const struct shim *s);
bool chunk_due(const struct shim *s, const struct conn *c);
/* What a chunk of this length is for a peer: with a terminal no head. */
static inline uint32_t frame_size(const struct shim *s, uint32_t len)
{
	return len + (s->tty ? 0 : 8);
}
/* Sends from c->sent on what the socket takes; false when the peer is gone. */
bool frame_send(
	const struct shim *s, struct conn *c, uint32_t which, const char *text, uint32_t len);

/* rest.c */
/* Keeps the chunk for those that have not all of it, and who waits already; false: no room. */
bool rest_add(struct shim *s);
void rest_push(struct shim *s);
bool rest_owed(const struct shim *s); /* somebody is behind */
/* Leaves who is behind to a process of its own, which keeps its copies of their connections; the
 * caller's can be closed.  False: there was no such process to be had. */
bool rest_hand_over(struct shim *s);

/* Who says SIGTERM wants us gone when the container has ended: held back until then, not forgotten.
 */
void term_let(bool through);

/* logfile.c */
void logfile_start(struct logfile *l, int fd);
/* Collects a record; logfile_flush() writes what was collected. */
void logfile_add(struct logfile *l, enum log_stream stream, unsigned flags, const char *text,
	uint32_t n, uint64_t time_ns);
int logfile_flush(struct logfile *l);
int logfile_exit(struct logfile *l, int code, uint64_t time_ns);
void logfile_switch(struct logfile *l, int fd); /* takes fd */

/* conn.c */
void conn_accept_all(struct shim *s);
void conn_drop(struct shim *s, struct conn *c);
void conn_readable(struct shim *s, struct conn *c);
/* Asks for a new log file if it is time. */
void conn_ask_rotation(struct shim *s);
void conn_tell_exit(struct shim *s);
static inline bool conn_live(const struct conn *c)
{
	return c->fd >= 0;
}
/* Attached and shown this stream. */
bool conn_wants(const struct conn *c, unsigned which);

/* input.c */
void input_push(struct shim *s);
void input_close(struct shim *s); /* after what is held was written */
static inline bool input_full(const struct shim *s)
{
	return s->in_from < s->in_to;
}
