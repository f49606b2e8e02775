#include "floor.h"

#include "account.h"

#include <fcntl.h>
#include <sys/stat.h>

#define CAP(n) (1ull << (n))
/* CHOWN DAC_OVERRIDE FOWNER FSETID KILL SETGID SETUID SETPCAP NET_BIND_SERVICE NET_RAW SYS_CHROOT
 * MKNOD AUDIT_WRITE SETFCAP: docker's default set, everybody's. */
#define CAPS_DOCKER                                                                                \
	(CAP(0) | CAP(1) | CAP(3) | CAP(4) | CAP(5) | CAP(6) | CAP(7) | CAP(8) | CAP(10) |         \
		CAP(13) | CAP(18) | CAP(27) | CAP(29) | CAP(31))

static const char *const cap_names[] = { "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER",
	"FSETID", "KILL", "SETGID", "SETUID", "SETPCAP", "LINUX_IMMUTABLE", "NET_BIND_SERVICE",
	"NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER", "SYS_MODULE", "SYS_RAWIO",
	"SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE",
	"SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE",
	"AUDIT_CONTROL", "SETFCAP", "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM",
	"BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF", "CHECKPOINT_RESTORE" };

static const char *const class_names[] = { "", "root", "member", "remote" };

static const struct {
	const char *key;
	const char *what; /* for a refusal */
} allows[FLOOR_ALLOWS] = {
	[FLOOR_PRIVILEGED] = { "allow_privileged", "a privileged container" },
	[FLOOR_HOST_NETWORK] = { "allow_host_network", "host network" },
	[FLOOR_HOST_PID] = { "allow_host_pid", "host pid namespace" },
	[FLOOR_HOST_IPC] = { "allow_host_ipc", "host ipc namespace" },
	[FLOOR_HOST_UTS] = { "allow_host_uts", "host uts namespace" },
	[FLOOR_HOST_USERNS] = { "allow_host_userns", "host user namespace" },
	[FLOOR_HOST_CGROUPNS] = { "allow_host_cgroupns", "host cgroup namespace" },
	[FLOOR_SECCOMP_UNCONFINED] = { "allow_seccomp_unconfined",
		"a seccomp profile other than the default" },
	[FLOOR_UNMASKED_PATHS] = { "allow_unmasked_paths", "unmasked system paths" },
	[FLOOR_NEGATIVE_OOM_SCORE] = { "allow_negative_oom_score", "a negative OOM score" },
};

void floor_default(struct floor *ret, const char *path)
{
	*ret = (struct floor){ .path = path };
	for (int i = 0; i < FLOOR_ALLOWS; i++)
		ret->cls[KEEPER_CLASS_ROOT].allow[i] = true;
	ret->cls[KEEPER_CLASS_ROOT].caps = FLOOR_CAPS_ALL;
}

/* ---- the file ------------------------------------------------------------------------------ */

static bool parse_yes(struct str v, bool *ret)
{
	*ret = str_eq(v, STR("yes"));
	return *ret || str_eq(v, STR("no"));
}

static int cap_number(struct str name)
{
	if (str_starts(name, STR("CAP_")))
		name = (struct str){ name.p + 4, name.n - 4 };
	for (size_t i = 0; i < ARRAY_SIZE(cap_names); i++)
		if (str_eq(name, str_of(cap_names[i])))
			return (int)i;
	return -EINVAL;
}

static bool parse_caps(struct str v, uint64_t *ret)
{
	uint64_t caps = str_eq(v, STR("all")) ? FLOOR_CAPS_ALL : 0;

	if (!caps && !str_eq(v, STR("none")))
		while (v.p) {
			int n = cap_number(str_trim(str_cut(&v, ',')));

			if (n < 0)
				return false;
			caps |= CAP(n);
		}
	*ret = caps;
	return true;
}

