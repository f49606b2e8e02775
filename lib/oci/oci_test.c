#include "oci/oci.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define HEX64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define SHA   "sha256:" HEX64

static void test_refs(void **state)
{
	static const struct {
		const char *in, *name, *tag, *text;
	} good[] = {
		{ "busybox", "docker.io/library/busybox", "", "busybox" },
		{ "busybox:1.36", "docker.io/library/busybox", "1.36", "busybox:1.36" },
		{ "library/busybox", "docker.io/library/busybox", "", "busybox" },
		{ "docker.io/busybox", "docker.io/library/busybox", "", "busybox" },
		{ "index.docker.io/a/b:c", "docker.io/a/b", "c", "a/b:c" },
		{ "user/app", "docker.io/user/app", "", "user/app" },
		/* no short form: it would mean something else */
		{ "docker.io/docker.io/a", "docker.io/docker.io/a", "", "docker.io/docker.io/a" },
		{ "docker.io/localhost/a", "docker.io/localhost/a", "", "docker.io/localhost/a" },
		{ "localhost/a", "localhost/a", "", "localhost/a" },
		{ "localhost:5000/a:b", "localhost:5000/a", "b", "localhost:5000/a:b" },
		{ "[::1]:5000/a", "[::1]:5000/a", "", "[::1]:5000/a" },
		{ "ghcr.io/x/y__z-w.v", "ghcr.io/x/y__z-w.v", "", "ghcr.io/x/y__z-w.v" },
		{ "a:_T.-x", "docker.io/library/a", "_T.-x", "a:_T.-x" },
		{ "a@" SHA, "docker.io/library/a", "", "a@" SHA },
		{ "a:b@" SHA, "docker.io/library/a", "b", "a:b@" SHA },
	};
	struct oci_ref ref;
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		auto_free char *text = NULL;

		if (oci_ref_parse(str_of(good[i].in), &ref, &e) < 0)
			fail_msg("%s: %s", good[i].in, e.msg);
		text = oci_ref_text(&ref);
		assert_string_equal(ref.name, good[i].name);
		assert_string_equal(ref.tag, good[i].tag);
		assert_string_equal(text, good[i].text);
	}
}

static void test_bad_refs(void **state)
{
	static const struct {
		const char *in, *text;
	} bad[] = {
		{ "", "invalid reference format" },
		{ "-a", "invalid reference format" },
		{ "a..b", "invalid reference format" },
		{ "a___b", "invalid reference format" },
		{ "a/", "invalid reference format" },
		{ "a//b", "invalid reference format" },
		{ "a:", "invalid reference format" },
		{ "a:-x", "invalid reference format" },
		{ "a b", "invalid reference format" },
		{ "a@md5:1234", "invalid reference format" },
		{ "a@sha256:12", "invalid checksum digest length" },
		{ "Busybox",
			"invalid reference format: repository name (library/Busybox) must be lowercase" },
		{ "user/App:x",
			"invalid reference format: repository name (user/App) must be lowercase" },
		{ HEX64, "invalid repository name (" HEX64
			 "), cannot specify 64-byte hexadecimal strings" },
	};
	struct oci_ref ref;
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		if (oci_ref_parse(str_of(bad[i].in), &ref, &e) == 0)
			fail_msg("%s was taken", bad[i].in);
		assert_string_equal(e.msg, bad[i].text);
		assert_int_equal(e.kind, ERR_INVALID);
	}
}

#define DESC(type) "{\"mediaType\":\"" type "\",\"digest\":\"" SHA "\",\"size\":5}"
#define MAN(extra)                                                                                 \
	"{\"schemaVersion\":2" extra                                                               \
	",\"config\":" DESC(OCI_CONFIG) ",\"layers\":[" DESC(OCI_LAYER_GZ) "]}"

/* T23: one document, one meaning. */
static void test_confusion(void **state)
{
	static const char *const refused[] = {
		MAN(",\"mediaType\":\"" OCI_INDEX "\""),
		MAN(",\"manifests\":[]"),
		MAN(",\"fsLayers\":[]"),
		MAN(",\"mediaType\":5"),
		MAN(",\"layers\":[]"), /* a duplicate member */
		"{\"schemaVersion\":1,\"layers\":[]}",
		"{\"schemaVersion\":2,\"manifests\":[]}",
		"{\"schemaVersion\":2,\"config\":" DESC("text/plain") ",\"layers\":[]}",
		"{\"schemaVersion\":2,\"config\":" DESC(OCI_CONFIG) ",\"layers\":[" DESC(
			"x/y") "]}",
		"{\"schemaVersion\":2,\"config\":{\"mediaType\":\"" OCI_CONFIG
		"\",\"digest\":\"sha256:../../x\",\"size\":1},\"layers\":[]}",
		"{\"schemaVersion\":2,\"config\":{\"mediaType\":\"" OCI_CONFIG
		"\",\"digest\":\"" SHA "\",\"size\":-1},\"layers\":[]}",
		"[]",
		"",
	};
	struct oci_manifest m;
	struct err e;

	(void)state;
	assert_int_equal(oci_manifest_parse(STR(MAN("")), NULL, &m, &e), 0);
	assert_int_equal(m.nlayers, 1);
	assert_int_equal(m.layers[0].size, 5);
	assert_int_equal(oci_manifest_parse(STR(MAN("")), OCI_MANIFEST, &m, &e), 0);
	assert_true(oci_manifest_parse(STR(MAN("")), OCI_INDEX, &m, &e) < 0);
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
		if (oci_manifest_parse(str_of(refused[i]), NULL, &m, &e) == 0)
			fail_msg("taken: %s", refused[i]);
}

