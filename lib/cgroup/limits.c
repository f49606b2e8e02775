/*
 * Limits: one row for each, v1 file and v2 file side by side.
 */
#include "cgroup/cgroup-int.h"
#include <fcntl.h>

#define MEMORY_NONE INT64_MAX

static int refused(struct err *e, int r, const char *what)
{
	if (r == -ENOENT)
		return err_set(e, ERR_UNSUPPORTED, 0,
			"this kernel has no control group file for the limit on %s", what);
	return err_set(
		e, ERR_INVALID, -r, "the kernel refuses the limit on %s: %s", what, strerror(-r));
}

/* ---- memory ---------------------------------------------------------------------------------- */
/* v1 wants memory <= memory+swap at every moment, so raising starts with the sum and lowering with
 * the memory: whichever order the present values need. */
static int memory_v1(const struct digest *id, int64_t memory, int64_t sum, struct err *e)
{
	int r = memory == MEMORY_NONE
			? 0
			: cgroup_write_i64(CTL_MEMORY, id, "memory.limit_in_bytes", memory);
	bool again = r == -EINVAL || r == -EBUSY;

	if (r < 0 && (!again || sum == MEMORY_NONE))
		return refused(e, r, "memory");
	if (sum != MEMORY_NONE) {
		int s = cgroup_write_i64(CTL_MEMORY, id, "memory.memsw.limit_in_bytes", sum);

		/* No swap accounting in this kernel: then there is nothing to limit. */
		if (s < 0 && s != -ENOENT)
			return refused(e, s, "memory and swap");
	}
	if (again)
		r = cgroup_write_i64(CTL_MEMORY, id, "memory.limit_in_bytes", memory);
	return r < 0 ? refused(e, r, "memory") : 0;
}

static int write_max_v2(const struct digest *id, const char *file, int64_t v)
{
	return v < 0 ? cgroup_write(CTL_UNIFIED, id, file, "max")
		     : cgroup_write_i64(CTL_UNIFIED, id, file, v);
}

/* v2 counts swap alone. */
static int memory_v2(const struct digest *id, int64_t memory, int64_t sum, struct err *e)
{
	uint64_t now = 0;
	int r = memory == MEMORY_NONE ? 0 : write_max_v2(id, "memory.max", memory);

	if (r < 0)
		return refused(e, r, "memory");
	if (sum == MEMORY_NONE)
		return 0;
	if (memory == MEMORY_NONE && cgroup_read_u64(CTL_UNIFIED, id, "memory.max", &now) == 0)
		memory = now > INT64_MAX ? -1 : (int64_t)now;
	r = write_max_v2(id, "memory.swap.max", sum < 0 || memory < 0 ? -1 : MAX(sum - memory, 0));
	return r < 0 && r != -ENOENT ? refused(e, r, "swap") : 0;
}

static int set_memory(const struct digest *id, const struct keeper_limits *l, struct err *e)
{
	int64_t memory = l->set & KEEPER_LIMIT_MEMORY ? l->memory_bytes : MEMORY_NONE;
	int64_t sum = l->set & KEEPER_LIMIT_MEMORY_SWAP ? l->memory_swap_bytes : MEMORY_NONE;

	/* Memory alone means no extra swap (docs/COMPATIBILITY.md). */
	if (sum == MEMORY_NONE)
		sum = memory;
	if (memory == MEMORY_NONE && sum == MEMORY_NONE)
		return 0;
	return cgroup_version() == CGROUP_V2 ? memory_v2(id, memory, sum, e)
					     : memory_v1(id, memory, sum, e);
}

static int set_reservation(const struct digest *id, const struct keeper_limits *l, struct err *e)
{
	int64_t v = l->memory_reservation_bytes;
	int r;

	if (!(l->set & KEEPER_LIMIT_MEMORY_RESERVATION))
		return 0;
	r = cgroup_version() == CGROUP_V2
		    ? write_max_v2(id, "memory.low", v)
		    : cgroup_write_i64(CTL_MEMORY, id, "memory.soft_limit_in_bytes", v);
	return r < 0 ? refused(e, r, "reserved memory") : 0;
}

/* ---- cpu ------------------------------------------------------------------------------------- */
static int set_shares(const struct digest *id, const struct keeper_limits *l, struct err *e)
{
	uint64_t v = l->cpu_shares;
	int r;

	if (!(l->set & KEEPER_LIMIT_CPU_SHARES))
		return 0;
	/* [2, 262144] to [1, 10000], as every OCI runtime converts. */
	r = cgroup_version() == CGROUP_V2
		    ? cgroup_write_i64(CTL_UNIFIED, id, "cpu.weight",
			      v <= 2 ? 1 : (int64_t)(1 + (MIN(v, 262144ul) - 2) * 9999 / 262142))
		    : cgroup_write_i64(CTL_CPU, id, "cpu.shares", (int64_t)v);
	return r < 0 ? refused(e, r, "processor shares") : 0;
}

static int set_quota_v2(const struct digest *id, const struct keeper_limits *l)
{
	char text[64];

	if (l->cpu_quota_us < 0)
		(void)snprintf(
			text, sizeof(text), "max %llu", (unsigned long long)l->cpu_period_us);
	else
		(void)snprintf(text, sizeof(text), "%lld %llu", (long long)l->cpu_quota_us,
			(unsigned long long)l->cpu_period_us);
	return cgroup_write(CTL_UNIFIED, id, "cpu.max", text);
}

