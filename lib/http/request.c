#include "http/http-int.h"

/* Decodes path and parameters into one allocation: [params][path NUL][name NUL value NUL]... */
static int decode_target(struct http_exchange *x)
{
	const struct http_head *h = &x->head;
	struct str rest = h->query;
	unsigned count = rest.n ? 1 : 0;
	char *at;
	ssize_t n;

	for (size_t i = 0; i < rest.n; i++)
		count += rest.p[i] == '&';
	if (count > HTTP_PARAMS_MAX)
		return -EMSGSIZE;
	x->params = xmalloc(count * sizeof(x->params[0]) + h->path.n + h->query.n + count + 3);
	at = x->path = (char *)(x->params + count);
	n = http_decode(h->path, false, at);
	if (n < 0 || http_path_check(at) < 0)
		return -EBADMSG;
	at += n + 1;
	while (rest.n) {
		struct str value = str_cut(&rest, '&'), name = str_cut(&value, '=');
		struct http_param *p = &x->params[x->nparams];

		if (name.n == 0)
			continue;
		p->name = at;
		n = http_decode(name, true, at);
		at += n + 1;
		p->value = at;
		if (n < 0 || (n = http_decode(value, true, at)) < 0)
			return -EBADMSG;
		at += n + 1;
		x->nparams++;
	}
	return 0;
}

int http_exchange_begin(struct http_exchange *x)
{
	const struct http_head *h = &x->head;

	x->path = NULL;
	x->params = NULL;
	x->nparams = 0;
	x->body = h->chunked ? BODY_CHUNKED : h->content_length > 0 ? BODY_LENGTH : BODY_NONE;
	x->body_left = h->content_length > 0 ? (uint64_t)h->content_length : 0;
	x->chunk = (struct http_chunk){ 0 };
	x->body_begun = false;
	x->body_ended = x->body == BODY_NONE;
	x->body_error = 0;
	x->replied = x->streaming = x->chunked = x->hijacked = false;
	x->extra_bad = x->failed = false;
	x->no_body = str_eq(h->method, STR("HEAD"));
	x->close = !h->keep_alive;
	x->extra_n = 0;
	return decode_target(x) < 0 ? 400 : 0;
}

void http_exchange_done(struct http_exchange *x)
{
	free(x->params);
	x->params = NULL;
	x->path = NULL;
	x->nparams = 0;
}

const struct http_head *http_request_head(const struct http_exchange *x)
{
	return &x->head;
}

const struct http_peer *http_request_peer(const struct http_exchange *x)
{
	return &x->conn->peer;
}

const char *http_request_path(const struct http_exchange *x)
{
	return x->path;
}

struct str http_request_header(const struct http_exchange *x, const char *name)
{
	for (unsigned i = 0; i < x->head.nheaders; i++)
		if (str_ieq(x->head.headers[i].name, str_of(name)))
			return x->head.headers[i].value;
	return (struct str){ NULL, 0 };
}

const char *http_query_nth(const struct http_exchange *x, const char *name, unsigned i)
{
	for (unsigned k = 0; k < x->nparams; k++)
		if (streq(x->params[k].name, name) && i-- == 0)
			return x->params[k].value;
	return NULL;
}

const char *http_query(const struct http_exchange *x, const char *name)
{
	return http_query_nth(x, name, 0);
}

bool http_query_bool(const struct http_exchange *x, const char *name)
{
	static const struct str no[] = { { "", 0 }, { "0", 1 }, { "no", 2 }, { "false", 5 },
		{ "none", 4 } };
	const char *value = http_query(x, name);

	if (!value)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(no); i++)
		if (str_ieq(str_trim(str_of(value)), no[i]))
			return false;
	return true;
}

int http_client_fd(const struct http_exchange *x)
{
	return x->conn->fd;
}