static void test_config(void **state)
{
	static const char *const refused[] = {
		"{}",
		"{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"x\"]}}",
		"{\"rootfs\":{\"type\":\"zip\",\"diff_ids\":[]}}",
		"{\"os\":\"windows\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}",
		"{\"config\":{\"Env\":[1]},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}",
		"{\"config\":{\"Labels\":{\"a\":1}},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}",
	};
	auto_json json_t *doc = NULL;
	auto_free struct digest *ids = NULL;
	unsigned n;
	struct err e;

	(void)state;
	assert_int_equal(
		oci_config_parse(
			STR("{\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":"
			    "[\"" SHA "\"]},\"config\":null}"),
			&doc, &ids, &n, &e),
		0);
	assert_int_equal(n, 1);
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		json_t *other;
		struct digest *other_ids;

		if (oci_config_parse(str_of(refused[i]), &other, &other_ids, &n, &e) == 0)
			fail_msg("taken: %s", refused[i]);
	}
}

static void test_changes(void **state)
{
	static const char *const lines[] = { "CMD [\"sh\",\"-c\",\"x\"]", "ENTRYPOINT echo hi",
		"ENV A=1 B=\"two words\"", "env A=3", "ENV OLD form here", "EXPOSE 80 53/udp",
		"LABEL a=b", "USER 1000:1000", "VOLUME /data", "VOLUME [\"/x\",\"/y\"]",
		"WORKDIR /w", "WORKDIR sub", "STOPSIGNAL SIGINT",
		"HEALTHCHECK --interval=1m30s --retries=2 CMD test -e /up" };
	static const char want[] =
		"{\"Cmd\":[\"sh\",\"-c\",\"x\"],\"Entrypoint\":[\"/bin/sh\",\"-c\",\"echo hi\"],"
		"\"Env\":[\"A=3\",\"B=two words\",\"OLD=form here\"],\"ExposedPorts\":{\"80/tcp\":{},"
		"\"53/udp\":{}},\"Labels\":{\"a\":\"b\"},\"User\":\"1000:1000\",\"Volumes\":{\"/data\":"
		"{},\"/x\":{},\"/y\":{}},\"WorkingDir\":\"/w/sub\",\"StopSignal\":\"SIGINT\","
		"\"Healthcheck\":{\"Interval\":90000000000,\"Retries\":2,\"Test\":[\"CMD-SHELL\","
		"\"test -e /up\"]}}";
	auto_json json_t *config = json_object();
	auto_free char *got = NULL;
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		if (oci_change_apply(str_of(lines[i]), config, &e) < 0)
			fail_msg("%s: %s", lines[i], e.msg);
	got = json_dumps(config, JSON_COMPACT);
	assert_string_equal(got, want);
	assert_true(oci_change_apply(STR("RUN rm -rf /"), config, &e) < 0);
	assert_string_equal(e.msg, "RUN is not a valid change command");
	assert_true(oci_change_apply(STR("EXPOSE x"), config, &e) < 0);
	assert_true(oci_change_apply(STR("ENV"), config, &e) < 0);
	assert_true(oci_change_apply(STR("HEALTHCHECK --interval=x CMD a"), config, &e) < 0);
	assert_true(oci_change_apply(STR("HEALTHCHECK CMD"), config, &e) < 0);
	assert_true(oci_change_apply(STR("HEALTHCHECK RUN x"), config, &e) < 0);
	assert_int_equal(oci_change_apply(STR("HEALTHCHECK NONE"), config, &e), 0);
	assert_int_equal(oci_change_apply(STR("HEALTHCHECK CMD [\"a\"]"), config, &e), 0);
}

static void test_saved(void **state)
{
	struct oci_saved *s;
	unsigned n;
	struct err e;

	(void)state;
	assert_int_equal(oci_saved_parse(STR("[{\"Config\":\"c.json\",\"RepoTags\":[\"a:b\"],"
					     "\"Layers\":[\"l/layer.tar\"]},{\"Config\":\"d\","
					     "\"RepoTags\":null,\"Layers\":[]}]"),
				 &s, &n, &e),
		0);
	assert_int_equal(n, 2);
	assert_string_equal(s[0].layers[0], "l/layer.tar");
	assert_string_equal(s[0].tags[0].name, "docker.io/library/a");
	oci_saved_free(s, n);
	assert_true(oci_saved_parse(STR("{}"), &s, &n, &e) < 0);
	assert_true(oci_saved_parse(STR("[{\"Config\":\"c\",\"Config\":\"d\"}]"), &s, &n, &e) < 0);
	assert_true(oci_saved_parse(STR("[{\"Layers\":[]}]"), &s, &n, &e) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refs),
		cmocka_unit_test(test_bad_refs),
		cmocka_unit_test(test_confusion),
		cmocka_unit_test(test_config),
		cmocka_unit_test(test_changes),
		cmocka_unit_test(test_saved),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
