#include "oci/oci.h"

static struct str next_word(struct str *s)
{
	struct str all = str_trim(*s);
	size_t n = 0;

	while (n < all.n && all.p[n] != ' ' && all.p[n] != '\t')
		n++;
	*s = str_trim((struct str){ all.p + n, all.n - n });
	return (struct str){ all.p, n };
}

static json_t *text(struct str s)
{
	json_t *v = json_stringn(s.p ? s.p : "", s.n);

	return v ? v : json_string(""); /* not UTF-8 */
}

/* A word where quotes and backslashes may hide blanks; gives. */
static char *quoted_word(struct str *s)
{
	struct buf out = BUF(JSON_INPUT_MAX);
	char quote = 0;
	size_t i = 0;

	for (; i < s->n; i++) {
		char c = s->p[i];

		if (!quote && (c == ' ' || c == '\t'))
			break;
		if (c == '\\' && quote != '\'' && i + 1 < s->n)
			(void)buf_c(&out, s->p[++i]);
		else if (quote ? c == quote : c == '"' || c == '\'')
			quote = quote ? 0 : c;
		else
			(void)buf_c(&out, c);
	}
	*s = str_trim((struct str){ s->p + i, s->n - i });
	return out.p ? buf_steal(&out) : xstrdup("");
}

static json_t *member(json_t *config, const char *key, json_t *(*make)(void))
{
	json_t *v = json_object_get(config, key);

	if (!v || json_is_null(v)) {
		v = make();
		(void)json_object_set_new(config, key, v);
	}
	return v;
}

static void set_env(json_t *config, const char *name, const char *value)
{
	json_t *env = member(config, "Env", json_array), *old;
	auto_free char *pair = xasprintf("%s=%s", name, value);
	size_t i, n = strlen(name);

	json_array_foreach(env, i, old)
	{
		const char *s = json_string_value(old);

		if (s && strncmp(s, name, n) == 0 && s[n] == '=') {
			(void)json_array_set_new(env, i, text(str_of(pair)));
			return;
		}
	}
	(void)json_array_append_new(env, text(str_of(pair)));
}

static void set_label(json_t *config, const char *name, const char *value)
{
	(void)json_object_set_new(member(config, "Labels", json_object), name, text(str_of(value)));
}

/* NAME=VALUE ..., or the old form NAME VALUE. */
static int each_pair(struct str args, json_t *config, const char *what,
	void (*set)(json_t *, const char *, const char *), struct err *e)
{
	struct str probe = args, first = next_word(&probe);

	if (args.n == 0)
		return err_set(e, ERR_INVALID, EINVAL, "%s requires at least one argument", what);
	if (!memchr(first.p, '=', first.n)) {
		auto_free char *name = str_dup(first);
		auto_free char *value = str_dup(probe);

		if (probe.n == 0)
			return err_set(e, ERR_INVALID, EINVAL, "%s must have two arguments", what);
		set(config, name, value);
		return 0;
	}
	while (args.n) {
		auto_free char *word = quoted_word(&args);
		char *eq = strchr(word, '=');

		if (!eq || eq == word)
			return err_set(e, ERR_INVALID, EINVAL,
				"Syntax error - can't find = in \"%s\". Must be of the form: name=value",
				word);
		*eq = '\0';
		set(config, word, eq + 1);
	}
	return 0;
}

static int change_env(struct str args, json_t *config, const char *key, struct err *e)
{
	(void)key;
	return each_pair(args, config, "ENV", set_env, e);
}

static int change_label(struct str args, json_t *config, const char *key, struct err *e)
{
	(void)key;
	return each_pair(args, config, "LABEL", set_label, e);
}

static int parse_list(struct str args, json_t **ret)
{
	struct err ignored;
	json_t *v;

	if (args.n == 0 || args.p[0] != '[' || json_parse(args, &v, &ignored) < 0)
		return -EINVAL;
	for (size_t i = 0; i < json_array_size(v); i++)
		if (!json_is_string(json_array_get(v, i))) {
			json_decref(v);
			return -EINVAL;
		}
	*ret = v;
	return 0;
}

/* ["a","b"] is taken as it is, anything else is a shell's line. */
static int change_command(struct str args, json_t *config, const char *key, struct err *e)
{
	json_t *list = NULL;

	(void)e;
	if (parse_list(args, &list) < 0)
		list = args.n ? json_pack("[s,s,o]", "/bin/sh", "-c", text(args)) : json_array();
	(void)json_object_set_new(config, key, list);
	return 0;
}

static int change_shell(struct str args, json_t *config, const char *key, struct err *e)
{
	json_t *list;

	if (parse_list(args, &list) < 0)
		return err_set(
			e, ERR_INVALID, EINVAL, "SHELL requires the arguments to be in JSON form");
	(void)json_object_set_new(config, key, list);
	return 0;
}

static int change_text(struct str args, json_t *config, const char *key, struct err *e)
{
	if (args.n == 0)
		return err_set(e, ERR_INVALID, EINVAL, "%s requires exactly one argument", key);
	(void)json_object_set_new(config, key, text(args));
	return 0;
}

static int change_workdir(struct str args, json_t *config, const char *key, struct err *e)
{
	const char *old = json_string_value(json_object_get(config, key));
	auto_free char *joined = NULL;

	if (args.n == 0 || args.p[0] == '/')
		return change_text(args, config, key, e);
	joined = xasprintf("%s/%.*s", old && !streq(old, "/") ? old : "", STR_ARG(args));
	return change_text(str_of(joined), config, key, e);
}

