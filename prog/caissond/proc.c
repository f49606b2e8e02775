#include "state.h"
#include "sys/sys.h"

#include <fcntl.h>
#include <poll.h>

static ssize_t read_proc(pid_t pid, const char *what, char *out, size_t n)
{
	char path[64];
	auto_close int fd = -EBADF;
	ssize_t r;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, what);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = fd_read_full(fd, out, n - 1);
	if (r >= 0)
		out[r] = '\0';
	return r;
}

/* proc(5): field 22, counted behind the parenthesis that ends the name (it may hold anything). */
int proc_start_time(pid_t pid, uint64_t *ret)
{
	char text[1024];
	ssize_t n = read_proc(pid, "stat", text, sizeof(text));
	struct str s;
	char *end;

	if (n < 0)
		return (int)n;
	end = strrchr(text, ')');
	if (!end || end[1] != ' ')
		return -EBADMSG;
	s = str_of(end + 2);
	for (int field = 3; field < 22; field++)
		(void)str_cut(&s, ' ');
	return num_u64(str_cut(&s, ' '), UINT64_MAX, ret) ? 0 : -EBADMSG;
}

int proc_only_child(pid_t pid, pid_t *ret)
{
	char what[64], text[256];
	struct str s;
	ssize_t n;
	uint32_t v;

	(void)snprintf(what, sizeof(what), "task/%d/children", (int)pid);
	n = read_proc(pid, what, text, sizeof(text));
	if (n < 0)
		return (int)n;
	s = str_of(text);
	if (!num_u32(str_cut(&s, ' '), INT32_MAX, &v))
		return -ESRCH;
	*ret = (pid_t)v;
	return 0;
}

/* First line of uid_map: inside, outside, count, in columns. */
int proc_id_base(pid_t pid, uint32_t *ret)
{
	char text[256];
	ssize_t n = read_proc(pid, "uid_map", text, sizeof(text));
	struct str s, word;

	if (n < 0)
		return (int)n;
	s = str_trim(str_of(text));
	(void)str_cut(&s, ' ');
	s = str_trim(s);
	word = str_cut(&s, ' ');
	return num_u32(word, UINT32_MAX, ret) ? 0 : -EBADMSG;
}

int proc_boot_id(char out[40])
{
	auto_close int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	memset(out, 0, 40);
	n = fd_read_full(fd, out, 39);
	if (n < 36)
		return -EIO;
	out[36] = '\0';
	return 0;
}

int proc_open(pid_t pid, uint64_t start_time)
{
	auto_close int fd = sys_pidfd_open(pid);
	uint64_t now;

	if (fd < 0)
		return fd;
	/* Read after the pidfd holds the process: the number cannot change hands in between. */
	if (proc_start_time(pid, &now) < 0 || now != start_time)
		return -ESRCH;
	return steal_fd(&fd);
}

bool proc_pidfd_ended(int pidfd)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };

	return pidfd < 0 || poll(&p, 1, 0) == 1;
}
