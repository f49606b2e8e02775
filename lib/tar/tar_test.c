/* Layers and archives, good and hostile, taken apart inside the sandbox as a worker would. */
#include "tar/tar.h"

#include "sandbox/job_test.h"
#include "sandbox/sandbox.h"

#include <bzlib.h>
#include <lzma.h>
#include <openssl/evp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <zlib.h>
#include <zstd.h>

#include <cmocka.h>

struct header {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], sum[8], type, link[100],
		magic[8], uname[32], gname[32], major[8], minor[8], prefix[155], pad[12];
};

static void seal(struct header *h)
{
	unsigned sum = 0;

	memset(h->sum, ' ', sizeof(h->sum));
	for (size_t i = 0; i < sizeof(*h); i++)
		sum += ((unsigned char *)h)[i];
	(void)snprintf(h->sum, 8, "%06o", sum & 0777777);
}

static void entry(struct buf *b, char type, const char *name, const char *link, const char *data)
{
	struct header h = { .magic = "ustar\00000" };
	size_t n = data ? strlen(data) : 0;

	(void)snprintf(h.name, sizeof(h.name), "%s", name);
	(void)snprintf(h.link, sizeof(h.link), "%s", link ? link : "");
	(void)snprintf(h.mode, 8, "%07o", type == '5' ? 0755u : 0644u);
	(void)snprintf(h.uid, 8, "%07o", 33u);
	(void)snprintf(h.gid, 8, "%07o", 44u);
	(void)snprintf(h.size, 12, "%011o", (unsigned)n);
	(void)snprintf(h.mtime, 12, "%011o", 1000000u);
	(void)snprintf(h.major, 8, "%07o", 1u);
	(void)snprintf(h.minor, 8, "%07o", 3u);
	h.type = type;
	seal(&h);
	assert_int_equal(buf_add(b, &h, sizeof(h)), 0);
	if (n) {
		static const char zero[512];

		assert_int_equal(buf_add(b, data, n), 0);
		assert_int_equal(buf_add(b, zero, (512 - n % 512) % 512), 0);
	}
}

static void finish(struct buf *b)
{
	static const char zero[1024];

	assert_int_equal(buf_add(b, zero, sizeof(zero)), 0);
}

/* ---- running a job --------------------------------------------------------------------------- */
struct result {
	struct err err;
	struct job_unpacked done;
	unsigned members, warnings;
	uint64_t bytes;
	char last[JOB_NAME_MAX];
};
static struct result *res; /* shared with the job's process */
static char tree_path[64];
static int tree_fd = -EBADF;

static int count(void *arg, enum job_frame_type type, const void *p, size_t n)
{
	(void)arg;
	if (type == JOB_WARNING)
		res->warnings++;
	if (type == JOB_MEMBER) {
		res->members++;
		memcpy(res->last, ((const struct job_member *)p)->name, JOB_NAME_MAX);
	}
	if (type == JOB_DATA)
		res->bytes += n;
	return 0;
}
static const struct tar_sink sink = { count, NULL };

static int unpack_inside(void *arg)
{
	const int keep[] = { JOB_FD_IN, JOB_FD_OUT };

	(void)arg;
	if (tar_prepare(&res->err) < 0 ||
		sandbox_enter(SANDBOX_UNPACK, JOB_FD_TREE, keep, 2, &res->err) < 0)
		_exit(90);
	_exit(tar_unpack(JOB_FD_IN, JOB_FD_TREE, &sink, &res->done, &res->err) < 0);
}

static int list_inside(void *arg)
{
	const int keep[] = { JOB_FD_IN, JOB_FD_OUT };

	(void)arg;
	if (tar_prepare(&res->err) < 0 || sandbox_enter(SANDBOX_STREAM, -1, keep, 2, &res->err) < 0)
		_exit(90);
	_exit(tar_list(JOB_FD_IN, &sink, &res->err) < 0);
}

static int run(struct str bytes, bool list)
{
	auto_close int in = memfd_create("in", MFD_CLOEXEC);
	auto_close int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	memset(res, 0, sizeof(*res));
	assert_int_equal(fd_write_all(in, bytes.p, bytes.n), 0);
	assert_int_equal(lseek(in, 0, SEEK_SET), 0);
	return testjob_run(in, null, list ? -1 : tree_fd, list ? list_inside : unpack_inside, NULL);
}

