#include "container/fake_test.h"

/* Create requests that docker refuses, or that come with a later version: which words,
 * which kind. */
static const struct {
	const char *body;
	int kind;
	const char *words;
} refusals[] = {
	{ "{}", ERR_INVALID, "config cannot be empty in order to create a container" },
	{ "{\"Image\":\"nope\"}", ERR_NOT_FOUND, "No such image: nope:latest" },
	{ "{\"Image\":7}", ERR_INVALID, "invalid JSON: member \"Image\" must be a string" },
	{ "{\"Image\":\"busybox\",\"Entrypoint\":[],\"Cmd\":{}}", ERR_INVALID,
		"member \"Cmd\" must be an array of strings" },
	{ "{\"Image\":\"busybox\",\"HostConfig\":[]}", ERR_INVALID, "must be an object" },
	{ "{\"Image\":\"busybox\",\"WorkingDir\":\"x\"}", ERR_INVALID,
		"the working directory 'x' is invalid, it needs to be an absolute path" },
	{ "{\"Image\":\"busybox\",\"StopSignal\":\"X\"}", ERR_INVALID, "invalid signal: X" },
	{ "{\"Image\":\"busybox\",\"Env\":[\"=x\"]}", ERR_INVALID,
		"invalid environment variable: =x" },
	{ "{\"Image\":\"busybox\",\"Healthcheck\":{\"Interval\":1}}", ERR_INVALID,
		"Interval in Healthcheck cannot be less than 1ms" },
	{ "{\"Image\":\"busybox\",\"Volumes\":{\"/d\":{}}}", ERR_UNSUPPORTED, "Volumes: " },
	{ "{\"Image\":\"busybox\",\"NetworkingConfig\":{\"EndpointsConfig\":{\"mine\":{}}}}",
		ERR_UNSUPPORTED, "user-defined networks (\"mine\")" },
	{ "{\"Image\":\"busybox\",\"NetworkingConfig\":{\"EndpointsConfig\":{\"default\":"
	  "{\"IPAMConfig\":{\"IPv4Address\":\"1.2.3.4\"}}}}}",
		ERR_INVALID, "user specified IP address is supported on user defined" },
	{ "{\"Image\":\"busybox\",\"NetworkingConfig\":{\"EndpointsConfig\":{\"default\":"
	  "{\"Aliases\":[\"x\"]}}}}",
		ERR_INVALID, "network-scoped aliases are only supported for user-defined" },
	{ "{\"Image\":\"busybox\",\"NetworkingConfig\":{\"EndpointsConfig\":{\"default\":"
	  "{\"MacAddress\":\"00:00:00:00:00:01\"}}}}",
		ERR_UNSUPPORTED, "MacAddress: " },
};

