/*
 * shim - the small unprivileged parent of a container that outlives the daemons: it holds the
 * container's stdio, appends to its log, passes streams to whoever attaches, and keeps the exit
 * status until the engine has acknowledged it.
 *
 * The keeper's starter process becomes the shim by executing caisson-shim, by descriptor, with
 * uid and gid outside the container's range, no capabilities, and only the descriptors below.
 * Single thread, one poll loop, no heap growth: buffers are fixed (but see below: slow peers).
 *
 * Command line: caisson-shim FLAGS   (FLAGS: letters t = tty, i = stdin kept open, or "-")
 *
 * Connections to the listener (SOCK_STREAM, path in the engine's run directory) start with one
 * struct shim_hello from the connecting side:
 *   CONTROL  struct shim_record both ways (64 bytes each): see enum shim_record_type.
 *   ATTACH   afterwards raw bytes: to the shim they are stdin (end of file closes the container's
 *            stdin when SHIM_STDIN_ONCE); from the shim, with a tty raw bytes, else docker's
 *            multiplexed frames (byte 0: 1 stdout, 2 stderr; bytes 4-7 length, big endian), so the
 *            engine relays without parsing.  The shim closes it after the last output byte.
 * Versions: magic, version and kind stay where they are for ever and a hello is never shorter than
 * this one; the shim answers a hello of any version by READY, which says its own, and passes over
 * record types it does not know.
 *
 * Peers: only connections whose credentials (SO_PEERCRED) show the uid that called listen() are
 * served; the socket lies in a directory that only that uid enters besides.
 *
 * Connections waiting in the backlog are accepted before any output is read, so an attach made
 * before start sees every byte.  A slow attached peer stalls the container's output (as docker):
 * no byte is lost.  A peer that is gone is dropped.  Half a second after init's end nothing waits
 * for peers any more: what they have not read is put aside (at most 4 MiB, more than two pipes
 * hold; mapped only then), and at the end handed to a second process, a fork of the shim with
 * nothing but their connections and the claim.  It sends them the rest and ends when they have it
 * or are gone, or on SIGTERM, which drops it; the shim ends without it. Only where processes
 * outlive init and write more than that do the peers stall the end as well.
 *
 * Log: every output chunk is appended as log records (log/log.h).  When the log grows past the
 * limit given in HELLO the shim asks the control peer for a new file (ROTATE); until one comes it
 * goes on in the old one.  A log that cannot be written (full disk) never stops the container or
 * its streams: what is lost is counted, and a line on stderr's log says how much as soon as a
 * write succeeds.  Nothing is fsynced: the page cache outlives every process, and after a power
 * loss the container is dead and its last lines worth less than its speed.  Its last records are
 * LOG_EXIT (written before EXIT is sent), so the exit code is on disk even if no engine ever
 * returns.
 *
 * End: the container's init ended and its output is read to the end -> LOG_EXIT -> SHIM_EXIT on
 * control connections, present and future -> SHIM_BYE from the engine -> the shim ends.  A shim
 * that lost the engine for good ends on SIGTERM after the container did.
 */
#pragma once

#include "base/versions.h"

#define SHIM_MAGIC 0x43735368u

enum shim_fd {
	SHIM_FD_LISTEN = 3,
	SHIM_FD_LOG = 4,
	SHIM_FD_PIDFD = 5, /* of the container's init, our child */
	SHIM_FD_STDIN = 6, /* write end, or the pty master for all three */
	SHIM_FD_STDOUT = 7,
	SHIM_FD_STDERR = 8,
	SHIM_FD_CLAIM = 9, /* keeps the claim (a lock) on the id range; never used otherwise */
};

enum shim_kind { SHIM_CONTROL = 1, SHIM_ATTACH };

enum shim_attach_flag {
	SHIM_STDIN = 1 << 0,
	SHIM_STDOUT = 1 << 1,
	SHIM_STDERR = 1 << 2,
	SHIM_STDIN_ONCE = 1 << 3,
};

struct shim_hello {
	uint32_t magic, version;
	uint32_t kind;		/* enum shim_kind */
	uint32_t flags;		/* enum shim_attach_flag */
	uint64_t log_max_bytes; /* CONTROL: ask for rotation past this; 0: never */
};

enum shim_record_type {
	/* from the shim */
	SHIM_READY = 1, /* first record: a = host pid of init (0: unknown), b = 1 when a tty,
			 * pad = SHIM_VERSION of the shim */
	SHIM_EXIT,	/* a = exit code 0..255 (128 + signal), b = wall time in ns */
	SHIM_ROTATE,	/* the log passed its limit: send LOG */
	/* to the shim */
	SHIM_LOG,    /* with one descriptor (SCM_RIGHTS): the new log, O_APPEND */
	SHIM_RESIZE, /* a = rows, b = columns */
	SHIM_CLOSE_STDIN,
	SHIM_BYE, /* the exit status is stored: end */
};

struct shim_record {
	uint32_t type;
	uint32_t pad;
	uint64_t a, b;
	uint8_t zero[40];
};

/* ---- exec: the guardian of one exec'd process reports on its own SEQPACKET socket ------------ */
/* Body of each report; with STARTED on a tty one descriptor: the pty master. */
enum exec_report_type {
	EXEC_STARTED = 1,
	EXEC_FAILED,
	EXEC_EXITED,
	/* The only one from the engine, on the same socket: the guardian kills its process with
	 * SIGKILL (a health check that took too long).  The end of the socket kills nothing. */
	EXEC_KILL = 16,
};
struct exec_report {
	uint32_t type;
	uint32_t pid;	/* STARTED: host pid */
	int32_t status; /* EXITED: 0..255, 128 + signal */
	uint32_t pad;
	struct err err; /* FAILED: for the user */
};

/* ---- engine side (client.c) ----------------------------------------------------------------- */
/* Binds and listens at name inside the directory dir (mode 0600), replacing a stale socket.
 * Gives the listener or negative errno. */
int shim_listen(int dir, const char *name, struct err *e);
/* Connects and says hello; gives the socket or negative errno (-ECONNREFUSED: no shim). */
int shim_connect(int dir, const char *name, const struct shim_hello *hello, struct err *e);
/* One whole record: 1, 0 at end of file, negative errno. */
int shim_recv(int sock, struct shim_record *ret);
int shim_send(int sock, const struct shim_record *r, int fd_or_negative);
