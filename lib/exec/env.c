/* The environment of a new process in a container, as docker composes it. */
#include "exec/exec-int.h"

static struct str name_of(const char *entry)
{
	struct str s = str_of(entry);

	return str_cut(&s, '=');
}

static bool find(const json_t *env, struct str name, size_t *ret_at)
{
	for (size_t i = 0; i < json_array_size(env); i++) {
		if (str_eq(name_of(json_string_value(json_array_get(env, i))), name)) {
			*ret_at = i;
			return true;
		}
	}
	return false;
}

void exec_env_merge(json_t *env, const json_t *over)
{
	size_t at;

	for (size_t i = 0; i < json_array_size(over); i++) {
		json_t *v = json_array_get(over, i);
		const char *text = json_string_value(v);
		bool there;

		if (!text)
			continue;
		there = find(env, name_of(text), &at);
		if (!strchr(text, '=')) {
			if (there)
				(void)json_array_remove(env, at);
		} else if (there) {
			(void)json_array_set(env, at, v);
		} else {
			(void)json_array_append(env, v);
		}
	}
}

json_t *exec_env_base(const struct container *c, bool tty)
{
	const char *host = json_string_value(json_object_get(c->config, "Hostname"));
	json_t *env = json_array();

	(void)json_array_append_new(env,
		json_string("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"));
	(void)json_array_append_new(env, json_sprintf("HOSTNAME=%s", host ? host : ""));
	if (tty)
		(void)json_array_append_new(env, json_string("TERM=xterm"));
	exec_env_merge(env, json_object_get(c->config, "Env"));
	return env;
}
