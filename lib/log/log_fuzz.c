#include "log/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* As a reader walks a file: every step goes forward, every text lies inside. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t at = 0;

	while (at < size) {
		struct log_head h;
		struct str text;
		ssize_t len = log_parse(data + at, size - at, &h, &text);

		if (len == 0)
			break;
		if (len < 0) {
			size_t skip = log_resync(data + at, size - at);

			BUG_ON(skip == 0 || skip > size - at);
			at += skip;
			continue;
		}
		BUG_ON(text.n != h.size || (size_t)len > size - at || h.size > LOG_LINE_MAX);
		BUG_ON(text.p + text.n != (const char *)data + at + len);
		BUG_ON(h.check != log_check(&h));
		at += (size_t)len;
	}
	return 0;
}
