/*
 * The rig of system_test.c: a real caissond on roots of its own, with a fake engine.
 *
 * The test program is copied beside caissond as "caisson-engine".  Executed under that name it
 * passes the keeper's link, with what it can see of its confinement, to the test through a socket
 * in its state directory, and ends when the link does.  So the test speaks the keeper's protocol
 * itself: as an engine, or as a captured one.
 */
#pragma once

#include "account.h"
#include "keeper/keeper.h"
#include "sys/sys.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#define MEMBER_ID 65534

/* What the fake engine found out about itself. */
struct facts {
	pid_t pid;
	uint32_t uid, gid, groups;
	uint32_t descriptors;
	bool no_new_privs, sees_shadow, sees_host_tmp, writes_root, writes_state,
		sees_libraries;
	uint64_t caps_bound, caps_permitted, caps_effective;
};

struct rig {
	char dir[64], path[128];
	int driver; /* listens for fake engines */
	pid_t keeper;
	int engine; /* connection of the current fake engine */
	int link;
	struct facts facts;
	struct wire_msg boot;
	uint32_t seq;
	struct keeper_client client; /* the last one the keeper told about */
	int client_conn;	     /* what came with it */
};

const char *rig_path(struct rig *r, const char *name); /* valid until the next call */
void rig_make(struct rig *r);
void rig_start(struct rig *r); /* keeper and engine; reads BOOT */
void rig_engine(struct rig *r);
int rig_stop(struct rig *r, int signal); /* the keeper's wait status */
void rig_remove(struct rig *r);
/* Asks and waits for the answer; the kind of its error. */
int rig_ask(struct rig *r, uint16_t op, const void *body, size_t size, const int *fds,
	unsigned nfds, struct keeper_reply *ret);
/* Connects as this user; waits until the keeper has said so.  Gives the client's end. */
int rig_connect(struct rig *r, uid_t id);
/* Waits until the condition holds; fails the test after 20 s. */
#define EVENTUALLY(cond)                                                                           \
	do {                                                                                       \
		int tries_ = 2000;                                                                 \
		while (!(cond) && --tries_ > 0)                                                    \
			(void)poll(NULL, 0, 10);                                                   \
		assert_true(tries_ > 0);                                                           \
	} while (0)
/* The fake engine's main. */
int fake_engine(void);
