/*
 * From a policy to a program.  Jumps in BPF go only forward and their conditional forms at most
 * 255 instructions far, so the program is made from its end: every target exists before the jump
 * to it, its distance is known, and where it is too far a plain jump (32 bits) is put in between.
 */
#include <linux/audit.h>
#include <linux/seccomp.h>

#include "seccomp/seccomp-int.h"

#define REACH	 255
#define X32_BIT	 0x40000000u
#define SHARED	 64  /* actions whose return instruction is looked up */
#define CHAIN	 256 /* rules of one call */
#define LOAD(at) (uint16_t)(BPF_LD | BPF_W | BPF_ABS), (uint32_t)(at)

/* A place in the program, counted from its end. */
typedef unsigned label_t;

struct range {
	uint32_t from;
	const struct seccomp_fate *fate;
};

struct tree {
	const struct seccomp_policy *policy;
	struct sock_filter insn[SECCOMP_PROGRAM_MAX]; /* last instruction first */
	unsigned n;
	bool full;
	struct {
		uint32_t action;
		label_t at;
	} shared[SHARED];
	unsigned n_shared;
	struct range range[SECCOMP_NR_MAX + 3];
};

uint32_t seccomp_audit_arch(enum seccomp_arch_index arch)
{
	static const uint32_t audit[SECCOMP_ARCHES] = {
		[SECCOMP_NATIVE] = AUDIT_ARCH_X86_64,
		[SECCOMP_COMPAT] = AUDIT_ARCH_I386,
	};

	return audit[arch];
}

/* ---- instructions ---------------------------------------------------------------------------- */

static label_t emit(struct tree *t, uint16_t code, uint32_t k, unsigned jt, unsigned jf)
{
	if (t->n >= SECCOMP_PROGRAM_MAX) {
		t->full = true;
		return 0;
	}
	t->insn[t->n] = (struct sock_filter){ code, (uint8_t)jt, (uint8_t)jf, k };
	return t->n++;
}

/* How far the next instruction would have to jump. */
static unsigned distance(const struct tree *t, label_t to)
{
	return t->full ? 0 : t->n - 1 - to;
}

/* A label within reach of a jump that comes after at most one more instruction. */
static label_t near_label(struct tree *t, label_t to)
{
	if (distance(t, to) + 1 <= REACH)
		return to;
	return emit(t, BPF_JMP | BPF_JA, distance(t, to), 0, 0);
}

static label_t emit_jump(struct tree *t, uint16_t op, uint32_t k, label_t yes, label_t no)
{
	yes = near_label(t, yes);
	no = near_label(t, no);
	return emit(t, (uint16_t)(BPF_JMP | op | BPF_K), k, distance(t, yes), distance(t, no));
}

static label_t emit_return(struct tree *t, uint32_t action)
{
	unsigned i = 0;

	while (i < t->n_shared && t->shared[i].action != action)
		i++;
	if (i < t->n_shared && distance(t, t->shared[i].at) < REACH - 8)
		return t->shared[i].at;
	if (i == SHARED)
		return emit(t, BPF_RET | BPF_K, action, 0, 0);
	if (i == t->n_shared)
		t->n_shared++;
	t->shared[i].action = action;
	t->shared[i].at = emit(t, BPF_RET | BPF_K, action, 0, 0);
	return t->shared[i].at;
}

/* ---- conditions ------------------------------------------------------------------------------ */

/* Offset of one half of an argument (both architectures are little endian). */
static uint32_t arg_at(const struct seccomp_cond *c, bool high)
{
	return (uint32_t)offsetof(struct seccomp_data, args) + c->arg * 8u + (high ? 4 : 0);
}

static label_t emit_load(struct tree *t, const struct seccomp_cond *c, bool high)
{
	uint32_t mask = (uint32_t)(high ? c->mask >> 32 : c->mask);

	if (mask != UINT32_MAX)
		emit(t, BPF_ALU | BPF_AND | BPF_K, mask, 0, 0);
	return emit(t, LOAD(arg_at(c, high)), 0, 0);
}