static int change_ports(struct str args, json_t *config, const char *key, struct err *e)
{
	json_t *set = member(config, key, json_object);

	while (args.n) {
		struct str word = next_word(&args), proto = word, port = str_cut(&proto, '/');
		auto_free char *name = xasprintf("%.*s/%.*s", STR_ARG(port),
			proto.p ? (int)proto.n : 3, proto.p ? proto.p : "tcp");
		uint32_t n;

		if (!num_u32(port, 65535, &n) || n == 0)
			return err_set(e, ERR_INVALID, EINVAL, "invalid containerPort: %.*s",
				STR_ARG(word));
		(void)json_object_set_new(set, name, json_object());
	}
	return 0;
}

static int change_volumes(struct str args, json_t *config, const char *key, struct err *e)
{
	json_t *set = member(config, key, json_object), *list = NULL;

	if (args.n == 0)
		return err_set(e, ERR_INVALID, EINVAL, "VOLUME requires at least one argument");
	if (parse_list(args, &list) < 0) {
		list = json_array();
		while (args.n)
			(void)json_array_append_new(list, text(next_word(&args)));
	}
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *name = json_string_value(json_array_get(list, i));

		if (name && *name)
			(void)json_object_set_new(set, name, json_object());
	}
	json_decref(list);
	return 0;
}

static int change_onbuild(struct str args, json_t *config, const char *key, struct err *e)
{
	if (args.n == 0)
		return err_set(e, ERR_INVALID, EINVAL, "ONBUILD requires at least one argument");
	(void)json_array_append_new(member(config, key, json_array), text(args));
	return 0;
}

/* --interval=30s and the like, in nanoseconds; --retries=N.  *args goes on behind the flags. */
static int health_flags(struct str *args, json_t *health, struct err *e)
{
	static const struct {
		struct str flag;
		const char *key;
	} times[] = {
		{ STR("--interval"), "Interval" },
		{ STR("--timeout"), "Timeout" },
		{ STR("--start-period"), "StartPeriod" },
		{ STR("--start-interval"), "StartInterval" },
	};

	while (str_starts(*args, STR("--"))) {
		struct str value = next_word(args), flag = str_cut(&value, '=');
		const char *key = str_eq(flag, STR("--retries")) ? "Retries" : NULL;
		uint64_t v = 0;
		bool good;

		for (size_t i = 0; i < ARRAY_SIZE(times); i++)
			if (str_eq(flag, times[i].flag))
				key = times[i].key;
		if (!key)
			return err_set(e, ERR_INVALID, EINVAL, "unknown flag: %.*s", STR_ARG(flag));
		good = streq(key, "Retries") ? num_u64(value, INT32_MAX, &v)
					     : clock_parse_duration(value, &v);
		if (!value.p || !good || v > INT64_MAX)
			return err_set(e, ERR_INVALID, EINVAL, "invalid value for flag %.*s",
				STR_ARG(flag));
		(void)json_object_set_new(health, key, json_integer((json_int_t)v));
	}
	return 0;
}

/* What runs: CMD ["program"] as it is, CMD line by a shell, NONE. */
static int health_test(struct str args, json_t **ret, struct err *e)
{
	struct str kind = next_word(&args);

	if (str_ieq(kind, STR("NONE"))) {
		if (args.n)
			return err_set(
				e, ERR_INVALID, EINVAL, "HEALTHCHECK NONE takes no arguments");
		*ret = json_pack("[s]", "NONE");
		return 0;
	}
	if (!str_ieq(kind, STR("CMD")))
		return err_set(e, ERR_INVALID, EINVAL,
			"Unknown type \"%.*s\" in HEALTHCHECK (try CMD)", STR_ARG(kind));
	if (args.n == 0)
		return err_set(e, ERR_INVALID, EINVAL, "Missing command after HEALTHCHECK CMD");
	if (parse_list(args, ret) == 0)
		(void)json_array_insert_new(*ret, 0, json_string("CMD"));
	else
		*ret = json_pack("[s,o]", "CMD-SHELL", text(args));
	return 0;
}

static int change_health(struct str args, json_t *config, const char *key, struct err *e)
{
	auto_json json_t *health = json_object();
	json_t *test = NULL;
	int r = health_flags(&args, health, e);

	if (r == 0)
		r = health_test(args, &test, e);
	if (r < 0)
		return r;
	(void)json_object_set_new(health, "Test", test);
	(void)json_object_set(config, key, health);
	return 0;
}

static const struct change {
	const char *word, *key;
	int (*apply)(struct str args, json_t *config, const char *key, struct err *e);
} changes[] = {
	{ "CMD", "Cmd", change_command },
	{ "ENTRYPOINT", "Entrypoint", change_command },
	{ "ENV", "Env", change_env },
	{ "EXPOSE", "ExposedPorts", change_ports },
	{ "HEALTHCHECK", "Healthcheck", change_health },
	{ "LABEL", "Labels", change_label },
	{ "ONBUILD", "OnBuild", change_onbuild },
	{ "SHELL", "Shell", change_shell },
	{ "STOPSIGNAL", "StopSignal", change_text },
	{ "USER", "User", change_text },
	{ "VOLUME", "Volumes", change_volumes },
	{ "WORKDIR", "WorkingDir", change_workdir },
};

int oci_change_apply(struct str line, json_t *config, struct err *e)
{
	struct str args = line, word = next_word(&args);

	for (size_t i = 0; i < ARRAY_SIZE(changes); i++)
		if (str_ieq(word, str_of(changes[i].word)))
			return changes[i].apply(args, config, changes[i].key, e);
	return err_set(e, ERR_INVALID, EINVAL, "%.*s is not a valid change command", STR_ARG(word));
}
