/* A captured worker's report.  The keeper is a fake that writes the input as the worker would. */
#include "image/image-int.h"

#include <fcntl.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static struct str report;

int keeper_call(struct keeper *k, enum keeper_op op, const void *body, size_t size, const int *fds,
	unsigned nfds, struct keeper_reply *ret, struct err *e)
{
	(void)k, (void)op, (void)body, (void)size, (void)nfds, (void)e;
	(void)fd_write_all(fds[1], report.p, report.n);
	ret->status = 0;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static struct image_frame f;
	struct image_store s = { .nlayers = 0 };
	struct image_job *j;
	struct err e = { 0 };
	int in = open("/dev/null", O_RDONLY | O_CLOEXEC), r;

	report = (struct str){ (const char *)p, n };
	/* More than a pipe holds would need a reader first. */
	if (n > 60000 || in < 0 || image_job_start(&s, KEEPER_JOB_ARCHIVE, NULL, in, &j, &e) < 0) {
		fd_close(n > 60000 ? in : -EBADF);
		return 0;
	}
	while ((r = image_job_next(j, &f, &e)) == 1) {
		BUG_ON(f.size > sizeof(f.u));
		if (f.type == JOB_MEMBER)
			BUG_ON(strlen(f.u.member.name) >= JOB_NAME_MAX);
	}
	BUG_ON(r < 0 && (e.kind == ERR_NONE || !memchr(e.msg, 0, sizeof(e.msg))));
	image_job_end(j);
	return 0;
}
