#include "seccomp/profile.h"
#include "seccomp/sim.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every program that comes out must end for every call: the simulator aborts where it would not. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint32_t arches[] = { 0xc000003e, 0x40000003, 0xc00000b7 };
	struct sock_filter *f = NULL;
	struct err e;
	size_t n;

	if (seccomp_compile((struct str){ (const char *)data, size }, 1u << 21, &f, &n, &e) < 0)
		return 0;
	BUG_ON(n == 0 || n > SECCOMP_PROGRAM_MAX);
	for (unsigned a = 0; a < ARRAY_SIZE(arches); a++) {
		for (int nr = 0; nr < 500; nr += 1 + nr % 7) {
			struct seccomp_data d = { .nr = nr, .arch = arches[a] };

			(void)sim_run(f, n, &d, NULL);
		}
	}
	free(f);
	return 0;
}
