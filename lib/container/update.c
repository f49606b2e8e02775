#include "container/container-int.h"

static const struct field update_fields[] = {
	{ "RestartPolicy", FIELD_OBJECT },
	{ NULL },
};

/* Members that an update takes over when they are not 0 or empty. */
static const char *const members[] = { "CpuShares", "NanoCpus", "CpuPeriod", "CpuQuota",
	"CpusetCpus", "CpusetMems", "Memory", "MemorySwap", "MemoryReservation", "PidsLimit" };

static int check_conflicts(const json_t *now, const json_t *u, struct err *e)
{
	static const struct {
		const char *want, *have, *text;
	} rules[] = {
		{ "NanoCpus", "CpuPeriod", "Nano CPUs cannot be updated as CPU Period" },
		{ "NanoCpus", "CpuQuota", "Nano CPUs cannot be updated as CPU Quota" },
		{ "CpuPeriod", "NanoCpus", "CPU Period cannot be updated as NanoCPUs" },
		{ "CpuQuota", "NanoCpus", "CPU Quota cannot be updated as NanoCPUs" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
		if (jint(u, rules[i].want) > 0 && jint(now, rules[i].have) > 0)
			return err_set(e, ERR_CONFLICT, 0,
				"Conflicting options: %s has already been set", rules[i].text);
	return 0;
}

/* Memory alone: the swap limit follows when it was memory's shadow (ours), else docker's rule. */
static int follow_swap(const json_t *now, json_t *u, struct err *e)
{
	const int64_t memory = jint(u, "Memory"), swap = jint(now, "MemorySwap");

	if (memory == 0 || jint(u, "MemorySwap") != 0)
		return 0;
	if (swap == jint(now, "Memory"))
		json_object_set_new(u, "MemorySwap", json_integer(memory));
	else if (swap >= 0 && memory > swap)
		return err_set(e, ERR_CONFLICT, 0,
			"Memory limit should be smaller than already set memoryswap limit, update the "
			"memoryswap at the same time");
	return 0;
}

static int check_policy(const struct container *c, const json_t *u, struct err *e)
{
	struct restart_policy p;
	int r = restart_policy_parse(u, &p, e);

	if (r == 0 && c->auto_remove && p.kind != RESTART_NO)
		r = err_set(e, ERR_CONFLICT, 0,
			"Restart policy cannot be updated because AutoRemove is enabled for the "
			"container");
	return r;
}

/* The new HostConfig, complete. */
static int merge(struct container *c, json_t *u, json_t *merged, struct err *e)
{
	const json_t *now = c->host_config;
	int r;

	if (c->removing || c->dead)
		return err_set(e, ERR_CONFLICT, 0,
			"container is marked for removal and cannot be \"update\"");
	r = check_conflicts(now, u, e);
	if (r == 0)
		r = follow_swap(now, u, e);
	if (r == 0)
		r = check_policy(c, u, e);
	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(members); i++)
		if (!field_empty(json_object_get(u, members[i])))
			json_object_set(merged, members[i], json_object_get(u, members[i]));
	if (*jstr(json_object_get(u, "RestartPolicy"), "Name"))
		json_object_set(merged, "RestartPolicy", json_object_get(u, "RestartPolicy"));
	return 0;
}

/* What belongs together goes together: a quota with its period, a swap limit with memory. */
static void add_partners(const json_t *merged, json_t *u)
{
	static const char *const pairs[][2] = { { "MemorySwap", "Memory" },
		{ "CpuQuota", "CpuPeriod" }, { "CpuPeriod", "CpuQuota" } };

	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++)
		if (jint(u, pairs[i][0]) != 0 && jint(u, pairs[i][1]) == 0)
			json_object_set(u, pairs[i][1], json_object_get(merged, pairs[i][1]));
}

/* The keeper first: it changes the grant and, when there is one, the running group. */
static int apply(struct container *c, json_t *u, json_t *merged, struct err *e)
{
	struct keeper_update body = { .id = c->id };
	struct keeper_reply reply;
	int r = 0;

	add_partners(merged, u);
	resources_limits(u, &body.limits);
	if (body.limits.set)
		r = keeper_call(
			c->set->o.keeper, KEEPER_UPDATE, &body, sizeof(body), NULL, 0, &reply, e);
	if (r < 0)
		return r;
	pthread_mutex_lock(&c->lock);
	json_decref(c->host_config);
	c->host_config = json_incref(merged);
	r = persist_config(c, e);
	pthread_mutex_unlock(&c->lock);
	return r;
}

int container_update(struct container *c, const json_t *body, json_t *warnings, struct err *e)
{
	auto_json json_t *u = json_object(), *merged = NULL;
	int r = fields_read(body, resource_fields, u, e);

	if (r == 0)
		r = fields_read(body, update_fields, u, e);
	if (r == 0)
		r = resources_check(u, true, c->set->o.cgroup_v2, warnings, e);
	if (r < 0)
		return r;
	pthread_mutex_lock(&c->op);
	pthread_mutex_lock(&c->lock);
	merged = json_deep_copy(c->host_config);
	r = merge(c, u, merged, e);
	pthread_mutex_unlock(&c->lock);
	if (r == 0)
		r = apply(c, u, merged, e);
	pthread_mutex_unlock(&c->op);
	if (r < 0)
		return err_wrap(e, "Cannot update container %s", c->hex);
	container_event(c, "update", NULL);
	return 0;
}
