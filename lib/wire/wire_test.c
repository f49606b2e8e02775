/*
 * Records between processes: whole, versioned, with exactly the descriptors that were sent;
 * anything else is a protocol error and leaks nothing.
 */
#include "wire/wire.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <cmocka.h>

static unsigned open_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static void a_record_arrives_whole_with_its_descriptors(void **state)
{
	struct wire_msg m;
	int s[2], p[2];
	char c = 0;

	(void)state;
	assert_int_equal(wire_pair(s), 0);
	assert_int_equal(pipe(p), 0);
	assert_int_equal(wire_send(s[0], 3, 9, 77, "body", 4, &p[1], 1), 0);
	assert_int_equal(wire_recv(s[1], 3, &m), 1);
	assert_int_equal(m.head.op, 9);
	assert_int_equal(m.head.seq, 77);
	assert_int_equal(m.head.size, 4);
	assert_memory_equal(m.body, "body", 4);
	int got = wire_fd(&m, 0);
	assert_true(got >= 0);
	assert_int_equal(wire_fd(&m, 0), -EBADF);
	assert_int_equal(wire_fd(&m, 5), -EBADF);
	assert_int_equal(write(got, "x", 1), 1);
	assert_int_equal(read(p[0], &c, 1), 1);
	wire_msg_done(&m);
	close(got);
	close(p[0]);
	close(p[1]);
	close(s[0]);
	assert_int_equal(wire_recv(s[1], 3, &m), 0);
	assert_int_equal(wire_send(s[1], 3, 1, 1, NULL, 0, NULL, 0), -EPIPE);
	close(s[1]);
}

static void malformed_records_are_refused(void **state)
{
	struct wire_head head = { WIRE_MAGIC, 3, 1, 1, 4 };
	struct wire_msg m;
	int s[2];

	(void)state;
	assert_int_equal(wire_pair(s), 0);
	/* shorter than a head; a size that lies; a foreign magic; another version */
	assert_int_equal(send(s[0], &head, 3, 0), 3);
	assert_int_equal(wire_recv(s[1], 3, &m), -EPROTO);
	assert_int_equal(send(s[0], &head, sizeof(head), 0), sizeof(head));
	assert_int_equal(wire_recv(s[1], 3, &m), -EPROTO);
	head.size = 0;
	head.magic++;
	assert_int_equal(send(s[0], &head, sizeof(head), 0), sizeof(head));
	assert_int_equal(wire_recv(s[1], 3, &m), -EPROTO);
	assert_int_equal(wire_send(s[0], 4, 1, 1, NULL, 0, NULL, 0), 0);
	assert_int_equal(wire_recv(s[1], 3, &m), -EPROTO);
	close(s[0]);
	close(s[1]);
}

static void refused_records_close_their_descriptors(void **state)
{
	struct wire_msg m;
	unsigned before;
	int s[2], many[WIRE_FDS_MAX];

	(void)state;
	assert_int_equal(wire_pair(s), 0);
	for (size_t i = 0; i < ARRAY_SIZE(many); i++)
		many[i] = s[0];
	before = open_descriptors();
	assert_int_equal(wire_send(s[0], 4, 1, 1, NULL, 0, many, WIRE_FDS_MAX), 0);
	assert_int_equal(wire_recv(s[1], 3, &m), -EPROTO);
	assert_int_equal(open_descriptors(), before);
	assert_int_equal(wire_send(s[0], 3, 1, 1, NULL, 0, many, WIRE_FDS_MAX), 0);
	assert_int_equal(wire_recv(s[1], 3, &m), 1);
	assert_int_equal(m.nfds, WIRE_FDS_MAX);
	wire_msg_done(&m);
	assert_int_equal(open_descriptors(), before);
	close(s[0]);
	close(s[1]);
}

static void send_empty_with_descriptor(int sock, int fd)
{
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr h;
	} space = { .h = { CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS } };
	struct msghdr h = { .msg_control = space.room, .msg_controllen = sizeof(space.room) };

	memcpy(CMSG_DATA(&space.h), &fd, sizeof(fd));
	assert_int_equal(sendmsg(sock, &h, 0), 0);
}

static void an_empty_message_with_descriptors_is_no_end(void **state)
{
	struct wire_msg m;
	unsigned before;
	int s[2];

	(void)state;
	assert_int_equal(wire_pair(s), 0);
	before = open_descriptors();
	send_empty_with_descriptor(s[0], s[0]);
	assert_int_equal(wire_recv(s[1], 3, &m), -EPROTO);
	assert_int_equal(open_descriptors(), before);
	fd_close(s[0]);
	assert_int_equal(wire_recv(s[1], 3, &m), 0);
	fd_close(s[1]);
}

static void a_full_table_is_not_the_senders_fault(void **state)
{
	struct rlimit old, low;
	struct wire_msg m;
	int s[2], r;

	(void)state;
	assert_int_equal(wire_pair(s), 0);
	assert_int_equal(wire_send(s[0], 3, 9, 77, "body", 4, s, 2), 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	low = (struct rlimit){ (rlim_t)s[1] + 1, old.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	r = wire_recv(s[1], 3, &m);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(r, -EMFILE);
	assert_int_equal(m.head.seq, 77);
	assert_memory_equal(m.body, "body", 4);
	assert_int_equal(m.nfds, 0);
	fd_close(s[0]);
	fd_close(s[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_arrives_whole_with_its_descriptors),
		cmocka_unit_test(malformed_records_are_refused),
		cmocka_unit_test(refused_records_close_their_descriptors),
		cmocka_unit_test(an_empty_message_with_descriptors_is_no_end),
		cmocka_unit_test(a_full_table_is_not_the_senders_fault),
	};

	return cmocka_run_group_tests_name("wire", tests, NULL, NULL);
}
