#include "api/system-int.h"

bool system_os_release(struct str text, const char *name, char *out, size_t size)
{
	while (text.p) {
		struct str value = str_cut(&text, '\n'), key = str_cut(&value, '=');

		if (!value.p || !str_eq(key, str_of(name)))
			continue;
		if (value.n >= 2 && (value.p[0] == '"' || value.p[0] == '\'') &&
			value.p[value.n - 1] == value.p[0])
			value = (struct str){ value.p + 1, value.n - 2 };
		return str_copy(out, size, value);
	}
	return false;
}

const char *system_fs_name(unsigned long magic)
{
	static const struct {
		unsigned long magic;
		const char *name;
	} t[] = { { 0xef53, "extfs" }, { 0x58465342, "xfs" }, { 0x9123683e, "btrfs" },
		{ 0x01021994, "tmpfs" }, { 0x794c7630, "overlayfs" }, { 0x2fc12fc1, "zfs" },
		{ 0xf2f52010, "f2fs" }, { 0x6969, "nfs" }, { 0x65735546, "fuse" },
		{ 0x4d44, "vfat" }, { 0xca451a4e, "bcachefs" } };

	for (size_t i = 0; i < ARRAY_SIZE(t); i++)
		if (t[i].magic == magic)
			return t[i].name;
	return "<unknown>";
}
