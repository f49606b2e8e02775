/*
 * Promises: the keeper identifies clients itself, grants nothing beyond the floor, survives its
 * engine, and its containers survive it.
 *
 * Needs root; without, everything is skipped.
 */
#include "system_asks.h"

/* ---- the tests ------------------------------------------------------------------------------- */

static void test_engine_is_confined(void **state)
{
	const struct keeper_boot *b = (const void *)rig.boot.body;
	const struct facts *f = &rig.facts;

	(void)state;
	assert_int_equal(f->uid, ACCOUNT_ENGINE_ID);
	assert_int_equal(f->gid, ACCOUNT_ENGINE_ID);
	assert_int_equal(f->groups, 0);
	assert_int_equal(f->descriptors, 4);
	assert_true(f->no_new_privs && f->writes_state && f->sees_libraries);
	assert_false(f->sees_shadow || f->sees_host_tmp || f->writes_root);
	assert_int_equal(f->caps_bound | f->caps_permitted | f->caps_effective, 0);
	assert_int_equal(rig.boot.nfds, 2);
	assert_int_equal(b->engine_uid, f->uid);
	assert_string_equal(b->labels, "a=b\n");
	/* ".." from the directories that BOOT gives leads nowhere. */
	for (int i = 0; i < 2; i++) {
		struct stat here, up;

		assert_int_equal(fstatat(rig.boot.fds[i], ".", &here, 0), 0);
		assert_int_equal(fstatat(rig.boot.fds[i], "..", &up, 0), 0);
		assert_true(here.st_ino == up.st_ino || up.st_dev != here.st_dev);
	}
}

static void test_directories(void **state)
{
	uid_t uid;

	(void)state;
	assert_int_equal(mode_of("data", &uid), 0711);
	assert_int_equal(mode_of("data/layers", &uid), 0700);
	assert_int_equal(mode_of("data/containers", &uid), 0700);
	assert_int_equal(mode_of("exec/run", &uid), 0700);
	assert_int_equal(uid, 0);
	assert_int_equal(mode_of("data/engine", &uid), 0700);
	assert_int_equal(uid, ACCOUNT_ENGINE_ID);
	assert_int_equal(mode_of("sock", &uid), 0660);
}

static void test_second_keeper_is_refused(void **state)
{
	char log[4096] = { 0 };
	int status = 0;
	pid_t pid = spawn_keeper(&rig);
	auto_close int fd = -1;

	(void)state;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 1);
	fd = open(rig_path(&rig, "log"), O_RDONLY | O_CLOEXEC);
	assert_true(fd_read_full(fd, log, sizeof(log) - 1) > 0);
	assert_non_null(strstr(log, "another caissond uses"));
}

static void test_clients(void **state)
{
	struct keeper_create c;
	struct keeper_reply reply;
	int root = rig_connect(&rig, 0), member;
	uint64_t handle = rig.client.handle;

	(void)state;
	assert_int_equal(rig.client.uid, 0);
	assert_int_equal(rig.client.pid, getpid());
	assert_int_equal(rig.client.cls, KEEPER_CLASS_ROOT);
	/* Half-closed, the handle lives; the connection's end ends it. */
	assert_int_equal(shutdown(root, SHUT_WR), 0);
	member = rig_connect(&rig, MEMBER_ID);
	assert_int_equal(rig.client.uid, MEMBER_ID);
	assert_int_equal(rig.client.gid, MEMBER_ID);
	assert_int_equal(rig.client.cls, KEEPER_CLASS_MEMBER);
	assert_true(rig.client.handle != handle);
	c = new_container(1);
	c.client = handle;
	c.nlayers = 0;
	assert_int_equal(create(&c, &reply), ERR_NONE);
	fd_close(root);
	do
		c.id.b[5]++;
	while (create(&c, &reply) == ERR_NONE);
	assert_int_equal(reply.err.kind, ERR_DENIED);
	assert_non_null(strstr(reply.err.msg, "connection that asked has ended"));
	/* The engine's own shutdown ends it too. */
	c.client = rig.client.handle;
	assert_int_equal(shutdown(rig.client_conn, SHUT_RDWR), 0);
	do
		c.id.b[5]++;
	while (create(&c, &reply) == ERR_NONE);
	assert_int_equal(reply.err.kind, ERR_DENIED);
	c.client = 0;
	assert_int_equal(create(&c, &reply), ERR_DENIED);
	c.client = KEEPER_HANDLE_REMOTE;
	assert_int_equal(create(&c, &reply), ERR_DENIED);
	fd_close(member);
}

