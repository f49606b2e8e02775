/* docker's JSON profiles: against libseccomp where it says the same, else against what
 * docker does. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <sys/mman.h>

/* libseccomp has a function of this name too; it is not called here. */
#define seccomp_load libseccomp_load
#include <seccomp.h>
#undef seccomp_load

#include "seccomp/profile.h"
#include "seccomp/seccomp-int.h"
#include "seccomp/sim.h"

struct program {
	struct sock_filter *f;
	size_t n;
};

static struct program compile(const char *json, uint64_t caps)
{
	struct program p = { 0 };
	struct err e;

	if (seccomp_compile(str_of(json), caps, &p.f, &p.n, &e) < 0)
		fail_msg("%s", e.msg);
	return p;
}

static uint32_t run(const struct program *p, uint32_t arch, int nr, const uint64_t *args)
{
	struct seccomp_data d = { .nr = nr, .arch = arch };

	if (args)
		memcpy(d.args, args, sizeof(d.args));
	return sim_run(p->f, p->n, &d, NULL);
}

static uint32_t run_name(const struct program *p, const char *name, uint64_t a0, uint64_t a1)
{
	uint64_t args[6] = { a0, a1 };

	return run(p, AUDIT_ARCH_X86_64, seccomp_call_find(name)->nr[SECCOMP_NATIVE], args);
}

/* ---- against libseccomp ---------------------------------------------------------------------- */

struct want_arg {
	unsigned index;
	enum scmp_compare op;
	const char *op_name;
	uint64_t value, two;
};
#define OP(o) SCMP_CMP_##o, "SCMP_CMP_" #o

struct want_rule {
	const char *names[8];
	uint32_t action;
	const char *action_name;
	unsigned n_args;
	struct want_arg args[3];
};
#define ACT_ALLOW SCMP_ACT_ALLOW, "\"SCMP_ACT_ALLOW\""
#define ACT_LOG	  SCMP_ACT_LOG, "\"SCMP_ACT_LOG\""
#define ACT_E(n)  SCMP_ACT_ERRNO(n), "\"SCMP_ACT_ERRNO\", \"errnoRet\": " #n
#define ACT_KILL  SCMP_ACT_KILL_PROCESS, "\"SCMP_ACT_KILL_PROCESS\""

static const struct want_rule mixed[] = {
	{ { "read", "write", "close", "exit_group", "set_mempolicy_home_node" }, ACT_ALLOW, 0, {} },
	{ { "openat", "ptrace", "mount" }, ACT_E(7), 0, {} },
	{ { "keyctl", "reboot" }, ACT_KILL, 0, {} },
	{ { "clone" }, ACT_ALLOW, 1, { { 0, OP(MASKED_EQ), 2114060288, 0 } } },
	{ { "socket" }, ACT_ALLOW, 1, { { 0, OP(LT), 38, 0 } } },
	{ { "socket" }, ACT_ALLOW, 1, { { 0, OP(EQ), 39, 0 } } },
	{ { "socket" }, ACT_ALLOW, 1, { { 0, OP(GT), 40, 0 } } },
	{ { "personality" }, ACT_ALLOW, 1, { { 0, OP(EQ), 0xffffffff, 0 } } },
	{ { "personality" }, ACT_ALLOW, 1, { { 0, OP(EQ), 8, 0 } } },
	{ { "mmap", "lseek" }, ACT_ALLOW, 2,
		{ { 0, OP(GE), 4, 0 }, { 1, OP(LE), 0x100000002, 0 } } },
	{ { "ioctl" }, ACT_E(25), 3,
		{ { 1, OP(NE), 0x5412, 0 }, { 0, OP(LT), 0x100000000, 0 },
			{ 2, OP(GE), 0x2ffffffff, 0 } } },
	{ { "fcntl" }, ACT_LOG, 1, { { 1, OP(MASKED_EQ), 0xff000000ff, 0x0100000001 } } },
};

static void text_rule(struct buf *b, const struct want_rule *r)
{
	buf_z(b, "{\"names\": [");
	for (unsigned i = 0; i < ARRAY_SIZE(r->names) && r->names[i]; i++)
		buf_fmt(b, "%s\"%s\"", i ? ", " : "", r->names[i]);
	buf_fmt(b, "], \"action\": %s, \"args\": [", r->action_name);
	for (unsigned i = 0; i < r->n_args; i++) {
		const struct want_arg *a = &r->args[i];

		buf_fmt(b, "%s{\"index\": %u, \"value\": %llu, \"valueTwo\": %llu, \"op\": \"%s\"}",
			i ? ", " : "", a->index, (unsigned long long)a->value,
			(unsigned long long)a->two, a->op_name);
	}
	buf_z(b, "]}");
}

