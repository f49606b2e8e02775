/* Prints the default filter as the rows of a C array: see lib/seccomp/seccomp.h. */
#include "seccomp/seccomp-int.h"

int main(void)
{
	static struct sock_filter f[SECCOMP_PROGRAM_MAX];
	struct seccomp_policy *p = seccomp_policy_default(seccomp_docker_caps());
	int n = seccomp_tree_compile(p, f);

	free(p);
	for (int i = 0; i < n; i++)
		printf("{ 0x%02x, %u, %u, 0x%08x },\n", (unsigned)f[i].code, (unsigned)f[i].jt,
			(unsigned)f[i].jf, f[i].k);
	return n > 0 && fflush(stdout) == 0 ? 0 : 1;
}
