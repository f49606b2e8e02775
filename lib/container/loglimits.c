#include "container/container-int.h"

#include "log/log.h"

/* When nothing is said: as much as a million long lines, then the oldest goes. */
#define DEFAULT_BYTES (128ull << 20)
#define DEFAULT_FILES 8u
#define FILES_MAX     1000u
/* `--log-driver none`: what the shim must keep of its own ends up in one small file. */
#define NONE_BYTES (64ull << 10)

/* Options of docker's json-file and local drivers.  Those with no meaning for our format (its
 * records are binary and stay uncompressed) are accepted like docker accepts them; labels, env and
 * tag only shape what other drivers write. */
static const char *const known[] = { "max-size", "max-file", "compress", "labels", "labels-regex",
	"env", "env-regex", "tag", "mode", "max-buffer-size" };

static bool is_known(const char *key)
{
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (streq(known[i], key))
			return true;
	return false;
}

static int read_options(const json_t *config, const char *type, struct log_limits *l, struct err *e)
{
	const char *key, *text;
	uint64_t files;
	json_t *v;

	json_object_foreach((json_t *)config, key, v)
	{
		if (!is_known(key))
			return err_set(e, ERR_INVALID, 0,
				"unknown log opt '%.100s' for %s log driver", key, type);
		text = json_string_value(v);
		if (!text)
			return err_set(e, ERR_INVALID, 0,
				"invalid JSON: member \"LogConfig\" must hold strings");
		if (streq(key, "max-size") && !streq(text, "-1") &&
			(!num_size(str_of(text), INT64_MAX, &l->max_bytes) || !l->max_bytes))
			return err_set(e, ERR_INVALID, 0, "invalid size: '%.100s'", text);
		if (streq(key, "max-file")) {
			if (!num_u64(str_of(text), FILES_MAX, &files) || !files)
				return err_set(e, ERR_INVALID, 0, "max-file cannot be less than 1");
			l->files = (unsigned)files;
		}
	}
	return 0;
}

int log_limits_parse(const json_t *host, struct log_limits *ret, struct err *e)
{
	const json_t *lc = json_object_get(host, "LogConfig"), *jtype = json_object_get(lc, "Type");
	const json_t *config = json_object_get(lc, "Config");
	struct log_limits l = { .max_bytes = DEFAULT_BYTES, .files = DEFAULT_FILES };
	const char *type = jstr(lc, "Type");
	int r;

	if ((jtype && !json_is_string(jtype)) ||
		(config && !json_is_object(config) && !json_is_null(config)))
		return err_set(e, ERR_INVALID, 0,
			"invalid JSON: member \"LogConfig\" must hold a Type and a Config");
	if (streq(type, "none")) {
		*ret = (struct log_limits){ .max_bytes = NONE_BYTES, .files = 1, .none = true };
		return 0;
	}
	if (type[0] && !streq(type, "json-file") && !streq(type, "local"))
		return err_set(e, ERR_UNSUPPORTED, 0,
			"LogConfig: the log driver \"%.60s\" comes with a later version; json-file, local "
			"and none are there",
			type);
	r = read_options(config, type, &l, e);
	if (r < 0)
		return r;
	*ret = l;
	return 0;
}
