/*
 * keeper - what the unprivileged engine may ask of caissond, the only root process, and how.
 *
 * Transport: one SOCK_SEQPACKET pair made by the keeper before it starts the engine (engine side:
 * descriptor KEEPER_FD), messages as in wire/wire.h, version KEEPER_VERSION.  The engine asks with
 * a sequence number of its own; the keeper answers every question with one KEEPER_REPLY of the same
 * number, in any order.  Unasked, the keeper sends KEEPER_BOOT (first message), KEEPER_LISTENER and
 * KEEPER_CLIENT.
 *
 * Rules:
 *  - No path and no free text from the engine is used in a privileged lookup.  Objects are named by
 *    32-byte ids and digests; bulk data travels in descriptors.  Free text for a container (argv,
 *    environment, mount targets) is in a sealed memfd (runtime/spec.h) that only the container's
 *    init reads, after it has lost all rights outside the container.
 *  - Rights come from a client handle: KEEPER_CREATE names the connection that asked, the keeper
 *    looks up the credentials it read itself when it accepted that connection, and checks the
 *    request against the floor policy.  What was granted is stored in a root-owned grant file;
 *    KEEPER_START and KEEPER_EXEC can only use it, so restarts need no client.
 *  - A malformed message is fatal for the engine: the keeper kills and restarts it.
 *  - A failed security step fails the request; there is no weaker second try.
 *
 * Handles die with their connection.  The keeper keeps a duplicate of each client connection to see
 * it end, so the engine must shutdown(SHUT_RDWR) a connection before closing it.
 */
#pragma once

#include "base/versions.h"
#include "wire/wire.h"

#define KEEPER_FD	   3
#define KEEPER_LAYERS_MAX  128
#define KEEPER_CPUS_MAX	   1024
#define KEEPER_EXTENTS_MAX 16

enum keeper_op {
	/* engine to keeper                  body                     descriptors */
	KEEPER_CREATE = 1,   /*              struct keeper_create                                */
	KEEPER_START,	     /*              struct keeper_start      spec, log, listener        */
	KEEPER_EXEC,	     /*              struct keeper_exec       spec, report, [in out err] */
	KEEPER_SIGNAL,	     /*              struct keeper_signal                                */
	KEEPER_FREEZE,	     /*              struct keeper_freeze                                */
	KEEPER_UPDATE,	     /*              struct keeper_update                                */
	KEEPER_REMOVE,	     /*              struct keeper_id                                    */
	KEEPER_JOB,	     /*              struct keeper_job        in, out (MEASURE: out)     */
	KEEPER_LAYER_COMMIT, /*              struct keeper_layer                                 */
	KEEPER_LAYER_REMOVE, /*              struct keeper_layer                                 */
	/* keeper to engine */
	KEEPER_REPLY = 64, /*              struct keeper_reply                                 */
	KEEPER_BOOT,	   /*              struct keeper_boot       state dir, run dir, [config],
			    *              [ca, certificate, key: when boot.tls] */
	KEEPER_LISTENER,   /*              struct keeper_listener   listening TCP socket       */
	KEEPER_CLIENT,	   /*              struct keeper_client     accepted connection        */
};

enum keeper_ns {
	KEEPER_NS_PRIVATE = 0, /* a new one */
	KEEPER_NS_HOST,	       /* the host's; needs the floor's permission */
	KEEPER_NS_CONTAINER,   /* that of container X (net, pid, ipc); same owner only; implies X's
				* user namespace */
};

enum keeper_seccomp {
	KEEPER_SECCOMP_DEFAULT = 0, /* the prebuilt filter */
	KEEPER_SECCOMP_CUSTOM,	    /* the filter in the spec */
	KEEPER_SECCOMP_UNCONFINED,
};

enum keeper_flag {
	KEEPER_READONLY = 1 << 0,  /* root file system read-only */
	KEEPER_NEW_PRIVS = 1 << 1, /* no_new_privs off (suid programs work inside) */
	KEEPER_NET_NONE = 1 << 2,  /* only loopback (until networks exist: every private netns) */
	KEEPER_SHAREABLE_IPC = 1 << 3, /* others may join the ipc namespace */
	KEEPER_UNMASKED = 1 << 4,      /* systempaths=unconfined */
};

