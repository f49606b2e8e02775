/*
 * floor - what the kernel alone needs to start and end one container: the least that any engine
 * with the same isolation can take.  No parsing, no state, no error handling beyond giving up.
 *
 *   floor N ROOTFS WORKDIR [bare] -- PROGRAM      prints microseconds, one line per run
 *
 * ROOTFS is the read-only lower folder, WORKDIR an empty folder for upper and work.  Each run:
 * clone3 into user, pid, mount, network, ipc, uts and cgroup namespaces; id maps; overlay; /proc,
 * /dev, /sys, masked and read-only paths; pivot_root; nine v1 control groups (or one v2 group);
 * loopback up; bounding set, no_new_privs, a seccomp filter in tree form; exec; wait; clean up.
 * With "bare": namespaces, the folder bound as root, /proc, exec; nothing else.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ID_BASE 0x50000000u
#define CAPS	0xa80425fbull

static const char *rootfs, *work;
static char **program;
static int bare;

static void need(int ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
	_exit(99);
}

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	need(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text), path);
	close(fd);
}

static long now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* ---- control groups -------------------------------------------------------------------------- */

static const char *const v1[] = { "cpu", "cpuacct", "cpuset", "memory", "devices", "freezer",
	"blkio", "pids" };

static void group_path(char *out, size_t n, unsigned i, const char *file)
{
	snprintf(out, n, "/sys/fs/cgroup/%s/caisson-floor/%d%s%s", v1[i], getpid(),
		*file ? "/" : "", file);
}

/* A task that moves only itself, with a file that root opened, takes no lock against forks. */
static int ways_in[sizeof v1 / sizeof *v1], nways;

static void groups_make(void)
{
	char path[200], text[64];
	for (unsigned i = 0; i < sizeof v1 / sizeof *v1; i++) {
		snprintf(path, sizeof path, "/sys/fs/cgroup/%s/caisson-floor", v1[i]);
		if (mkdir(path, 0755) < 0 && errno != EEXIST)
			continue;
		if (strcmp(v1[i], "cpuset") == 0) {
			static const char *const inherit[] = { "cpuset.cpus", "cpuset.mems" };
			for (int k = 0; k < 2; k++) {
				char from[260];
				snprintf(from, sizeof from, "/sys/fs/cgroup/cpuset/%s", inherit[k]);
				int fd = open(from, O_RDONLY | O_CLOEXEC);
				ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
				close(fd);
				text[n > 0 ? n : 0] = 0;
				snprintf(from, sizeof from, "%s/%s", path, inherit[k]);
				put(from, text);
			}
		}
		group_path(path, sizeof path, i, "");
		mkdir(path, 0755);
		if (strcmp(v1[i], "cpuset") == 0) {
			group_path(path, sizeof path, i, "cpuset.cpus");
			put(path, "0");
			group_path(path, sizeof path, i, "cpuset.mems");
			put(path, "0");
		}
		if (strcmp(v1[i], "pids") == 0) {
			group_path(path, sizeof path, i, "pids.max");
			put(path, "4096");
		}
		group_path(path, sizeof path, i, "tasks");
		ways_in[nways] = open(path, O_WRONLY | O_CLOEXEC);
		need(ways_in[nways++] >= 0, path);
	}
}

static void groups_enter(void)
{
	for (int i = 0; i < nways; i++)
		need(write(ways_in[i], "0", 1) == 1, "tasks");
}

static void groups_remove(void)
{
	char path[200];
	for (unsigned i = 0; i < sizeof v1 / sizeof *v1; i++) {
		group_path(path, sizeof path, i, "");
		rmdir(path);
	}
}

/* ---- inside ---------------------------------------------------------------------------------- */

/* A balanced search over 128 ranges, all of which end in "allow": the cost of a real filter. */
static unsigned tree(struct sock_filter *f, unsigned at, unsigned low, unsigned high)
{
	if (high - low <= 1) {
		f[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
		return at;
	}
	unsigned mid = (low + high) / 2, node = at++;
	unsigned left = tree(f, at, low, mid);
	f[node] = (struct sock_filter)BPF_JUMP(
		BPF_JMP | BPF_JGE | BPF_K, mid * 4, (unsigned char)(left - node - 1), 0);
	return tree(f, left, mid, high);
}

static void filter(void)
{
	static struct sock_filter f[600];
	unsigned n = 0;
	f[n++] = (struct sock_filter)BPF_STMT(
		BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
	f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0);
	f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS);
	f[n++] = (struct sock_filter)BPF_STMT(
		BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	n = tree(f, n, 0, 96);
	struct sock_fprog p = { .len = (unsigned short)n, .filter = f };
	need(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "no_new_privs");
	need(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &p) == 0, "seccomp");
}

static void loopback(void)
{
	struct ifreq r = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	need(fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &r) == 0, "loopback");
	close(fd);
}

