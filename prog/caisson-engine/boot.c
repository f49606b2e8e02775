#include "engine.h"

#include <sys/stat.h>

#define FILE_MAX (1u << 20)

/* From its beginning, wherever the last engine left the shared offset. */
static int read_file(int fd, struct buf *out, const char *what, struct err *e)
{
	char chunk[8192];
	off_t at = 0;

	for (;;) {
		ssize_t n = pread(fd, chunk, sizeof(chunk), at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set(e, ERR_SYSTEM, errno, "read %s", what);
		if (n == 0)
			return 0;
		if (buf_add(out, chunk, (size_t)n) < 0)
			return err_set(
				e, ERR_LIMIT, EFBIG, "%s is larger than %u bytes", what, FILE_MAX);
		at += n;
	}
}

static int read_config(int fd, struct boot *b, struct err *e)
{
	auto_buf struct buf text = BUF(FILE_MAX);
	int r = fd >= 0 ? read_file(fd, &text, "daemon.json", e) : 0;

	if (r == 0)
		r = config_parse(buf_view(&text), &b->config, e);
	if (r == 0)
		r = config_add_boot(&b->config, b->head.labels, b->head.registries, e);
	return r;
}

static int read_tls(struct wire_msg *m, unsigned first, struct boot *b, struct err *e)
{
	static const char *const names[] = { "the CA certificate", "the TLS certificate",
		"the TLS key" };
	struct buf pem[3] = { BUF(FILE_MAX), BUF(FILE_MAX), BUF(FILE_MAX) };
	int r = 0;

	for (unsigned i = 0; i < 3 && r == 0; i++) {
		auto_close int fd = wire_fd(m, first + i);

		r = read_file(fd, &pem[i], names[i], e);
	}
	if (r == 0)
		r = tls_server_context(
			buf_view(&pem[0]), buf_view(&pem[1]), buf_view(&pem[2]), &b->tls, e);
	for (unsigned i = 0; i < 3; i++)
		buf_done(&pem[i]);
	return r;
}

static int check_head(const struct keeper_boot *h, struct err *e)
{
	if (h->version != KEEPER_VERSION)
		return err_set(e, ERR_CORRUPT, EPROTO,
			"the keeper speaks version %u, this engine %d: install both from one build",
			h->version, KEEPER_VERSION);
	if (memchr(h->data_root, 0, sizeof(h->data_root)) &&
		memchr(h->exec_root, 0, sizeof(h->exec_root)) &&
		memchr(h->labels, 0, sizeof(h->labels)) &&
		memchr(h->registries, 0, sizeof(h->registries)))
		return 0;
	return err_set(e, ERR_CORRUPT, EPROTO, "malformed first message from the keeper");
}

static int take(struct wire_msg *m, struct boot *b, struct err *e)
{
	unsigned tls_fds, want;
	int r;

	if (m->head.op != KEEPER_BOOT || m->head.size != sizeof(b->head))
		return err_set(e, ERR_CORRUPT, EPROTO, "the keeper's first message is no BOOT");
	memcpy(&b->head, m->body, sizeof(b->head));
	r = check_head(&b->head, e);
	if (r < 0)
		return r;
	tls_fds = b->head.tls ? 3 : 0;
	want = 2 + tls_fds;
	if (m->nfds != want && m->nfds != want + 1)
		return err_set(e, ERR_CORRUPT, EPROTO,
			"the keeper's first message carries %u descriptors", m->nfds);
	b->state_dir = wire_fd(m, 0);
	b->run_dir = wire_fd(m, 1);
	auto_close int config = m->nfds > want ? wire_fd(m, 2) : -EBADF;

	r = read_config(config, b, e);
	if (r == 0 && tls_fds)
		r = read_tls(m, m->nfds - 3, b, e);
	return r;
}

int boot_receive(int fd, struct boot *ret, struct err *e)
{
	static struct wire_msg m;
	int r = wire_recv(fd, KEEPER_VERSION, &m);

	*ret = (struct boot){ .state_dir = -EBADF, .run_dir = -EBADF };
	if (r == 0)
		return err_set(e, ERR_UNAVAILABLE, EPIPE, "the keeper closed the link");
	if (r < 0)
		return err_set(e, ERR_SYSTEM, -r, "receive the keeper's first message");
	r = take(&m, ret, e);
	wire_msg_done(&m);
	return r;
}
