#include "seccomp/seccomp.h"

static const struct sock_filter program[] = {
#include "seccomp-default.inc"
};

const struct sock_filter *seccomp_default(size_t *ret_n)
{
	*ret_n = ARRAY_SIZE(program);
	return program;
}