static const struct {
	const char *host, *words;
	int kind;
} host_refusals[] = {
	{ "\"Memory\":1024", "Minimum memory limit allowed is 6MB", ERR_INVALID },
	{ "\"Memory\":10000000,\"MemorySwap\":7000000",
		"Minimum memoryswap limit should be larger than memory limit, see usage",
		ERR_INVALID },
	{ "\"MemorySwap\":70000000",
		"You should always set the Memory limit when using Memoryswap limit, see usage",
		ERR_INVALID },
	{ "\"Memory\":10000000,\"MemoryReservation\":20000000",
		"Minimum memory limit can not be less than memory reservation limit, see usage",
		ERR_INVALID },
	{ "\"MemoryReservation\":1", "Minimum memory reservation allowed is 6MB", ERR_INVALID },
	{ "\"MemorySwappiness\":101", "Invalid value: 101, valid memory swappiness range is 0-100",
		ERR_INVALID },
	{ "\"NanoCpus\":1000000000000000", "range of CPUs is from 0.01 to ", ERR_INVALID },
	{ "\"NanoCpus\":1,\"CpuPeriod\":1000",
		"Conflicting options: Nano CPUs and CPU Period cannot both be set", ERR_INVALID },
	{ "\"NanoCpus\":1,\"CpuQuota\":1000",
		"Conflicting options: Nano CPUs and CPU Quota cannot both be set", ERR_INVALID },
	{ "\"CpuPeriod\":1", "CPU cfs period can not be less than 1ms (i.e. 1000)", ERR_INVALID },
	{ "\"CpuQuota\":1", "CPU cfs quota can not be less than 1ms (i.e. 1000)", ERR_INVALID },
	{ "\"CpuShares\":-1", "invalid CPU shares (-1): value must be a positive integer",
		ERR_INVALID },
	{ "\"CpuRealtimePeriod\":1", "kernel does not support CPU real-time scheduler",
		ERR_INVALID },
	{ "\"CpusetCpus\":\"x\"", "Invalid value x for cpuset cpus", ERR_INVALID },
	{ "\"CpusetCpus\":\"999\"",
		"Requested CPUs are not available - requested 999, available: ", ERR_INVALID },
	{ "\"CpusetMems\":\"200\"", "Requested memory nodes are not available - requested 200",
		ERR_INVALID },
	{ "\"RestartPolicy\":{\"Name\":\"x\"}",
		"invalid restart policy: unknown policy 'x'; use one of 'no', 'always', 'on-failure', "
		"or 'unless-stopped'",
		ERR_INVALID },
	{ "\"RestartPolicy\":{\"Name\":\"always\",\"MaximumRetryCount\":3}",
		"maximum retry count can only be used with 'on-failure'", ERR_INVALID },
	{ "\"RestartPolicy\":{\"Name\":\"always\"},\"AutoRemove\":true",
		"can't create 'AutoRemove' container with restart policy", ERR_INVALID },
	{ "\"CapAdd\":[\"nope\"]", "invalid CapAdd: unknown capability: \"CAP_NOPE\"",
		ERR_INVALID },
	{ "\"CapDrop\":[\"cap_nope\"]", "invalid CapDrop: unknown capability: \"CAP_NOPE\"",
		ERR_INVALID },
	{ "\"SecurityOpt\":[\"nope\"]", "invalid --security-opt 1: \"nope\"", ERR_INVALID },
	{ "\"SecurityOpt\":[\"nope=1\"]", "invalid --security-opt 2: \"nope=1\"", ERR_INVALID },
	{ "\"SecurityOpt\":[\"no-new-privileges=x\"]",
		"invalid --security-opt 2: \"no-new-privileges=x\"", ERR_INVALID },
	{ "\"SecurityOpt\":[\"apparmor=mine\"]",
		"AppArmor is not supported on this host, but the profile 'mine' was specified",
		ERR_INVALID },
	{ "\"SecurityOpt\":[\"seccomp=/etc/x\"]", "opening seccomp profile (/etc/x) failed",
		ERR_INVALID },
	{ "\"SecurityOpt\":[\"landlock=x\"]", "landlock", ERR_UNSUPPORTED },
	{ "\"IpcMode\":\"x\"", "invalid IPC mode: x", ERR_INVALID },
	{ "\"PidMode\":\"x\"", "invalid PID mode: x", ERR_INVALID },
	{ "\"UTSMode\":\"x\"", "invalid UTS mode: x", ERR_INVALID },
	{ "\"CgroupnsMode\":\"x\"", "invalid cgroup namespace mode: x", ERR_INVALID },
	{ "\"NetworkMode\":\"mine\"", "NetworkMode: user-defined networks (\"mine\")",
		ERR_UNSUPPORTED },
	{ "\"NetworkMode\":\"container:\"", "invalid container format container:<name|id>",
		ERR_INVALID },
	{ "\"NetworkMode\":\"container:nobody\"", "No such container: nobody", ERR_INVALID },
	{ "\"ShmSize\":-1", "SHM size can not be less than 0", ERR_INVALID },
	{ "\"OomScoreAdj\":2000", "Invalid value 2000, range for oom score adj is [-1000, 1000]",
		ERR_INVALID },
	{ "\"Isolation\":\"hyperv\"", "Isolation: ", ERR_UNSUPPORTED },
	{ "\"Isolation\":\"x\"", "invalid isolation 'x' on linux", ERR_INVALID },
	{ "\"Runtime\":\"runc\"", "unknown or invalid runtime name: runc", ERR_INVALID },
	{ "\"Ulimits\":[{\"Name\":\"x\",\"Soft\":1,\"Hard\":1}]", "invalid ulimit type: x",
		ERR_INVALID },
	{ "\"Ulimits\":[{\"Name\":\"nofile\",\"Soft\":2,\"Hard\":1}]",
		"ulimit soft limit must be less than or equal to hard limit: 2 > 1", ERR_INVALID },
	{ "\"Sysctls\":{\"kernel.panic\":\"1\"}",
		"sysctl \"kernel.panic\" is not in a separate kernel namespace", ERR_INVALID },
	{ "\"Sysctls\":{\"net/../kernel.panic\":\"1\"}", "is not allowed", ERR_INVALID },
	{ "\"Sysctls\":{\"net.core.somaxconn\":\"1\"},\"NetworkMode\":\"host\"",
		"not allowed in host network namespace", ERR_INVALID },
	{ "\"ExtraHosts\":[\"x\"]", "bad format for add-host: \"x\"", ERR_INVALID },
	{ "\"ExtraHosts\":[\"x:y\"]", "invalid IP address in add-host: \"y\"", ERR_INVALID },
	{ "\"ExtraHosts\":[\"a\\nb:1.1.1.1\"]", "bad format for add-host", ERR_INVALID },
	{ "\"LogConfig\":{\"Type\":\"syslog\"}", "LogConfig: the log driver \"syslog\"",
		ERR_UNSUPPORTED },
	{ "\"LogConfig\":{\"Type\":\"json-file\",\"Config\":{\"x\":\"1\"}}",
		"unknown log opt 'x' for json-file log driver", ERR_INVALID },
	{ "\"LogConfig\":{\"Type\":\"local\",\"Config\":{\"max-file\":\"0\"}}",
		"max-file cannot be less than 1", ERR_INVALID },
	{ "\"LogConfig\":{\"Type\":\"local\",\"Config\":{\"max-size\":\"x\"}}", "invalid size: 'x'",
		ERR_INVALID },
	{ "\"Tmpfs\":{\"x\":\"\"}", "mount path must be absolute", ERR_INVALID },
	{ "\"Tmpfs\":{\"/\":\"\"}", "destination can't be '/'", ERR_INVALID },
	{ "\"Mounts\":[{\"Type\":\"bind\",\"Source\":\"/a\",\"Target\":\"/b\"}]",
		"mounts of type \"bind\"", ERR_UNSUPPORTED },
	{ "\"Mounts\":[{\"Type\":\"tmpfs\"}]", "field Target must not be empty", ERR_INVALID },
	{ "\"Privileged\":true", "Privileged: ", ERR_UNSUPPORTED },
	{ "\"Binds\":[\"/a:/b\"]", "Binds: ", ERR_UNSUPPORTED },
	{ "\"PublishAllPorts\":true", "PublishAllPorts: ", ERR_UNSUPPORTED },
	{ "\"PortBindings\":{\"80/tcp\":[]}", "PortBindings: ", ERR_UNSUPPORTED },
	{ "\"Devices\":[{}]", "Devices: ", ERR_UNSUPPORTED },
	{ "\"BlkioWeight\":10", "BlkioWeight: ", ERR_UNSUPPORTED },
	{ "\"VolumesFrom\":[\"x\"]", "VolumesFrom: ", ERR_UNSUPPORTED },
	{ "\"Links\":[\"x\"]", "Links: ", ERR_UNSUPPORTED },
};

