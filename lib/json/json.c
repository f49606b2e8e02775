#include "json/json.h"

/* jansson's own limit of nesting is 2048, far more than any document we take; so the depth is
 * counted before the parser recurses.  Brackets inside strings do not count. */
static bool too_deep(struct str s)
{
	unsigned depth = 0;
	bool quoted = false;

	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (quoted && c == '\\')
			i++;
		else if (c == '"')
			quoted = !quoted;
		else if (!quoted && (c == '[' || c == '{') && ++depth > JSON_DEPTH_MAX)
			return true;
		else if (!quoted && (c == ']' || c == '}') && depth > 0)
			depth--;
	}
	return false;
}

int json_parse(struct str text, json_t **ret, struct err *e)
{
	json_error_t why;
	json_t *j;

	if (text.n > JSON_INPUT_MAX)
		return err_set(e, ERR_LIMIT, EMSGSIZE,
			"invalid JSON: document is larger than %u bytes", JSON_INPUT_MAX);
	if (too_deep(text))
		return err_set(e, ERR_INVALID, EINVAL, "invalid JSON: nested deeper than %d levels",
			JSON_DEPTH_MAX);
	j = json_loadb(
		text.p ? text.p : "", text.n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
	if (!j)
		return err_set(e, ERR_INVALID, EINVAL, "invalid JSON: %s (line %d, column %d)",
			why.text, why.line, why.column);
	*ret = j;
	return 0;
}

static int wrong(const char *key, const char *type, struct err *e)
{
	return err_set(e, ERR_INVALID, EINVAL, "invalid JSON: member \"%s\" must be %s", key, type);
}

/* The member, or NULL when it is absent or null. */
static json_t *member(const json_t *o, const char *key)
{
	json_t *v = json_object_get(o, key);

	return json_is_null(v) ? NULL : v;
}

int json_get_str(
	const json_t *o, const char *key, const char *dflt, const char **ret, struct err *e)
{
	const json_t *v = member(o, key);

	if (v && !json_is_string(v))
		return wrong(key, "a string", e);
	*ret = v ? json_string_value(v) : dflt;
	return 0;
}

int json_get_i64(const json_t *o, const char *key, int64_t dflt, int64_t *ret, struct err *e)
{
	const json_t *v = member(o, key);

	if (v && !json_is_integer(v))
		return wrong(key, "an integer", e);
	*ret = v ? json_integer_value(v) : dflt;
	return 0;
}

int json_get_bool(const json_t *o, const char *key, bool dflt, bool *ret, struct err *e)
{
	const json_t *v = member(o, key);

	if (v && !json_is_boolean(v))
		return wrong(key, "true or false", e);
	*ret = v ? json_is_true(v) : dflt;
	return 0;
}

int json_get_array(const json_t *o, const char *key, json_t **ret, struct err *e)
{
	json_t *v = member(o, key);

	if (v && !json_is_array(v))
		return wrong(key, "an array", e);
	*ret = v;
	return 0;
}

int json_get_object(const json_t *o, const char *key, json_t **ret, struct err *e)
{
	json_t *v = member(o, key);

	if (v && !json_is_object(v))
		return wrong(key, "an object", e);
	*ret = v;
	return 0;
}

int json_get_strings(const json_t *o, const char *key, json_t **ret, struct err *e)
{
	json_t *v, *item;
	size_t i;
	int r = json_get_array(o, key, &v, e);

	if (r < 0)
		return r;
	json_array_foreach(v, i, item) if (!json_is_string(item)) return wrong(
		key, "an array of strings", e);
	*ret = v;
	return 0;
}

static int add_to_buf(const char *p, size_t n, void *arg)
{
	return buf_add(arg, p, n);
}

int json_print(const json_t *j, struct buf *out)
{
	if (json_dump_callback(j, add_to_buf, out, JSON_COMPACT | JSON_ENCODE_ANY) < 0)
		return -EMSGSIZE;
	return 0;
}

char *json_text(const json_t *j)
{
	char *text = json_dumps(j, JSON_COMPACT | JSON_ENCODE_ANY);

	BUG_ON(!text);
	return text;
}