static struct program ours(const char *default_action, const struct want_rule *r, unsigned n)
{
	auto_buf struct buf b = BUF(1 << 20);

	buf_fmt(&b,
		"{\"defaultAction\": %s, \"architectures\": [\"SCMP_ARCH_X86_64\", "
		"\"SCMP_ARCH_X86\"], \"syscalls\": [",
		default_action);
	for (unsigned i = 0; i < n; i++) {
		buf_z(&b, i ? "," : "");
		text_rule(&b, &r[i]);
	}
	buf_z(&b, "]}");
	return compile(b.p, 0);
}

static void theirs_add(scmp_filter_ctx c, const struct want_rule *r)
{
	struct scmp_arg_cmp a[3];

	for (unsigned i = 0; i < r->n_args; i++)
		a[i] = (struct scmp_arg_cmp){ r->args[i].index, r->args[i].op, r->args[i].value,
			r->args[i].two };
	for (unsigned i = 0; i < ARRAY_SIZE(r->names) && r->names[i]; i++)
		assert_int_equal(seccomp_rule_add_array(c, r->action,
					 seccomp_syscall_resolve_name(r->names[i]), r->n_args, a),
			0);
}

static struct program theirs(uint32_t default_action, const struct want_rule *r, unsigned n)
{
	struct program p;
	scmp_filter_ctx c = seccomp_init(default_action);
	int fd = memfd_create("bpf", MFD_CLOEXEC);
	off_t size;

	assert_non_null(c);
	assert_int_equal(seccomp_arch_add(c, SCMP_ARCH_X86), 0);
	for (unsigned i = 0; i < n; i++)
		theirs_add(c, &r[i]);
	assert_int_equal(seccomp_export_bpf(c, fd), 0);
	size = lseek(fd, 0, SEEK_END);
	p.f = xcalloc(1, (size_t)size);
	p.n = (size_t)size / sizeof(*p.f);
	assert_int_equal(pread(fd, p.f, (size_t)size, 0), size);
	(void)close(fd);
	seccomp_release(c);
	return p;
}

/* Numbers that lie on either side of every comparison above. */
static const uint64_t interesting[] = { 0, 1, 3, 4, 5, 8, 37, 38, 39, 40, 41, 0x5412, 0x10000000,
	0x7fffffff, 0xffffffff, 0x100000000, 0x100000001, 0x100000002, 0x100000003, 0x2fffffffe,
	0x2ffffffff, 0x300000000, 0x0100005501, ~0ull };

/* On i386 libseccomp forgets the upper half of what it compares with, so that "at most 4 GiB and 2"
 * becomes "at most 2", and it allows socketcall(socket) when some families are allowed. */
static bool differs_by_design(int nr)
{
	static const int wide[] = { 19 /* lseek */, 54 /* ioctl */, 55 /* fcntl */, 90 /* mmap */,
		102 /* socketcall */ };

	for (unsigned i = 0; i < ARRAY_SIZE(wide); i++)
		if (nr == wide[i])
			return true;
	return false;
}

static void compare(const struct program *a, const struct program *b, uint32_t arch, int nr)
{
	size_t n = ARRAY_SIZE(interesting);

	for (size_t i = 0; i < n * n; i++) {
		uint64_t args[6] = { interesting[i % n], interesting[i / n],
			interesting[(i * 7 + i / n) % n] };

		/* What the kernel gives for i386 is never wider. */
		for (unsigned k = 0; k < 6 && arch == AUDIT_ARCH_I386; k++)
			args[k] &= 0xffffffff;
		if (run(a, arch, nr, args) != run(b, arch, nr, args))
			fail_msg("call %d of arch %#x with %#llx %#llx %#llx: %#x, libseccomp %#x",
				nr, arch, (unsigned long long)args[0], (unsigned long long)args[1],
				(unsigned long long)args[2], run(a, arch, nr, args),
				run(b, arch, nr, args));
	}
}