static void check(const char *body, int kind, const char *words)
{
	int got = 0;
	const char *msg = fake_refused(body, &got);

	if (!strstr(msg, words))
		fail_msg("\"%s\" lacks \"%s\" (%s)", msg, words, body);
	if (got != kind)
		fail_msg("kind %d, not %d: %s", got, kind, msg);
}

static void test_refusals(void **unused)
{
	char body[1024];

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++)
		check(refusals[i].body, refusals[i].kind, refusals[i].words);
	for (size_t i = 0; i < ARRAY_SIZE(host_refusals); i++) {
		(void)snprintf(body, sizeof(body), "{\"Image\":\"busybox\",\"HostConfig\":{%s}}",
			host_refusals[i].host);
		check(body, host_refusals[i].kind, host_refusals[i].words);
	}
	/* and nothing half made is left */
	assert_int_equal(fake.set->n, 0);
	assert_null(fake.set->holds);
}

static void remove_it(struct container *c)
{
	struct err e;

	assert_int_equal(container_remove(c, true, false, &e), 0);
	container_unref(c);
}

/* What the command sends for plain `docker run busybox`. */
static void test_defaults(void **unused)
{
	static const char plain[] =
		"{\"Hostname\":\"\",\"AttachStdout\":true,\"AttachStderr\":true,\"Tty\":false,\"Env\":"
		"null,\"Cmd\":null,\"Image\":\"busybox\",\"Volumes\":{},\"Entrypoint\":null,\"Labels\":{"
		"},\"HostConfig\":{\"Binds\":null,\"NetworkMode\":\"default\",\"PortBindings\":{},"
		"\"RestartPolicy\":{\"Name\":\"no\",\"MaximumRetryCount\":0},\"ConsoleSize\":[0,0],"
		"\"Dns\":[],\"MemorySwappiness\":-1,\"OomKillDisable\":false,\"PidsLimit\":0,"
		"\"Devices\":[],\"BlkioDeviceReadBps\":[],\"MaskedPaths\":null,\"ReadonlyPaths\":null},"
		"\"NetworkingConfig\":{\"EndpointsConfig\":{\"default\":{}}}}";
	auto_json json_t *body = parse(plain), *warnings = json_array();
	struct container *c = NULL;
	struct err e;

	(void)unused;
	if (container_create(fake.set, &root_peer, NULL, body, warnings, &c, &e) < 0)
		fail_msg("%s", e.msg);
	assert_int_equal(json_array_size(warnings), 1);
	assert_non_null(
		strstr(json_string_value(json_array_get(warnings, 0)), "the default network is"));
	assert_string_equal(jstr(c->host_config, "NetworkMode"), "none");
	assert_int_equal(strncmp(jstr(c->config, "Hostname"), c->hex, 12), 0);
	assert_int_equal(strlen(jstr(c->config, "Hostname")), 12);
	assert_int_equal(jint(c->host_config, "ShmSize"), 64 << 20);
	assert_string_equal(jstr(c->host_config, "IpcMode"), "private");
	assert_int_equal(fake.created.client, 7);
	assert_true(fake.created.flags == KEEPER_NET_NONE);
	assert_int_equal(fake.created.caps, 0xa80425fbull);
	assert_int_equal(fake.created.limits.set, KEEPER_LIMIT_PIDS);
	assert_int_equal(fake.created.nlayers, 1);
	assert_non_null(strchr(c->name, '_'));
	remove_it(c);
}

