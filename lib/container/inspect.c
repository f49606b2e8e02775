#include "container/container-int.h"

/* ---- State ----------------------------------------------------------------------------------- */

/* Docker counts a paused or restarting container as running. */
static json_t *state_doc(const struct container *c)
{
	char started[CLOCK_TEXT], finished[CLOCK_TEXT];
	json_t *s;

	s = json_pack("{s:s, s:b, s:b, s:b, s:b, s:b, s:I, s:i, s:s, s:s, s:s}", "Status",
		container_status_word(c->status), "Running", status_running(c->status), "Paused",
		c->status == CONTAINER_PAUSED, "Restarting", c->status == CONTAINER_RESTARTING,
		"OOMKilled", c->oom_killed, "Dead", c->dead, "Pid", (json_int_t)c->pid, "ExitCode",
		c->exit_code, "Error", c->error ? c->error : "", "StartedAt",
		clock_rfc3339_short(c->started_ns, started), "FinishedAt",
		clock_rfc3339_short(c->finished_ns, finished));
	if (c->health)
		json_object_set_new(s, "Health", json_deep_copy(c->health));
	return s;
}

/* ---- NetworkSettings ------------------------------------------------------------------------- */

/* An endpoint as docker shows one on a network without addresses. */
static json_t *endpoint_doc(void)
{
	return json_pack(
		"{s:n, s:n, s:n, s:s, s:n, s:i, s:s, s:s, s:s, s:s, s:i, s:s, s:s, s:i, s:n}",
		"IPAMConfig", "Links", "Aliases", "MacAddress", "", "DriverOpts", "GwPriority", 0,
		"NetworkID", "", "EndpointID", "", "Gateway", "", "IPAddress", "", "IPPrefixLen", 0,
		"IPv6Gateway", "", "GlobalIPv6Address", "", "GlobalIPv6PrefixLen", 0, "DNSNames");
}

static json_t *networks_doc(const struct container *c)
{
	const char *net = jstr(c->host_config, "NetworkMode");
	json_t *n = json_object();

	if (strncmp(net, "container:", 10) != 0)
		json_object_set_new(n, net, endpoint_doc());
	return n;
}

static json_t *network_doc(const struct container *c)
{
	json_t *n = json_pack("{s:s, s:s, s:s, s:{}, s:b, s:s, s:i, s:n, s:n}", "Bridge", "",
		"SandboxID", "", "SandboxKey", "", "Ports", "HairpinMode", 0,
		"LinkLocalIPv6Address", "", "LinkLocalIPv6PrefixLen", 0, "SecondaryIPAddresses",
		"SecondaryIPv6Addresses");
	json_t *d = json_pack("{s:s, s:s, s:s, s:i, s:s, s:i, s:s, s:s}", "EndpointID", "",
		"Gateway", "", "GlobalIPv6Address", "", "GlobalIPv6PrefixLen", 0, "IPAddress", "",
		"IPPrefixLen", 0, "IPv6Gateway", "", "MacAddress", "");

	json_object_update(n, d);
	json_decref(d);
	json_object_set_new(n, "Networks", networks_doc(c));
	return n;
}

/* ---- the rest -------------------------------------------------------------------------------- */

/* Entrypoint and Cmd as one list. */
static json_t *command_doc(const struct container *c)
{
	json_t *all = json_array();

	json_array_extend(all, json_object_get(c->config, "Entrypoint"));
	json_array_extend(all, json_object_get(c->config, "Cmd"));
	return all;
}

static json_t *mount_doc(const char *target, bool writable)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:b, s:s}", "Type", "tmpfs", "Source", "",
		"Destination", target, "Mode", "", "RW", writable, "Propagation", "");
}

json_t *mounts_doc(const struct container *c)
{
	json_t *all = json_array(), *v;
	size_t i;

	json_array_foreach(json_object_get(c->host_config, "Mounts"), i, v)
		json_array_append_new(all, mount_doc(jstr(v, "Target"), !jbool(v, "ReadOnly")));
	return all;
}

/* Docker shows the default lists when none were given. */
static void fill_paths(json_t *host)
{
	static const char *const masked[] = { "/proc/asound", "/proc/acpi", "/proc/interrupts",
		"/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
		"/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware",
		"/sys/devices/virtual/powercap" };
	static const char *const readonly[] = { "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
		"/proc/sysrq-trigger" };
	json_t *list;

	if (json_is_null(json_object_get(host, "MaskedPaths"))) {
		json_object_set_new(host, "MaskedPaths", list = json_array());
		for (size_t i = 0; i < ARRAY_SIZE(masked); i++)
			json_array_append_new(list, json_string(masked[i]));
	}
	if (json_is_null(json_object_get(host, "ReadonlyPaths"))) {
		json_object_set_new(host, "ReadonlyPaths", list = json_array());
		for (size_t i = 0; i < ARRAY_SIZE(readonly); i++)
			json_array_append_new(list, json_string(readonly[i]));
	}
}

static json_t *base_doc(const struct container *c)
{
	auto_json json_t *command = command_doc(c);
	char created[CLOCK_TEXT], image[DIGEST_TEXT + 1];
	const char *path = json_string_value(json_array_get(command, 0));
	json_t *path_json = json_string(path ? path : "");
	json_t *ids = json_array_size(c->exec_ids) ? json_deep_copy(c->exec_ids) : json_null();
	json_t *d = json_object();

	json_array_remove(command, 0);
	json_object_set_new(d, "Id", json_string(c->hex));
	json_object_set_new(d, "Created", json_string(clock_rfc3339_short(c->created_ns, created)));
	json_object_set_new(d, "Path", path_json);
	json_object_set(d, "Args", command);
	json_object_set_new(d, "State", state_doc(c));
	json_object_set_new(d, "Image", json_string(digest_text(&c->image_id, image)));
	json_object_update_new(
		d, json_pack("{s:s, s:s, s:s, s:s, s:s+, s:I, s:s, s:s, s:s, s:s, s:s}",
			   "ResolvConfPath", "", "HostnamePath", "", "HostsPath", "", "LogPath", "",
			   "Name", "/", c->name, "RestartCount", (json_int_t)c->restart_count,
			   "Driver", "overlay2", "Platform", "linux", "MountLabel", "",
			   "ProcessLabel", "", "AppArmorProfile", ""));
	json_object_set_new(d, "ExecIDs", ids);
	return d;
}

json_t *container_inspect(struct container *c, bool size)
{
	json_t *d, *host;

	pthread_mutex_lock(&c->lock);
	d = base_doc(c);
	host = json_deep_copy(c->host_config);
	fill_paths(host);
	json_object_set_new(d, "HostConfig", host);
	json_object_set_new(d, "GraphDriver", json_pack("{s:{}, s:s}", "Data", "Name", "overlay2"));
	json_object_set_new(d, "Mounts", mounts_doc(c));
	json_object_set_new(d, "Config", json_deep_copy(c->config));
	json_object_set_new(d, "NetworkSettings", network_doc(c));
	pthread_mutex_unlock(&c->lock);
	if (size)
		size_add(c, d);
	return d;
}
