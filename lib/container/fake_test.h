/*
 * fake_test - a keeper, shims and an image made up for the tests of this folder: threads of this
 * process that answer the real records over the real sockets.
 */
#pragma once

#include "container/container-int.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cmocka.h>

#define UNUSED __attribute__((unused))

static struct fake {
	struct container_set *set;
	struct container_options options;
	char dir[64];
	int sock; /* the keeper's end */
	pthread_mutex_t lock;
	struct keeper_create created; /* the newest */
	struct keeper_update updated;
	int exit_at_once;  /* exit code of the next runs, or -1: until a signal comes */
	int ignore_signal; /* this one does nothing */
	const char *start_error;
	bool refuse_remove, lose_shim;
	unsigned starts, removes, byes;
	struct shim_end *shims;
	uint8_t spec[65536];
	size_t spec_size;
} fake = { .lock = PTHREAD_MUTEX_INITIALIZER, .exit_at_once = -1 };

/* One running shim: its control side writes exit codes into `tell`. */
struct shim_end {
	struct shim_end *next;
	struct digest id;
	int listener, tell[2];
	int exit_at_once;
	bool lose;
};

static const struct http_peer root_peer = { .handle = 7, .cls = KEEPER_CLASS_ROOT };
static const struct http_peer member_peer = {
	.handle = 8, .uid = 1000, .cls = KEEPER_CLASS_MEMBER
};

/* ---- images ---------------------------------------------------------------------------------- */

static struct image fake_image;

int image_find(
	struct image_store *s, uint32_t owner, const char *ref, struct image **ret, struct err *e)
{
	char text[DIGEST_TEXT + 1];

	(void)s;
	(void)owner;
	digest_text(&fake_image.id, text);
	if (!streq(ref, "busybox") && !streq(ref, "busybox:latest") && !streq(ref, text))
		return err_set(e, ERR_NOT_FOUND, 0, "No such image: %s%s", ref,
			strchr(ref, ':') ? "" : ":latest");
	*ret = &fake_image;
	return 0;
}

void image_unref(struct image *i)
{
	(void)i;
}

const json_t *image_defaults(const struct image *i)
{
	return json_object_get(i->config, "config");
}

/* ---- shims ----------------------------------------------------------------------------------- */

/* Waits for an order to end, or for the engine to go: true when the process has ended. */
static bool shim_ended(struct shim_end *s, int conn, int *code)
{
	struct pollfd p[] = { { .fd = s->tell[0], .events = POLLIN },
		{ .fd = conn, .events = POLLRDHUP } };

	if (*code >= 0)
		return true;
	while (poll(p, 2, -1) < 0)
		;
	return p[0].revents && fd_read(s->tell[0], code, sizeof(*code)) == sizeof(*code);
}

/* One connection of an engine; true when the shim may end. */
static bool shim_serve(struct shim_end *s, int conn, int *code)
{
	struct shim_record rec = { .type = SHIM_READY, .a = 4242 };
	struct shim_hello hello;

	assert_int_equal(fd_read_full(conn, &hello, sizeof(hello)), sizeof(hello));
	assert_int_equal(hello.kind, SHIM_CONTROL);
	/* an engine that crashed right after its hello takes nothing */
	if (shim_send(conn, &rec, -1) < 0 || !shim_ended(s, conn, code))
		return s->lose && *code >= 0;
	if (s->lose)
		return true;
	rec = (struct shim_record){ .type = SHIM_EXIT, .a = (uint64_t)*code, .b = clock_wall_ns() };
	(void)shim_send(conn, &rec, -1);
	while (shim_recv(conn, &rec) == 1 && rec.type != SHIM_BYE)
		;
	pthread_mutex_lock(&fake.lock);
	fake.byes += rec.type == SHIM_BYE;
	pthread_mutex_unlock(&fake.lock);
	return rec.type == SHIM_BYE;
}

static void *shim_main(void *arg)
{
	struct shim_end *s = arg;
	int code = s->exit_at_once;
	bool over = false;

	while (!over) {
		auto_close int conn = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);

		over = shim_serve(s, conn, &code);
	}
	pthread_mutex_lock(&fake.lock);
	for (struct shim_end **p = &fake.shims; *p; p = &(*p)->next) {
		if (*p != s)
			continue;
		*p = s->next;
		break;
	}
	pthread_mutex_unlock(&fake.lock);
	fd_close(s->listener);
	fd_close(s->tell[0]);
	fd_close(s->tell[1]);
	free(s);
	return NULL;
}

static void shim_start(const struct digest *id, int listener)
{
	struct shim_end *s = xcalloc(1, sizeof(*s));
	pthread_t t;

	s->id = *id;
	s->listener = listener;
	s->exit_at_once = fake.exit_at_once;
	s->lose = fake.lose_shim;
	assert_int_equal(pipe2(s->tell, O_CLOEXEC), 0);
	s->next = fake.shims;
	fake.shims = s;
	assert_int_equal(pthread_create(&t, NULL, shim_main, s), 0);
	pthread_detach(t);
}

static void shim_tell(const struct digest *id, int code)
{
	for (struct shim_end *s = fake.shims; s; s = s->next)
		if (digest_eq(&s->id, id))
			assert_int_equal(fd_write(s->tell[1], &code, sizeof(code)), sizeof(code));
}

/* ---- the keeper ------------------------------------------------------------------------------ */

static void keeper_start_fake(struct wire_msg *m, struct keeper_reply *reply)
{
	const struct keeper_start *start = (const void *)m->body;
	int spec = wire_fd(m, 0);

	fake.starts++;
	fake.spec_size = (size_t)MAX(pread(spec, fake.spec, sizeof(fake.spec), 0), (ssize_t)0);
	fd_close(spec);
	if (fake.start_error) {
		err_set(&reply->err, ERR_INVALID, 0, "%s", fake.start_error);
		return;
	}
	reply->pid = 4242;
	reply->id_base = 0x40000000;
	shim_start(&start->id, wire_fd(m, 2));
}

