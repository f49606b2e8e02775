#include "api/api.h"

#define REPLY_MAX (256u << 20)

int api_reply_json(struct api_call *c, int status, const json_t *doc)
{
	auto_buf struct buf b = BUF(REPLY_MAX);

	BUG_ON(json_print(doc, &b) < 0 || buf_c(&b, '\n') < 0);
	(void)http_reply(c->x, status, "application/json", buf_view(&b));
	return 0;
}

int api_reply_empty(struct api_call *c, int status)
{
	(void)http_reply(c->x, status, NULL, (struct str){ "", 0 });
	return 0;
}

/* Docker's rule: no type is needed when there is no body; else it must be JSON. */
static int check_type(struct api_call *c, struct err *e)
{
	struct str type = http_request_header(c->x, "Content-Type"), rest = type, mime;
	const struct http_head *h = http_request_head(c->x);

	if (type.n == 0 && !h->chunked && h->content_length <= 0)
		return 0;
	if (type.n == 0)
		return err_set(e, ERR_INVALID, EINVAL,
			"malformed Content-Type header (): mime: no media type");
	mime = str_trim(str_cut(&rest, ';'));
	if (str_ieq(mime, STR("application/json")))
		return 0;
	return err_set(e, ERR_INVALID, EINVAL,
		"unsupported Content-Type header (%.*s): must be 'application/json'",
		(int)MIN(type.n, (size_t)200), type.p);
}

int api_body_json(struct api_call *c, bool optional, json_t **ret, struct err *e)
{
	auto_buf struct buf b = BUF(JSON_INPUT_MAX);
	auto_json json_t *doc = NULL;
	struct str text;
	int r = check_type(c, e);

	*ret = NULL;
	if (r == 0)
		r = http_body_all(c->x, &b, e);
	if (r < 0)
		return r;
	text = buf_view(&b);
	while (text.n && strchr(" \t\r\n", text.p[0])) {
		text.p++;
		text.n--;
	}
	if (text.n == 0 && optional)
		return 0;
	if (text.n == 0)
		return err_set(
			e, ERR_INVALID, EINVAL, "invalid JSON: got EOF while reading request body");
	r = json_parse(text, &doc, e);
	if (r < 0)
		return r;
	/* Go leaves its structures empty for null. */
	if (json_is_null(doc)) {
		json_decref(doc);
		doc = json_object();
	}
	if (!json_is_object(doc))
		return err_set(e, ERR_INVALID, EINVAL, "invalid JSON: the body must be an object");
	*ret = steal_ptr(&doc);
	return 0;
}

uint32_t api_owner(const struct api_call *c)
{
	return c->peer->cls == KEEPER_CLASS_ROOT ? 0 : c->peer->uid;
}
