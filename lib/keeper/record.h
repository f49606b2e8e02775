/*
 * record - which messages of the link are well-formed, and the two files the keeper keeps.
 *
 * Pure: bytes in, a verdict out, so that a fuzzer can feed it.  "Malformed" (-EPROTO) means that no
 * honest engine sends this: the keeper kills the sender.  What a user may have typed wrongly
 * (limits) is a separate check that fails with a sentence.
 *
 * Files (root's, written under a temporary name and renamed, so they are whole or absent; versions
 * and tails as base/versions.h says: who reads one gives a zeroed struct and its first sizeof
 * bytes): DATA/containers/<id>/grant   struct keeper_grant: what this container may ever have
 *   EXEC/run/<id>                struct keeper_run: the processes of a running one, for the next
 *                                keeper
 */
#pragma once

#include "keeper/keeper.h"

struct keeper_shape {
	uint16_t op;
	uint16_t size; /* of the body */
	uint8_t fds_min, fds_max;
	const char *name;
};
/* The shape of a question, or NULL when op is none. */
const struct keeper_shape *keeper_shape(uint16_t op);
/* 0, or -EPROTO with the reason in *e (for the log, not for users). */
int keeper_record_check(
	uint16_t op, const void *body, size_t size, unsigned nfds, struct err *e) MUST_USE;
/* Ranges of the limits that are set; ERR_INVALID for the user. */
int keeper_limits_check(const struct keeper_limits *l, struct err *e) MUST_USE;
/* Copies the limits that are set in from. */
void keeper_limits_merge(struct keeper_limits *into, const struct keeper_limits *from);

#define KEEPER_GRANT_MAGIC 0x43734772u
struct keeper_grant {
	uint32_t magic, version;
	uint32_t owner_uid, owner_gid;
	uint32_t cls;  /* enum keeper_class of who created it */
	uint32_t size; /* of the record as written */
	struct keeper_create create;
#if VERSIONS_BUMP
	uint64_t next[8];
#endif
};
#define KEEPER_GRANT_MIN (offsetof(struct keeper_grant, create) + sizeof(struct keeper_create))
int keeper_grant_check(const void *p, size_t n, const struct digest *id) MUST_USE;

#define KEEPER_RUN_MAGIC 0x43735275u
struct keeper_run {
	uint32_t magic, version;
	uint32_t size; /* of the record as written */
	uint32_t pad;
	struct digest id;
	int32_t shim, init;		 /* init 0: the start is not finished */
	uint64_t shim_start, init_start; /* clock ticks since boot, /proc/PID/stat */
	uint32_t id_base;
	uint32_t flags; /* enum keeper_start_flag */
	char boot[40];	/* kernel's boot id */
#if VERSIONS_BUMP
	uint64_t next[8];
#endif
};
#define KEEPER_RUN_MIN (offsetof(struct keeper_run, boot) + 40)
int keeper_run_check(const void *p, size_t n, const struct digest *id) MUST_USE;
