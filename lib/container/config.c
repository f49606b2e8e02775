#include "container/container-int.h"

/* Every member of Config in API 1.50, in docker's order. */
const struct field config_fields[] = {
	{ "Hostname", FIELD_STR },
	{ "Domainname", FIELD_STR },
	{ "User", FIELD_STR },
	{ "AttachStdin", FIELD_BOOL },
	{ "AttachStdout", FIELD_BOOL },
	{ "AttachStderr", FIELD_BOOL },
	{ "ExposedPorts", FIELD_OBJECT, FIELD_OMIT },
	{ "Tty", FIELD_BOOL },
	{ "OpenStdin", FIELD_BOOL },
	{ "StdinOnce", FIELD_BOOL },
	{ "Env", FIELD_STRS },
	{ "Cmd", FIELD_STRS_LOOSE },
	{ "Healthcheck", FIELD_OBJECT, FIELD_OMIT },
	{ "ArgsEscaped", FIELD_BOOL, FIELD_OMIT },
	{ "Image", FIELD_STR },
	{ "Volumes", FIELD_OBJECT, FIELD_LATER, "volumes come with a later version" },
	{ "WorkingDir", FIELD_STR },
	{ "Entrypoint", FIELD_STRS_LOOSE },
	{ "NetworkDisabled", FIELD_BOOL, FIELD_OMIT },
	{ "MacAddress", FIELD_STR, FIELD_OMIT | FIELD_LATER,
		"networks with hardware addresses come with a later version" },
	{ "OnBuild", FIELD_STRS },
	{ "Labels", FIELD_MAP },
	{ "StopSignal", FIELD_STR, FIELD_OMIT },
	{ "StopTimeout", FIELD_INT_NULL, FIELD_OMIT },
	{ "Shell", FIELD_STRS_LOOSE, FIELD_OMIT },
	{ NULL },
};

static const struct field health_fields[] = {
	{ "Test", FIELD_STRS, FIELD_OMIT },
	{ "Interval", FIELD_INT, FIELD_OMIT },
	{ "Timeout", FIELD_INT, FIELD_OMIT },
	{ "StartPeriod", FIELD_INT, FIELD_OMIT },
	{ "StartInterval", FIELD_INT, FIELD_OMIT },
	{ "Retries", FIELD_INT, FIELD_OMIT },
	{ NULL },
};

/* "NAME=value": true when the names are the same. */
static bool env_same(const char *a, const char *b)
{
	size_t n = strcspn(a, "=");

	return n == strcspn(b, "=") && memcmp(a, b, n) == 0;
}

static void merge_env(json_t *c, const json_t *image_env)
{
	json_t *env = json_object_get(c, "Env"), *v, *u;
	size_t i, j;

	if (!json_is_array(env)) {
		env = json_array();
		json_object_set_new(c, "Env", env);
	}
	json_array_foreach(image_env, i, v)
	{
		bool found = false;

		if (!json_is_string(v))
			continue;
		json_array_foreach(env, j, u)
			found = found || env_same(json_string_value(u), json_string_value(v));
		if (!found)
			json_array_append(env, v);
	}
}

/* Members of an object that the other lacks. */
static void merge_object(json_t *c, const char *key, const json_t *image)
{
	const json_t *more = json_object_get(image, key);
	json_t *mine = json_object_get(c, key);

	if (json_object_size(more) == 0)
		return;
	if (!json_is_object(mine))
		json_object_set_new(c, key, json_deep_copy(more));
	else
		json_object_update_missing(mine, (json_t *)more);
}

/* A checked copy of the image's array of strings; anything else counts as absent. */
static json_t *image_strings(const json_t *image, const char *key)
{
	json_t *list = json_object_get(image, key), *v;
	size_t i;

	json_array_foreach(list, i, v) if (!json_is_string(v)) return NULL;
	return json_is_array(list) ? json_deep_copy(list) : NULL;
}

/* An entrypoint of the user's own drops the image's command; an empty one ([]) drops the
 * image's entrypoint. */
static void merge_command(json_t *c, const json_t *image)
{
	json_t *entry = json_object_get(c, "Entrypoint"), *v;

	if (json_array_size(entry) > 0)
		return;
	if (json_array_size(json_object_get(c, "Cmd")) == 0 && (v = image_strings(image, "Cmd")))
		json_object_set_new(c, "Cmd", v);
	if (json_is_null(entry) && (v = image_strings(image, "Entrypoint")))
		json_object_set_new(c, "Entrypoint", v);
}

