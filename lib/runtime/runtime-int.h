/*
 * runtime-int - the pieces a start and an exec are made of.
 *
 * Two processes share one descriptor table and one page while a container is made: the starter
 * (rights on the host) and init (rights inside only).  They talk over a SEQPACKET pair, one byte
 * per step; what init wants to say to a person is in the shared page, which the starter treats as
 * foreign.  Both are non-dumpable all the time: nothing inside can trace them or see their
 * descriptors, executable or memory (CVE-2016-9962, CVE-2019-5736).
 */
#pragma once

#include <stdatomic.h>
#include <sys/resource.h>

#include "cgroup/cgroup.h"
#include "runtime/runtime.h"
#include "sys/sys.h"

/* ---- ids.c: id ranges ----------------------------------------------------------------------- */
#define IDS_FIRST  0x40000000u
#define IDS_END	   0xf0000000u /* first id that is in no slot */
#define IDS_SLOT   0x20000u
#define IDS_INSIDE 65536u   /* ids every container has; extra ones are mapped behind them */
#define IDS_SHIM   0x1ff00u /* of the shim, relative to the slot: never mapped */

struct ids {
	uint32_t slot; /* first id of the claimed slot */
	uint32_t base; /* host id of 0 inside; 0 in the host's user namespace */
	int claim;     /* descriptor that holds the lock */
};
/* Takes a free slot that no line of the two subordinate id files touches. */
int ids_claim(int dir, struct ids *ret, struct err *e);
/* A further user of the running container's slot. */
int ids_share(int dir, uint32_t base, struct ids *ret, struct err *e);
/* True when a line "name:first:count" of a subordinate id file overlaps the slot. */
bool ids_listed(struct str file, uint32_t slot);
/* The text of uid_map and gid_map. */
int ids_map(const struct keeper_create *grant, uint32_t base, struct buf *ret, struct err *e);

/* ---- settings.c: the parsed spec ------------------------------------------------------------ */
struct settings {
	void *map;
	size_t map_size;
	char **args, **env; /* NULL at the end; env has room for one more */
	size_t nargs, nenv;
	char *cwd, *user, *hostname, *domainname; /* NULL: not given */
	struct spec_record *records;		  /* those of the other types, in order */
	size_t nrecords;
	uint64_t shm_size, caps;
	uint32_t umask;
	uint16_t rows, columns;
	bool reaper;
	const struct sock_filter *filter;
	size_t filter_n;
};
/* Reads the sealed descriptor.  Never freed: its process executes or ends. */
int settings_read(int fd, struct settings *ret, struct err *e);
/* The value of NAME in the environment, or NULL. */
const char *settings_env(const struct settings *s, const char *name);

/* ---- identity.c: users and groups of the image ---------------------------------------------- */
#define IDENTITY_GROUPS_MAX 1024
#define IDENTITY_FILE_MAX   (1u << 20)

struct identity {
	uid_t uid;
	gid_t gid;
	gid_t groups[IDENTITY_GROUPS_MAX];
	size_t ngroups;
	char home[1024];
};
/* Pure.  spec: docker's --user; more: --group-add values; the two files as text. */
int identity_resolve(struct str spec, const struct str *more, size_t nmore, struct str passwd,
	struct str group, struct identity *ret, struct err *e);
/* Reads the two files below root and resolves. */
int identity_load(int root, const struct settings *s, struct identity *ret, struct err *e);

/* ---- tmpfs.c: docker's --tmpfs options ------------------------------------------------------ */
#define TMPFS_OPTIONS_MAX 8
struct tmpfs_options {
	char text[TMPFS_OPTIONS_MAX][64];
	size_t n;
	unsigned attr; /* MOUNT_ATTR_* */
	bool has_mode;
};
int tmpfs_options_parse(struct str options, struct tmpfs_options *ret, struct err *e);

