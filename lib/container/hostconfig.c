#include "container/container-int.h"

#include <arpa/inet.h>

#define LATER(what) what " come with a later version"
#define STORAGE_OPT                                                                                \
	"--storage-opt is supported only for overlay over xfs with 'pquota' mount option"

/* Every member of HostConfig in API 1.50, in docker's order. */
static const struct field host_config_fields[] = {
	{ "Binds", FIELD_STRS, FIELD_LATER, LATER("bind mounts and volumes") },
	{ "ContainerIDFile", FIELD_STR },
	{ "LogConfig", FIELD_OBJECT },
	{ "NetworkMode", FIELD_STR },
	{ "PortBindings", FIELD_OBJECT, FIELD_LATER, LATER("published ports") },
	{ "RestartPolicy", FIELD_OBJECT },
	{ "AutoRemove", FIELD_BOOL },
	{ "VolumeDriver", FIELD_STR, FIELD_LATER, LATER("volume drivers") },
	{ "VolumesFrom", FIELD_STRS, FIELD_LATER, LATER("volumes") },
	{ "ConsoleSize", FIELD_ARRAY },
	{ "Annotations", FIELD_MAP, FIELD_OMIT },
	{ "CapAdd", FIELD_STRS },
	{ "CapDrop", FIELD_STRS },
	{ "CgroupnsMode", FIELD_STR },
	{ "Dns", FIELD_STRS },
	{ "DnsOptions", FIELD_STRS },
	{ "DnsSearch", FIELD_STRS },
	{ "ExtraHosts", FIELD_STRS },
	{ "GroupAdd", FIELD_STRS },
	{ "IpcMode", FIELD_STR },
	{ "Cgroup", FIELD_STR, FIELD_LATER, LATER("shared cgroups") },
	{ "Links", FIELD_STRS, FIELD_LATER, LATER("networks and links") },
	{ "OomScoreAdj", FIELD_INT },
	{ "PidMode", FIELD_STR },
	{ "Privileged", FIELD_BOOL, FIELD_LATER, LATER("privileged containers") },
	{ "PublishAllPorts", FIELD_BOOL, FIELD_LATER, LATER("published ports") },
	{ "ReadonlyRootfs", FIELD_BOOL },
	{ "SecurityOpt", FIELD_STRS },
	{ "StorageOpt", FIELD_MAP, FIELD_OMIT | FIELD_LATER, STORAGE_OPT },
	{ "Tmpfs", FIELD_MAP, FIELD_OMIT },
	{ "UTSMode", FIELD_STR },
	{ "UsernsMode", FIELD_STR },
	{ "ShmSize", FIELD_INT },
	{ "Sysctls", FIELD_MAP, FIELD_OMIT },
	{ "Runtime", FIELD_STR },
	{ "Isolation", FIELD_STR },
	{ "Mounts", FIELD_ARRAY, FIELD_OMIT },
	{ "MaskedPaths", FIELD_STRS },
	{ "ReadonlyPaths", FIELD_STRS },
	{ "Init", FIELD_BOOL_NULL, FIELD_OMIT },
	{ NULL },
};

