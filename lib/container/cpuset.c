#include "container/container-int.h"

#include <fcntl.h>

static int parse_range(struct str s, uint32_t *first, uint32_t *last)
{
	struct str a = str_cut(&s, '-');

	if (!num_u32(a, UINT32_MAX, first))
		return -EINVAL;
	*last = *first;
	if (s.p && !num_u32(s, UINT32_MAX, last))
		return -EINVAL;
	return *first <= *last ? 0 : -EINVAL;
}

int cpuset_parse(const char *text, uint64_t *bits, size_t nbits)
{
	struct str s = str_of(text);
	uint32_t first, last;

	memset(bits, 0, nbits / 8);
	while (s.p && text[0]) {
		if (parse_range(str_cut(&s, ','), &first, &last) < 0)
			return -EINVAL;
		if (last >= nbits)
			return -ERANGE;
		for (uint32_t i = first; i <= last; i++)
			bits[i / 64] |= 1ull << (i % 64);
	}
	return 0;
}

void cpuset_online(const char *what, char *out, size_t size)
{
	char path[64];
	auto_close int fd = -EBADF;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/sys/devices/system/%s/online", what);
	out[0] = '\0';
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? 0 : fd_read(fd, out, size - 1);
	out[n > 0 ? n : 0] = '\0';
	out[strcspn(out, "\n")] = '\0';
}
