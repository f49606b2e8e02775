#include "sandbox/sandbox-int.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

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
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { { 0 } };

	BUG_ON(p >= ARRAY_SIZE(keep_of));
	for (unsigned long c = 0; prctl(PR_CAPBSET_READ, c, 0, 0, 0) >= 0; c++)
		if (!(keep_of[p] & BIT(c)) && prctl(PR_CAPBSET_DROP, c, 0, 0, 0) < 0)
			return err_set(e, ERR_SYSTEM, errno, "sandbox: dropping capability %lu", c);
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return err_set(e, ERR_SYSTEM, errno, "sandbox: clearing ambient capabilities");
	for (int i = 0; i < 2; i++)
		data[i].permitted = data[i].effective = (uint32_t)(keep_of[p] >> (32 * i));
	if (syscall(SYS_capset, &head, data) < 0)
		return err_set(e, ERR_SYSTEM, errno, "sandbox: setting capabilities");
	return 0;
}
