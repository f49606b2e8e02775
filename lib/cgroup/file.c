#include "cgroup/cgroup-int.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#define ROOT	      "/sys/fs/cgroup"
#define CGROUP2_MAGIC 0x63677270

static const char *const dirs[CTL_COUNT] = {
	[CTL_MEMORY] = "/memory",
	[CTL_PIDS] = "/pids",
	[CTL_CPU] = "/cpu",
	[CTL_CPUACCT] = "/cpuacct",
	[CTL_FREEZER] = "/freezer",
	[CTL_CPUSET] = "/cpuset",
	[CTL_DEVICES] = "/devices",
	[CTL_UNIFIED] = "",
};

int cgroup_detect(enum cgroup_version *ret)
{
	struct statfs s;

	if (statfs(ROOT, &s) < 0)
		return -errno;
	if (s.f_type == CGROUP2_MAGIC) {
		*ret = CGROUP_V2;
		return 0;
	}
	if (access(ROOT "/memory/tasks", F_OK) < 0 || access(ROOT "/pids/tasks", F_OK) < 0)
		return -ENOENT;
	*ret = CGROUP_V1;
	return 0;
}

enum cgroup_version cgroup_version(void)
{
	/* The mounts do not change while we run; looking twice in two threads finds the same. */
	static enum cgroup_version known;

	if (!known && cgroup_detect(&known) < 0)
		return CGROUP_V1;
	return known;
}

char *cgroup_path(enum controller c, const struct digest *id, const char *file, char *out)
{
	char hex[DIGEST_HEX + 1] = "";
	int n;

	if (id)
		(void)digest_hex(id, hex);
	n = snprintf(out, CGROUP_PATH, ROOT "%s/caisson%s%s%s%s", dirs[c], id ? "/" : "", hex,
		file ? "/" : "", file ? file : "");
	BUG_ON(n < 0 || n >= CGROUP_PATH);
	return out;
}

int cgroup_make(enum controller c, const struct digest *id, struct err *e)
{
	char path[CGROUP_PATH];

	if (mkdir(cgroup_path(c, id, NULL, path), 0755) == 0 || errno == EEXIST)
		return 0;
	if (errno == ENOENT && id) {
		int r = cgroup_make(c, NULL, e);

		return r < 0 ? r : cgroup_make(c, id, e);
	}
	return err_set(e, ERR_SYSTEM, errno, "make the control group \"%s\"", path);
}

bool cgroup_has(enum controller c, const struct digest *id)
{
	char path[CGROUP_PATH];

	return access(cgroup_path(c, id, NULL, path), F_OK) == 0;
}

int cgroup_write(enum controller c, const struct digest *id, const char *file, const char *text)
{
	char path[CGROUP_PATH];
	auto_close int fd = open(cgroup_path(c, id, file, path), O_WRONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = fd_write(fd, text, strlen(text));
	return n < 0 ? (int)n : 0;
}

int cgroup_write_i64(enum controller c, const struct digest *id, const char *file, int64_t v)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%lld", (long long)v);
	return cgroup_write(c, id, file, text);
}

ssize_t cgroup_read(
	enum controller c, const struct digest *id, const char *file, char *out, size_t size)
{
	char path[CGROUP_PATH];
	auto_close int fd = open(cgroup_path(c, id, file, path), O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = fd_read_full(fd, out, size - 1);
	if (n >= 0)
		out[n] = '\0';
	return n;
}

int cgroup_read_u64(enum controller c, const struct digest *id, const char *file, uint64_t *ret)
{
	char text[64];
	ssize_t n = cgroup_read(c, id, file, text, sizeof(text));
	struct str s;

	if (n < 0)
		return (int)n;
	s = (struct str){ text, (size_t)n };
	s = str_cut(&s, '\n');
	if (str_eq(s, STR("max"))) {
		*ret = UINT64_MAX;
		return 0;
	}
	return num_u64(s, UINT64_MAX, ret) ? 0 : -EBADMSG;
}

int cgroup_read_key(enum controller c, const struct digest *id, const char *file, const char *key,
	uint64_t *ret)
{
	char text[8192];
	ssize_t n = cgroup_read(c, id, file, text, sizeof(text));
	struct str rest, line;

	if (n < 0)
		return (int)n;
	rest = (struct str){ text, (size_t)n };
	while (rest.p) {
		line = str_cut(&rest, '\n');
		if (str_eq(str_cut(&line, ' '), str_of(key)))
			return num_u64(line, UINT64_MAX, ret) ? 0 : -EBADMSG;
	}
	return -ENOENT;
}
