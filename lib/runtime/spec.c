#include "runtime/spec.h"

#include "sys/sys.h"

struct record {
	uint16_t type;
	uint16_t zero;
	uint32_t size;
};

#define PADDED(n) (((size_t)(n) + 3) & ~(size_t)3)

void spec_init(struct spec_writer *w)
{
	*w = (struct spec_writer){ .b = BUF(SPEC_MAX) };
	(void)buf_add(&w->b, &(struct spec_head){ 0 }, sizeof(struct spec_head));
}

void spec_done(struct spec_writer *w)
{
	buf_done(&w->b);
}

void spec_add(struct spec_writer *w, enum spec_type type, const void *p, size_t n)
{
	struct record r = { .type = (uint16_t)type, .size = (uint32_t)n };

	if (n > SPEC_MAX) {
		w->b.bad = true;
		return;
	}
	(void)buf_add(&w->b, &r, sizeof(r));
	(void)buf_add(&w->b, p, n);
	(void)buf_add(&w->b, "\0\0\0", PADDED(n) - n);
	w->records++;
}

void spec_add_str(struct spec_writer *w, enum spec_type type, const char *z)
{
	spec_add(w, type, z, strlen(z));
}

int spec_seal(struct spec_writer *w, struct err *e)
{
	struct spec_head h = { .magic = SPEC_MAGIC, .version = SPEC_VERSION };
	int fd;

	if (buf_bad(&w->b))
		return err_set(e, ERR_LIMIT, E2BIG,
			"arguments, environment and settings of the container are larger than %u bytes",
			SPEC_MAX);
	h.size = (uint32_t)w->b.n;
	h.records = w->records;
	memcpy(w->b.p, &h, sizeof(h));
	fd = sys_memfd_sealed("caisson-spec", w->b.p, w->b.n);
	if (fd < 0)
		return err_set(e, ERR_SYSTEM, -fd, "cannot store the settings of the container");
	return fd;
}

int spec_open(const void *p, size_t n, struct spec_reader *ret)
{
	struct spec_head h;

	if (n < sizeof(h) || n > SPEC_MAX)
		return -EBADMSG;
	memcpy(&h, p, sizeof(h));
	if (h.magic != SPEC_MAGIC || h.version != SPEC_VERSION || h.size != n)
		return -EBADMSG;
	*ret = (struct spec_reader){
		.p = (const uint8_t *)p + sizeof(h),
		.end = (const uint8_t *)p + n,
		.left = h.records,
	};
	return 0;
}

/* What the value of each type must look like.  TEXT: no NUL.  PAIR: one NUL ends the first part. */
enum form { FORM_NONE, FORM_TEXT, FORM_PAIR, FORM_EMPTY, FORM_FIXED, FORM_ARRAY };
static const struct {
	enum form form;
	uint32_t size;
} forms[] = {
	[SPEC_ARG] = { FORM_TEXT, 0 },
	[SPEC_ENV] = { FORM_TEXT, 0 },
	[SPEC_CWD] = { FORM_TEXT, 0 },
	[SPEC_USER] = { FORM_TEXT, 0 },
	[SPEC_GROUP_ADD] = { FORM_TEXT, 0 },
	[SPEC_HOSTNAME] = { FORM_TEXT, 0 },
	[SPEC_DOMAINNAME] = { FORM_TEXT, 0 },
	[SPEC_FILE] = { FORM_PAIR, 0 },
	[SPEC_TMPFS] = { FORM_PAIR, 0 },
	[SPEC_SHM_SIZE] = { FORM_FIXED, 8 },
	[SPEC_RLIMIT] = { FORM_FIXED, sizeof(struct spec_rlimit) },
	[SPEC_SYSCTL] = { FORM_TEXT, 0 },
	[SPEC_MASK] = { FORM_TEXT, 0 },
	[SPEC_READONLY] = { FORM_TEXT, 0 },
	[SPEC_SECCOMP] = { FORM_ARRAY, 8 },
	[SPEC_INIT] = { FORM_EMPTY, 0 },
	[SPEC_UMASK] = { FORM_FIXED, 4 },
	[SPEC_CAPS] = { FORM_FIXED, 8 },
	[SPEC_CONSOLE] = { FORM_FIXED, 8 },
};

static bool well_formed(uint16_t type, struct str s)
{
	if (type >= ARRAY_SIZE(forms))
		return false;
	switch (forms[type].form) {
	case FORM_TEXT:
		return s.n == 0 || !memchr(s.p, 0, s.n);
	case FORM_PAIR:
		return s.n && memchr(s.p, 0, s.n);
	case FORM_EMPTY:
		return s.n == 0;
	case FORM_FIXED:
		return s.n == forms[type].size;
	case FORM_ARRAY:
		return s.n && s.n % forms[type].size == 0;
	case FORM_NONE:
		break;
	}
	return false;
}

int spec_next(struct spec_reader *r, struct spec_record *ret)
{
	static const uint8_t zeros[4];
	size_t room = (size_t)(r->end - r->p);
	struct record h;
	struct str data;

	if (r->left == 0)
		return room ? -EBADMSG : 0;
	if (room < sizeof(h))
		return -EBADMSG;
	memcpy(&h, r->p, sizeof(h));
	room -= sizeof(h);
	if (h.zero || h.size > room || PADDED(h.size) > room)
		return -EBADMSG;
	data = (struct str){ (const char *)r->p + sizeof(h), h.size };
	if (memcmp(data.p + data.n, zeros, PADDED(h.size) - h.size) != 0 ||
		!well_formed(h.type, data))
		return -EBADMSG;
	r->p += sizeof(h) + PADDED(h.size);
	r->left--;
	*ret = (struct spec_record){ .type = (enum spec_type)h.type, .data = data };
	return 1;
}
