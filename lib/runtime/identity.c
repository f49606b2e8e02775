#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>

#include "runtime/runtime-int.h"

#define ID_MAX	  0x7fffffffu /* docker's limit */
#define TEXT_SHOW 200	      /* of a name in a message */

/* What a part of "--user" is: absent, a number, a number that is out of range, or a name. */
enum part { PART_NONE, PART_ID, PART_RANGE, PART_NAME };

static bool all_digits(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	return s.n > 0;
}

/* Digits are always a number, however many: one that is out of range must never be looked up as a
 * name, which the image could define (CVE-2024-40635 and its kin). */
static enum part classify(struct str s, uint32_t *ret)
{
	struct str digits = s;

	if (s.n == 0)
		return PART_NONE;
	if (s.p[0] == '-' || s.p[0] == '+') {
		digits.p++;
		digits.n--;
	}
	if (!all_digits(digits))
		return PART_NAME;
	return num_u32(s, ID_MAX, ret) ? PART_ID : PART_RANGE;
}

static int out_of_range(struct err *e)
{
	return err_set(e, ERR_INVALID, 0, "uids and gids must be in range 0-%u", ID_MAX);
}

static int not_found(const char *what, struct str name, const char *file, struct err *e)
{
	return err_set(e, ERR_INVALID, 0, "unable to find %s %.*s: no matching entries in %s file",
		what, (int)MIN(name.n, (size_t)TEXT_SHOW), name.p, file);
}

/* A line of passwd or group. */
struct entry {
	struct str name, home, members;
	uint32_t id, gid;
};

/* False for what is none, such as a line whose id is no number (docker reads that as 0). */
static bool entry_parse(struct str line, bool is_user, struct entry *ret)
{
	*ret = (struct entry){ .name = str_cut(&line, ':') };
	(void)str_cut(&line, ':');
	if (!num_u32(str_cut(&line, ':'), UINT32_MAX, &ret->id))
		return false;
	ret->members = line;
	if (is_user) {
		if (!num_u32(str_cut(&line, ':'), UINT32_MAX, &ret->gid))
			return false;
		(void)str_cut(&line, ':');
		ret->home = str_cut(&line, ':');
	}
	return ret->name.n > 0;
}

/* The first entry with this id (PART_ID) or name. */
static bool entry_find(struct str file, bool is_user, enum part kind, uint32_t id, struct str name,
	struct entry *ret)
{
	while (file.n) {
		struct entry found;

		if (!entry_parse(str_cut(&file, '\n'), is_user, &found))
			continue;
		if (kind == PART_ID ? found.id == id : str_eq(found.name, name)) {
			*ret = found;
			return true;
		}
	}
	return false;
}

static bool is_member(struct str members, struct str name)
{
	while (members.n)
		if (str_eq(str_cut(&members, ','), name))
			return true;
	return false;
}

static int add_group(struct identity *i, uint32_t gid, struct err *e)
{
	if (gid > ID_MAX)
		return out_of_range(e);
	for (size_t k = 0; k < i->ngroups; k++)
		if (i->groups[k] == gid)
			return 0;
	if (i->ngroups == IDENTITY_GROUPS_MAX)
		return err_set(
			e, ERR_LIMIT, 0, "the user is in more than %d groups", IDENTITY_GROUPS_MAX);
	i->groups[i->ngroups++] = gid;
	return 0;
}

static int resolve_user(
	struct str user, struct str passwd, struct identity *ret, struct str *name, struct err *e)
{
	uint32_t id = 0;
	enum part kind = classify(user, &id);
	struct entry found;

	if (kind == PART_RANGE)
		return out_of_range(e);
	if (kind == PART_NONE)
		kind = PART_ID;
	if (entry_find(passwd, true, kind, id, user, &found)) {
		if (found.id > ID_MAX || found.gid > ID_MAX)
			return out_of_range(e);
		ret->uid = found.id;
		ret->gid = found.gid;
		*name = found.name;
		if (found.home.n)
			(void)str_copy(ret->home, sizeof(ret->home), found.home);
		return 0;
	}
	if (kind == PART_NAME)
		return not_found("user", user, "passwd", e);
	ret->uid = id;
	return 0;
}

