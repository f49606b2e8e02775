#include "api/system-int.h"

#include <sys/stat.h>
#include <sys/utsname.h>

static int ping(struct api_call *c, struct err *e)
{
	(void)e;
	http_header_add(c->x, "Cache-Control", "no-cache, no-store, must-revalidate");
	http_header_add(c->x, "Pragma", "no-cache");
	http_header_add(c->x, "Swarm", "inactive");
	(void)http_reply(c->x, 200, "text/plain; charset=utf-8", STR("OK"));
	return 0;
}

/* When the program was built, as far as its file knows. */
static void build_time(char out[CLOCK_TEXT])
{
	struct stat st;

	if (stat("/proc/self/exe", &st) < 0)
		st.st_mtim = (struct timespec){ 0 };
	(void)clock_rfc3339(
		(uint64_t)st.st_mtim.tv_sec * NS_PER_SEC + (uint64_t)st.st_mtim.tv_nsec, out);
}

/* Go's name of the architecture, which docker's clients expect here. */
static const char *go_arch(const char *machine)
{
	static const char *const t[][2] = { { "x86_64", "amd64" }, { "aarch64", "arm64" },
		{ "armv7l", "arm" }, { "i686", "386" } };

	for (size_t i = 0; i < ARRAY_SIZE(t); i++)
		if (streq(t[i][0], machine))
			return t[i][1];
	return machine;
}

/* Docker names the Go version here; nothing of Caisson is written in Go, so the compiler. */
#define COMPILER "none (C, " __VERSION__ ")"

static int version(struct api_call *c, struct err *e)
{
	auto_json json_t *doc = NULL;
	char built[CLOCK_TEXT], link[16];
	struct utsname u = { 0 };
	const char *arch;

	(void)e;
	(void)uname(&u);
	arch = go_arch(u.machine);
	build_time(built);
	(void)snprintf(link, sizeof(link), "%u", c->engine->boot.version);
	doc = json_pack(
		"{s:{s:s},s:[{s:s,s:s,s:{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s}},{s:s,s:s,s:{s:s}}],"
		"s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s}",
		"Platform", "Name", "Caisson", "Components", "Name", "Engine", "Version",
		CAISSON_VERSION, "Details", "ApiVersion", API_VERSION, "Arch", arch, "BuildTime",
		built, "Experimental", "false", "GitCommit", CAISSON_COMMIT, "GoVersion", COMPILER,
		"KernelVersion", u.release, "MinAPIVersion", API_VERSION_MIN, "Os", "linux", "Name",
		"caissond", "Version", CAISSON_VERSION, "Details", "Protocol", link, "Version",
		CAISSON_VERSION, "ApiVersion", API_VERSION, "MinAPIVersion", API_VERSION_MIN,
		"GitCommit", CAISSON_COMMIT, "GoVersion", COMPILER, "Os", "linux", "Arch", arch,
		"KernelVersion", u.release, "BuildTime", built);
	return api_reply_json(c, 200, doc);
}

const struct api_route api_system_routes[] = {
	{ "GET", "/_ping", ping },
	{ "HEAD", "/_ping", ping },
	{ "GET", "/version", version },
	{ "GET", "/info", api_info },
	{ "GET", "/events", api_events },
	{ "GET", "/system/df", api_df },
	{ NULL },
};
