/*
 * Devices: what a container that shares the host's user namespace may open.  (In a user namespace
 * of its own the kernel refuses to make or open anything but the nodes we bind, so no list is
 * needed.)
 */
#include "cgroup/cgroup-int.h"

#include <linux/bpf.h>
#include <sys/syscall.h>

#define ANY 0xffffffffu

/* Docker's list: any node may be made, these may be opened. */
static const struct device {
	uint32_t major, minor;
} allowed[] = {
	{ 1, 3 },     /* null */
	{ 1, 5 },     /* zero */
	{ 1, 7 },     /* full */
	{ 1, 8 },     /* random */
	{ 1, 9 },     /* urandom */
	{ 5, 0 },     /* tty */
	{ 5, 1 },     /* console */
	{ 5, 2 },     /* ptmx */
	{ 136, ANY }, /* pts */
};

static int restrict_v1(const struct digest *id, struct err *e)
{
	char text[64];
	int r = cgroup_make(CTL_DEVICES, id, e);

	if (r < 0)
		return r;
	r = cgroup_write(CTL_DEVICES, id, "devices.deny", "a");
	if (r == 0)
		r = cgroup_write(CTL_DEVICES, id, "devices.allow", "c *:* m");
	if (r == 0)
		r = cgroup_write(CTL_DEVICES, id, "devices.allow", "b *:* m");
	for (size_t i = 0; i < ARRAY_SIZE(allowed) && r == 0; i++) {
		if (allowed[i].minor == ANY)
			(void)snprintf(text, sizeof(text), "c %u:* rwm", allowed[i].major);
		else
			(void)snprintf(text, sizeof(text), "c %u:%u rwm", allowed[i].major,
				allowed[i].minor);
		r = cgroup_write(CTL_DEVICES, id, "devices.allow", text);
	}
	return r < 0 ? err_set(e, ERR_SYSTEM, -r, "restrict the container's devices") : 0;
}

/* ---- v2: a BPF program of type CGROUP_DEVICE, returning 1 to allow --------------------------- */
#define INSN(op, dst, src, off, imm)                                                               \
	((struct bpf_insn){ (op), (dst), (src), (int16_t)(off), (int32_t)(imm) })
#define LOAD(dst, field)                                                                           \
	INSN(BPF_LDX | BPF_MEM | BPF_W, dst, BPF_REG_1,                                            \
		offsetof(struct bpf_cgroup_dev_ctx, field), 0)
#define SKIP_UNLESS_EQ(reg, value, skip) INSN(BPF_JMP | BPF_JNE | BPF_K, reg, 0, skip, value)
#define RETURN(v)                                                                                  \
	INSN(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, v), INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)

static size_t put(struct bpf_insn *p, size_t n, const struct bpf_insn *more, size_t count)
{
	memcpy(p + n, more, count * sizeof(*p));
	return n + count;
}

static size_t device_program(struct bpf_insn *p)
{
	const struct bpf_insn head[] = {
		LOAD(BPF_REG_2, access_type),
		LOAD(BPF_REG_4, major),
		LOAD(BPF_REG_5, minor),
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_3, BPF_REG_2, 0, 0),
		INSN(BPF_ALU64 | BPF_RSH | BPF_K, BPF_REG_3, 0, 0, 16),	    /* access bits */
		INSN(BPF_ALU64 | BPF_AND | BPF_K, BPF_REG_2, 0, 0, 0xffff), /* type */
		SKIP_UNLESS_EQ(BPF_REG_3, BPF_DEVCG_ACC_MKNOD, 2),
		RETURN(1),
		SKIP_UNLESS_EQ(BPF_REG_2, BPF_DEVCG_DEV_BLOCK, 2),
		RETURN(0),
	};
	const struct bpf_insn tail[] = { RETURN(0) };
	size_t n = put(p, 0, head, ARRAY_SIZE(head));

	for (size_t i = 0; i < ARRAY_SIZE(allowed); i++) {
		bool any = allowed[i].minor == ANY;
		const struct bpf_insn rule[] = {
			SKIP_UNLESS_EQ(BPF_REG_4, allowed[i].major, any ? 2 : 3),
			SKIP_UNLESS_EQ(BPF_REG_5, allowed[i].minor, 2),
			RETURN(1),
		};

		n = put(p, n, rule, 1);
		n = any ? n : put(p, n, rule + 1, 1);
		n = put(p, n, rule + 2, 2);
	}
	return put(p, n, tail, ARRAY_SIZE(tail));
}

static int attach_v2(int dir, struct err *e)
{
	struct bpf_insn program[16 + 4 * ARRAY_SIZE(allowed)];
	union bpf_attr load = {
		.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE,
		.insn_cnt = (uint32_t)device_program(program),
		.insns = (uintptr_t)program,
		.license = (uintptr_t) "Apache-2.0",
	};
	union bpf_attr attach = { .attach_type = BPF_CGROUP_DEVICE };
	auto_close int prog = -EBADF;

	prog = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &load, sizeof(load));
	if (prog < 0)
		return err_set(e, ERR_SYSTEM, errno, "load the device filter");
	attach.target_fd = (uint32_t)dir;
	attach.attach_bpf_fd = (uint32_t)prog;
	if (syscall(SYS_bpf, BPF_PROG_ATTACH, &attach, sizeof(attach)) < 0)
		return err_set(e, ERR_SYSTEM, errno, "attach the device filter");
	return 0;
}

static int restrict_v2(const struct digest *id, struct err *e)
{
	auto_close int dir = cgroup_open(id, e);

	return dir < 0 ? dir : attach_v2(dir, e);
}

int cgroup_restrict_devices(const struct digest *id, struct err *e)
{
	return cgroup_version() == CGROUP_V2 ? restrict_v2(id, e) : restrict_v1(id, e);
}
