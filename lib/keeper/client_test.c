/* Promise: any number of threads may ask at once, answers may come in any order, each asker gets
 * its own; what nobody asked for goes to the notify function. */
#include "keeper/keeper.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { ASKERS = 8 };

static struct keeper *link_;
static int notified[2]; /* pipe */

static void on_notify(void *arg, struct wire_msg *m)
{
	uint8_t op = m ? (uint8_t)m->head.op : 0;

	(void)arg;
	(void)!write(notified[1], &op, 1);
}

static void *ask(void *arg)
{
	struct keeper_signal s = { .signal = (uint32_t)(uintptr_t)arg };
	struct keeper_reply reply = { 0 };
	struct err e = { 0 };
	int r = keeper_call(link_, KEEPER_SIGNAL, &s, sizeof(s), NULL, 0, &reply, &e);

	if (s.signal % 2)
		return (void *)(uintptr_t)(r == -EPERM && e.kind == ERR_DENIED);
	return (void *)(uintptr_t)(r == 0 && reply.pid == s.signal * 10);
}

static void answer(int sock, const struct wire_msg *m)
{
	const struct keeper_signal *s = (const void *)m->body;
	struct keeper_reply reply = { .pid = s->signal * 10 };

	if (s->signal % 2)
		(void)err_set(&reply.err, ERR_DENIED, 0, "no");
	assert_int_equal(wire_send(sock, KEEPER_VERSION, KEEPER_REPLY, m->head.seq, &reply,
				 sizeof(reply), NULL, 0),
		0);
}

static void test_many_askers(void **state)
{
	static struct wire_msg got[ASKERS];
	struct keeper_client client = { .handle = 1 };
	pthread_t t[ASKERS];
	uint8_t op = 0;
	int pair[2];
	struct err e;

	(void)state;
	assert_int_equal(pipe(notified), 0);
	assert_int_equal(wire_pair(pair), 0);
	assert_int_equal(keeper_open(pair[1], on_notify, NULL, &link_, &e), 0);
	for (uintptr_t i = 0; i < ASKERS; i++)
		assert_int_equal(pthread_create(&t[i], NULL, ask, (void *)(i + 1)), 0);
	for (int i = 0; i < ASKERS; i++)
		assert_int_equal(wire_recv(pair[0], KEEPER_VERSION, &got[i]), 1);
	assert_int_equal(wire_send(pair[0], KEEPER_VERSION, KEEPER_CLIENT, 0, &client,
				 sizeof(client), NULL, 0),
		0);
	for (int i = ASKERS - 1; i >= 0; i--)
		answer(pair[0], &got[i]);
	for (int i = 0; i < ASKERS; i++) {
		void *ok = NULL;

		assert_int_equal(pthread_join(t[i], &ok), 0);
		assert_true(ok != NULL);
	}
	assert_int_equal(read(notified[0], &op, 1), 1);
	assert_int_equal(op, KEEPER_CLIENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_many_askers) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
