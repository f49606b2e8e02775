/*
 * Promises: an engine that was taken over gets nothing it was not given: no right beyond the floor,
 * nothing of another owner, of another engine or of the host (T21 of the security practice).
 *
 * The engine here is the rig's: it has the real one's uid, world and link, and asks for what it
 * should not.  Needs root; without, everything is skipped.
 */
#include "system_asks.h"

#include <sys/mman.h>
#include <sys/syscall.h>

#define ADMIN_CAP (1ull << 21) /* CAP_SYS_ADMIN */
#define SLEEP	  "exec /bin/busybox sleep 1000"

static int refused(uint16_t op, const void *body, size_t size, const int *fds, unsigned nfds)
{
	struct keeper_reply reply;

	return rig_ask(&rig, op, body, size, fds, nfds, &reply);
}

static void end(const struct keeper_create *c, const char *sock)
{
	struct keeper_reply reply;

	assert_int_equal(send_signal(c, SIGKILL, &reply), ERR_NONE);
	assert_int_equal(wait_exit_at(sock), 137);
	assert_int_equal(remove_container(c, &reply), ERR_NONE);
}

static int exec_privileged(const struct keeper_create *c, uint64_t client)
{
	struct keeper_exec x = {
		.id = c->id, .client = client, .flags = KEEPER_EXEC_PRIVILEGED | KEEPER_EXEC_TTY
	};
	auto_close int spec = make_spec("exit 0");
	int pair[2], kind;

	assert_int_equal(wire_pair(pair), 0);
	kind = refused(KEEPER_EXEC, &x, sizeof(x), (int[]){ spec, pair[1] }, 2);
	fd_close(pair[0]);
	fd_close(pair[1]);
	return kind;
}

/* Members may use the host's user namespace here, and any capability in one of their own, but not
 * both at once: not by joining a container that is in the host's, nor by exec. */
static void test_joining_adds_no_right(void **state)
{
	auto_close int member = -1;
	struct keeper_create host, c;
	struct keeper_reply reply;

	(void)state;
	member = rig_connect(&rig, MEMBER_ID);
	make_layer();
	host = new_container(1);
	host.userns = host.netns = KEEPER_NS_HOST;
	assert_int_equal(create(&host, &reply), ERR_NONE);
	assert_int_equal(start(&host, SLEEP, &reply), ERR_NONE);
	c = new_container(2);
	c.netns = KEEPER_NS_CONTAINER;
	c.net_of = host.id;
	c.caps |= ADMIN_CAP;
	assert_int_equal(create(&c, &reply), ERR_NONE);
	assert_int_equal(start_at(&c, "c.sock", "exit 0", &reply), ERR_DENIED);
	assert_non_null(strstr(reply.err.msg, "a privileged container is refused for uid 65534"));
	assert_int_equal(exec_privileged(&host, rig.client.handle), ERR_DENIED);
	assert_int_equal(remove_container(&c, &reply), ERR_NONE);
	/* What is allowed works. */
	c.caps = DOCKER_CAPS;
	assert_int_equal(create(&c, &reply), ERR_NONE);
	assert_int_equal(start_at(&c, "d.sock", SLEEP, &reply), ERR_NONE);
	assert_int_equal(exec_privileged(&c, rig.client.handle), ERR_DENIED);
	end(&c, "d.sock");
	end(&host, "shim.sock");
}

static void test_exec_adds_no_right(void **state)
{
	auto_close int member = rig_connect(&rig, MEMBER_ID);
	uint64_t handle = rig.client.handle;
	auto_close int root = -1;
	struct keeper_create c;
	struct keeper_reply reply;

	(void)state;
	make_layer();
	c = new_container(3);
	c.caps |= ADMIN_CAP;
	assert_int_equal(create(&c, &reply), ERR_DENIED);
	c.caps = DOCKER_CAPS;
	assert_int_equal(create(&c, &reply), ERR_NONE);
	assert_int_equal(start(&c, SLEEP, &reply), ERR_NONE);
	assert_int_equal(exec_privileged(&c, handle), ERR_DENIED);
	assert_int_equal(exec_privileged(&c, 0), ERR_DENIED);
	assert_int_equal(exec_privileged(&c, KEEPER_HANDLE_REMOTE), ERR_DENIED);
	root = rig_connect(&rig, 0);
	assert_int_equal(exec_privileged(&c, rig.client.handle), ERR_NONE);
	/* A handle ends with its connection. */
	fd_close(steal_fd(&root));
	(void)shutdown(rig.client_conn, SHUT_RDWR);
	EVENTUALLY(exec_privileged(&c, rig.client.handle) == ERR_DENIED);
	end(&c, "shim.sock");
}

