/*
 * runtime - making a container: namespaces, root file system, limits, and its first process.
 * Linked only by the keeper.  Every mount a container sees is made here.
 *
 * Process picture of a start:
 *
 *   keeper --fork--> starter (root) --clone3(all namespaces)--> init (no rights outside)
 *                      |  claims an id range, writes the maps, makes the cgroup,
 *                      |  attaches id-mapped layers and the overlay in init's mount namespace
 *                      |                          init: /dev /proc /sys, masks, pivot, identity,
 *                      |                          limits, capabilities, seccomp, exec
 *                      '--> drops everything and executes caisson-shim, init's parent
 *
 * Layers and the writable directory are stored with the ids of the image (0..65535...) and mapped
 * into the container's own range by the mount: no chown ever, and a container may get another range
 * at every start.  The claim on a range is a lock held by the shim, so it dies with the container.
 *
 * Invariants: paths under the image are resolved only with openat2(IN_ROOT, NO_MAGICLINKS); mounts
 * are made from descriptors; nothing in the container runs before the tree is complete and the old
 * root is gone; each step that fails ends the start.
 */
#pragma once

#include "keeper/keeper.h"
#include "runtime/spec.h"

/* What the keeper has decided and checked; borrowed for the call. */
/* A layer below those of every image, in layers_dir, if it is there: the places where something of
 * ours is mounted.  What is there need not be made in each container's writable layer. */
#define RUNTIME_BASE "base"

struct runtime_plan {
	const struct keeper_create *grant; /* the stored grant */
	uint32_t start_flags;		   /* enum keeper_start_flag */
	int spec, log, listener;	   /* descriptors, borrowed */
	int shim;			   /* the caisson-shim binary, for execveat */
	int layers_dir, container_dir;	   /* data-root/layers, data-root/containers/<id> */
	int scratch; /* an empty root-owned directory: mount point in init's namespace */
	const char *scratch_path;
	int claims;		    /* directory of id-range claims, host-wide */
	int net_of, pid_of, ipc_of; /* pidfd of the joined container's init, or 0: a pid could be
				     * somebody else's by the time it is used */
	uint32_t joined_base;	    /* with a joined container: its id base */
};

struct runtime_started {
	pid_t pid;  /* of init, on the host */
	pid_t shim; /* our child */
	int pidfd;  /* of init; gives */
	uint32_t id_base;
};
/* Called in the keeper's starter child (already forked): never returns on success but executes the
 * shim; before that it sends one struct runtime_report on `report` (SEQPACKET) with the pidfd. */
struct runtime_report {
	struct err err; /* ERR_NONE: started */
	int32_t pid;
	uint32_t id_base;
};
void runtime_start(const struct runtime_plan *p, int report) NORETURN;

struct runtime_exec_plan {
	const struct keeper_create *grant;
	uint32_t flags; /* enum keeper_exec_flag */
	int spec, report;
	int stdio[3]; /* -1 with a tty */
	int init_pidfd;
	pid_t init_pid;
	uint32_t id_base;
};
/* In a forked child of the keeper: runs the process, becomes its guardian, reports, ends. */
void runtime_exec(const struct runtime_exec_plan *p) NORETURN;
