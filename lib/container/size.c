#include "container/container-int.h"

#include "sandbox/job.h"

#include <fcntl.h>

#define REPORT_MAX (256u << 10)

/* The worker's report: frames; only the last one, JOB_DONE, is of interest. */
static int parse_report(struct str s, struct job_measured *ret)
{
	struct job_frame f;

	while (s.n >= sizeof(f)) {
		memcpy(&f, s.p, sizeof(f));
		s = (struct str){ s.p + sizeof(f), s.n - sizeof(f) };
		if (f.size > s.n)
			return -EBADMSG;
		if (f.type == JOB_DONE && f.size == sizeof(*ret)) {
			memcpy(ret, s.p, sizeof(*ret));
			return 0;
		}
		s = (struct str){ s.p + f.size, s.n - f.size };
	}
	return -EBADMSG;
}

/* Bytes in the writable layer; asks a worker, takes as long as it takes. */
static int measure(struct container *c, uint64_t *ret_bytes, struct err *e)
{
	struct keeper_job job = { .kind = KEEPER_JOB_MEASURE, .target = c->id };
	auto_buf struct buf report = BUF(REPORT_MAX);
	auto_close int rd = -EBADF, wr = -EBADF;
	struct job_measured m;
	struct keeper_reply reply;
	int p[2], r;

	if (pipe2(p, O_CLOEXEC) < 0)
		return err_set(e, ERR_SYSTEM, errno, "measuring a container");
	rd = p[0];
	wr = p[1];
	/* the report is one frame: it fits into the pipe, so the answer may come first */
	r = keeper_call(c->set->o.keeper, KEEPER_JOB, &job, sizeof(job), &wr, 1, &reply, e);
	fd_close(steal_fd(&wr));
	if (r < 0)
		return r;
	if (buf_read_fd(&report, rd) < 0 || parse_report(buf_view(&report), &m) < 0)
		return err_set(e, ERR_SYSTEM, 0, "measuring container %s failed", c->hex);
	*ret_bytes = m.size_bytes;
	return 0;
}

/* SizeRw and SizeRootFs, as docker: the second counts the image too. */
void size_add(struct container *c, json_t *doc)
{
	uint64_t rw = 0, image = c->image ? c->image->size : 0;
	struct err ignore;

	if (measure(c, &rw, &ignore) < 0)
		rw = 0;
	json_object_set_new(doc, "SizeRw", json_integer((json_int_t)rw));
	json_object_set_new(doc, "SizeRootFs", json_integer((json_int_t)(rw + image)));
}