/* Limits.  A field counts only when its bit is in set; KEEPER_UPDATE changes just those. */
enum keeper_limit {
	KEEPER_LIMIT_MEMORY = 1 << 0,
	KEEPER_LIMIT_MEMORY_SWAP = 1 << 1,
	KEEPER_LIMIT_MEMORY_RESERVATION = 1 << 2,
	KEEPER_LIMIT_CPU_SHARES = 1 << 3,
	KEEPER_LIMIT_CPU_QUOTA = 1 << 4, /* quota and period together */
	KEEPER_LIMIT_CPUSET_CPUS = 1 << 5,
	KEEPER_LIMIT_CPUSET_MEMS = 1 << 6,
	KEEPER_LIMIT_PIDS = 1 << 7,
};

struct keeper_limits {
	uint32_t set;
	uint32_t pad;
	int64_t memory_bytes;	   /* -1: unlimited */
	int64_t memory_swap_bytes; /* memory plus swap, as docker counts; -1: unlimited */
	int64_t memory_reservation_bytes;
	uint64_t cpu_shares;			    /* 2 .. 262144, cgroup v1 scale */
	int64_t cpu_quota_us;			    /* per period; -1: unlimited */
	uint64_t cpu_period_us;			    /* 1000 .. 1000000 */
	uint64_t cpuset_cpus[KEEPER_CPUS_MAX / 64]; /* bit n: processor n */
	uint64_t cpuset_mems[4];
	int64_t pids; /* -1: unlimited */
};

struct keeper_create {
	struct digest id;
	uint64_t client;       /* handle from KEEPER_CLIENT; 0 is refused */
	uint32_t flags;	       /* enum keeper_flag */
	int32_t oom_score_adj; /* -1000 .. 1000 */
	uint8_t userns;	       /* enum keeper_ns: PRIVATE or HOST */
	uint8_t netns, pidns, ipcns;
	uint8_t utsns, cgroupns; /* PRIVATE or HOST */
	uint8_t seccomp;	 /* enum keeper_seccomp */
	uint8_t pad;
	struct digest net_of, pid_of, ipc_of; /* with KEEPER_NS_CONTAINER */
	uint64_t caps;			      /* bounding set, bit n: capability n */
	struct keeper_limits limits;
	uint32_t extra_ids; /* ids above 65535 the image or user needs */
	uint32_t nlayers;
	uint32_t extra[KEEPER_EXTENTS_MAX];
	struct digest layers[KEEPER_LAYERS_MAX]; /* bottom first, as committed */
};

/* Starts the container: rootfs, namespaces, cgroup, shim, init.  The descriptors: the sealed spec,
 * the log file opened O_APPEND, the listening socket the shim will serve (shim/shim.h).
 * Answers when init has executed the program or failed; a failure's err is for the user. */
struct keeper_start {
	struct digest id;
	uint32_t flags; /* enum keeper_start_flag */
	uint32_t pad;
};
enum keeper_start_flag {
	KEEPER_START_TTY = 1 << 0,
	KEEPER_START_STDIN = 1 << 1, /* keep stdin open */
	/* It is removed when it ends, so nothing it writes has to survive a crash of the host: its
	 * file system is not synced, neither by the program nor at the end. */
	KEEPER_START_VOLATILE = 1 << 2,
};

/* Runs one more process in a running container.  The descriptors: the sealed spec; a SEQPACKET
 * socket on which its guardian reports (shim/shim.h, "exec"); without TTY stdin, stdout, stderr of
 * the process.  Answers as soon as the guardian exists. */
struct keeper_exec {
	struct digest id;
	uint32_t flags; /* enum keeper_exec_flag */
	uint32_t pad;
	uint64_t client; /* handle; 0 for the engine's own health checks */
};
enum keeper_exec_flag {
	KEEPER_EXEC_TTY = 1 << 0,
	KEEPER_EXEC_PRIVILEGED = 1 << 1, /* all capabilities of the container's namespace */
};

