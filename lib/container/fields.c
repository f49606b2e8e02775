#include "container/container-int.h"

#include <stdarg.h>

static const char *type_name(enum field_type t)
{
	static const char *const names[] = {
		[FIELD_STR] = "a string",
		[FIELD_BOOL] = "true or false",
		[FIELD_BOOL_NULL] = "true or false",
		[FIELD_INT] = "a whole number",
		[FIELD_INT_NULL] = "a whole number",
		[FIELD_STRS] = "an array of strings",
		[FIELD_STRS_LOOSE] = "an array of strings",
		[FIELD_MAP] = "an object of strings",
		[FIELD_OBJECT] = "an object",
		[FIELD_ARRAY] = "an array",
	};

	return names[t];
}

static bool all_strings(const json_t *v)
{
	size_t i;
	json_t *s;
	const char *key;

	if (json_is_array(v)) {
		json_array_foreach(v, i, s) if (!json_is_string(s)) return false;
		return true;
	}
	json_object_foreach((json_t *)v, key, s) if (!json_is_string(s)) return false;
	return json_is_object(v);
}

static bool type_fits(const json_t *v, enum field_type t)
{
	switch (t) {
	case FIELD_STR:
		return json_is_string(v);
	case FIELD_BOOL:
	case FIELD_BOOL_NULL:
		return json_is_boolean(v);
	case FIELD_INT:
	case FIELD_INT_NULL:
		return json_is_integer(v);
	case FIELD_STRS:
		return json_is_array(v) && all_strings(v);
	case FIELD_STRS_LOOSE:
		return json_is_string(v) || (json_is_array(v) && all_strings(v));
	case FIELD_MAP:
		return json_is_object(v) && all_strings(v);
	case FIELD_OBJECT:
		return json_is_object(v);
	case FIELD_ARRAY:
		return json_is_array(v);
	}
	return false;
}

static json_t *type_default(enum field_type t)
{
	if (t == FIELD_STR)
		return json_string("");
	if (t == FIELD_BOOL)
		return json_false();
	if (t == FIELD_INT)
		return json_integer(0);
	return json_null();
}

bool field_empty(const json_t *v)
{
	if (json_is_string(v))
		return json_string_length(v) == 0;
	if (json_is_integer(v))
		return json_integer_value(v) == 0;
	if (json_is_array(v))
		return json_array_size(v) == 0;
	if (json_is_object(v))
		return json_object_size(v) == 0;
	return !json_is_true(v);
}

static int field_read(const json_t *in, const struct field *f, json_t *out, struct err *e)
{
	json_t *v = json_object_get(in, f->name);

	if (json_is_null(v))
		v = NULL;
	if (v && !type_fits(v, f->type))
		return err_set(e, ERR_INVALID, 0, "invalid JSON: member \"%s\" must be %s", f->name,
			type_name(f->type));
	if ((f->flags & FIELD_LATER) && v && !field_empty(v))
		return err_set(e, ERR_UNSUPPORTED, 0, "%s: %s", f->name, f->text);
	if (!v || ((f->flags & FIELD_LATER) && f->type != FIELD_STR && field_empty(v))) {
		if (f->flags & FIELD_OMIT)
			return 0;
		return json_object_set_new(out, f->name, type_default(f->type));
	}
	if ((f->flags & FIELD_OMIT) && field_empty(v) && f->type != FIELD_INT_NULL &&
		f->type != FIELD_BOOL_NULL)
		return 0;
	if (f->type == FIELD_STRS_LOOSE && json_is_string(v))
		return json_object_set_new(out, f->name, json_pack("[O]", v));
	return json_object_set_new(out, f->name, json_deep_copy(v));
}

int fields_read(const json_t *in, const struct field *table, json_t *out, struct err *e)
{
	int r = 0;

	for (; table->name && r == 0; table++)
		r = field_read(in, table, out, e);
	return r;
}

const char *jstr(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

int64_t jint(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

bool jbool(const json_t *o, const char *key)
{
	return json_is_true(json_object_get(o, key));
}

void warn(json_t *warnings, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (warnings)
		json_array_append_new(warnings, json_string(text));
}
