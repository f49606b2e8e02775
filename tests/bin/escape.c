/*
 * escape ATTEMPT - tries one known way out of a container and says "refused: REASON" or "DONE".
 * An attempt stops at the point where it would have succeeded: where this program is run by
 * mistake on a host, nothing is changed.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <linux/sched.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Each attempt: 0 when it got through, else an errno that says how it was refused. */
static int result(long r)
{
	return r < 0 ? errno : 0;
}

/* For calls with arguments that cannot work: any complaint but "not you" means that the caller was
 * let in. */
static int admitted(long r)
{
	if (r >= 0)
		return 0;
	return errno == EPERM || errno == EACCES || errno == ENOSYS ? errno : 0;
}

static int open_for_write(const char *path)
{
	return result(open(path, O_WRONLY | O_CLOEXEC));
}

static int try_handle(void)
{
	static const char *const at[] = { "/etc/hosts", "/etc/resolv.conf", "/etc/hostname", "/" };
	struct {
		struct file_handle h;
		unsigned char id[8];
	} root = { .h = { .handle_bytes = 8, .handle_type = 1 }, .id = { 2 } };
	int why = EPERM;
	for (unsigned i = 0; i < sizeof at / sizeof *at; i++) {
		int mount = open(at[i], O_RDONLY | O_CLOEXEC);
		if (mount >= 0 && open_by_handle_at(mount, &root.h, O_RDONLY) >= 0)
			return 0;
		why = errno;
	}
	return why;
}

static int try_mount(void)
{
	return result(mount("none", "/tmp", "tmpfs", 0, NULL));
}

static int try_mount_disk(void)
{
	return result(mount("/dev/sda", "/tmp", "ext4", MS_RDONLY, NULL));
}

static int try_release_agent(void)
{
	static const char *const controllers[] = { "memory", "rdma", "cpu", "pids", "devices" };
	int why = EPERM;
	for (unsigned i = 0; i < sizeof controllers / sizeof *controllers; i++) {
		if (mount("cgroup", "/tmp", "cgroup", 0, controllers[i]) < 0) {
			why = errno;
			continue;
		}
		int fd = open("/tmp/release_agent", O_RDWR | O_CLOEXEC);
		char now[256];
		ssize_t n = fd < 0 ? -1 : read(fd, now, sizeof now);
		if (n >= 0 && pwrite(fd, now, (size_t)n, 0) >= 0)
			return 0;
		why = errno;
		umount("/tmp");
	}
	return why;
}

static int try_mknod(void)
{
	/* The kernel's memory, its log, a disk. */
	static const struct {
		mode_t mode;
		unsigned major, minor;
	} nodes[] = { { S_IFCHR, 1, 1 }, { S_IFCHR, 1, 11 }, { S_IFBLK, 8, 0 }, { S_IFBLK, 254, 0 },
		{ S_IFBLK, 253, 0 } };
	int why = EPERM;
	for (unsigned i = 0; i < sizeof nodes / sizeof *nodes; i++) {
		unlink("/tmp/node");
		if (mknod("/tmp/node", nodes[i].mode | 0600,
			    makedev(nodes[i].major, nodes[i].minor)) < 0 ||
			open("/tmp/node", O_RDONLY | O_CLOEXEC) < 0)
			why = errno;
		else
			return 0;
	}
	return why;
}

static int try_core_pattern(void)
{
	return open_for_write("/proc/sys/kernel/core_pattern");
}

static int try_sysrq(void)
{
	return open_for_write("/proc/sysrq-trigger");
}

static int try_keyctl(void)
{
	return admitted(
		syscall(SYS_keyctl, 0 /* KEYCTL_GET_KEYRING_ID */, -4 /* user keyring */, 1));
}

static int try_userns(void)
{
	return result(unshare(CLONE_NEWUSER));
}

static int try_clone3(void)
{
	struct clone_args a = { .flags = CLONE_NEWUSER, .exit_signal = SIGCHLD };
	long pid = syscall(SYS_clone3, &a, sizeof a);
	if (pid == 0)
		_exit(0);
	return result(pid);
}

static int try_af_alg(void)
{
	return result(socket(38, SOCK_SEQPACKET, 0));
}

static int try_af_vsock(void)
{
	return result(socket(40, SOCK_STREAM, 0));
}

static int try_af_packet(void)
{
	return result(socket(AF_PACKET, SOCK_RAW, 0));
}

static int try_af_alg_int80(void)
{
#ifdef __x86_64__
	long r;
	__asm__ volatile("int $0x80"
			 : "=a"(r)
			 : "a"(359L /* socket */), "b"(38L), "c"(5L), "d"(0L)
			 : "memory", "r8", "r9", "r10", "r11");
	return r < 0 ? (int)-r : 0;
#else
	return ENOSYS;
#endif
}

static int try_bpf(void)
{
	union bpf_attr a;
	memset(&a, 0, sizeof a);
	a.map_type = BPF_MAP_TYPE_ARRAY;
	a.key_size = a.value_size = 4;
	a.max_entries = 1;
	return admitted(syscall(SYS_bpf, BPF_MAP_CREATE, &a, sizeof a));
}