/* The id of a group given by name or number. */
static int resolve_group(struct str part, struct str group, uint32_t *ret, struct err *e)
{
	enum part kind = classify(part, ret);
	struct entry found;

	if (kind == PART_RANGE)
		return out_of_range(e);
	if (kind == PART_ID)
		return 0;
	if (!entry_find(group, false, kind, 0, part, &found))
		return not_found("group", part, "group", e);
	if (found.id > ID_MAX)
		return out_of_range(e);
	*ret = found.id;
	return 0;
}

static int add_memberships(struct str name, struct str group, struct identity *ret, struct err *e)
{
	int r = 0;

	while (group.n && r == 0) {
		struct entry found;

		if (entry_parse(str_cut(&group, '\n'), false, &found) &&
			is_member(found.members, name))
			r = add_group(ret, found.id, e);
	}
	return r;
}

int identity_resolve(struct str spec, const struct str *more, size_t nmore, struct str passwd,
	struct str group, struct identity *ret, struct err *e)
{
	struct identity i = { .home = "/" };
	struct str user = str_cut(&spec, ':'), name = { 0 };
	uint32_t gid;
	int r = resolve_user(user, passwd, &i, &name, e);

	if (r == 0 && spec.n) {
		r = resolve_group(spec, group, &gid, e);
		if (r == 0)
			i.gid = gid;
	}
	/* The group itself is in the list too, so that a "negative" permission for it holds
	 * (CVE-2022-36109). */
	if (r == 0)
		r = add_group(&i, i.gid, e);
	if (r == 0 && !spec.n && name.n)
		r = add_memberships(name, group, &i, e);
	for (size_t k = 0; k < nmore && r == 0; k++) {
		r = resolve_group(more[k], group, &gid, e);
		if (r == 0)
			r = add_group(&i, gid, e);
	}
	if (r == 0)
		*ret = i;
	return r;
}

/* A text file of the image, bounded.  Links may lead anywhere inside, but not to what is no plain
 * file: devices, pipes, and the kernel's own texts in /proc and /sys. */
static int read_file(int root, const char *path, struct buf *ret, struct err *e)
{
	auto_close int fd = sys_open(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, SYS_CONFINED);
	struct statfs fs;
	struct stat st;
	int r;

	if (fd == -ENOENT || fd == -ENOTDIR)
		return 0;
	if (fd < 0)
		return err_set(e, ERR_INVALID, -fd, "open %s: %s", path, program_strerror(-fd));
	if (fstat(fd, &st) < 0 || fstatfs(fd, &fs) < 0 || !S_ISREG(st.st_mode) ||
		fs.f_type == PROC_SUPER_MAGIC || fs.f_type == SYSFS_MAGIC)
		return err_set(e, ERR_INVALID, 0, "%s of the image is not a regular file", path);
	r = buf_read_fd(ret, fd);
	if (r == -EMSGSIZE)
		return err_set(e, ERR_LIMIT, 0, "%s of the image is larger than %u bytes", path,
			IDENTITY_FILE_MAX);
	return r < 0 ? err_set(e, ERR_SYSTEM, -r, "cannot read %s", path) : 0;
}

int identity_load(int root, const struct settings *s, struct identity *ret, struct err *e)
{
	auto_buf struct buf passwd = BUF(IDENTITY_FILE_MAX), group = BUF(IDENTITY_FILE_MAX);
	auto_free struct str *more = xcalloc(s->nrecords + 1, sizeof(*more));
	size_t nmore = 0;
	int r = read_file(root, "/etc/passwd", &passwd, e);

	if (r == 0)
		r = read_file(root, "/etc/group", &group, e);
	if (r < 0)
		return r;
	for (size_t i = 0; i < s->nrecords; i++)
		if (s->records[i].type == SPEC_GROUP_ADD)
			more[nmore++] = s->records[i].data;
	return identity_resolve(
		str_of(s->user), more, nmore, buf_view(&passwd), buf_view(&group), ret, e);
}
