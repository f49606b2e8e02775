#include "log/log.h"

_Static_assert(sizeof(struct log_head) == 24, "log_head is a disk format");

/* FNV-1a, 64 bits folded to 32: it tells damage, not malice (only the shim can write here). */
static uint64_t mix(uint64_t hash, uint64_t value)
{
	for (unsigned i = 0; i < 8; i++, value >>= 8)
		hash = (hash ^ (value & 0xff)) * 0x100000001b3ull;
	return hash;
}

uint32_t log_check(const struct log_head *h)
{
	uint64_t hash = 0xcbf29ce484222325ull;

	hash = mix(hash, (uint64_t)h->magic << 48 | (uint64_t)h->stream << 40 |
				 (uint64_t)h->flags << 32 | h->size);
	hash = mix(hash, h->time_ns);
	hash = mix(hash, (uint32_t)h->status);
	return (uint32_t)(hash ^ hash >> 32);
}

struct log_head log_head_make(
	enum log_stream stream, unsigned flags, uint32_t size, uint64_t time_ns, int32_t status)
{
	struct log_head h = {
		.magic = LOG_MAGIC,
		.stream = (uint8_t)stream,
		.flags = (uint8_t)(flags | (LOG_VERSION - 1) << 4),
		.size = size,
		.time_ns = time_ns,
		.status = status,
	};

	h.check = log_check(&h);
	return h;
}

static bool head_valid(const struct log_head *h)
{
	const unsigned version = (h->flags >> 4) + 1u;

	/* The next version may write streams that readers of this one pass over. */
	return h->magic == LOG_MAGIC && version_readable(version, LOG_VERSION) &&
	       h->stream >= LOG_STDOUT && (h->stream <= LOG_ROTATED || version > LOG_VERSION) &&
	       (h->flags & LOG_KIND & ~(unsigned)LOG_PARTIAL) == 0 && h->size <= LOG_LINE_MAX &&
	       h->check == log_check(h);
}

ssize_t log_parse(const void *p, size_t n, struct log_head *ret, struct str *ret_text)
{
	struct log_head h;

	if (n < sizeof(h))
		return 0;
	memcpy(&h, p, sizeof(h));
	if (!head_valid(&h))
		return -EBADMSG;
	if (n - sizeof(h) < h.size)
		return 0;
	*ret = h;
	*ret_text = (struct str){ (const char *)p + sizeof(h), h.size };
	return (ssize_t)(sizeof(h) + h.size);
}

size_t log_resync(const void *p, size_t n)
{
	const char *at = p;
	struct log_head h;

	for (size_t i = 1; i < n; i++) {
		if (n - i < sizeof(h))
			return i;
		memcpy(&h, at + i, sizeof(h));
		if (h.magic == LOG_MAGIC && head_valid(&h))
			return i;
	}
	return n;
}
