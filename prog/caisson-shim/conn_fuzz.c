/* What a peer of the shim's socket says: hellos and records, from the engine's uid or not. */
#include "shim-int.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static struct buffers room;

/* The shim's descriptors have fixed numbers. */
static void set_descriptors(void)
{
	for (int fd = SHIM_FD_LISTEN; fd <= SHIM_FD_CLAIM; fd++)
		BUG_ON(fcntl(fd, F_GETFD) >= 0);
	for (int fd = SHIM_FD_LISTEN; fd <= SHIM_FD_CLAIM; fd++)
		BUG_ON(open("/dev/null", O_RDWR | O_CLOEXEC) != fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static bool ready;
	struct shim s = { .tty = n % 2,
		.listener = -EBADF,
		.pidfd = -EBADF,
		.input = -EBADF,
		.in_text = room.in_text,
		.ended = n % 3 == 0 };
	int pair[2];

	if (!ready)
		set_descriptors();
	ready = true;
	for (unsigned i = 0; i < CONNS_MAX; i++)
		s.conn[i].fd = s.conn[i].passed = -EBADF;
	for (unsigned i = 0; i < STREAMS; i++)
		s.stream[i] = (struct stream){ .fd = -EBADF, .text = room.text[i] };
	s.log.batch = room.batch;
	s.log.fd = -EBADF;
	if (n > 60000 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) < 0)
		return 0;
	s.conn[0] = (struct conn){ .fd = pair[0], .passed = -EBADF, .sent = UINT32_MAX };
	BUG_ON(fd_write_all(pair[1], p, n) < 0);
	(void)shutdown(pair[1], SHUT_WR);
	while (conn_live(&s.conn[0]) && !s.conn[0].stdin_over)
		conn_readable(&s, &s.conn[0]);
	conn_drop(&s, &s.conn[0]);
	fd_close(pair[1]);
	return 0;
}
