/* A whole request over a connection: head, decoded target, query, body to its end, whatever way
 * the bytes are split between the first read and the later ones. */
#include "http/http-int.h"

#include <sys/socket.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void serve(struct http_exchange *x)
{
	static const char *const names[] = { "a", "all", "filters" };
	char b[512];
	ssize_t r;

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		(void)http_query_bool(x, names[i]);
		(void)http_query_nth(x, names[i], 1);
	}
	(void)http_request_header(x, "content-type");
	BUG_ON(http_request_path(x)[0] != '/');
	while ((r = http_body_read(x, b, sizeof(b))) > 0)
		BUG_ON((size_t)r > sizeof(b));
	BUG_ON(r == 0 && !x->body_ended);
	BUG_ON(x->in_off > x->in_n || x->in_n > x->in_cap);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct http_conn c = { .fd = -EBADF };
	struct http_exchange *x;
	size_t first;
	int pair[2];
	ssize_t head;

	if (n < 2 || n > 60000 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) < 0)
		return 0;
	x = xcalloc(1, sizeof(*x));
	x->conn = &c;
	c.fd = pair[0];
	x->in_cap = HTTP_SCRATCH;
	x->in = xmalloc(x->in_cap);
	first = MIN((n - 1) * (p[0] + 1u) / 256 + 1, x->in_cap);
	first = MIN(first, n - 1);
	memcpy(x->in, p + 1, first);
	x->in_n = first;
	head = http_head_parse(x->in, first, &x->head);
	if (head > 0) {
		x->head_end = x->in_off = (size_t)head;
		(void)send(pair[1], p + 1 + first, n - 1 - first, MSG_NOSIGNAL);
		(void)shutdown(pair[1], SHUT_WR);
		if (http_exchange_begin(x) == 0)
			serve(x);
		http_exchange_done(x);
	}
	fd_close(pair[0]);
	fd_close(pair[1]);
	free(x->in);
	free(x);
	return 0;
}
