#include "keeper/record.h"

#define CAPS_KNOWN	((1ull << 41) - 1)
#define FLAGS_KNOWN	0x1fu
#define LIMITS_KNOWN	0xffu
#define MEMORY_MIN	(6ll << 20)
#define EXTENT_MAX	0xfffffffeu
#define IDS_OF_AN_IMAGE 65536u

static const struct keeper_shape shapes[] = {
	{ KEEPER_CREATE, sizeof(struct keeper_create), 0, 0, "create" },
	{ KEEPER_START, sizeof(struct keeper_start), 3, 3, "start" },
	{ KEEPER_EXEC, sizeof(struct keeper_exec), 2, 5, "exec" },
	{ KEEPER_SIGNAL, sizeof(struct keeper_signal), 0, 0, "signal" },
	{ KEEPER_FREEZE, sizeof(struct keeper_freeze), 0, 0, "freeze" },
	{ KEEPER_UPDATE, sizeof(struct keeper_update), 0, 0, "update" },
	{ KEEPER_REMOVE, sizeof(struct keeper_id), 0, 0, "remove" },
	{ KEEPER_JOB, sizeof(struct keeper_job), 1, 2, "job" },
	{ KEEPER_LAYER_COMMIT, sizeof(struct keeper_layer), 0, 0, "layer commit" },
	{ KEEPER_LAYER_REMOVE, sizeof(struct keeper_layer), 0, 0, "layer remove" },
};

const struct keeper_shape *keeper_shape(uint16_t op)
{
	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++)
		if (shapes[i].op == op)
			return &shapes[i];
	return NULL;
}

/* Field checks: the name of the first bad field, or NULL. */
static const char *bad_limits(const struct keeper_limits *l)
{
	if (l->set & ~LIMITS_KNOWN)
		return "limits.set";
	return l->pad ? "limits.pad" : NULL;
}

static const char *bad_join(uint8_t ns, const struct digest *of)
{
	if (ns > KEEPER_NS_CONTAINER)
		return "namespace";
	return (ns == KEEPER_NS_CONTAINER) == digest_is_zero(of) ? "joined container" : NULL;
}

static const char *bad_extras(const struct keeper_create *c)
{
	if (c->extra_ids > KEEPER_EXTENTS_MAX)
		return "extra_ids";
	for (uint32_t i = 0; i < c->extra_ids; i++)
		if (c->extra[i] < IDS_OF_AN_IMAGE || c->extra[i] > EXTENT_MAX)
			return "extra";
	return NULL;
}

static const char *bad_layers(const struct keeper_create *c)
{
	if (c->nlayers > KEEPER_LAYERS_MAX)
		return "nlayers";
	for (uint32_t i = 0; i < c->nlayers; i++)
		if (digest_is_zero(&c->layers[i]))
			return "layers";
	return NULL;
}

static const char *bad_create_body(const struct keeper_create *c)
{
	const char *bad = NULL;

	if (digest_is_zero(&c->id))
		return "id";
	if ((c->flags & ~FLAGS_KNOWN) || c->pad)
		return "flags";
	if (c->oom_score_adj < -1000 || c->oom_score_adj > 1000)
		return "oom_score_adj";
	if (c->userns > KEEPER_NS_HOST || c->utsns > KEEPER_NS_HOST || c->cgroupns > KEEPER_NS_HOST)
		return "namespace";
	if (c->seccomp > KEEPER_SECCOMP_UNCONFINED)
		return "seccomp";
	if (c->caps & ~CAPS_KNOWN)
		return "caps";
	if ((bad = bad_join(c->netns, &c->net_of)) || (bad = bad_join(c->pidns, &c->pid_of)) ||
		(bad = bad_join(c->ipcns, &c->ipc_of)))
		return bad;
	if ((bad = bad_limits(&c->limits)) || (bad = bad_extras(c)))
		return bad;
	return bad_layers(c);
}

static const char *bad_create(const void *p, unsigned nfds)
{
	(void)nfds;
	return bad_create_body(p);
}