static int try_perf(void)
{
	struct perf_event_attr a = { .type = PERF_TYPE_SOFTWARE, .size = sizeof a };
	return admitted(syscall(SYS_perf_event_open, &a, 0, -1, -1, 0));
}

static int try_uffd(void)
{
	return admitted(syscall(SYS_userfaultfd, O_CLOEXEC));
}

static int try_io_uring(void)
{
	return admitted(syscall(425 /* io_uring_setup */, 1, NULL));
}

static int try_module(void)
{
	return admitted(syscall(SYS_init_module, NULL, 0, ""));
}

static int try_kexec(void)
{
	return admitted(syscall(SYS_kexec_load, 0, 1000, NULL, 0));
}

static int try_reboot(void)
{
	return result(reboot(RB_DISABLE_CAD));
}

static int try_clock(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return result(clock_settime(CLOCK_REALTIME, &now));
}

static int try_ptrace_parent(void)
{
	return result(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL));
}

static int try_kcore(void)
{
	static const char *const files[] = { "/proc/kcore", "/dev/mem", "/dev/kmem", "/dev/kmsg",
		"/proc/kmsg", "/proc/kallsyms-real" };
	int why = EPERM;
	for (unsigned i = 0; i < sizeof files / sizeof *files; i++) {
		char byte;
		int fd = open(files[i], O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		if (fd < 0)
			why = errno;
		else if (read(fd, &byte, 1) == 1)
			return 0;
	}
	return why;
}

static int try_rlimit(void)
{
	struct rlimit l;
	getrlimit(RLIMIT_NOFILE, &l);
	l.rlim_max += 1;
	return result(setrlimit(RLIMIT_NOFILE, &l));
}

static int try_nice(void)
{
	return result(setpriority(PRIO_PROCESS, 0, -5));
}

static int try_chroot(void)
{
	struct stat before, after;
	stat("/", &before);
	mkdir("/tmp/jail", 0755);
	if (chroot("/tmp/jail") < 0)
		return errno;
	for (int i = 0; i < 64; i++)
		if (chdir("..") < 0)
			return errno;
	stat(".", &after);
	return before.st_dev == after.st_dev && before.st_ino == after.st_ino ? EXDEV : 0;
}

/* Whether this /proc/PID/exe is not the image's own file and could be written now or later. */
static int exe_refused(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno;
	if (open(path, O_WRONLY | O_CLOEXEC) >= 0)
		return 0;
	int why = errno;
	/* "Busy" only means not now, unless it is sealed for ever. */
	if (why == ETXTBSY &&
		(fcntl(fd, F_GET_SEALS) < 0 || !(fcntl(fd, F_GET_SEALS) & F_SEAL_WRITE)))
		why = 0;
	close(fd);
	return why;
}

static int try_runtime_exe(void)
{
	struct stat own, other;
	int why = ESRCH;
	DIR *proc = opendir("/proc");
	stat("/proc/self/exe", &own);
	for (struct dirent *d; proc && (d = readdir(proc));) {
		char path[300];
		snprintf(path, sizeof path, "/proc/%s/exe", d->d_name);
		if (atoi(d->d_name) <= 0 || stat(path, &other) < 0)
			continue;
		if (other.st_dev == own.st_dev && other.st_ino == own.st_ino)
			continue;
		why = exe_refused(path);
		if (why == 0)
			return 0;
	}
	return why;
}

static const struct {
	const char *name;
	int (*attempt)(void);
} attempts[] = {
	{ "handle", try_handle },
	{ "mount", try_mount },
	{ "mount-disk", try_mount_disk },
	{ "release-agent", try_release_agent },
	{ "mknod", try_mknod },
	{ "core-pattern", try_core_pattern },
	{ "sysrq", try_sysrq },
	{ "keyctl", try_keyctl },
	{ "userns", try_userns },
	{ "clone3", try_clone3 },
	{ "af-alg", try_af_alg },
	{ "af-vsock", try_af_vsock },
	{ "af-packet", try_af_packet },
	{ "af-alg-int80", try_af_alg_int80 },
	{ "bpf", try_bpf },
	{ "perf", try_perf },
	{ "uffd", try_uffd },
	{ "io-uring", try_io_uring },
	{ "module", try_module },
	{ "kexec", try_kexec },
	{ "reboot", try_reboot },
	{ "clock", try_clock },
	{ "ptrace-parent", try_ptrace_parent },
	{ "kcore", try_kcore },
	{ "rlimit", try_rlimit },
	{ "nice", try_nice },
	{ "chroot", try_chroot },
	{ "runtime-exe", try_runtime_exe },
};

int main(int argc, char **argv)
{
	for (unsigned i = 0; argc == 2 && i < sizeof attempts / sizeof *attempts; i++) {
		if (strcmp(attempts[i].name, argv[1]) != 0)
			continue;
		int why = attempts[i].attempt();
		if (why == 0)
			puts("DONE");
		else
			printf("refused: %s\n", strerror(why));
		return why == 0;
	}
	puts("unknown attempt");
	return 2;
}
