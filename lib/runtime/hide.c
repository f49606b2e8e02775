/*
 * What of /proc and /sys a container does not see or cannot change.
 */
#include <fcntl.h>
#include <sys/sysmacros.h>

#include "runtime/runtime-int.h"

/* Docker's list and what else tells about the host.  Those whose mode already keeps the roots of
 * other user namespaces out are hidden only in the host's. */
static const struct {
	const char *path;
	bool host_only;
} masked[] = {
	{ "/proc/acpi", false },
	{ "/proc/asound", false },
	{ "/proc/config.gz", false },
	{ "/proc/interrupts", false },
	{ "/proc/kallsyms", false },
	{ "/proc/kcore", false },
	{ "/proc/keys", false },
	{ "/proc/kmsg", true },
	{ "/proc/latency_stats", false },
	{ "/proc/pagetypeinfo", true },
	{ "/proc/sched_debug", false },
	{ "/proc/scsi", false },
	{ "/proc/slabinfo", true },
	{ "/proc/timer_list", false },
	{ "/proc/timer_stats", false },
	{ "/proc/vmallocinfo", true },
	{ "/sys/devices/virtual/powercap", false },
	{ "/sys/firmware", false },
	{ "/sys/kernel/debug", true },
	{ "/sys/kernel/tracing", true },
};
static const char *const read_only[] = { "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
	"/proc/sysrq-trigger" };

static int mask(const struct start *s, struct mounts *m, const char *path, struct err *e)
{
	auto_close int at = sys_open(s->root, path, O_PATH, 0, SYS_CONFINED);
	auto_close int cover = -EBADF;
	struct stat st;
	int r;

	if (at == -ENOENT || at == -ENOTDIR)
		return 0; /* nothing to hide */
	r = at < 0 ? at : fstat(at, &st) < 0 ? -errno : 0;
	if (r == 0 && !S_ISDIR(st.st_mode)) {
		/* The null device of our own /dev, made by us a moment ago (CVE-2025-31133). */
		cover = sys_mount_clone(s->dev, "null", 0);
	} else if (r == 0) {
		/* The first use mounts the directory itself: only what is mounted can be copied on
		 * kernels before 6.15. */
		cover = m->empty_used ? sys_mount_clone(m->empty, "", 0) : dup(m->empty);
		m->empty_used = true;
	}
	if (r == 0)
		r = cover < 0 ? cover : sys_mount_attach(cover, at, "");
	return r < 0 ? err_set(e, ERR_SYSTEM, -r, "cannot hide \"%.300s\"", path) : 0;
}

static int make_read_only(const struct start *s, const char *path, struct err *e)
{
	struct mount_attr a = { .attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID |
					    MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC };
	auto_close int at = sys_open(s->root, path, O_PATH, 0, SYS_CONFINED);
	auto_close int copy = -EBADF;
	int r;

	if (at == -ENOENT || at == -ENOTDIR)
		return 0;
	copy = at < 0 ? at : sys_mount_clone(at, "", AT_RECURSIVE);
	r = copy < 0 ? copy : sys_mount_set(copy, &a, true);
	if (r == 0)
		r = sys_mount_attach(copy, at, "");
	return r < 0 ? err_set(e, ERR_SYSTEM, -r, "cannot make \"%.300s\" read-only", path) : 0;
}

/* One directory per processor, as docker hides them. */
static int mask_throttle(const struct start *s, struct mounts *m, struct err *e)
{
	char path[96];
	int r = 0;

	for (unsigned cpu = 0; cpu < KEEPER_CPUS_MAX && r == 0; cpu++) {
		auto_close int at = -EBADF;

		(void)snprintf(
			path, sizeof(path), "/sys/devices/system/cpu/cpu%u/thermal_throttle", cpu);
		at = sys_open(s->root, path, O_PATH, 0, SYS_CONFINED);
		if (at == -ENOENT)
			break;
		r = mask(s, m, path, e);
	}
	return r;
}

static int hide_defaults(const struct start *s, struct mounts *m, struct err *e)
{
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(masked) && r == 0; i++)
		if (s->host_userns || !masked[i].host_only)
			r = mask(s, m, masked[i].path, e);
	if (r == 0)
		r = mask_throttle(s, m, e);
	for (size_t i = 0; i < ARRAY_SIZE(read_only) && r == 0; i++)
		r = make_read_only(s, read_only[i], e);
	return r;
}

/* An image whose /etc/hosts is a link to /dev/null has our hosts file mounted there by now: what is
 * hidden with that could be written. */
static int check_null(const struct start *s, struct err *e)
{
	auto_close int fd = sys_open(s->dev, "null", O_PATH, 0, SYS_CONFINED);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3))
		return err_set(e, ERR_INVALID, 0, "/dev/null of the container is not ours");
	return 0;
}

int mounts_hide(const struct start *s, const struct settings *set, struct mounts *m, struct err *e)
{
	static const char *const options[] = { "size=4k", "nr_inodes=1", "mode=0755", NULL };
	int r = check_null(s, e);

	if (r < 0)
		return r;
	m->empty = sys_mount_new("tmpfs", options,
		MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	if (m->empty < 0)
		return err_set(e, ERR_SYSTEM, -m->empty, "cannot make an empty directory");
	/* Ours whatever the spec says, unless the grant allows otherwise. */
	if (!(s->grant->flags & KEEPER_UNMASKED))
		r = hide_defaults(s, m, e);
	for (size_t i = 0; i < set->nrecords && r == 0; i++) {
		const struct spec_record *rec = &set->records[i];
		auto_free char *path = NULL;

		if (rec->type != SPEC_MASK && rec->type != SPEC_READONLY)
			continue;
		path = str_dup(rec->data);
		r = rec->type == SPEC_MASK ? mask(s, m, path, e) : make_read_only(s, path, e);
	}
	return r;
}
