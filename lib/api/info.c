#include "api/stream-int.h"
#include "api/system-int.h"

#include <dirent.h>
#include <sys/statfs.h>
#include <sys/utsname.h>
#include <unistd.h>

/* ---- counts ---------------------------------------------------------------------------------- */
struct counts {
	int all, running, paused;
};

static void count(void *arg, struct container *c)
{
	struct counts *n = arg;

	pthread_mutex_lock(&c->lock);
	n->all++;
	n->running += c->status == CONTAINER_RUNNING || c->status == CONTAINER_RESTARTING;
	n->paused += c->status == CONTAINER_PAUSED;
	pthread_mutex_unlock(&c->lock);
}

static void put_counts(struct api_call *c, json_t *doc)
{
	struct counts n = { 0 };

	container_each(c->engine->containers, api_owner(c), count, &n);
	json_object_set_new(doc, "Containers", json_integer(n.all));
	json_object_set_new(doc, "ContainersRunning", json_integer(n.running));
	json_object_set_new(doc, "ContainersPaused", json_integer(n.paused));
	json_object_set_new(doc, "ContainersStopped", json_integer(n.all - n.running - n.paused));
	json_object_set_new(doc, "Images", json_integer(image_count(c->engine->images)));
}

static int entries_of(const char *path)
{
	DIR *d = opendir(path);
	int n = -2;

	if (!d)
		return 0;
	while (readdir(d))
		n++;
	closedir(d);
	return MAX(n, 0);
}

/* ---- the host -------------------------------------------------------------------------------- */
static void put_os(json_t *doc)
{
	auto_buf struct buf b = BUF(16384);
	char name[128] = "Linux", id[64] = "";
	struct utsname u = { 0 };

	(void)uname(&u);
	if (host_read("/etc/os-release", &b) == 0) {
		(void)system_os_release(buf_view(&b), "PRETTY_NAME", name, sizeof(name));
		(void)system_os_release(buf_view(&b), "VERSION_ID", id, sizeof(id));
	}
	json_object_set_new(doc, "KernelVersion", json_string(u.release));
	json_object_set_new(doc, "OperatingSystem", json_string(name));
	json_object_set_new(doc, "OSVersion", json_string(id));
	json_object_set_new(doc, "OSType", json_string("linux"));
	json_object_set_new(doc, "Architecture", json_string(u.machine));
	json_object_set_new(doc, "Name", json_string(u.nodename));
	json_object_set_new(doc, "NCPU", json_integer(sysconf(_SC_NPROCESSORS_ONLN)));
	json_object_set_new(doc, "MemTotal", json_integer((json_int_t)host_memory_bytes()));
}

static bool forwarding(void)
{
	auto_buf struct buf b = BUF(64);

	return host_read("/proc/sys/net/ipv4/ip_forward", &b) == 0 && b.n && b.p[0] == '1';
}

static bool exists(const char *path)
{
	return access(path, F_OK) == 0;
}

/* Which limits the kernel has: on v2 those of the root's controllers, on v1 the files. */
static void put_limits(struct api_call *c, json_t *doc, json_t *warnings)
{
	static const struct {
		const char *member, *v1, *v2, *warning;
	} t[] = {
		{ "MemoryLimit", "memory/memory.limit_in_bytes", "memory",
			"WARNING: No memory limit support" },
		{ "SwapLimit", "memory/memory.memsw.limit_in_bytes", "memory",
			"WARNING: No swap limit support" },
		{ "CpuCfsPeriod", "cpu/cpu.cfs_period_us", "cpu",
			"WARNING: No cpu cfs period support" },
		{ "CpuCfsQuota", "cpu/cpu.cfs_quota_us", "cpu",
			"WARNING: No cpu cfs quota support" },
		{ "CPUShares", "cpu/cpu.shares", "cpu", "WARNING: No cpu shares support" },
		{ "CPUSet", "cpuset/cpuset.cpus", "cpuset", "WARNING: No cpuset support" },
		{ "PidsLimit", "pids", "pids", "WARNING: No pids limit support" },
	};
	auto_buf struct buf b = BUF(4096);
	bool v2 = c->engine->boot.cgroup_v2;

	if (v2)
		(void)host_read("/sys/fs/cgroup/cgroup.controllers", &b);
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		auto_free char *path = xasprintf("/sys/fs/cgroup/%s", t[i].v1);
		bool have = v2 ? b.p && strstr(b.p, t[i].v2) : exists(path);

		json_object_set_new(doc, t[i].member, json_boolean(have));
		if (!have)
			json_array_append_new(warnings, json_string(t[i].warning));
	}
	json_object_set_new(doc, "OomKillDisable", json_false());
	json_object_set_new(doc, "CgroupDriver", json_string("cgroupfs"));
	json_object_set_new(doc, "CgroupVersion", json_string(v2 ? "2" : "1"));
	json_object_set_new(doc, "IPv4Forwarding", json_boolean(forwarding()));
}

/* ---- the engine ------------------------------------------------------------------------------ */
static void put_storage(struct api_call *c, json_t *doc)
{
	struct statfs fs = { 0 };

	(void)statfs(".", &fs);
	json_object_set_new(doc, "Driver", json_string("overlay2"));
	json_object_set_new(doc, "DriverStatus",
		json_pack("[[s,s],[s,s],[s,s]]", "Backing Filesystem",
			system_fs_name((unsigned long)fs.f_type), "Supports d_type", "true",
			"Id-mapped layers", "true"));
	json_object_set_new(doc, "DockerRootDir", json_string(c->engine->boot.data_root));
}