/* ---- link.c: starter and init, guardian and process ----------------------------------------- */
enum link_step { LINK_MAPPED = 'm', LINK_ROOT = 'r', LINK_READY = 'g', LINK_OWN = 'o' };
enum link_state { LINK_SETUP = 0, LINK_EXEC, LINK_FAILED };
struct link_page {
	_Atomic uint32_t state; /* enum link_state, written by init */
	_Atomic int32_t master; /* pty master in the shared table, or -1 */
	_Atomic int32_t root;	/* of the container, in the shared table; by the starter */
	_Atomic int32_t pid;	/* of init, when a joiner made it */
	struct err err;
};
struct link {
	int ours, theirs; /* starter's end, init's end */
	struct link_page *page;
};
int link_make(struct link *l, struct err *e);
int link_send(int end, enum link_step step);
int link_expect(int end, enum link_step step); /* waits; negative errno */
/* Starter: waits until the program runs or init failed or died.  0: it runs. */
int link_wait_exec(struct link *l, int pidfd, struct err *e);
/* Starter: a step of ours failed with r and *e.  When that is because init had failed and ended
 * before, its reason is the one to report. */
int link_blame(struct link *l, int r, struct err *e);
/* Starter: the pty master that init made, checked to be one; -ENOTTY when it is none. */
int link_master(const struct link *l);
/* Init: says why and ends. */
void link_fail(struct link *l, const struct err *e) NORETURN;

/* ---- process.c: the last steps of every process, started or exec'd -------------------------- */
struct process {
	const struct keeper_create *grant;
	struct settings *set;
	struct link *link;
	int root;      /* of the container */
	int stdio[3];  /* become 0, 1, 2 */
	uint64_t caps; /* bounding set */
	bool tty, create_cwd, dies_with_parent;
};
/* Opens a pty through ptmx (a descriptor of the multiplexer, taken): fills stdio, gives the master
 * on the link's page. */
int process_tty(struct process *p, int ptmx, struct err *e);
int process_chdir(struct process *p, struct err *e);
/* Limits, identity, descriptors, capabilities, filter, program.  Returns only on failure. */
int process_run(struct process *p, struct err *e);

/* ---- program.c, reaper.c --------------------------------------------------------------------- */
/* Resolves argv[0] as docker does; fills out.  Errors have docker's texts. */
int program_find(const char *name, const char *path, char *out, size_t size, struct err *e);
/* Text of an errno as Go programs print it. */
const char *program_strerror(int sys);
/* Forks: becomes the reaper of the new process (never returns), or returns 0 in that process. */
int reaper_fork(void);

/* ---- start.c, rootfs.c, init.c, mounts.c, content.c ------------------------------------------ */
struct start {
	const struct runtime_plan *plan;
	const struct keeper_create *grant;
	struct link link;
	struct ids ids;
	int host_mounts;	   /* our own mount namespace */
	int userns;		   /* of the container, -1: the host's */
	int root;		   /* of the container's file system, in the shared table */
	int dev;		   /* its /dev, likewise */
	int shm;		   /* another container's /dev/shm, or -1 */
	int inside[3], outside[3]; /* ends of the pipes, likewise */
	struct cgroup_gate gate;   /* for init, empty when it is born in its group */
	int pidfd;
	pid_t pid;
	bool new_userns; /* false: the host's or a joined one */
	bool host_userns;
	bool unified; /* control groups v2: init shows them read-only */
};
/* Starter, with file system ids of the container: /dev, the pipes, the root. */
int rootfs_dev(struct start *s, struct err *e);
int rootfs_stdio(struct start *s, struct err *e);
int rootfs_make(struct start *s, struct err *e);
/* Init. */
void init_run(struct start *s) NORETURN;

struct mounts {
	int proc, sys, pts, shm, mqueue, ptmx; /* made before the root is there */
	int empty;			       /* read-only directory, for masks */
	bool empty_used;
};
int mounts_prepare(
	const struct start *s, const struct settings *set, struct mounts *m, struct err *e);
int mounts_attach(const struct start *s, struct mounts *m, struct err *e);
int mounts_hide(const struct start *s, const struct settings *set, struct mounts *m, struct err *e);
/* The read-only unified hierarchy on /sys/fs/cgroup, from the container's cgroup namespace. */
int mounts_cgroup(const struct start *s, struct err *e);
int mounts_sysctls(
	const struct start *s, const struct settings *set, struct mounts *m, struct err *e);
/* --tmpfs and the files of ours over /etc/hosts and the like. */
int content_attach(const struct start *s, const struct settings *set, struct err *e);
