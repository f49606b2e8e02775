#include "sandbox/sandbox-int.h"

#include <fcntl.h>
#include <sys/syscall.h>

/* Own copies of the kernel's interface (linux/landlock.h): build machines' headers are older than
 * the kernels we run on. */
struct ruleset_attr {
	uint64_t handled_fs, handled_net, scoped;
};
struct path_attr {
	uint64_t allowed;
	int32_t parent;
} __attribute__((packed));

enum {
	FS_WRITE_FILE = 1 << 1,
	FS_READ_FILE = 1 << 2,
	FS_READ_DIR = 1 << 3,
	FS_REMOVE_DIR = 1 << 4,
	FS_REMOVE_FILE = 1 << 5,
	FS_MAKE_CHAR = 1 << 6,
	FS_MAKE_DIR = 1 << 7,
	FS_MAKE_REG = 1 << 8,
	FS_MAKE_FIFO = 1 << 10,
	FS_MAKE_BLOCK = 1 << 11,
	FS_MAKE_SYM = 1 << 12,
	FS_REFER = 1 << 13,
	FS_TRUNCATE = 1 << 14,
};

/* What each ABI can deny: file rights, network rights, scopes. */
static const struct {
	uint64_t fs, net, scoped;
	size_t size;
} abis[] = {
	{ 0x1fff, 0, 0, 8 },
	{ 0x3fff, 0, 0, 8 },
	{ 0x7fff, 0, 0, 8 },
	{ 0x7fff, 3, 0, 16 },
	{ 0xffff, 3, 0, 16 },
	{ 0xffff, 3, 3, 24 },
};

static const uint64_t tree_rights[] = {
	[SANDBOX_UNPACK] = FS_WRITE_FILE | FS_READ_FILE | FS_READ_DIR | FS_REMOVE_DIR |
			   FS_REMOVE_FILE | FS_MAKE_CHAR | FS_MAKE_DIR | FS_MAKE_REG |
			   FS_MAKE_FIFO | FS_MAKE_SYM | FS_REFER | FS_TRUNCATE,
	[SANDBOX_STREAM] = 0,
	[SANDBOX_MEASURE] = FS_READ_DIR,
};

/* Index into abis, or negative errno. */
static int find_abi(struct err *e)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, 1 /* VERSION */);

	if (abi < 1)
		return err_set(e, ERR_SYSTEM, abi < 0 ? errno : ENOSYS,
			"sandbox: this kernel offers no Landlock (boot with lsm=landlock,...)");
	return (int)MIN((size_t)abi, ARRAY_SIZE(abis)) - 1;
}

int sandbox_landlock(enum sandbox_profile p, int tree, struct err *e)
{
	struct ruleset_attr a = { 0 };
	struct path_attr path = { .parent = tree };
	auto_close int set = -EBADF;
	int i = find_abi(e);

	BUG_ON(p >= ARRAY_SIZE(tree_rights));
	if (i < 0)
		return i;
	a = (struct ruleset_attr){ abis[i].fs, abis[i].net, abis[i].scoped };
	set = (int)syscall(SYS_landlock_create_ruleset, &a, abis[i].size, 0);
	if (set < 0)
		return err_set(e, ERR_SYSTEM, errno, "sandbox: making a Landlock rule set");
	path.allowed = tree_rights[p] & abis[i].fs;
	if (tree >= 0 && path.allowed &&
		syscall(SYS_landlock_add_rule, set, 1 /* PATH_BENEATH */, &path, 0) < 0)
		return err_set(e, ERR_SYSTEM, errno, "sandbox: allowing the job's tree");
	if (syscall(SYS_landlock_restrict_self, set, 0) < 0)
		return err_set(e, ERR_SYSTEM, errno, "sandbox: entering Landlock");
	return 0;
}

int sandbox_domain(struct err *e)
{
	/* A domain must deny something of files: what needs rights that nobody in it has. */
	struct ruleset_attr a = { .handled_fs = FS_MAKE_CHAR | FS_MAKE_BLOCK | FS_REFER };
	auto_close int set = -EBADF;
	auto_close int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct path_attr all = { .allowed = FS_REFER, .parent = root };
	int i = find_abi(e);

	if (i < 0)
		return i;
	if (!(abis[i].fs & FS_REFER))
		return err_set(e, ERR_SYSTEM, ENOSYS, "sandbox: Landlock of Linux 5.19 is needed");
	a.scoped = abis[i].scoped;
	set = (int)syscall(SYS_landlock_create_ruleset, &a, abis[i].size, 0);
	/* Every domain forbids renaming between directories unless it says otherwise. */
	if (set < 0 || root < 0 ||
		syscall(SYS_landlock_add_rule, set, 1 /* PATH_BENEATH */, &all, 0) < 0 ||
		syscall(SYS_landlock_restrict_self, set, 0) < 0)
		return err_set(e, ERR_SYSTEM, errno, "sandbox: entering a Landlock domain");
	return 0;
}
