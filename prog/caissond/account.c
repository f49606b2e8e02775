#include "account.h"

#include <fcntl.h>

/* Third field as a number when the first is name; the rest stays in *line. */
static bool line_id(struct str *line, struct str name, uint32_t *ret)
{
	struct str first = str_cut(line, ':');

	if (!line->p || !str_eq(first, name))
		return false;
	(void)str_cut(line, ':');
	return num_u32(str_cut(line, ':'), UINT32_MAX - 1, ret);
}

bool account_user(struct str passwd, struct str name, uint32_t *ret_uid, uint32_t *ret_gid)
{
	uint32_t uid, gid;

	while (name.n && passwd.p) {
		struct str line = str_cut(&passwd, '\n');

		if (!line_id(&line, name, &uid))
			continue;
		if (!num_u32(str_cut(&line, ':'), UINT32_MAX - 1, &gid))
			return false;
		*ret_uid = uid;
		*ret_gid = gid;
		return true;
	}
	return false;
}

bool account_group(struct str group, struct str name, uint32_t *ret_gid)
{
	while (name.n && group.p) {
		struct str line = str_cut(&group, '\n');

		if (line_id(&line, name, ret_gid))
			return true;
	}
	return false;
}

int account_read(const char *path, struct buf *ret)
{
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	return buf_read_fd(ret, fd);
}