/* One of: a uid, a user's name, "@" and a group's name or gid. */
static bool parse_admin(struct floor *f, struct str v, const struct floor_names *names)
{
	bool is_group = v.n && v.p[0] == '@';
	unsigned *n = is_group ? &f->nadmin_groups : &f->nadmins;
	uint32_t *list = is_group ? f->admin_groups : f->admins;
	uint32_t id, gid;

	if (is_group)
		v = (struct str){ v.p + 1, v.n - 1 };
	if (*n == FLOOR_ADMINS_MAX)
		return false;
	if (!num_u32(v, UINT32_MAX - 1, &id) &&
		!(is_group ? account_group(names->group, v, &id)
			   : account_user(names->passwd, v, &id, &gid)))
		return false;
	list[(*n)++] = id;
	return true;
}

static bool parse_admins(struct floor *f, struct str v, const struct floor_names *names)
{
	while (v.p)
		if (!parse_admin(f, str_trim(str_cut(&v, ',')), names))
			return false;
	return true;
}

/* 1 when set, 0 when the key is not one of a class, -EINVAL for a bad value. */
static int set_class_key(struct floor_class *c, struct str key, struct str value)
{
	uint32_t max;

	for (int i = 0; i < FLOOR_ALLOWS; i++)
		if (str_eq(key, str_of(allows[i].key)))
			return parse_yes(value, &c->allow[i]) ? 1 : -EINVAL;
	if (str_eq(key, STR("allow_capabilities")))
		return parse_caps(value, &c->caps) ? 1 : -EINVAL;
	if (!str_eq(key, STR("max_containers")))
		return 0;
	if (!num_u32(value, 1000000, &max))
		return -EINVAL;
	c->max_containers = max;
	return 1;
}

/* "member.key" is for one class, "key" for all of them. */
static int set_key(
	struct floor *f, struct str key, struct str value, const struct floor_names *names)
{
	struct str rest = key, head = str_cut(&rest, '.');
	int r = 0;

	if (str_eq(key, STR("admins")))
		return parse_admins(f, value, names) ? 1 : -EINVAL;
	for (int c = KEEPER_CLASS_ROOT; c <= KEEPER_CLASS_REMOTE; c++) {
		if (rest.p && !str_eq(head, str_of(class_names[c])))
			continue;
		r = set_class_key(&f->cls[c], rest.p ? rest : key, value);
		if (r <= 0)
			break;
	}
	return r;
}

int floor_parse(struct floor *f, struct str text, const struct floor_names *names, struct err *e)
{
	for (unsigned line = 1; text.p; line++) {
		struct str value = str_cut(&text, '\n'), key;
		int r;

		value = str_cut(&value, '#');
		key = str_trim(str_cut(&value, '='));
		if (key.n == 0 && !value.p)
			continue;
		if (!value.p)
			return err_set(e, ERR_INVALID, 0,
				"line %u of \"%s\": write \"key = value\"", line, f->path);
		r = set_key(f, key, str_trim(value), names);
		if (r == 0)
			return err_set(e, ERR_INVALID, 0,
				"line %u of \"%s\": unknown key \"%.*s\"; see floor.conf(5)", line,
				f->path, (int)MIN(key.n, 64u), key.p);
		if (r < 0)
			return err_set(e, ERR_INVALID, 0,
				"line %u of \"%s\": bad value for \"%.*s\"; see floor.conf(5)",
				line, f->path, STR_ARG(key));
	}
	return 0;
}

