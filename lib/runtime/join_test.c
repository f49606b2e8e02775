/*
 * Terminals, the reaper, further processes, and shared namespaces.
 */
#include "runtime/box_test.h"

/* ---- terminals, reaper, exec ----------------------------------------------------------------- */

static void a_terminal_is_one(void **state)
{
	struct box b;
	uint32_t size[2] = { 33, 99 };

	(void)state;
	need_root();
	b = box("sh", "-c",
		"tty; stat -c %t:%T /dev/console /dev/pts/0; echo x >/dev/tty; stty size 2>/dev/null || busybox stty size",
		NULL);
	b.flags = KEEPER_START_TTY;
	spec_add(&b.spec, SPEC_CONSOLE, size, sizeof(size));
	expect_output(b, 0, "/dev/pts/0\r\n88:0\r\n88:0\r\nx\r\n33 99\r\n");
}

static void the_reaper_reaps_and_forwards(void **state)
{
	struct box b;

	(void)state;
	need_root();
	b = box("sh", "-c",
		"cat /proc/1/comm; tr '\\0' ' ' </proc/1/cmdline | cut -c 1-11; echo $$; (readlink /proc/1/exe; cat /proc/1/maps; ls /proc/1/fd/) 2>/dev/null || echo hidden; "
		"grep -E 'CapEff|Seccomp:' /proc/1/status; exit 9",
		NULL);
	spec_add(&b.spec, SPEC_INIT, NULL, 0);
	expect_output(b, 9,
		"docker-init\ndocker-init\n2\nhidden\nCapEff:\t00000000a80425fb\nSeccomp:\t2\n");
	b = box("sh", "-c", "trap 'echo got; exit 4' TERM; kill -TERM 1; while :; do sleep 1; done",
		NULL);
	spec_add(&b.spec, SPEC_INIT, NULL, 0);
	expect_output(b, 4, "got\n");
}

struct execution {
	struct exec_report started, ended;
	int master;
	char out[OUT_MAX];
};

