/* A worker's report: read from a pipe while another thread waits for the keeper's answer. */
#include "image/image-int.h"

#include <fcntl.h>

struct image_job {
	struct image_store *store;
	struct keeper_job body;
	int fds[2]; /* the worker's in and out: ours until the keeper has answered */
	int report;
	bool done;
	pthread_t thread;
	struct err err;
	int result;
	int32_t status;
};

static void *ask(void *arg)
{
	struct image_job *j = arg;
	struct keeper_reply reply = { .status = 0 };

	j->result = keeper_call(j->store->o.keeper, KEEPER_JOB, &j->body, sizeof(j->body), j->fds,
		2, &reply, &j->err);
	j->status = reply.status;
	/* Only now: with our ends closed the reader sees the end of the report. */
	fd_close(steal_fd(&j->fds[0]));
	fd_close(steal_fd(&j->fds[1]));
	return NULL;
}

int image_job_start(struct image_store *s, enum keeper_job_kind kind, const struct digest *target,
	int in, struct image_job **ret, struct err *e)
{
	struct image_job *j = xcalloc(1, sizeof(*j));
	int report[2], r;

	j->store = s;
	j->body.kind = kind;
	if (target)
		j->body.target = *target;
	if (pipe2(report, O_CLOEXEC) < 0) {
		r = err_set(e, ERR_SYSTEM, errno, "making a pipe for a worker's report");
		fd_close(in);
		free(j);
		return r;
	}
	j->fds[0] = in;
	j->fds[1] = report[1];
	j->report = report[0];
	r = pthread_create(&j->thread, NULL, ask, j);
	if (r) {
		fd_close(in);
		fd_close(report[0]);
		fd_close(report[1]);
		free(j);
		return err_set(e, ERR_SYSTEM, r, "starting a thread for a worker");
	}
	*ret = j;
	return 0;
}

static bool size_ok(const struct job_frame *h)
{
	switch (h->type) {
	case JOB_ERROR:
		return h->size == sizeof(struct err);
	case JOB_DONE:
		return h->size == 0 || h->size == sizeof(struct job_unpacked);
	case JOB_MEMBER:
		return h->size == sizeof(struct job_member);
	case JOB_PROGRESS:
		return h->size == sizeof(uint64_t);
	case JOB_DATA:
	case JOB_WARNING:
		return h->size <= JOB_CHUNK_MAX;
	default:
		return false;
	}
}

static int broken(struct err *e)
{
	return err_set(e, ERR_CORRUPT, EPROTO, "the unpacking worker's report is malformed");
}

/* The report ended without a last word: the keeper knows why. */
static int ended_early(struct image_job *j, struct err *e)
{
	(void)pthread_join(j->thread, NULL);
	j->thread = 0;
	if (j->result < 0) {
		if (e)
			*e = j->err;
		return j->result;
	}
	return err_set(e, ERR_CORRUPT, EIO, "the unpacking worker ended with status %d%s",
		(int)j->status,
		j->status > 128 ? " (killed: a forbidden act, or out of memory)" : "");
}

static bool terminated(const char *s, size_t n)
{
	return memchr(s, 0, n) != NULL;
}

int image_job_next(struct image_job *j, struct image_frame *f, struct err *e)
{
	struct job_frame head;
	ssize_t n;

	if (j->done)
		return 0;
	n = fd_read_full(j->report, &head, sizeof(head));
	if (n == 0)
		return ended_early(j, e);
	if (n != sizeof(head) || !size_ok(&head))
		return broken(e);
	f->type = (enum job_frame_type)head.type;
	f->size = head.size;
	n = fd_read_full(j->report, &f->u, head.size);
	if (n != (ssize_t)head.size)
		return broken(e);
	if (f->type == JOB_ERROR) {
		err_sanitize(&f->u.err);
		if (f->u.err.kind == ERR_NONE)
			return broken(e);
		if (e)
			*e = f->u.err;
		return err_errno(&f->u.err);
	}
	if (f->type == JOB_MEMBER && (!terminated(f->u.member.name, JOB_NAME_MAX) ||
					     !terminated(f->u.member.target, JOB_NAME_MAX)))
		return broken(e);
	j->done = f->type == JOB_DONE;
	return 1;
}

void image_job_end(struct image_job *j)
{
	if (!j)
		return;
	/* A worker that still writes gets EPIPE and ends. */
	fd_close(steal_fd(&j->report));
	if (j->thread)
		(void)pthread_join(j->thread, NULL);
	free(j);
}
