#include "runtime/spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct spec_reader r;
	struct spec_record rec;
	volatile uint8_t sum = 0;

	if (spec_open(p, n, &r) < 0)
		return 0;
	while (spec_next(&r, &rec) == 1)
		for (size_t i = 0; i < rec.data.n; i++)
			sum = (uint8_t)(sum + (uint8_t)rec.data.p[i]);
	return 0;
}
