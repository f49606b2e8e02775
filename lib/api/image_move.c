/* Images that come in or go out as archives. */
#include "api/image-int.h"

#define NAMES_MAX 256

static ssize_t read_body(void *arg, void *p, size_t n)
{
	return http_body_read(arg, p, n);
}

/* The answer begins with its first line, so that what fails before can still be an HTTP error. */
struct stream {
	struct http_exchange *x;
	const char *type;
	bool begun;
};

static int write_stream(void *arg, const void *p, size_t n)
{
	struct stream *s = arg;

	if (!s->begun) {
		int r = http_stream_begin(s->x, 200, s->type);

		if (r < 0)
			return r;
		s->begun = true;
	}
	return http_stream_write(s->x, p, n);
}

static int write_line(struct stream *s, json_t *doc)
{
	auto_buf struct buf b = BUF(16384);
	int r = json_print(doc, &b);

	json_decref(doc);
	if (r == 0)
		r = buf_z(&b, "\r\n");
	return r < 0 ? r : write_stream(s, b.p, b.n);
}

/* As docker: a failed load is a line of a good answer. */
int api_image_load(struct api_call *c, struct err *e)
{
	struct stream s = { .x = c->x, .type = "application/json" };
	struct image_source from = { read_body, c->x };
	struct image_sink progress = { write_stream, &s };
	const char *quiet = http_query(c->x, "quiet");
	bool silent = quiet ? http_query_bool(c->x, "quiet") : true;
	struct err why = { .kind = ERR_NONE };
	int r = api_image_platform(c, e);

	if (r < 0)
		return r;
	r = image_load(c->engine->images, api_owner(c), &from, silent, &progress, &why);
	if (r < 0)
		r = write_line(&s, json_pack("{s:{s:s},s:s}", "errorDetail", "message", why.msg,
					   "error", why.msg));
	return r < 0 ? r : http_stream_end(c->x);
}

static int import(struct api_call *c, struct err *e)
{
	struct stream s = { .x = c->x, .type = "application/json" };
	struct image_source from = { read_body, c->x };
	const char *changes[NAMES_MAX];
	struct image_import o = {
		.repo = http_query(c->x, "repo"),
		.tag = http_query(c->x, "tag"),
		.message = http_query(c->x, "message"),
		.changes = changes,
	};
	char text[DIGEST_TEXT + 1];
	struct digest id;
	int r;

	while (o.nchanges < NAMES_MAX && http_query_nth(c->x, "changes", o.nchanges)) {
		changes[o.nchanges] = http_query_nth(c->x, "changes", o.nchanges);
		o.nchanges++;
	}
	r = image_import(c->engine->images, api_owner(c), &from, &o, &id, e);
	if (r == 0)
		r = write_line(&s, json_pack("{s:s}", "status", digest_text(&id, text)));
	return r < 0 ? r : http_stream_end(c->x);
}

int api_image_create(struct api_call *c, struct err *e)
{
	const char *from = http_query(c->x, "fromSrc"), *image = http_query(c->x, "fromImage");
	int r;

	if (image && *image)
		return err_set(e, ERR_UNSUPPORTED, 0,
			"pulling images from registries is not supported yet: use docker load or "
			"docker import");
	if (!from || !streq(from, "-"))
		return err_set(e, ERR_UNSUPPORTED, 0,
			"importing from a URL is not supported: download it and use docker import -");
	r = api_image_platform(c, e);
	return r < 0 ? r : import(c, e);
}

static int save(struct api_call *c, const char *const *names, unsigned n, struct err *e)
{
	struct stream s = { .x = c->x, .type = "application/x-tar" };
	struct image_sink to = { write_stream, &s };
	struct image_save *v = NULL;
	int r = api_image_platform(c, e);

	if (r == 0)
		r = image_save_begin(c->engine->images, api_owner(c), names, n, &v, e);
	if (r < 0)
		return r;
	r = image_save_write(v, &to, e);
	image_save_end(v);
	return r < 0 ? r : http_stream_end(c->x);
}

int api_image_save_one(struct api_call *c, struct err *e)
{
	return save(c, &c->name, 1, e);
}

int api_image_save_many(struct api_call *c, struct err *e)
{
	const char *names[NAMES_MAX];
	unsigned n = 0;

	while (n < NAMES_MAX && http_query_nth(c->x, "names", n)) {
		names[n] = http_query_nth(c->x, "names", n);
		n++;
	}
	if (n == 0)
		return err_set(e, ERR_INVALID, EINVAL, "no image names given");
	if (n == NAMES_MAX)
		return err_set(e, ERR_LIMIT, E2BIG, "more than %d image names", NAMES_MAX - 1);
	return save(c, names, n, e);
}
