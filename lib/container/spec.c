#include "container/container-int.h"

#include "seccomp/seccomp.h"

#include <fcntl.h>

#define DEFAULT_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static void add_strings(struct spec_writer *w, enum spec_type type, const json_t *list)
{
	json_t *v;
	size_t i;

	json_array_foreach(list, i, v) spec_add_str(w, type, json_string_value(v));
}

/* True when the user's list sets name, or takes it away ("NAME" without a value). */
static bool env_has(const json_t *env, const char *name)
{
	size_t n = strlen(name), i;
	json_t *v;

	json_array_foreach(env, i, v)
	{
		const char *s = json_string_value(v);

		if (strncmp(s, name, n) == 0 && (s[n] == '=' || !s[n]))
			return true;
	}
	return false;
}

/* Docker's order: PATH, HOSTNAME, TERM with a tty, then what the user and the image say. */
static void add_env(struct spec_writer *w, const json_t *config)
{
	const json_t *env = json_object_get(config, "Env");
	char text[128];
	json_t *v;
	size_t i;

	if (!env_has(env, "PATH"))
		spec_add_str(w, SPEC_ENV, DEFAULT_PATH);
	(void)snprintf(text, sizeof(text), "HOSTNAME=%s", jstr(config, "Hostname"));
	if (!env_has(env, "HOSTNAME"))
		spec_add_str(w, SPEC_ENV, text);
	if (jbool(config, "Tty") && !env_has(env, "TERM"))
		spec_add_str(w, SPEC_ENV, "TERM=xterm");
	json_array_foreach(env, i, v) if (strchr(json_string_value(v), '='))
		spec_add_str(w, SPEC_ENV, json_string_value(v));
}

static void add_pair(struct spec_writer *w, enum spec_type type, const char *a, const char *b)
{
	auto_buf struct buf pair = BUF(64u << 10);

	buf_add(&pair, a, strlen(a) + 1);
	buf_z(&pair, b);
	if (!buf_bad(&pair))
		spec_add(w, type, pair.p, pair.n);
}

/* A tmpfs given as a mount, in --tmpfs words. */
static void add_mount(struct spec_writer *w, const json_t *m)
{
	const json_t *o = json_object_get(m, "TmpfsOptions"), *v, *word;
	auto_buf struct buf b = BUF(4096);
	size_t i, j;

	buf_z(&b, jbool(m, "ReadOnly") ? "ro" : "rw");
	if (jint(o, "SizeBytes") > 0)
		buf_fmt(&b, ",size=%lld", (long long)jint(o, "SizeBytes"));
	if (jint(o, "Mode") > 0)
		buf_fmt(&b, ",mode=%llo", (unsigned long long)jint(o, "Mode"));
	/* [["noexec"],["uid","1000"]] */
	json_array_foreach(json_object_get(o, "Options"), i, v)
		json_array_foreach(v, j, word) if (json_is_string(word))
			buf_fmt(&b, "%c%s", j ? '=' : ',', json_string_value(word));
	if (!buf_bad(&b))
		add_pair(w, SPEC_TMPFS, jstr(m, "Target"), b.p);
}

static void add_mounts(struct spec_writer *w, const json_t *host)
{
	const char *key;
	bool none = streq(jstr(host, "IpcMode"), "none");
	uint64_t shm = none ? 0 : (uint64_t)jint(host, "ShmSize");
	json_t *v;
	size_t i;

	json_object_foreach(json_object_get(host, "Tmpfs"), key, v)
		add_pair(w, SPEC_TMPFS, key, json_string_value(v));
	json_array_foreach(json_object_get(host, "Mounts"), i, v) add_mount(w, v);
	add_strings(w, SPEC_MASK, json_object_get(host, "MaskedPaths"));
	add_strings(w, SPEC_READONLY, json_object_get(host, "ReadonlyPaths"));
	spec_add(w, SPEC_SHM_SIZE, &shm, sizeof(shm));
}

