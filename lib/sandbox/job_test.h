/*
 * job_test - for tests only: runs a function the way the keeper runs a worker.  New user (ids
 * TESTJOB_BASE and up), mount, pid, net, ipc and uts namespaces; the tree as an id-mapped, nosuid,
 * nodev, noexec mount; descriptors as sandbox/job.h.  Needs root.
 */
#pragma once

#include "sandbox/job.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define TESTJOB_BASE 0x50000000u

static inline int testjob_write(pid_t pid, const char *file, const char *text)
{
	char path[64];
	auto_close int fd = -EBADF;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd_write_all(fd, text, strlen(text));
}

/* Gives a detached id-mapped copy of the directory, for the user namespace of pid. */
static inline int testjob_tree(pid_t pid, int dir)
{
	char path[64];
	auto_close int ns = -EBADF;
	auto_close int tree = -EBADF;
	struct mount_attr a = { .attr_set = MOUNT_ATTR_IDMAP | MOUNT_ATTR_NOSUID |
					    MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC };

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
	ns = open(path, O_RDONLY | O_CLOEXEC);
	tree = open_tree(dir, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	a.userns_fd = (uint64_t)ns;
	if (ns < 0 || tree < 0 || mount_setattr(tree, "", AT_EMPTY_PATH, &a, sizeof(a)) < 0)
		return -errno;
	return steal_fd(&tree);
}

static inline void testjob_inner(int in, int out, int tree, int (*fn)(void *), void *arg)
{
	int at[3] = { fcntl(in, F_DUPFD, 20), fcntl(out, F_DUPFD, 20),
		tree < 0 ? -1 : fcntl(tree, F_DUPFD, 20) };
	int status;
	pid_t pid;

	if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		_exit(98);
	(void)dup2(at[0], JOB_FD_IN);
	(void)dup2(at[1], JOB_FD_OUT);
	if (tree >= 0)
		(void)dup2(at[2], JOB_FD_TREE);
	(void)close_range(JOB_FD_TREE + (tree >= 0), ~0u, 0);
	pid = fork();
	if (pid == 0)
		_exit(fn(arg));
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		_exit(97);
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

/* One byte, and fd unless it is negative. */
static inline int testjob_pass(int sock, int fd)
{
	char c = 0;
	struct iovec iov = { &c, 1 };
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} space = { 0 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (fd >= 0) {
		m.msg_control = &space;
		m.msg_controllen = sizeof(space);
		space.head.cmsg_level = SOL_SOCKET;
		space.head.cmsg_type = SCM_RIGHTS;
		space.head.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&space.head), &fd, sizeof(fd));
	}
	return sendmsg(sock, &m, 0) == 1 ? 0 : -EPIPE;
}

/* Leaves *ret_fd as it is when none came. */
static inline int testjob_take(int sock, int *ret_fd)
{
	char c;
	struct iovec iov = { &c, 1 };
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} space = { 0 };
	struct msghdr m = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &space,
		.msg_controllen = sizeof(space) };

	if (recvmsg(sock, &m, 0) != 1)
		return -EPIPE;
	if (m.msg_controllen)
		memcpy(ret_fd, CMSG_DATA(&space.head), sizeof(*ret_fd));
	return 0;
}

/* What fn returned (it runs in the job's process), or 128 + signal, or a negative errno. */
static inline int testjob_run(int in, int out, int dir, int (*fn)(void *), void *arg)
{
	const int ns = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC |
		       CLONE_NEWUTS;
	int ready[2], go[2], status, tree = -1;
	char map[64], c = 0;
	pid_t pid;

	if (pipe2(ready, 0) < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, go) < 0)
		return -errno;
	(void)snprintf(map, sizeof(map), "0 %u 65536\n", TESTJOB_BASE);
	pid = fork();
	if (pid == 0) {
		if (unshare(ns) < 0 || write(ready[1], "x", 1) != 1 ||
			testjob_take(go[1], &tree) < 0)
			_exit(99);
		testjob_inner(in, out, tree, fn, arg);
	}
	(void)close(ready[1]);
	if (pid < 0 || read(ready[0], &c, 1) != 1)
		return -ECHILD;
	if (testjob_write(pid, "uid_map", map) < 0 || testjob_write(pid, "gid_map", map) < 0)
		return -EPERM;
	if (dir >= 0)
		tree = testjob_tree(pid, dir);
	if (dir >= 0 && tree < 0)
		return tree;
	if (testjob_pass(go[0], tree) < 0)
		return -EPIPE;
	fd_close(tree);
	(void)close(ready[0]);
	(void)close(go[0]);
	(void)close(go[1]);
	if (waitpid(pid, &status, 0) != pid)
		return -ECHILD;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
