#include "container/container-int.h"

enum { EXIT_DENIED = 126, EXIT_NOT_FOUND = 127, EXIT_OTHER = 128 };

/* What docker's engine looks for in a runtime's message, in its order.  The docker command reads
 * the same words to choose its own exit code. */
static const struct {
	const char *words;
	int code;
	const char *add; /* docker adds this, for its own command to find */
} table[] = {
	{ "permission denied", EXIT_DENIED, NULL },
	{ "is a directory", EXIT_DENIED, "permission denied" },
	{ "not a directory", EXIT_NOT_FOUND,
		"Are you trying to mount a directory onto a file (or vice-versa)? Check if the "
		"specified host path exists and is the expected type" },
	{ "executable file not found", EXIT_NOT_FOUND, NULL },
	{ "no such file or directory", EXIT_NOT_FOUND, NULL },
};

#define PREFIX                                                                                     \
	"failed to create task for container: failed to create shim task: OCI runtime create "     \
	"failed: runc create failed: unable to start container process: "

static size_t match(const char *msg)
{
	size_t i = 0;

	while (i < ARRAY_SIZE(table) && !strcasestr(msg, table[i].words))
		i++;
	return i;
}

int start_error_code(const char *msg)
{
	size_t i = match(msg);

	return i < ARRAY_SIZE(table) ? table[i].code : EXIT_OTHER;
}

/* Turns the keeper's message into the whole sentence docker's users and scripts know; returns the
 * exit code of the container. */
int start_error_fill(struct err *e)
{
	char text[ERR_MSG_MAX];
	size_t i = match(e->msg);
	const char *add = i < ARRAY_SIZE(table) ? table[i].add : NULL;

	/* refusals of the floor policy and of limits are not the program's fault: as they are */
	if (i == ARRAY_SIZE(table) && e->kind == ERR_DENIED)
		return EXIT_OTHER;
	memcpy(text, e->msg, sizeof(text));
	err_set(e, i < ARRAY_SIZE(table) ? ERR_INVALID : ERR_SYSTEM, 0,
		PREFIX "%.200s: unknown%s%s", text, add ? ": " : "", add ? add : "");
	return i < ARRAY_SIZE(table) ? table[i].code : EXIT_OTHER;
}
