/*
 * sim - what the kernel does with a seccomp program, for tests and the fuzzer.
 */
#pragma once

#include <linux/seccomp.h>

#include "seccomp/seccomp.h"

static inline uint32_t sim_load(const struct seccomp_data *d, uint32_t at)
{
	uint32_t v;

	BUG_ON(at % 4 || at + 4 > sizeof(*d));
	memcpy(&v, (const char *)d + at, 4);
	return v;
}

/* Runs f; counts the steps in *ret_steps (may be NULL). */
static inline uint32_t sim_run(
	const struct sock_filter *f, size_t n, const struct seccomp_data *d, unsigned *ret_steps)
{
	uint32_t acc = 0;
	unsigned steps = 0;

	for (size_t pc = 0;; pc++) {
		const struct sock_filter *i = &f[pc];
		bool yes;

		BUG_ON(pc >= n);
		steps++;
		switch (i->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			acc = sim_load(d, i->k);
			continue;
		case BPF_ALU | BPF_AND | BPF_K:
			acc &= i->k;
			continue;
		case BPF_JMP | BPF_JA:
			pc += i->k;
			continue;
		case BPF_JMP | BPF_JEQ | BPF_K:
			yes = acc == i->k;
			break;
		case BPF_JMP | BPF_JGT | BPF_K:
			yes = acc > i->k;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			yes = acc >= i->k;
			break;
		case BPF_JMP | BPF_JSET | BPF_K:
			yes = (acc & i->k) != 0;
			break;
		case BPF_RET | BPF_K:
			if (ret_steps)
				*ret_steps = steps;
			return i->k;
		default:
			BUG_ON("unknown instruction");
		}
		pc += yes ? i->jt : i->jf;
	}
}
