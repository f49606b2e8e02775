/*
 * Control groups for real, as root: limits are read back from the kernel, processes are counted,
 * frozen, thawed and killed, and nothing is left.
 */
#include "cgroup/devices.c"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

static struct digest id;
static struct err e;

static int fresh_id(void **state)
{
	(void)state;
	if (geteuid() != 0 || cgroup_detect(&(enum cgroup_version){ 0 }) < 0)
		skip();
	digest_random(&id);
	e = (struct err){ 0 };
	return 0;
}

static void expect_number(
	enum controller v1, const char *v1_file, const char *v2_file, uint64_t want)
{
	bool v2 = cgroup_version() == CGROUP_V2;
	uint64_t got = 0;

	assert_int_equal(
		cgroup_read_u64(v2 ? CTL_UNIFIED : v1, &id, v2 ? v2_file : v1_file, &got), 0);
	assert_true(got == want);
}

static void limits_are_what_the_kernel_says(void **state)
{
	struct keeper_limits l = {
		.set = KEEPER_LIMIT_MEMORY | KEEPER_LIMIT_PIDS | KEEPER_LIMIT_CPU_QUOTA,
		.memory_bytes = 64 << 20,
		.pids = 17,
		.cpu_quota_us = 50000,
		.cpu_period_us = 100000,
	};

	(void)state;
	assert_int_equal(cgroup_create(&id, &l, &e), 0);
	expect_number(CTL_MEMORY, "memory.limit_in_bytes", "memory.max", 64 << 20);
	expect_number(CTL_PIDS, "pids.max", "pids.max", 17);
	if (cgroup_version() == CGROUP_V1) {
		/* no extra swap */
		expect_number(CTL_MEMORY, "memory.memsw.limit_in_bytes", NULL, 64 << 20);
		expect_number(CTL_CPU, "cpu.cfs_quota_us", NULL, 50000);
	}
	/* Raising and lowering both work, whatever order the kernel wants. */
	l = (struct keeper_limits){ .set = KEEPER_LIMIT_MEMORY, .memory_bytes = 256 << 20 };
	assert_int_equal(cgroup_update(&id, &l, &e), 0);
	expect_number(CTL_MEMORY, "memory.limit_in_bytes", "memory.max", 256 << 20);
	l.memory_bytes = 32 << 20;
	assert_int_equal(cgroup_update(&id, &l, &e), 0);
	expect_number(CTL_MEMORY, "memory.limit_in_bytes", "memory.max", 32 << 20);
	l = (struct keeper_limits){ .set = KEEPER_LIMIT_PIDS, .pids = -1 };
	assert_int_equal(cgroup_update(&id, &l, &e), 0);
	expect_number(CTL_PIDS, "pids.max", "pids.max", UINT64_MAX);
	assert_int_equal(cgroup_remove(&id, &e), 0);
}

static void a_cpuset_holds_the_processors_asked_for(void **state)
{
	struct keeper_limits l = { .set = KEEPER_LIMIT_CPUSET_CPUS, .cpuset_cpus = { 1 } };
	char text[64];

	(void)state;
	assert_int_equal(cgroup_create(&id, &l, &e), 0);
	assert_true(cgroup_read(cgroup_version() == CGROUP_V2 ? CTL_UNIFIED : CTL_CPUSET, &id,
			    "cpuset.cpus", text, sizeof(text)) > 0);
	assert_string_equal(text, "0\n");
	l.cpuset_cpus[0] = 0;
	l.cpuset_cpus[15] = 1ull << 63;
	assert_true(cgroup_update(&id, &l, &e) < 0);
	assert_int_equal(e.kind, ERR_INVALID);
	assert_int_equal(cgroup_remove(&id, &e), 0);
}

/* A process that has moved itself into the group; it may open nothing there: what it has is what
 * root opened. */