static void fresh_tree(void)
{
	char cmd[128];

	if (tree_fd >= 0) {
		(void)close(tree_fd);
		(void)snprintf(cmd, sizeof(cmd), "rm -rf %s", tree_path);
		assert_int_equal(system(cmd), 0);
	}
	(void)snprintf(tree_path, sizeof(tree_path), "/tmp/caisson-tar-XXXXXX");
	assert_non_null(mkdtemp(tree_path));
	tree_fd = open(tree_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void must_work(struct buf *b)
{
	int r;

	fresh_tree();
	r = run(buf_view(b), false);
	if (r != 0)
		fail_msg("status %d: %s", r, res->err.msg);
}

static void must_fail(struct buf *b, const char *text)
{
	int r;

	fresh_tree();
	r = run(buf_view(b), false);
	assert_int_equal(r, 1);
	if (!strstr(res->err.msg, text))
		fail_msg("\"%s\" does not say \"%s\"", res->err.msg, text);
}

static void sha(struct str s, struct digest *d)
{
	assert_int_equal(EVP_Digest(s.p, s.n, d->b, NULL, EVP_sha256(), NULL), 1);
}

/* ---- tests ----------------------------------------------------------------------------------- */
static void good_layer(struct buf *b)
{
	entry(b, '5', "./", NULL, NULL);
	entry(b, '5', "d/", NULL, NULL);
	entry(b, '0', "d/f", NULL, "hello");
	entry(b, '2', "d/l", "../../etc/shadow", NULL);
	entry(b, '1', "h", "d/f", NULL);
	entry(b, '6', "fifo", NULL, NULL);
	entry(b, '0', "deep/er/x", NULL, "y");
	finish(b);
}

static void check_good(void)
{
	struct stat st, h;

	assert_int_equal(fstatat(tree_fd, "d/f", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(st.st_uid, 33); /* ids on disk are the image's own */
	assert_int_equal(st.st_gid, 44);
	assert_int_equal(st.st_mtime, 1000000);
	assert_int_equal(st.st_size, 5);
	assert_int_equal(fstatat(tree_fd, "h", &h, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(h.st_ino, st.st_ino);
	assert_int_equal(fstatat(tree_fd, "d", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(st.st_mtime, 1000000); /* although entries were added later */
	assert_int_equal(fstatat(tree_fd, "d/l", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(st.st_uid, 33);
	assert_int_equal(fstatat(tree_fd, "deep/er/x", &st, AT_SYMLINK_NOFOLLOW), 0);
}

static void test_plain(void **state)
{
	auto_buf struct buf b = BUF(1 << 20);

	(void)state;
	good_layer(&b);
	must_work(&b);
	check_good();
	/* the digest of the input is the engine's to know */
	assert_true(digest_is_zero(&res->done.diff_id));
	assert_int_equal(res->done.size_bytes, 6);
}

static void gzip_of(struct str s, struct buf *out)
{
	z_stream z = { .next_in = (uint8_t *)(uintptr_t)s.p, .avail_in = (unsigned)s.n };

	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, 0), Z_OK);
	z.next_out = buf_room(out, deflateBound(&z, s.n));
	z.avail_out = (unsigned)deflateBound(&z, s.n);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	out->n += z.total_out;
	(void)deflateEnd(&z);
}

static void zstd_of(struct str s, struct buf *out)
{
	size_t room = ZSTD_compressBound(s.n);

	out->n += ZSTD_compress(buf_room(out, room), room, s.p, s.n, 3);
}

static void xz_of(struct str s, struct buf *out)
{
	size_t room = lzma_stream_buffer_bound(s.n), n = 0;

	assert_int_equal(lzma_easy_buffer_encode(6, LZMA_CHECK_CRC64, NULL, (const uint8_t *)s.p,
				 s.n, buf_room(out, room), &n, room),
		LZMA_OK);
	out->n += n;
}

static void bzip2_of(struct str s, struct buf *out)
{
	unsigned n = (unsigned)s.n + 1024;

	assert_int_equal(BZ2_bzBuffToBuffCompress(buf_room(out, n), &n, (char *)(uintptr_t)s.p,
				 (unsigned)s.n, 9, 0, 0),
		BZ_OK);
	out->n += n;
}

/* Every codec: in two frames, as parallel and appending tools make them; cut off; damaged. */
static void test_compressed(void **state)
{
	static void (*const codecs[])(
		struct str, struct buf *) = { gzip_of, zstd_of, xz_of, bzip2_of };
	auto_buf struct buf b = BUF(1 << 20);
	struct digest want;

	(void)state;
	good_layer(&b);
	sha(buf_view(&b), &want);
	for (size_t i = 0; i < ARRAY_SIZE(codecs); i++) {
		auto_buf struct buf z = BUF(1 << 20);

		codecs[i]((struct str){ b.p, 700 }, &z);
		codecs[i]((struct str){ b.p + 700, b.n - 700 }, &z);
		must_work(&z);
		check_good();
		assert_true(digest_eq(&want, &res->done.diff_id));
		z.n -= 12;
		must_fail(&z, "unexpected EOF");
		z.p[z.n / 2] ^= 0x55;
		z.p[z.n / 2 + 1] ^= 0x55;
		must_fail(&z, "");
	}
	buf_clear(&b);
	(void)buf_add(&b, "LZIP......", 10);
	must_fail(&b, "lzip are not supported");
}

static void test_whiteouts(void **state)
{
	auto_buf struct buf b = BUF(1 << 20);
	char value[4] = "";
	struct stat st;

	(void)state;
	entry(&b, '0', "d/.wh.gone", NULL, "");
	entry(&b, '0', "o/.wh..wh..opq", NULL, "");
	entry(&b, '0', "kept", NULL, "x");
	entry(&b, '0', ".wh.kept", NULL, "");
	entry(&b, '0', ".wh.again", NULL, "");
	entry(&b, '5', "again", NULL, NULL);
	entry(&b, '0', "again/f", NULL, "x");
	entry(&b, '0', ".wh..wh.plnk", NULL, "");
	finish(&b);
	must_work(&b);
	assert_int_equal(fstatat(tree_fd, "d/gone", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISCHR(st.st_mode) && st.st_rdev == 0);
	assert_int_equal(fchdir(tree_fd), 0);
	assert_int_equal(getxattr("o", "user.overlay.opaque", value, 4), 1);
	assert_int_equal(getxattr("again", "user.overlay.opaque", value, 4), 1);
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(fstatat(tree_fd, "kept", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISREG(st.st_mode));
	assert_int_not_equal(fstatat(tree_fd, ".wh..wh.plnk", &st, AT_SYMLINK_NOFOLLOW), 0);
}

static void one(char type, const char *name, const char *link, const char *text)
{
	auto_buf struct buf b = BUF(1 << 20);

	entry(&b, '5', "d", NULL, NULL);
	entry(&b, '2', "out", "/tmp", NULL);
	entry(&b, '2', "chain1", "chain2", NULL);
	entry(&b, '2', "chain2", "chain3", NULL);
	entry(&b, '2', "chain3", "../../../../tmp", NULL);
	entry(&b, type, name, link, type == '0' ? "evil" : NULL);
	finish(&b);
	must_fail(&b, text);
	assert_int_not_equal(access("/tmp/caisson-tar-evil", F_OK), 0);
}

static void test_hostile(void **state)
{
	(void)state;
	one('0', "../../tmp/caisson-tar-evil", NULL, "\"..\"");
	one('0', "d/../../caisson-tar-evil", NULL, "\"..\"");
	one('0', "out/caisson-tar-evil", NULL, "not a directory");
	one('0', "chain1/caisson-tar-evil", NULL, "not a directory");
	one('5', "out/caisson-tar-evil", NULL, "not a directory");
	one('1', "h", "../../../etc/passwd", "\"..\"");
	one('1', "h", "/etc/passwd", "not");
	one('1', "h", "out/passwd", "not there");
	one('1', "h", "chain1/x", "not there");
	one('1', "h", "d", "names no file");
	one('0', "d/.wh.", NULL, "hides nothing");
	one('0', "d/.wh...", NULL, "hides nothing");
	one('2', "s", "", "no target");
}

static void test_absolute_stays_beneath(void **state)
{
	auto_buf struct buf b = BUF(1 << 20);
	struct stat st;

	(void)state;
	entry(&b, '0', "/tmp/caisson-tar-evil", NULL, "x");
	entry(&b, '3', "null", NULL, NULL);
	entry(&b, '4', "disk", NULL, NULL);
	finish(&b);
	must_work(&b);
	assert_int_not_equal(access("/tmp/caisson-tar-evil", F_OK), 0);
	assert_int_equal(fstatat(tree_fd, "tmp/caisson-tar-evil", &st, 0), 0);
	assert_int_equal(res->warnings, 2); /* device nodes are left out */
	assert_int_not_equal(fstatat(tree_fd, "null", &st, AT_SYMLINK_NOFOLLOW), 0);
}

static void test_replacing(void **state)
{
	auto_buf struct buf b = BUF(1 << 20);
	struct stat st;

	(void)state;
	entry(&b, '0', "a", NULL, "first");
	entry(&b, '0', "a", NULL, "second!");
	entry(&b, '2', "l", "/etc/passwd", NULL);
	entry(&b, '0', "l", NULL, "not through the link");
	entry(&b, '0', "d/e/f", NULL, "x");
	entry(&b, '0', "d", NULL, "file now");
	entry(&b, '0', "g", NULL, "x");
	entry(&b, '5', "g", NULL, NULL);
	entry(&b, '1', "a", "a", NULL);
	finish(&b);
	must_work(&b);
	assert_int_equal(fstatat(tree_fd, "a", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(st.st_size, 7);
	assert_int_equal(fstatat(tree_fd, "l", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISREG(st.st_mode));
	assert_int_equal(fstatat(tree_fd, "d", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISREG(st.st_mode));
	assert_int_equal(fstatat(tree_fd, "g", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISDIR(st.st_mode));
}

static void test_damage(void **state)
{
	auto_buf struct buf b = BUF(1 << 20);

	(void)state;
	good_layer(&b);
	b.n = 512 * 3 + 100;
	must_fail(&b, "damaged");
	b.n = 512 * 2;
	must_work(&b); /* as everywhere, a missing end mark is forgiven */
	b.p[5] ^= 1;
	must_fail(&b, "damaged");
	buf_clear(&b);
	must_work(&b); /* an empty stream is an empty layer */
	(void)buf_z(&b, "this is no archive at all, but it is longer than nothing");
	must_fail(&b, "damaged");
}

/* A pax name is the archive's own bytes: neither normalised nor refused. */
static void test_pax(void **state)
{
	auto_buf struct buf b = BUF(1 << 20);
	struct stat st;

	(void)state;
	entry(&b, 'x', "pax", NULL, "13 path=e\xcc\x81x\n");
	entry(&b, '0', "short", NULL, "z");
	finish(&b);
	must_work(&b);
	assert_int_equal(fstatat(tree_fd, "e\xcc\x81x", &st, AT_SYMLINK_NOFOLLOW), 0);
	buf_clear(&b);
	entry(&b, 'x', "pax", NULL, "13 uid=70000\n");
	entry(&b, '0', "short", NULL, "z");
	finish(&b);
	must_fail(&b, "70000");
	buf_clear(&b);
	entry(&b, 'x', "pax", NULL,
		"38 SCHILY.xattr.user.overlay.opaque=y\n30 SCHILY.xattr.user.fine=yes\n");
	entry(&b, '5', "dir", NULL, NULL);
	finish(&b);
	must_work(&b);
	assert_int_equal(fchdir(tree_fd), 0);
	assert_int_equal(getxattr("dir", "user.overlay.opaque", NULL, 0), -1);
	assert_int_equal(getxattr("dir", "user.fine", NULL, 0), 3);
	assert_int_equal(chdir("/"), 0);
}

/* Zeros packed about 1:1000 (10 GiB in 10 MB): refused at bounded memory and disk. */
static void test_bomb(void **state)
{
	auto_buf struct buf b = BUF(64 << 20), head = BUF(4096), one_mb = BUF(2 << 20);
	static char zero[1 << 20];

	(void)state;
	entry(&head, '0', "zeros", NULL, NULL);
	memcpy(head.p + offsetof(struct header, size), "120000000000", 12);
	seal((struct header *)head.p);
	gzip_of(buf_view(&head), &b);
	gzip_of((struct str){ zero, sizeof(zero) }, &one_mb);
	for (int i = 0; i < 10 << 10; i++)
		assert_int_equal(buf_str(&b, buf_view(&one_mb)), 0);
	must_fail(&b, "bomb");
	fresh_tree();
}

static void test_list(void **state)
{
	auto_buf struct buf b = BUF(1 << 20), gz = BUF(1 << 20);

	(void)state;
	entry(&b, '5', "blobs/", NULL, NULL);
	entry(&b, '0', "./blobs//x", NULL, "hello");
	entry(&b, '2', "l", "../x", NULL);
	entry(&b, '0', "manifest.json", NULL, "[]");
	finish(&b);
	gzip_of(buf_view(&b), &gz);
	assert_int_equal(run(buf_view(&gz), true), 0);
	assert_int_equal(res->members, 3);
	assert_int_equal(res->bytes, 7);
	assert_string_equal(res->last, "manifest.json");
	buf_clear(&b);
	entry(&b, '0', "../evil", NULL, "hello");
	assert_int_equal(run(buf_view(&b), true), 1);
	assert_non_null(strstr(res->err.msg, "\"..\""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_compressed),
		cmocka_unit_test(test_whiteouts),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_absolute_stays_beneath),
		cmocka_unit_test(test_replacing),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_pax),
		cmocka_unit_test(test_bomb),
		cmocka_unit_test(test_list),
	};
	char cmd[128];
	int r;

	if (geteuid() != 0) {
		puts("SKIP: needs root");
		return 77;
	}
	res = mmap(NULL, sizeof(*res), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	(void)snprintf(cmd, sizeof(cmd), "rm -rf %s", tree_path);
	return system(cmd) == 0 ? r : 1;
}