static int set_quota(const struct digest *id, const struct keeper_limits *l, struct err *e)
{
	int r;

	if (!(l->set & KEEPER_LIMIT_CPU_QUOTA))
		return 0;
	if (cgroup_version() == CGROUP_V2) {
		r = set_quota_v2(id, l);
	} else {
		r = cgroup_write_i64(CTL_CPU, id, "cpu.cfs_period_us", (int64_t)l->cpu_period_us);
		if (r == 0)
			r = cgroup_write_i64(CTL_CPU, id, "cpu.cfs_quota_us", l->cpu_quota_us);
	}
	return r < 0 ? refused(e, r, "processor time") : 0;
}

/* ---- cpuset ---------------------------------------------------------------------------------- */
/* "0-3,8" of a bitmap; the kernel takes single numbers as well as ranges. */
static void print_set(const uint64_t *bits, size_t words, struct buf *out)
{
	size_t n = words * 64;

	for (size_t i = 0; i < n; i++) {
		size_t last = i;

		if (!(bits[i / 64] >> (i % 64) & 1))
			continue;
		while (last + 1 < n && (bits[(last + 1) / 64] >> ((last + 1) % 64) & 1))
			last++;
		(void)buf_fmt(out, "%s%zu", out->n ? "," : "", i);
		if (last > i)
			(void)buf_fmt(out, "-%zu", last);
		i = last;
	}
}

/* A fresh v1 cpuset is empty and takes no process until both of its files are filled. */
static int fill_from_parent(const struct digest *id, const char *file)
{
	char text[4096];
	ssize_t n = cgroup_read(CTL_CPUSET, id, file, text, sizeof(text));

	if (n > 1)
		return 0;
	n = cgroup_read(CTL_CPUSET, NULL, file, text, sizeof(text));
	return n < 0 ? (int)n : cgroup_write(CTL_CPUSET, id, file, text);
}

static int fill_caisson(const char *file)
{
	char text[4096], path[CGROUP_PATH];
	auto_close int fd = -EBADF;
	ssize_t n = cgroup_read(CTL_CPUSET, NULL, file, text, sizeof(text));

	if (n > 1)
		return 0;
	(void)snprintf(path, sizeof(path), "/sys/fs/cgroup/cpuset/%s", file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = fd_read_full(fd, text, sizeof(text) - 1);
	if (n < 0)
		return (int)n;
	text[n] = '\0';
	return cgroup_write(CTL_CPUSET, NULL, file, text);
}

static int make_cpuset_v1(const struct digest *id, struct err *e)
{
	static const char *const files[] = { "cpuset.cpus", "cpuset.mems" };
	int r = cgroup_make(CTL_CPUSET, id, e);

	for (size_t i = 0; i < ARRAY_SIZE(files) && r == 0; i++) {
		r = fill_caisson(files[i]);
		if (r == 0)
			r = fill_from_parent(id, files[i]);
		if (r < 0)
			return refused(e, r, "processors");
	}
	return r;
}

static int set_cpuset(const struct digest *id, const struct keeper_limits *l, struct err *e)
{
	const uint32_t both = KEEPER_LIMIT_CPUSET_CPUS | KEEPER_LIMIT_CPUSET_MEMS;
	enum controller c = cgroup_version() == CGROUP_V2 ? CTL_UNIFIED : CTL_CPUSET;
	auto_buf struct buf text = BUF(8192);
	int r = 0;

	if (!(l->set & both))
		return 0;
	if (c == CTL_CPUSET && (r = make_cpuset_v1(id, e)) < 0)
		return r;
	if (l->set & KEEPER_LIMIT_CPUSET_CPUS) {
		print_set(l->cpuset_cpus, ARRAY_SIZE(l->cpuset_cpus), &text);
		r = cgroup_write(c, id, "cpuset.cpus", buf_view(&text).p);
	}
	if (r == 0 && (l->set & KEEPER_LIMIT_CPUSET_MEMS)) {
		buf_clear(&text);
		print_set(l->cpuset_mems, ARRAY_SIZE(l->cpuset_mems), &text);
		r = cgroup_write(c, id, "cpuset.mems", buf_view(&text).p);
	}
	return r < 0 ? refused(e, r, "processors") : 0;
}

static int set_pids(const struct digest *id, const struct keeper_limits *l, struct err *e)
{
	enum controller c = cgroup_version() == CGROUP_V2 ? CTL_UNIFIED : CTL_PIDS;
	int r;

	if (!(l->set & KEEPER_LIMIT_PIDS))
		return 0;
	r = l->pids < 0 ? cgroup_write(c, id, "pids.max", "max")
			: cgroup_write_i64(c, id, "pids.max", l->pids);
	return r < 0 ? refused(e, r, "processes") : 0;
}

int cgroup_update(const struct digest *id, const struct keeper_limits *l, struct err *e)
{
	static int (*const steps[])(
		const struct digest *, const struct keeper_limits *, struct err *) = { set_memory,
		set_reservation, set_shares, set_quota, set_cpuset, set_pids };

	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		int r = steps[i](id, l, e);

		if (r < 0)
			return r;
	}
	return 0;
}
