/*
 * sys - the kernel calls that libc has no (good) wrapper for, typed and with negative errno.
 *
 * The only place in lib/ and prog/ that calls openat2(2), the mount API (fsopen(2) and its kin),
 * clone3(2), capset(2) and setns(2).  Nothing here allocates, looks anything up by name, or keeps
 * state, so all of it may be used between clone3() and exec in a static program.  Every descriptor
 * given is close-on-exec.
 *
 * Paths under a foreign root are (root descriptor, path) and are resolved with SYS_CONFINED: links
 * and ".." stay inside the root and magic links (/proc/self/fd/7) are refused.
 * Sources: openat2(2), mount_setattr(2), clone3(2), capabilities(7), rtnetlink(7); fsopen and
 * move_mount from the kernel's own documentation of the mount API.
 */
#pragma once

#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/types.h>

/* ---- paths (path.c) ------------------------------------------------------------------------- */
#define SYS_CONFINED (RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)
/* No links at all, nothing mounted below: for trees whose every name is ours. */
#define SYS_PLAIN (RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV)

/* openat2(2); repeats on EAGAIN (a rename raced with ".."). */
int sys_open(int dir, const char *path, int flags, mode_t mode, uint64_t resolve);
/* mkdir -p under root, links confined; gives an O_PATH descriptor of the last directory.
 * -ENOTDIR when something in the way is no directory. */
int sys_mkdir_in(int root, const char *path, mode_t mode);
/* O_PATH descriptor of a file under root, created empty with its parents when missing.  A dangling
 * link is followed inside the root. */
int sys_mkfile_in(int root, const char *path, mode_t mode);

/* ---- mounts (mount.c) ----------------------------------------------------------------------- */
/* A new file system that is mounted nowhere yet.  options: "key=value" or "flag", NULL at the end,
 * each shorter than 256 bytes.  attr: MOUNT_ATTR_*. */
int sys_mount_new(const char *type, const char *const *options, unsigned attr);
/* A detached copy of the mount at (dir, path); path may be "".  flags: AT_RECURSIVE or 0.
 * Never follows a link in the last component. */
int sys_mount_clone(int dir, const char *path, unsigned flags);
/* Sets attributes and propagation of mount (an open_tree or fsmount descriptor). */
int sys_mount_set(int mount, const struct mount_attr *a, bool recursive);
int sys_mount_attach(int mount, int dir, const char *path); /* path may be "": dir itself */
/* mount(2) for overlay: lower directories as /proc/self/fd strings need one option text of up to a
 * page, which fsconfig(2) does not take. */
int sys_mount_overlay(const char *at, unsigned long flags, const char *options);
/* Makes the directory new_root the root, drops the old one with all below it. */
int sys_pivot(int new_root);

/* ---- processes (process.c) ------------------------------------------------------------------ */
struct sys_clone {
	uint64_t flags; /* CLONE_*; exit signal is SIGCHLD unless CLONE_PARENT */
	int cgroup;	/* descriptor for CLONE_INTO_CGROUP, used when the flag is set */
	int *pidfd;	/* out, used when CLONE_PIDFD is set */
};
/* clone3(2) without a new stack (never with CLONE_VM): 0 in the child, the pid in the parent. */
pid_t sys_clone(const struct sys_clone *c);
int sys_pidfd_open(pid_t pid);
int sys_pidfd_signal(int pidfd, int signal);
/* Waits for a child.  Gives its exit code 0..255, 128 + signal when killed, or negative errno. */
int sys_pidfd_wait(int pidfd);
int sys_setns(int fd, int flags);
int sys_close_range(unsigned first, unsigned last, unsigned flags);
/* Closes every descriptor but keep[0..n), which it sorts; negative ones are skipped. */
void sys_close_all_but(int *keep, size_t n);
int sys_exec_fd(int fd, char *const argv[], char *const env[]);
/* All signals to their default action, none blocked. */
void sys_signals_reset(void);
int sys_keyring_new(void); /* a new anonymous session keyring */
/* Hides what ps would show of this process: overwrites its arguments and environment. */
void sys_set_title(char *argv0, const char *title);

/* ---- rights (rights.c) ---------------------------------------------------------------------- */
#define SYS_CAPS_ALL ((1ull << 41) - 1)
/* Drops from the bounding set every capability whose bit is not in keep. */
int sys_caps_bound(uint64_t keep);
/* The three sets; clears ambient. */
int sys_caps_set(uint64_t permitted, uint64_t effective, uint64_t inheritable);
int sys_securebits(unsigned bits);
/* File system ids of this thread without touching capabilities (SECBIT_NO_SETUID_FIXUP is on). */
int sys_fs_ids(uid_t uid, gid_t gid);
/* Real, effective and saved ids, after setting the group list. */
int sys_become(uid_t uid, gid_t gid, const gid_t *groups, size_t ngroups);
int sys_no_new_privs(void);

/* ---- memory files and sockets (memfd.c, socket.c) -------------------------------------------- */
/* Gives an anonymous file holding the bytes, sealed against every change. */
int sys_memfd_sealed(const char *name, const void *p, size_t n);
bool sys_memfd_is_sealed(int fd);
/* Sends n bytes with up to 8 descriptors on a SEQPACKET socket: 0 or negative errno. */
int sys_send_fds(int sock, const void *p, size_t n, const int *fds, unsigned nfds);
int sys_loopback_up(void);