/* Calls above the last named one (450) get ENOSYS from us where the default refuses. */
static void differential(
	uint32_t action, const char *name, const struct want_rule *r, unsigned n, int above)
{
	struct program a = ours(name, r, n), b = theirs(action, r, n);

	for (int nr = 0; nr <= 600; nr++) {
		if (nr > 450 && above) {
			assert_int_equal(run(&a, AUDIT_ARCH_X86_64, nr, NULL), above);
			assert_int_equal(run(&a, AUDIT_ARCH_I386, nr, NULL), above);
			continue;
		}
		compare(&a, &b, AUDIT_ARCH_X86_64, nr);
		if (r != mixed || !differs_by_design(nr))
			compare(&a, &b, AUDIT_ARCH_I386, nr);
	}
	compare(&a, &b, AUDIT_ARCH_AARCH64, 1);
	free(a.f);
	free(b.f);
}

static void test_like_libseccomp(void **state)
{
	unsigned n = ARRAY_SIZE(mixed);

	(void)state;
	differential(SCMP_ACT_ERRNO(1), "\"SCMP_ACT_ERRNO\"", mixed, n, SECCOMP_RET_ERRNO | ENOSYS);
	differential(SCMP_ACT_KILL_PROCESS, "\"SCMP_ACT_KILL_PROCESS\"", mixed, 2,
		SECCOMP_RET_ERRNO | ENOSYS);
	differential(SCMP_ACT_LOG, "\"SCMP_ACT_LOG\"", mixed, n - 1, 0);
}

static void test_many_scattered_calls(void **state)
{
	/* Every second number of another fate: as many ranges as there can be. */
	static struct want_rule many[230];
	size_t calls, n = 0;
	const struct seccomp_call *c = seccomp_calls(&calls);

	(void)state;
	for (size_t i = 0; i < calls && n < ARRAY_SIZE(many); i++) {
		int nr = seccomp_syscall_resolve_name(c[i].name);

		if (c[i].nr[0] < 0 || c[i].nr[0] > 450 || c[i].nr[0] != nr || nr % 2)
			continue;
		many[n++] = (struct want_rule){ { c[i].name }, SCMP_ACT_ERRNO(1 + (unsigned)nr % 3),
			nr % 3 == 0   ? "\"SCMP_ACT_ERRNO\", \"errnoRet\": 1"
			: nr % 3 == 1 ? "\"SCMP_ACT_ERRNO\", \"errnoRet\": 2"
				      : "\"SCMP_ACT_ERRNO\", \"errnoRet\": 3",
			0, {} };
	}
	assert_true(n > 150);
	differential(SCMP_ACT_ALLOW, "\"SCMP_ACT_ALLOW\"", many, (unsigned)n, 0);
}

/* ---- docker's own rules ---------------------------------------------------------------------- */

static void test_conditions(void **state)
{
	static const char json[] =
		"{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"defaultErrnoRet\": 38, \"syscalls\": ["
		"{\"names\": [\"mount\"], \"action\": \"SCMP_ACT_ALLOW\","
		" \"includes\": {\"caps\": [\"CAP_SYS_ADMIN\"]}},"
		"{\"names\": [\"unshare\"], \"action\": \"SCMP_ACT_ALLOW\","
		" \"excludes\": {\"caps\": [\"CAP_SYS_ADMIN\"]}},"
		"{\"names\": [\"ptrace\"], \"action\": \"SCMP_ACT_ALLOW\","
		" \"includes\": {\"minKernel\": \"4.8\"}},"
		"{\"names\": [\"kcmp\"], \"action\": \"SCMP_ACT_ALLOW\","
		" \"includes\": {\"minKernel\": \"999.0\"}},"
		"{\"names\": [\"arch_prctl\"], \"action\": \"SCMP_ACT_ALLOW\","
		" \"includes\": {\"arches\": [\"amd64\", \"x32\"]}},"
		"{\"names\": [\"read\"], \"action\": \"SCMP_ACT_ALLOW\","
		" \"includes\": {\"arches\": [\"s390x\"]}},"
		"{\"name\": \"write\", \"action\": \"SCMP_ACT_ALLOW\", \"comment\": \"old\"},"
		"{\"names\": [\"no_such_call\"], \"action\": \"SCMP_ACT_ALLOW\"}]}";
	struct program with = compile(json, 1ull << CAP_SYS_ADMIN), without = compile(json, 0);
	uint32_t no = SECCOMP_RET_ERRNO | 38, yes = SECCOMP_RET_ALLOW;

	(void)state;
	assert_int_equal(run_name(&with, "mount", 0, 0), yes);
	assert_int_equal(run_name(&without, "mount", 0, 0), no);
	assert_int_equal(run_name(&with, "unshare", 0, 0), no);
	assert_int_equal(run_name(&without, "unshare", 0, 0), yes);
	assert_int_equal(run_name(&with, "ptrace", 0, 0), yes);
	assert_int_equal(run_name(&with, "kcmp", 0, 0), no);
	assert_int_equal(run_name(&with, "arch_prctl", 0, 0), yes);
	assert_int_equal(run_name(&with, "read", 0, 0), no);
	assert_int_equal(run_name(&with, "write", 0, 0), yes);
	/* No i386 in the profile: such a call is as deadly as with docker. */
	assert_int_equal(run(&with, AUDIT_ARCH_I386, 4, NULL), SECCOMP_RET_KILL_THREAD);
	free(with.f);
	free(without.f);
}

