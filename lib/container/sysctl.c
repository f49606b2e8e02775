#include "container/container-int.h"

/* Keys that belong to a namespace of the container, as runc's validator has them. */
static const char *const ipc_keys[] = { "kernel.msgmax", "kernel.msgmnb", "kernel.msgmni",
	"kernel.sem", "kernel.shmall", "kernel.shmmax", "kernel.shmmni", "kernel.shm_rmid_forced" };

static bool is_ipc(const char *key)
{
	for (size_t i = 0; i < ARRAY_SIZE(ipc_keys); i++)
		if (streq(ipc_keys[i], key))
			return true;
	return str_starts(str_of(key), STR("fs.mqueue."));
}

/* A key is a path below /proc/sys: nothing but its own components may be in it. */
static bool well_formed(const char *key)
{
	return key[0] && !strchr(key, '/') && !strstr(key, "..") && key[0] != '.' &&
	       key[strlen(key) - 1] != '.';
}

int sysctl_check(const char *key, bool host_net, bool host_ipc, struct err *e)
{
	if (!well_formed(key))
		return err_set(e, ERR_INVALID, 0, "sysctl '%s' is not allowed", key);
	if (str_starts(str_of(key), STR("net."))) {
		if (!host_net)
			return 0;
		return err_set(e, ERR_INVALID, 0,
			"sysctl \"%s\" not allowed in host network namespace", key);
	}
	if (is_ipc(key)) {
		if (!host_ipc)
			return 0;
		return err_set(e, ERR_INVALID, 0,
			"sysctl \"%s\" is not allowed in the hosts ipc namespace", key);
	}
	return err_set(
		e, ERR_INVALID, 0, "sysctl \"%s\" is not in a separate kernel namespace", key);
}
