#include "options.h"

struct flag;
typedef int flag_fn(struct options *o, const struct flag *f, const char *value, struct err *e);

struct flag {
	const char *name;
	char letter;
	const char *value; /* its name in the usage text; NULL: a switch */
	flag_fn *take;
	size_t at;    /* field for take_text and take_switch */
	size_t given; /* bool to set, or 0 */
	const char *help;
};

static int take_text(struct options *o, const struct flag *f, const char *value, struct err *e)
{
	if (!*value)
		return err_set(e, ERR_INVALID, 0, "--%s needs a %s", f->name, f->value);
	memcpy((char *)o + f->at, &value, sizeof(value));
	if (f->given)
		*(bool *)((char *)o + f->given) = true;
	return 0;
}

static int take_switch(struct options *o, const struct flag *f, const char *value, struct err *e)
{
	bool on = !value || streq(value, "true") || streq(value, "1");

	if (!on && !streq(value, "false") && !streq(value, "0"))
		return err_set(
			e, ERR_INVALID, 0, "--%s is true or false, not \"%s\"", f->name, value);
	*(bool *)((char *)o + f->at) = on;
	return 0;
}

static int take_host(struct options *o, const struct flag *f, const char *value, struct err *e)
{
	struct str v = str_of(value);

	(void)f;
	if (o->nhosts == OPTIONS_HOSTS_MAX)
		return err_set(e, ERR_INVALID, 0, "at most %d --host", OPTIONS_HOSTS_MAX);
	if (!str_starts(v, STR("unix:///")) && !str_starts(v, STR("tcp://")))
		return err_set(e, ERR_INVALID, 0,
			"--host \"%s\": give unix:///PATH or tcp://ADDRESS:PORT", value);
	o->hosts[o->nhosts++] = value;
	return 0;
}

static int append(char *to, const char *word, const char *value)
{
	size_t n = strlen(to);
	int k = snprintf(to + n, OPTIONS_TEXT_MAX - n, "%s%s\n", word, value);

	return (size_t)k < OPTIONS_TEXT_MAX - n ? 0 : -EMSGSIZE;
}

static bool one_line(const char *value)
{
	for (const char *c = value; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 127)
			return false;
	return *value != '\0';
}

static int take_label(struct options *o, const struct flag *f, const char *value, struct err *e)
{
	if (!one_line(value) || append(o->labels, "", value) < 0)
		return err_set(e, ERR_INVALID, 0, "--%s \"%s\": not a label, or too many of them",
			f->name, value);
	return 0;
}

static int take_registry(struct options *o, const struct flag *f, const char *value, struct err *e)
{
	const char *word = streq(f->name, "registry-mirror") ? "mirror " : "insecure ";

	if (!one_line(value) || append(o->registries, word, value) < 0)
		return err_set(e, ERR_INVALID, 0,
			"--%s \"%s\": not a registry, or too many of them", f->name, value);
	return 0;
}

/* Flags of dockerd that have one possible value here. */
static int take_only(struct options *o, const struct flag *f, const char *value, struct err *e)
{
	const char *only = streq(f->name, "bridge") ? "none" : "caisson";

	(void)o;
	if (!streq(value, only))
		return err_set(e, ERR_INVALID, 0,
			"--%s \"%s\" is not offered; the only value is \"%s\"", f->name, value,
			only);
	return 0;
}

#define TEXT(field) .take = take_text, .at = offsetof(struct options, field)
#define FLAG(field) .take = take_switch, .at = offsetof(struct options, field)

static const struct flag flags[] = {
	{ "bridge", 0, "none", take_only, .help = "default network; only \"none\" is offered" },
	{ "config-file", 0, "FILE", TEXT(config_file),
		.given = offsetof(struct options, config_given),
		.help = "engine configuration (default /etc/caisson/daemon.json)" },
	{ "data-root", 0, "DIR", TEXT(data_root),
		.help = "images and containers (default /var/lib/caisson)" },
	{ "debug", 'D', NULL, FLAG(debug), .help = "log more" },
	{ "default-runtime", 0, "NAME", take_only, .help = "only \"caisson\" is offered" },
	{ "exec-root", 0, "DIR", TEXT(exec_root),
		.help = "state of running containers (default /run/caisson)" },
	{ "floor", 0, "FILE", TEXT(floor_file), .given = offsetof(struct options, floor_given),
		.help = "floor policy (default /etc/caisson/floor.conf)" },
	{ "group", 0, "GROUP", TEXT(group), .given = offsetof(struct options, group_given),
		.help = "group of unix sockets (default caisson, if it exists)" },
	{ "help", 'h', NULL, FLAG(help), .help = "show this text" },
	{ "host", 'H', "ADDRESS", take_host,
		.help = "unix:///PATH or tcp://ADDRESS:PORT; repeatable (default "
			"unix:///run/caisson.sock)" },
	{ "insecure-registry", 0, "NAME", take_registry,
		.help = "registry without verified TLS; repeatable" },
	{ "label", 0, "KEY=VALUE", take_label, .help = "label of this engine; repeatable" },
	{ "pidfile", 'p', "FILE", TEXT(pidfile), .help = "where to write the process id" },
	{ "registry-mirror", 0, "URL", take_registry, .help = "registry mirror; repeatable" },
	{ "tlscacert", 0, "FILE", TEXT(tls_ca),
		.help = "clients' certificates are signed by this" },
	{ "tlscert", 0, "FILE", TEXT(tls_cert), .help = "the server's certificate" },
	{ "tlskey", 0, "FILE", TEXT(tls_key), .help = "the server's key" },
	{ "tlsverify", 0, NULL, FLAG(tls_verify),
		.help = "mutual TLS; required for tcp://, with the three files" },
	{ "version", 'v', NULL, FLAG(version), .help = "print the version" },
};