static void test_arch_map(void **state)
{
	struct program p = compile(
		"{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"archMap\": ["
		"{\"architecture\": \"SCMP_ARCH_AARCH64\", \"subArchitectures\": [\"SCMP_ARCH_ARM\"]},"
		"{\"architecture\": \"SCMP_ARCH_X86_64\", \"subArchitectures\": [\"SCMP_ARCH_X86\"]}],"
		"\"syscalls\": [{\"names\": [\"mkdir\"], \"action\": \"SCMP_ACT_ERRNO\"}]}",
		0);

	(void)state;
	assert_int_equal(run_name(&p, "mkdir", 0, 0), SECCOMP_RET_ERRNO | EPERM);
	assert_int_equal(run(&p, AUDIT_ARCH_I386, 39, NULL), SECCOMP_RET_ERRNO | EPERM);
	assert_int_equal(run(&p, AUDIT_ARCH_I386, 40, NULL), SECCOMP_RET_ALLOW);
	assert_int_equal(run(&p, AUDIT_ARCH_X86_64, 0x40000000, NULL), SECCOMP_RET_ERRNO | ENOSYS);
	free(p.f);
}

/* What i386 does through one call with a number must not be a way around a rule. */
static void test_multiplexed_calls(void **state)
{
	struct program p = compile(
		"{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"architectures\": [\"SCMP_ARCH_X86\"],"
		"\"syscalls\": [{\"names\": [\"shmget\"], \"action\": \"SCMP_ACT_ERRNO\"},"
		"{\"names\": [\"socket\"], \"action\": \"SCMP_ACT_ERRNO\", \"args\": ["
		"{\"index\": 0, \"value\": 38, \"op\": \"SCMP_CMP_EQ\"}]}]}",
		0);
	uint64_t args[6] = { 23 };

	(void)state;
	assert_int_equal(run(&p, AUDIT_ARCH_I386, 117, args), SECCOMP_RET_ERRNO | EPERM);
	args[0] = 1 << 16 | 23;
	assert_int_equal(run(&p, AUDIT_ARCH_I386, 117, args), SECCOMP_RET_ERRNO | EPERM);
	args[0] = 1;
	assert_int_equal(run(&p, AUDIT_ARCH_I386, 117, args), SECCOMP_RET_ALLOW);
	assert_int_equal(run(&p, AUDIT_ARCH_I386, 102, args), SECCOMP_RET_ERRNO | EPERM);
	args[0] = 2;
	assert_int_equal(run(&p, AUDIT_ARCH_I386, 102, args), SECCOMP_RET_ALLOW);
	free(p.f);
}