static void test_member_is_refused(void **state)
{
	auto_close int member = rig_connect(&rig, MEMBER_ID);
	struct keeper_create c = new_container(2), mine;
	struct keeper_reply reply;
	auto_close int root = -1;

	(void)state;
	c.nlayers = 0;
	mine = c;
	c.netns = KEEPER_NS_HOST;
	assert_int_equal(create(&c, &reply), ERR_DENIED);
	assert_non_null(strstr(reply.err.msg, "host network is refused for uid 65534 by the floor "
					      "policy (set member.allow_host_network = yes in "));
	assert_int_equal(entries("data/containers"), 0);
	assert_int_equal(create(&mine, &reply), ERR_NONE);
	assert_int_equal(create(&mine, &reply), ERR_CONFLICT);
	/* Root's container cannot join the member's, nor the other way round. */
	root = rig_connect(&rig, 0);
	c = new_container(3);
	c.nlayers = 0;
	c.netns = KEEPER_NS_CONTAINER;
	c.net_of = mine.id;
	assert_int_equal(create(&c, &reply), ERR_DENIED);
	assert_int_equal(remove_container(&mine, &reply), ERR_NONE);
	assert_int_equal(remove_container(&mine, &reply), ERR_NOT_FOUND);
	assert_int_equal(entries("data/containers"), 0);
	EVENTUALLY(entries("data/trash") == 0);
}

static void test_malformed_is_fatal(void **state)
{
	auto_close int client = rig_connect(&rig, 0);
	struct pollfd p = { .fd = client, .events = POLLIN };
	struct keeper_create c = new_container(4);
	struct keeper_reply reply;
	pid_t first = rig.facts.pid;

	(void)state;
	c.nlayers = KEEPER_LAYERS_MAX + 1;
	assert_int_equal(
		wire_send(rig.link, KEEPER_VERSION, KEEPER_CREATE, 1, &c, sizeof(c), NULL, 0), 0);
	rig_engine(&rig);
	assert_true(rig.facts.pid != first);
	/* Its client sees the end; a new one is served. */
	fd_close(steal_fd(&rig.client_conn));
	assert_int_equal(poll(&p, 1, 20000), 1);
	assert_true(p.revents & POLLHUP);
	fd_close(rig_connect(&rig, 0));
	c = new_container(4);
	c.client = 12345;
	assert_int_equal(create(&c, &reply), ERR_DENIED);
	/* A message that is none at all. */
	first = rig.facts.pid;
	assert_int_equal(send(rig.link, "x", 1, 0), 1);
	rig_engine(&rig);
	assert_true(rig.facts.pid != first);
}

static void test_killed_engine_comes_back(void **state)
{
	pid_t first = rig.facts.pid;

	(void)state;
	assert_int_equal(kill(first, SIGKILL), 0);
	rig_engine(&rig);
	assert_true(rig.facts.pid != first);
	fd_close(rig_connect(&rig, 0));
}

