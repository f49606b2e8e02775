#include "runtime/spec.h"

#include <setjmp.h>
#include <stdarg.h>
/* after stdarg and setjmp, which it needs */
#include <cmocka.h>
#include <sys/mman.h>
#include <sys/stat.h>

static void *map(int fd, size_t *ret_n)
{
	struct stat st;
	void *p;

	assert_int_equal(fstat(fd, &st), 0);
	*ret_n = (size_t)st.st_size;
	p = mmap(NULL, *ret_n, PROT_READ, MAP_PRIVATE, fd, 0);
	assert_true(p != MAP_FAILED);
	return p;
}

static int sample(void)
{
	struct spec_writer w;
	uint64_t shm = 65536;
	struct err e = { 0 };
	int fd;

	spec_init(&w);
	spec_add_str(&w, SPEC_ARG, "sh");
	spec_add_str(&w, SPEC_ARG, "");
	spec_add_str(&w, SPEC_ENV, "A=1234567");
	spec_add(&w, SPEC_FILE, "/etc/hosts\0x\0y", 14);
	spec_add(&w, SPEC_SHM_SIZE, &shm, sizeof(shm));
	fd = spec_seal(&w, &e);
	spec_done(&w);
	assert_true(fd >= 0);
	return fd;
}

static void records_survive_the_way(void **state)
{
	static const struct {
		enum spec_type type;
		size_t n;
	} want[] = { { SPEC_ARG, 2 }, { SPEC_ARG, 0 }, { SPEC_ENV, 9 }, { SPEC_FILE, 14 },
		{ SPEC_SHM_SIZE, 8 } };
	auto_close int fd = sample();
	struct spec_reader r;
	struct spec_record rec;
	size_t n;
	void *p = map(fd, &n);

	(void)state;
	assert_int_equal(spec_open(p, n, &r), 0);
	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		assert_int_equal(spec_next(&r, &rec), 1);
		assert_int_equal(rec.type, want[i].type);
		assert_int_equal(rec.data.n, want[i].n);
	}
	assert_int_equal(spec_next(&r, &rec), 0);
	assert_true(write(fd, "x", 1) < 0); /* sealed */
	(void)munmap(p, n);
}

/* Every cut and every changed byte either reads as well-formed records or is refused. */
static void damage_is_refused_or_harmless(void **state)
{
	auto_close int fd = sample();
	struct spec_reader r;
	struct spec_record rec;
	size_t n;
	void *p = map(fd, &n);

	(void)state;
	for (size_t cut = 0; cut < n; cut++)
		assert_int_equal(spec_open(p, cut, &r), -EBADMSG);
	for (size_t i = 0; i < n; i++) {
		auto_free uint8_t *copy = xmalloc(n);
		int got;

		memcpy(copy, p, n);
		copy[i] ^= 0xff;
		if (spec_open(copy, n, &r) < 0)
			continue;
		while ((got = spec_next(&r, &rec)) == 1)
			assert_true((const uint8_t *)rec.data.p + rec.data.n <= copy + n);
		assert_true(got == 0 || got == -EBADMSG);
	}
	(void)munmap(p, n);
}

static void too_much_is_refused_at_the_seal(void **state)
{
	auto_free char *big = xcalloc(1, SPEC_MAX);
	struct err e = { 0 };
	struct spec_writer w;

	(void)state;
	memset(big, 'x', SPEC_MAX - 1);
	spec_init(&w);
	spec_add_str(&w, SPEC_ARG, big);
	spec_add_str(&w, SPEC_ARG, "a");
	assert_true(spec_seal(&w, &e) < 0);
	assert_int_equal(e.kind, ERR_LIMIT);
	spec_done(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_survive_the_way),
		cmocka_unit_test(damage_is_refused_or_harmless),
		cmocka_unit_test(too_much_is_refused_at_the_seal),
	};

	return cmocka_run_group_tests_name("spec", tests, NULL, NULL);
}
