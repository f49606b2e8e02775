/*
 * seccomp-int - the table of system calls, policies, and the compiler from policies to programs.
 *
 * A policy says for each architecture and number: rules tried in order (conditions on arguments,
 * all of which must hold), and what happens when none applies.  seccomp_tree_compile() turns it
 * into a program that bisects over ranges of numbers with equal fate.
 */
#pragma once

#include "seccomp/seccomp.h"

/* The architectures a filter on this machine meets; others are refused. */
enum seccomp_arch_index { SECCOMP_NATIVE, SECCOMP_COMPAT, SECCOMP_ARCHES };

enum seccomp_call_kind {
	CALL_DENY,
	CALL_ALLOW,
	CALL_NOSYS,
	CALL_CAPS, /* with any of caps */
	CALL_CLONE,
	CALL_CLONE3,
	CALL_PERSONALITY,
	CALL_SOCKET,
	CALL_SOCKETPAIR,
	CALL_SOCKETCALL,
};

struct seccomp_call {
	const char *name;
	int16_t nr[SECCOMP_ARCHES]; /* x86-64, i386; -1: not there */
	uint8_t kind;		    /* enum seccomp_call_kind */
	uint64_t caps;
};

const struct seccomp_call *seccomp_calls(size_t *ret_n);
const struct seccomp_call *seccomp_call_find(const char *name);

/* ---- policies -------------------------------------------------------------------------------- */
#define SECCOMP_NR_MAX	  1023 /* numbers above share one fate */
#define SECCOMP_RULES_MAX 4096
#define SECCOMP_ARGS	  6

enum seccomp_op { SECCOMP_EQ, SECCOMP_NE, SECCOMP_GT, SECCOMP_GE, SECCOMP_LT, SECCOMP_LE };

/* (argument & mask) op value; a mask other than all ones only with EQ and NE. */
struct seccomp_cond {
	uint8_t arg;
	uint8_t op;
	uint64_t mask, value;
};

struct seccomp_rule {
	uint32_t action; /* SECCOMP_RET_* with its data */
	uint8_t conds;
	int16_t next; /* index of the rule tried after this one, -1: none */
	struct seccomp_cond cond[SECCOMP_ARGS];
};

struct seccomp_fate {
	uint32_t action; /* when no rule applies */
	int16_t rule;	 /* first rule, -1: none */
	bool fixed;	 /* an unconditional rule was given: it decides alone */
};

struct seccomp_arch {
	bool on;
	uint32_t above; /* for every number above SECCOMP_NR_MAX */
	struct seccomp_fate call[SECCOMP_NR_MAX + 1];
};

struct seccomp_policy {
	uint32_t other_arch; /* what a call of another architecture gets */
	struct seccomp_arch arch[SECCOMP_ARCHES];
	unsigned n_rules;
	struct seccomp_rule rule[SECCOMP_RULES_MAX];
};

/* Every call of both architectures gets action. */
struct seccomp_policy *seccomp_policy_new(uint32_t action) MUST_USE; /* gives, to free() */
/* Adds a rule behind those of number nr; without conditions it replaces them.  -E2BIG when there
 * are too many. */
int seccomp_policy_add(struct seccomp_policy *p, enum seccomp_arch_index arch, unsigned nr,
	uint32_t action, const struct seccomp_cond *cond, unsigned conds);
/* Our default, with what the capabilities open. */
struct seccomp_policy *seccomp_policy_default(uint64_t caps) MUST_USE; /* gives, to free() */
/* docker's 14 capabilities. */
uint64_t seccomp_docker_caps(void);

/* Compiles into out, room for SECCOMP_PROGRAM_MAX instructions; the number of them or -E2BIG. */
int seccomp_tree_compile(const struct seccomp_policy *p, struct sock_filter *out);
/* AUDIT_ARCH_* of an index. */
uint32_t seccomp_audit_arch(enum seccomp_arch_index arch);
