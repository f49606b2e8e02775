/* GET /containers/{name}/logs. */
#include "api/stream-int.h"

#define FRAME_HEAD 8

int log_sender_flush(void *arg)
{
	struct log_sender *s = arg;
	int r = s->b.n ? s->write(s->x, s->b.p, s->b.n) : 0;

	buf_clear(&s->b);
	return r;
}

static void put_head(char *p, uint8_t stream, size_t n)
{
	const uint8_t head[FRAME_HEAD] = { stream, 0, 0, 0, (uint8_t)(n >> 24), (uint8_t)(n >> 16),
		(uint8_t)(n >> 8), (uint8_t)n };

	memcpy(p, head, sizeof(head));
}

/* What comes before a line; a line that comes in parts gets it only once. */
static void put_prefix(struct log_sender *s, uint64_t time_ns)
{
	char at[CLOCK_TEXT];

	if (s->timestamps) {
		(void)buf_z(&s->b, clock_rfc3339(time_ns, at));
		(void)buf_c(&s->b, ' ');
	}
	if (s->details) {
		(void)buf_z(&s->b, s->details);
		(void)buf_c(&s->b, ' ');
	}
}

int log_sender_emit(void *arg, const struct log_head *h, struct str text)
{
	static const char blank[FRAME_HEAD];
	struct log_sender *s = arg;
	size_t begin = s->b.n;

	if (h->stream != LOG_STDOUT && h->stream != LOG_STDERR)
		return 0;
	if (s->framed)
		(void)buf_add(&s->b, blank, FRAME_HEAD);
	if (!s->inside[h->stream])
		put_prefix(s, h->time_ns);
	s->inside[h->stream] = h->flags & LOG_PARTIAL;
	(void)buf_str(&s->b, text);
	BUG_ON(buf_bad(&s->b));
	if (s->framed)
		put_head(s->b.p + begin, h->stream, s->b.n - begin - FRAME_HEAD);
	return s->b.n >= LOG_SEND_BATCH ? log_sender_flush(s) : 0;
}

/* ---- details ----------------------------------------------------------------------------------
 */

static void put_escaped(struct buf *b, const char *text)
{
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		if ((*p >= '0' && *p <= '9') || (*p >= 'A' && *p <= 'Z') ||
			(*p >= 'a' && *p <= 'z') || strchr("-_.~", *p))
			(void)buf_c(b, (char)*p);
		else if (*p == ' ')
			(void)buf_c(b, '+');
		else
			(void)buf_fmt(b, "%%%02X", *p);
	}
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Labels named in the option "labels": a comma list. */
static void pick_labels(json_t *to, const json_t *labels, struct str names)
{
	while (names.p) {
		struct str name = str_trim(str_cut(&names, ','));
		json_t *v = json_object_getn(labels, name.p, name.n);

		if (name.n && json_is_string(v))
			(void)json_object_setn(to, name.p, name.n, v);
	}
}

/* Variables named in the option "env". */
static void pick_env(json_t *to, const json_t *env, struct str names)
{
	while (names.p) {
		struct str name = str_trim(str_cut(&names, ','));

		for (size_t i = 0; name.n && i < json_array_size(env); i++) {
			struct str value = str_of(json_string_value(json_array_get(env, i)));

			if (value.p && str_eq(str_cut(&value, '='), name))
				(void)json_object_setn_new(to, name.p, name.n,
					json_stringn(value.p ? value.p : "", value.n));
		}
	}
}

char *log_details(const json_t *config, const json_t *host_config)
{
	const json_t *options = json_object_get(
		json_object_get(host_config, "LogConfig"), "Config");
	auto_json json_t *attrs = json_object();
	auto_buf struct buf b = BUF(1 << 20);
	const char *names[256], *key;
	json_t *value;
	size_t n = 0;

	pick_labels(attrs, json_object_get(config, "Labels"),
		str_of(json_string_value(json_object_get(options, "labels"))));
	pick_env(attrs, json_object_get(config, "Env"),
		str_of(json_string_value(json_object_get(options, "env"))));
	json_object_foreach(attrs, key, value)
	{
		if (n < ARRAY_SIZE(names))
			names[n++] = key;
	}
	qsort(names, n, sizeof(*names), by_name);
	for (size_t i = 0; i < n; i++) {
		if (i)
			(void)buf_c(&b, ',');
		put_escaped(&b, names[i]);
		(void)buf_c(&b, '=');
		put_escaped(&b, json_string_value(json_object_get(attrs, names[i])));
	}
	return buf_steal(&b);
}

/* ---- the request ------------------------------------------------------------------------------
 */