static void test_container(void **state)
{
	auto_close int client = rig_connect(&rig, 0);
	struct keeper_create c = new_container(5);
	struct keeper_reply reply;
	struct job_measured measured = { 0 };

	(void)state;
	assert_int_equal(create(&c, &reply), ERR_NOT_FOUND);
	make_layer();
	assert_int_equal(create(&c, &reply), ERR_NONE);
	assert_int_equal(send_signal(&c, SIGTERM, &reply), ERR_CONFLICT);
	assert_int_equal(start(&c, "echo hello > /file; exit 7", &reply), ERR_NONE);
	assert_true(reply.id_base >= 0x40000000);
	assert_int_equal(wait_exit(), 7);
	assert_int_equal(run_job(KEEPER_JOB_MEASURE, &c.id, -1, &measured, sizeof(measured)), 0);
	assert_int_equal(measured.size_bytes, 6);
	/* Again at once: the earlier shim may still be ending. */
	assert_int_equal(
		start(&c, "read x < /file; [ $x = hello ] && exec /bin/busybox sleep 1000", &reply),
		ERR_NONE);
	assert_int_equal(start_at(&c, "other.sock", "exit 0", &reply), ERR_CONFLICT);
	assert_int_equal(remove_container(&c, &reply), ERR_CONFLICT);
	assert_true(has_cgroup(&c));
	assert_int_equal(send_signal(&c, SIGKILL, &reply), ERR_NONE);
	assert_int_equal(wait_exit(), 137);
	assert_int_equal(remove_container(&c, &reply), ERR_NONE);
	assert_false(has_cgroup(&c));
	assert_int_equal(entries("exec/run"), 0);
	assert_int_equal(entries("data/containers"), 0);
	EVENTUALLY(entries("data/trash") == 0);
}

static void test_failed_start_says_why(void **state)
{
	auto_close int client = rig_connect(&rig, 0);
	struct keeper_create c = new_container(6);
	struct keeper_start s;
	struct keeper_reply reply;
	struct err e;
	auto_close int dir = run_dir();
	auto_close int plain = open("/dev/null", O_RDWR | O_CLOEXEC);
	auto_close int log = open_log();
	auto_close int spec = make_spec("exit 0");
	auto_close int listener = shim_listen(dir, "shim.sock", &e);

	(void)state;
	make_layer();
	s = (struct keeper_start){ .id = c.id };
	assert_int_equal(create(&c, &reply), ERR_NONE);
	{
		int fds[3] = { plain, log, listener };

		assert_int_equal(
			rig_ask(&rig, KEEPER_START, &s, sizeof(s), fds, 3, &reply), ERR_INVALID);
		fds[0] = spec;
		fds[1] = plain;
		assert_int_equal(
			rig_ask(&rig, KEEPER_START, &s, sizeof(s), fds, 3, &reply), ERR_INVALID);
		fds[1] = log;
		fds[2] = plain;
		assert_int_equal(
			rig_ask(&rig, KEEPER_START, &s, sizeof(s), fds, 3, &reply), ERR_INVALID);
	}
	assert_int_equal(remove_container(&c, &reply), ERR_NONE);
}

static void test_freeze_and_update(void **state)
{
	auto_close int client = rig_connect(&rig, 0);
	struct keeper_create c = new_container(7);
	struct keeper_freeze f = { .id = c.id, .frozen = 1 };
	struct keeper_update u = { .id = c.id,
		.limits = { .set = KEEPER_LIMIT_MEMORY, .memory_bytes = 1000 } };
	struct keeper_reply reply;

	(void)state;
	make_layer();
	assert_int_equal(create(&c, &reply), ERR_NONE);
	assert_int_equal(start(&c, "exec /bin/busybox sleep 1000", &reply), ERR_NONE);
	assert_int_equal(rig_ask(&rig, KEEPER_FREEZE, &f, sizeof(f), NULL, 0, &reply), ERR_NONE);
	f.frozen = 0;
	assert_int_equal(rig_ask(&rig, KEEPER_FREEZE, &f, sizeof(f), NULL, 0, &reply), ERR_NONE);
	assert_int_equal(rig_ask(&rig, KEEPER_UPDATE, &u, sizeof(u), NULL, 0, &reply), ERR_INVALID);
	u.limits.memory_bytes = 64 << 20;
	assert_int_equal(rig_ask(&rig, KEEPER_UPDATE, &u, sizeof(u), NULL, 0, &reply), ERR_NONE);
	assert_int_equal(send_signal(&c, SIGKILL, &reply), ERR_NONE);
	assert_int_equal(wait_exit(), 137);
	assert_int_equal(remove_container(&c, &reply), ERR_NONE);
}