static pid_t sleeper(void)
{
	struct cgroup_gate gate;
	int said[2];
	char c = 1;
	pid_t pid;

	assert_int_equal(cgroup_gate_open(&id, &gate, &e), 0);
	assert_true(gate.n > 0);
	assert_int_equal(pipe(said), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (setresuid(65534, 65534, 65534) == 0 && cgroup_gate_enter(&gate, &e) == 0)
			(void)!write(said[1], "", 1);
		for (;;)
			(void)pause();
	}
	(void)close(said[1]);
	assert_int_equal(read(said[0], &c, 1), 1);
	(void)close(said[0]);
	cgroup_gate_close(&gate);
	assert_int_equal(gate.n, 0);
	return pid;
}

static void processes_move_in_are_counted_frozen_and_killed(void **state)
{
	struct keeper_limits none = { 0 };
	struct cgroup_stats s;
	pid_t pid, *pids = NULL;
	size_t n = 0;
	int status;

	(void)state;
	assert_int_equal(cgroup_create(&id, &none, &e), 0);
	pid = sleeper();
	assert_int_equal(cgroup_pids(&id, &pids, &n, &e), 0);
	assert_int_equal(n, 1);
	assert_int_equal(pids[0], pid);
	free(pids);
	assert_int_equal(cgroup_stats(&id, &s, &e), 0);
	assert_int_equal(s.pids, 1);
	assert_int_equal(cgroup_freeze(&id, true, &e), 0);
	assert_int_equal(cgroup_kill(&id, SIGKILL, &e), 0);
	assert_int_equal(cgroup_freeze(&id, false, &e), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	assert_int_equal(cgroup_remove(&id, &e), 0);
	assert_int_equal(cgroup_remove(&id, &e), 0);
	assert_true(cgroup_stats(&id, &s, &e) < 0);
	assert_int_equal(e.kind, ERR_NOT_FOUND);
}

/* In a child that has joined the group: 0 when exactly the harmless devices open. */
static int probe_devices(void)
{
	if (open("/dev/null", O_RDWR | O_CLOEXEC) < 0 ||
		open("/dev/urandom", O_RDONLY | O_CLOEXEC) < 0)
		return 1;
	return open("/dev/kmsg", O_RDONLY | O_CLOEXEC) >= 0 || errno != EPERM ? 2 : 0;
}

static void expect_probe(void (*join)(void))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		join();
		_exit(probe_devices());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void join_container(void)
{
	struct cgroup_gate gate;

	BUG_ON(cgroup_gate_open(&id, &gate, &e) < 0 || cgroup_gate_enter(&gate, &e) < 0);
}

static void only_listed_devices_open(void **state)
{
	struct keeper_limits none = { 0 };

	(void)state;
	assert_int_equal(cgroup_create(&id, &none, &e), 0);
	assert_int_equal(cgroup_restrict_devices(&id, &e), 0);
	expect_probe(join_container);
	assert_int_equal(cgroup_remove(&id, &e), 0);
}

#define V2_DIR "/sys/fs/cgroup/unified/caisson-test"

static void join_v2_dir(void)
{
	int fd = open(V2_DIR "/cgroup.procs", O_WRONLY | O_CLOEXEC);

	BUG_ON(fd < 0 || fd_write_all(fd, "0", 1) < 0);
}

/* The v2 filter works on any directory of the unified tree, so a hybrid machine can test it. */
static void the_v2_filter_opens_the_same_devices(void **state)
{
	int dir;

	(void)state;
	if (cgroup_version() == CGROUP_V2 || mkdir(V2_DIR, 0755) < 0)
		skip();
	dir = open(V2_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(dir >= 0);
	assert_int_equal(attach_v2(dir, &e), 0);
	expect_probe(join_v2_dir);
	close(dir);
	for (int i = 0; i < 100 && rmdir(V2_DIR) < 0; i++)
		(void)usleep(1000);
	assert_int_not_equal(access(V2_DIR, F_OK), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(limits_are_what_the_kernel_says, fresh_id),
		cmocka_unit_test_setup(a_cpuset_holds_the_processors_asked_for, fresh_id),
		cmocka_unit_test_setup(processes_move_in_are_counted_frozen_and_killed, fresh_id),
		cmocka_unit_test_setup(only_listed_devices_open, fresh_id),
		cmocka_unit_test_setup(the_v2_filter_opens_the_same_devices, fresh_id),
	};

	return cmocka_run_group_tests_name("cgroup", tests, NULL, NULL);
}