/* Members that `docker update` may send too. */
const struct field resource_fields[] = {
	{ "CpuShares", FIELD_INT },
	{ "Memory", FIELD_INT },
	{ "NanoCpus", FIELD_INT },
	{ "CgroupParent", FIELD_STR, FIELD_LATER, LATER("cgroup parents") },
	{ "BlkioWeight", FIELD_INT, FIELD_LATER, LATER("block I/O limits") },
	{ "BlkioWeightDevice", FIELD_ARRAY, FIELD_LATER, LATER("block I/O limits") },
	{ "BlkioDeviceReadBps", FIELD_ARRAY, FIELD_LATER, LATER("block I/O limits") },
	{ "BlkioDeviceWriteBps", FIELD_ARRAY, FIELD_LATER, LATER("block I/O limits") },
	{ "BlkioDeviceReadIOps", FIELD_ARRAY, FIELD_LATER, LATER("block I/O limits") },
	{ "BlkioDeviceWriteIOps", FIELD_ARRAY, FIELD_LATER, LATER("block I/O limits") },
	{ "CpuPeriod", FIELD_INT },
	{ "CpuQuota", FIELD_INT },
	{ "CpuRealtimePeriod", FIELD_INT },
	{ "CpuRealtimeRuntime", FIELD_INT },
	{ "CpusetCpus", FIELD_STR },
	{ "CpusetMems", FIELD_STR },
	{ "Devices", FIELD_ARRAY, FIELD_LATER, LATER("devices") },
	{ "DeviceCgroupRules", FIELD_STRS, FIELD_LATER, LATER("devices") },
	{ "DeviceRequests", FIELD_ARRAY, FIELD_LATER, LATER("devices") },
	{ "KernelMemory", FIELD_INT, FIELD_OMIT },
	{ "KernelMemoryTCP", FIELD_INT, FIELD_OMIT },
	{ "MemoryReservation", FIELD_INT },
	{ "MemorySwap", FIELD_INT },
	{ "MemorySwappiness", FIELD_INT_NULL },
	{ "OomKillDisable", FIELD_BOOL_NULL },
	{ "PidsLimit", FIELD_INT_NULL },
	{ "Ulimits", FIELD_ARRAY },
	{ "CpuCount", FIELD_INT },
	{ "CpuPercent", FIELD_INT },
	{ "IOMaximumIOps", FIELD_INT },
	{ "IOMaximumBandwidth", FIELD_INT },
	{ NULL },
};

static void set_default(json_t *h, const char *key, const char *value)
{
	if (!*jstr(h, key))
		json_object_set_new(h, key, json_string(value));
}

static int check_lists(const json_t *h, struct err *e)
{
	unsigned char addr[16];
	struct spec_rlimit rl;
	json_t *v;
	size_t i;
	int r = 0;

	json_array_foreach(json_object_get(h, "ExtraHosts"), i, v)
	{
		const char *s = json_string_value(v), *colon = strchr(s, ':');

		if (!colon || colon == s || strpbrk(s, " \t\n"))
			return err_set(e, ERR_INVALID, 0, "bad format for add-host: \"%.200s\"", s);
		if (inet_pton(AF_INET, colon + 1, addr) != 1 &&
			inet_pton(AF_INET6, colon + 1, addr) != 1 &&
			!streq(colon + 1, "host-gateway"))
			return err_set(e, ERR_INVALID, 0,
				"invalid IP address in add-host: \"%.200s\"", colon + 1);
	}
	json_array_foreach(json_object_get(h, "Dns"), i, v)
	{
		const char *s = json_string_value(v);

		if (inet_pton(AF_INET, s, addr) != 1 && inet_pton(AF_INET6, s, addr) != 1)
			return err_set(e, ERR_INVALID, 0, "invalid IP address: \"%.200s\"", s);
	}
	json_array_foreach(json_object_get(h, "Ulimits"), i,
		v) if ((r = ulimit_parse(v, &rl, e)) < 0) return r;
	json_array_foreach(json_object_get(h, "ConsoleSize"), i,
		v) if (!json_is_integer(v) || json_integer_value(v) < 0 || i > 1) return err_set(e,
		ERR_INVALID, 0, "invalid JSON: member \"ConsoleSize\" must be two whole numbers");
	return 0;
}

static int check_target(const char *target, struct err *e)
{
	if (target[0] != '/')
		return err_set(e, ERR_INVALID, 0,
			"invalid mount path: '%.200s' mount path must be absolute", target);
	if (!target[strspn(target, "/.")])
		return err_set(
			e, ERR_INVALID, 0, "invalid specification: destination can't be '/'");
	return 0;
}

