#include "api/api.h"

static int invalid(struct err *e)
{
	return err_set(e, ERR_INVALID, EINVAL, "invalid filter");
}

/* {"a":true,"b":true} (the CLI's form; the booleans do not matter) or ["a","b"]. */
static json_t *values_of(const json_t *given)
{
	auto_json json_t *values = json_array();
	const char *name;
	json_t *item;
	size_t i;

	if (json_is_object(given)) {
		json_object_foreach((json_t *)(uintptr_t)given, name, item)
		{
			if (!json_is_boolean(item))
				return NULL;
			json_array_append_new(values, json_string(name));
		}
	} else if (json_is_array(given)) {
		json_array_foreach(given, i, item)
		{
			if (!json_is_string(item))
				return NULL;
			json_array_append(values, item);
		}
	} else {
		return NULL;
	}
	return steal_ptr(&values);
}

int api_filters_parse(struct str text, json_t **ret, struct err *e)
{
	auto_json json_t *doc = NULL, *filters = json_object();
	const char *key;
	json_t *given;
	int r;

	*ret = NULL;
	if (text.n == 0)
		return 0;
	r = json_parse(text, &doc, e);
	if (r < 0 || !json_is_object(doc))
		return invalid(e);
	json_object_foreach(doc, key, given)
	{
		json_t *values = values_of(given);

		if (!values)
			return invalid(e);
		json_object_set_new(filters, key, values);
	}
	*ret = steal_ptr(&filters);
	return 0;
}

int api_filters(struct api_call *c, json_t **ret, struct err *e)
{
	return api_filters_parse(str_of(http_query(c->x, "filters")), ret, e);
}

int api_filters_check(const json_t *filters, const char *const *known, struct err *e)
{
	const char *key;
	json_t *values;

	json_object_foreach((json_t *)(uintptr_t)filters, key, values)
	{
		const char *const *k = known;

		while (*k && !streq(*k, key))
			k++;
		if (!*k)
			return err_set(e, ERR_INVALID, EINVAL, "invalid filter '%.100s'", key);
	}
	return 0;
}

bool api_filter_match(const json_t *filters, const char *key, const char *value)
{
	const json_t *values = json_object_get(filters, key), *item;
	size_t i;

	if (json_array_size(values) == 0)
		return true;
	json_array_foreach(values, i, item) if (streq(json_string_value(item), value)) return true;
	return false;
}
