/* Docker's StatsResponse as JSON. */
#include "api/stream-int.h"

static json_t *u64(uint64_t v)
{
	return json_integer((json_int_t)MIN(v, (uint64_t)INT64_MAX));
}

static json_t *time_text(uint64_t ns)
{
	char at[CLOCK_TEXT];

	return json_string(clock_rfc3339_short(ns, at));
}

static json_t *cpu(const struct stats_sample *s)
{
	const struct cgroup_stats *g = &s->cg;
	json_t *o = json_pack("{s:{s:o, s:o, s:o}}", "cpu_usage", "total_usage",
		u64(g->cpu_total_ns), "usage_in_kernelmode", u64(g->cpu_system_ns),
		"usage_in_usermode", u64(g->cpu_user_ns));

	if (s->read_ns) {
		(void)json_object_set_new(o, "system_cpu_usage", u64(s->host.total_ns));
		(void)json_object_set_new(o, "online_cpus", u64(s->host.online));
	}
	(void)json_object_set_new(o, "throttling_data",
		json_pack("{s:o, s:o, s:o}", "periods", u64(g->throttle_periods),
			"throttled_periods", u64(g->throttled_periods), "throttled_time",
			u64(g->throttled_ns)));
	return o;
}

static json_t *blkio_row(const char *op, uint64_t bytes)
{
	return json_pack(
		"{s:i, s:i, s:s, s:o}", "major", 0, "minor", 0, "op", op, "value", u64(bytes));
}

/* The group is read as sums, so there is one row per direction, of device 0:0. */
static json_t *blkio(const struct stats_sample *s)
{
	static const char *const empty[] = { "io_serviced_recursive", "io_queue_recursive",
		"io_service_time_recursive", "io_wait_time_recursive", "io_merged_recursive",
		"io_time_recursive", "sectors_recursive" };
	json_t *o = json_object(), *bytes = json_null();
	const struct cgroup_stats *g = &s->cg;

	if (g->blk_read_bytes || g->blk_write_bytes)
		bytes = json_pack("[o, o]", blkio_row("read", g->blk_read_bytes),
			blkio_row("write", g->blk_write_bytes));
	(void)json_object_set_new(o, "io_service_bytes_recursive", bytes);
	for (size_t i = 0; i < ARRAY_SIZE(empty); i++)
		(void)json_object_set_new(o, empty[i], json_null());
	return o;
}

static json_t *memory_v1(const struct cgroup_stats *g)
{
	return json_pack("{s:o, s:o, s:{s:o, s:o, s:o, s:o, s:o, s:o}, s:o}", "usage",
		u64(g->memory_bytes), "max_usage", u64(g->memory_max_bytes), "stats", "cache",
		u64(g->memory_cache), "inactive_file", u64(g->memory_inactive_file), "rss",
		u64(g->memory_rss), "total_cache", u64(g->memory_cache), "total_inactive_file",
		u64(g->memory_inactive_file), "total_rss", u64(g->memory_rss), "failcnt",
		u64(g->memory_failcnt));
}

static json_t *memory_v2(const struct cgroup_stats *g)
{
	return json_pack("{s:o, s:{s:o, s:o, s:o}}", "usage", u64(g->memory_bytes), "stats", "anon",
		u64(g->memory_rss), "file", u64(g->memory_cache), "inactive_file",
		u64(g->memory_inactive_file));
}

/* Without a limit of its own a container is limited by the machine. */
static json_t *memory(const struct stats_sample *s, bool v2, uint64_t host_memory)
{
	const struct cgroup_stats *g = &s->cg;
	uint64_t limit = g->memory_limit_bytes;
	json_t *o;

	if (!s->read_ns)
		return json_object();
	o = v2 ? memory_v2(g) : memory_v1(g);
	if (host_memory && (limit == 0 || limit > host_memory))
		limit = host_memory;
	(void)json_object_set_new(o, "limit", u64(limit));
	return o;
}

static json_t *pids(const struct stats_sample *s)
{
	json_t *o = json_object();

	if (!s->read_ns)
		return o;
	(void)json_object_set_new(o, "current", u64(s->cg.pids));
	if (s->cg.pids_limit && s->cg.pids_limit != UINT64_MAX)
		(void)json_object_set_new(o, "limit", u64(s->cg.pids_limit));
	return o;
}

json_t *stats_document(const char *name, const char *id, const struct stats_sample *now,
	const struct stats_sample *before, bool cgroup_v2, uint64_t host_memory)
{
	json_t *o = json_object();

	(void)json_object_set_new(o, "name", json_sprintf("/%s", name));
	(void)json_object_set_new(o, "id", json_string(id));
	(void)json_object_set_new(o, "read", time_text(now->read_ns));
	(void)json_object_set_new(o, "preread", time_text(before->read_ns));
	(void)json_object_set_new(o, "pids_stats", pids(now));
	(void)json_object_set_new(o, "blkio_stats", blkio(now));
	(void)json_object_set_new(o, "num_procs", json_integer(0));
	(void)json_object_set_new(o, "storage_stats", json_object());
	(void)json_object_set_new(o, "cpu_stats", cpu(now));
	(void)json_object_set_new(o, "precpu_stats", cpu(before));
	(void)json_object_set_new(o, "memory_stats", memory(now, cgroup_v2, host_memory));
	if (json_object_size(now->networks))
		(void)json_object_set(o, "networks", now->networks);
	return o;
}
