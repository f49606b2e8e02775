/* What /proc says of the host and of interfaces. */
#include "api/stream-int.h"

#include <fcntl.h>

static void skip(struct str *s, size_t n)
{
	s->p += n;
	s->n -= n;
}

/* The next number of a line; false at its end. */
static bool next_number(struct str *line, uint64_t *ret)
{
	size_t n = 0;

	while (line->n && (line->p[0] == ' ' || line->p[0] == '\t'))
		skip(line, 1);
	while (n < line->n && line->p[n] >= '0' && line->p[n] <= '9')
		n++;
	if (!num_u64((struct str){ line->p, n }, UINT64_MAX, ret))
		return false;
	skip(line, n);
	return true;
}

void host_cpu_parse(struct str text, unsigned hertz, struct host_cpu *ret)
{
	uint64_t v, ticks = 0;

	*ret = (struct host_cpu){ 0 };
	while (text.p) {
		struct str line = str_cut(&text, '\n');

		if (str_starts(line, STR("cpu "))) {
			skip(&line, 4);
			for (int i = 0; i < 7 && next_number(&line, &v); i++)
				ticks += v;
		} else if (str_starts(line, STR("cpu"))) {
			ret->online++;
		} else if (str_starts(line, STR("btime "))) {
			skip(&line, 6);
			(void)next_number(&line, &ret->boot_s);
		}
	}
	ret->total_ns = ticks * (NS_PER_SEC / (hertz ? hertz : 100));
}

uint64_t host_memory_parse(struct str text)
{
	uint64_t kib;

	while (text.p) {
		struct str line = str_cut(&text, '\n');

		if (!str_starts(line, STR("MemTotal:")))
			continue;
		skip(&line, 9);
		return next_number(&line, &kib) && kib < UINT64_MAX / 1024 ? kib * 1024 : 0;
	}
	return 0;
}

bool host_net_next(struct str *dev, struct str *ret_name, struct host_net *ret)
{
	while (dev->p) {
		struct str line = str_cut(dev, '\n'), name = str_trim(str_cut(&line, ':'));
		uint64_t v[16];
		size_t n = 0;

		if (!line.p)
			continue; /* a heading */
		while (n < ARRAY_SIZE(v) && next_number(&line, &v[n]))
			n++;
		if (n < 12)
			continue;
		*ret_name = name;
		*ret = (struct host_net){ v[0], v[1], v[2], v[3], v[8], v[9], v[10], v[11] };
		return true;
	}
	return false;
}

int host_read(const char *path, struct buf *b)
{
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);

	buf_clear(b);
	if (fd < 0)
		return -errno;
	return buf_read_fd(b, fd);
}

void host_cpu_now(struct host_cpu *ret)
{
	auto_buf struct buf b = BUF(1 << 20);

	(void)host_read("/proc/stat", &b);
	host_cpu_parse(buf_view(&b), (unsigned)sysconf(_SC_CLK_TCK), ret);
}

uint64_t host_memory_bytes(void)
{
	auto_buf struct buf b = BUF(65536);

	(void)host_read("/proc/meminfo", &b);
	return host_memory_parse(buf_view(&b));
}
