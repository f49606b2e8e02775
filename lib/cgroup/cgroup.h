/*
 * cgroup - one control group per container, on cgroup v2 or v1 (each controller's hierarchy).
 * Every container's group is <hierarchy>/caisson/<64 hex id>.
 *
 * The writing half needs root and is used by the keeper; the reading half needs
 * nothing (the files are world-readable) and is used by the engine for stats, top and oom.
 * Sources: Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/ of the kernel.
 */
#pragma once

#include "keeper/keeper.h"

enum cgroup_version { CGROUP_V1 = 1, CGROUP_V2 = 2 };
/* Looks at /sys/fs/cgroup once; -ENOENT when there is neither. */
int cgroup_detect(enum cgroup_version *ret);

/* ---- writing --------------------------------------------------------------------------------- */
int cgroup_create(const struct digest *id, const struct keeper_limits *l, struct err *e);
/* v2: directory descriptor for CLONE_INTO_CGROUP; v1: -EOPNOTSUPP (use a gate). */
int cgroup_open(const struct digest *id, struct err *e);
/* A way in for a process that may not open the group's files itself: root opens the gate, a child
 * born with its descriptors moves itself.  The kernel judges by who opened them.  On v1 this is
 * some hundred times faster than being moved by another process: a thread that moves only itself
 * needs no lock against forks, and so no RCU grace period. */
#define CGROUP_GATE_MAX 8
struct cgroup_gate {
	int fd[CGROUP_GATE_MAX];
	unsigned n;
};
int cgroup_gate_open(const struct digest *id, struct cgroup_gate *ret, struct err *e);
/* Moves the calling process, which must have one thread. */
int cgroup_gate_enter(const struct cgroup_gate *g, struct err *e);
void cgroup_gate_close(struct cgroup_gate *g);
/* For a container in the host's user namespace: docker's device list, everything else refused.
 * Before any process joins. */
int cgroup_restrict_devices(const struct digest *id, struct err *e);
int cgroup_update(const struct digest *id, const struct keeper_limits *l, struct err *e);
int cgroup_freeze(const struct digest *id, bool frozen, struct err *e); /* waits until it holds */
int cgroup_kill(const struct digest *id, int signal, struct err *e);
bool cgroup_exists(const struct digest *id);
int cgroup_remove(const struct digest *id, struct err *e); /* empty groups; absent ones are fine */

/* ---- reading --------------------------------------------------------------------------------- */
struct cgroup_stats {
	uint64_t cpu_total_ns, cpu_user_ns, cpu_system_ns;
	uint64_t throttle_periods, throttled_periods, throttled_ns;
	uint64_t memory_bytes, memory_max_bytes, memory_limit_bytes, memory_failcnt;
	uint64_t memory_inactive_file, memory_cache, memory_rss;
	uint64_t oom_kills;
	uint64_t pids, pids_limit;
	uint64_t blk_read_bytes, blk_write_bytes;
};
int cgroup_stats(const struct digest *id, struct cgroup_stats *ret, struct err *e);
/* Host pids of every process, gives an array. */
int cgroup_pids(const struct digest *id, pid_t **ret, size_t *ret_n, struct err *e);