static void devices(void)
{
	static const char *const names[] = { "null", "zero", "full", "random", "urandom", "tty" };
	need(mount("tmpfs", "dev", "tmpfs", MS_NOSUID, "mode=755,size=64k") == 0, "/dev");
	for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
		char to[32], from[32];
		snprintf(to, sizeof to, "dev/%s", names[i]);
		snprintf(from, sizeof from, "/dev/%s", names[i]);
		close(open(to, O_CREAT | O_WRONLY | O_CLOEXEC, 0666));
		need(mount(from, to, NULL, MS_BIND, NULL) == 0, to);
	}
	mkdir("dev/pts", 0755);
	mkdir("dev/shm", 01777);
	mkdir("dev/mqueue", 01777);
	need(mount("devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
		     "newinstance,ptmxmode=666,mode=620") == 0,
		"devpts");
	need(mount("shm", "dev/shm", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=64m") == 0,
		"shm");
	need(mount("mqueue", "dev/mqueue", "mqueue", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0,
		"mqueue");
	symlink("/proc/self/fd", "dev/fd");
	symlink("pts/ptmx", "dev/ptmx");
}

static void masks(void)
{
	static const char *const files[] = { "proc/kcore", "proc/keys", "proc/timer_list",
		"proc/interrupts" };
	static const char *const folders[] = { "proc/acpi", "proc/scsi", "sys/firmware" };
	static const char *const closed[] = { "proc/bus", "proc/fs", "proc/irq", "proc/sys",
		"proc/sysrq-trigger" };
	for (unsigned i = 0; i < sizeof files / sizeof *files; i++)
		mount("dev/null", files[i], NULL, MS_BIND, NULL);
	for (unsigned i = 0; i < sizeof folders / sizeof *folders; i++)
		mount("tmpfs", folders[i], "tmpfs", MS_RDONLY, "size=0");
	for (unsigned i = 0; i < sizeof closed / sizeof *closed; i++)
		if (mount(closed[i], closed[i], NULL, MS_BIND | MS_REC, NULL) == 0)
			mount(NULL, closed[i], NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL);
}

static void become(void)
{
	need(sethostname("floor", 5) == 0, "hostname");
	for (int cap = 0; cap < 64; cap++)
		if (!(CAPS >> cap & 1) && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0 &&
			errno == EINVAL)
			break;
	filter();
}

static void inside(int go)
{
	char byte;
	need(read(go, &byte, 1) == 1, "parent");
	need(setresgid(0, 0, 0) == 0 && setresuid(0, 0, 0) == 0, "ids");
	if (!bare)
		loopback();
	/* What was inherited is locked; a bind of it is ours to pivot to. */
	need(mount("merged", "merged", NULL, MS_BIND, NULL) == 0 && chdir("merged") == 0, "root");
	if (!bare)
		devices();
	mkdir("proc", 0755);
	need(mount("proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0, "/proc");
	if (!bare) {
		need(mount("sysfs", "sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY,
			     NULL) == 0,
			"/sys");
		masks();
	}
	need(syscall(SYS_pivot_root, ".", ".") == 0 && umount2(".", MNT_DETACH) == 0 &&
			chdir("/") == 0,
		"pivot_root");
	if (!bare)
		become();
	execve(program[0], program, (char *[]){ "PATH=/bin", NULL });
	need(0, "exec");
}

/* ---- outside --------------------------------------------------------------------------------- */

/* The mounts are made by a child in a mount namespace of its own, from which init's is cloned: the
 * host's mount table is never touched. */
static void starter(void)
{
	char options[800], text[64];
	need(unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0,
		"mounts");
	need(chdir(work) == 0, work);
	mkdir("merged", 0755);
	mkdir("upper", 0755);
	mkdir("work", 0755);
	if (bare) {
		need(mount(rootfs, "merged", NULL, MS_BIND, NULL) == 0, "bind");
	} else {
		snprintf(
			options, sizeof options, "lowerdir=%s,upperdir=upper,workdir=work", rootfs);
		need(mount("overlay", "merged", "overlay", 0, options) == 0, "overlay");
	}
	if (!bare)
		groups_make();
	int go[2];
	need(pipe2(go, O_CLOEXEC) == 0, "pipe");
	struct clone_args a = { .flags = CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET |
					 CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP,
		.exit_signal = SIGCHLD };
	pid_t pid = (pid_t)syscall(SYS_clone3, &a, sizeof a);
	need(pid >= 0, "clone3");
	if (pid == 0) {
		groups_enter();
		inside(go[0]);
	}
	char path[64];
	snprintf(text, sizeof text, "0 %u 65536\n", ID_BASE);
	snprintf(path, sizeof path, "/proc/%d/uid_map", pid);
	put(path, text);
	snprintf(path, sizeof path, "/proc/%d/gid_map", pid);
	put(path, text);
	need(write(go[1], "x", 1) == 1, "go");
	int status;
	waitpid(pid, &status, 0);
	if (!bare)
		groups_remove();
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 98);
}

int main(int argc, char **argv)
{
	int at = 4;
	if (argc < 6)
		return 2;
	rootfs = argv[2];
	work = argv[3];
	if (strcmp(argv[at], "bare") == 0) {
		bare = 1;
		at++;
	}
	if (strcmp(argv[at++], "--") != 0 || !argv[at])
		return 2;
	program = argv + at;
	for (int n = atoi(argv[1]); n > 0; n--) {
		long began = now_us();
		pid_t pid = fork();
		if (pid == 0)
			starter();
		int status;
		waitpid(pid, &status, 0);
		if (status != 0)
			return WEXITSTATUS(status);
		printf("%ld\n", now_us() - began);
	}
	return 0;
}