struct keeper_signal {
	struct digest id;
	uint32_t signal; /* 1 .. 64, to the container's init */
	uint32_t all;	 /* to every process of its cgroup */
};

struct keeper_freeze {
	struct digest id;
	uint32_t frozen;
	uint32_t pad;
};

struct keeper_update {
	struct digest id;
	struct keeper_limits limits;
};

struct keeper_id {
	struct digest id;
};

/* Runs caisson-worker for one job; answers when it has ended.  What the worker has to say goes to
 * descriptor `out` in the format of that job (sandbox/job.h). */
enum keeper_job_kind {
	KEEPER_JOB_UNPACK = 1, /* in: layer tar as received; out: report; target: staging id */
	KEEPER_JOB_ARCHIVE,    /* in: image archive stream; out: its members; no file system */
	KEEPER_JOB_MEASURE,    /* out: report; target: container id, writable layer read-only */
};
struct keeper_job {
	uint32_t kind;
	uint32_t pad;
	struct digest target;
};

/* COMMIT: staging becomes layer; both stay on disk until answered.  REMOVE: layer only. */
struct keeper_layer {
	struct digest staging;
	struct digest layer;
};

struct keeper_reply {
	struct err err;	  /* kind ERR_NONE: done */
	uint32_t pid;	  /* START: host pid of init */
	uint32_t id_base; /* START: host id that 0 inside maps to (0: the host's) */
	int32_t status;	  /* JOB: exit status of the worker, 128 + signal when killed */
	uint32_t pad;
};

struct keeper_boot {
	uint32_t version; /* KEEPER_VERSION of the keeper */
	uint32_t debug;
	uint32_t engine_uid, engine_gid;
	uint32_t cgroup_v2;  /* 1: unified hierarchy with controllers */
	uint32_t tls;	     /* 1: TCP listeners follow and must use mutual TLS */
	char data_root[256]; /* for display only */
	char exec_root[256];
	char labels[1024];     /* engine labels from --label, separated by '\n' */
	char registries[1024]; /* "insecure NAME\n", "mirror URL\n" from the command line */
};

struct keeper_listener {
	uint32_t port;
	uint32_t pad;
};

enum keeper_class {
	KEEPER_CLASS_ROOT = 1, /* uid 0 or listed as admin: everything the floor allows */
	KEEPER_CLASS_MEMBER, /* member of the socket's group: own containers, nothing of the host */
	KEEPER_CLASS_REMOTE, /* mutual TLS */
};
/* The handle that stands for every client the engine accepted on TCP itself: rights of class
 * remote, owner KEEPER_OWNER_REMOTE.  Valid only when the keeper was given a tcp:// host. */
#define KEEPER_HANDLE_REMOTE UINT64_MAX
#define KEEPER_OWNER_REMOTE  UINT32_MAX
struct keeper_client {
	uint64_t handle;
	uint32_t uid, gid, pid;
	uint32_t cls; /* enum keeper_class */
};

/* ---- engine side (client.c): many threads may ask at once ---------------------------------- */

struct keeper;
/* Unasked messages (LISTENER, CLIENT, and BOOT unless the caller read it from the socket before
 * keeper_open) go to this function, on the link's own thread; it takes the
 * descriptors it wants with wire_fd().  NULL: the keeper is gone, and the process ends on return.
 */
typedef void keeper_notify_fn(void *arg, struct wire_msg *m);

/* Takes sock.  Starts the receiving thread.  Gives the link; the process ends when the
 * keeper does. */
int keeper_open(int sock, keeper_notify_fn *notify, void *arg, struct keeper **ret, struct err *e);
/* Asks and waits.  0 or negative errno with *e filled from the keeper's err. */
int keeper_call(struct keeper *k, enum keeper_op op, const void *body, size_t size, const int *fds,
	unsigned nfds, struct keeper_reply *ret, struct err *e);
