/*
 * profile - docker's JSON seccomp profiles, engine side (uses jansson, so not for the keeper).
 */
#pragma once

#include "seccomp/seccomp.h"

/* caps: bounding set the container will have, for includes/excludes.  Gives the program. */
int seccomp_compile(
	struct str json, uint64_t caps, struct sock_filter **ret, size_t *ret_n, struct err *e);
/* The default profile with the rules that added capabilities open (cap SYS_ADMIN: mount ...). */
int seccomp_default_for(uint64_t caps, struct sock_filter **ret, size_t *ret_n, struct err *e);
