#include "container/container-int.h"

#include <fcntl.h>
#include <poll.h>

#define READY_MS 5000

/* The shim's first record, or -ETIMEDOUT when whoever holds the socket is no shim. */
static int await_ready(int sock, struct shim_record *rec)
{
	struct pollfd p = { .fd = sock, .events = POLLIN };

	if (poll(&p, 1, READY_MS) != 1 || shim_recv(sock, rec) != 1 || rec->type != SHIM_READY)
		return -ETIMEDOUT;
	return 0;
}

static int connect_shim(struct container *c, struct shim_record *ready)
{
	struct err ignore;
	int sock = life_connect_control(c, &ignore);

	if (sock >= 0 && await_ready(sock, ready) < 0) {
		fd_close(sock);
		return -ETIMEDOUT;
	}
	return sock;
}

/* Second number of /proc/PID/uid_map: where id 0 inside is outside. */
static uint32_t read_id_base(uint32_t pid)
{
	auto_buf struct buf b = BUF(4096);
	auto_close int fd = -EBADF;
	char path[40];
	struct str s;
	uint32_t base = 0;
	int column = 0;

	(void)snprintf(path, sizeof(path), "/proc/%u/uid_map", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || buf_read_fd(&b, fd) < 0)
		return 0;
	for (s = buf_view(&b); s.p && column < 2;) {
		struct str word = str_cut(&s, ' ');

		column += word.n > 0;
		if (column == 2 && !num_u32(word, UINT32_MAX, &base))
			base = 0;
	}
	return base;
}

static void found_running(struct container *c, int sock, const struct shim_record *ready)
{
	struct err ignore;

	pthread_mutex_lock(&c->lock);
	fd_replace(&c->control, sock);
	/* killed between the keeper's answer and the first save: it runs all the same */
	if (c->status != CONTAINER_RUNNING && c->status != CONTAINER_PAUSED) {
		c->status = CONTAINER_RUNNING;
		c->started_ns = clock_wall_ns();
		c->runs++;
	}
	c->pid = (uint32_t)ready->a;
	c->id_base = c->id_base ? c->id_base : read_id_base(c->pid);
	(void)persist_state(c, &ignore);
	pthread_mutex_unlock(&c->lock);
	life_notify(c, CONTAINER_EXITED);
	monitor_add(c);
}

static void start_job(struct container *c)
{
	struct err ignore;

	(void)container_start(c, &ignore);
}

/* What a restart policy says of a container that is at rest when the engine starts. */
static bool wants_start(const struct container *c)
{
	struct restart_policy p;
	struct err ignore;

	if (c->runs == 0 || restart_policy_parse(c->host_config, &p, &ignore) < 0)
		return false;
	return p.kind == RESTART_ALWAYS ||
	       (p.kind == RESTART_UNLESS_STOPPED && !c->manually_stopped);
}

static void plan_now(struct container *c)
{
	uint64_t now = clock_mono_ns();

	pthread_mutex_lock(&c->lock);
	c->restart_at_ns = now;
	pthread_mutex_unlock(&c->lock);
	monitor_plan(c->set, now);
}

static void found_at_rest(struct container *c)
{
	switch (c->status) {
	case CONTAINER_RUNNING:
	case CONTAINER_PAUSED:
		life_shim_lost(c); /* it ended while nobody looked */
		break;
	case CONTAINER_RESTARTING:
		plan_now(c);
		break;
	case CONTAINER_REMOVING:
		life_job(c, life_remove_job);
		break;
	case CONTAINER_EXITED:
		if (c->auto_remove)
			life_job(c, life_remove_job);
		else if (wants_start(c))
			life_job(c, start_job);
		break;
	case CONTAINER_CREATED:
	case CONTAINER_DEAD:
		break;
	}
}

static void recover(void *arg, struct container *c)
{
	struct shim_record ready;
	int sock = connect_shim(c, &ready);

	(void)arg;
	if (sock >= 0)
		found_running(c, sock, &ready);
	else
		found_at_rest(c);
}

int container_set_recover(struct container_set *s, struct err *e)
{
	(void)e;
	container_each(s, 0, recover, NULL);
	return 0;
}
