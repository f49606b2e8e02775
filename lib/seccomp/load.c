#include <linux/seccomp.h>
#include <sys/syscall.h>

#include "seccomp/seccomp.h"

int seccomp_load(const struct sock_filter *f, size_t n)
{
	struct sock_fprog p = { .len = (unsigned short)n,
		.filter = (struct sock_filter *)(uintptr_t)f };

	if (n == 0 || n > SECCOMP_PROGRAM_MAX)
		return -EINVAL;
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &p) < 0)
		return -errno;
	return 0;
}
