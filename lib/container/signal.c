#include "container/container-int.h"

#include <signal.h>

static const struct {
	const char *name;
	int number;
} signals[] = {
	{ "ABRT", SIGABRT },
	{ "ALRM", SIGALRM },
	{ "BUS", SIGBUS },
	{ "CHLD", SIGCHLD },
	{ "CLD", SIGCHLD },
	{ "CONT", SIGCONT },
	{ "FPE", SIGFPE },
	{ "HUP", SIGHUP },
	{ "ILL", SIGILL },
	{ "INT", SIGINT },
	{ "IO", SIGIO },
	{ "IOT", SIGIOT },
	{ "KILL", SIGKILL },
	{ "PIPE", SIGPIPE },
	{ "POLL", SIGPOLL },
	{ "PROF", SIGPROF },
	{ "PWR", SIGPWR },
	{ "QUIT", SIGQUIT },
	{ "SEGV", SIGSEGV },
	{ "STKFLT", SIGSTKFLT },
	{ "STOP", SIGSTOP },
	{ "SYS", SIGSYS },
	{ "TERM", SIGTERM },
	{ "TRAP", SIGTRAP },
	{ "TSTP", SIGTSTP },
	{ "TTIN", SIGTTIN },
	{ "TTOU", SIGTTOU },
	{ "URG", SIGURG },
	{ "USR1", SIGUSR1 },
	{ "USR2", SIGUSR2 },
	{ "VTALRM", SIGVTALRM },
	{ "WINCH", SIGWINCH },
	{ "XCPU", SIGXCPU },
	{ "XFSZ", SIGXFSZ },
};

enum { RT_MIN = 34, RT_MAX = 64 }; /* as libc and docker count them */

static int parse_realtime(struct str s)
{
	uint32_t n;

	if (str_ieq(s, STR("RTMIN")))
		return RT_MIN;
	if (str_ieq(s, STR("RTMAX")))
		return RT_MAX;
	if (s.n < 7)
		return -EINVAL;
	if (!num_u32((struct str){ s.p + 6, s.n - 6 }, RT_MAX - RT_MIN, &n))
		return -EINVAL;
	if (str_ieq((struct str){ s.p, 6 }, STR("RTMIN+")))
		return RT_MIN + (int)n;
	if (str_ieq((struct str){ s.p, 6 }, STR("RTMAX-")))
		return RT_MAX - (int)n;
	return -EINVAL;
}

int signal_parse(const char *text, struct err *e)
{
	struct str s = str_of(text);
	uint32_t n;
	int r;

	if (num_u32(s, 64, &n)) {
		if (n > 0)
			return (int)n;
		return err_set(e, ERR_INVALID, 0, "invalid signal: %s", text);
	}
	if (s.n > 3 && strncasecmp(s.p, "SIG", 3) == 0)
		s = (struct str){ s.p + 3, s.n - 3 };
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		if (str_ieq(s, str_of(signals[i].name)))
			return signals[i].number;
	r = parse_realtime(s);
	return r > 0 ? r : err_set(e, ERR_INVALID, 0, "invalid signal: %s", text);
}
