/*
 * caisson-worker KIND - one job (unpack, archive, measure) on the descriptors of sandbox/job.h.
 * Started by the keeper in namespaces of its own; gives up what is left before it reads a byte.
 */
#include "worker.h"

#include "sandbox/sandbox.h"

static int send_frame(void *arg, enum job_frame_type type, const void *p, size_t n)
{
	struct {
		struct job_frame head;
		char body[JOB_CHUNK_MAX];
	} f = { .head = { type, (uint32_t)n } };

	(void)arg;
	BUG_ON(n > sizeof(f.body));
	memcpy(f.body, p, n);
	return fd_write_all(JOB_FD_OUT, &f, sizeof(f.head) + n);
}

static const struct tar_sink sink = { send_frame, NULL };

static int job_unpack(struct err *e)
{
	struct job_unpacked done = { 0 };
	int r = tar_unpack(JOB_FD_IN, JOB_FD_TREE, &sink, &done, e);

	return r < 0 ? r : send_frame(NULL, JOB_DONE, &done, sizeof(done));
}

static int job_archive(struct err *e)
{
	int r = tar_list(JOB_FD_IN, &sink, e);

	return r < 0 ? r : send_frame(NULL, JOB_DONE, "", 0);
}

static int job_measure(struct err *e)
{
	struct job_measured done;
	int r = worker_measure(JOB_FD_TREE, &done, e);

	return r < 0 ? r : send_frame(NULL, JOB_DONE, &done, sizeof(done));
}

static const struct job {
	const char *name;
	enum sandbox_profile profile;
	bool in, tree;
	int (*run)(struct err *e);
} jobs[] = {
	{ "unpack", SANDBOX_UNPACK, true, true, job_unpack },
	{ "archive", SANDBOX_STREAM, true, false, job_archive },
	{ "measure", SANDBOX_MEASURE, false, true, job_measure },
};

static int run(const struct job *j, struct err *e)
{
	int keep[2] = { JOB_FD_OUT, JOB_FD_IN };
	int r = tar_prepare(e);

	if (r == 0)
		r = sandbox_enter(j->profile, j->tree ? JOB_FD_TREE : -1, keep, j->in ? 2 : 1, e);
	return r < 0 ? r : j->run(e);
}

static const char usage[] = "caisson-worker - one job on hostile bytes, without rights\n\n"
			    "It is started by caissond, which see; run by hand it can only say\n"
			    "  --help     this text\n"
			    "  --version  its version\n";

int main(int argc, char **argv)
{
	struct err e = { .kind = ERR_NONE };

	if (argc == 2 && streq(argv[1], "--help"))
		return fputs(usage, stdout) < 0;
	if (argc == 2 && streq(argv[1], "--version"))
		return puts("caisson-worker " CAISSON_VERSION) < 0;

	for (size_t i = 0; argc == 2 && i < ARRAY_SIZE(jobs); i++) {
		if (!streq(argv[1], jobs[i].name))
			continue;
		if (run(&jobs[i], &e) == 0)
			_exit(0);
		if (e.kind == ERR_NONE) /* the reader of the report is gone */
			_exit(1);
		(void)send_frame(NULL, JOB_ERROR, &e, sizeof(e));
		_exit(1);
	}
	fputs("caisson-worker: unknown job; --help says more\n", stderr);
	return 2;
}
