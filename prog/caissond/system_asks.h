/*
 * What the tests ask of the keeper through the rig: layers, containers, starts and ends.
 */
#pragma once

#include "system_test.h"

#include "cgroup/cgroup.h"
#include "runtime/spec.h"
#include "sandbox/job.h"
#include "shim/shim.h"

static struct rig rig;

static inline int setup(void **state)
{
	(void)state;
	rig_make(&rig);
	rig_start(&rig);
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	if (rig.keeper > 0 && kill(rig.keeper, 0) == 0)
		(void)rig_stop(&rig, SIGTERM);
	rig_remove(&rig);
	return 0;
}

static inline mode_t mode_of(const char *name, uid_t *ret_uid)
{
	struct stat st = { 0 };

	assert_int_equal(lstat(rig_path(&rig, name), &st), 0);
	*ret_uid = st.st_uid;
	return st.st_mode & 07777;
}

/* Runs a worker over in; reads its last frame. */
static inline int run_job(
	uint32_t kind, const struct digest *target, int in, void *ret_done, size_t size)
{
	struct keeper_job j = { .kind = kind, .target = *target };
	struct keeper_reply reply;
	struct job_frame f = { 0 };
	char body[1024];
	int out[2], fds[2];

	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	fds[0] = in;
	fds[in >= 0] = out[1];
	assert_int_equal(
		rig_ask(&rig, KEEPER_JOB, &j, sizeof(j), fds, in >= 0 ? 2 : 1, &reply), ERR_NONE);
	fd_close(out[1]);
	while (fd_read_full(out[0], &f, sizeof(f)) == sizeof(f) && f.type != JOB_DONE) {
		assert_true(f.size < sizeof(body) && f.type != JOB_ERROR);
		assert_int_equal(fd_read_full(out[0], body, f.size), f.size);
	}
	if (f.type == JOB_DONE)
		assert_int_equal(fd_read_full(out[0], ret_done, size), (ssize_t)size);
	fd_close(out[0]);
	return reply.status;
}

static const struct digest layer_id = { { 0x11, 0x22 } };

static inline void make_layer(void)
{
	static const struct digest staging = { { 0x33 } };
	struct keeper_layer l = { staging, layer_id };
	struct job_unpacked done = { 0 };
	struct keeper_reply reply;
	FILE *tar = popen("cd / && tar -ch --transform 's,.*,bin/busybox,' bin/busybox", "r");

	assert_non_null(tar);
	assert_int_equal(run_job(KEEPER_JOB_UNPACK, &staging, fileno(tar), &done, sizeof(done)), 0);
	assert_int_equal(pclose(tar), 0);
	assert_true(done.size_bytes > 100000);
	assert_int_equal(
		rig_ask(&rig, KEEPER_LAYER_COMMIT, &l, sizeof(l), NULL, 0, &reply), ERR_NONE);
	assert_int_equal(
		rig_ask(&rig, KEEPER_LAYER_COMMIT, &l, sizeof(l), NULL, 0, &reply), ERR_NONE);
}

#define DOCKER_CAPS 0xa80425fbull

static inline struct keeper_create new_container(uint8_t number)
{
	struct keeper_create c = { .id = { { number } },
		.client = rig.client.handle,
		.netns = KEEPER_NS_PRIVATE,
		.flags = KEEPER_NET_NONE,
		.caps = DOCKER_CAPS,
		.nlayers = 1,
		.limits = { .set = KEEPER_LIMIT_PIDS, .pids = 64 } };

	base_random(&c.id.b[1], 31);
	c.layers[0] = layer_id;
	return c;
}

static inline int create(const struct keeper_create *c, struct keeper_reply *ret)
{
	return rig_ask(&rig, KEEPER_CREATE, c, sizeof(*c), NULL, 0, ret);
}

static inline int make_spec(const char *script)
{
	const char *args[] = { "/bin/busybox", "sh", "-c", script };
	struct spec_writer w;
	struct err e;
	int fd;

	spec_init(&w);
	for (size_t i = 0; i < ARRAY_SIZE(args); i++)
		spec_add_str(&w, SPEC_ARG, args[i]);
	spec_add_str(&w, SPEC_ENV, "PATH=/bin");
	spec_add_str(&w, SPEC_CWD, "/");
	spec_add_str(&w, SPEC_USER, "");
	spec_add_str(&w, SPEC_HOSTNAME, "box");
	fd = spec_seal(&w, &e);
	spec_done(&w);
	assert_true(fd >= 0);
	return fd;
}

static inline int open_log(void)
{
	int fd = open(
		rig_path(&rig, "data/engine/log"), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);

	assert_int_equal(fchown(fd, rig.facts.uid, rig.facts.gid), 0);
	return fd;
}

static inline int run_dir(void)
{
	return open(rig_path(&rig, "exec/engine"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static inline int start_at(const struct keeper_create *c, const char *sock, const char *script,
	struct keeper_reply *ret)
{
	struct keeper_start s = { .id = c->id };
	auto_close int dir = run_dir();
	struct err e;
	int fds[3] = { make_spec(script), open_log(), shim_listen(dir, sock, &e) };
	int kind;

	assert_true(fds[2] >= 0);
	kind = rig_ask(&rig, KEEPER_START, &s, sizeof(s), fds, 3, ret);
	for (int i = 0; i < 3; i++)
		fd_close(fds[i]);
	if (kind != ERR_NONE && kind != ERR_CONFLICT)
		print_message("start: %s\n", ret->err.msg);
	return kind;
}

static inline int start(const struct keeper_create *c, const char *script, struct keeper_reply *ret)
{
	return start_at(c, "shim.sock", script, ret);
}

/* Waits for the end of the container as an engine does; lets the shim go; gives the exit code. */
static inline int wait_exit_at(const char *sock)
{
	struct shim_hello hello = { SHIM_MAGIC, SHIM_VERSION, SHIM_CONTROL, 0, 0 };
	struct shim_record rec = { 0 }, bye = { .type = SHIM_BYE };
	auto_close int dir = run_dir();
	struct err e;
	auto_close int s = shim_connect(dir, sock, &hello, &e);

	assert_true(s >= 0);
	while (rec.type != SHIM_EXIT)
		assert_int_equal(shim_recv(s, &rec), 1);
	assert_int_equal(shim_send(s, &bye, -1), 0);
	while (shim_recv(s, &rec) == 1)
		;
	return (int)rec.a;
}

static inline int wait_exit(void)
{
	return wait_exit_at("shim.sock");
}

static inline int send_signal(const struct keeper_create *c, int signal, struct keeper_reply *ret)
{
	struct keeper_signal s = { .id = c->id, .signal = (uint32_t)signal };

	return rig_ask(&rig, KEEPER_SIGNAL, &s, sizeof(s), NULL, 0, ret);
}

static inline int remove_container(const struct keeper_create *c, struct keeper_reply *ret)
{
	return rig_ask(&rig, KEEPER_REMOVE, &c->id, sizeof(c->id), NULL, 0, ret);
}

static inline unsigned entries(const char *name)
{
	DIR *d = opendir(rig_path(&rig, name));
	unsigned n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	(void)closedir(d);
	return n - 2;
}

static inline bool has_cgroup(const struct keeper_create *c)
{
	char path[200], hex[DIGEST_HEX + 1];
	bool any = false;

	(void)snprintf(
		path, sizeof(path), "/sys/fs/cgroup/pids/caisson/%s", digest_hex(&c->id, hex));
	any = access(path, F_OK) == 0;
	(void)snprintf(path, sizeof(path), "/sys/fs/cgroup/caisson/%s", hex);
	return any || access(path, F_OK) == 0;
}
