/* Docker's exec create request. */
#include "exec/exec-int.h"

/* Cmd may be a list of strings or, from old clients, one string. */
static int parse_cmd(const json_t *body, json_t **ret, struct err *e)
{
	const json_t *v = json_object_get(body, "Cmd");
	json_t *list = NULL;
	int r;

	if (json_is_string(v)) {
		list = json_pack("[O]", v);
	} else {
		r = json_get_strings(body, "Cmd", &list, e);
		if (r < 0)
			return r;
		list = list ? json_copy(list) : NULL;
	}
	if (!list || json_array_size(list) == 0) {
		json_decref(list);
		return err_set(e, ERR_INVALID, 0, "No exec command specified");
	}
	*ret = list;
	return 0;
}

static int parse_size(const json_t *body, struct exec *x, struct err *e)
{
	json_t *size;
	int r = json_get_array(body, "ConsoleSize", &size, e);
	json_int_t h, w;

	if (r < 0 || !size)
		return r;
	h = json_integer_value(json_array_get(size, 0));
	w = json_integer_value(json_array_get(size, 1));
	if (json_array_size(size) != 2 || h < 0 || w < 0 || h > 65535 || w > 65535)
		return err_set(e, ERR_INVALID, 0,
			"invalid JSON: member \"ConsoleSize\" must be [height, width]");
	x->rows = (unsigned)h;
	x->cols = (unsigned)w;
	return 0;
}

static int parse_keys(const json_t *body, struct exec *x, struct err *e)
{
	const char *keys;
	int r = json_get_str(body, "DetachKeys", "", &keys, e);

	if (r < 0)
		return r;
	if (exec_keys_parse(str_of(keys), &x->keys) < 0)
		return err_set(e, ERR_INVALID, 0, "Invalid escape keys (%s) provided", keys);
	x->own_keys = *keys != '\0';
	return 0;
}

static int parse_flags(const json_t *body, struct exec *x, struct err *e)
{
	const struct {
		const char *name;
		bool *to;
	} flags[] = {
		{ "Tty", &x->tty },
		{ "Privileged", &x->privileged },
		{ "AttachStdin", &x->attach_in },
		{ "AttachStdout", &x->attach_out },
		{ "AttachStderr", &x->attach_err },
	};

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		int r = json_get_bool(body, flags[i].name, false, flags[i].to, e);

		if (r < 0)
			return r;
	}
	return 0;
}

static const char *config_str(const struct container *c, const char *key)
{
	const char *s = json_string_value(json_object_get(c->config, key));

	return s ? s : "";
}

/* Environment, user and directory: the container's, changed by the request's. */
static int inherit(const json_t *body, struct exec *x, struct err *e)
{
	struct container *c = x->c;
	const char *user, *cwd;
	json_t *env;
	int r;

	if ((r = json_get_str(body, "User", "", &user, e)) < 0 ||
		(r = json_get_str(body, "WorkingDir", "", &cwd, e)) < 0 ||
		(r = json_get_strings(body, "Env", &env, e)) < 0)
		return r;
	pthread_mutex_lock(&c->lock);
	x->env = exec_env_base(c, x->tty);
	x->user = xstrdup(*user ? user : config_str(c, "User"));
	x->cwd = xstrdup(*cwd ? cwd : config_str(c, "WorkingDir"));
	pthread_mutex_unlock(&c->lock);
	exec_env_merge(x->env, env);
	if (*x->cwd && *x->cwd != '/')
		return err_set(e, ERR_INVALID, 0, "Cwd must be an absolute path: \"%s\"", x->cwd);
	return 0;
}

int exec_create(struct exec_set *s, struct container *c, const json_t *body, struct exec **ret,
	struct err *e)
{
	auto_exec struct exec *x = NULL;
	json_t *cmd;
	int r = parse_cmd(body, &cmd, e);

	if (r < 0)
		return r;
	x = exec_new(s, c, cmd, NULL);
	if ((r = exec_check_running(x, e)) < 0 || (r = parse_flags(body, x, e)) < 0 ||
		(r = parse_size(body, x, e)) < 0 || (r = parse_keys(body, x, e)) < 0 ||
		(r = inherit(body, x, e)) < 0 || (r = exec_register(x, e)) < 0)
		return r;
	*ret = steal_ptr(&x);
	return 0;
}