static void exec_in(struct box *b, struct spec_writer *w, uint32_t flags, struct execution *ret)
{
	struct runtime_exec_plan p = { .grant = &b->grant,
		.flags = flags,
		.stdio = { -1, -1, -1 },
		.init_pidfd = b->pidfd,
		.init_pid = b->report.pid,
		.id_base = b->report.id_base };
	struct err e = { 0 };
	int report[2], out[2], fd, status;
	ssize_t n;
	pid_t pid;

	p.spec = spec_seal(w, &e);
	spec_done(w);
	assert_true(p.spec >= 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, report), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	if (!(flags & KEEPER_EXEC_TTY)) {
		p.stdio[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
		p.stdio[1] = p.stdio[2] = out[1];
	}
	p.report = report[1];
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		runtime_exec(&p);
	(void)close(report[1]);
	(void)close(out[1]);
	(void)close(p.spec);
	fd_close(p.stdio[0]);
	assert_int_equal(receive(report[0], &ret->started, sizeof(ret->started), &ret->master),
		sizeof(ret->started));
	fd = ret->master >= 0 ? ret->master : out[0];
	n = fd_read_full(fd, ret->out, OUT_MAX - 1);
	if (n < 0 && ret->master >= 0)
		n = (ssize_t)strlen(ret->out);
	ret->out[n] = '\0';
	if (ret->started.type == EXEC_STARTED)
		assert_int_equal(receive(report[0], &ret->ended, sizeof(ret->ended), &fd),
			sizeof(ret->ended));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	(void)close(report[0]);
	(void)close(out[0]);
	fd_close(ret->master);
}

static struct spec_writer command(const char *text)
{
	struct spec_writer w;

	spec_init(&w);
	spec_add_str(&w, SPEC_ARG, "sh");
	spec_add_str(&w, SPEC_ARG, "-c");
	spec_add_str(&w, SPEC_ARG, text);
	spec_add_str(&w, SPEC_ENV, "PATH=/bin");
	return w;
}

static void exec_joins_everything(void **state)
{
	static struct execution x;
	struct box b;
	struct spec_writer w;

	(void)state;
	need_root();
	b = box("sleep", "1000", NULL);
	assert_true(start(&b));
	w = command(
		"cat /proc/1/cmdline | tr '\\0' ' '; echo; for n in user mnt pid net ipc uts cgroup; do test "
		"$(readlink /proc/1/ns/$n) = $(readlink /proc/self/ns/$n) || echo other $n; done; grep "
		"-E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status; ls /proc/self/fd | tr '\\n' ' '; exit 5");
	exec_in(&b, &w, 0, &x);
	if (x.started.type != EXEC_STARTED)
		fail_msg("%s", x.started.err.msg);
	assert_string_equal(x.out,
		"sleep 1000 \nCapInh:\t0000000000000000\nCapPrm:\t00000000a80425fb\n"
		"CapEff:\t00000000a80425fb\nCapBnd:\t00000000a80425fb\nCapAmb:\t0000000000000000\n"
		"NoNewPrivs:\t1\nSeccomp:\t2\n0 1 2 3 ");
	assert_int_equal(x.ended.type, EXEC_EXITED);
	assert_int_equal(x.ended.status, 5);

	w = command(
		"id -u; id -g; pwd; echo $HOME; grep CapEff /proc/self/status; echo y >/dev/stdout");
	spec_add_str(&w, SPEC_USER, "web");
	spec_add_str(&w, SPEC_CWD, "/tmp");
	exec_in(&b, &w, 0, &x);
	assert_string_equal(x.out, "1000\n1000\n/tmp\n/home/web\nCapEff:\t0000000000000000\ny\n");

	w = command("tty; echo x >/dev/tty; kill -9 $$");
	memset(x.out, 0, sizeof(x.out));
	exec_in(&b, &w, KEEPER_EXEC_TTY, &x);
	assert_string_equal(x.out, "/dev/pts/0\r\nx\r\n");
	assert_int_equal(x.ended.status, 137);

	w = command("grep CapEff /proc/self/status");
	exec_in(&b, &w, KEEPER_EXEC_PRIVILEGED, &x);
	assert_string_equal(x.out, "CapEff:\t000001ffffffffff\n");

	w = command("true");
	spec_add_str(&w, SPEC_CWD, "/proc/self/fd/3");
	exec_in(&b, &w, 0, &x);
	assert_int_equal(x.started.type, EXEC_FAILED);
	assert_non_null(strstr(x.started.err.msg, "chdir to cwd (\"/proc/self/fd/3\")"));
	spec_init(&w);
	spec_add_str(&w, SPEC_ARG, "nope");
	exec_in(&b, &w, 0, &x);
	assert_int_equal(x.started.type, EXEC_FAILED);
	assert_non_null(
		strstr(x.started.err.msg, "exec: \"nope\": executable file not found in $PATH"));
	assert_int_equal(sys_pidfd_signal(b.pidfd, SIGKILL), 0);
	(void)finish(&b);
	done(&b);
}

static void a_guardian_kills_when_asked(void **state)
{
	struct runtime_exec_plan p;
	struct exec_report r = { 0 };
	struct spec_writer w;
	struct err e = { 0 };
	struct box b;
	int report[2], fd, status;
	pid_t pid;

	(void)state;
	need_root();
	b = box("sleep", "1000", NULL);
	assert_true(start(&b));
	w = command("trap '' TERM; while :; do sleep 100; done");
	spec_add_str(&w, SPEC_USER, "web");
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, report), 0);
	fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	p = (struct runtime_exec_plan){ .grant = &b.grant,
		.spec = spec_seal(&w, &e),
		.report = report[1],
		.stdio = { fd, fd, fd },
		.init_pidfd = b.pidfd,
		.init_pid = b.report.pid,
		.id_base = b.report.id_base };
	pid = fork();
	if (pid == 0)
		runtime_exec(&p);
	(void)close(report[1]);
	(void)close(p.spec);
	(void)close(fd);
	assert_int_equal(receive(report[0], &r, sizeof(r), &fd), sizeof(r));
	assert_int_equal(r.type, EXEC_STARTED);
	r = (struct exec_report){ .type = EXEC_KILL };
	assert_int_equal(send(report[0], &r, sizeof(r), 0), sizeof(r));
	assert_int_equal(receive(report[0], &r, sizeof(r), &fd), sizeof(r));
	assert_int_equal(r.type, EXEC_EXITED);
	assert_int_equal(r.status, 137);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	(void)close(report[0]);
	spec_done(&w);
	assert_int_equal(sys_pidfd_signal(b.pidfd, SIGKILL), 0);
	(void)finish(&b);
	done(&b);
}

