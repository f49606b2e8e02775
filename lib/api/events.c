#include "api/system-int.h"

static int parse_time(struct api_call *c, const char *name, uint64_t *ret, struct err *e)
{
	const char *text = http_query(c->x, name);

	*ret = 0;
	if (!text || !*text)
		return 0;
	if (!clock_parse(str_of(text), clock_wall_ns(), ret))
		return err_set(e, ERR_INVALID, EINVAL,
			"failed to parse value as time or duration: \"%.100s\"", text);
	return 0;
}

static int send_line(void *arg, struct str line)
{
	return http_stream_write(arg, line.p, line.n);
}

int api_events(struct api_call *c, struct err *e)
{
	auto_json json_t *filters = NULL;
	struct event_query q = { .owner = api_owner(c) == 0 ? UINT32_MAX : api_owner(c) };
	int r = parse_time(c, "since", &q.since_ns, e);

	if (r == 0)
		r = parse_time(c, "until", &q.until_ns, e);
	if (r == 0)
		r = api_filters(c, &filters, e);
	if (r < 0)
		return r;
	if (q.since_ns && q.until_ns && q.until_ns < q.since_ns)
		return err_set(e, ERR_INVALID, EINVAL,
			"`since` time (%s) cannot be after `until` time (%s)",
			http_query(c->x, "since"), http_query(c->x, "until"));
	q.filters = filters;
	/* The client waits for the head before it does what it wants to see the events of. */
	r = http_stream_begin(c->x, 200, "application/json");
	if (r == 0)
		r = event_follow(c->engine->events, &q, send_line, c->x, http_client_fd(c->x));
	if (r == 0)
		(void)http_stream_end(c->x);
	return 0;
}