static void put_security(struct api_call *c, json_t *doc)
{
	const struct config *f = c->engine->config;
	json_t *opts = json_pack(
		"[s,s,s]", "name=seccomp,profile=builtin", "name=userns", "name=cgroupns");

	if (!f || f->no_new_privileges != 0)
		json_array_append_new(opts, json_string("name=no-new-privileges"));
	json_object_set_new(doc, "SecurityOptions", opts);
}

static json_t *array_or_empty(json_t *list)
{
	return list ? json_incref(list) : json_array();
}

/* A name with a slash and a number behind it is a network, else a registry's name. */
static void put_registries(struct api_call *c, json_t *doc)
{
	const struct config *f = c->engine->config;
	json_t *cidrs = json_pack("[s,s]", "::1/128", "127.0.0.0/8"), *item;
	json_t *mirrors = array_or_empty(f ? f->registry_mirrors : NULL);
	json_t *index = json_pack("{s:{s:s,s:O,s:b,s:b}}", "docker.io", "Name", "docker.io",
		"Mirrors", mirrors, "Secure", 1, "Official", 1);
	size_t i;

	json_array_foreach(f ? f->insecure_registries : NULL, i, item)
	{
		const char *name = json_string_value(item);

		if (strchr(name, '/'))
			json_array_append(cidrs, item);
		else
			json_object_set_new(index, name,
				json_pack("{s:s,s:[],s:b,s:b}", "Name", name, "Mirrors", "Secure",
					0, "Official", 0));
	}
	json_object_set_new(doc, "IndexServerAddress", json_string("https://index.docker.io/v1/"));
	json_object_set_new(doc, "RegistryConfig",
		json_pack("{s:[],s:[],s:o,s:o,s:o}", "AllowNondistributableArtifactsCIDRs",
			"AllowNondistributableArtifactsHostnames", "InsecureRegistryCIDRs", cidrs,
			"IndexConfigs", index, "Mirrors", mirrors));
}

static void put_runtime(struct api_call *c, json_t *doc)
{
	const struct config *f = c->engine->config;

	json_object_set_new(
		doc, "Runtimes", json_pack("{s:{s:s}}", "caisson", "path", "caisson-shim"));
	json_object_set_new(doc, "DefaultRuntime", json_string("caisson"));
	json_object_set_new(doc, "LoggingDriver",
		json_string(f && f->log_driver ? f->log_driver : "json-file"));
	json_object_set_new(doc, "Plugins",
		json_pack("{s:[],s:[s,s],s:n,s:[s,s,s]}", "Volume", "Network", "host", "null",
			"Authorization", "Log", "json-file", "local", "none"));
	json_object_set_new(doc, "InitBinary", json_string("caisson-shim"));
	json_object_set_new(doc, "ContainerdCommit", json_pack("{s:s}", "ID", "N/A"));
	json_object_set_new(doc, "RuncCommit", json_pack("{s:s}", "ID", "N/A"));
	json_object_set_new(doc, "InitCommit", json_pack("{s:s}", "ID", "N/A"));
	json_object_set_new(doc, "LiveRestoreEnabled", json_true());
	json_object_set_new(doc, "Isolation", json_string(""));
	json_object_set_new(doc, "ExperimentalBuild", json_false());
	json_object_set_new(doc, "Swarm",
		json_pack("{s:s,s:s,s:s,s:b,s:s,s:n}", "NodeID", "", "NodeAddr", "",
			"LocalNodeState", "inactive", "ControlAvailable", 0, "Error", "",
			"RemoteManagers"));
}

static void put_engine(struct api_call *c, json_t *doc)
{
	const struct config *f = c->engine->config;
	char now[CLOCK_TEXT];

	json_object_set_new(doc, "Debug", json_boolean(c->engine->boot.debug || (f && f->debug)));
	json_object_set_new(doc, "NFd", json_integer(entries_of("/proc/self/fd")));
	json_object_set_new(doc, "NGoroutines", json_integer(entries_of("/proc/self/task")));
	json_object_set_new(
		doc, "NEventsListener", json_integer(event_followers(c->engine->events)));
	json_object_set_new(
		doc, "SystemTime", json_string(clock_rfc3339_short(clock_wall_ns(), now)));
	json_object_set_new(doc, "ServerVersion", json_string(CAISSON_VERSION));
	json_object_set_new(doc, "Labels", array_or_empty(f ? f->labels : NULL));
	json_object_set_new(doc, "HttpProxy", json_string(""));
	json_object_set_new(doc, "HttpsProxy", json_string(""));
	json_object_set_new(doc, "NoProxy", json_string(""));
	json_object_set_new(doc, "GenericResources", json_null());
	json_object_set_new(doc, "CDISpecDirs", json_array());
}

int api_info(struct api_call *c, struct err *e)
{
	auto_json json_t *doc = json_object(), *warnings = json_array();

	(void)e;
	json_object_set_new(doc, "ID", json_string(c->engine->id));
	put_counts(c, doc);
	put_storage(c, doc);
	put_limits(c, doc, warnings);
	put_os(doc);
	put_engine(c, doc);
	put_registries(c, doc);
	put_runtime(c, doc);
	put_security(c, doc);
	json_object_set(doc, "Warnings", warnings);
	return api_reply_json(c, 200, doc);
}