static void add_rlimits(struct spec_writer *w, const json_t *host)
{
	struct spec_rlimit rl;
	struct err ignore;
	json_t *v;
	size_t i;

	json_array_foreach(json_object_get(host, "Ulimits"), i, v)
	{
		if (ulimit_parse(v, &rl, &ignore) == 0)
			spec_add(w, SPEC_RLIMIT, &rl, sizeof(rl));
	}
}

static void add_sysctls(struct spec_writer *w, const json_t *host)
{
	const char *key;
	char text[512];
	json_t *v;

	json_object_foreach(json_object_get(host, "Sysctls"), key, v)
	{
		(void)snprintf(text, sizeof(text), "%s=%s", key, json_string_value(v));
		spec_add_str(w, SPEC_SYSCTL, text);
	}
}

/* The program made when the container was created; absent: the prebuilt one, or none. */
static int add_seccomp(struct spec_writer *w, const struct container *c, struct err *e)
{
	auto_close int fd = openat(c->dir, "seccomp.bpf", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	auto_buf struct buf b = BUF(SECCOMP_PROGRAM_MAX * sizeof(struct sock_filter));

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 || buf_read_fd(&b, fd) < 0)
		return err_set(e, ERR_SYSTEM, EIO, "reading the container's seccomp program");
	spec_add(w, SPEC_SECCOMP, b.p, b.n);
	return 0;
}

static void add_process(struct spec_writer *w, const json_t *config, const json_t *host)
{
	const json_t *size = json_object_get(host, "ConsoleSize");
	uint32_t console[2] = { (uint32_t)json_integer_value(json_array_get(size, 0)),
		(uint32_t)json_integer_value(json_array_get(size, 1)) };

	add_strings(w, SPEC_ARG, json_object_get(config, "Entrypoint"));
	add_strings(w, SPEC_ARG, json_object_get(config, "Cmd"));
	add_env(w, config);
	spec_add_str(w, SPEC_CWD, *jstr(config, "WorkingDir") ? jstr(config, "WorkingDir") : "/");
	spec_add_str(w, SPEC_USER, jstr(config, "User"));
	add_strings(w, SPEC_GROUP_ADD, json_object_get(host, "GroupAdd"));
	if (jbool(host, "Init"))
		spec_add(w, SPEC_INIT, "", 0);
	if (jbool(config, "Tty") && console[0] && console[1])
		spec_add(w, SPEC_CONSOLE, console, sizeof(console));
}

int container_spec_more(struct container *c, struct spec_writer *w, struct err *e)
{
	int r;

	pthread_mutex_lock(&c->lock);
	add_strings(w, SPEC_GROUP_ADD, json_object_get(c->host_config, "GroupAdd"));
	add_rlimits(w, c->host_config);
	r = add_seccomp(w, c, e);
	pthread_mutex_unlock(&c->lock);
	return r;
}

/* Under lock. */
int spec_memfd(struct container *c, struct err *e)
{
	struct spec_writer w;
	uint64_t caps = 0;
	int r;

	spec_init(&w);
	add_process(&w, c->config, c->host_config);
	if (!streq(jstr(c->host_config, "UTSMode"), "host"))
		spec_add_str(&w, SPEC_HOSTNAME, jstr(c->config, "Hostname"));
	if (*jstr(c->config, "Domainname"))
		spec_add_str(&w, SPEC_DOMAINNAME, jstr(c->config, "Domainname"));
	spec_add_files(&w, c);
	add_mounts(&w, c->host_config);
	add_rlimits(&w, c->host_config);
	add_sysctls(&w, c->host_config);
	r = caps_parse(c->host_config, &caps, e);
	spec_add(&w, SPEC_CAPS, &caps, sizeof(caps));
	if (r == 0)
		r = add_seccomp(&w, c, e);
	if (r == 0)
		r = spec_seal(&w, e);
	spec_done(&w);
	return r;
}
