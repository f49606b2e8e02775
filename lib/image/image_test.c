/* Whole images through the real worker: a fake keeper runs it as the real one does. */
#include "image/image.h"

#include "sandbox/job_test.h"

#include <dirent.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/stat.h>

#include <cmocka.h>

static char base[64], worker[256];
static struct image_store *images;
static struct store *blobs;
static struct state *state_db;
static struct event_log *events;
static int dir = -EBADF;
static unsigned in_use;
static bool in_use_running;

/* ---- a keeper -------------------------------------------------------------------------------- */
static int exec_worker(void *arg)
{
	execl(worker, "caisson-worker", (const char *)arg, NULL);
	return 127;
}

static void layer_path(char *out, size_t n, const char *sub, const struct digest *d)
{
	char hex[DIGEST_HEX + 1];

	(void)snprintf(out, n, "%s/%s/%s", base, sub, digest_hex(d, hex));
}

static void remove_tree(const char *path)
{
	char cmd[300];

	(void)snprintf(cmd, sizeof(cmd), "rm -rf '%s'", path);
	assert_int_equal(system(cmd), 0);
}

static int fake_job(const struct keeper_job *j, const int *fds, struct keeper_reply *ret)
{
	char path[256];
	auto_close int tree = -EBADF;

	if (j->kind == KEEPER_JOB_UNPACK) {
		layer_path(path, sizeof(path), "staging", &j->target);
		assert_int_equal(mkdir(path, 0755), 0);
		tree = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	ret->status = testjob_run(fds[0], fds[1], tree, exec_worker,
		(void *)(uintptr_t)(tree >= 0 ? "unpack" : "archive"));
	if (ret->status && tree >= 0)
		remove_tree(path);
	return 0;
}

int keeper_call(struct keeper *k, enum keeper_op op, const void *body, size_t size, const int *fds,
	unsigned nfds, struct keeper_reply *ret, struct err *e)
{
	char from[256], to[256];
	const struct keeper_layer *l = body;

	(void)k;
	(void)size;
	(void)nfds;
	(void)e;
	if (op == KEEPER_JOB)
		return fake_job(body, fds, ret);
	layer_path(from, sizeof(from), "staging", &l->staging);
	layer_path(to, sizeof(to), "layers", &l->layer);
	if (op == KEEPER_LAYER_COMMIT)
		assert_int_equal(rename(from, to), 0);
	if (op == KEEPER_LAYER_REMOVE)
		remove_tree(to);
	return 0;
}

static unsigned users(void *arg, const struct digest *image, bool *ret_running, char *ret_container)
{
	(void)arg;
	(void)image;
	*ret_running = in_use_running;
	(void)snprintf(ret_container, DIGEST_HEX + 1, "c0ffee123456");
	return in_use;
}

/* ---- what is on disk ------------------------------------------------------------------------- */
static unsigned count(const char *sub)
{
	char path[256];
	unsigned n = 0;
	struct dirent *de;
	DIR *d;

	(void)snprintf(path, sizeof(path), "%s/%s", base, sub);
	d = opendir(path);
	while (d && (de = readdir(d)))
		n += de->d_name[0] != '.' && !str_starts(str_of(de->d_name), STR("gone-"));
	if (d)
		(void)closedir(d);
	return n;
}

static void assert_empty(void)
{
	assert_int_equal(count("blobs/sha256"), 0);
	assert_int_equal(count("tmp"), 0);
	assert_int_equal(count("layers"), 0);
	assert_int_equal(count("staging"), 0);
	assert_int_equal(count("images"), 0);
	assert_int_equal(image_count(images), 0);
}

/* ---- loading --------------------------------------------------------------------------------- */
static ssize_t read_fd(void *arg, void *p, size_t n)
{
	return fd_read(*(int *)arg, p, n);
}

static int collect(void *arg, const void *p, size_t n)
{
	return buf_add(arg, p, n);
}

static int load(const char *file, struct buf *out, struct err *e)
{
	auto_close int fd = openat(dir, file, O_RDONLY | O_CLOEXEC);
	struct image_source from = { read_fd, &fd };
	struct image_sink sink = { collect, out };

	if (fd < 0)
		fail_msg("no %s", file);
	return image_load(images, 0, &from, true, &sink, e);
}

static void must_load(const char *file, const char *text)
{
	auto_buf struct buf out = BUF(1 << 20);
	struct err e = { 0 };

	if (load(file, &out, &e) < 0)
		fail_msg("%s: %s", file, e.msg);
	if (!strstr(buf_view(&out).p, text))
		fail_msg("%s: \"%s\" lacks \"%s\"", file, buf_view(&out).p, text);
}

static void must_refuse(const char *file, const char *text)
{
	auto_buf struct buf out = BUF(1 << 20);
	struct err e = { 0 };

	if (load(file, &out, &e) == 0)
		fail_msg("%s was loaded", file);
	if (!strstr(e.msg, text))
		fail_msg("%s: \"%s\" lacks \"%s\"", file, e.msg, text);
	assert_empty();
}

static void drop(const char *ref)
{
	auto_json json_t *gone = NULL;
	struct err e = { 0 };

	if (image_remove(images, 0, ref, true, false, &gone, &e) < 0)
		fail_msg("%s: %s", ref, e.msg);
}

static void test_load_and_remove(void **s)
{
	static const char *const archives[] = { "good.tar", "gz.tar", "zst.tar", "links.tar",
		"whole.tar.gz", "oci.tar" };
	struct image *i;
	struct err e;

	(void)s;
	for (size_t k = 0; k < ARRAY_SIZE(archives); k++) {
		auto_json json_t *gone = NULL;

		must_load(archives[k], "Loaded image: demo:1\\n");
		assert_int_equal(image_find(images, 0, "demo:1", &i, &e), 0);
		assert_int_equal(i->nlayers, 1);
		assert_int_equal(i->size, 3);
		assert_int_equal(count("layers"), 1);
		image_unref(i);
		assert_int_equal(image_remove(images, 0, "demo:1", false, false, &gone, &e), 0);
		assert_int_equal(json_array_size(gone), 3); /* untagged, image, layer */
		assert_empty();
	}
}

static void test_hostile(void **s)
{
	(void)s;
	must_refuse("wrongdiff.tar", "invalid diffID");
	must_refuse("wrongname.tar", "invalid archive: the content of");
	must_refuse("missing.tar", "\"nothere.tar\" is not in it");
	must_refuse("dupkeys.tar", "duplicate object key");
	must_refuse("dupmember.tar", "two members");
	must_refuse("truncated.tar.gz", "unexpected EOF");
	must_refuse("evil.tar", "\"..\"");
	must_refuse("outlink.tar", "leads out of the archive");
	must_refuse("loop.tar", "too many links");
	must_refuse("nothing.tar", "does not contain a manifest.json");
	must_refuse("count.tar", "length mismatch");
	must_refuse("ocibad.tar", "invalid archive");
	must_refuse("layer.txt", "damaged");
}

static json_t *inspect(const char *ref)
{
	json_t *doc = NULL;
	struct err e = { 0 };

	if (image_inspect(images, 0, ref, &doc, &e) < 0)
		fail_msg("%s: %s", ref, e.msg);
	return doc;
}

static void test_documents(void **s)
{
	auto_json json_t *doc = NULL;
	auto_json json_t *list = NULL;
	auto_json json_t *history = NULL;
	auto_json json_t *filters = json_pack("{s:[s],s:[s]}", "reference", "de*", "label", "k=v");
	struct image_list_options o = { .filters = filters };
	struct err e;

	(void)s;
	must_load("good.tar", "demo:1");
	doc = inspect("demo:1");
	assert_string_equal(
		json_string_value(json_object_get(doc, "Created")), "2024-01-02T03:04:05Z");
	assert_string_equal(json_string_value(json_array_get(
				    json_object_get(json_object_get(doc, "Config"), "Cmd"), 0)),
		"/bin/hello");
	assert_int_equal(image_list(images, 0, &o, &list, &e), 0);
	assert_int_equal(json_array_size(list), 1);
	assert_int_equal(json_integer_value(json_object_get(json_array_get(list, 0), "Created")),
		1704164645);
	assert_int_equal(image_history(images, 0, "demo:1", &history, &e), 0);
	assert_int_equal(json_array_size(history), 2);
	assert_int_equal(
		json_integer_value(json_object_get(json_array_get(history, 1), "Size")), 3);
	assert_true(image_inspect(images, 0, "nope", &doc, &e) < 0);
	assert_string_equal(e.msg, "No such image: nope:latest");
	assert_int_equal(e.kind, ERR_NOT_FOUND);
	drop("demo:1");
	assert_empty();
}

static void test_conflicts(void **s)
{
	json_t *gone = NULL;
	struct err e;

	(void)s;
	must_load("good.tar", "demo:1");
	in_use = 1;
	assert_true(image_remove(images, 0, "demo:1", false, false, &gone, &e) < 0);
	assert_non_null(strstr(e.msg, "conflict: unable to remove repository reference \"demo:1\" "
				      "(must force) - container c0ffee123456 is using its "
				      "referenced image "));
	in_use_running = true;
	{
		auto_json json_t *doc = inspect("demo:1");
		const char *id = json_string_value(json_object_get(doc, "Id"));

		assert_true(image_remove(images, 0, id, true, false, &gone, &e) < 0);
		assert_non_null(strstr(e.msg, "(cannot be forced) - image is being used by running "
					      "container c0ffee123456"));
	}
	/* forced while a stopped container stands on it: gone from sight, its layers stay */
	in_use_running = false;
	drop("demo:1");
	assert_true(image_find(images, 0, "demo:1", &(struct image *){ NULL }, &e) < 0);
	assert_int_equal(count("layers"), 1);
	in_use = 0;
	assert_int_equal(image_prune(images, 0, NULL, &gone, &e), 0);
	json_decref(gone);
	assert_empty();
}

static void test_tags_and_owners(void **s)
{
	char id[DIGEST_TEXT + 1];
	struct image *i;
	struct err e;

	(void)s;
	must_load("good.tar", "demo:1");
	assert_int_equal(image_tag(images, 1000, "demo:1", "mine", NULL, &e), 0);
	assert_true(image_find(images, 1001, "mine", &i, &e) < 0);
	assert_true(image_find(images, 0, "mine", &i, &e) < 0); /* a trap for root, else */
	assert_int_equal(image_find(images, 1000, "mine:latest", &i, &e), 0);
	(void)digest_text(&i->id, id);
	image_unref(i);
	assert_int_equal(image_find(images, 1001, "demo:1", &i, &e), 0); /* root's: all see it */
	image_unref(i);
	{
		json_t *gone;

		assert_true(image_remove(images, 1000, "demo:1", true, false, &gone, &e) < 0);
		assert_int_equal(e.kind, ERR_DENIED);
	}
	assert_true(image_tag(images, 0, "demo:1", "Upper", NULL, &e) < 0);
	assert_true(image_tag(images, 0, "nope", "x", NULL, &e) < 0);
	/* a second image takes the name over */
	must_load("other.tar", "renaming the old one with ID");
	assert_int_equal(image_count(images), 2);
	drop("demo:1");
	drop(id); /* by id root reaches a member's image */
	assert_empty();
}

static void reopen(bool rebuild)
{
	struct image_store_options o = { .blobs = blobs,
		.state = state_db,
		.events = events,
		.dir = openat(dir, "images", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
		.users = users };
	struct err e = { 0 };

	if (images)
		image_store_close(images);
	if (image_store_open(&o, rebuild, &images, &e) < 0)
		fail_msg("open: %s", e.msg);
}

static void test_restart_and_rebuild(void **s)
{
	struct image *i;
	struct err e;

	(void)s;
	must_load("good.tar", "demo:1");
	reopen(false);
	assert_int_equal(image_find(images, 0, "demo:1", &i, &e), 0);
	assert_int_equal(i->size, 3);
	image_unref(i);
	{
		auto_json json_t *doc = inspect("demo:1");
		const char *id = json_string_value(json_object_get(doc, "Id"));

		assert_int_equal(state_delete(state_db, "image", id + 7, &e), 0);
	}
	reopen(true); /* from images/<id>.json alone */
	assert_int_equal(image_find(images, 0, "demo:1", &i, &e), 0);
	image_unref(i);
	drop("demo:1");
	assert_empty();
}

static void test_save_round_trip(void **s)
{
	const char *names[] = { "demo:1" };
	auto_close int out = openat(dir, "saved.tar", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	auto_buf struct buf b = BUF(1 << 20);
	struct image_sink sink = { collect, &b };
	struct image_save *v;
	char id[DIGEST_TEXT + 1], again[DIGEST_TEXT + 1], cmd[300];
	struct image *i;
	struct err e;

	(void)s;
	must_load("gz.tar", "demo:1");
	assert_int_equal(image_find(images, 0, "demo:1", &i, &e), 0);
	(void)digest_text(&i->id, id);
	image_unref(i);
	assert_int_equal(image_save_begin(images, 0, names, 1, &v, &e), 0);
	assert_int_equal(image_save_write(v, &sink, &e), 0);
	image_save_end(v);
	assert_int_equal(fd_write_all(out, b.p, b.n), 0);
	drop("demo:1");
	assert_empty();
	must_load("saved.tar", "demo:1");
	assert_int_equal(image_find(images, 0, "demo:1", &i, &e), 0);
	assert_string_equal(digest_text(&i->id, again), id);
	image_unref(i);
	drop("demo:1");
	(void)snprintf(cmd, sizeof(cmd),
		"cd %s && tar -tf saved.tar >/dev/null && mkdir ex && tar -C ex -xf saved.tar && "
		"cd ex/blobs/sha256 && for f in *; do echo \"$f  $f\"; done | sha256sum -c --quiet",
		base);
	assert_int_equal(system(cmd), 0);
	names[0] = "nope";
	assert_true(image_save_begin(images, 0, names, 1, &v, &e) < 0);
}

static void test_import(void **s)
{
	const char *const changes[] = { "CMD [\"/bin/hello\"]", "ENV X=y" };
	struct image_import o = {
		.repo = "imported", .tag = "v2", .changes = changes, .nchanges = 2
	};
	auto_close int fd = openat(dir, "layer.tar", O_RDONLY | O_CLOEXEC);
	auto_close int bad = openat(dir, "layer.txt", O_RDONLY | O_CLOEXEC);
	struct image_source from = { read_fd, &fd }, broken = { read_fd, &bad };
	struct digest id;
	struct image *i;
	struct err e = { 0 };

	(void)s;
	assert_true(image_import(images, 0, &broken, &o, &id, &e) < 0);
	assert_empty();
	if (image_import(images, 0, &from, &o, &id, &e) < 0)
		fail_msg("import: %s", e.msg);
	assert_int_equal(image_find(images, 0, "imported:v2", &i, &e), 0);
	assert_true(digest_eq(&i->id, &id));
	assert_string_equal(
		json_string_value(json_array_get(json_object_get(image_defaults(i), "Env"), 0)),
		"X=y");
	image_unref(i);
	drop("imported:v2");
	assert_empty();
}

static void *load_thread(void *arg)
{
	auto_buf struct buf out = BUF(1 << 20);
	struct err e = { 0 };
	int r = load(arg, &out, &e);

	return (void *)(intptr_t)r;
}

/* Two clients bring the same layer at once: one unpacks, both succeed. */
static void test_concurrent(void **s)
{
	static char good[] = "good.tar", other[] = "other.tar";
	pthread_t t[4];
	void *r;

	(void)s;
	for (unsigned k = 0; k < 4; k++)
		assert_int_equal(pthread_create(&t[k], NULL, load_thread, k % 2 ? good : other), 0);
	for (unsigned k = 0; k < 4; k++) {
		assert_int_equal(pthread_join(t[k], &r), 0);
		assert_int_equal((intptr_t)r, 0);
	}
	assert_int_equal(image_count(images), 2);
	assert_int_equal(count("layers"), 1);
	drop("demo:1");
	{
		auto_json json_t *filters = json_pack("{s:[s]}", "dangling", "true");
		json_t *gone;
		struct err e;

		assert_int_equal(image_prune(images, 0, filters, &gone, &e), 0);
		json_decref(gone);
	}
	assert_empty();
}

/* ---- the corpus ------------------------------------------------------------------------------ */
static const char corpus[] =
	"set -e; cd $0; mkdir -p root/bin images layers staging\n"
	"echo hi >root/bin/hello; chmod 755 root/bin/hello\n"
	"tar --sort=name --mtime=@1000000 -C root -cf layer.tar .\n"
	"gzip -k layer.tar; zstd -q -k layer.tar; echo 'no tar, and no image either' >layer.txt\n"
	"sha() { sha256sum <$1 | cut -d' ' -f1; }\n"
	"D=$(sha layer.tar)\n"
	"cfg() { printf '{\"architecture\":\"amd64\",\"os\":\"linux\",\"created\":"
	"\"2024-01-02T03:04:05Z\",\"author\":\"%s\",\"config\":{\"Cmd\":[\"/bin/hello\"],\"Env\":"
	"[\"A=1\"],\"Labels\":{\"k\":\"v\"}},\"history\":[{\"created\":\"2024-01-02T03:04:05Z\","
	"\"created_by\":\"COPY root /\"},{\"created_by\":\"CMD hello\",\"empty_layer\":true}],"
	"\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:%s\"]}}' $1 $2; }\n"
	"man() { printf '[{\"Config\":\"%s\",\"RepoTags\":[\"demo:1\"],\"Layers\":[\"%s\"]}]' $1 $2 "
	">manifest.json; }\n"
	"cfg me $D >config.json; C=$(sha config.json); cp config.json $C.json\n"
	"man $C.json layer.tar; tar -cf good.tar $C.json layer.tar manifest.json\n"
	"gzip -c good.tar >whole.tar.gz; head -c 300 whole.tar.gz >truncated.tar.gz\n"
	"man $C.json layer.tar.gz; tar -cf gz.tar manifest.json $C.json layer.tar.gz\n"
	"man $C.json layer.tar.zst; tar -cf zst.tar manifest.json $C.json layer.tar.zst\n"
	"mkdir -p a b; ln -s ../b/layer.tar a/layer.tar; ln -s ../layer.tar b/layer.tar\n"
	"man $C.json a/layer.tar; tar -cf links.tar manifest.json $C.json a b layer.tar\n"
	"cfg you $D >other.json; man other.json layer.tar; tar -cf other.tar other.json layer.tar "
	"manifest.json\n"
	"cfg me $C >wrong.json; man wrong.json layer.tar; tar -cf wrongdiff.tar wrong.json layer.tar "
	"manifest.json\n"
	"cp other.json $D.json; man $D.json layer.tar; tar -cf wrongname.tar $D.json layer.tar "
	"manifest.json\n"
	"man $C.json nothere.tar; tar -cf missing.tar $C.json layer.tar manifest.json\n"
	"printf '[{\"Config\":\"a\",\"Config\":\"b\"}]' >manifest.json; tar -cf dupkeys.tar "
	"manifest.json\n"
	"tar -cf dupmember.tar manifest.json; tar -rf dupmember.tar manifest.json\n"
	"printf x >x; tar -P --transform 's|^x|../x|' -cf evil.tar x\n"
	"rm a/layer.tar; ln -s ../../layer.tar a/layer.tar; man $C.json a/layer.tar; tar -cf "
	"outlink.tar manifest.json $C.json a layer.tar\n"
	"rm a/layer.tar; ln -s layer.tar a/layer.tar; tar -cf loop.tar manifest.json $C.json a\n"
	"tar -cf nothing.tar layer.txt\n"
	"printf '[{\"Config\":\"%s.json\",\"RepoTags\":[],\"Layers\":[]}]' $C >manifest.json; tar -cf "
	"count.tar $C.json manifest.json\n"
	"mkdir -p oci/blobs/sha256; cp config.json oci/blobs/sha256/$C; G=$(sha layer.tar.gz); cp "
	"layer.tar.gz oci/blobs/sha256/$G\n"
	"size() { stat -c %s $1; }\n"
	"printf '{\"schemaVersion\":2,\"config\":{\"mediaType\":\"application/vnd.oci.image.config.v1+"
	"json\",\"digest\":\"sha256:%s\",\"size\":%s},\"layers\":[{\"mediaType\":\"application/vnd."
	"oci.image.layer.v1.tar+gzip\",\"digest\":\"sha256:%s\",\"size\":%s}]}' $C $(size "
	"config.json) $G $(size layer.tar.gz) >m; M=$(sha m); cp m oci/blobs/sha256/$M\n"
	"index() { printf '{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"application/vnd.oci."
	"image.manifest.v1+json\",\"digest\":\"sha256:%s\",\"size\":%s,\"annotations\":{\"org."
	"opencontainers.image.ref.name\":\"docker.io/library/demo:1\"}}]}' $M $1 >oci/index.json; }\n"
	"index $(size m); tar -C oci -cf oci.tar .; index 5; tar -C oci -cf ocibad.tar .\n";

static int setup(void **s)
{
	char cmd[300], *slash;
	bool fresh;
	struct err e;
	ssize_t n;

	(void)s;
	(void)signal(SIGPIPE, SIG_IGN);
	n = readlink("/proc/self/exe", worker, sizeof(worker) - 32);
	assert_true(n > 0);
	worker[n] = '\0';
	for (int i = 0; i < 4 && (slash = strrchr(worker, '/')); i++)
		*slash = '\0';
	memcpy(worker + strlen(worker), "/bin/caisson-worker", 20);
	(void)snprintf(base, sizeof(base), "/tmp/caisson-image-XXXXXX");
	assert_non_null(mkdtemp(base));
	(void)snprintf(cmd, sizeof(cmd), "%s/corpus.sh", base);
	{
		auto_close int fd = open(cmd, O_WRONLY | O_CREAT | O_CLOEXEC, 0700);

		assert_int_equal(fd_write_all(fd, corpus, sizeof(corpus) - 1), 0);
	}
	(void)snprintf(cmd, sizeof(cmd), "sh -c \"$(cat %s/corpus.sh)\" %s", base, base);
	assert_int_equal(system(cmd), 0);
	dir = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	events = event_log_new();
	if (store_open(dir, &blobs, &e) < 0 || state_open(dir, base, &state_db, &fresh, &e) < 0)
		fail_msg("%s", e.msg);
	reopen(false);
	return 0;
}

static int teardown(void **s)
{
	(void)s;
	image_store_close(images);
	remove_tree(base);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_load_and_remove),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_documents),
		cmocka_unit_test(test_conflicts),
		cmocka_unit_test(test_tags_and_owners),
		cmocka_unit_test(test_restart_and_rebuild),
		cmocka_unit_test(test_save_round_trip),
		cmocka_unit_test(test_import),
		cmocka_unit_test(test_concurrent),
	};

	if (geteuid() != 0) {
		puts("SKIP: needs root");
		return 77;
	}
	return cmocka_run_group_tests(tests, setup, teardown);
}
