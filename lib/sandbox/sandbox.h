/*
 * sandbox - how a process that is about to read hostile bytes gives up everything else.
 *
 * The keeper starts a worker in fresh user, mount, pid, net, ipc and uts namespaces, mapped to ids
 * nobody else uses, with its file system (if the job has one) as an id-mapped, nosuid, nodev,
 * noexec tree.  The worker, once its libraries are loaded and before it reads a byte, calls
 * sandbox_enter(): root into the job's tree (or an empty one), every other descriptor closed,
 * resource limits, no_new_privs, Landlock (all rights of the running ABI handled, only the job's
 * tree allowed), seccomp allow-list.  Any step that fails is fatal.
 */
#pragma once

enum sandbox_profile {
	SANDBOX_UNPACK,	 /* reads stdin, writes a tree, reports on a descriptor */
	SANDBOX_STREAM,	 /* reads one descriptor, writes another; no files at all */
	SANDBOX_MEASURE, /* reads a tree */
};
/* keep: descriptors to leave open (besides none); tree: directory descriptor or -1. */
int sandbox_enter(enum sandbox_profile p, int tree, const int *keep, unsigned nkeep, struct err *e);
/* For a process that keeps its files and network (no_new_privs is set): it and its children cannot
 * trace what is outside, even with the same uid, nor (ABI 6) signal it or reach its abstract
 * sockets. */
int sandbox_domain(struct err *e);
