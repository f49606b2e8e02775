/*
 * Promise: requests that never end, of one user or of all members, leave threads for the others.
 */
#include "http/http.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/socket.h>

#include <cmocka.h>

#define THREADS	   16
#define OF_MEMBERS 12 /* three quarters */
#define OF_ONE	   6

static struct http_server *server;
static int held[THREADS + 1];
static unsigned nheld;

/* Answers its head, then stays as long as the client. */
static void hang(void *arg, struct http_exchange *x)
{
	struct pollfd p = { .fd = http_client_fd(x), .events = POLLRDHUP };

	(void)arg;
	http_stream_begin(x, 200, "text/plain");
	(void)poll(&p, 1, -1);
}

/* The status of a new request, which stays in progress when it is 200. */
static int ask(uint32_t uid)
{
	struct http_peer peer = { .handle = 1, .uid = uid };
	struct pollfd p = { .events = POLLIN };
	char head[64] = { 0 };
	uint32_t status = 0;
	int sv[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
	assert_int_equal(http_server_adopt(server, sv[1], &peer), 0);
	assert_int_equal(fd_write_all(sv[0], "GET / HTTP/1.1\r\nHost: d\r\n\r\n", 27), 0);
	p.fd = held[nheld++] = sv[0];
	assert_int_equal(poll(&p, 1, 20000), 1);
	assert_true(fd_read(sv[0], head, sizeof(head) - 1) > 12);
	assert_true(num_u32((struct str){ head + 9, 3 }, 999, &status));
	return (int)status;
}

static void one_leaves_room_for_others(void **state)
{
	(void)state;
	for (unsigned i = 0; i < OF_ONE; i++)
		assert_int_equal(ask(1000), 200);
	assert_int_equal(ask(1000), 503);
	for (unsigned i = OF_ONE; i < OF_MEMBERS; i++)
		assert_int_equal(ask(1001), 200);
	assert_int_equal(ask(1002), 503);
	assert_int_equal(ask(0), 200);
}

static int setup(void **state)
{
	struct http_server_options o = { .handler = hang, .threads_max = THREADS };
	struct err e;

	(void)state;
	return http_server_start(&o, &server, &e);
}

static int teardown(void **state)
{
	(void)state;
	while (nheld)
		fd_close(held[--nheld]);
	http_server_stop(server, 5000);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_leaves_room_for_others),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