/* A worker that goes on writing would change what others run. */
static void test_no_commit_before_the_worker_ended(void **state)
{
	static const struct digest staging = { { 0x44 } };
	struct keeper_job j = { .kind = KEEPER_JOB_UNPACK, .target = staging };
	struct keeper_layer l = { staging, { { 0x55 } } };
	static struct wire_msg m;
	int in[2], out[2];

	(void)state;
	assert_int_equal(pipe2(in, O_CLOEXEC) | pipe2(out, O_CLOEXEC), 0);
	assert_int_equal(wire_send(rig.link, KEEPER_VERSION, KEEPER_JOB, 9999, &j, sizeof(j),
				 (int[]){ in[0], out[1] }, 2),
		0);
	assert_int_equal(refused(KEEPER_LAYER_COMMIT, &l, sizeof(l), NULL, 0), ERR_CONFLICT);
	assert_int_equal(
		refused(KEEPER_JOB, &j, sizeof(j), (int[]){ in[0], out[1] }, 2), ERR_CONFLICT);
	assert_int_equal(access(rig_path(&rig, "data/layers/55"), F_OK), -1);
	for (int i = 0; i < 2; i++) {
		fd_close(in[i]);
		fd_close(out[i]);
	}
	do
		receive(&rig, &m);
	while (m.head.op != KEEPER_REPLY || m.head.seq != 9999);
	assert_int_equal(refused(KEEPER_LAYER_COMMIT, &l, sizeof(l), NULL, 0), ERR_NOT_FOUND);
}

/* Control groups are shared by all keepers of a host. */
static void test_ids_of_other_groups(void **state)
{
	auto_close int root = rig_connect(&rig, 0);
	struct keeper_limits none = { 0 };
	struct keeper_create c = new_container(4);
	struct keeper_reply reply;
	struct err e;
	int kind;

	(void)state;
	c.nlayers = 0;
	assert_int_equal(cgroup_create(&c.id, &none, &e), 0);
	kind = create(&c, &reply);
	assert_int_equal(cgroup_remove(&c.id, &e), 0);
	assert_int_equal(kind, ERR_CONFLICT);
	assert_int_equal(create(&c, &reply), ERR_NONE);
	assert_int_equal(remove_container(&c, &reply), ERR_NONE);
	c.id = (struct digest){ "caisson worker slot" };
	c.id.b[31] = 3;
	assert_int_equal(create(&c, &reply), ERR_CONFLICT);
}

/* What comes with a start is looked at, whatever it is. */
static void test_foreign_descriptors(void **state)
{
	auto_close int root = rig_connect(&rig, 0);
	struct keeper_create c = new_container(5);
	struct keeper_start s = { .id = c.id };
	auto_close int spec = make_spec("exit 0"), log = open_log(), dir = run_dir();
	auto_close int passwd = open("/etc/passwd", O_WRONLY | O_APPEND | O_CLOEXEC);
	auto_close int rewritable = open(rig_path(&rig, "data/engine/log"), O_WRONLY | O_CLOEXEC);
	auto_close int path = open(rig_path(&rig, "data/engine/log"), O_PATH | O_CLOEXEC);
	auto_close int unsealed = memfd_create("spec", MFD_CLOEXEC);
	auto_close int device = open("/dev/null", O_WRONLY | O_APPEND | O_CLOEXEC);
	struct keeper_reply reply;
	struct err e;
	auto_close int listener = shim_listen(dir, "f.sock", &e);
	const int bad[][3] = { { spec, passwd, listener }, { spec, rewritable, listener },
		{ spec, path, listener }, { spec, device, listener }, { unsealed, log, listener },
		{ log, log, listener }, { passwd, log, listener }, { spec, log, rig.link },
		{ spec, log, log }, { spec, log, dir } };

	(void)state;
	c.nlayers = 0;
	assert_int_equal(create(&c, &reply), ERR_NONE);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(refused(KEEPER_START, &s, sizeof(s), bad[i], 3), ERR_INVALID);
	assert_int_equal(remove_container(&c, &reply), ERR_NONE);
	assert_int_equal(entries("exec/run"), 0);
}

