/*
 * Making, joining and removing a container's group.
 */
#include "cgroup/cgroup-int.h"

#include <fcntl.h>

/* The v1 hierarchies that every container has.  cpu and cpuacct may be one mount: making the same
 * directory twice is fine. */
static const enum controller v1_always[] = { CTL_MEMORY, CTL_PIDS, CTL_CPU, CTL_CPUACCT,
	CTL_FREEZER };

/* A controller that this kernel lacks is refused; what is missing shows when a limit that needs it
 * is written. */
static void enable(int fd, const char *controller)
{
	if (fd_write(fd, controller, strlen(controller)) < 0)
		return;
}

static int enable_v2_controllers(struct err *e)
{
	static const char *const want[] = { "+memory", "+pids", "+cpu", "+cpuset", "+io" };
	char path[CGROUP_PATH];
	int r = cgroup_make(CTL_UNIFIED, NULL, e);

	if (r < 0)
		return r;
	/* One by one: a kernel without cpuset still gets memory.  What is missing shows when a
	 * limit that needs it is written. */
	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		auto_close int root = open(
			"/sys/fs/cgroup/cgroup.subtree_control", O_WRONLY | O_CLOEXEC);
		auto_close int ours = open(
			cgroup_path(CTL_UNIFIED, NULL, "cgroup.subtree_control", path),
			O_WRONLY | O_CLOEXEC);

		if (root < 0 || ours < 0)
			return err_set(e, ERR_SYSTEM, errno, "open cgroup.subtree_control");
		enable(root, want[i]);
		enable(ours, want[i]);
	}
	return 0;
}

static int create_v2(const struct digest *id, struct err *e)
{
	static bool enabled; /* once per process; the keeper is one thread */
	int r = enabled ? 0 : enable_v2_controllers(e);

	if (r < 0)
		return r;
	enabled = true;
	r = cgroup_make(CTL_UNIFIED, id, e);
	if (r == 0)
		(void)cgroup_write(CTL_UNIFIED, id, "memory.oom.group", "1");
	return r;
}

static int create_v1(const struct digest *id, struct err *e)
{
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(v1_always) && r == 0; i++)
		r = cgroup_make(v1_always[i], id, e);
	return r;
}

int cgroup_create(const struct digest *id, const struct keeper_limits *l, struct err *e)
{
	int r = cgroup_version() == CGROUP_V2 ? create_v2(id, e) : create_v1(id, e);

	if (r == 0)
		r = cgroup_update(id, l, e);
	if (r < 0)
		(void)cgroup_remove(id, NULL);
	return r;
}

int cgroup_open(const struct digest *id, struct err *e)
{
	char path[CGROUP_PATH];
	int fd;

	if (cgroup_version() != CGROUP_V2)
		return -EOPNOTSUPP;
	fd = open(cgroup_path(CTL_UNIFIED, id, NULL, path), O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? err_set(e, ERR_SYSTEM, errno, "open the control group \"%s\"", path) : fd;
}

int cgroup_gate_open(const struct digest *id, struct cgroup_gate *ret, struct err *e)
{
	bool v2 = cgroup_version() == CGROUP_V2;
	char path[CGROUP_PATH];

	*ret = (struct cgroup_gate){ .n = 0 };
	for (enum controller c = 0; c < CTL_COUNT; c++) {
		int fd;

		if ((c == CTL_UNIFIED) != v2)
			continue;
		fd = open(cgroup_path(c, id, v2 ? "cgroup.procs" : "tasks", path),
			O_WRONLY | O_CLOEXEC);
		if (fd < 0 && errno == ENOENT && (c == CTL_CPUSET || c == CTL_DEVICES))
			continue; /* made only when a limit asks for it */
		if (fd < 0) {
			cgroup_gate_close(ret);
			return err_set(e, ERR_SYSTEM, errno, "open the control group \"%s\"", path);
		}
		ret->fd[ret->n++] = fd;
	}
	return 0;
}

int cgroup_gate_enter(const struct cgroup_gate *g, struct err *e)
{
	for (unsigned i = 0; i < g->n; i++) {
		ssize_t n = fd_write(g->fd[i], "0", 1);

		if (n < 0)
			return err_set(e, ERR_SYSTEM, (int)-n, "enter the control group");
	}
	return 0;
}

void cgroup_gate_close(struct cgroup_gate *g)
{
	for (unsigned i = 0; i < g->n; i++)
		fd_close(g->fd[i]);
	g->n = 0;
}

bool cgroup_exists(const struct digest *id)
{
	bool v2 = cgroup_version() == CGROUP_V2;

	for (enum controller c = 0; c < CTL_COUNT; c++)
		if ((c == CTL_UNIFIED) == v2 && cgroup_has(c, id))
			return true;
	return false;
}

/* Removing waits a moment for the last processes to finish dying: a group stays busy until their
 * exit is complete, a little after the parent has been told. */
static int remove_one(const char *path)
{
	for (int tries = 0; tries < 50; tries++) {
		struct timespec wait = { .tv_nsec = NS_PER_MS };

		if (rmdir(path) == 0 || errno == ENOENT)
			return 0;
		if (errno != EBUSY)
			return -errno;
		(void)nanosleep(&wait, NULL);
	}
	return -EBUSY;
}

int cgroup_remove(const struct digest *id, struct err *e)
{
	bool v2 = cgroup_version() == CGROUP_V2;
	char path[CGROUP_PATH];
	int result = 0;

	for (enum controller c = 0; c < CTL_COUNT; c++) {
		int r;

		if ((c == CTL_UNIFIED) != v2)
			continue;
		r = remove_one(cgroup_path(c, id, NULL, path));
		if (r < 0)
			result = err_set(
				e, ERR_SYSTEM, -r, "remove the control group \"%s\"", path);
	}
	return result;
}
