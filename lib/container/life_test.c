#include "container/fake_test.h"

#include <signal.h>
#include <sys/inotify.h>

#define SH "{\"Image\":\"busybox\",\"Cmd\":[\"sh\"]}"

static void ok(int r, const struct err *e)
{
	if (r < 0)
		fail_msg("%s", e->msg);
}

/* What is refused, and with which words. */
static void refused(int r, const struct err *e, int kind, const char *words)
{
	assert_true(r < 0);
	if (!strstr(e->msg, words))
		fail_msg("\"%s\" lacks \"%s\"", e->msg, words);
	assert_int_equal(e->kind, kind);
}

static void destroy(struct container *c)
{
	struct err e;

	ok(container_remove(c, true, false, &e), &e);
	container_unref(c);
}

static void test_run(void **unused)
{
	struct container *c = fake_create("runner", SH);
	struct container_waiter w;
	char *error;
	struct err e;
	int code;

	(void)unused;
	assert_string_equal(container_status_word(c->status), "created");
	container_wait_begin(c, CONTAINER_WAIT_NEXT_EXIT, &w);
	fake.exit_at_once = 7;
	ok(container_start(c, &e), &e);
	assert_int_equal(container_wait_end(c, &w, -1, &code, &error), 1);
	assert_int_equal(code, 7);
	assert_null(error);
	assert_int_equal(c->status, CONTAINER_EXITED);
	assert_int_equal(c->exit_code, 7);
	/* not-running is over at once */
	assert_int_equal(wait_for(c, CONTAINER_WAIT_NOT_RUNNING), 7);
	fake.exit_at_once = -1;
	destroy(c);
}

static void test_states(void **unused)
{
	struct container *c = fake_create("states", SH);
	struct err e;

	(void)unused;
	assert_int_equal(container_stop(c, NULL, 1, &e), 1);
	refused(container_kill(c, "TERM", &e), &e, ERR_CONFLICT, "is not running");
	refused(container_pause(c, true, &e), &e, ERR_CONFLICT, "is not running");
	refused(container_resize(c, 1, 1, &e), &e, ERR_CONFLICT, "is not running");
	ok(container_start(c, &e), &e);
	assert_int_equal(container_start(c, &e), 1);
	assert_int_equal(c->pid, 4242);
	refused(container_remove(c, false, false, &e), &e, ERR_CONFLICT,
		"container is running: stop the container before removing or force remove");
	ok(container_pause(c, true, &e), &e);
	refused(container_start(c, &e), &e, ERR_CONFLICT,
		"cannot start a paused container, try unpause instead");
	refused(container_pause(c, true, &e), &e, ERR_CONFLICT, "is already paused");
	refused(container_remove(c, false, false, &e), &e, ERR_CONFLICT,
		"container is paused and must be unpaused first");
	ok(container_pause(c, false, &e), &e);
	refused(container_pause(c, false, &e), &e, ERR_CONFLICT, "is not paused");
	ok(container_resize(c, 24, 80, &e), &e);
	refused(container_kill(c, "NOPE", &e), &e, ERR_INVALID, "invalid signal: NOPE");
	ok(container_stop(c, NULL, 10, &e), &e);
	assert_int_equal(c->exit_code, 128 + SIGTERM);
	assert_int_equal(container_stop(c, NULL, 10, &e), 1);
	destroy(c);
}

/* A process that ignores its stop signal is killed after the time. */
static void test_stop_force(void **unused)
{
	struct container *c = fake_create("stubborn", SH);
	struct err e;

	(void)unused;
	fake.ignore_signal = SIGTERM;
	ok(container_start(c, &e), &e);
	ok(container_stop(c, NULL, 0, &e), &e);
	assert_int_equal(c->exit_code, 128 + SIGKILL);
	fake.ignore_signal = 0;
	destroy(c);
}

static void test_paused_kill(void **unused)
{
	struct container *c = fake_create("frozen", SH);
	struct err e;

	(void)unused;
	ok(container_start(c, &e), &e);
	ok(container_pause(c, true, &e), &e);
	ok(container_kill(c, NULL, &e), &e);
	assert_int_equal(c->exit_code, 137);
	assert_int_equal(c->status, CONTAINER_EXITED);
	destroy(c);
}

