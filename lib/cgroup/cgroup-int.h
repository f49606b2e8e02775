/*
 * cgroup-int - small file access inside the control group trees.  Every path is made of constants
 * and the hex form of an id, so nothing foreign can steer it.
 */
#pragma once

#include "cgroup/cgroup.h"

#define CGROUP_PATH 256

enum controller {
	CTL_MEMORY,
	CTL_PIDS,
	CTL_CPU,
	CTL_CPUACCT,
	CTL_FREEZER,
	CTL_CPUSET,  /* made only when a limit asks for it */
	CTL_DEVICES, /* made only by cgroup_restrict_devices() */
	CTL_UNIFIED, /* the one directory of v2 */
	CTL_COUNT,
};

enum cgroup_version cgroup_version(void);
/* "/sys/fs/cgroup[/memory]/caisson/<hex>[/file]"; returns out (CGROUP_PATH bytes). */
char *cgroup_path(enum controller c, const struct digest *id, const char *file, char *out);
/* Makes the directory (and its parent caisson/); being there already is fine. */
int cgroup_make(enum controller c, const struct digest *id, struct err *e);
bool cgroup_has(enum controller c, const struct digest *id);

int cgroup_write(enum controller c, const struct digest *id, const char *file, const char *text);
int cgroup_write_i64(enum controller c, const struct digest *id, const char *file, int64_t v);
/* Whole small file, terminated; the length or negative errno. */
ssize_t cgroup_read(
	enum controller c, const struct digest *id, const char *file, char *out, size_t size);
/* A file that holds one number; "max" is UINT64_MAX. */
int cgroup_read_u64(enum controller c, const struct digest *id, const char *file, uint64_t *ret);
/* The number behind "key " in a file of such lines; -ENOENT without the key. */
int cgroup_read_key(enum controller c, const struct digest *id, const char *file, const char *key,
	uint64_t *ret);
