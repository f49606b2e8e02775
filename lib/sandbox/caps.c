#include "sandbox/sandbox-int.h"
#include "sys/sys.h"

#include <linux/capability.h>

#define BIT(c) (1ull << (c))

/* Each counts only inside the worker's own user namespace, on its own tree.  No MKNOD: whiteouts
 * (character device 0:0) need none, and nothing else may be made. */
static const uint64_t keep_of[] = {
	[SANDBOX_UNPACK] = BIT(CAP_CHOWN) | BIT(CAP_FOWNER) | BIT(CAP_DAC_OVERRIDE) |
			   BIT(CAP_FSETID) | BIT(CAP_SETFCAP),
	[SANDBOX_STREAM] = 0,
	[SANDBOX_MEASURE] = BIT(CAP_DAC_READ_SEARCH),
};

int sandbox_caps(enum sandbox_profile p, struct err *e)
{
	int r;

	BUG_ON(p >= ARRAY_SIZE(keep_of));
	r = sys_caps_bound(keep_of[p]);
	if (r == 0)
		r = sys_caps_set(keep_of[p], keep_of[p], 0);
	return r < 0 ? err_set(e, ERR_SYSTEM, -r, "sandbox: dropping capabilities") : 0;
}
