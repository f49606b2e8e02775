#include "state.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

static bool exists(int dir, const char *name)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* In a child: flushing a layer may take seconds.  It is durable before it has its name. */
static void task_commit(const void *arg, struct keeper_reply *reply)
{
	const struct keeper_layer *l = arg;
	char from[DIGEST_HEX + 1], to[DIGEST_HEX + 1];
	auto_close int dir = -EBADF;

	digest_hex(&l->staging, from);
	digest_hex(&l->layer, to);
	if (exists(state.layers, to)) {
		(void)trash_put(state.staging, from); /* somebody was faster, or asked twice */
		return;
	}
	dir = openat(state.staging, from, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0)
		(void)err_set(&reply->err, ERR_NOT_FOUND, 0, "no staged layer \"%s\"", from);
	else if (syncfs(dir) < 0 ||
		 renameat2(state.staging, from, state.layers, to, RENAME_NOREPLACE) < 0)
		(void)err_set(&reply->err, ERR_SYSTEM, errno, "storing layer \"sha256:%s\"", to);
}

int layer_commit(const struct ask *a, struct wire_msg *m, struct keeper_reply *reply)
{
	const struct keeper_layer *l = (const void *)m->body;

	/* What a worker can still write to must not become a layer that others use. */
	if (job_writes(&l->staging))
		return err_set(&reply->err, ERR_CONFLICT, 0, "the layer is still being unpacked");
	return task_run(a, task_commit, m->body, reply);
}

int layer_remove(const struct ask *a, struct wire_msg *m, struct keeper_reply *reply)
{
	const struct keeper_layer *l = (const void *)m->body;
	char hex[DIGEST_HEX + 1];
	int r = trash_put(state.layers, digest_hex(&l->layer, hex));

	(void)a;
	if (r < 0 && r != -ENOENT)
		return err_set(&reply->err, ERR_SYSTEM, -r, "removing layer \"sha256:%s\"", hex);
	return 0;
}

/* A new engine unpacks again what the last one had not finished. */
void layer_purge_staging(void)
{
	int fd = openat(state.staging, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!d)
		return;
	while ((entry = readdir(d)))
		if (!streq(entry->d_name, ".") && !streq(entry->d_name, ".."))
			(void)trash_put(state.staging, entry->d_name);
	(void)closedir(d);
}
