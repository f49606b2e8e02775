/*
 * The reading half: what `docker stats` and `docker top` show.  A file this kernel lacks reads as
 * 0.
 */
#include "cgroup/cgroup-int.h"

#include <fcntl.h>

#define PIDS_MAX 65536
#define USER_HZ	 100

static uint64_t number(enum controller c, const struct digest *id, const char *file)
{
	uint64_t v = 0;

	return cgroup_read_u64(c, id, file, &v) < 0 ? 0 : v;
}

static uint64_t keyed(enum controller c, const struct digest *id, const char *file, const char *key)
{
	uint64_t v = 0;

	return cgroup_read_key(c, id, file, key, &v) < 0 ? 0 : v;
}

static void stats_v1(const struct digest *id, struct cgroup_stats *s)
{
	const uint64_t tick_ns = NS_PER_SEC / USER_HZ;

	s->cpu_total_ns = number(CTL_CPUACCT, id, "cpuacct.usage");
	s->cpu_user_ns = keyed(CTL_CPUACCT, id, "cpuacct.stat", "user") * tick_ns;
	s->cpu_system_ns = keyed(CTL_CPUACCT, id, "cpuacct.stat", "system") * tick_ns;
	s->throttle_periods = keyed(CTL_CPU, id, "cpu.stat", "nr_periods");
	s->throttled_periods = keyed(CTL_CPU, id, "cpu.stat", "nr_throttled");
	s->throttled_ns = keyed(CTL_CPU, id, "cpu.stat", "throttled_time");
	s->memory_bytes = number(CTL_MEMORY, id, "memory.usage_in_bytes");
	s->memory_max_bytes = number(CTL_MEMORY, id, "memory.max_usage_in_bytes");
	s->memory_limit_bytes = number(CTL_MEMORY, id, "memory.limit_in_bytes");
	s->memory_failcnt = number(CTL_MEMORY, id, "memory.failcnt");
	s->memory_inactive_file = keyed(CTL_MEMORY, id, "memory.stat", "total_inactive_file");
	s->memory_cache = keyed(CTL_MEMORY, id, "memory.stat", "total_cache");
	s->memory_rss = keyed(CTL_MEMORY, id, "memory.stat", "total_rss");
	s->oom_kills = keyed(CTL_MEMORY, id, "memory.oom_control", "oom_kill");
	s->pids = number(CTL_PIDS, id, "pids.current");
	s->pids_limit = number(CTL_PIDS, id, "pids.max");
}

static void stats_v2(const struct digest *id, struct cgroup_stats *s)
{
	const enum controller u = CTL_UNIFIED;

	s->cpu_total_ns = keyed(u, id, "cpu.stat", "usage_usec") * NS_PER_US;
	s->cpu_user_ns = keyed(u, id, "cpu.stat", "user_usec") * NS_PER_US;
	s->cpu_system_ns = keyed(u, id, "cpu.stat", "system_usec") * NS_PER_US;
	s->throttle_periods = keyed(u, id, "cpu.stat", "nr_periods");
	s->throttled_periods = keyed(u, id, "cpu.stat", "nr_throttled");
	s->throttled_ns = keyed(u, id, "cpu.stat", "throttled_usec") * NS_PER_US;
	s->memory_bytes = number(u, id, "memory.current");
	s->memory_max_bytes = number(u, id, "memory.peak");
	s->memory_limit_bytes = number(u, id, "memory.max");
	s->memory_failcnt = keyed(u, id, "memory.events", "max");
	s->memory_inactive_file = keyed(u, id, "memory.stat", "inactive_file");
	s->memory_cache = keyed(u, id, "memory.stat", "file");
	s->memory_rss = keyed(u, id, "memory.stat", "anon");
	s->oom_kills = keyed(u, id, "memory.events", "oom_kill");
	s->pids = number(u, id, "pids.current");
	s->pids_limit = number(u, id, "pids.max");
}

int cgroup_stats(const struct digest *id, struct cgroup_stats *ret, struct err *e)
{
	bool v2 = cgroup_version() == CGROUP_V2;
	struct cgroup_stats s = { 0 };

	if (!cgroup_has(v2 ? CTL_UNIFIED : CTL_MEMORY, id))
		return err_set(e, ERR_NOT_FOUND, 0, "the container has no control group");
	if (v2)
		stats_v2(id, &s);
	else
		stats_v1(id, &s);
	*ret = s;
	return 0;
}

int cgroup_pids(const struct digest *id, pid_t **ret, size_t *ret_n, struct err *e)
{
	enum controller c = cgroup_version() == CGROUP_V2 ? CTL_UNIFIED : CTL_PIDS;
	auto_buf struct buf text = BUF(PIDS_MAX * 8);
	char path[CGROUP_PATH];
	auto_close int fd = open(cgroup_path(c, id, "cgroup.procs", path), O_RDONLY | O_CLOEXEC);
	pid_t *pids = NULL;
	size_t n = 0;
	struct str rest;
	int r;

	if (fd < 0)
		return err_set(e, ERR_NOT_FOUND, errno, "the container has no control group");
	r = buf_read_fd(&text, fd);
	if (r < 0)
		return err_set(e, ERR_SYSTEM, -r, "read \"%s\"", path);
	pids = xcalloc(text.n / 2 + 1, sizeof(*pids));
	rest = buf_view(&text);
	while (rest.p) {
		uint32_t pid;

		/* 0 is a process of another pid namespace: not ours to name. */
		if (num_u32(str_cut(&rest, '\n'), INT32_MAX, &pid) && pid)
			pids[n++] = (pid_t)pid;
	}
	*ret = pids;
	*ret_n = n;
	return 0;
}
