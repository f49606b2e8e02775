#include "container/container-int.h"

#define DELAY_FIRST (NS_PER_SEC / 10)
#define DELAY_MAX   (60 * NS_PER_SEC)
#define RAN_WELL    (10 * NS_PER_SEC) /* up that long: the next delay is the first again */

static const char *const kinds[] = {
	[RESTART_NO] = "no",
	[RESTART_ALWAYS] = "always",
	[RESTART_UNLESS_STOPPED] = "unless-stopped",
	[RESTART_ON_FAILURE] = "on-failure",
};

static int check_retries(enum restart_kind kind, int64_t retries, struct err *e)
{
	if (kind == RESTART_ON_FAILURE && retries >= 0)
		return retries <= UINT32_MAX
			       ? 0
			       : err_set(e, ERR_INVALID, 0,
					 "invalid restart policy: maximum retry count "
					 "is too large");
	if (kind == RESTART_ON_FAILURE)
		return err_set(e, ERR_INVALID, 0,
			"invalid restart policy: maximum retry count cannot be negative");
	if (retries == 0)
		return 0;
	return err_set(e, ERR_INVALID, 0,
		"invalid restart policy: maximum retry count can only be used with 'on-failure'%s",
		retries < 0 ? " and cannot be negative" : "");
}

int restart_policy_parse(const json_t *host, struct restart_policy *ret, struct err *e)
{
	const json_t *p = json_object_get(host, "RestartPolicy");
	const json_t *jname = json_object_get(p, "Name"),
		     *jn = json_object_get(p, "MaximumRetryCount");
	const char *name = jstr(p, "Name");
	int64_t retries = jint(p, "MaximumRetryCount");
	int r;

	if ((jname && !json_is_string(jname)) || (jn && !json_is_integer(jn)))
		return err_set(e, ERR_INVALID, 0,
			"invalid JSON: member \"RestartPolicy\" must hold a Name and a "
			"MaximumRetryCount");
	*ret = (struct restart_policy){ .kind = RESTART_NO };
	if (!name[0])
		return 0;
	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (!streq(kinds[i], name))
			continue;
		r = check_retries(i, retries, e);
		if (r < 0)
			return r;
		*ret = (struct restart_policy){ i, (unsigned)retries };
		return 0;
	}
	return err_set(e, ERR_INVALID, 0,
		"invalid restart policy: unknown policy '%s'; use one of 'no', 'always', "
		"'on-failure', or 'unless-stopped'",
		name);
}

static bool wanted(const struct restart_policy *p, const struct restart_facts *f)
{
	if (f->exit_on_next)
		return false;
	switch (p->kind) {
	case RESTART_NO:
		return false;
	case RESTART_ALWAYS:
		return true;
	case RESTART_UNLESS_STOPPED:
		return !f->manually_stopped;
	case RESTART_ON_FAILURE:
		return f->exit_code != 0 && (!p->max_retries || f->restarts < p->max_retries);
	}
	return false;
}

bool restart_decide(
	const struct restart_policy *p, const struct restart_facts *f, uint64_t *ret_delay_ns)
{
	if (!wanted(p, f))
		return false;
	if (f->ran_ns >= RAN_WELL || !f->last_delay_ns)
		*ret_delay_ns = DELAY_FIRST;
	else
		*ret_delay_ns = MIN(f->last_delay_ns * 2, DELAY_MAX);
	return true;
}
