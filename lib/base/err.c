#include <stdarg.h>

/* What each kind means outside: the HTTP status, and the errno a bare kind stands for. */
static const struct {
	int status;
	int sys;
} kinds[ERR_KINDS] = {
	[ERR_NONE] = { 200, EIO },
	[ERR_INVALID] = { 400, EINVAL },
	[ERR_UNAUTHORIZED] = { 401, EACCES },
	[ERR_DENIED] = { 403, EPERM },
	[ERR_NOT_FOUND] = { 404, ENOENT },
	[ERR_CONFLICT] = { 409, EBUSY },
	[ERR_LIMIT] = { 413, EMSGSIZE },
	[ERR_UNTRUSTED] = { 500, EBADMSG },
	[ERR_CORRUPT] = { 400, EBADMSG },
	[ERR_UNSUPPORTED] = { 501, EOPNOTSUPP },
	[ERR_UNAVAILABLE] = { 503, EAGAIN },
	[ERR_SYSTEM] = { 500, EIO },
};

static void scrub(char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < ' ' || *s == 127)
			*s = ' ';
}

int err_set(struct err *e, enum err_kind kind, int sys, const char *fmt, ...)
{
	va_list ap;
	size_t n;

	BUG_ON(kind <= ERR_NONE || kind >= ERR_KINDS || sys < 0);
	if (e) {
		*e = (struct err){ .kind = (int32_t)kind, .sys = sys };
		va_start(ap, fmt);
		(void)vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
		va_end(ap);
		n = strlen(e->msg);
		if (sys && kind == ERR_SYSTEM)
			(void)snprintf(e->msg + n, sizeof(e->msg) - n, ": %s", strerror(sys));
		scrub(e->msg);
	}
	return -(sys ? sys : kinds[kind].sys);
}

int err_wrap(struct err *e, const char *fmt, ...)
{
	char head[ERR_MSG_MAX], tail[ERR_MSG_MAX];
	size_t n;
	va_list ap;

	if (!e)
		return -EIO;
	va_start(ap, fmt);
	(void)vsnprintf(head, sizeof(head), fmt, ap);
	va_end(ap);
	memcpy(tail, e->msg, sizeof(tail));
	n = (size_t)snprintf(e->msg, sizeof(e->msg), "%.400s: ", head);
	(void)snprintf(e->msg + n, sizeof(e->msg) - n, "%.*s", (int)(sizeof(e->msg) - n - 1), tail);
	scrub(e->msg);
	return err_errno(e);
}

int err_errno(const struct err *e)
{
	if (e->sys > 0)
		return -e->sys;
	return -kinds[e->kind].sys;
}

int err_http_status(enum err_kind kind)
{
	BUG_ON(kind >= ERR_KINDS);
	return kinds[kind].status;
}

void err_sanitize(struct err *e)
{
	if (e->kind <= ERR_NONE || e->kind >= ERR_KINDS)
		e->kind = ERR_SYSTEM;
	if (e->sys < 0 || e->sys > 4095)
		e->sys = EIO;
	e->msg[sizeof(e->msg) - 1] = '\0';
	scrub(e->msg);
}