/* The image's configuration under the user's. */
static void test_merge(void **unused)
{
	struct container *c = fake_create("merged",
		"{\"Image\":\"busybox\",\"Env\":[\"A=mine\",\"B\"],\"Labels\":{\"k\":\"v\"}}");
	auto_json json_t *env = parse("[\"A=mine\",\"B\",\"PATH=/bin\"]"), *cmd = parse("[\"sh\"]");
	auto_json json_t *labels = parse("{\"k\":\"v\",\"l\":\"image\"}");

	(void)unused;
	assert_true(json_equal(json_object_get(c->config, "Env"), env));
	assert_true(json_equal(json_object_get(c->config, "Cmd"), cmd));
	assert_true(json_equal(json_object_get(c->config, "Labels"), labels));
	assert_string_equal(jstr(c->config, "WorkingDir"), "/w");
	assert_non_null(json_object_get(json_object_get(c->config, "ExposedPorts"), "80/tcp"));
	remove_it(c);
	/* an entrypoint of one's own drops the image's command */
	c = fake_create("entry", "{\"Image\":\"busybox\",\"Entrypoint\":[\"e\"]}");
	assert_true(json_is_null(json_object_get(c->config, "Cmd")));
	remove_it(c);
}

static void test_grant(void **unused)
{
	struct container *a = fake_create(
		"donor", "{\"Image\":\"busybox\",\"HostConfig\":{\"IpcMode\":\"shareable\"}}");
	struct container *c;

	(void)unused;
	assert_true(fake.created.flags & KEEPER_SHAREABLE_IPC);
	c = fake_create("taker",
		"{\"Image\":\"busybox\",\"User\":\"1000620000:70000\",\"HostConfig\":{\"IpcMode\":"
		"\"container:donor\",\"PidMode\":\"container:donor\",\"NetworkMode\":\"container:donor\","
		"\"CapDrop\":[\"all\"],\"CapAdd\":[\"net_raw\"],\"ReadonlyRootfs\":true,\"SecurityOpt\":["
		"\"no-new-privileges=false\",\"seccomp=unconfined\"],\"GroupAdd\":[\"70000\"]}}");
	assert_int_equal(fake.created.ipcns, KEEPER_NS_CONTAINER);
	assert_true(digest_eq(&fake.created.net_of, &a->id));
	assert_true(digest_eq(&fake.created.pid_of, &a->id));
	assert_int_equal(fake.created.caps, 1 << 13);
	assert_int_equal(fake.created.flags, KEEPER_READONLY | KEEPER_NEW_PRIVS);
	assert_int_equal(fake.created.seccomp, KEEPER_SECCOMP_UNCONFINED);
	assert_int_equal(fake.created.extra_ids, 2);
	assert_int_equal(fake.created.extra[0], 1000620000);
	assert_string_equal(jstr(c->config, "Hostname"), jstr(a->config, "Hostname"));
	remove_it(c);
	c = fake_create(
		"hosty", "{\"Image\":\"busybox\",\"HostConfig\":{\"NetworkMode\":\"host\"}}");
	assert_int_equal(fake.created.netns, KEEPER_NS_HOST);
	assert_int_equal(fake.created.userns, KEEPER_NS_HOST);
	assert_string_equal(jstr(c->host_config, "UsernsMode"), "host");
	remove_it(c);
	c = fake_create("own", "{\"Image\":\"busybox\",\"HostConfig\":{\"SecurityOpt\":[\"seccomp={"
			       "\\\"defaultAction\\\":\\\"SCMP_ACT_ALLOW\\\"}\"]}}");
	assert_int_equal(fake.created.seccomp, KEEPER_SECCOMP_CUSTOM);
	remove_it(c);
	remove_it(a);
}