/* Member by member; the image's is read like the user's, and ignored when it makes no sense. */
static int merge_health(json_t *c, const json_t *image, struct err *e)
{
	auto_json json_t *out = json_object(), *theirs = json_object();
	json_t *mine = json_object_get(c, "Healthcheck");
	const json_t *img = json_object_get(image, "Healthcheck");
	struct err ignore;
	int r;

	if (mine && (r = fields_read(mine, health_fields, out, e)) < 0)
		return r;
	if (json_is_object(img) && fields_read(img, health_fields, theirs, &ignore) == 0)
		json_object_update_missing(out, theirs);
	if (json_object_size(out) == 0)
		json_object_del(c, "Healthcheck");
	else
		json_object_set(c, "Healthcheck", out);
	return 0;
}

static void merge_string(json_t *c, const char *key, const json_t *image)
{
	if (!*jstr(c, key) && *jstr(image, key))
		json_object_set_new(c, key, json_string(jstr(image, key)));
}

static int merge(json_t *c, const json_t *image, json_t *warnings, struct err *e)
{
	const char *volume;
	json_t *v;

	merge_string(c, "User", image);
	merge_string(c, "WorkingDir", image);
	merge_string(c, "StopSignal", image);
	merge_object(c, "ExposedPorts", image);
	merge_object(c, "Labels", image);
	merge_env(c, json_object_get(image, "Env"));
	merge_command(c, image);
	json_object_foreach(json_object_get(image, "Volumes"), volume, v) warn(warnings,
		"the image's volume \"%.200s\" is a directory of the container's own writable "
		"layer in this version: it goes with the container",
		volume);
	merge_object(c, "Volumes", image);
	return merge_health(c, image, e);
}

static int check_health(const json_t *c, struct err *e)
{
	static const char *const times[] = { "Interval", "Timeout", "StartPeriod",
		"StartInterval" };
	const json_t *h = json_object_get(c, "Healthcheck");

	for (size_t i = 0; i < ARRAY_SIZE(times); i++)
		if (jint(h, times[i]) != 0 && jint(h, times[i]) < 1000000)
			return err_set(e, ERR_INVALID, 0,
				"%s in Healthcheck cannot be less than 1ms", times[i]);
	if (jint(h, "Retries") < 0)
		return err_set(e, ERR_INVALID, 0, "Retries in Healthcheck cannot be negative");
	return 0;
}

static int check_hostname(const char *name, struct err *e)
{
	/* sethostname(2) takes 64 bytes; the name also goes into /etc/hosts */
	if (strlen(name) > 64 || strpbrk(name, " \t\r\n#/"))
		return err_set(e, ERR_INVALID, 0, "invalid hostname: \"%.100s\"", name);
	return 0;
}

int config_check(const json_t *c, struct err *e)
{
	json_t *v;
	size_t i;
	int r;

	if (*jstr(c, "WorkingDir") && jstr(c, "WorkingDir")[0] != '/')
		return err_set(e, ERR_INVALID, 0,
			"the working directory '%.200s' is invalid, it needs to be an absolute path",
			jstr(c, "WorkingDir"));
	if (*jstr(c, "StopSignal") && (r = signal_parse(jstr(c, "StopSignal"), e)) < 0)
		return r;
	json_array_foreach(json_object_get(c, "Env"), i,
		v) if (!*json_string_value(v) || *json_string_value(v) == '=') return err_set(e,
		ERR_INVALID, 0, "invalid environment variable: %.200s", json_string_value(v));
	r = check_hostname(jstr(c, "Hostname"), e);
	if (r == 0)
		r = check_hostname(jstr(c, "Domainname"), e);
	return r < 0 ? r : check_health(c, e);
}

int config_read(
	const json_t *body, const json_t *image, json_t **ret, json_t *warnings, struct err *e)
{
	auto_json json_t *c = json_object();
	int r = fields_read(body, config_fields, c, e);

	if (r == 0)
		r = config_check(c, e);
	if (r == 0)
		r = merge(c, image, warnings, e);
	if (r < 0)
		return r;
	if (!json_is_object(json_object_get(c, "Labels")))
		json_object_set_new(c, "Labels", json_object());
	if (json_array_size(json_object_get(c, "Cmd")) == 0 &&
		json_array_size(json_object_get(c, "Entrypoint")) == 0)
		return err_set(e, ERR_INVALID, 0, "no command specified");
	*ret = steal_ptr(&c);
	return 0;
}