static const struct flag *find(struct str name, bool letter)
{
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		if (letter ? name.n == 1 && name.p[0] == flags[i].letter
			   : str_eq(name, str_of(flags[i].name)))
			return &flags[i];
	return NULL;
}

/* --name=value, --name value, -Xvalue, -X value.  Gives how many words of argv it used. */
static int parse_one(struct options *o, char **argv, struct err *e)
{
	bool is_long = argv[0][0] == '-' && argv[0][1] == '-';
	struct str word = str_of(argv[0] + (is_long ? 2 : 1)), name = word;
	const char *value = NULL;
	const struct flag *f;
	int used = 1, r;

	if (argv[0][0] != '-' || word.n == 0)
		return err_set(
			e, ERR_INVALID, 0, "\"%s\" is not a flag; see caissond --help", argv[0]);
	if (is_long) {
		name = str_cut(&word, '=');
		value = word.p;
	} else {
		name.n = 1;
		value = word.n > 1 ? word.p + 1 : NULL;
	}
	f = find(name, !is_long);
	if (!f)
		return err_set(
			e, ERR_INVALID, 0, "unknown flag \"%s\"; see caissond --help", argv[0]);
	if (f->value && !value) {
		value = argv[used++];
		if (!value)
			return err_set(e, ERR_INVALID, 0, "--%s needs a %s", f->name, f->value);
	}
	r = f->take(o, f, value, e);
	return r < 0 ? r : used;
}

static int check_tls(const struct options *o, struct err *e)
{
	bool all = o->tls_verify && o->tls_ca && o->tls_cert && o->tls_key;

	for (unsigned i = 0; i < o->nhosts; i++)
		if (str_starts(str_of(o->hosts[i]), STR("tcp://")) && !all)
			return err_set(e, ERR_INVALID, 0,
				"%s needs mutual TLS, it would hand out this machine otherwise: "
				"give --tlsverify --tlscacert FILE --tlscert FILE --tlskey FILE",
				o->hosts[i]);
	return 0;
}

static int check_roots(const struct options *o, struct err *e)
{
	if (o->data_root[0] != '/' || strlen(o->data_root) > 200)
		return err_set(e, ERR_INVALID, 0,
			"--data-root \"%s\": give an absolute path of at most 200 bytes",
			o->data_root);
	if (o->exec_root[0] != '/' || strlen(o->exec_root) > 200)
		return err_set(e, ERR_INVALID, 0,
			"--exec-root \"%s\": give an absolute path of at most 200 bytes",
			o->exec_root);
	return 0;
}

int options_parse(int argc, char **argv, struct options *ret, struct err *e)
{
	int i = 1, r;

	*ret = (struct options){ .data_root = "/var/lib/caisson",
		.exec_root = "/run/caisson",
		.group = "caisson",
		.config_file = "/etc/caisson/daemon.json",
		.floor_file = "/etc/caisson/floor.conf" };
	while (i < argc) {
		r = parse_one(ret, argv + i, e);
		if (r < 0)
			return r;
		i += r;
	}
	if (ret->help || ret->version)
		return 0;
	if (ret->nhosts == 0)
		ret->hosts[ret->nhosts++] = "unix:///run/caisson.sock";
	r = check_tls(ret, e);
	return r < 0 ? r : check_roots(ret, e);
}

void options_usage(struct buf *out)
{
	(void)buf_z(out,
		"Usage: caissond [FLAGS]\n\nThe Caisson keeper: starts the engine and runs "
		"containers for it.\n\nFlags:\n");
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		const struct flag *f = &flags[i];
		char left[64];

		(void)snprintf(left, sizeof(left), "%c%c%c --%s %s", f->letter ? '-' : ' ',
			f->letter ? f->letter : ' ', f->letter ? ',' : ' ', f->name,
			f->value ? f->value : "");
		(void)buf_fmt(out, "  %-32s %s\n", left, f->help);
	}
}