static int parse_time(struct api_call *c, const char *name, uint64_t *ret, struct err *e)
{
	const char *text = http_query(c->x, name);

	*ret = 0;
	if (!text || !*text || streq(text, "0"))
		return 0;
	if (!clock_parse(str_of(text), clock_wall_ns(), ret))
		return err_set(e, ERR_INVALID, 0, "invalid value for \"%s\": %s", name, text);
	return 0;
}

static int parse(struct api_call *c, struct log_query *ret, struct err *e)
{
	const char *tail = http_query(c->x, "tail");
	int r;

	*ret = (struct log_query){
		.stdout_on = http_query_bool(c->x, "stdout"),
		.stderr_on = http_query_bool(c->x, "stderr"),
		.follow = http_query_bool(c->x, "follow"),
		.pause = log_sender_flush,
	};
	if (!ret->stdout_on && !ret->stderr_on)
		return err_set(
			e, ERR_INVALID, 0, "Bad parameters: you must choose at least one stream");
	if ((r = parse_time(c, "since", &ret->since_ns, e)) < 0 ||
		(r = parse_time(c, "until", &ret->until_ns, e)) < 0)
		return r;
	/* as docker, what is no number means everything */
	if (!tail || !num_i64(str_of(tail), 0, INT64_MAX, &ret->tail))
		ret->tail = -1;
	return 0;
}

/* As docker: following ends with the run of the container that it began in. */
static bool run_ended(void *arg)
{
	struct log_sender *s = arg;
	struct container *c = s->c;
	bool over;

	pthread_mutex_lock(&c->lock);
	over = c->exits != s->exits ||
	       (c->status != CONTAINER_RUNNING && c->status != CONTAINER_PAUSED);
	pthread_mutex_unlock(&c->lock);
	return over;
}

/* Under the container's lock. */
static int readable(const struct container *c, struct err *e)
{
	const char *type = json_string_value(
		json_object_get(json_object_get(c->host_config, "LogConfig"), "Type"));

	if (c->status == CONTAINER_REMOVING || c->status == CONTAINER_DEAD)
		return err_set(e, ERR_CONFLICT, 0,
			"can not get logs from container which is dead or marked for removal");
	if (type && streq(type, "none"))
		return err_set(e, ERR_UNSUPPORTED, 0,
			"configured logging driver does not support reading");
	return 0;
}

static int sender_init(struct log_sender *s, struct api_call *c, struct container *ct,
	char **ret_details, struct err *e)
{
	int r;

	*s = (struct log_sender){
		.framed = !ct->tty,
		.x = c->x,
		.c = ct,
		/* a batch, and one more record with its prefix */
		.b = BUF(LOG_SEND_BATCH + LOG_LINE_MAX + CLOCK_TEXT + (1 << 20) + 16),
	};
	pthread_mutex_lock(&ct->lock);
	r = readable(ct, e);
	s->exits = ct->exits;
	if (r == 0 && ret_details && http_query_bool(c->x, "details"))
		*ret_details = log_details(ct->config, ct->host_config);
	pthread_mutex_unlock(&ct->lock);
	return r;
}

int api_logs(struct api_call *c, struct err *e)
{
	auto_container struct container *ct = NULL;
	auto_free char *details = NULL;
	struct log_sender s;
	struct log_query q;
	int r;

	if ((r = parse(c, &q, e)) < 0 ||
		(r = container_find(c->engine->containers, c->peer, c->name, &ct, e)) < 0 ||
		(r = sender_init(&s, c, ct, &details, e)) < 0)
		return r;
	s.timestamps = http_query_bool(c->x, "timestamps");
	s.details = details;
	s.write = http_stream_write;
	r = http_stream_begin(c->x, 200, stream_content_type(c, ct->tty));
	if (r == 0)
		r = log_read(ct->dir, &q, log_sender_emit, run_ended, &s, http_client_fd(c->x), e);
	if (r == 0)
		r = log_sender_flush(&s);
	buf_done(&s.b);
	if (r < 0)
		return r; /* the head is out: the dispatcher closes the connection */
	(void)http_stream_end(c->x);
	return 0;
}

int log_replay(struct api_call *c, struct container *ct, bool out, bool err, struct err *e)
{
	struct log_query q = { .stdout_on = out, .stderr_on = err, .tail = -1 };
	struct log_sender s;
	int r = sender_init(&s, c, ct, NULL, e);

	if (r < 0)
		return r;
	s.write = http_raw_write;
	r = log_read(ct->dir, &q, log_sender_emit, NULL, &s, -1, e);
	if (r == 0)
		r = log_sender_flush(&s);
	buf_done(&s.b);
	return r;
}