int floor_load(struct floor *f, bool required, const struct floor_names *names, struct err *e)
{
	auto_buf struct buf text = BUF(FLOOR_TEXT_MAX);
	auto_close int fd = open(
		f->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	int r;

	if (fd < 0 && errno == ENOENT && !required)
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(e, ERR_SYSTEM, errno, "opening the floor policy \"%s\"", f->path);
	if (!S_ISREG(st.st_mode) || st.st_uid != 0 || (st.st_mode & 022))
		return err_set(e, ERR_DENIED, 0,
			"the floor policy \"%s\" must be a file of root that nobody else can "
			"write (chown root, chmod 644)",
			f->path);
	r = buf_read_fd(&text, fd);
	if (r < 0)
		return err_set(e, ERR_SYSTEM, -r, "reading the floor policy \"%s\"", f->path);
	return floor_parse(f, buf_view(&text), names, e);
}

/* ---- the check ----------------------------------------------------------------------------- */

static const char *who(char out[48], uint32_t cls, uint32_t uid)
{
	if (cls == KEEPER_CLASS_REMOTE)
		(void)snprintf(out, 48, "remote clients");
	else
		(void)snprintf(out, 48, "uid %u", uid);
	return out;
}

/* What the container asks for, one flag per allow_ key. */
static void wishes(const struct keeper_create *c, bool ret[FLOOR_ALLOWS])
{
	bool host_user = c->userns == KEEPER_NS_HOST;

	ret[FLOOR_PRIVILEGED] = host_user && (c->caps & ~CAPS_DOCKER);
	ret[FLOOR_HOST_NETWORK] = c->netns == KEEPER_NS_HOST;
	ret[FLOOR_HOST_PID] = c->pidns == KEEPER_NS_HOST;
	ret[FLOOR_HOST_IPC] = c->ipcns == KEEPER_NS_HOST;
	ret[FLOOR_HOST_UTS] = c->utsns == KEEPER_NS_HOST;
	ret[FLOOR_HOST_USERNS] = host_user;
	ret[FLOOR_HOST_CGROUPNS] = c->cgroupns == KEEPER_NS_HOST;
	/* A custom filter may allow everything: the same right as none. */
	ret[FLOOR_SECCOMP_UNCONFINED] = c->seccomp != KEEPER_SECCOMP_DEFAULT;
	ret[FLOOR_UNMASKED_PATHS] = c->flags & KEEPER_UNMASKED;
	ret[FLOOR_NEGATIVE_OOM_SCORE] = c->oom_score_adj < 0;
}

int floor_check(const struct floor *f, uint32_t cls, uint32_t uid, const struct keeper_create *c,
	unsigned owned, struct err *e)
{
	const struct floor_class *fc = &f->cls[cls];
	uint64_t extra = c->caps & ~(CAPS_DOCKER | fc->caps);
	bool wish[FLOOR_ALLOWS];
	char name[48];

	wishes(c, wish);
	for (int i = 0; i < FLOOR_ALLOWS; i++)
		if (wish[i] && !fc->allow[i])
			return err_set(e, ERR_DENIED, 0,
				"%s is refused for %s by the floor policy (set %s.%s = yes in %s)",
				allows[i].what, who(name, cls, uid), class_names[cls],
				allows[i].key, f->path);
	if (extra)
		return err_set(e, ERR_DENIED, 0,
			"capability CAP_%s is refused for %s by the floor policy (add it to "
			"%s.allow_capabilities in %s)",
			cap_names[__builtin_ctzll(extra)], who(name, cls, uid), class_names[cls],
			f->path);
	if (fc->max_containers && owned >= fc->max_containers)
		return err_set(e, ERR_DENIED, 0,
			"%s already has %u containers, the limit of the floor policy (raise "
			"%s.max_containers in %s)",
			who(name, cls, uid), owned, class_names[cls], f->path);
	return 0;
}

static bool has(const uint32_t *list, unsigned n, uint32_t id)
{
	for (unsigned i = 0; i < n; i++)
		if (list[i] == id)
			return true;
	return false;
}

bool floor_is_admin(const struct floor *f, uint32_t uid, const uint32_t *gids, size_t ngids)
{
	if (uid == 0 || has(f->admins, f->nadmins, uid))
		return true;
	for (size_t i = 0; i < ngids; i++)
		if (has(f->admin_groups, f->nadmin_groups, gids[i]))
			return true;
	return false;
}

uint64_t floor_all_caps(const struct floor *f)
{
	uint64_t caps = CAPS_DOCKER;

	for (int c = KEEPER_CLASS_ROOT; c <= KEEPER_CLASS_REMOTE; c++)
		if (f->cls[c].allow[FLOOR_HOST_USERNS])
			caps |= f->cls[c].allow[FLOOR_PRIVILEGED] ? f->cls[c].caps : 0;
	return caps;
}
