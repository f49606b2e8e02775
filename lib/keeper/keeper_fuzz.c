/* Every question of the link and both files, fed with arbitrary bytes: op, descriptor
 * count, body. */
#include "keeper/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static _Alignas(8) uint8_t body[WIRE_BODY_MAX];
	static const struct digest id = { { 1 } };
	struct err e;
	int r;

	if (n < 2 || n - 2 > sizeof(body))
		return 0;
	memcpy(body, p + 2, n - 2);
	r = keeper_record_check(p[0], body, n - 2, p[1] % (WIRE_FDS_MAX + 1), &e);
	BUG_ON(r != 0 && r != -EPROTO);
	if (r == 0 && p[0] == KEEPER_CREATE) {
		const struct keeper_create *c = (const void *)body;

		BUG_ON(c->nlayers > KEEPER_LAYERS_MAX || c->extra_ids > KEEPER_EXTENTS_MAX);
		(void)!keeper_limits_check(&c->limits, &e);
	}
	(void)!keeper_grant_check(body, n - 2, &id);
	(void)!keeper_run_check(body, n - 2, &id);
	return 0;
}