static struct str record(enum spec_type type, unsigned nth)
{
	struct spec_reader r;
	struct spec_record rec;

	assert_int_equal(spec_open(fake.spec, fake.spec_size, &r), 0);
	while (spec_next(&r, &rec) == 1)
		if (rec.type == type && nth-- == 0)
			return rec.data;
	return (struct str){ NULL, 0 };
}

static bool is(enum spec_type type, unsigned nth, const char *want)
{
	return str_eq(record(type, nth), str_of(want));
}

static void test_spec(void **unused)
{
	struct container *c = fake_create("spec",
		"{\"Image\":\"busybox\",\"Hostname\":\"box\",\"Tty\":true,\"Entrypoint\":[\"/e\"],\"Cmd\":["
		"\"a b\"],\"Env\":[\"X=1\",\"PATH=/p\"],\"User\":\"me\",\"HostConfig\":{\"Tmpfs\":{\"/t\":"
		"\"size=1m\"},\"Init\":true,\"Sysctls\":{\"net.core.somaxconn\":\"9\"},\"ExtraHosts\":["
		"\"db:10.0.0.9\"],\"Dns\":[\"9.9.9.9\"],\"Ulimits\":[{\"Name\":\"nofile\",\"Soft\":5,"
		"\"Hard\":-1}]}}");
	struct spec_rlimit rl;
	struct err e;

	(void)unused;
	fake.exit_at_once = 0;
	assert_int_equal(container_start(c, &e), 0);
	(void)wait_for(c, CONTAINER_WAIT_NOT_RUNNING);
	fake.exit_at_once = -1;
	assert_true(is(SPEC_ARG, 0, "/e") && is(SPEC_ARG, 1, "a b"));
	assert_true(is(SPEC_ENV, 0, "HOSTNAME=box") && is(SPEC_ENV, 1, "TERM=xterm"));
	assert_true(is(SPEC_ENV, 2, "X=1") && is(SPEC_ENV, 3, "PATH=/p"));
	assert_true(is(SPEC_CWD, 0, "/w") && is(SPEC_USER, 0, "me"));
	assert_true(is(SPEC_HOSTNAME, 0, "box") && is(SPEC_SYSCTL, 0, "net.core.somaxconn=9"));
	assert_true(record(SPEC_INIT, 0).p);
	assert_memory_equal(record(SPEC_TMPFS, 0).p, "/t\0size=1m", 10);
	assert_non_null(strstr(record(SPEC_FILE, 0).p + sizeof("/etc/hosts"), "10.0.0.9\tdb\n"));
	assert_memory_equal(record(SPEC_FILE, 1).p, "/etc/hostname\0box\n", 18);
	assert_memory_equal(record(SPEC_FILE, 2).p, "/etc/resolv.conf\0nameserver 9.9.9.9\n", 36);
	memcpy(&rl, record(SPEC_RLIMIT, 0).p, sizeof(rl));
	assert_true(rl.soft == 5 && rl.hard == UINT64_MAX);
	remove_it(c);
}