static void test_exec(void **state)
{
	auto_close int client = rig_connect(&rig, 0);
	struct keeper_create c = new_container(8);
	struct keeper_exec x = { .id = c.id, .client = rig.client.handle };
	struct keeper_reply reply;
	struct exec_report report = { 0 };
	int pair[2], out[2];
	char text[8] = { 0 };
	auto_close int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	auto_close int spec = make_spec("echo hi; exit 3");

	(void)state;
	make_layer();
	assert_int_equal(create(&c, &reply), ERR_NONE);
	assert_int_equal(wire_pair(pair), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	{
		int fds[5] = { spec, pair[1], null, out[1], null };

		assert_int_equal(
			rig_ask(&rig, KEEPER_EXEC, &x, sizeof(x), fds, 5, &reply), ERR_CONFLICT);
		assert_int_equal(start(&c, "exec /bin/busybox sleep 1000", &reply), ERR_NONE);
		assert_int_equal(
			rig_ask(&rig, KEEPER_EXEC, &x, sizeof(x), fds, 5, &reply), ERR_NONE);
	}
	fd_close(pair[1]);
	fd_close(out[1]);
	assert_int_equal(recv(pair[0], &report, sizeof(report), 0), sizeof(report));
	assert_int_equal(report.type, EXEC_STARTED);
	assert_int_equal(recv(pair[0], &report, sizeof(report), 0), sizeof(report));
	assert_int_equal(report.type, EXEC_EXITED);
	assert_int_equal(report.status, 3);
	assert_int_equal(fd_read_full(out[0], text, 7), 3);
	assert_string_equal(text, "hi\n");
	fd_close(pair[0]);
	fd_close(out[0]);
	assert_int_equal(send_signal(&c, SIGKILL, &reply), ERR_NONE);
	assert_int_equal(wait_exit(), 137);
	assert_int_equal(remove_container(&c, &reply), ERR_NONE);
}

static void test_container_outlives_keeper(void **state)
{
	auto_close int client = rig_connect(&rig, 0);
	struct keeper_create c = new_container(9), d = new_container(10);
	struct keeper_reply reply;
	pid_t init;

	(void)state;
	make_layer();
	assert_int_equal(create(&d, &reply), ERR_NONE);
	assert_int_equal(create(&c, &reply), ERR_NONE);
	assert_int_equal(start(&c, "exec /bin/busybox sleep 1000", &reply), ERR_NONE);
	init = (pid_t)reply.pid;
	(void)rig_stop(&rig, SIGKILL);
	assert_int_equal(kill(init, 0), 0);
	rig_start(&rig);
	assert_int_equal(start_at(&c, "other.sock", "exit 0", &reply), ERR_CONFLICT);
	/* An orderly end leaves it alone too, and takes the socket away. */
	assert_int_equal(rig_stop(&rig, SIGTERM), 0);
	assert_int_equal(access(rig_path(&rig, "sock"), F_OK), -1);
	assert_int_equal(kill(init, 0), 0);
	rig_start(&rig);
	assert_int_equal(send_signal(&c, SIGTERM, &reply), ERR_NONE);
	assert_int_equal(send_signal(&c, SIGKILL, &reply), ERR_NONE);
	assert_int_equal(wait_exit(), 137);
	assert_int_equal(remove_container(&c, &reply), ERR_NONE);
	assert_int_equal(remove_container(&d, &reply), ERR_NONE);
	EVENTUALLY(!has_cgroup(&c));
	assert_int_equal(entries("exec/run"), 0);
}

int main(int argc, char **argv)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_engine_is_confined),
		TEST(test_directories),
		TEST(test_second_keeper_is_refused),
		TEST(test_clients),
		TEST(test_member_is_refused),
		TEST(test_malformed_is_fatal),
		TEST(test_killed_engine_comes_back),
		TEST(test_container),
		TEST(test_failed_start_says_why),
		TEST(test_freeze_and_update),
		TEST(test_exec),
		TEST(test_container_outlives_keeper),
	};

	if (argc > 0 && streq(argv[0], "caisson-engine"))
		return fake_engine();
	if (geteuid() != 0) {
		print_message("skipped: needs root\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
