#include "container/container-int.h"

#include <sys/sysinfo.h>

#define MEMORY_MIN   (6ll << 20)
#define PIDS_DEFAULT 4096
#define NANO	     1000000000ll

static int bad(struct err *e, const char *text)
{
	return err_set(e, ERR_INVALID, 0, "%s", text);
}

static void set_int(json_t *r, const char *key, int64_t v)
{
	json_object_set_new(r, key, json_integer(v));
}

/* The command sends -1 for "not given". */
static int check_swappiness(json_t *r, bool cgroup_v2, json_t *warnings, struct err *e)
{
	int64_t v = jint(r, "MemorySwappiness");

	if (json_is_null(json_object_get(r, "MemorySwappiness")) || v == -1) {
		json_object_set_new(r, "MemorySwappiness", json_null());
		return 0;
	}
	if (v < 0 || v > 100)
		return err_set(e, ERR_INVALID, 0,
			"Invalid value: %lld, valid memory swappiness range is 0-100",
			(long long)v);
	(void)cgroup_v2;
	warn(warnings,
		"Your kernel does not support memory swappiness capabilities or the cgroup is "
		"not mounted. Memory swappiness discarded.");
	json_object_set_new(r, "MemorySwappiness", json_null());
	return 0;
}

static int check_reservation(int64_t memory, int64_t reservation, struct err *e)
{
	if (reservation > 0 && reservation < MEMORY_MIN)
		return bad(e, "Minimum memory reservation allowed is 6MB");
	if (memory > 0 && reservation > 0 && memory < reservation)
		return bad(e, "Minimum memory limit can not be less than memory reservation limit, "
			      "see usage");
	if (reservation < 0)
		return bad(e, "Minimum memory reservation allowed is 6MB");
	return 0;
}

static int check_memory(json_t *r, bool update, bool cgroup_v2, json_t *warnings, struct err *e)
{
	int64_t memory = jint(r, "Memory"), swap = jint(r, "MemorySwap");
	int x;

	if (memory != 0 && memory < MEMORY_MIN)
		return bad(e, "Minimum memory limit allowed is 6MB");
	if (memory > 0 && swap > 0 && swap < memory)
		return bad(e,
			"Minimum memoryswap limit should be larger than memory limit, see usage");
	if (memory == 0 && swap > 0 && !update)
		return bad(e,
			"You should always set the Memory limit when using Memoryswap limit, see "
			"usage");
	if (swap < -1)
		return bad(e,
			"Minimum memoryswap limit should be larger than memory limit, see usage");
	x = check_swappiness(r, cgroup_v2, warnings, e);
	if (x == 0)
		x = check_reservation(memory, jint(r, "MemoryReservation"), e);
	if (x < 0)
		return x;
	if (jint(r, "KernelMemory") > 0) {
		warn(warnings,
			"Your kernel does not support kernel memory limit capabilities or the "
			"cgroup is not mounted. Limitation discarded.");
		json_object_del(r, "KernelMemory");
	}
	if (jbool(r, "OomKillDisable"))
		warn(warnings,
			"Your kernel does not support OomKillDisable. OomKillDisable discarded.");
	json_object_set_new(r, "OomKillDisable", cgroup_v2 ? json_null() : json_false());
	return 0;
}

static int check_nano_cpus(const json_t *r, struct err *e)
{
	int64_t nano = jint(r, "NanoCpus");
	int n = get_nprocs();

	if (nano > 0 && jint(r, "CpuPeriod") > 0)
		return bad(e, "Conflicting options: Nano CPUs and CPU Period cannot both be set");
	if (nano > 0 && jint(r, "CpuQuota") > 0)
		return bad(e, "Conflicting options: Nano CPUs and CPU Quota cannot both be set");
	if (nano < 0 || nano > n * NANO)
		return err_set(e, ERR_INVALID, 0,
			"range of CPUs is from 0.01 to %d.00, as there are only %d CPUs available",
			n, n);
	return 0;
}

static int check_cpu(json_t *r, json_t *warnings, struct err *e)
{
	int64_t shares = jint(r, "CpuShares"), period = jint(r, "CpuPeriod");
	int64_t quota = jint(r, "CpuQuota");
	int x = check_nano_cpus(r, e);

	if (x < 0)
		return x;
	if (jint(r, "CpuRealtimePeriod") || jint(r, "CpuRealtimeRuntime"))
		return bad(e, "kernel does not support CPU real-time scheduler");
	if (shares < 0)
		return err_set(e, ERR_INVALID, 0,
			"invalid CPU shares (%lld): value must be a positive integer",
			(long long)shares);
	if (period != 0 && (period < 1000 || period > 1000000))
		return bad(e,
			"CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s "
			"(i.e. 1000000)");
	if ((quota > 0 && quota < 1000) || quota < -1)
		return bad(e, "CPU cfs quota can not be less than 1ms (i.e. 1000)");
	if (jint(r, "CpuPercent") > 0) {
		warn(warnings, "linux does not support CPU percent. Percent discarded.");
		set_int(r, "CpuPercent", 0);
	}
	return 0;
}

