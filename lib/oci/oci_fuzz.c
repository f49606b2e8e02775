/* The first byte chooses the parser. */
#include "oci/oci.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void fuzz_ref(struct str s)
{
	struct oci_ref ref, again;
	struct err e;

	if (oci_ref_parse(s, &ref, &e) == 0) {
		auto_free char *text = oci_ref_text(&ref);

		/* what we print means the same again */
		BUG_ON(oci_ref_parse(str_of(text), &again, &e) < 0);
		BUG_ON(!streq(again.name, ref.name) || !streq(again.tag, ref.tag));
	}
}

static void fuzz_documents(uint8_t kind, struct str s)
{
	struct oci_manifest *m = xcalloc(1, sizeof(*m));
	struct oci_descriptor *list = NULL;
	struct oci_saved *saved = NULL;
	struct digest *ids = NULL;
	json_t *doc = NULL;
	unsigned count = 0;
	struct err e;

	if (kind == 1)
		(void)oci_manifest_parse(s, NULL, m, &e);
	if (kind == 2)
		(void)oci_index_parse(s, &list, &count, &e);
	if (kind == 3)
		(void)oci_config_parse(s, &doc, &ids, &count, &e);
	if (kind == 4 && oci_saved_parse(s, &saved, &count, &e) == 0)
		oci_saved_free(saved, count);
	json_decref(doc);
	free(ids);
	free(list);
	free(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct str s = { (const char *)p + 1, n ? n - 1 : 0 };

	if (n == 0)
		return 0;
	if (p[0] % 5 == 0) {
		auto_json json_t *config = json_object();
		struct err e;

		fuzz_ref(s);
		(void)oci_change_apply(s, config, &e);
	} else {
		fuzz_documents(p[0] % 5, s);
	}
	return 0;
}
