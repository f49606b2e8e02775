/*
 * The directories of removed containers.  A removal only renames; the files go when nothing has
 * happened for a while: on ext4 making files right after deleting others is many times slower.
 */
#include "container/container-int.h"

#include <dirent.h>
#include <fcntl.h>

#define PREFIX	".gone-"
#define PILE	2048 /* so many do not wait for a quiet moment */
#define AT_ONCE 16   /* then exits of containers are looked at again */

bool gone_is(const char *name)
{
	return strncmp(name, PREFIX, strlen(PREFIX)) == 0;
}

void gone_note(struct container_set *s)
{
	if (__atomic_fetch_add(&s->gone, 1, __ATOMIC_RELAXED) == 0)
		monitor_wake(s);
}

void gone_put(struct container_set *s, const char *hex)
{
	char name[DIGEST_HEX + sizeof(PREFIX)];

	(void)snprintf(name, sizeof(name), PREFIX "%s", hex);
	if (renameat(s->o.dir, hex, s->o.dir, name) < 0)
		(void)dir_remove_tree(s->o.dir, hex);
	else
		gone_note(s);
}

int gone_wait_ms(struct container_set *s, bool busy)
{
	unsigned n = __atomic_load_n(&s->gone, __ATOMIC_RELAXED);

	if (n == 0)
		return -1;
	return n > PILE || !busy ? 0 : GONE_QUIET_MS;
}

void gone_clear_some(struct container_set *s)
{
	int fd = openat(s->o.dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	/* Who notes one from here on is seen below, or is the first of the next round. */
	unsigned noted = __atomic_exchange_n(&s->gone, 0, __ATOMIC_RELAXED), n = 0;
	struct dirent *d = NULL;

	if (!dir) {
		fd_close(fd);
		return;
	}
	while (n < AT_ONCE && (d = readdir(dir)))
		n += gone_is(d->d_name) && dir_remove_tree(s->o.dir, d->d_name) == 0;
	if (d && noted > n)
		__atomic_add_fetch(&s->gone, noted - n, __ATOMIC_RELAXED);
	closedir(dir);
}