static const char *bad_start(const void *p, unsigned nfds)
{
	const struct keeper_start *s = p;

	(void)nfds;
	if (s->pad || (s->flags & ~(uint32_t)(KEEPER_START_TTY | KEEPER_START_STDIN |
					      KEEPER_START_VOLATILE)))
		return "flags";
	return digest_is_zero(&s->id) ? "id" : NULL;
}

static const char *bad_exec(const void *p, unsigned nfds)
{
	const struct keeper_exec *x = p;

	if (x->pad || (x->flags & ~(uint32_t)(KEEPER_EXEC_TTY | KEEPER_EXEC_PRIVILEGED)))
		return "flags";
	if (nfds != ((x->flags & KEEPER_EXEC_TTY) ? 2 : 5))
		return "descriptors";
	return digest_is_zero(&x->id) ? "id" : NULL;
}

static const char *bad_signal(const void *p, unsigned nfds)
{
	const struct keeper_signal *s = p;

	(void)nfds;
	if (s->signal < 1 || s->signal > 64)
		return "signal";
	return s->all > 1 ? "all" : NULL;
}

static const char *bad_freeze(const void *p, unsigned nfds)
{
	const struct keeper_freeze *f = p;

	(void)nfds;
	return f->frozen > 1 || f->pad ? "frozen" : NULL;
}

static const char *bad_update(const void *p, unsigned nfds)
{
	(void)nfds;
	return bad_limits(&((const struct keeper_update *)p)->limits);
}

static const char *bad_job(const void *p, unsigned nfds)
{
	const struct keeper_job *j = p;

	if (j->kind < KEEPER_JOB_UNPACK || j->kind > KEEPER_JOB_MEASURE || j->pad)
		return "kind";
	if (nfds != (j->kind == KEEPER_JOB_MEASURE ? 1 : 2))
		return "descriptors";
	return (j->kind == KEEPER_JOB_ARCHIVE) != digest_is_zero(&j->target) ? "target" : NULL;
}

static const char *bad_layer(const void *p, unsigned nfds)
{
	(void)nfds;
	return digest_is_zero(&((const struct keeper_layer *)p)->layer) ? "layer" : NULL;
}

typedef const char *bad_fn(const void *body, unsigned nfds);
static bad_fn *const bad[] = {
	[KEEPER_CREATE] = bad_create,
	[KEEPER_START] = bad_start,
	[KEEPER_EXEC] = bad_exec,
	[KEEPER_SIGNAL] = bad_signal,
	[KEEPER_FREEZE] = bad_freeze,
	[KEEPER_UPDATE] = bad_update,
	[KEEPER_REMOVE] = NULL,
	[KEEPER_JOB] = bad_job,
	[KEEPER_LAYER_COMMIT] = bad_layer,
	[KEEPER_LAYER_REMOVE] = bad_layer,
};

int keeper_record_check(uint16_t op, const void *body, size_t size, unsigned nfds, struct err *e)
{
	const struct keeper_shape *shape = keeper_shape(op);
	const char *field;

	if (!shape)
		return err_set(e, ERR_CORRUPT, EPROTO, "unknown operation %u", op);
	if (size != shape->size)
		return err_set(e, ERR_CORRUPT, EPROTO, "%s: %zu bytes instead of %u", shape->name,
			size, shape->size);
	if (nfds < shape->fds_min || nfds > shape->fds_max)
		return err_set(e, ERR_CORRUPT, EPROTO, "%s: %u descriptors", shape->name, nfds);
	field = bad[op] ? bad[op](body, nfds) : NULL;
	if (field)
		return err_set(e, ERR_CORRUPT, EPROTO, "%s: bad %s", shape->name, field);
	return 0;
}

static int limit_error(struct err *e, const char *what)
{
	return err_set(e, ERR_INVALID, EINVAL, "%s", what);
}

