/*
 * Deleting trees that containers made, slowly, in a child of low priority.
 *
 * No recursion and no path: a directory that is not empty is first moved up into the trash itself
 * under a new name, so depth costs nothing and no name under it is ever followed.
 */
#include "state.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define BATCH	 256
#define PAUSE_NS 2000000
#define DELAY_NS (200 * NS_PER_MS) /* what follows a removal is more urgent */

static pid_t worker;
static bool more;

static int move_in(int dir, const char *name)
{
	char fresh[40];
	uint64_t r[2];

	base_random(r, sizeof(r));
	(void)snprintf(fresh, sizeof(fresh), "%016llx%016llx", (unsigned long long)r[0],
		(unsigned long long)r[1]);
	return renameat2(dir, name, state.trash, fresh, RENAME_NOREPLACE) < 0 ? -errno : 0;
}

static void pace(unsigned *n)
{
	struct timespec pause = { .tv_nsec = PAUSE_NS };

	if (++*n % BATCH == 0)
		(void)nanosleep(&pause, NULL);
}

static bool is_dots(const char *name)
{
	return streq(name, ".") || streq(name, "..");
}

/* Empties one directory of the trash. */
static void empty_dir(const char *name, unsigned *n)
{
	int fd = openat(state.trash, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!d) {
		fd_close(fd);
		return;
	}
	while ((entry = readdir(d))) {
		if (is_dots(entry->d_name))
			continue;
		pace(n);
		if (unlinkat(fd, entry->d_name, 0) == 0 || errno == ENOENT)
			continue;
		if (unlinkat(fd, entry->d_name, AT_REMOVEDIR) < 0)
			(void)move_in(fd, entry->d_name);
	}
	(void)closedir(d);
}

/* One pass over the trash; how many entries went. */
static unsigned pass(unsigned *n)
{
	int fd = openat(state.trash, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	unsigned gone = 0;

	if (!d)
		return 0;
	while ((entry = readdir(d))) {
		if (is_dots(entry->d_name))
			continue;
		if (unlinkat(fd, entry->d_name, 0) < 0) {
			empty_dir(entry->d_name, n);
			if (unlinkat(fd, entry->d_name, AT_REMOVEDIR) < 0)
				continue;
		}
		gone++;
		pace(n);
	}
	(void)closedir(d);
	return gone;
}

static void NORETURN run(void)
{
	unsigned n = 0;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	(void)setpriority(PRIO_PROCESS, 0, 19);
	(void)syscall(SYS_ioprio_set, 1, 0, 3 << 13); /* this process, idle class */
	while (pass(&n) > 0)
		;
	_exit(0);
}

static void on_ended(struct child *c, int status)
{
	(void)c;
	(void)status;
	worker = 0;
	if (more)
		trash_kick();
}

static void start(void)
{
	struct child *c = loop_child_room();

	more = worker > 0 || !c;
	if (more)
		return;
	worker = loop_fork(&state.trash, 1);
	if (worker == 0)
		run();
	if (worker > 0)
		*c = (struct child){ .pid = worker, .ended = on_ended };
}

void trash_kick(void)
{
	loop_timer(TIMER_TRASH, DELAY_NS, start);
}

int trash_put(int dir, const char *name)
{
	int r = move_in(dir, name);

	if (r == 0)
		trash_kick();
	return r;
}