static void keeper_answer(struct wire_msg *m, struct keeper_reply *reply)
{
	const struct keeper_signal *sig = (const void *)m->body;

	switch (m->head.op) {
	case KEEPER_CREATE:
		memcpy(&fake.created, m->body, sizeof(fake.created));
		break;
	case KEEPER_START:
		keeper_start_fake(m, reply);
		break;
	case KEEPER_SIGNAL:
		if (sig->signal != (uint32_t)fake.ignore_signal)
			shim_tell(&sig->id, 128 + (int)sig->signal);
		break;
	case KEEPER_UPDATE:
		memcpy(&fake.updated, m->body, sizeof(fake.updated));
		break;
	case KEEPER_REMOVE:
		fake.removes++;
		if (fake.refuse_remove)
			err_set(&reply->err, ERR_SYSTEM, EBUSY, "removing");
		break;
	default:
		break;
	}
}

static void *keeper_main(void *arg)
{
	static struct wire_msg m;

	(void)arg;
	while (wire_recv(fake.sock, KEEPER_VERSION, &m) == 1) {
		struct keeper_reply reply = { .pid = 0 };

		pthread_mutex_lock(&fake.lock);
		keeper_answer(&m, &reply);
		pthread_mutex_unlock(&fake.lock);
		assert_int_equal(wire_send(fake.sock, KEEPER_VERSION, KEEPER_REPLY, m.head.seq,
					 &reply, sizeof(reply), NULL, 0),
			0);
		wire_msg_done(&m);
	}
	return NULL;
}

static void no_notice(void *arg, struct wire_msg *m)
{
	(void)arg;
	(void)m;
}

static void keeper_up(void)
{
	struct err e;
	pthread_t t;
	int p[2];

	assert_int_equal(wire_pair(p), 0);
	fake.sock = p[0];
	assert_int_equal(pthread_create(&t, NULL, keeper_main, NULL), 0);
	pthread_detach(t);
	assert_int_equal(keeper_open(p[1], no_notice, NULL, &fake.options.keeper, &e), 0);
}

/* ---- the whole ------------------------------------------------------------------------------- */

static int sub_dir(const char *name)
{
	int base = open(fake.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd;

	(void)mkdirat(base, name, 0700);
	fd = openat(base, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	close(base);
	return fd;
}

UNUSED static int fake_up(void **unused)
{
	static const char image[] =
		"{\"config\":{\"Cmd\":[\"sh\"],\"Env\":[\"PATH=/bin\",\"A=image\"],\"WorkingDir\":\"/w\","
		"\"Labels\":{\"l\":\"image\"},\"ExposedPorts\":{\"80/tcp\":{}}}}";
	static struct digest layer = { { 1 } };
	bool fresh;
	struct err e;

	(void)unused;
	(void)str_copy(fake.dir, sizeof(fake.dir), STR("/tmp/container-test-XXXXXX"));
	assert_non_null(mkdtemp(fake.dir));
	fake_image =
		(struct image){ .id = { { 9 } }, .nlayers = 1, .layers = &layer, .size = 1000 };
	assert_int_equal(json_parse(str_of(image), &fake_image.config, &e), 0);
	keeper_up();
	fake.options.dir = sub_dir("containers");
	fake.options.run_dir = sub_dir("run");
	fake.options.events = event_log_new();
	assert_int_equal(
		state_open(sub_dir("state"), fake.dir, &fake.options.state, &fresh, &e), 0);
	assert_int_equal(container_set_open(&fake.options, false, &fake.set, &e), 0);
	return 0;
}

UNUSED static int fake_down(void **unused)
{
	char *argv[] = { (char *)"rm", (char *)"-rf", fake.dir, NULL };
	pid_t pid = fork();

	(void)unused;
	if (pid == 0) {
		execv("/bin/rm", argv);
		_exit(1);
	}
	return 0;
}

/* The keeper and the shims go on; the engine is another one. */
UNUSED static void fake_reopen(bool rebuild)
{
	struct err e;

	assert_int_equal(container_set_open(&fake.options, rebuild, &fake.set, &e), 0);
	assert_int_equal(container_set_recover(fake.set, &e), 0);
}

static json_t *parse(const char *text)
{
	struct err e;
	json_t *j = NULL;

	if (json_parse(str_of(text), &j, &e) < 0)
		fail_msg("%s: %s", e.msg, text);
	return j;
}

UNUSED static struct container *fake_create(const char *name, const char *text)
{
	auto_json json_t *body = parse(text);
	struct container *c = NULL;
	struct err e;

	if (container_create(fake.set, &root_peer, name, body, NULL, &c, &e) < 0)
		fail_msg("create: %s", e.msg);
	return c;
}

/* The message of a create that must be refused. */
UNUSED static const char *fake_refused(const char *text, int *ret_kind)
{
	static struct err e;
	auto_json json_t *body = parse(text);
	struct container *c = NULL;

	if (container_create(fake.set, &root_peer, NULL, body, NULL, &c, &e) == 0)
		fail_msg("was accepted: %s", text);
	*ret_kind = e.kind;
	return e.msg;
}

UNUSED static int wait_for(struct container *c, enum container_wait condition)
{
	struct container_waiter w;
	char *error = NULL;
	int code = -1;

	container_wait_begin(c, condition, &w);
	assert_int_equal(container_wait_end(c, &w, -1, &code, &error), 1);
	free(error);
	return code;
}
