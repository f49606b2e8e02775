#include "runtime/runtime-int.h"

/* What turns a mount attribute on or off; the later word counts. */
static const struct {
	const char *word;
	unsigned set, clear;
} flags[] = {
	{ "defaults", 0, 0 },
	{ "rw", 0, MOUNT_ATTR_RDONLY },
	{ "ro", MOUNT_ATTR_RDONLY, 0 },
	{ "exec", 0, MOUNT_ATTR_NOEXEC },
	{ "noexec", MOUNT_ATTR_NOEXEC, 0 },
	{ "suid", 0, MOUNT_ATTR_NOSUID },
	{ "nosuid", MOUNT_ATTR_NOSUID, 0 },
	{ "dev", 0, MOUNT_ATTR_NODEV },
	{ "nodev", MOUNT_ATTR_NODEV, 0 },
	{ "atime", 0, MOUNT_ATTR__ATIME },
	{ "noatime", MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME },
	{ "relatime", 0, MOUNT_ATTR__ATIME },
	{ "strictatime", MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME },
	{ "diratime", 0, MOUNT_ATTR_NODIRATIME },
	{ "nodiratime", MOUNT_ATTR_NODIRATIME, 0 },
	{ "async", 0, 0 },
	{ "private", 0, 0 },
	{ "rprivate", 0, 0 },
};
/* What tmpfs itself understands. */
static const char *const values[] = { "size", "mode", "uid", "gid", "nr_inodes", "nr_blocks" };

static bool is_flag(struct str word, struct tmpfs_options *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		if (str_eq(word, str_of(flags[i].word))) {
			ret->attr = (ret->attr & ~flags[i].clear) | flags[i].set;
			return true;
		}
	return false;
}

static bool is_value(struct str word, struct tmpfs_options *ret)
{
	struct str value = word, key = str_cut(&value, '=');

	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		if (!str_eq(key, str_of(values[i])))
			continue;
		if (!value.n || ret->n == TMPFS_OPTIONS_MAX ||
			!str_copy(ret->text[ret->n], sizeof(ret->text[0]), word))
			return false;
		ret->n++;
		ret->has_mode |= str_eq(key, STR("mode"));
		return true;
	}
	return false;
}

int tmpfs_options_parse(struct str options, struct tmpfs_options *ret, struct err *e)
{
	*ret = (struct tmpfs_options){ 0 };
	ret->attr = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
	while (options.n) {
		struct str word = str_cut(&options, ',');

		if (word.n && !is_flag(word, ret) && !is_value(word, ret))
			return err_set(e, ERR_INVALID, 0, "invalid tmpfs option [\"%.*s\"]",
				(int)MIN(word.n, (size_t)128), word.p);
	}
	return 0;
}