static void test_start_errors(void **unused)
{
	static const struct {
		const char *said;
		int code, kind;
	} table[] = {
		{ "exec: \"nope\": executable file not found in $PATH", 127, ERR_INVALID },
		{ "exec: \"/etc/passwd\": permission denied", 126, ERR_INVALID },
		{ "exec: \"/etc\": is a directory", 126, ERR_INVALID },
		{ "stat /nope: no such file or directory", 127, ERR_INVALID },
		{ "something else", 128, ERR_SYSTEM },
	};
	struct container *c = fake_create("failing", SH);
	struct err e;

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		fake.start_error = table[i].said;
		refused(container_start(c, &e), &e, table[i].kind,
			"unable to start container process: ");
		assert_non_null(strstr(e.msg, table[i].said));
		assert_int_equal(c->exit_code, table[i].code);
		assert_string_equal(c->error, e.msg);
		assert_int_equal(c->status, CONTAINER_CREATED);
	}
	fake.start_error = NULL;
	ok(container_start(c, &e), &e);
	assert_null(c->error);
	destroy(c);
}

static void test_auto_remove(void **unused)
{
	struct container *c = fake_create(
		"brief", "{\"Image\":\"busybox\",\"HostConfig\":{\"AutoRemove\":true}}");
	struct container *other = NULL;
	struct container_waiter w;
	char *error;
	struct err e;
	int code;

	(void)unused;
	container_wait_begin(c, CONTAINER_WAIT_REMOVED, &w);
	fake.exit_at_once = 3;
	ok(container_start(c, &e), &e);
	assert_int_equal(container_wait_end(c, &w, -1, &code, &error), 1);
	assert_int_equal(code, 3);
	refused(container_find(fake.set, &root_peer, "brief", &other, &e), &e, ERR_NOT_FOUND,
		"No such container: brief");
	fake.exit_at_once = -1;
	container_unref(c);
}

/* `docker restart` of a --rm container does not remove it. */
static void test_restart_keeps(void **unused)
{
	struct container *c = fake_create(
		"kept", "{\"Image\":\"busybox\",\"HostConfig\":{\"AutoRemove\":true}}");
	struct err e;

	(void)unused;
	ok(container_start(c, &e), &e);
	ok(container_restart(c, NULL, 5, &e), &e);
	assert_int_equal(c->status, CONTAINER_RUNNING);
	assert_int_equal(c->runs, 2);
	pthread_mutex_lock(&c->lock);
	assert_false(c->removing);
	pthread_mutex_unlock(&c->lock);
	ok(container_kill(c, NULL, &e), &e);
	assert_int_equal(wait_for(c, CONTAINER_WAIT_REMOVED), 137);
	container_unref(c);
}

static void test_restart_policy(void **unused)
{
	struct container *c = fake_create("again",
		"{\"Image\":\"busybox\",\"HostConfig\":{\"RestartPolicy\":{\"Name\":\"on-failure\","
		"\"MaximumRetryCount\":2}}}");
	struct err e;

	(void)unused;
	fake.exit_at_once = 5;
	ok(container_start(c, &e), &e);
	pthread_mutex_lock(&c->lock);
	while (c->exits < 3)
		pthread_cond_wait(&c->changed, &c->lock);
	assert_int_equal(c->status, CONTAINER_EXITED);
	assert_int_equal(c->restart_count, 2);
	pthread_mutex_unlock(&c->lock);
	fake.exit_at_once = -1;
	destroy(c);
}

/* Stopped between two runs: it stays so. */
static void test_stop_restarting(void **unused)
{
	struct container *c = fake_create("tired",
		"{\"Image\":\"busybox\",\"HostConfig\":{\"RestartPolicy\":{\"Name\":\"always\"}}}");
	struct err e;

	(void)unused;
	fake.exit_at_once = 1;
	ok(container_start(c, &e), &e);
	pthread_mutex_lock(&c->lock);
	while (c->exits == 0)
		pthread_cond_wait(&c->changed, &c->lock);
	pthread_mutex_unlock(&c->lock);
	ok(container_stop(c, NULL, 1, &e), &e);
	fake.exit_at_once = -1;
	pthread_mutex_lock(&c->lock);
	assert_int_equal(c->status == CONTAINER_EXITED, 1);
	assert_int_equal(c->restart_at_ns, 0);
	pthread_mutex_unlock(&c->lock);
	destroy(c);
}

static void test_names(void **unused)
{
	struct container *a = fake_create("first", SH), *b = fake_create("second", SH), *x = NULL;
	auto_json json_t *body = parse(SH);
	struct err e;
	char text[16];

	(void)unused;
	refused(container_create(fake.set, &root_peer, "first", body, NULL, &x, &e), &e,
		ERR_CONFLICT,
		"Conflict. The container name \"/first\" is already in use by container \"");
	refused(container_create(fake.set, &root_peer, "-x", body, NULL, &x, &e), &e, ERR_INVALID,
		"Invalid container name (-x), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed");
	refused(container_rename(b, "first", &e), &e, ERR_CONFLICT, "already in use");
	refused(container_rename(b, "second", &e), &e, ERR_INVALID,
		"Renaming a container with the same name as its current name");
	ok(container_rename(b, "/third", &e), &e);
	ok(container_find(fake.set, &root_peer, "third", &x, &e), &e);
	assert_ptr_equal(x, b);
	container_unref(x);
	(void)str_copy(text, sizeof(text), (struct str){ a->hex, 12 });
	ok(container_find(fake.set, &root_peer, text, &x, &e), &e);
	assert_ptr_equal(x, a);
	container_unref(x);
	/* another owner sees neither, and may use the name */
	refused(container_find(fake.set, &member_peer, "first", &x, &e), &e, ERR_NOT_FOUND,
		"No such container: first");
	ok(container_create(fake.set, &member_peer, "first", body, NULL, &x, &e), &e);
	destroy(x);
	destroy(a);
	destroy(b);
}

