#include <linux/filter.h>
#include <sys/mman.h>

#include "runtime/runtime-int.h"

#define SHM_DEFAULT (64u << 20)

static void set_string(struct settings *s, enum spec_type type, struct str v)
{
	char **slot = type == SPEC_CWD	      ? &s->cwd
		      : type == SPEC_USER     ? &s->user
		      : type == SPEC_HOSTNAME ? &s->hostname
					      : &s->domainname;

	mem_replace(slot, str_dup(v));
}

static uint64_t fixed(struct str v)
{
	uint64_t x = 0;

	memcpy(&x, v.p, MIN(v.n, sizeof(x)));
	return x;
}

static void set_one(struct settings *s, const struct spec_record *r)
{
	uint64_t v;

	switch (r->type) {
	case SPEC_ARG:
		s->args[s->nargs++] = str_dup(r->data);
		break;
	case SPEC_ENV:
		s->env[s->nenv++] = str_dup(r->data);
		break;
	case SPEC_CWD:
	case SPEC_USER:
	case SPEC_HOSTNAME:
	case SPEC_DOMAINNAME:
		set_string(s, r->type, r->data);
		break;
	case SPEC_SHM_SIZE:
		s->shm_size = fixed(r->data);
		break;
	case SPEC_UMASK:
		s->umask = (uint32_t)fixed(r->data) & 0777;
		break;
	case SPEC_CAPS:
		s->caps = fixed(r->data);
		break;
	case SPEC_CONSOLE: /* rows, then columns */
		v = fixed(r->data);
		s->rows = (uint16_t)v;
		s->columns = (uint16_t)(v >> 32);
		break;
	case SPEC_INIT:
		s->reaper = true;
		break;
	case SPEC_SECCOMP:
		s->filter = (const struct sock_filter *)(const void *)r->data.p;
		s->filter_n = r->data.n / sizeof(*s->filter);
		break;
	default:
		s->records[s->nrecords++] = *r;
	}
}

int settings_read(int fd, struct settings *ret, struct err *e)
{
	struct settings s = { .shm_size = SHM_DEFAULT, .caps = UINT64_MAX, .umask = 0022 };
	struct spec_reader reader;
	struct spec_record rec;
	struct stat st;
	int r = -EBADMSG;

	if (!sys_memfd_is_sealed(fd) || fstat(fd, &st) < 0 || st.st_size <= 0 ||
		st.st_size > SPEC_MAX)
		return err_set(e, ERR_CORRUPT, 0, "the container's settings are not a sealed file");
	s.map_size = (size_t)st.st_size;
	s.map = mmap(NULL, s.map_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (s.map == MAP_FAILED)
		return err_set(e, ERR_SYSTEM, errno, "cannot read the container's settings");
	if (spec_open(s.map, s.map_size, &reader) == 0) {
		/* No more records than heads fit, whatever the count says. */
		size_t most = MIN((size_t)reader.left, s.map_size / 8) + 2;

		s.args = xcalloc(most, sizeof(*s.args));
		s.env = xcalloc(most, sizeof(*s.env));
		s.records = xcalloc(most, sizeof(*s.records));
		while ((r = spec_next(&reader, &rec)) == 1)
			set_one(&s, &rec);
	}
	if (r < 0)
		return err_set(e, ERR_CORRUPT, 0, "the container's settings are damaged");
	*ret = s;
	return 0;
}

const char *settings_env(const struct settings *s, const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < s->nenv; i++)
		if (strncmp(s->env[i], name, n) == 0 && s->env[i][n] == '=')
			return s->env[i] + n + 1;
	return NULL;
}