static int connect_as(uid_t id)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(str_copy(a.sun_path, sizeof(a.sun_path), str_of(rig_path(&rig, "sock"))));
	assert_int_equal(setegid(MEMBER_ID) | seteuid(id), 0);
	assert_int_equal(connect(s, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(seteuid(0) | setegid(0), 0);
	return s;
}

/* The keeper told of this one. */
static bool is_served(int s)
{
	struct pollfd p[2] = { { .fd = rig.link, .events = POLLIN },
		{ .fd = s, .events = POLLIN } };
	static struct wire_msg m;

	assert_true(poll(p, 2, 20000) > 0);
	if (p[0].revents)
		receive(&rig, &m);
	return p[0].revents;
}

/* One member takes all connections that one may have; others still get in. */
static void test_one_user_leaves_room(void **state)
{
	enum { MOST = 1024 };
	static int held[MOST];
	int other;

	(void)state;
	for (size_t i = 0; i < MOST; i++) {
		held[i] = connect_as(MEMBER_ID);
		assert_true(is_served(held[i]));
	}
	other = connect_as(MEMBER_ID);
	assert_false(is_served(other));
	fd_replace(&other, connect_as(MEMBER_ID - 1));
	assert_true(is_served(other));
	fd_close(other);
	fd_close(rig_connect(&rig, 0));
	for (size_t i = 0; i < MOST; i++)
		fd_close(held[i]);
}

/* Engines side by side have one uid where the system has no account for them. */
static void test_other_engines_are_out_of_reach(void **state)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, 1);
	char text[16];
	pid_t victim = fork();

	(void)state;
	if (victim == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
		(void)!sys_become(ACCOUNT_ENGINE_ID, ACCOUNT_ENGINE_ID, NULL, 0);
		(void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
		(void)kill(getpid(), SIGSTOP);
		_exit(0);
	}
	assert_int_equal(waitpid(victim, NULL, WUNTRACED), victim);
	(void)snprintf(text, sizeof(text), "%d", (int)victim);
	write_text(rig_path(&rig, "data/engine/victim"), text);
	assert_int_equal(kill(rig.facts.pid, SIGKILL), 0);
	rig_engine(&rig);
	assert_int_equal(kill(victim, SIGKILL), 0);
	assert_int_equal(waitpid(victim, NULL, 0), victim);
	assert_false(rig.facts.traces_other);
	assert_false(abi >= 6 && rig.facts.signals_other);
}

static int setup_floor(void **state)
{
	(void)state;
	rig_make(&rig);
	write_text(rig_path(&rig, "floor.conf"),
		"member.allow_host_userns = yes\nmember.allow_host_network = yes\n"
		"member.allow_capabilities = all\n");
	rig_start(&rig);
	return 0;
}

int main(int argc, char **argv)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_joining_adds_no_right, setup_floor, teardown),
		TEST(test_exec_adds_no_right),
		TEST(test_no_commit_before_the_worker_ended),
		TEST(test_ids_of_other_groups),
		TEST(test_foreign_descriptors),
		TEST(test_one_user_leaves_room),
		TEST(test_other_engines_are_out_of_reach),
	};

	if (argc > 0 && streq(argv[0], "caisson-engine"))
		return fake_engine();
	if (geteuid() != 0) {
		print_message("skipped: needs root\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