static void test_remove_fails(void **unused)
{
	struct container *c = fake_create("stuck", SH);
	struct err e;

	(void)unused;
	fake.refuse_remove = true;
	refused(container_remove(c, false, false, &e), &e, ERR_SYSTEM, "removing");
	assert_int_equal(c->status, CONTAINER_DEAD);
	refused(container_start(c, &e), &e, ERR_CONFLICT, "marked for removal");
	fake.refuse_remove = false;
	destroy(c);
}

/* What a removal leaves is renamed at once and deleted when nothing else happens. */
static void test_removed_directory_goes(void **unused)
{
	struct container *c = fake_create("gone", SH);
	int watch = inotify_init1(IN_CLOEXEC);
	char path[128], want[DIGEST_HEX + 8];
	_Alignas(struct inotify_event) char room[4096];
	bool seen = false;

	(void)unused;
	(void)snprintf(path, sizeof(path), "%s/containers", fake.dir);
	(void)snprintf(want, sizeof(want), ".gone-%s", c->hex);
	assert_true(inotify_add_watch(watch, path, IN_DELETE | IN_ONLYDIR) >= 0);
	assert_int_equal(faccessat(fake.options.dir, c->hex, F_OK, 0), 0);
	destroy(c);
	assert_int_equal(faccessat(fake.options.dir, want + strlen(".gone-"), F_OK, 0), -1);
	while (!seen) {
		ssize_t n = read(watch, room, sizeof(room));

		assert_true(n > 0);
		for (char *at = room; at < room + n;) {
			const struct inotify_event *ev = (const void *)at;

			seen |= streq(ev->name, want);
			at += sizeof(*ev) + ev->len;
		}
	}
	(void)close(watch);
}

static void test_lost_shim(void **unused)
{
	struct container *c = fake_create("lost", SH);
	struct err e;

	(void)unused;
	fake.lose_shim = true;
	fake.exit_at_once = 0;
	ok(container_start(c, &e), &e);
	pthread_mutex_lock(&c->lock);
	while (c->exits == 0)
		pthread_cond_wait(&c->changed, &c->lock);
	pthread_mutex_unlock(&c->lock);
	assert_int_equal(c->exit_code, 255);
	fake.lose_shim = false;
	fake.exit_at_once = -1;
	destroy(c);
}

/* Connected before the start: waits in the listener's backlog. */
static void test_attach_early(void **unused)
{
	struct container *c = fake_create("early", SH);
	struct shim_hello hello = { SHIM_MAGIC, SHIM_VERSION, SHIM_CONTROL, 0, 0 };
	struct shim_record rec;
	struct err e;
	auto_close int sock = container_attach_socket(c, &hello, &e);

	(void)unused;
	ok(sock, &e);
	ok(container_start(c, &e), &e);
	/* the fake shim serves one connection after the other: this one is the first */
	assert_int_equal(shim_recv(sock, &rec), 1);
	assert_int_equal(rec.type, SHIM_READY);
	fd_close(steal_fd(&sock));
	destroy(c);
}

static void test_update(void **unused)
{
	struct container *c = fake_create(
		"updated", "{\"Image\":\"busybox\",\"HostConfig\":{\"Memory\":67108864}}");
	auto_json json_t *more = parse("{\"Memory\":134217728,\"PidsLimit\":10}");
	auto_json json_t *policy = parse("{\"RestartPolicy\":{\"Name\":\"sometimes\"}}");
	auto_json json_t *small = parse("{\"Memory\":1024}");
	struct err e;

	(void)unused;
	assert_int_equal(fake.created.limits.memory_bytes, 64 << 20);
	assert_int_equal(fake.created.limits.memory_swap_bytes, 64 << 20);
	assert_int_equal(fake.created.limits.pids, 4096);
	ok(container_update(c, more, NULL, &e), &e);
	assert_int_equal(fake.updated.limits.memory_bytes, 128 << 20);
	assert_int_equal(fake.updated.limits.memory_swap_bytes, 128 << 20);
	assert_int_equal(fake.updated.limits.pids, 10);
	assert_int_equal(json_integer_value(json_object_get(c->host_config, "PidsLimit")), 10);
	refused(container_update(c, small, NULL, &e), &e, ERR_INVALID,
		"Minimum memory limit allowed is 6MB");
	refused(container_update(c, policy, NULL, &e), &e, ERR_INVALID,
		"unknown policy 'sometimes'");
	destroy(c);
}

