/*
 * str - views over bytes, and small string helpers.  A struct str owns nothing and need not end in
 * NUL; it may contain any byte.
 */
#pragma once

struct str {
	const char *p;
	size_t n;
};

#define STR(lit) ((struct str){ (lit), sizeof(lit) - 1 })
/* For printf: printf("%.*s", STR_ARG(s)) */
#define STR_ARG(s) (int)(s).n, (s).p

static inline struct str str_of(const char *z)
{
	return (struct str){ z, z ? strlen(z) : 0 };
}
bool str_eq(struct str a, struct str b);
bool str_ieq(struct str a, struct str b); /* ASCII case folded */
bool str_starts(struct str s, struct str prefix);
/* Cuts s at the first c: returns what is before it and leaves the rest behind it in *s; without
 * c returns all of it and leaves *s empty with p == NULL. */
struct str str_cut(struct str *s, char c);
struct str str_trim(struct str s);    /* blanks and tabs at both ends */
char *str_dup(struct str s) MUST_USE; /* gives */
/* Copies into a fixed array, always terminated; false when it does not fit or holds a NUL. */
bool str_copy(char *out, size_t size, struct str s);

static inline bool streq(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}
