#include "seccomp/profile.h"

#include <linux/seccomp.h>

#include "seccomp/profile-int.h"

#define PROFILE_MAX (1u << 20) /* bytes; docker's own has 12 thousand */

static void decref(json_t **j)
{
	json_decref(*j);
}

int profile_get(const json_t *o, const char *key, json_type type, json_t **ret, struct err *e)
{
	json_t *v = json_object_get(o, key);

	if (v && json_is_null(v))
		v = NULL;
	if (v && json_typeof(v) != type)
		return PROFILE_BAD(e, "\"%s\" has the wrong type", key);
	*ret = v;
	return 0;
}

int profile_get_u64(
	const json_t *o, const char *key, uint64_t max, uint64_t dflt, uint64_t *ret, struct err *e)
{
	json_t *v = NULL;
	int r = profile_get(o, key, JSON_INTEGER, &v, e);

	if (r < 0)
		return r;
	if (v && (json_integer_value(v) < 0 || (uint64_t)json_integer_value(v) > max))
		return PROFILE_BAD(e, "\"%s\" is out of range", key);
	*ret = v ? (uint64_t)json_integer_value(v) : dflt;
	return 0;
}

int profile_action(const json_t *name, uint64_t errno_ret, uint32_t *ret, struct err *e)
{
	static const struct {
		const char *name;
		uint32_t action;
		bool data; /* carries the errno */
	} actions[] = {
		{ "SCMP_ACT_ALLOW", SECCOMP_RET_ALLOW, false },
		{ "SCMP_ACT_ERRNO", SECCOMP_RET_ERRNO, true },
		{ "SCMP_ACT_KILL", SECCOMP_RET_KILL_THREAD, false },
		{ "SCMP_ACT_KILL_THREAD", SECCOMP_RET_KILL_THREAD, false },
		{ "SCMP_ACT_KILL_PROCESS", SECCOMP_RET_KILL_PROCESS, false },
		{ "SCMP_ACT_LOG", SECCOMP_RET_LOG, false },
		{ "SCMP_ACT_TRACE", SECCOMP_RET_TRACE, true },
		{ "SCMP_ACT_TRAP", SECCOMP_RET_TRAP, false },
	};
	const char *word = name ? json_string_value(name) : "";

	for (unsigned i = 0; i < ARRAY_SIZE(actions); i++) {
		if (!streq(word, actions[i].name))
			continue;
		*ret = actions[i].action | (actions[i].data ? (uint32_t)errno_ret : 0);
		return 0;
	}
	if (streq(word, "SCMP_ACT_NOTIFY"))
		return err_set(e, ERR_UNSUPPORTED, 0,
			"seccomp action SCMP_ACT_NOTIFY is not supported: there is no listener");
	return PROFILE_BAD(e, "unknown action \"%s\"", word);
}

/* ---- architectures --------------------------------------------------------------------------- */

static int arches_enable(struct seccomp_policy *p, const json_t *names, struct err *e)
{
	const json_t *v;
	size_t i;

	json_array_foreach(names, i, v)
	{
		const char *name = json_string_value(v);

		if (!name || !str_starts(str_of(name), STR("SCMP_ARCH_")))
			return PROFILE_BAD(e, "unknown architecture \"%s\"", name ? name : "");
		if (streq(name, "SCMP_ARCH_X86"))
			p->arch[SECCOMP_COMPAT].on = true;
		/* x32 is never let in; foreign ones cannot come up on this machine. */
	}
	return 0;
}

static int arch_map_enable(struct seccomp_policy *p, const json_t *map, struct err *e)
{
	json_t *name = NULL, *subs = NULL;
	const json_t *v;
	size_t i;
	int r;

	json_array_foreach(map, i, v)
	{
		r = profile_get(v, "architecture", JSON_STRING, &name, e);
		if (r == 0)
			r = profile_get(v, "subArchitectures", JSON_ARRAY, &subs, e);
		if (r < 0)
			return r;
		if (name && streq(json_string_value(name), "SCMP_ARCH_X86_64"))
			return arches_enable(p, subs, e);
	}
	return 0;
}

