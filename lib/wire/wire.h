/*
 * wire - records and descriptors between our own processes, over SOCK_SEQPACKET.
 *
 * One message is a fixed head and a body of at most WIRE_BODY_MAX bytes, with at most WIRE_FDS_MAX
 * descriptors.  Bodies are fixed-size structs with explicit-width fields and no pointers; who reads
 * one checks every field.  The kernel keeps message boundaries, so there is no reassembly.
 *
 * Trust: a malformed message (short, long, wrong version, surplus descriptors) is -EPROTO; the
 * receiver must treat that as fatal for the sender.  Received descriptors are close-on-exec and are
 * closed by wire_msg_done() unless taken with wire_fd().
 */
#pragma once

#define WIRE_MAGIC    0x43734e31u /* "CsN1" */
#define WIRE_BODY_MAX 8192
#define WIRE_FDS_MAX  8

struct wire_head {
	uint32_t magic;
	uint16_t version; /* of the protocol that op belongs to */
	uint16_t op;
	uint32_t seq;  /* chosen by the asker, repeated in the answer */
	uint32_t size; /* bytes of body that follow */
};

struct wire_msg {
	struct wire_head head;
	int fds[WIRE_FDS_MAX];
	unsigned nfds;
	uint8_t body[WIRE_BODY_MAX] __attribute__((aligned(8)));
};

/* A connected pair, close-on-exec.  0 or negative errno. */
int wire_pair(int ret[2]) MUST_USE;
/* Sends one message; borrows the descriptors.  0 or negative errno (-EPIPE when the peer
 * is gone). */
int wire_send(int sock, uint16_t version, uint16_t op, uint32_t seq, const void *body, size_t size,
	const int *fds, unsigned nfds) MUST_USE;
/* Receives one message into *m (which the caller owns).  1 on a message, 0 at end of file,
 * -EAGAIN on an empty non-blocking socket, -EPROTO on a malformed message.  -EMFILE: a message
 * whose descriptors are lost because this process cannot have more; head and body are there. */
int wire_recv(int sock, uint16_t version, struct wire_msg *m) MUST_USE;
/* Gives descriptor i of the message, once; -EBADF when there is none. */
int wire_fd(struct wire_msg *m, unsigned i) MUST_USE;
/* Closes the descriptors nobody took. */
void wire_msg_done(struct wire_msg *m);
