#include <linux/capability.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/socket.h>

#include "seccomp/profile.h"
#include "seccomp/seccomp-int.h"

#define ERRNO_OF(n) (SECCOMP_RET_ERRNO | (n))
#define C(name)	    (1ull << CAP_##name)

struct seccomp_policy *seccomp_policy_new(uint32_t action)
{
	struct seccomp_policy *p = xcalloc(1, sizeof(*p));

	p->other_arch = SECCOMP_RET_KILL_THREAD; /* as libseccomp */
	for (unsigned a = 0; a < SECCOMP_ARCHES; a++) {
		p->arch[a].above = action;
		for (unsigned i = 0; i <= SECCOMP_NR_MAX; i++)
			p->arch[a].call[i] = (struct seccomp_fate){ action, -1, false };
	}
	return p;
}

int seccomp_policy_add(struct seccomp_policy *p, enum seccomp_arch_index arch, unsigned nr,
	uint32_t action, const struct seccomp_cond *cond, unsigned conds)
{
	struct seccomp_fate *f = &p->arch[arch].call[nr];
	struct seccomp_rule *r;
	int16_t *at;

	BUG_ON(nr > SECCOMP_NR_MAX || conds > SECCOMP_ARGS);
	if (f->fixed)
		return 0;
	if (conds == 0) {
		*f = (struct seccomp_fate){ action, -1, true };
		return 0;
	}
	if (p->n_rules >= SECCOMP_RULES_MAX)
		return -E2BIG;
	for (at = &f->rule; *at >= 0; at = &p->rule[*at].next)
		;
	*at = (int16_t)p->n_rules++;
	r = &p->rule[*at];
	*r = (struct seccomp_rule){ .action = action, .conds = (uint8_t)conds, .next = -1 };
	memcpy(r->cond, cond, conds * sizeof(*cond));
	for (unsigned i = 0; i < conds; i++)
		r->cond[i].value &= r->cond[i].mask;
	return 0;
}

/* ---- the default ----------------------------------------------------------------------------- */

/* One kind of call under special rules: rows with the same kind are tried in order. */
struct special {
	uint8_t kind, conds;
	uint16_t error; /* 0: allowed */
	struct seccomp_cond cond[2];
};
/* The kernel takes these arguments as int: whatever the upper half holds does not count. */
#define INT_IS(n, v)                                                                               \
	{                                                                                          \
		n, SECCOMP_EQ, 0xffffffff, v                                                       \
	}
#define NAMESPACES                                                                                 \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |             \
		CLONE_NEWPID | CLONE_NEWNET)

static const struct special specials[] = {
	{ CALL_CLONE, 1, 0, { { 0, SECCOMP_EQ, NAMESPACES, 0 } } },
	{ CALL_PERSONALITY, 1, 0, { INT_IS(0, 0) } },
	{ CALL_PERSONALITY, 1, 0, { INT_IS(0, 0x8) } },	    /* PER_LINUX32 */
	{ CALL_PERSONALITY, 1, 0, { INT_IS(0, 0x20000) } }, /* UNAME26 */
	{ CALL_PERSONALITY, 1, 0, { INT_IS(0, 0x20008) } },
	{ CALL_PERSONALITY, 1, 0, { INT_IS(0, 0xffffffff) } }, /* ask only */
	{ CALL_SOCKET, 1, 0, { INT_IS(0, AF_UNIX) } },
	{ CALL_SOCKET, 1, 0, { INT_IS(0, AF_INET) } },
	{ CALL_SOCKET, 1, 0, { INT_IS(0, AF_INET6) } },
	{ CALL_SOCKET, 2, 0, { INT_IS(0, AF_NETLINK), INT_IS(2, NETLINK_ROUTE) } },
	{ CALL_SOCKETPAIR, 1, 0, { INT_IS(0, AF_UNIX) } },
	{ CALL_SOCKETPAIR, 1, 0, { INT_IS(0, AF_INET) } }, /* the kernel's own errors follow */
	{ CALL_SOCKETPAIR, 1, 0, { INT_IS(0, AF_INET6) } },
	/* The arguments are in memory, out of a filter's sight: any family could be asked for. */
	{ CALL_SOCKETCALL, 1, EAFNOSUPPORT, { INT_IS(0, 1) } }, /* SYS_SOCKET */
	{ CALL_SOCKETCALL, 1, EAFNOSUPPORT, { INT_IS(0, 8) } }, /* SYS_SOCKETPAIR */
};
/* Netlink of every protocol, for whoever administers the container's network. */
static const struct seccomp_cond any_netlink = INT_IS(0, AF_NETLINK);

