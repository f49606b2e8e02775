/*
 * account - names of users and groups, from the text of /etc/passwd and /etc/group.
 *
 * A static root program loads no name service, so only these files count; users of directories
 * (LDAP, sssd) are named by number.  Pure functions over bounded text.
 */
#pragma once

#define ACCOUNT_TEXT_MAX (1u << 20)

/* Ids used where the system users do not exist (see caissond(8)): outside every range that Debian,
 * systemd and subuid files hand out, and below the ids of containers. */
#define ACCOUNT_ENGINE_ID 0x3fff0000u
/* Worker slot n owns the 2^24 ids from here + (n << 24); its own layers may carry ids up
 * to that. */
#define ACCOUNT_WORKER_BASE 0x2f000000u
#define ACCOUNT_WORKER_BITS 24

bool account_user(
	struct str passwd, struct str name, uint32_t *ret_uid, uint32_t *ret_gid) MUST_USE;
bool account_group(struct str group, struct str name, uint32_t *ret_gid) MUST_USE;
/* Appends a whole root-side file; a missing one is empty.  0 or negative errno. */
int account_read(const char *path, struct buf *ret);
