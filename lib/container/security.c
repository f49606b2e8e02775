#include "container/container-int.h"

/* Go's strconv.ParseBool */
static int parse_bool(const char *s)
{
	static const char *const yes[] = { "1", "t", "T", "true", "TRUE", "True" };
	static const char *const no[] = { "0", "f", "F", "false", "FALSE", "False" };

	for (size_t i = 0; i < ARRAY_SIZE(yes); i++) {
		if (streq(yes[i], s))
			return 1;
		if (streq(no[i], s))
			return 0;
	}
	return -EINVAL;
}

static int opt_no_new_privs(const char *v, struct security *s)
{
	int on = parse_bool(v);

	s->new_privs = on == 0;
	return on < 0 ? -EINVAL : 0;
}

static int set_seccomp(const char *v, struct security *s, struct err *e)
{
	if (streq(v, "unconfined")) {
		s->seccomp = KEEPER_SECCOMP_UNCONFINED;
	} else if (streq(v, "builtin")) {
		s->seccomp = KEEPER_SECCOMP_DEFAULT;
	} else if (v[strspn(v, " \t\r\n")] == '{') {
		s->seccomp = KEEPER_SECCOMP_CUSTOM;
		mem_replace(&s->profile, xstrdup(v));
	} else {
		/* the command inlines files; a name of a file here would be the engine's */
		return err_set(e, ERR_INVALID, 0,
			"opening seccomp profile (%.200s) failed: a profile must be given as JSON",
			v);
	}
	return 0;
}

static int set_pair(
	const char *opt, const char *k, const char *v, struct security *s, struct err *e)
{
	if (streq(k, "no-new-privileges")) {
		if (opt_no_new_privs(v, s) == 0)
			return 0;
	} else if (streq(k, "seccomp")) {
		return set_seccomp(v, s, e);
	} else if (streq(k, "label")) {
		/* labels mean nothing without SELinux, as on docker */
		return 0;
	} else if (streq(k, "systempaths")) {
		s->unmasked = streq(v, "unconfined");
		if (s->unmasked)
			return 0;
	} else if (streq(k, "apparmor")) {
		if (streq(v, "unconfined") || streq(v, ""))
			return 0;
		return err_set(e, ERR_INVALID, 0,
			"AppArmor is not supported on this host, but the profile '%.200s' was specified",
			v);
	} else if (streq(k, "landlock") || streq(k, "credentialspec")) {
		return err_set(
			e, ERR_UNSUPPORTED, 0, "SecurityOpt: \"%s\" comes with a later version", k);
	}
	return err_set(e, ERR_INVALID, 0, "invalid --security-opt 2: \"%.300s\"", opt);
}

static int read_one(const char *opt, struct security *s, struct err *e)
{
	struct str rest = str_of(opt), k;
	auto_free char *key = NULL;

	if (streq(opt, "no-new-privileges")) {
		s->new_privs = false;
		return 0;
	}
	if (streq(opt, "disable"))
		return 0;
	k = str_cut(&rest, strchr(opt, '=') ? '=' : ':');
	if (!rest.p)
		return err_set(e, ERR_INVALID, 0, "invalid --security-opt 1: \"%.300s\"", opt);
	key = str_dup(k);
	return set_pair(opt, key, rest.p, s, e);
}

/* Both lists given and empty: `--security-opt systempaths=unconfined`, as the command sends it. */
static bool paths_unmasked(const json_t *host)
{
	const json_t *m = json_object_get(host, "MaskedPaths");
	const json_t *r = json_object_get(host, "ReadonlyPaths");

	return json_is_array(m) && json_is_array(r) && json_array_size(m) == 0 &&
	       json_array_size(r) == 0;
}

int security_parse(const json_t *host, struct security *ret, struct err *e)
{
	json_t *v, *list = json_object_get(host, "SecurityOpt");
	struct security s = { .unmasked = paths_unmasked(host) };
	size_t i;
	int r = 0;

	json_array_foreach(list, i, v)
	{
		r = read_one(json_string_value(v), &s, e);
		if (r < 0) {
			free(s.profile);
			return r;
		}
	}
	*ret = s;
	return 0;
}