static int check_cpuset(
	const json_t *r, const char *member, const char *what, const char *noun, struct err *e)
{
	uint64_t want[KEEPER_CPUS_MAX / 64], have[KEEPER_CPUS_MAX / 64];
	size_t nbits = streq(what, "node") ? 256 : KEEPER_CPUS_MAX;
	const char *text = jstr(r, member);
	char online[128];
	int x = cpuset_parse(text, want, nbits);

	if (x == -EINVAL)
		return err_set(e, ERR_INVALID, 0, "Invalid value %s for cpuset %s: failed to parse",
			text, streq(what, "node") ? "mems" : "cpus");
	cpuset_online(what, online, sizeof(online));
	if (!text[0] || (!online[0] && x == 0))
		return 0;
	if (x == 0 && cpuset_parse(online, have, nbits) == 0) {
		for (size_t i = 0; i < nbits / 64; i++)
			if (want[i] & ~have[i])
				x = -ERANGE;
	}
	if (x == 0)
		return 0;
	return err_set(e, ERR_INVALID, 0,
		"Requested %s are not available - requested %s, available: %s", noun, text, online);
}

/* The command sends 0 for "not given"; -1 is unlimited.  An update keeps what there is when the
 * member is null. */
static void fix_pids(json_t *r, bool update)
{
	json_t *v = json_object_get(r, "PidsLimit");
	int64_t n = json_integer_value(v);

	if (update) {
		if (json_is_integer(v) && n <= 0)
			set_int(r, "PidsLimit", -1);
		return;
	}
	if (n == 0)
		n = PIDS_DEFAULT;
	set_int(r, "PidsLimit", n < 0 ? -1 : n);
}

/* Members of HostConfig.Resources in docker's order of checks; adapts r in place. */
int resources_check(json_t *r, bool update, bool cgroup_v2, json_t *warnings, struct err *e)
{
	int x = check_memory(r, update, cgroup_v2, warnings, e);

	if (x == 0)
		x = check_cpu(r, warnings, e);
	if (x == 0)
		x = check_cpuset(r, "CpusetCpus", "cpu", "CPUs", e);
	if (x == 0)
		x = check_cpuset(r, "CpusetMems", "node", "memory nodes", e);
	if (x < 0)
		return x;
	if (jint(r, "IOMaximumBandwidth"))
		return bad(e,
			"invalid option: QoS maximum bandwidth configuration is not supported on linux");
	if (jint(r, "IOMaximumIOps"))
		return bad(e,
			"invalid option: QoS maximum IOPs configuration is not supported on linux");
	fix_pids(r, update);
	/* Memory alone means no swap beside it (docker: as much again); --memory-swap decides. */
	if (!update && jint(r, "Memory") > 0 && jint(r, "MemorySwap") == 0)
		set_int(r, "MemorySwap", jint(r, "Memory"));
	return 0;
}

static void limit_cpu(const json_t *r, struct keeper_limits *l)
{
	int64_t nano = jint(r, "NanoCpus"), quota = jint(r, "CpuQuota"),
		period = jint(r, "CpuPeriod");

	if (nano > 0) {
		l->set |= KEEPER_LIMIT_CPU_QUOTA;
		l->cpu_period_us = 100000;
		l->cpu_quota_us = MAX(nano * 100000 / NANO, (int64_t)1000);
	} else if (quota || period) {
		l->set |= KEEPER_LIMIT_CPU_QUOTA;
		l->cpu_period_us = period ? (uint64_t)period : 100000;
		l->cpu_quota_us = quota ? quota : -1;
	}
	if (jint(r, "CpuShares") > 0) {
		int64_t shares = MAX(jint(r, "CpuShares"), (int64_t)2);

		shares = MIN(shares, (int64_t)262144);
		l->set |= KEEPER_LIMIT_CPU_SHARES;
		l->cpu_shares = (uint64_t)shares;
	}
	if (*jstr(r, "CpusetCpus") &&
		cpuset_parse(jstr(r, "CpusetCpus"), l->cpuset_cpus, KEEPER_CPUS_MAX) == 0)
		l->set |= KEEPER_LIMIT_CPUSET_CPUS;
	if (*jstr(r, "CpusetMems") && cpuset_parse(jstr(r, "CpusetMems"), l->cpuset_mems, 256) == 0)
		l->set |= KEEPER_LIMIT_CPUSET_MEMS;
}

void resources_limits(const json_t *r, struct keeper_limits *ret)
{
	static const struct {
		const char *member;
		enum keeper_limit bit;
		size_t at;
	} sizes[] = {
		{ "Memory", KEEPER_LIMIT_MEMORY, offsetof(struct keeper_limits, memory_bytes) },
		{ "MemorySwap", KEEPER_LIMIT_MEMORY_SWAP,
			offsetof(struct keeper_limits, memory_swap_bytes) },
		{ "MemoryReservation", KEEPER_LIMIT_MEMORY_RESERVATION,
			offsetof(struct keeper_limits, memory_reservation_bytes) },
		{ "PidsLimit", KEEPER_LIMIT_PIDS, offsetof(struct keeper_limits, pids) },
	};

	memset(ret, 0, sizeof(*ret));
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		int64_t v = jint(r, sizes[i].member);

		if (!v)
			continue;
		ret->set |= sizes[i].bit;
		memcpy((char *)ret + sizes[i].at, &v, sizeof(v));
	}
	/* a swap limit has no meaning without one of memory */
	if (!(ret->set & KEEPER_LIMIT_MEMORY))
		ret->set &= ~(uint32_t)KEEPER_LIMIT_MEMORY_SWAP;
	limit_cpu(r, ret);
}
