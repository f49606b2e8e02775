/* Any bytes as a layer (unpacked into a temporary tree) and as an image archive. */
#include "tar/tar.h"

#include <fcntl.h>
#include <sys/mman.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static int ignore(void *arg, enum job_frame_type type, const void *p, size_t n)
{
	(void)arg;
	(void)type;
	(void)p;
	BUG_ON(n > JOB_CHUNK_MAX);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const struct tar_sink sink = { ignore, NULL };
	char dir[] = "/dev/shm/caisson-fuzz-XXXXXX", cmd[64];
	auto_close int in = memfd_create("in", MFD_CLOEXEC);
	auto_close int tree = -EBADF;
	struct job_unpacked done;
	struct err e;

	if (fd_write_all(in, p, n) < 0 || !mkdtemp(dir))
		return 0;
	tree = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	(void)lseek(in, 0, SEEK_SET);
	(void)tar_list(in, &sink, &e);
	(void)lseek(in, 0, SEEK_SET);
	(void)tar_unpack(in, tree, &sink, &done, &e);
	if (rmdir(dir) < 0) { /* only when something was made */
		(void)snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
		BUG_ON(system(cmd) != 0);
	}
	return 0;
}
