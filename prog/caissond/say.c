#include "say.h"

#include <stdarg.h>

static bool debug;

static const char *const names[] = { "error", "warning", "info", "debug" };

void say_set_debug(bool on)
{
	debug = on;
}

void say(enum say_level level, const char *msg, const char *fmt, ...)
{
	char line[1536], pairs[640], stamp[CLOCK_TEXT];
	va_list ap;
	int n;

	if (level == SAY_DEBUG && !debug)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(pairs, sizeof(pairs), fmt, ap);
	va_end(ap);
	n = snprintf(line, sizeof(line), "time=\"%s\" level=%s msg=\"%.700s\"%s%s\n",
		clock_rfc3339(clock_wall_ns(), stamp), names[level], msg, pairs[0] ? " " : "",
		pairs);
	(void)!fd_write_all(STDERR_FILENO, line, MIN((size_t)n, sizeof(line) - 1));
}

void say_err(enum say_level level, const char *about, const struct err *e)
{
	char msg[ERR_MSG_MAX + 128];

	(void)snprintf(msg, sizeof(msg), "%.100s: %s", about, e->msg);
	for (char *c = msg; *c; c++)
		if (*c == '"')
			*c = '\'';
	say(level, msg, "%s", "");
}
