/*
 * caisson-engine - the Docker Engine API, without any rights.  Started by caissond, which is at the
 * other end of descriptor KEEPER_FD; man/caisson-engine.8.
 */
#include "engine.h"

#include <linux/capability.h>
#include <malloc.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define STOP_GRACE_MS 1000

/* ---- may this process be the engine? --------------------------------------------------------- */

static bool has_capabilities(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };

	/* What cannot be asked counts as there. */
	if (syscall(SYS_capget, &head, data) < 0)
		return true;
	for (int i = 0; i < 2; i++)
		if (data[i].effective || data[i].permitted || data[i].inheritable)
			return true;
	return false;
}

static int check_rights(struct err *e)
{
	uid_t r, f, s;

	if (getresuid(&r, &f, &s) < 0 || r == 0 || f == 0 || s == 0)
		return err_set(e, ERR_DENIED, EPERM,
			"refusing to run as root: the engine parses what strangers send and must "
			"have no rights; start caissond instead");
	if (has_capabilities())
		return err_set(e, ERR_DENIED, EPERM,
			"refusing to run with capabilities: the engine must have none; start caissond "
			"instead");
	return 0;
}

static int check_link(struct err *e)
{
	int type = 0;
	socklen_t n = sizeof(type);

	if (getsockopt(KEEPER_FD, SOL_SOCKET, SO_TYPE, &type, &n) < 0 || type != SOCK_SEQPACKET)
		return err_set(e, ERR_INVALID, EBADF,
			"descriptor %d is not a link to the keeper: caisson-engine is started by "
			"caissond, not by hand",
			KEEPER_FD);
	return 0;
}

/* ---- start and end --------------------------------------------------------------------------- */

/* Many threads that mostly wait: two arenas, and free memory goes back early. */
static void settle_process(void)
{
	struct rlimit files;

	(void)umask(077);
	(void)mallopt(M_ARENA_MAX, 2);
	(void)mallopt(M_TRIM_THRESHOLD, 256 << 10);
	(void)mallopt(M_MMAP_THRESHOLD, 256 << 10);
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
}

/* Blocked before any thread exists, so that only wait_for_end() ever takes them. */
static void block_signals(sigset_t *ends)
{
	(void)signal(SIGPIPE, SIG_IGN);
	(void)sigemptyset(ends);
	(void)sigaddset(ends, SIGTERM);
	(void)sigaddset(ends, SIGINT);
	(void)pthread_sigmask(SIG_BLOCK, ends, NULL);
}

static void wait_for_end(const sigset_t *ends)
{
	int signal;

	while (sigwait(ends, &signal) != 0)
		continue;
}

static int start(struct link *l, struct err *e)
{
	struct http_server_options o = { .handler = link_handle,
		.arg = l,
		.server_name = "Caisson/" CAISSON_VERSION " (linux)" };
	int r = boot_receive(KEEPER_FD, &l->boot, e);

	if (r == 0)
		r = http_server_start(&o, &l->server, e);
	if (r == 0)
		r = keeper_open(KEEPER_FD, link_notify, l, &l->engine.keeper, e);
	if (r == 0)
		r = engine_open(&l->engine, &l->boot, e);
	if (r == 0)
		link_open(l);
	return r;
}

static int run(void)
{
	static struct link l = { .lock = PTHREAD_MUTEX_INITIALIZER,
		.opened = PTHREAD_COND_INITIALIZER };
	struct err e = { 0 };
	sigset_t ends;
	int r = check_rights(&e);

	if (r == 0)
		r = check_link(&e);
	if (r == 0) {
		settle_process();
		block_signals(&ends);
		r = start(&l, &e);
	}
	if (r < 0) {
		say("%s", e.msg);
		return 1;
	}
	wait_for_end(&ends);
	http_server_stop(l.server, STOP_GRACE_MS);
	/* Not closed: threads that still use it (health checks, restarts) end with the process,
	 * and every write to it was complete when it returned. */
	link_end(&l);
}

int main(int argc, char **argv)
{
	static const char usage[] =
		"caisson-engine - the unprivileged part of Caisson that answers docker\n\n"
		"It is started by caissond, which see; run by hand it can only say\n"
		"  --help     this text\n"
		"  --version  its version\n";

	if (argc == 1)
		return run();
	if (argc == 2 && streq(argv[1], "--help"))
		return fputs(usage, stdout) < 0;
	if (argc == 2 && streq(argv[1], "--version"))
		return puts("caisson-engine " CAISSON_VERSION) < 0;
	say("unknown argument \"%s\"; --help says more", argv[1]);
	return 2;
}
