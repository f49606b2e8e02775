#include <fcntl.h>

#include "runtime/runtime-int.h"

#define KEY_MAX 128

/* Which namespace a key belongs to; what is in none would change the host. */
enum owner { OWNER_NONE, OWNER_NET, OWNER_IPC, OWNER_UTS };
static const struct {
	const char *name;
	bool prefix;
	enum owner owner;
} owners[] = {
	{ "net.", true, OWNER_NET },
	{ "fs.mqueue.", true, OWNER_IPC },
	{ "kernel.msgmax", false, OWNER_IPC },
	{ "kernel.msgmnb", false, OWNER_IPC },
	{ "kernel.msgmni", false, OWNER_IPC },
	{ "kernel.sem", false, OWNER_IPC },
	{ "kernel.shmall", false, OWNER_IPC },
	{ "kernel.shmmax", false, OWNER_IPC },
	{ "kernel.shmmni", false, OWNER_IPC },
	{ "kernel.shm_rmid_forced", false, OWNER_IPC },
	{ "kernel.domainname", false, OWNER_UTS },
};

static enum owner owner_of(struct str key)
{
	for (size_t i = 0; i < ARRAY_SIZE(owners); i++) {
		struct str name = str_of(owners[i].name);

		if (owners[i].prefix ? str_starts(key, name) : str_eq(key, name))
			return owners[i].owner;
	}
	return OWNER_NONE;
}

static bool is_private(const struct keeper_create *g, enum owner o)
{
	return o == OWNER_NET	? g->netns == KEEPER_NS_PRIVATE
	       : o == OWNER_IPC ? g->ipcns == KEEPER_NS_PRIVATE
				: g->utsns == KEEPER_NS_PRIVATE;
}

/* Through a proc that only we have: nothing can be mounted over it (CVE-2025-52881). */
static int write_key(int proc, struct str key, struct str value)
{
	char path[KEY_MAX + 8];
	auto_close int fd = -EBADF;

	(void)snprintf(path, sizeof(path), "sys/%.*s", STR_ARG(key));
	for (char *p = path; *p; p++)
		if (*p == '.')
			*p = '/';
	fd = sys_open(proc, path, O_WRONLY, 0, SYS_PLAIN);
	return fd < 0 ? fd : fd_write_all(fd, value.p, value.n);
}

static int one(const struct start *s, struct mounts *m, struct str value, struct err *e)
{
	struct str key = str_cut(&value, '=');
	enum owner o = owner_of(key);
	int r;

	if (key.n > KEY_MAX || o == OWNER_NONE)
		return err_set(e, ERR_INVALID, 0,
			"sysctl \"%.*s\" is not in a separate kernel namespace",
			(int)MIN(key.n, (size_t)KEY_MAX), key.p);
	if (!is_private(s->grant, o))
		return err_set(e, ERR_INVALID, 0,
			"sysctl \"%.*s\" is not allowed in a namespace shared with the host or "
			"another container",
			STR_ARG(key));
	r = write_key(m->proc, key, value);
	return r < 0 ? err_set(e, ERR_INVALID, -r, "write sysctl key %.*s: %s", STR_ARG(key),
			       program_strerror(-r))
		     : 0;
}

int mounts_sysctls(
	const struct start *s, const struct settings *set, struct mounts *m, struct err *e)
{
	/* As docker: ports below 1024 and ping need no capability. */
	struct str groups = s->host_userns ? STR("0 2147483647") : STR("0 65535");
	int r = 0;

	if (s->grant->netns == KEEPER_NS_PRIVATE) {
		r = write_key(m->proc, STR("net.ipv4.ip_unprivileged_port_start"), STR("0"));
		if (r == 0)
			r = write_key(m->proc, STR("net.ipv4.ping_group_range"), groups);
		if (r < 0 && r != -ENOENT)
			return err_set(e, ERR_SYSTEM, -r, "cannot set up the network namespace");
		r = 0;
	}
	for (size_t i = 0; i < set->nrecords && r == 0; i++)
		if (set->records[i].type == SPEC_SYSCTL)
			r = one(s, m, set->records[i].data, e);
	return r;
}
