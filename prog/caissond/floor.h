/*
 * floor - what no request can exceed: the root-owned policy file, and the check of a container's
 * wishes against it.  Format and keys: floor.conf(5).  Parsing and checking are pure.
 */
#pragma once

#include "keeper/keeper.h"

#define FLOOR_ADMINS_MAX 64
#define FLOOR_TEXT_MAX	 65536
#define FLOOR_CAPS_ALL	 ((1ull << 41) - 1)

enum floor_allow {
	FLOOR_PRIVILEGED,
	FLOOR_HOST_NETWORK,
	FLOOR_HOST_PID,
	FLOOR_HOST_IPC,
	FLOOR_HOST_UTS,
	FLOOR_HOST_USERNS,
	FLOOR_HOST_CGROUPNS,
	FLOOR_SECCOMP_UNCONFINED,
	FLOOR_UNMASKED_PATHS,
	FLOOR_NEGATIVE_OOM_SCORE,
	FLOOR_ALLOWS,
};

struct floor_class {
	bool allow[FLOOR_ALLOWS];
	uint64_t caps;		 /* beyond docker's 14 */
	uint32_t max_containers; /* per owner; 0: no limit */
};

struct floor {
	const char *path; /* borrowed; for messages */
	struct floor_class cls[KEEPER_CLASS_REMOTE + 1];
	uint32_t admins[FLOOR_ADMINS_MAX];
	unsigned nadmins;
	uint32_t admin_groups[FLOOR_ADMINS_MAX];
	unsigned nadmin_groups;
};

/* Names in admins are looked up in these texts (account.h). */
struct floor_names {
	struct str passwd, group;
};

void floor_default(struct floor *ret, const char *path);
/* Changes *f by the lines of text; ERR_INVALID with the line number. */
int floor_parse(struct floor *f, struct str text, const struct floor_names *names, struct err *e);
/* Reads the file; a missing one is fine unless required.  It must be root's and nobody else may
 * write it. */
int floor_load(struct floor *f, bool required, const struct floor_names *names, struct err *e);
/* ERR_DENIED naming the setting that would allow it. */
int floor_check(const struct floor *f, uint32_t cls, uint32_t uid, const struct keeper_create *c,
	unsigned owned, struct err *e);
bool floor_is_admin(const struct floor *f, uint32_t uid, const uint32_t *gids, size_t ngids);
/* Every capability any class may give. */
uint64_t floor_all_caps(const struct floor *f);
