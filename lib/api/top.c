/* GET /containers/{name}/top: the processes of the container's control group. */
#include "api/stream-int.h"

#define CMDLINE_MAX 4096

static int by_pid(const void *a, const void *b)
{
	const pid_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void read_cmdline(pid_t pid, struct buf *b)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	(void)host_read(path, b); /* what does not fit is left out */
	while (b->n && b->p[b->n - 1] == '\0')
		b->n--;
	for (size_t i = 0; i < b->n; i++)
		if (b->p[i] == '\0' || b->p[i] == '\n')
			b->p[i] = ' ';
}

/* One row, unless the process ended meanwhile. */
static void add_process(
	json_t *rows, pid_t pid, const struct top_format *f, const struct top_host *h)
{
	auto_buf struct buf stat = BUF(8192), status = BUF(65536), cmdline = BUF(CMDLINE_MAX);
	struct top_process p = { .pid = pid };
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (host_read(path, &stat) < 0)
		return;
	(void)snprintf(path, sizeof(path), "/proc/%d/status", pid);
	if (host_read(path, &status) < 0 || !top_stat_parse(buf_view(&stat), &p) ||
		!top_uid_parse(buf_view(&status), &p.uid))
		return;
	read_cmdline(pid, &cmdline);
	p.cmdline = buf_view(&cmdline);
	(void)json_array_append_new(rows, top_row(f, &p, h));
}

static int processes(
	const struct digest *id, const struct top_format *f, json_t **ret, struct err *e)
{
	struct host_cpu cpu;
	struct top_host h = {
		.hertz = (unsigned)sysconf(_SC_CLK_TCK),
		.page_bytes = (uint64_t)sysconf(_SC_PAGESIZE),
		.memory_bytes = host_memory_bytes(),
		.now_s = clock_wall_ns() / NS_PER_SEC,
	};
	auto_free pid_t *pids = NULL;
	size_t n;
	int r = cgroup_pids(id, &pids, &n, e);

	if (r < 0)
		return r;
	host_cpu_now(&cpu);
	h.boot_s = cpu.boot_s;
	qsort(pids, n, sizeof(*pids), by_pid);
	*ret = json_array();
	for (size_t i = 0; i < n; i++)
		add_process(*ret, pids[i], f, &h);
	return 0;
}

static int check_running(struct container *ct, struct err *e)
{
	int r = 0;

	pthread_mutex_lock(&ct->lock);
	if (ct->status == CONTAINER_RESTARTING)
		r = err_set(e, ERR_CONFLICT, 0,
			"container %s is restarting, wait until the container is running", ct->hex);
	else if (ct->status != CONTAINER_RUNNING && ct->status != CONTAINER_PAUSED)
		r = err_set(e, ERR_CONFLICT, 0, "container %s is not running", ct->hex);
	pthread_mutex_unlock(&ct->lock);
	return r;
}

int api_top(struct api_call *c, struct err *e)
{
	auto_container struct container *ct = NULL;
	const char *args = http_query(c->x, "ps_args");
	auto_json json_t *doc = NULL;
	json_t *rows = NULL;
	struct top_format f;
	int r;

	if ((r = top_args_parse(str_of(args ? args : ""), &f, e)) < 0 ||
		(r = container_find(c->engine->containers, c->peer, c->name, &ct, e)) < 0 ||
		(r = check_running(ct, e)) < 0 || (r = processes(&ct->id, &f, &rows, e)) < 0)
		return r;
	doc = json_pack("{s:o, s:o}", "Titles", top_titles(&f), "Processes", rows);
	container_event(ct, "top", NULL);
	return api_reply_json(c, 200, doc);
}