/* An argument named twice makes rules of their own: either is enough. */
static void test_same_argument_twice(void **state)
{
	struct program p = compile(
		"{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"syscalls\": [{\"names\": [\"kill\"],"
		"\"action\": \"SCMP_ACT_ALLOW\", \"args\": ["
		"{\"index\": 0, \"value\": 5, \"op\": \"SCMP_CMP_EQ\"},"
		"{\"index\": 0, \"value\": 6, \"op\": \"SCMP_CMP_EQ\"}]}]}",
		0);

	(void)state;
	assert_int_equal(run_name(&p, "kill", 5, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(run_name(&p, "kill", 6, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(run_name(&p, "kill", 7, 0), SECCOMP_RET_ERRNO | EPERM);
	free(p.f);
}

/* ---- errors ---------------------------------------------------------------------------------- */

static void refuse(const char *json, int kind, const char *part)
{
	struct sock_filter *f = NULL;
	size_t n;
	struct err e;

	assert_true(seccomp_compile(str_of(json), 0, &f, &n, &e) < 0);
	assert_null(f);
	assert_int_equal(e.kind, kind);
	if (!strstr(e.msg, part))
		fail_msg("\"%s\" does not say \"%s\"", e.msg, part);
}

#define RULE(text) "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"syscalls\": [" text "]}"

static void test_errors(void **state)
{
	(void)state;
	refuse("", ERR_INVALID, "Decoding seccomp profile failed: ");
	refuse("[]", ERR_INVALID, "Decoding seccomp profile failed: ");
	refuse("{}", ERR_INVALID, "no defaultAction");
	refuse("{\"defaultAction\": 1}", ERR_INVALID,
		"Decoding seccomp profile failed: \"defaultAction\"");
	refuse("{\"defaultAction\": \"SCMP_ACT_FOO\"}", ERR_INVALID, "\"SCMP_ACT_FOO\"");
	refuse("{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": {}}", ERR_INVALID,
		"\"syscalls\"");
	refuse("{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"architectures\": [\"SCMP_ARCH_X86\"],"
	       "\"archMap\": [{}]}",
		ERR_INVALID, "both 'architectures' and 'archMap' are specified");
	refuse("{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"architectures\": [\"pdp11\"]}",
		ERR_INVALID, "\"pdp11\"");
	refuse(RULE("1"), ERR_INVALID, "not an object");
	refuse(RULE("{\"names\": [\"read\"], \"name\": \"x\", \"action\": \"SCMP_ACT_ALLOW\"}"),
		ERR_INVALID, "both 'name' and 'names' are specified");
	refuse(RULE("{\"names\": [\"read\"]}"), ERR_INVALID, "unknown action");
	refuse(RULE("{\"names\": [7], \"action\": \"SCMP_ACT_ALLOW\"}"), ERR_INVALID,
		"must be a string");
	refuse(RULE("{\"names\": [\"read\"], \"action\": \"SCMP_ACT_NOTIFY\"}"), ERR_UNSUPPORTED,
		"SCMP_ACT_NOTIFY");
	refuse(RULE("{\"names\": [\"read\"], \"action\": \"SCMP_ACT_ERRNO\", \"errnoRet\": 5000}"),
		ERR_INVALID, "\"errnoRet\" is out of range");
	refuse(RULE("{\"names\": [\"read\"], \"action\": \"SCMP_ACT_ALLOW\", \"args\": [{\"index\": 6, "
		    "\"op\": \"SCMP_CMP_EQ\"}]}"),
		ERR_INVALID, "above 5");
	refuse(RULE("{\"names\": [\"read\"], \"action\": \"SCMP_ACT_ALLOW\", \"args\": [{\"index\": 0, "
		    "\"op\": \"EQ\"}]}"),
		ERR_INVALID, "unknown operator \"EQ\"");
	refuse(RULE("{\"names\": [\"read\"], \"action\": \"SCMP_ACT_ALLOW\", \"includes\": "
		    "{\"minKernel\": \"4\"}}"),
		ERR_INVALID, "invalid kernel version");
	refuse("{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"flags\": [\"SECCOMP_FILTER_FLAG_LOG\"]}",
		ERR_UNSUPPORTED, "SECCOMP_FILTER_FLAG_LOG");
	refuse("{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"listenerPath\": \"/x\"}", ERR_UNSUPPORTED,
		"listenerPath");
}

static void test_too_long(void **state)
{
	auto_buf struct buf b = BUF(1 << 20);

	(void)state;
	buf_z(&b, "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"syscalls\": [");
	for (int i = 0; i < 2000; i++)
		buf_fmt(&b,
			"%s{\"names\": [\"kill\"], \"action\": \"SCMP_ACT_ALLOW\", \"args\": "
			"[{\"index\": 0, \"value\": %d, \"op\": \"SCMP_CMP_EQ\"}]}",
			i ? "," : "", i);
	buf_z(&b, "]}");
	assert_false(buf_bad(&b));
	refuse(b.p, ERR_LIMIT, "the seccomp profile needs more than");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_like_libseccomp),
		cmocka_unit_test(test_many_scattered_calls),
		cmocka_unit_test(test_conditions),
		cmocka_unit_test(test_arch_map),
		cmocka_unit_test(test_multiplexed_calls),
		cmocka_unit_test(test_same_argument_twice),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