/* ---- ps -------------------------------------------------------------------------------------- */

static void ps(const char *filters, const char *want)
{
	auto_json json_t *f = parse(filters), *rows = NULL;
	char got[64] = "";
	struct err e;
	json_t *row;
	size_t i;

	if (container_list(fake.set, &root_peer, false, false, 0, f, &rows, &e) < 0) {
		if (!strstr(e.msg, want))
			fail_msg("%s: \"%s\"", filters, e.msg);
		return;
	}
	json_array_foreach(rows, i, row)
	{
		const char *name = json_string_value(
			json_array_get(json_object_get(row, "Names"), 0));

		(void)snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%s", i ? " " : "",
			name + 1);
	}
	if (!streq(got, want))
		fail_msg("%s: \"%s\", not \"%s\"", filters, got, want);
}

static void test_filters(void **unused)
{
	static const struct {
		const char *filters, *want;
	} table[] = {
		{ "{}", "up" },
		{ "{\"status\":[\"exited\"]}", "old" },
		{ "{\"status\":[\"created\",\"running\"]}", "new up" },
		{ "{\"status\":[\"x\"]}", "invalid filter 'status=x'" },
		{ "{\"exited\":[\"4\"],\"status\":[\"exited\"]}", "old" },
		{ "{\"exited\":[\"5\"],\"status\":[\"exited\"]}", "" },
		{ "{\"exited\":[\"x\"]}", "invalid filter 'exited=x'" },
		{ "{\"name\":[\"^/up$\"]}", "up" },
		{ "{\"name\":[\"u\"]}", "up" },
		{ "{\"name\":[\"zz\"]}", "" },
		{ "{\"label\":[\"a=1\"]}", "up" },
		{ "{\"label\":[\"a=1\",\"nope\"]}", "" },
		{ "{\"ancestor\":[\"busybox\"]}", "up" },
		{ "{\"ancestor\":[\"nope\"]}", "" },
		{ "{\"since\":[\"old\"],\"status\":[\"created\",\"running\",\"exited\"]}",
			"new up" },
		{ "{\"before\":[\"up\"],\"status\":[\"exited\"]}", "old" },
		{ "{\"before\":[\"nobody\"]}", "No such container: nobody" },
		{ "{\"is-task\":[\"true\"]}", "" },
		{ "{\"is-task\":[\"false\"]}", "up" },
		{ "{\"health\":[\"none\"]}", "up" },
		{ "{\"health\":[\"x\"]}", "invalid filter 'health=x'" },
		{ "{\"expose\":[\"80\"]}", "up" },
		{ "{\"expose\":[\"70-90/tcp\"]}", "up" },
		{ "{\"expose\":[\"80/udp\"]}", "" },
		{ "{\"publish\":[\"80\"]}", "" },
		{ "{\"publish\":[\"8:80\"]}", "filter for 'publish' should not contain ':': 8:80" },
		{ "{\"network\":[\"none\"]}", "up" },
		{ "{\"network\":[\"host\"]}", "" },
		{ "{\"volume\":[\"/m\"]}", "up" },
		{ "{\"nope\":[\"1\"]}", "invalid filter 'nope'" },
	};
	struct container *old = fake_create("old", "{\"Image\":\"busybox\"}");
	struct container *up = fake_create("up",
		"{\"Image\":\"busybox\",\"Labels\":{\"a\":\"1\"},\"HostConfig\":{\"Mounts\":[{\"Type\":"
		"\"tmpfs\",\"Target\":\"/m\"}]}}");
	struct container *new = fake_create("new", "{\"Image\":\"busybox\"}");
	struct err e;

	(void)unused;
	fake.exit_at_once = 4;
	assert_int_equal(container_start(old, &e), 0);
	(void)wait_for(old, CONTAINER_WAIT_NOT_RUNNING);
	fake.exit_at_once = -1;
	assert_int_equal(container_start(up, &e), 0);
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		ps(table[i].filters, table[i].want);
	remove_it(old);
	remove_it(up);
	remove_it(new);
}

