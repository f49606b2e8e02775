#include <sys/utsname.h>

#include "seccomp/profile-int.h"

/* As in "includes": Go's names. */
#define HOST_ARCH "amd64"

/* Index: the capability's number. */
static const char *const caps_names[] = { "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH",
	"CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID", "CAP_SETUID", "CAP_SETPCAP",
	"CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST", "CAP_NET_ADMIN",
	"CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER", "CAP_SYS_MODULE", "CAP_SYS_RAWIO",
	"CAP_SYS_CHROOT", "CAP_SYS_PTRACE", "CAP_SYS_PACCT", "CAP_SYS_ADMIN", "CAP_SYS_BOOT",
	"CAP_SYS_NICE", "CAP_SYS_RESOURCE", "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_MKNOD",
	"CAP_LEASE", "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL", "CAP_SETFCAP", "CAP_MAC_OVERRIDE",
	"CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM", "CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ",
	"CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE" };

static bool has_cap(uint64_t caps, const char *name)
{
	for (unsigned i = 0; i < ARRAY_SIZE(caps_names); i++)
		if (streq(name, caps_names[i]))
			return caps >> i & 1;
	return false; /* nobody has what does not exist */
}

/* "4.8" -> 4, 8; what follows the second number does not count. */
static bool version_parse(struct str s, uint32_t *ret_major, uint32_t *ret_minor)
{
	struct str major = str_cut(&s, '.');
	size_t n = 0;

	while (n < s.n && s.p[n] >= '0' && s.p[n] <= '9')
		n++;
	return num_u32(major, 1000, ret_major) &&
	       num_u32((struct str){ s.p, n }, 100000, ret_minor);
}

/* 1 when this kernel is at least that old, else 0. */
static int kernel_reaches(const json_t *min, struct err *e)
{
	const char *text = json_string_value(min);
	uint32_t want_major, want_minor, major, minor;
	struct str s = str_of(text), minor_text = s;
	struct utsname u;

	(void)str_cut(&minor_text, '.');
	for (size_t i = 0; i < minor_text.n; i++)
		if (minor_text.p[i] < '0' || minor_text.p[i] > '9')
			s.n = 0; /* only two numbers here */
	if (!version_parse(s, &want_major, &want_minor))
		return PROFILE_BAD(e,
			"invalid kernel version: \"%s\": it should be in the form of <kernel "
			"version>.<major revision>",
			text);
	if (uname(&u) < 0 || !version_parse(str_of(u.release), &major, &minor))
		return err_set(e, ERR_SYSTEM, EINVAL, "cannot read this kernel's version");
	return major > want_major || (major == want_major && minor >= want_minor);
}

/* A list of names against a test: how many elements pass; *ret_all their number. */
static int count_names(
	const json_t *list, uint64_t caps, bool are_caps, int *ret_all, struct err *e)
{
	const json_t *v;
	size_t i;
	int n = 0;

	json_array_foreach(list, i, v)
	{
		const char *name = json_string_value(v);

		if (!name)
			return PROFILE_BAD(e, "a name must be a string");
		n += are_caps ? has_cap(caps, name) : streq(name, HOST_ARCH);
	}
	*ret_all = (int)json_array_size(list);
	return n;
}

struct match {
	int arches, all_arches, caps, all_caps, kernel;
	bool has_kernel;
};

static int filter_match(const json_t *filter, uint64_t caps, struct match *m, struct err *e)
{
	json_t *cap_list = NULL, *arch_list = NULL, *min = NULL;
	int r = profile_get(filter, "caps", JSON_ARRAY, &cap_list, e);

	if (r == 0)
		r = profile_get(filter, "arches", JSON_ARRAY, &arch_list, e);
	if (r == 0)
		r = profile_get(filter, "minKernel", JSON_STRING, &min, e);
	if (r < 0)
		return r;
	m->caps = count_names(cap_list, caps, true, &m->all_caps, e);
	m->arches = m->caps < 0 ? -EINVAL : count_names(arch_list, 0, false, &m->all_arches, e);
	if (m->arches < 0)
		return -EINVAL;
	m->has_kernel = min != NULL;
	m->kernel = min ? kernel_reaches(min, e) : 0;
	return MIN(m->kernel, 0);
}

int profile_rule_fits(const json_t *rule, uint64_t caps, struct err *e)
{
	struct match in = { 0 }, out = { 0 };
	json_t *includes = NULL, *excludes = NULL;
	int r = profile_get(rule, "includes", JSON_OBJECT, &includes, e);

	if (r == 0)
		r = profile_get(rule, "excludes", JSON_OBJECT, &excludes, e);
	if (r == 0 && includes)
		r = filter_match(includes, caps, &in, e);
	if (r == 0 && excludes)
		r = filter_match(excludes, caps, &out, e);
	if (r < 0)
		return r;
	/* One hit excludes; to be included every capability must be there. */
	if (out.arches || out.caps || out.kernel)
		return 0;
	return (!in.all_arches || in.arches) && in.caps == in.all_caps &&
	       (!in.has_kernel || in.kernel);
}
