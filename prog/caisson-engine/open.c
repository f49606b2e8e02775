#include "engine.h"

#include <fcntl.h>
#include <sys/stat.h>

static int sub_dir(int dir, const char *name, struct err *e)
{
	int fd;

	if (mkdirat(dir, name, 0700) < 0 && errno != EEXIST)
		return err_set(e, ERR_SYSTEM, errno, "make the directory \"%s\"", name);
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? err_set(e, ERR_SYSTEM, errno, "open the directory \"%s\"", name) : fd;
}

static void make_id(char out[40])
{
	uint8_t b[16];

	base_random(b, sizeof(b));
	b[6] = (uint8_t)((b[6] & 0x0f) | 0x40); /* RFC 9562: a random UUID, as docker's */
	b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
	(void)snprintf(out, 40,
		"%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
		b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
		b[15]);
}

/* The engine's identity, made once per data root; written whole or not at all. */
static int load_id(int dir, char out[40], struct err *e)
{
	auto_close int fd = openat(dir, "engine-id", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	char text[40] = "";
	ssize_t n = fd >= 0 ? fd_read_full(fd, text, 36) : 0;
	auto_close int new = -EBADF;

	if (n == 36) {
		memcpy(out, text, sizeof(text));
		return 0;
	}
	make_id(out);
	new = openat(
		dir, "engine-id.new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (new < 0 || fd_write_all(new, out, 36) < 0 || fsync(new) < 0 ||
		renameat(dir, "engine-id.new", dir, "engine-id") < 0)
		return err_set(e, ERR_SYSTEM, errno, "write the engine's id");
	return 0;
}

/* ---- who uses an image ----------------------------------------------------------------------- */
struct users {
	const struct digest *image;
	unsigned n;
	bool running;
	char *container;
};

static void count_user(void *arg, struct container *c)
{
	struct users *u = arg;
	bool running;

	if (!digest_eq(&c->image_id, u->image))
		return;
	pthread_mutex_lock(&c->lock);
	running = c->status == CONTAINER_RUNNING || c->status == CONTAINER_PAUSED ||
		  c->status == CONTAINER_RESTARTING;
	pthread_mutex_unlock(&c->lock);
	if (u->n == 0 || (running && !u->running))
		memcpy(u->container, c->hex, sizeof(c->hex));
	u->n++;
	u->running |= running;
}

static unsigned image_users(
	void *arg, const struct digest *image, bool *ret_running, char *ret_container)
{
	struct engine *e = arg;
	struct users u = { .image = image, .container = ret_container };

	ret_container[0] = '\0';
	if (e->containers)
		container_each(e->containers, 0, count_user, &u);
	*ret_running = u.running;
	return u.n;
}

/* ---- stores ---------------------------------------------------------------------------------- */
static int open_images(struct engine *e, int dir, bool fresh, struct err *err)
{
	struct image_store_options o = { .keeper = e->keeper,
		.blobs = e->blobs,
		.state = e->state,
		.events = e->events,
		.dir = sub_dir(dir, "images", err),
		.users = image_users,
		.arg = e };

	return o.dir < 0 ? o.dir : image_store_open(&o, fresh, &e->images, err);
}

static int open_containers(struct engine *e, const struct boot *b, bool fresh, struct err *err)
{
	struct container_options o = { .keeper = e->keeper,
		.images = e->images,
		.state = e->state,
		.events = e->events,
		.dir = sub_dir(b->state_dir, "containers", err),
		.run_dir = b->run_dir,
		.cgroup_v2 = b->head.cgroup_v2,
		.on_change = exec_health_on_change,
		.arg = e->execs };

	return o.dir < 0 ? o.dir : container_set_open(&o, fresh, &e->containers, err);
}

int engine_open(struct engine *e, const struct boot *b, struct err *err)
{
	bool fresh = false;
	int r = load_id(b->state_dir, e->id, err);

	e->boot = b->head;
	e->config = &b->config;
	e->started_ns = clock_wall_ns();
	e->events = event_log_new();
	if (r == 0)
		r = state_open(b->state_dir, b->head.data_root, &e->state, &fresh, err);
	if (r == 0)
		r = store_open(b->state_dir, &e->blobs, err);
	if (r == 0)
		r = open_images(e, b->state_dir, fresh, err);
	if (r < 0)
		return r;
	e->execs = exec_set_new(e->keeper);
	r = open_containers(e, b, fresh, err);
	if (r == 0)
		r = container_set_recover(e->containers, err);
	return r;
}
