#include "http/http-int.h"

#include <stdarg.h>

static const char *status_text(int status)
{
	static const struct {
		int status;
		const char *text;
	} t[] = { { 101, "UPGRADED" }, { 200, "OK" }, { 201, "Created" }, { 202, "Accepted" },
		{ 204, "No Content" }, { 304, "Not Modified" }, { 400, "Bad Request" },
		{ 401, "Unauthorized" }, { 403, "Forbidden" }, { 404, "Not Found" },
		{ 405, "Method Not Allowed" }, { 408, "Request Timeout" }, { 409, "Conflict" },
		{ 413, "Request Entity Too Large" }, { 415, "Unsupported Media Type" },
		{ 416, "Requested Range Not Satisfiable" }, { 429, "Too Many Requests" },
		{ 431, "Request Header Fields Too Large" }, { 500, "Internal Server Error" },
		{ 501, "Not Implemented" }, { 503, "Service Unavailable" } };

	for (size_t i = 0; i < ARRAY_SIZE(t); i++)
		if (t[i].status == status)
			return t[i].text;
	return "Status";
}

void http_header_add(struct http_exchange *x, const char *name, const char *fmt, ...)
{
	size_t room = sizeof(x->extra) - x->extra_n;
	char *at = x->extra + x->extra_n;
	int n = snprintf(at, room, "%s: ", name), m;
	va_list ap;

	if (n < 0 || (size_t)n >= room) {
		x->extra_bad = true;
		return;
	}
	va_start(ap, fmt);
	m = vsnprintf(at + n, room - (size_t)n, fmt, ap);
	va_end(ap);
	if (m < 0 || (size_t)n + (size_t)m + 3 > room) {
		x->extra_bad = true;
		return;
	}
	BUG_ON(strpbrk(at, "\r\n"));
	memcpy(at + n + m, "\r\n", 3);
	x->extra_n += (size_t)n + (size_t)m + 2;
}

/* RFC 9110, 5.6.7.  The text of the current second is kept by each thread. */
static const char *date_text(void)
{
	static _Thread_local time_t when;
	static _Thread_local char text[40];
	time_t now = time(NULL);
	struct tm tm;

	if (now != when) {
		when = now;
		(void)strftime(
			text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&now, &tm));
	}
	return text;
}

struct reply_head {
	char text[768];
	size_t n;
};

static void add(struct reply_head *h, const char *fmt, ...) PRINTF(2, 3);
static void add(struct reply_head *h, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(h->text + h->n, sizeof(h->text) - h->n, fmt, ap);
	va_end(ap);
	BUG_ON(n < 0 || (size_t)n >= sizeof(h->text) - h->n);
	h->n += (size_t)n;
}

static void begin_head(
	struct http_exchange *x, struct reply_head *h, int status, const char *content_type)
{
	h->n = 0;
	add(h, "HTTP/1.1 %d %s\r\n", status, status_text(status));
	if (x->options->server_name)
		add(h, "Server: %.128s\r\n", x->options->server_name);
	add(h, "Date: %s\r\n", date_text());
	if (content_type)
		add(h, "Content-Type: %.128s\r\n", content_type);
}

/* Must the connection end after this answer?  Then the client is told. */
static void settle_close(struct http_exchange *x, struct reply_head *h)
{
	if (!x->body_ended && x->head.expect_continue && !x->body_begun)
		x->close = true;
	if (!x->body_ended && x->body == BODY_LENGTH && x->body_left > HTTP_DRAIN_MAX)
		x->close = true;
	if (x->close)
		add(h, "Connection: close\r\n");
	else if (x->head.minor == 0)
		add(h, "Connection: keep-alive\r\n");
}

static int sent(struct http_exchange *x, int r)
{
	if (r < 0)
		x->failed = x->close = true;
	return r;
}

static int send_head(struct http_exchange *x, struct reply_head *h, struct str body)
{
	struct iovec iov[] = { { h->text, h->n }, { x->extra, x->extra_n },
		{ (void *)(uintptr_t) "\r\n", 2 },
		{ (void *)(uintptr_t)body.p, x->no_body ? 0 : body.n } };

	return sent(x, http_conn_write(x->conn, iov, 4, HTTP_TIMEOUT_MS));
}

int http_reply(struct http_exchange *x, int status, const char *content_type, struct str body)
{
	struct reply_head h __attribute__((uninitialized));

	BUG_ON(x->replied);
	x->replied = true;
	if (x->extra_bad) {
		status = 500;
		content_type = "text/plain";
		body = STR("the answer's headers are too long\n");
		x->extra_n = 0;
	}
	begin_head(x, &h, status, content_type);
	if (status != 204 && status != 304)
		add(&h, "Content-Length: %zu\r\n", body.n);
	settle_close(x, &h);
	return send_head(x, &h, body);
}

int http_stream_begin(struct http_exchange *x, int status, const char *content_type)
{
	struct reply_head h __attribute__((uninitialized));

	BUG_ON(x->replied || x->extra_bad);
	x->replied = x->streaming = true;
	x->chunked = x->head.minor == 1;
	if (!x->chunked)
		x->close = true;
	begin_head(x, &h, status, content_type);
	if (x->chunked)
		add(&h, "Transfer-Encoding: chunked\r\n");
	settle_close(x, &h);
	return send_head(x, &h, (struct str){ NULL, 0 });
}

int http_stream_write(struct http_exchange *x, const void *p, size_t n)
{
	char size[24];
	struct iovec iov[3] = { { size, 0 }, { (void *)(uintptr_t)p, n },
		{ (void *)(uintptr_t) "\r\n", 2 } };
	int r;

	BUG_ON(!x->streaming);
	if (x->failed)
		return -EPIPE;
	if (n == 0 || x->no_body)
		return 0;
	iov[0].iov_len = (size_t)snprintf(size, sizeof(size), "%zx\r\n", n);
	r = x->chunked ? http_conn_write(x->conn, iov, 3, -1)
		       : http_conn_write(x->conn, iov + 1, 1, -1);
	return sent(x, r);
}

int http_stream_end(struct http_exchange *x)
{
	struct iovec iov = { (void *)(uintptr_t) "0\r\n\r\n", 5 };

	BUG_ON(!x->streaming);
	x->streaming = false;
	if (!x->chunked || x->no_body || x->failed)
		return x->failed ? -EPIPE : 0;
	return sent(x, http_conn_write(x->conn, &iov, 1, HTTP_TIMEOUT_MS));
}

bool http_replied(const struct http_exchange *x)
{
	return x->replied;
}

int http_hijack(struct http_exchange *x, const char *content_type)
{
	struct reply_head h __attribute__((uninitialized));

	BUG_ON(x->replied || x->extra_bad);
	/* What the client sends before it has the answer already belongs to the raw stream. */
	if (!http_body_drain(x)) {
		x->close = true;
		return -EPIPE;
	}
	x->replied = x->hijacked = x->close = true;
	begin_head(x, &h, x->head.upgrade_tcp ? 101 : 200, content_type);
	if (x->head.upgrade_tcp)
		add(&h, "Connection: Upgrade\r\nUpgrade: tcp\r\n");
	return send_head(x, &h, (struct str){ NULL, 0 });
}

int http_raw_write(struct http_exchange *x, const void *p, size_t n)
{
	struct iovec iov = { (void *)(uintptr_t)p, n };

	BUG_ON(!x->hijacked);
	return http_conn_write(x->conn, &iov, 1, -1);
}
