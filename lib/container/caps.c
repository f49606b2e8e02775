#include "container/container-int.h"

#include <ctype.h>

/* Index is the kernel's number (include/uapi/linux/capability.h). */
static const char *const names[] = { "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID",
	"KILL", "SETGID", "SETUID", "SETPCAP", "LINUX_IMMUTABLE", "NET_BIND_SERVICE",
	"NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER", "SYS_MODULE", "SYS_RAWIO",
	"SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE",
	"SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE",
	"AUDIT_CONTROL", "SETFCAP", "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM",
	"BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF", "CHECKPOINT_RESTORE" };

static const char *const defaults[] = { "CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "MKNOD",
	"NET_RAW", "SETGID", "SETUID", "SETFCAP", "SETPCAP", "NET_BIND_SERVICE", "SYS_CHROOT",
	"KILL", "AUDIT_WRITE" };

#define CAPS_ALL ((1ull << ARRAY_SIZE(names)) - 1)

static int cap_number(struct str s)
{
	if (s.n > 4 && strncasecmp(s.p, "CAP_", 4) == 0)
		s = (struct str){ s.p + 4, s.n - 4 };
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (str_ieq(s, str_of(names[i])))
			return (int)i;
	return -1;
}

uint64_t docker_caps(void)
{
	static uint64_t set;
	uint64_t s = 0;

	if (!set) {
		for (size_t i = 0; i < ARRAY_SIZE(defaults); i++)
			s |= 1ull << cap_number(str_of(defaults[i]));
		set = s;
	}
	return set;
}

static int unknown(const char *member, const char *given, struct err *e)
{
	char upper[64];
	size_t n = 0;

	for (; given[n] && n < sizeof(upper) - 1; n++)
		upper[n] = (char)toupper((unsigned char)given[n]);
	upper[n] = '\0';
	return err_set(e, ERR_INVALID, 0, "invalid %s: unknown capability: \"%s%s\"", member,
		strncmp(upper, "CAP_", 4) == 0 ? "" : "CAP_", upper);
}

static int read_list(
	const json_t *host, const char *member, uint64_t *ret, bool *ret_all, struct err *e)
{
	json_t *v, *list = json_object_get(host, member);
	size_t i;

	*ret = 0;
	*ret_all = false;
	json_array_foreach(list, i, v)
	{
		const char *s = json_string_value(v);
		int n;

		if (str_ieq(str_of(s), STR("ALL"))) {
			*ret_all = true;
			continue;
		}
		n = cap_number(str_of(s));
		if (n < 0)
			return unknown(member, s, e);
		*ret |= 1ull << n;
	}
	return 0;
}

/* Docker's rules: add ALL wins (less what is dropped), then drop ALL (only what is added), else
 * the defaults less the dropped, plus the added. */
int caps_parse(const json_t *host, uint64_t *ret, struct err *e)
{
	uint64_t add = 0, drop = 0;
	bool add_all = false, drop_all = false;
	int r = read_list(host, "CapAdd", &add, &add_all, e);

	if (r == 0)
		r = read_list(host, "CapDrop", &drop, &drop_all, e);
	if (r < 0)
		return r;
	if (add_all)
		*ret = CAPS_ALL & ~drop;
	else if (drop_all)
		*ret = add;
	else
		*ret = (CAPS_DEFAULT & ~drop) | add;
	return 0;
}