static int profile_arches(struct seccomp_policy *p, const json_t *o, struct err *e)
{
	json_t *map = NULL, *list = NULL;
	int r = profile_get(o, "archMap", JSON_ARRAY, &map, e);

	if (r == 0)
		r = profile_get(o, "architectures", JSON_ARRAY, &list, e);
	if (r < 0)
		return r;
	if (json_array_size(map) && json_array_size(list))
		return err_set(e, ERR_INVALID, EINVAL,
			"both 'architectures' and 'archMap' are specified in the seccomp profile, "
			"use either 'architectures' or 'archMap'");
	p->arch[SECCOMP_NATIVE].on = true;
	r = arch_map_enable(p, map, e);
	return r < 0 ? r : arches_enable(p, list, e);
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* What would change the meaning of the profile and is not offered here. */
static int profile_refuse(const json_t *o, struct err *e)
{
	json_t *path = NULL, *flags = NULL;
	const json_t *v;
	size_t i;
	int r = profile_get(o, "listenerPath", JSON_STRING, &path, e);

	if (r == 0)
		r = profile_get(o, "flags", JSON_ARRAY, &flags, e);
	if (r < 0)
		return r;
	if (path && json_string_length(path))
		return err_set(e, ERR_UNSUPPORTED, 0,
			"\"listenerPath\" in a seccomp profile is not supported");
	json_array_foreach(flags, i, v)
	{
		const char *flag = json_string_value(v);

		/* One thread loads it, and no kernel of ours slows processes with filters down. */
		if (!flag || !(streq(flag, "SECCOMP_FILTER_FLAG_TSYNC") ||
				     streq(flag, "SECCOMP_FILTER_FLAG_SPEC_ALLOW")))
			return err_set(e, ERR_UNSUPPORTED, 0,
				"seccomp flag \"%s\" is not supported", flag ? flag : "");
	}
	return 0;
}

static int profile_default_action(const json_t *o, uint32_t *ret, struct err *e)
{
	uint64_t errno_ret = EPERM;
	json_t *action = NULL;
	int r = profile_get(o, "defaultAction", JSON_STRING, &action, e);

	if (r == 0)
		r = profile_get_u64(o, "defaultErrnoRet", 4095, EPERM, &errno_ret, e);
	if (r < 0)
		return r;
	if (!action || !json_string_length(action))
		return PROFILE_BAD(e, "it has no defaultAction; to run without a filter use "
				      "--security-opt seccomp=unconfined");
	return profile_action(action, errno_ret, ret, e);
}

/* Calls newer than any the profile names: ENOSYS, as runc does, so that a libc falls back instead
 * of believing a permission is missing. */
static void profile_cover_new(struct profile *p)
{
	uint32_t kind = p->action & SECCOMP_RET_ACTION_FULL, nosys = SECCOMP_RET_ERRNO | ENOSYS;

	if (kind == SECCOMP_RET_ALLOW || kind == SECCOMP_RET_LOG || kind == SECCOMP_RET_TRACE)
		return;
	for (unsigned a = 0; a < SECCOMP_ARCHES; a++) {
		if (p->last[a] < 0)
			continue;
		for (int nr = p->last[a] + 1; nr <= SECCOMP_NR_MAX; nr++)
			p->policy->arch[a].call[nr].action = nosys;
		p->policy->arch[a].above = nosys;
	}
}

static int profile_build(struct profile *p, const json_t *o, struct err *e)
{
	json_t *rules = NULL;
	const json_t *rule;
	size_t i;
	int r = profile_refuse(o, e);

	if (r == 0)
		r = profile_arches(p->policy, o, e);
	if (r == 0)
		r = profile_get(o, "syscalls", JSON_ARRAY, &rules, e);
	if (r < 0)
		return r;
	json_array_foreach(rules, i, rule)
	{
		r = profile_rule_add(p, rule, e);
		if (r < 0)
			return r;
	}
	profile_cover_new(p);
	return 0;
}

static int profile_compile(
	const json_t *o, uint64_t caps, struct sock_filter *f, size_t *ret_n, struct err *e)
{
	auto_free struct seccomp_policy *policy = NULL;
	struct profile p = { .caps = caps, .last = { -1, -1 } };
	int r = profile_default_action(o, &p.action, e);

	if (r < 0)
		return r;
	policy = p.policy = seccomp_policy_new(p.action);
	r = profile_build(&p, o, e);
	if (r < 0)
		return r;
	r = seccomp_tree_compile(policy, f);
	if (r < 0)
		return err_set(e, ERR_LIMIT, E2BIG,
			"the seccomp profile needs more than %d instructions", SECCOMP_PROGRAM_MAX);
	*ret_n = (size_t)r;
	return 0;
}

int seccomp_compile(
	struct str json, uint64_t caps, struct sock_filter **ret, size_t *ret_n, struct err *e)
{
	__attribute__((cleanup(decref))) json_t *o = NULL;
	auto_free struct sock_filter *f = NULL;
	json_error_t why;
	int r;

	if (json.n > PROFILE_MAX)
		return err_set(e, ERR_LIMIT, EMSGSIZE, "the seccomp profile is larger than 1 MiB");
	o = json_loadb(json.p, json.n, 0, &why);
	if (!o)
		return PROFILE_BAD(e, "line %d, column %d: %s", why.line, why.column, why.text);
	if (!json_is_object(o))
		return PROFILE_BAD(e, "it is not a JSON object");
	f = xcalloc(SECCOMP_PROGRAM_MAX, sizeof(*f));
	r = profile_compile(o, caps, f, ret_n, e);
	if (r < 0)
		return r;
	*ret = steal_ptr(&f);
	return 0;
}
