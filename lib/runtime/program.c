#include <fcntl.h>
#include <limits.h>

#include "runtime/runtime-int.h"

const char *program_strerror(int sys)
{
	static char text[64];

	(void)snprintf(text, sizeof(text), "%s", strerror(sys));
	if (text[0] >= 'A' && text[0] <= 'Z' && !(text[1] >= 'A' && text[1] <= 'Z'))
		text[0] = (char)(text[0] | 0x20);
	return text;
}

/* 0, or the errno that Go's exec.LookPath reports for this file; *ret_stat tells whether stat said
 * so (its message names the call). */
static int check(const char *file, bool *ret_stat)
{
	struct stat st;

	*ret_stat = stat(file, &st) < 0;
	if (*ret_stat)
		return errno;
	if (S_ISDIR(st.st_mode))
		return EISDIR;
	if (!(st.st_mode & 0111) || faccessat(AT_FDCWD, file, X_OK, AT_EACCESS) < 0)
		return EACCES;
	return 0;
}

static int not_in_path(const char *name, struct err *e)
{
	return err_set(
		e, ERR_NOT_FOUND, 0, "exec: \"%.300s\": executable file not found in $PATH", name);
}

static int find_at(const char *name, char *out, size_t size, struct err *e)
{
	bool by_stat;
	int sys = check(name, &by_stat);

	if (sys == 0 && str_copy(out, size, str_of(name)))
		return 0;
	if (sys == 0)
		sys = ENAMETOOLONG;
	return err_set(e, sys == ENOENT ? ERR_NOT_FOUND : ERR_DENIED, sys,
		"exec: \"%.200s\": %s%.200s%s%s", name, by_stat ? "stat " : "", by_stat ? name : "",
		by_stat ? ": " : "", program_strerror(sys));
}

int program_find(const char *name, const char *path, char *out, size_t size, struct err *e)
{
	struct str rest = str_of(path ? path : "");

	if (strchr(name, '/'))
		return find_at(name, out, size, e);
	if (!*name)
		return not_in_path(name, e);
	while (rest.p) {
		struct str dir = str_cut(&rest, ':');
		char file[PATH_MAX];
		bool by_stat;
		int n;

		/* Relative entries: never search where the image's user may write unseen. */
		if (dir.n == 0 || dir.p[0] != '/')
			continue;
		n = snprintf(file, sizeof(file), "%.*s/%s", STR_ARG(dir), name);
		if (n < 0 || (size_t)n >= sizeof(file) || check(file, &by_stat) != 0)
			continue;
		if (str_copy(out, size, str_of(file)))
			return 0;
	}
	return not_in_path(name, e);
}
