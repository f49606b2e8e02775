#include <linux/seccomp.h>

#include "seccomp/profile-int.h"

static int arg_op(const char *word, struct seccomp_cond *c, bool *ret_masked)
{
	static const struct {
		const char *name;
		uint8_t op;
		bool masked;
	} ops[] = {
		{ "SCMP_CMP_NE", SECCOMP_NE, false },
		{ "SCMP_CMP_LT", SECCOMP_LT, false },
		{ "SCMP_CMP_LE", SECCOMP_LE, false },
		{ "SCMP_CMP_EQ", SECCOMP_EQ, false },
		{ "SCMP_CMP_GE", SECCOMP_GE, false },
		{ "SCMP_CMP_GT", SECCOMP_GT, false },
		{ "SCMP_CMP_MASKED_EQ", SECCOMP_EQ, true },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(ops); i++) {
		if (streq(word, ops[i].name)) {
			c->op = ops[i].op;
			*ret_masked = ops[i].masked;
			return 0;
		}
	}
	return -EINVAL;
}

/* {"index": 0, "value": mask or datum, "valueTwo": datum under a mask, "op": "SCMP_CMP_..."} */
static int rule_arg(const json_t *arg, struct seccomp_cond *ret, struct err *e)
{
	uint64_t index = 0, value = 0, two = 0;
	struct seccomp_cond c = { 0 };
	json_t *op = NULL;
	bool masked = false;
	int r = profile_get_u64(arg, "index", UINT32_MAX, 0, &index, e);

	if (r == 0)
		r = profile_get_u64(arg, "value", INT64_MAX, 0, &value, e);
	if (r == 0)
		r = profile_get_u64(arg, "valueTwo", INT64_MAX, 0, &two, e);
	if (r == 0)
		r = profile_get(arg, "op", JSON_STRING, &op, e);
	if (r < 0)
		return r;
	if (index >= SECCOMP_ARGS)
		return PROFILE_BAD(e, "argument index %llu is above 5", (unsigned long long)index);
	if (!op || arg_op(json_string_value(op), &c, &masked) < 0)
		return PROFILE_BAD(e, "unknown operator \"%s\"", op ? json_string_value(op) : "");
	c.arg = (uint8_t)index;
	c.mask = masked ? value : UINT64_MAX;
	c.value = masked ? two & value : value;
	*ret = c;
	return 0;
}

struct args {
	struct seccomp_cond cond[64];
	unsigned n;
	bool apart; /* an argument comes twice: each condition is a rule of its own, as in runc */
};

static int rule_args(const json_t *rule, struct args *a, struct err *e)
{
	unsigned seen = 0;
	json_t *list = NULL;
	const json_t *v;
	size_t i;
	int r = profile_get(rule, "args", JSON_ARRAY, &list, e);

	if (r < 0)
		return r;
	if (json_array_size(list) > ARRAY_SIZE(a->cond))
		return PROFILE_BAD(e, "more than 64 conditions in one rule");
	json_array_foreach(list, i, v)
	{
		r = rule_arg(v, &a->cond[a->n], e);
		if (r < 0)
			return r;
		a->apart |= seen >> a->cond[a->n].arg & 1;
		seen |= 1u << a->cond[a->n].arg;
		a->n++;
	}
	return 0;
}

static int rule_apply(
	struct profile *p, const struct seccomp_call *c, uint32_t action, const struct args *a)
{
	int r = 0;

	for (unsigned arch = 0; arch < SECCOMP_ARCHES && r == 0; arch++) {
		int nr = c->nr[arch];

		if (nr < 0)
			continue;
		p->last[arch] = MAX(p->last[arch], nr);
		if (action == p->action)
			continue; /* says what is true anyway; as runc */
		if (!a->apart)
			r = seccomp_policy_add(
				p->policy, arch, (unsigned)nr, action, a->cond, a->n);
		for (unsigned i = 0; a->apart && i < a->n && r == 0; i++)
			r = seccomp_policy_add(
				p->policy, arch, (unsigned)nr, action, &a->cond[i], 1);
	}
	return r;
}

/* i386 reaches these through socketcall and ipc as well, with the call's number in the first
 * argument and its own arguments in memory. */
