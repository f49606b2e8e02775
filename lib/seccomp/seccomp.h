/*
 * seccomp - filters as search trees.
 *
 * seccomp-default.inc (made by tools/gen-seccomp-default.c at build time) holds docker's
 * compatibility set, minus what docs/COMPATIBILITY.md lists, as a prebuilt BPF program for x86-64,
 * i386 and x32 (refused): a balanced tree by system call number, so that the kernel's
 * installation-time walk stays short.  Nothing is compiled when a container starts.
 *
 * What the default refuses: known calls with EPERM; calls newer than its table, clone3 and x32 with
 * ENOSYS, so that libraries fall back; sockets of other families than UNIX, INET, INET6 and NETLINK
 * (ROUTE only, every protocol with CAP_NET_ADMIN) with EAFNOSUPPORT.  i386's socketcall keeps its
 * arguments in memory where no filter sees them, so it cannot make sockets; i386 programs whose
 * libc uses the separate calls (musl) have a network, the others (glibc) only with another profile.
 *
 * seccomp_compile() turns docker's JSON profile form (moby profiles/seccomp: defaultAction,
 * defaultErrnoRet, archMap, syscalls with names, action, args, includes, excludes, errnoRet) into
 * the same kind of program, in the engine, when a container is created.
 */
#pragma once

#include <linux/filter.h>

#define SECCOMP_PROGRAM_MAX 4096 /* instructions: BPF_MAXINSNS */

/* The prebuilt default filter; n instructions. */
const struct sock_filter *seccomp_default(size_t *ret_n);
/* Loads a filter into this thread (no_new_privs or CAP_SYS_ADMIN needed).  0 or negative errno. */
int seccomp_load(const struct sock_filter *f, size_t n);