static int check_mount(const json_t *m, struct err *e)
{
	const json_t *o = json_object_get(m, "TmpfsOptions"),
		     *size = json_object_get(o, "SizeBytes");
	const json_t *mode = json_object_get(o, "Mode");
	const char *type = jstr(m, "Type");

	if (!json_is_object(m) || (o && !json_is_object(o) && !json_is_null(o)) ||
		(size && !json_is_integer(size)) || (mode && !json_is_integer(mode)) ||
		(json_object_get(o, "Options") && !json_is_array(json_object_get(o, "Options"))))
		return err_set(e, ERR_INVALID, 0,
			"invalid JSON: member \"Mounts\" must hold objects of docker's mount form");
	if (!streq(type, "tmpfs"))
		return err_set(e, ERR_UNSUPPORTED, 0,
			"Mounts: mounts of type \"%.40s\" come with a later version; tmpfs is there",
			type);
	if (*jstr(m, "Source"))
		return err_set(e, ERR_INVALID, 0,
			"invalid mount config for type \"tmpfs\": field Source must not be specified");
	if (!*jstr(m, "Target"))
		return err_set(e, ERR_INVALID, 0,
			"invalid mount config for type \"tmpfs\": field Target must not be empty");
	if (json_integer_value(size) < 0 || json_integer_value(mode) < 0 ||
		json_integer_value(mode) > 07777)
		return err_set(e, ERR_INVALID, 0,
			"invalid mount config for type \"tmpfs\": size and mode must not be negative");
	return check_target(jstr(m, "Target"), e);
}

static int check_mounts(const json_t *h, struct err *e)
{
	const char *target;
	json_t *v;
	size_t i;
	int r = 0;

	json_array_foreach(
		json_object_get(h, "Mounts"), i, v) if ((r = check_mount(v, e)) < 0) return r;
	json_object_foreach(json_object_get(h, "Tmpfs"), target,
		v) if ((r = check_target(target, e)) < 0) return r;
	return 0;
}

