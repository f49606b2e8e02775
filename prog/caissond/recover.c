/* A new keeper finds the containers of the last one: grants on disk, processes by pid and start
 * time.
 */
#include "cgroup/cgroup.h"
#include "say.h"
#include "state.h"
#include "sys/sys.h"

#include <dirent.h>
#include <fcntl.h>

/* The record was written before init existed: the earlier keeper died during the start. */
static void find_init(struct keeper_run *run)
{
	if (proc_only_child(run->shim, &run->init) < 0 ||
		proc_start_time(run->init, &run->init_start) < 0 ||
		proc_id_base(run->init, &run->id_base) < 0)
		run->init = 0;
}

static void adopt(struct container *c, struct keeper_run *run)
{
	auto_close int shim = proc_open(run->shim, run->shim_start);
	char hex[DIGEST_HEX + 1];

	c->phase = CONTAINER_RUNNING;
	if (shim >= 0 && !run->init)
		find_init(run);
	c->init = run->init;
	c->shim_pid = run->shim;
	c->id_base = run->id_base;
	c->start_flags = run->flags;
	c->init_pidfd = run->init ? proc_open(run->init, run->init_start) : -EBADF;
	if (shim >= 0 && !run->init)
		(void)sys_pidfd_signal(shim, SIGKILL); /* half a start */
	if (shim < 0) {
		container_ended(c);
		return;
	}
	container_watch_shim(c, steal_fd(&shim));
	container_save_run(c);
	say(SAY_INFO, "container found running", "id=%.12s pid=%d", digest_hex(&c->id, hex),
		(int)c->init);
}

static void recover_run(const char *name)
{
	struct keeper_run run = { 0 };
	struct digest id;
	struct container *c = NULL;
	ssize_t n;

	if (digest_parse_hex(str_of(name), &id))
		c = container_find(&id);
	n = layout_read(state.run, name, &run, sizeof(run));
	if (c && n > 0 && keeper_run_check(&run, (size_t)n, &id) == 0 &&
		streq(run.boot, state.boot))
		adopt(c, &run);
	else
		(void)unlinkat(state.run, name, 0);
}

static void recover_container(const char *name)
{
	static struct keeper_grant g;
	struct digest id;
	struct err e;

	if (!digest_parse_hex(str_of(name), &id)) {
		(void)trash_put(state.containers_dir, name); /* half a create */
		return;
	}
	if (container_grant(&id, &g, &e) < 0) {
		say_err(SAY_ERROR, "container without rights", &e);
		/* Known, so that it can be removed; it cannot be started. */
		g = (struct keeper_grant){ .cls = KEEPER_CLASS_ROOT, .create.id = id };
	}
	if (!container_add(&g))
		say(SAY_ERROR, "too many containers", "id=%.12s", name);
}

static int each_name(int dir, void (*fn)(const char *name), struct err *e)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!d)
		return err_set(e, ERR_SYSTEM, errno, "listing containers");
	while ((entry = readdir(d)))
		if (!streq(entry->d_name, ".") && !streq(entry->d_name, ".."))
			fn(entry->d_name);
	(void)closedir(d);
	return 0;
}

int container_recover(struct err *e)
{
	struct err ignored;
	int r = each_name(state.containers_dir, recover_container, e);

	if (r == 0)
		r = each_name(state.run, recover_run, e);
	/* Of those whose record was lost with their processes; one that is in use stays. */
	for (unsigned i = 0; i < state.ncontainers; i++)
		if (state.containers[i].used && state.containers[i].phase == CONTAINER_STOPPED)
			(void)cgroup_remove(&state.containers[i].id, &ignored);
	return r;
}
