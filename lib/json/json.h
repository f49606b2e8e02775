/*
 * json - jansson with our limits: input at most 4 MiB and 64 levels deep, duplicates refused,
 * and helpers that say which member is wrong.  Documents whose digest matters are never printed
 * again from a json_t; keep their bytes.
 *
 * Getters: an absent or null member gives the default and 0; a wrong type gives -EINVAL with
 * "invalid JSON: member \"X\" must be a string" in *e.  Strings are borrowed from the object.
 */
#pragma once

#include <jansson.h>

#define JSON_INPUT_MAX (4u << 20)
#define JSON_DEPTH_MAX 64

static inline void json_decref_p(json_t **j)
{
	json_decref(*j);
}
#define auto_json __attribute__((cleanup(json_decref_p)))

int json_parse(struct str text, json_t **ret, struct err *e); /* gives */
int json_get_str(
	const json_t *o, const char *key, const char *dflt, const char **ret, struct err *e);
int json_get_i64(const json_t *o, const char *key, int64_t dflt, int64_t *ret, struct err *e);
int json_get_bool(const json_t *o, const char *key, bool dflt, bool *ret, struct err *e);
/* NULL when absent or null. */
int json_get_array(const json_t *o, const char *key, json_t **ret, struct err *e);
int json_get_object(const json_t *o, const char *key, json_t **ret, struct err *e);
/* Every element must be a string. */
int json_get_strings(const json_t *o, const char *key, json_t **ret, struct err *e);
/* Appends compact text; 64-bit integers exact. */
int json_print(const json_t *j, struct buf *out);
char *json_text(const json_t *j) MUST_USE; /* gives */
/* For hot paths that print directly: appends a quoted, escaped string (invalid UTF-8 becomes
 * U+FFFD). */
int json_quote(struct buf *out, struct str s);