static label_t emit_cond(struct tree *t, struct seccomp_cond c, label_t yes, label_t no)
{
	uint32_t high = (uint32_t)(c.value >> 32), low = (uint32_t)c.value;
	uint16_t op = c.op == SECCOMP_EQ || c.op == SECCOMP_NE	 ? BPF_JEQ
		      : c.op == SECCOMP_GT || c.op == SECCOMP_LE ? BPF_JGT
								 : BPF_JGE;
	label_t same;

	if (c.op == SECCOMP_NE || c.op == SECCOMP_LT || c.op == SECCOMP_LE) {
		label_t swap = yes;

		yes = no;
		no = swap;
	}
	emit_jump(t, op, low, yes, no);
	same = emit_load(t, &c, false);
	if (c.mask >> 32 == 0)
		return same;
	emit_jump(t, BPF_JEQ, high, same, no);
	if (op != BPF_JEQ)
		emit_jump(t, BPF_JGT, high, yes, t->full ? 0 : t->n - 1);
	return emit_load(t, &c, true);
}

static label_t emit_fate(struct tree *t, const struct seccomp_fate *f)
{
	const struct seccomp_rule *chain[CHAIN];
	label_t next = emit_return(t, f->action);
	unsigned n = 0;

	for (int i = f->rule; i >= 0; i = t->policy->rule[i].next) {
		if (n == CHAIN) {
			t->full = true;
			return 0;
		}
		chain[n++] = &t->policy->rule[i];
	}
	while (n > 0) {
		const struct seccomp_rule *r = chain[--n];
		label_t at = emit_return(t, r->action);

		for (unsigned i = r->conds; i > 0; i--)
			at = emit_cond(t, r->cond[i - 1], at, next);
		next = at;
	}
	return next;
}

/* ---- the search ------------------------------------------------------------------------------ */

static label_t emit_search(struct tree *t, unsigned from, unsigned to)
{
	unsigned mid = from + (to - from) / 2;
	label_t left, right;

	if (to - from == 1)
		return emit_fate(t, t->range[from].fate);
	right = emit_search(t, mid, to);
	left = emit_search(t, from, mid);
	return emit_jump(t, BPF_JGE, t->range[mid].from, right, left);
}

static bool same_fate(const struct seccomp_fate *a, const struct seccomp_fate *b)
{
	return a->rule < 0 && b->rule < 0 && a->action == b->action;
}

static void add_range(struct tree *t, unsigned *n, uint32_t from, const struct seccomp_fate *f)
{
	if (*n == 0 || !same_fate(t->range[*n - 1].fate, f))
		t->range[(*n)++] = (struct range){ from, f };
}

static label_t emit_arch(struct tree *t, unsigned arch)
{
	const struct seccomp_arch *a = &t->policy->arch[arch];
	struct seccomp_fate above = { a->above, -1, false };
	/* x32 is a second way into the same calls with numbers of its own: never. */
	struct seccomp_fate x32 = { SECCOMP_RET_ERRNO | ENOSYS, -1, false };
	unsigned n = 0;

	for (unsigned nr = 0; nr <= SECCOMP_NR_MAX; nr++)
		add_range(t, &n, nr, &a->call[nr]);
	add_range(t, &n, SECCOMP_NR_MAX + 1, &above);
	if (arch == SECCOMP_NATIVE)
		add_range(t, &n, X32_BIT, &x32);
	/* The search begins by loading the number; its root is the last instruction made unless
	 * it is a return that was there before. */
	t->n_shared = 0;
	{
		label_t root = emit_search(t, 0, n);

		if (!t->full && root != t->n - 1)
			emit(t, BPF_JMP | BPF_JA, distance(t, root), 0, 0);
	}
	return emit(t, LOAD(offsetof(struct seccomp_data, nr)), 0, 0);
}

int seccomp_tree_compile(const struct seccomp_policy *p, struct sock_filter *out)
{
	auto_free struct tree *t = xcalloc(1, sizeof(*t));
	label_t at, next;

	t->policy = p;
	next = emit_return(t, p->other_arch);
	for (unsigned a = SECCOMP_ARCHES; a-- > 0;) {
		if (!p->arch[a].on)
			continue;
		at = emit_arch(t, a);
		next = emit_jump(t, BPF_JEQ, seccomp_audit_arch(a), at, next);
	}
	emit(t, LOAD(offsetof(struct seccomp_data, arch)), 0, 0);
	if (t->full)
		return -E2BIG;
	for (unsigned i = 0; i < t->n; i++)
		out[i] = t->insn[t->n - 1 - i];
	return (int)t->n;
}