static const struct mux {
	const char *name;
	uint8_t call;
	bool ipc;
} muxes[] = {
	{ "socket", 1, false },
	{ "bind", 2, false },
	{ "connect", 3, false },
	{ "listen", 4, false },
	{ "accept", 5, false },
	{ "getsockname", 6, false },
	{ "getpeername", 7, false },
	{ "socketpair", 8, false },
	{ "send", 9, false },
	{ "recv", 10, false },
	{ "sendto", 11, false },
	{ "recvfrom", 12, false },
	{ "shutdown", 13, false },
	{ "setsockopt", 14, false },
	{ "getsockopt", 15, false },
	{ "sendmsg", 16, false },
	{ "recvmsg", 17, false },
	{ "accept4", 18, false },
	{ "semop", 1, true },
	{ "semget", 2, true },
	{ "semctl", 3, true },
	{ "semtimedop", 4, true },
	{ "msgsnd", 11, true },
	{ "msgrcv", 12, true },
	{ "msgget", 13, true },
	{ "msgctl", 14, true },
	{ "shmat", 21, true },
	{ "shmdt", 22, true },
	{ "shmget", 23, true },
	{ "shmctl", 24, true },
};

/* Conditions cannot be checked there: a refusal holds without them, a permission not at all. */
static int rule_apply_mux(
	struct profile *p, const char *name, uint32_t action, const struct args *a)
{
	uint32_t kind = action & SECCOMP_RET_ACTION_FULL;
	const struct mux *m = NULL;
	const struct seccomp_call *c;
	struct seccomp_cond cond;

	for (unsigned i = 0; i < ARRAY_SIZE(muxes) && !m; i++)
		if (streq(name, muxes[i].name))
			m = &muxes[i];
	if (!m || action == p->action ||
		(a->n && (kind == SECCOMP_RET_ALLOW || kind == SECCOMP_RET_LOG)))
		return 0;
	/* The upper half of ipc's number is a version. */
	cond = (struct seccomp_cond){ 0, SECCOMP_EQ, m->ipc ? 0xffff : 0xffffffff, m->call };
	c = seccomp_call_find(m->ipc ? "ipc" : "socketcall");
	return seccomp_policy_add(
		p->policy, SECCOMP_COMPAT, (unsigned)c->nr[SECCOMP_COMPAT], action, &cond, 1);
}

/* "names" or, in old profiles, "name". */
static int rule_names(const json_t *rule, json_t **ret, struct err *e)
{
	json_t *name = NULL, *names = NULL;
	int r = profile_get(rule, "name", JSON_STRING, &name, e);

	if (r == 0)
		r = profile_get(rule, "names", JSON_ARRAY, &names, e);
	if (r < 0)
		return r;
	if (name && json_string_length(name) && json_array_size(names))
		return err_set(e, ERR_INVALID, EINVAL,
			"both 'name' and 'names' are specified in the seccomp profile, use either "
			"'name' or 'names'");
	*ret = name && json_string_length(name) ? name : names;
	return 0;
}

static int rule_add_name(struct profile *p, const json_t *name, uint32_t action,
	const struct args *args, struct err *e)
{
	const struct seccomp_call *c;

	if (!json_is_string(name))
		return PROFILE_BAD(e, "a system call's name must be a string");
	c = seccomp_call_find(json_string_value(name));
	/* Names of other architectures and newer kernels are passed over, as by runc. */
	if ((c && rule_apply(p, c, action, args) < 0) ||
		rule_apply_mux(p, json_string_value(name), action, args) < 0)
		return err_set(e, ERR_LIMIT, E2BIG, "the seccomp profile has more than %d rules",
			SECCOMP_RULES_MAX);
	return 0;
}

int profile_rule_add(struct profile *p, const json_t *rule, struct err *e)
{
	struct args args = { .n = 0 };
	json_t *names = NULL, *word = NULL;
	const json_t *v;
	uint64_t errno_ret = EPERM;
	uint32_t action = 0;
	size_t i;
	int r, fits;

	if (!json_is_object(rule))
		return PROFILE_BAD(e, "an element of \"syscalls\" is not an object");
	fits = profile_rule_fits(rule, p->caps, e);
	r = fits < 0 ? fits : rule_names(rule, &names, e);
	if (r == 0)
		r = profile_get(rule, "action", JSON_STRING, &word, e);
	if (r == 0)
		r = profile_get_u64(rule, "errnoRet", 4095, EPERM, &errno_ret, e);
	if (r == 0)
		r = profile_action(word, errno_ret, &action, e);
	if (r == 0)
		r = rule_args(rule, &args, e);
	if (r < 0 || !fits)
		return r;
	if (json_is_string(names))
		return rule_add_name(p, names, action, &args, e);
	json_array_foreach(names, i, v)
	{
		r = rule_add_name(p, v, action, &args, e);
		if (r < 0)
			return r;
	}
	return 0;
}