static struct container *found(const char *name)
{
	struct container *c = NULL;
	struct err e;

	ok(container_find(fake.set, &root_peer, name, &c, &e), &e);
	return c;
}

/* A second engine over the same directories finds all of it: from the database and without it. */
static void test_reopen(void **unused)
{
	struct container *a = fake_create("stays", SH), *b = fake_create("stopped", SH);
	struct container *a2, *b2;
	struct err e;

	(void)unused;
	fake.exit_at_once = 9;
	ok(container_start(b, &e), &e);
	(void)wait_for(b, CONTAINER_WAIT_NOT_RUNNING);
	fake.exit_at_once = -1;
	for (int rebuild = 0; rebuild < 2; rebuild++) {
		fake_reopen(rebuild);
		a2 = found("stays");
		b2 = found("stopped");
		assert_int_equal(a2->status, CONTAINER_CREATED);
		assert_int_equal(b2->status, CONTAINER_EXITED);
		assert_int_equal(b2->exit_code, 9);
		assert_true(json_equal(a2->config, a->config));
		assert_true(json_equal(a2->host_config, a->host_config));
		container_unref(a2);
		container_unref(b2);
	}
	a2 = found("stays");
	b2 = found("stopped");
	destroy(a2);
	destroy(b2);
	container_unref(a);
	container_unref(b);
}

/* As if the engine had been killed: its connection is gone, and its monitor says nothing. */
static void crash(struct container *c)
{
	int p[2];

	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	assert_true(dup3(p[0], c->control, O_CLOEXEC) >= 0);
	close(p[0]); /* the other end stays open: the monitor waits for ever */
}

/* Still running when the next engine comes, and ended meanwhile. */
static void test_recover(void **unused)
{
	struct container *c = fake_create("live", SH), *gone = fake_create("gone", SH), *c2, *gone2;
	struct err e;

	(void)unused;
	ok(container_start(c, &e), &e);
	ok(container_start(gone, &e), &e);
	crash(c);
	crash(gone);
	pthread_mutex_lock(&fake.lock);
	shim_tell(&gone->id, 6);
	pthread_mutex_unlock(&fake.lock);
	fake_reopen(false);
	c2 = found("live");
	gone2 = found("gone");
	assert_ptr_not_equal(c2, c);
	assert_int_equal(c2->status, CONTAINER_RUNNING);
	assert_int_equal(c2->pid, 4242);
	assert_int_equal(wait_for(gone2, CONTAINER_WAIT_NOT_RUNNING), 6);
	ok(container_kill(c2, NULL, &e), &e);
	assert_int_equal(c2->exit_code, 137);
	destroy(c2);
	destroy(gone2);
	container_unref(c);
	container_unref(gone);
}

/* The shim has gone without a word, and without a record in the log. */
static void test_recover_lost(void **unused)
{
	struct container *c = fake_create("vanished", SH), *c2;
	struct err e;

	(void)unused;
	fake.lose_shim = true;
	ok(container_start(c, &e), &e);
	fake.lose_shim = false;
	crash(c);
	pthread_mutex_lock(&fake.lock);
	shim_tell(&c->id, 0);
	pthread_mutex_unlock(&fake.lock);
	fake_reopen(true);
	c2 = found("vanished");
	assert_int_equal(wait_for(c2, CONTAINER_WAIT_NOT_RUNNING), 255);
	destroy(c2);
	container_unref(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_run),
		cmocka_unit_test(test_states),
		cmocka_unit_test(test_stop_force),
		cmocka_unit_test(test_paused_kill),
		cmocka_unit_test(test_start_errors),
		cmocka_unit_test(test_auto_remove),
		cmocka_unit_test(test_restart_keeps),
		cmocka_unit_test(test_restart_policy),
		cmocka_unit_test(test_stop_restarting),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_remove_fails),
		cmocka_unit_test(test_removed_directory_goes),
		cmocka_unit_test(test_lost_shim),
		cmocka_unit_test(test_update),
		cmocka_unit_test(test_reopen),
		cmocka_unit_test(test_attach_early),
		cmocka_unit_test(test_recover),
		cmocka_unit_test(test_recover_lost),
	};

	return cmocka_run_group_tests(tests, fake_up, fake_down);
}
