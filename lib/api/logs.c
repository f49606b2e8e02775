/* GET /containers/{name}/logs. */
#include "api/stream-int.h"

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
