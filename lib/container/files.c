#include "container/container-int.h"

#include <fcntl.h>

#define FILE_MAX (256u << 10)

/* Reads a file of the host; false when it is not there. */
static bool host_file(const char *path, struct buf *b)
{
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd >= 0 && buf_read_fd(b, fd) == 0;
}

static void spec_add_file(struct spec_writer *w, const char *path, const struct buf *content)
{
	auto_buf struct buf b = BUF(FILE_MAX + 64);

	buf_add(&b, path, strlen(path) + 1);
	buf_str(&b, buf_view(content));
	if (!buf_bad(&b))
		spec_add(w, SPEC_FILE, b.p, b.n);
}

static void hosts_extra(struct buf *b, const json_t *host)
{
	json_t *v;
	size_t i;

	json_array_foreach(json_object_get(host, "ExtraHosts"), i, v)
	{
		struct str s = str_of(json_string_value(v)), name = str_cut(&s, ':');

		/* no bridge, no gateway: the name stands for the container itself */
		if (str_eq(s, STR("host-gateway")))
			s = STR("127.0.0.1");
		buf_fmt(b, "%.*s\t%.*s\n", STR_ARG(s), STR_ARG(name));
	}
}

/* Without a network the container's own name is its loopback address: programs that look
 * themselves up go on working. */
static void make_hosts(struct buf *b, const json_t *config, const json_t *host)
{
	const char *name = jstr(config, "Hostname"), *domain = jstr(config, "Domainname");

	if (!streq(jstr(host, "NetworkMode"), "host") || !host_file("/etc/hosts", b)) {
		buf_clear(b);
		buf_z(b, "127.0.0.1\tlocalhost\n"
			 "::1\tlocalhost ip6-localhost ip6-loopback\n"
			 "fe00::\tip6-localnet\n"
			 "ff00::\tip6-mcastprefix\n"
			 "ff02::1\tip6-allnodes\n"
			 "ff02::2\tip6-allrouters\n");
		if (name[0] && domain[0])
			buf_fmt(b, "127.0.0.1\t%s.%s %s\n", name, domain, name);
		else if (name[0])
			buf_fmt(b, "127.0.0.1\t%s\n", name);
	}
	hosts_extra(b, host);
}

static void add_words(struct buf *b, const char *word, const json_t *list)
{
	json_t *v;
	size_t i;

	if (json_array_size(list) == 0)
		return;
	buf_z(b, word);
	json_array_foreach(list, i, v) buf_fmt(b, " %s", json_string_value(v));
	buf_c(b, '\n');
}

/* The host's lines of the kinds that the user did not give. */
static void keep_lines(struct buf *out, struct str text, bool servers, bool search, bool options)
{
	while (text.p) {
		struct str line = str_cut(&text, '\n');
		const bool is_server = str_starts(line, STR("nameserver"));
		const bool is_search = str_starts(line, STR("search")) ||
				       str_starts(line, STR("domain"));
		const bool is_option = str_starts(line, STR("options"));

		if ((is_server && servers) || (is_search && search) || (is_option && options)) {
			buf_str(out, line);
			buf_c(out, '\n');
		}
	}
}

static void make_resolv(struct buf *b, const json_t *host)
{
	const json_t *dns = json_object_get(host, "Dns");
	const json_t *search = json_object_get(host, "DnsSearch");
	const json_t *options = json_object_get(host, "DnsOptions");
	auto_buf struct buf mine = BUF(FILE_MAX);
	json_t *v;
	size_t i;

	if (!host_file("/etc/resolv.conf", &mine))
		buf_clear(&mine);
	if (field_empty(dns) && field_empty(search) && field_empty(options)) {
		buf_str(b, buf_view(&mine));
		return;
	}
	json_array_foreach(dns, i, v) buf_fmt(b, "nameserver %s\n", json_string_value(v));
	/* "--dns-search ." means: none */
	if (!streq(json_string_value(json_array_get(search, 0)) ?: "", "."))
		add_words(b, "search", search);
	add_words(b, "options", options);
	keep_lines(b, buf_view(&mine), field_empty(dns), field_empty(search), field_empty(options));
}

/* Under lock. */
void spec_add_files(struct spec_writer *w, struct container *c)
{
	auto_buf struct buf hosts = BUF(FILE_MAX), resolv = BUF(FILE_MAX), name = BUF(128);

	make_hosts(&hosts, c->config, c->host_config);
	make_resolv(&resolv, c->host_config);
	buf_fmt(&name, "%s\n", jstr(c->config, "Hostname"));
	spec_add_file(w, "/etc/hosts", &hosts);
	spec_add_file(w, "/etc/hostname", &name);
	spec_add_file(w, "/etc/resolv.conf", &resolv);
}