static int check_sysctls(const json_t *h, const struct ns_modes *ns, struct err *e)
{
	const char *key;
	json_t *v;
	int r;

	json_object_foreach(json_object_get(h, "Sysctls"), key, v)
	{
		r = sysctl_check(key, ns->netns == KEEPER_NS_HOST, ns->ipcns == KEEPER_NS_HOST, e);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Docker's checks of network mode against the rest (runconfig). */
static int check_net(const json_t *h, const json_t *c, const struct ns_modes *ns, struct err *e)
{
	static const char conflict[] = "conflicting options: ";
	const struct {
		bool wrong;
		const char *text;
	} rules[] = {
		{ *jstr(c, "Hostname") && ns->net_of, "hostname and the network mode" },
		{ ns->net_of && !field_empty(json_object_get(h, "Dns")),
			"dns and the network mode" },
		{ ns->net_of && !field_empty(json_object_get(h, "ExtraHosts")),
			"custom host-to-IP mapping and the network mode" },
		{ ns->net_of && !field_empty(json_object_get(c, "ExposedPorts")),
			"port exposing and the container type network mode" },
		{ *jstr(c, "Hostname") && ns->utsns == KEEPER_NS_HOST,
			"hostname and the UTS mode" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
		if (rules[i].wrong)
			return err_set(e, ERR_INVALID, 0, "%s%s", conflict, rules[i].text);
	return 0;
}

static int check_words(const json_t *h, struct err *e)
{
	const char *iso = jstr(h, "Isolation"), *rt = jstr(h, "Runtime");
	int64_t adj = jint(h, "OomScoreAdj");
	json_t *v;
	const char *key;

	if (str_ieq(str_of(iso), STR("hyperv")) || str_ieq(str_of(iso), STR("vm")))
		return err_set(e, ERR_UNSUPPORTED, 0,
			"Isolation: containers in virtual machines come with a later version");
	if (iso[0] && !str_ieq(str_of(iso), STR("default")) &&
		!str_ieq(str_of(iso), STR("process")))
		return err_set(e, ERR_INVALID, 0, "invalid isolation '%.100s' on linux", iso);
	if (rt[0] && !streq(rt, "caisson"))
		return err_set(e, ERR_INVALID, 0, "unknown or invalid runtime name: %.100s", rt);
	if (jint(h, "ShmSize") < 0)
		return err_set(e, ERR_INVALID, 0, "SHM size can not be less than 0");
	if (adj < -1000 || adj > 1000)
		return err_set(e, ERR_INVALID, 0,
			"Invalid value %lld, range for oom score adj is [-1000, 1000]",
			(long long)adj);
	json_object_foreach(json_object_get(h, "Annotations"), key, v) if (!key[0]) return err_set(
		e, ERR_INVALID, 0,
		"invalid Annotations: the empty string is not permitted as an annotation "
		"key");
	return 0;
}

static int check_policies(const json_t *h, struct err *e)
{
	struct restart_policy p;
	struct security sec = { 0 };
	struct log_limits log;
	uint64_t caps;
	int r = restart_policy_parse(h, &p, e);

	if (r == 0 && jbool(h, "AutoRemove") && p.kind != RESTART_NO)
		r = err_set(e, ERR_INVALID, 0,
			"can't create 'AutoRemove' container with restart policy");
	if (r == 0)
		r = caps_parse(h, &caps, e);
	if (r == 0)
		r = security_parse(h, &sec, e);
	if (r == 0)
		r = log_limits_parse(h, &log, e);
	free(sec.profile);
	return r;
}

/* What an empty member means. */
static void fill_defaults(json_t *h, json_t *warnings)
{
	json_t *log = json_object_get(h, "LogConfig"),
	       *policy = json_object_get(h, "RestartPolicy");
	const char *net = jstr(h, "NetworkMode");

	if (!net[0] || streq(net, "default") || streq(net, "bridge")) {
		warn(warnings,
			"the default network is \"none\" in this version: the container has only "
			"a loopback interface");
		json_object_set_new(h, "NetworkMode", json_string("none"));
	}
	if (!json_is_object(log))
		json_object_set_new(h, "LogConfig", log = json_object());
	if (!*jstr(log, "Type"))
		json_object_set_new(log, "Type", json_string("json-file"));
	if (!json_is_object(json_object_get(log, "Config")))
		json_object_set_new(log, "Config", json_object());
	if (!json_is_object(policy))
		json_object_set_new(h, "RestartPolicy", policy = json_object());
	if (!*jstr(policy, "Name"))
		json_object_set_new(policy, "Name", json_string("no"));
	if (!json_object_get(policy, "MaximumRetryCount"))
		json_object_set_new(policy, "MaximumRetryCount", json_integer(0));
	if (json_array_size(json_object_get(h, "ConsoleSize")) != 2)
		json_object_set_new(h, "ConsoleSize", json_pack("[i,i]", 0, 0));
	if (jint(h, "ShmSize") == 0)
		json_object_set_new(h, "ShmSize", json_integer(64 << 20));
	set_default(h, "IpcMode", "private");
	set_default(h, "CgroupnsMode", "private");
	set_default(h, "Runtime", "caisson");
	json_object_set_new(h, "PortBindings", json_object());
}

/* The host's own namespaces are of use only to someone the host knows: ids are the host's then. */
static void imply_userns(json_t *h, const struct ns_modes *ns, json_t *warnings)
{
	const struct {
		uint8_t mode;
		const char *name;
	} of[] = {
		{ ns->netns, "network" },
		{ ns->pidns, "PID" },
		{ ns->ipcns, "IPC" },
		{ ns->utsns, "UTS" },
		{ ns->cgroupns, "cgroup" },
	};

	if (ns->userns == KEEPER_NS_HOST)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(of); i++) {
		if (of[i].mode != KEEPER_NS_HOST)
			continue;
		warn(warnings,
			"the host's %s namespace implies --userns=host: user ids in the container are the "
			"host's",
			of[i].name);
		json_object_set_new(h, "UsernsMode", json_string("host"));
		return;
	}
}

/* Checks that need no defaults first, so that a refusal names what the user typed. */
int host_config_read(const json_t *body, const json_t *config, bool cgroup_v2, json_t **ret,
	json_t *warnings, struct err *e)
{
	auto_json json_t *h = json_object(), *empty = json_object();
	struct ns_modes ns;
	const json_t *in = body ? body : empty;
	int r = fields_read(in, host_config_fields, h, e);

	if (r == 0)
		r = fields_read(in, resource_fields, h, e);
	if (r == 0)
		fill_defaults(h, warnings);
	if (r == 0)
		r = ns_parse(h, &ns, e);
	if (r == 0)
		r = check_net(h, config, &ns, e);
	if (r == 0)
		r = check_words(h, e);
	if (r == 0)
		r = check_policies(h, e);
	if (r == 0)
		r = check_mounts(h, e);
	if (r == 0)
		r = check_lists(h, e);
	if (r == 0)
		r = check_sysctls(h, &ns, e);
	if (r == 0)
		r = resources_check(h, false, cgroup_v2, warnings, e);
	if (r < 0)
		return r;
	imply_userns(h, &ns, warnings);
	*ret = steal_ptr(&h);
	return 0;
}
