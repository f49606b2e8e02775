#include "oci/oci.h"

#define HUB	"docker.io"
#define LIBRARY "docker.io/library/"

static int malformed(struct err *e)
{
	return err_set(e, ERR_INVALID, EINVAL, "invalid reference format");
}

static bool lower_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool alnum(char c)
{
	return lower_alnum(c) || (c >= 'A' && c <= 'Z');
}

/* Length of a separator at the start ("." "_" "__" or dashes), 0 when there is none. */
static size_t separator(struct str s)
{
	size_t n = 0;

	if (s.n && s.p[0] == '.')
		return 1;
	if (s.n && s.p[0] == '_')
		return s.n > 1 && s.p[1] == '_' ? 2 : 1;
	while (n < s.n && s.p[n] == '-')
		n++;
	return n;
}

/* [a-z0-9]+ ((. | _ | __ | -+) [a-z0-9]+)* */
static bool component_ok(struct str s)
{
	size_t i = 0, n;

	for (;;) {
		size_t start = i;

		while (i < s.n && lower_alnum(s.p[i]))
			i++;
		if (i == start)
			return false;
		if (i == s.n)
			return true;
		n = separator((struct str){ s.p + i, s.n - i });
		if (n == 0)
			return false;
		i += n;
	}
}

static bool path_ok(struct str s)
{
	while (s.p)
		if (!component_ok(str_cut(&s, '/')))
			return false;
	return true;
}

static bool label_ok(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!alnum(s.p[i]) && s.p[i] != '-')
			return false;
	return s.n > 0 && alnum(s.p[0]) && alnum(s.p[s.n - 1]);
}

static bool labels_ok(struct str host)
{
	while (host.p)
		if (!label_ok(str_cut(&host, '.')))
			return false;
	return true;
}

static bool address_ok(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!alnum(s.p[i]) && s.p[i] != ':')
			return false;
	return s.n > 0;
}

static bool port_ok(struct str s)
{
	uint32_t port;

	return num_u32(s, 999999999, &port);
}

/* host, host:port, [ipv6], [ipv6]:port */
static bool domain_ok(struct str s)
{
	if (s.n && s.p[0] == '[') {
		struct str rest = { s.p + 1, s.n - 1 };
		struct str addr = str_cut(&rest, ']');

		return rest.p && address_ok(addr) &&
		       (rest.n == 0 || (rest.p[0] == ':' &&
					       port_ok((struct str){ rest.p + 1, rest.n - 1 })));
	} else {
		struct str host = str_cut(&s, ':');

		return labels_ok(host) && (!s.p || port_ok(s));
	}
}

static bool tag_ok(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!alnum(s.p[i]) && s.p[i] != '_' && (i == 0 || (s.p[i] != '.' && s.p[i] != '-')))
			return false;
	return s.n > 0 && s.n <= OCI_TAG_MAX;
}

static bool has_upper(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] >= 'A' && s.p[i] <= 'Z')
			return true;
	return false;
}

static bool contains_any(struct str s, char a, char b)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] == a || s.p[i] == b)
			return true;
	return false;
}

/* The first component is a registry when it looks like a host ("." or ":" in it, "localhost", or
 * upper case), else the name is the hub's. */
static struct str cut_domain(struct str *s)
{
	struct str rest = *s, first = str_cut(&rest, '/');

	if (!rest.p || (!contains_any(first, '.', ':') && !str_eq(first, STR("localhost")) &&
			       !has_upper(first)))
		return STR(HUB);
	*s = rest;
	return str_eq(first, STR("index.docker.io")) ? STR(HUB) : first;
}

static int split_suffix(struct str *s, struct oci_ref *ret, struct err *e)
{
	struct str digest = *s, path = str_cut(&digest, '@'), tag = path;

	if (digest.p) {
		if (!str_starts(digest, STR("sha256:")))
			return malformed(e);
		if (!digest_parse(digest, &ret->digest))
			return err_set(e, ERR_INVALID, EINVAL, "invalid checksum digest length");
		ret->has_digest = true;
	}
	path = str_cut(&tag, ':');
	if (tag.p && (!tag_ok(tag) || !str_copy(ret->tag, sizeof(ret->tag), tag)))
		return malformed(e);
	*s = path;
	return 0;
}

int oci_ref_parse(struct str text, struct oci_ref *ret, struct err *e)
{
	struct oci_ref ref = { .tag = "" };
	struct digest hex;
	struct str rest = text, domain;
	const char *library;
	int n, r;

	if (digest_parse_hex(text, &hex))
		return err_set(e, ERR_INVALID, EINVAL,
			"invalid repository name (%.64s), cannot specify 64-byte hexadecimal strings",
			text.p);
	if (text.n == 0 || text.n > 1024)
		return malformed(e);
	domain = cut_domain(&rest);
	r = split_suffix(&rest, &ref, e);
	if (r < 0)
		return r;
	library = str_eq(domain, STR(HUB)) && !contains_any(rest, '/', '/') ? "library/" : "";
	if (has_upper(rest))
		return err_set(e, ERR_INVALID, EINVAL,
			"invalid reference format: repository name (%s%.*s) must be lowercase",
			library, STR_ARG(rest));
	if (!path_ok(rest) || !domain_ok(domain))
		return malformed(e);
	n = snprintf(
		ref.name, sizeof(ref.name), "%.*s/%s%.*s", STR_ARG(domain), library, STR_ARG(rest));
	if (n < 0 || (size_t)n >= sizeof(ref.name))
		return err_set(e, ERR_INVALID, EINVAL,
			"repository name must not be more than 255 characters");
	*ret = ref;
	return 0;
}

/* The short form only where it means the same again: "docker.io/a.b/c" has none. */
static struct str familiar(const struct oci_ref *r)
{
	struct str whole = str_of(r->name), s = whole, rest;
	struct digest hex;

	if (!str_starts(s, STR(HUB "/")))
		return whole;
	s = (struct str){ s.p + sizeof(HUB), s.n - sizeof(HUB) };
	if (str_starts(whole, STR(LIBRARY)) && !strchr(whole.p + sizeof(LIBRARY) - 1, '/'))
		s = (struct str){ whole.p + sizeof(LIBRARY) - 1, whole.n - sizeof(LIBRARY) + 1 };
	rest = s;
	(void)cut_domain(&rest);
	return rest.p == s.p && !digest_parse_hex(s, &hex) ? s : whole;
}

char *oci_ref_text(const struct oci_ref *r)
{
	struct str name = familiar(r);
	char digest[DIGEST_TEXT + 1] = "";

	if (r->has_digest)
		(void)digest_text(&r->digest, digest);
	return xasprintf("%.*s%s%s%s%s", STR_ARG(name), *r->tag ? ":" : "", r->tag,
		*digest ? "@" : "", digest);
}
