/*
 * profile-int - the parts of the JSON profile compiler.
 */
#pragma once

#include <jansson.h>

#include "seccomp/profile.h"
#include "seccomp/seccomp-int.h"

/* docker begins every complaint about a profile with these words. */
#define PROFILE_BAD(e, fmt, ...)                                                                   \
	err_set(e, ERR_INVALID, EINVAL, "Decoding seccomp profile failed: " fmt, ##__VA_ARGS__)

struct profile {
	struct seccomp_policy *policy;
	uint64_t caps;
	uint32_t action;	  /* of calls that no rule names */
	int last[SECCOMP_ARCHES]; /* highest number named, -1: none */
};

/* Members that may be absent (or null): NULL and 0; -EINVAL when the type is wrong. */
int profile_get(const json_t *o, const char *key, json_type type, json_t **ret, struct err *e);
/* An unsigned number; absent: dflt. */
int profile_get_u64(const json_t *o, const char *key, uint64_t max, uint64_t dflt, uint64_t *ret,
	struct err *e);
/* An action's word with its errno. */
int profile_action(const json_t *name, uint64_t errno_ret, uint32_t *ret, struct err *e);
/* profile-filter.c: do includes and excludes of a rule fit this container and host?  1 or 0. */
int profile_rule_fits(const json_t *rule, uint64_t caps, struct err *e);
/* profile-rule.c: adds one element of "syscalls". */
int profile_rule_add(struct profile *p, const json_t *rule, struct err *e);