/* ---- shared namespaces ----------------------------------------------------------------------- */

static void containers_join_each_other(void **state)
{
	struct box a, b;

	(void)state;
	need_root();
	a = box("sh", "-c", "echo shared >/dev/shm/x; exec sleep 1000", NULL);
	assert_true(start(&a));
	b = box("sh", "-c",
		"cat /proc/1/comm; for i in 1 2 3 4 5 6 7 8 9; do test -e /dev/shm/x || sleep 1; done; "
		"cat /dev/shm/x; grep -c lo: /proc/net/dev; head -c 9 /proc/self/cgroup >/dev/null",
		NULL);
	b.net_of = b.pid_of = b.ipc_of = a.pidfd;
	b.grant.netns = b.grant.pidns = b.grant.ipcns = KEEPER_NS_CONTAINER;
	b.joined_base = a.report.id_base;
	(void)run(&b);
	assert_string_equal(b.result->out, "sleep\nshared\n1\n");
	assert_int_equal(b.report.id_base, a.report.id_base);
	done(&b);
	assert_int_equal(sys_pidfd_signal(a.pidfd, SIGKILL), 0);
	(void)finish(&a);
	done(&a);
}

static void the_hosts_user_namespace_is_limited(void **state)
{
	struct box b;

	(void)state;
	need_root();
	b = box("sh", "-c",
		"cat /proc/self/uid_map | tr -s ' '; grep -E 'CapEff|CapBnd|NoNewPrivs' /proc/self/status; "
		"mknod /tmp/d b 254 0 2>/dev/null && (head -c 1 /tmp/d >/dev/null) 2>/dev/null && echo leaked; "
		"mknod /dev/d b 254 0 2>/dev/null && (head -c 1 /dev/d >/dev/null) 2>/dev/null && echo leaked; "
		"head -c 1 /dev/zero | wc -c; ls /proc/1/exe",
		NULL);
	b.grant.userns = KEEPER_NS_HOST;
	b.grant.netns = b.grant.ipcns = KEEPER_NS_HOST;
	(void)run(&b);
	assert_int_equal(b.report.id_base, 0);
	assert_true(b.result->uid >= IDS_FIRST);
	assert_string_equal(b.result->out,
		" 0 0 4294967295\nCapEff:\t00000000a80425fb\nCapBnd:\t00000000a80425fb\nNoNewPrivs:\t1\n"
		"1\n/proc/1/exe\n");
	done(&b);
	b = box("true", NULL);
	b.grant.netns = KEEPER_NS_HOST;
	expect_failure(b, ERR_UNSUPPORTED, "--userns=host");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_terminal_is_one),
		cmocka_unit_test(the_reaper_reaps_and_forwards),
		cmocka_unit_test(exec_joins_everything),
		cmocka_unit_test(a_guardian_kills_when_asked),
		cmocka_unit_test(containers_join_each_other),
		cmocka_unit_test(the_hosts_user_namespace_is_limited),
	};

	BOX_MAIN("join", tests);
}