static void test_inspect(void **unused)
{
	struct container *c = fake_create("seen", "{\"Image\":\"busybox\",\"Cmd\":[\"a\",\"b\"]}");
	auto_json json_t *d = container_inspect(c, false);
	auto_free char *status = container_status_text(c);
	const json_t *state = json_object_get(d, "State");

	(void)unused;
	assert_string_equal(jstr(d, "Id"), c->hex);
	assert_string_equal(jstr(d, "Name"), "/seen");
	assert_string_equal(jstr(d, "Path"), "a");
	assert_int_equal(json_array_size(json_object_get(d, "Args")), 1);
	assert_string_equal(jstr(state, "Status"), "created");
	assert_string_equal(jstr(state, "StartedAt"), "0001-01-01T00:00:00Z");
	assert_non_null(json_object_get(json_object_get(d, "NetworkSettings"), "Networks"));
	assert_true(json_array_size(
			    json_object_get(json_object_get(d, "HostConfig"), "MaskedPaths")) > 5);
	assert_string_equal(status, "Created");
	remove_it(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_merge),
		cmocka_unit_test(test_grant),
		cmocka_unit_test(test_spec),
		cmocka_unit_test(test_filters),
		cmocka_unit_test(test_inspect),
	};

	return cmocka_run_group_tests(tests, fake_up, fake_down);
}
