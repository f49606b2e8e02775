#include "api/route-int.h"

/* "1.50" as 150.  Docker compares part by part; parts after the second are of no use here. */
static unsigned version_number(struct str text)
{
	uint32_t major = 0, minor = 0;
	struct str rest = text, first = str_cut(&rest, '.'), second = str_cut(&rest, '.');

	/* Not a number at all counts as 0: too old. */
	if (!num_u32(first, 1000, &major) || (second.n && !num_u32(second, 1000, &minor)))
		return 0;
	return major * 100 + MIN(minor, 99u);
}

const char *api_version_split(const char *path, unsigned *ret_version, struct str *ret_text)
{
	size_t n = strspn(path + (path[0] == '/' && path[1] == 'v' ? 2 : 0), "0123456789.");

	*ret_text = (struct str){ NULL, 0 };
	*ret_version = version_number(STR(API_VERSION));
	if (path[0] != '/' || path[1] != 'v' || n == 0 || path[2 + n] != '/')
		return path;
	*ret_text = (struct str){ path + 2, n };
	*ret_version = version_number(*ret_text);
	return path + 2 + n;
}

int api_version_check(unsigned version, struct str text, struct err *e)
{
	if (version < version_number(STR(API_VERSION_MIN)))
		return err_set(e, ERR_INVALID, EINVAL,
			"client version %.*s is too old. Minimum supported API version is " API_VERSION_MIN
			", please upgrade your client to a newer version",
			(int)MIN(text.n, (size_t)32), text.p);
	if (version > version_number(STR(API_VERSION)))
		return err_set(e, ERR_INVALID, EINVAL,
			"client version %.*s is too new. Maximum supported API version is " API_VERSION,
			(int)MIN(text.n, (size_t)32), text.p);
	return 0;
}

bool api_path_match(const char *template, const char *path, struct str ret[2])
{
	const char *open = strchr(template, '{'), *close;
	size_t head = open ? (size_t)(open - template) : strlen(template);

	ret[0] = ret[1] = (struct str){ NULL, 0 };
	if (strncmp(template, path, head) != 0)
		return false;
	if (!open)
		return path[head] == '\0';
	close = strchr(open, '}') + 1;
	path += head;
	/* The shortest name that lets the rest of the template fit. */
	for (size_t n = 1; n <= strlen(path); n++) {
		struct str more[2];

		if (*close && path[n] != *close)
			continue;
		if (!api_path_match(close, path + n, more))
			continue;
		ret[0] = (struct str){ path, n };
		ret[1] = more[0];
		return true;
	}
	return false;
}

/* A template without a name beats one with a name: "/images/json" is no image. */
static const struct api_route *find(struct str method, const char *path, struct str names[2])
{
	const struct api_route *found = NULL;

	for (const struct api_route *const *t = api_tables; *t; t++) {
		for (const struct api_route *r = *t; r->method; r++) {
			struct str views[2];

			if (!str_eq(method, str_of(r->method)) ||
				!api_path_match(r->path, path, views))
				continue;
			if (!found || !views[0].p) {
				found = r;
				names[0] = views[0];
				names[1] = views[1];
			}
			if (!views[0].p)
				return found;
		}
	}
	return found;
}

static void reply_error(struct http_exchange *x, int status, const char *msg)
{
	auto_buf struct buf b = BUF(8192);

	(void)buf_z(&b, "{\"message\":");
	(void)json_quote(&b, str_of(msg));
	(void)buf_z(&b, "}\n");
	(void)http_reply(x, status, "application/json", buf_view(&b));
}

static void run(struct api_call *c, const struct api_route *route, const struct str names[2])
{
	auto_free char *name = names[0].p ? str_dup(names[0]) : NULL;
	auto_free char *name2 = names[1].p ? str_dup(names[1]) : NULL;
	struct err e = { 0 };

	c->name = name;
	c->name2 = name2;
	c->text = route->text;
	if (route->handler(c, &e) >= 0 || http_replied(c->x))
		return;
	if (e.kind <= ERR_NONE || e.kind >= ERR_KINDS)
		(void)err_set(&e, ERR_SYSTEM, 0, "the request failed without a reason");
	reply_error(c->x, err_http_status((enum err_kind)e.kind), e.msg);
}

void api_handle(void *arg, struct http_exchange *x)
{
	struct api_call c = { .engine = arg, .x = x, .peer = http_request_peer(x) };
	struct str names[2], text;
	const char *path = api_version_split(http_request_path(x), &c.version, &text);
	const struct api_route *route = find(http_request_head(x)->method, path, names);
	struct err e;

	http_header_add(x, "Api-Version", API_VERSION);
	http_header_add(x, "Ostype", "linux");
	http_header_add(x, "Docker-Experimental", "false");
	if (!route)
		reply_error(x, 404, "page not found");
	else if (api_version_check(c.version, text, &e) < 0)
		reply_error(x, 400, e.msg);
	else
		run(&c, route, names);
}
