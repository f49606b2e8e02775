/* The image's /etc/passwd and /etc/group, the client's --user and --group-add, the host's subuid
 * lines and --tmpfs options: the input is cut at NUL into these texts. */
#include "runtime/runtime-int.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static struct identity who;
	struct str rest = { (const char *)p, n }, spec = str_cut(&rest, '\0'),
		   passwd = str_cut(&rest, '\0'), group = str_cut(&rest, '\0'), more[2];
	struct tmpfs_options tmpfs;
	struct err e;

	more[0] = str_cut(&rest, '\0');
	more[1] = str_cut(&rest, '\0');
	if (identity_resolve(spec, more, 2, passwd, group, &who, &e) == 0) {
		BUG_ON(who.uid > INT32_MAX || who.gid > INT32_MAX);
		BUG_ON(who.ngroups > IDENTITY_GROUPS_MAX);
		BUG_ON(!memchr(who.home, 0, sizeof(who.home)));
		for (size_t i = 0; i < who.ngroups; i++)
			BUG_ON(who.groups[i] > INT32_MAX);
	}
	(void)ids_listed((struct str){ (const char *)p, n }, IDS_FIRST);
	if (tmpfs_options_parse((struct str){ (const char *)p, n }, &tmpfs, &e) == 0)
		BUG_ON(tmpfs.n > TMPFS_OPTIONS_MAX);
	return 0;
}
