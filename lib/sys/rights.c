#include "sys/sys.h"

#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

int sys_caps_bound(uint64_t keep)
{
	for (unsigned long c = 0; c < 64; c++) {
		if (keep >> c & 1)
			continue;
		/* EINVAL: past the last capability this kernel has. */
		if (prctl(PR_CAPBSET_DROP, c, 0, 0, 0) < 0)
			return errno == EINVAL && c > CAP_WAKE_ALARM ? 0 : -errno;
	}
	return 0;
}

int sys_caps_set(uint64_t permitted, uint64_t effective, uint64_t inheritable)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	for (unsigned i = 0; i < 2; i++)
		data[i] = (struct __user_cap_data_struct){
			.permitted = (uint32_t)(permitted >> 32 * i),
			.effective = (uint32_t)(effective >> 32 * i),
			.inheritable = (uint32_t)(inheritable >> 32 * i),
		};
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 ||
		syscall(SYS_capset, &head, data) < 0)
		return -errno;
	return 0;
}

int sys_securebits(unsigned bits)
{
	return prctl(PR_SET_SECUREBITS, (unsigned long)bits, 0, 0, 0) < 0 ? -errno : 0;
}

int sys_fs_ids(uid_t uid, gid_t gid)
{
	int r = sys_securebits(SECBIT_NO_SETUID_FIXUP);

	if (r < 0)
		return r;
	(void)setfsgid(gid);
	(void)setfsuid(uid);
	/* Neither call reports failure; asking for an impossible id shows the present one. */
	if ((uid_t)setfsuid((uid_t)-1) != uid || (gid_t)setfsgid((gid_t)-1) != gid)
		return -EPERM;
	return 0;
}

int sys_become(uid_t uid, gid_t gid, const gid_t *groups, size_t ngroups)
{
	if (setgroups(ngroups, groups) < 0 || setresgid(gid, gid, gid) < 0 ||
		setresuid(uid, uid, uid) < 0)
		return -errno;
	return 0;
}

int sys_no_new_privs(void)
{
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}
