#include "container/container-int.h"

#include <sys/resource.h>

static const struct {
	const char *name;
	uint32_t resource;
} limits[] = {
	{ "core", RLIMIT_CORE },
	{ "cpu", RLIMIT_CPU },
	{ "data", RLIMIT_DATA },
	{ "fsize", RLIMIT_FSIZE },
	{ "locks", RLIMIT_LOCKS },
	{ "memlock", RLIMIT_MEMLOCK },
	{ "msgqueue", RLIMIT_MSGQUEUE },
	{ "nice", RLIMIT_NICE },
	{ "nofile", RLIMIT_NOFILE },
	{ "nproc", RLIMIT_NPROC },
	{ "rss", RLIMIT_RSS },
	{ "rtprio", RLIMIT_RTPRIO },
	{ "rttime", RLIMIT_RTTIME },
	{ "sigpending", RLIMIT_SIGPENDING },
	{ "stack", RLIMIT_STACK },
};

/* One element of HostConfig.Ulimits: {"Name":"nofile","Soft":1024,"Hard":2048}; -1: unlimited. */
int ulimit_parse(const json_t *u, struct spec_rlimit *ret, struct err *e)
{
	const json_t *soft = json_object_get(u, "Soft"), *hard = json_object_get(u, "Hard");
	const char *name = jstr(u, "Name");
	size_t i = 0;

	if (!json_is_object(u) || (soft && !json_is_integer(soft)) ||
		(hard && !json_is_integer(hard)))
		return err_set(e, ERR_INVALID, 0,
			"invalid JSON: member \"Ulimits\" must hold objects with Name, Soft and Hard");
	while (i < ARRAY_SIZE(limits) && !streq(limits[i].name, name))
		i++;
	if (i == ARRAY_SIZE(limits))
		return err_set(e, ERR_INVALID, 0, "invalid ulimit type: %s", name);
	ret->resource = limits[i].resource;
	ret->pad = 0;
	/* a negative number becomes "unlimited", as the kernel reads -1 */
	ret->soft = (uint64_t)json_integer_value(soft);
	ret->hard = (uint64_t)json_integer_value(hard);
	if (json_integer_value(hard) < 0)
		ret->hard = UINT64_MAX;
	if (json_integer_value(soft) < 0)
		ret->soft = UINT64_MAX;
	if (ret->soft > ret->hard)
		return err_set(e, ERR_INVALID, 0,
			"ulimit soft limit must be less than or equal to hard limit: %lld > %lld",
			(long long)json_integer_value(soft), (long long)json_integer_value(hard));
	return 0;
}