int keeper_limits_check(const struct keeper_limits *l, struct err *e)
{
	if ((l->set & KEEPER_LIMIT_MEMORY) && l->memory_bytes != -1 && l->memory_bytes < MEMORY_MIN)
		return limit_error(e, "Minimum memory limit allowed is 6MB");
	if ((l->set & KEEPER_LIMIT_MEMORY_SWAP) && l->memory_swap_bytes < -1)
		return limit_error(e, "memory swap limit must be -1 or not negative");
	if ((l->set & KEEPER_LIMIT_MEMORY_RESERVATION) && l->memory_reservation_bytes < -1)
		return limit_error(e, "memory reservation must be -1 or not negative");
	if ((l->set & KEEPER_LIMIT_CPU_SHARES) && (l->cpu_shares < 2 || l->cpu_shares > 262144))
		return limit_error(e, "cpu shares must be between 2 and 262144");
	if ((l->set & KEEPER_LIMIT_CPU_QUOTA) &&
		((l->cpu_quota_us != -1 && l->cpu_quota_us < 1000) || l->cpu_period_us < 1000 ||
			l->cpu_period_us > 1000000))
		return limit_error(e, "CPU cfs quota can not be less than 1ms (i.e. 1000), and the "
				      "period must be between 1ms and 1s");
	if ((l->set & KEEPER_LIMIT_PIDS) && (l->pids < -1 || l->pids == 0))
		return limit_error(e, "pids limit must be -1 or positive");
	return 0;
}

void keeper_limits_merge(struct keeper_limits *into, const struct keeper_limits *from)
{
	uint32_t set = from->set;

	into->set |= set;
	if (set & KEEPER_LIMIT_MEMORY)
		into->memory_bytes = from->memory_bytes;
	if (set & KEEPER_LIMIT_MEMORY_SWAP)
		into->memory_swap_bytes = from->memory_swap_bytes;
	if (set & KEEPER_LIMIT_MEMORY_RESERVATION)
		into->memory_reservation_bytes = from->memory_reservation_bytes;
	if (set & KEEPER_LIMIT_CPU_SHARES)
		into->cpu_shares = from->cpu_shares;
	if (set & KEEPER_LIMIT_CPU_QUOTA) {
		into->cpu_quota_us = from->cpu_quota_us;
		into->cpu_period_us = from->cpu_period_us;
	}
	if (set & KEEPER_LIMIT_CPUSET_CPUS)
		memcpy(into->cpuset_cpus, from->cpuset_cpus, sizeof(into->cpuset_cpus));
	if (set & KEEPER_LIMIT_CPUSET_MEMS)
		memcpy(into->cpuset_mems, from->cpuset_mems, sizeof(into->cpuset_mems));
	if (set & KEEPER_LIMIT_PIDS)
		into->pids = from->pids;
}

/* n bytes are there of a record that was written with size bytes and that we know whole of. */
static bool whole(size_t n, uint32_t size, size_t min, size_t whole_of)
{
	return size >= min && n == MIN((size_t)size, whole_of);
}

int keeper_grant_check(const void *p, size_t n, const struct digest *id)
{
	const struct keeper_grant *g = p;

	if (n < KEEPER_GRANT_MIN || g->magic != KEEPER_GRANT_MAGIC ||
		!version_readable(g->version, KEEPER_GRANT_VERSION) ||
		!whole(n, g->size, KEEPER_GRANT_MIN, sizeof(*g)))
		return -EBADMSG;
	if (g->cls < KEEPER_CLASS_ROOT || g->cls > KEEPER_CLASS_REMOTE)
		return -EBADMSG;
	if (!digest_eq(&g->create.id, id) || bad_create_body(&g->create))
		return -EBADMSG;
	return 0;
}

int keeper_run_check(const void *p, size_t n, const struct digest *id)
{
	const struct keeper_run *r = p;

	if (n < KEEPER_RUN_MIN || r->magic != KEEPER_RUN_MAGIC ||
		!version_readable(r->version, KEEPER_RUN_VERSION) ||
		!whole(n, r->size, KEEPER_RUN_MIN, sizeof(*r)))
		return -EBADMSG;
	if (!digest_eq(&r->id, id) || r->shim <= 1 || r->init < 0 || r->init == 1)
		return -EBADMSG;
	return memchr(r->boot, '\0', sizeof(r->boot)) ? 0 : -EBADMSG;
}
