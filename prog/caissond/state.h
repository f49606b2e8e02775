/*
 * state - what the keeper knows: its roots, its containers, its clients, its engine.
 *
 * One process, one thread, one instance.  What must survive the keeper is on disk (grant and run
 * records, lib/keeper/record.h); the rest is rebuilt at start.
 */
#pragma once

#include "floor.h"
#include "keeper/record.h"
#include "loop.h"
#include "options.h"

#define STATE_CONTAINERS_MAX 8192
#define STATE_CLIENTS_MAX    4096
#define STATE_CLIENTS_OF_ONE 1024 /* of a user who is not an administrator */

/* Who waits for an answer: valid while the engine of that generation lives. */
struct ask {
	uint32_t seq;
	uint64_t link;
};

enum container_phase {
	CONTAINER_STOPPED,
	CONTAINER_STARTING, /* a starter has not reported yet */
	CONTAINER_FAILED,   /* it reported a failure and has not ended yet */
	CONTAINER_RUNNING,  /* until its shim ends */
};

struct container {
	bool used;
	uint8_t phase, cls;
	bool removing; /* an answer to REMOVE is due when the shim ends */
	struct digest id;
	uint32_t owner;
	uint32_t start_flags, id_base;
	pid_t init, shim_pid;
	int init_pidfd;
	struct watch shim;   /* pidfd of the shim; kept while its process lives */
	struct watch report; /* of the starter */
	struct ask ask;	     /* START or REMOVE */
	struct err failure;  /* of the start */
};

struct client {
	uint64_t handle; /* 0: free */
	uint32_t uid, gid, pid, cls;
	struct watch conn; /* our duplicate of the connection, to see it end */
};

enum program { PROGRAM_ENGINE, PROGRAM_SHIM, PROGRAM_WORKER, PROGRAMS };

struct state {
	struct options opt;
	struct floor floor;
	uint32_t engine_uid, engine_gid;
	int cgroup_version;
	bool tcp, ending;
	int programs[PROGRAMS]; /* O_PATH */
	int data, layers, staging, containers_dir, trash, exec, run, scratch, claims;
	char scratch_path[256];
	char boot[40];
	int config, tls[3];
	struct container containers[STATE_CONTAINERS_MAX];
	unsigned ncontainers; /* entries ever used: the search bound */
	struct client clients[STATE_CLIENTS_MAX];
};
extern struct state state;

/* ---- layout.c: the two roots ----------------------------------------------------------------- */
/* Finds accounts and programs, makes and verifies every directory, takes the locks. */
int layout_open(struct err *e);
int layout_mkdir(int at, const char *name, mode_t mode, uint32_t uid, uint32_t gid, struct err *e);
ssize_t layout_read(int dir, const char *name, void *p, size_t n);

/* ---- door.c: sockets and clients ------------------------------------------------------------- */
int door_open(struct err *e);
void door_accept(bool on);	/* stop and go on accepting */
void door_forget_clients(void); /* the engine that had them is gone */
void door_close(void);		/* removes the sockets */
int door_send_listeners(void);	/* TCP listeners to a new engine */
/* The client of a handle, or NULL. */
const struct client *door_client(uint64_t handle);

/* ---- engine.c: the process that asks --------------------------------------------------------- */
void engine_start(void);
void engine_stop(void); /* asks it to end, then makes it */
int engine_send(uint16_t op, const void *body, size_t size, const int *fds, unsigned nfds);
void engine_reply(const struct ask *a, const struct keeper_reply *reply);
/* enginens.c: in the engine's process, before it is executed; exits when a step fails. */
void engine_enter(int state_tree, int run_tree);
void engine_drop_rights(void);

/* ---- ops.c: the table of what may be asked --------------------------------------------------- */
#define OP_LATER 1
typedef int op_fn(const struct ask *a, struct wire_msg *m, struct keeper_reply *reply);
/* Checks and runs one message; -EPROTO when it is malformed. */
int ops_handle(struct wire_msg *m, uint64_t link, struct err *e);
/* Runs fn in a child and answers with what it made of *reply; arg of n bytes is its own copy. */
typedef void task_fn(const void *arg, struct keeper_reply *reply);
int task_run(const struct ask *a, task_fn *fn, const void *arg, struct keeper_reply *reply);

/* ---- container.c, start.c, recover.c --------------------------------------------------------- */
op_fn container_create, container_start, container_exec, container_signal, container_freeze,
	container_update, container_remove;
/* Finds containers on disk and running ones; starts nothing. */
int container_recover(struct err *e);
/* A new entry, or NULL when the table is full. */
struct container *container_add(const struct keeper_grant *g);
struct container *container_find(const struct digest *id);
int container_get(const struct digest *id, struct container **ret, struct err *e);
int container_grant(const struct digest *id, struct keeper_grant *ret, struct err *e);
void container_save_run(const struct container *c);
/* Its shim has ended (or was never there): cgroup, run record, waiting answers. */
void container_ended(struct container *c);
bool container_init_alive(const struct container *c);
void container_watch_shim(struct container *c, int pidfd);

/* ---- proc.c: facts about processes ----------------------------------------------------------- */
int proc_start_time(pid_t pid, uint64_t *ret);
int proc_only_child(pid_t pid, pid_t *ret);
int proc_id_base(pid_t pid, uint32_t *ret);
int proc_boot_id(char out[40]);
/* A pidfd, or -ESRCH when the process is not the one that started then. */
int proc_open(pid_t pid, uint64_t start_time);
bool proc_pidfd_ended(int pidfd);

/* ---- job.c, layer.c, trash.c ----------------------------------------------------------------- */
op_fn job_run, layer_commit, layer_remove;
void job_kill_all(void);
/* A worker may still write to this staging directory. */
bool job_writes(const struct digest *staging);
/* The id is that of a worker's control group. */
bool job_owns_group(const struct digest *id);
void layer_purge_staging(void);
/* Moves (dir, name) out of sight; it is deleted later. */
int trash_put(int dir, const char *name);
void trash_kick(void); /* looks whether there is something to delete */
