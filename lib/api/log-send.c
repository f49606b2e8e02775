/* Log records as a client of docker wants to see them, in batches. */
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

/* ---- details --------------------------------------------------------------------------------- */

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
