#include "container/container-int.h"

/* "container:X" gives X; NULL for other values. */
static const char *joined(const char *v)
{
	return strncmp(v, "container:", 10) == 0 ? v + 10 : NULL;
}

static int parse_ipc(const char *v, struct ns_modes *m, struct err *e)
{
	m->ipc_of = joined(v);
	m->no_ipc = streq(v, "none");
	m->shareable_ipc = streq(v, "shareable");
	if (m->ipc_of && m->ipc_of[0])
		m->ipcns = KEEPER_NS_CONTAINER;
	else if (streq(v, "host"))
		m->ipcns = KEEPER_NS_HOST;
	else if (v[0] && !m->no_ipc && !m->shareable_ipc && !streq(v, "private"))
		return err_set(e, ERR_INVALID, 0, "invalid IPC mode: %.200s", v);
	return 0;
}

static int parse_pid(const char *v, struct ns_modes *m, struct err *e)
{
	m->pid_of = joined(v);
	if (m->pid_of && m->pid_of[0])
		m->pidns = KEEPER_NS_CONTAINER;
	else if (streq(v, "host"))
		m->pidns = KEEPER_NS_HOST;
	else if (v[0])
		return err_set(e, ERR_INVALID, 0, "invalid PID mode: %.200s", v);
	return 0;
}

static int parse_net(const char *v, struct ns_modes *m, struct err *e)
{
	m->net_of = joined(v);
	if (streq(v, "container") || (m->net_of && !m->net_of[0]))
		return err_set(e, ERR_INVALID, 0,
			"invalid network mode: invalid container format container:<name|id>");
	if (m->net_of)
		m->netns = KEEPER_NS_CONTAINER;
	else if (streq(v, "host"))
		m->netns = KEEPER_NS_HOST;
	else if (!streq(v, "none"))
		return err_set(e, ERR_UNSUPPORTED, 0,
			"NetworkMode: user-defined networks (\"%.200s\") come with a later version",
			v);
	return 0;
}

static int parse_plain(const char *v, const char *noun, uint8_t *ret, struct err *e)
{
	if (streq(v, "host"))
		*ret = KEEPER_NS_HOST;
	else if (v[0] && !(streq(v, "private") && streq(noun, "cgroup namespace")))
		return err_set(e, ERR_INVALID, 0, "invalid %s mode: %.200s", noun, v);
	return 0;
}

int ns_parse(const json_t *host, struct ns_modes *ret, struct err *e)
{
	struct ns_modes m = { 0 };
	int r = parse_ipc(jstr(host, "IpcMode"), &m, e);

	if (r == 0)
		r = parse_pid(jstr(host, "PidMode"), &m, e);
	if (r == 0)
		r = parse_plain(jstr(host, "UTSMode"), "UTS", &m.utsns, e);
	if (r == 0)
		r = parse_plain(jstr(host, "CgroupnsMode"), "cgroup namespace", &m.cgroupns, e);
	if (r == 0)
		r = parse_plain(jstr(host, "UsernsMode"), "user namespace", &m.userns, e);
	if (r == 0)
		r = parse_net(jstr(host, "NetworkMode"), &m, e);
	if (r < 0)
		return r;
	*ret = m;
	return 0;
}
