/*
 * Stopping, thawing and killing everything in a group.
 */
#include "cgroup/cgroup-int.h"

#include <signal.h>

#define FREEZE_LIMIT_MS 10000

static bool holds(const struct digest *id, bool frozen)
{
	char text[64];
	uint64_t v;

	if (cgroup_version() == CGROUP_V2)
		return cgroup_read_key(CTL_UNIFIED, id, "cgroup.events", "frozen", &v) == 0 &&
		       (v == 1) == frozen;
	return cgroup_read(CTL_FREEZER, id, "freezer.state", text, sizeof(text)) > 0 &&
	       streq(text, frozen ? "FROZEN\n" : "THAWED\n");
}

static int ask(const struct digest *id, bool frozen)
{
	if (cgroup_version() == CGROUP_V2)
		return cgroup_write(CTL_UNIFIED, id, "cgroup.freeze", frozen ? "1" : "0");
	return cgroup_write(CTL_FREEZER, id, "freezer.state", frozen ? "FROZEN" : "THAWED");
}

int cgroup_freeze(const struct digest *id, bool frozen, struct err *e)
{
	struct timespec wait = { .tv_nsec = NS_PER_MS };
	int r;

	for (int ms = 0; ms < FREEZE_LIMIT_MS; ms++) {
		/* v1 may need to be asked again: a process that forks while it is frozen keeps
		 * the group in FREEZING (freezer-subsystem.txt). */
		r = ask(id, frozen);
		if (r < 0)
			return err_set(
				e, ERR_SYSTEM, -r, "%s the container", frozen ? "freeze" : "thaw");
		if (holds(id, frozen))
			return 0;
		(void)nanosleep(&wait, NULL);
	}
	if (frozen)
		(void)ask(id, false);
	return err_set(e, ERR_SYSTEM, ETIMEDOUT, "%s the container", frozen ? "freeze" : "thaw");
}

int cgroup_kill(const struct digest *id, int signal, struct err *e)
{
	auto_free pid_t *pids = NULL;
	size_t n;
	int r;

	if (signal == SIGKILL && cgroup_version() == CGROUP_V2 &&
		cgroup_write(CTL_UNIFIED, id, "cgroup.kill", "1") == 0)
		return 0;
	r = cgroup_pids(id, &pids, &n, e);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++)
		if (kill(pids[i], signal) < 0 && errno != ESRCH)
			return err_set(e, ERR_SYSTEM, errno, "signal process %d", pids[i]);
	return 0;
}