static uint32_t call_action(const struct seccomp_call *c, uint64_t caps)
{
	switch (c->kind) {
	case CALL_ALLOW:
	case CALL_SOCKETCALL:
		return SECCOMP_RET_ALLOW;
	case CALL_NOSYS:
		return ERRNO_OF(ENOSYS);
	case CALL_CAPS:
		return caps & c->caps ? SECCOMP_RET_ALLOW : ERRNO_OF(EPERM);
	case CALL_CLONE:
		return caps & C(SYS_ADMIN) ? SECCOMP_RET_ALLOW : ERRNO_OF(EPERM);
	case CALL_CLONE3: /* its flags are in memory; libc falls back to clone */
		return caps & C(SYS_ADMIN) ? SECCOMP_RET_ALLOW : ERRNO_OF(ENOSYS);
	case CALL_SOCKET:
	case CALL_SOCKETPAIR:
		return ERRNO_OF(EAFNOSUPPORT);
	default:
		return ERRNO_OF(EPERM);
	}
}

static void call_add(
	struct seccomp_policy *p, const struct seccomp_call *c, unsigned arch, uint64_t caps)
{
	unsigned nr = (unsigned)c->nr[arch];
	uint32_t action = call_action(c, caps);
	int r = 0;

	p->arch[arch].call[nr].action = action;
	if (c->kind == CALL_CLONE && action == SECCOMP_RET_ALLOW)
		return;
	for (unsigned i = 0; i < ARRAY_SIZE(specials); i++) {
		const struct special *s = &specials[i];

		if (s->kind == c->kind)
			r |= seccomp_policy_add(p, arch, nr,
				s->error ? ERRNO_OF(s->error) : SECCOMP_RET_ALLOW, s->cond,
				s->conds);
	}
	if (c->kind == CALL_SOCKET && caps & C(NET_ADMIN))
		r |= seccomp_policy_add(p, arch, nr, SECCOMP_RET_ALLOW, &any_netlink, 1);
	BUG_ON(r); /* a handful of rules always fits */
}

struct seccomp_policy *seccomp_policy_default(uint64_t caps)
{
	struct seccomp_policy *p = seccomp_policy_new(ERRNO_OF(ENOSYS));
	size_t n;
	const struct seccomp_call *c = seccomp_calls(&n);

	for (unsigned a = 0; a < SECCOMP_ARCHES; a++) {
		p->arch[a].on = true;
		for (size_t i = 0; i < n; i++)
			if (c[i].nr[a] >= 0)
				call_add(p, &c[i], a, caps);
	}
	return p;
}

uint64_t seccomp_docker_caps(void)
{
	return C(CHOWN) | C(DAC_OVERRIDE) | C(FSETID) | C(FOWNER) | C(MKNOD) | C(NET_RAW) |
	       C(SETGID) | C(SETUID) | C(SETFCAP) | C(SETPCAP) | C(NET_BIND_SERVICE) |
	       C(SYS_CHROOT) | C(KILL) | C(AUDIT_WRITE);
}

int seccomp_default_for(uint64_t caps, struct sock_filter **ret, size_t *ret_n, struct err *e)
{
	auto_free struct seccomp_policy *p = seccomp_policy_default(caps);
	auto_free struct sock_filter *f = xcalloc(SECCOMP_PROGRAM_MAX, sizeof(*f));
	int n = seccomp_tree_compile(p, f);

	if (n < 0)
		return err_set(e, ERR_LIMIT, -n, "the default seccomp profile is too long");
	*ret = steal_ptr(&f);
	*ret_n = (size_t)n;
	return 0;
}
