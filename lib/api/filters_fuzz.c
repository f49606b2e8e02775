/* Filters of `docker events`, normalised as the API does it, against a few events. */
#include "api/api.h"
#include "event/event-int.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const char *const known[] = { "type", "label", NULL };
	auto_json json_t *filters = NULL, *attrs = json_pack("{s:s,s:s}", "name", "web", "image",
						  "registry:5000/busybox:1");
	struct event_query q = { .owner = UINT32_MAX };
	struct event *v[2];
	struct err e;

	if (api_filters_parse((struct str){ (const char *)p, n }, &filters, &e) < 0)
		return 0;
	q.filters = filters;
	(void)api_filters_check(filters, known, &e);
	(void)api_filter_match(filters, "type", "container");
	v[0] = event_new("container", "exec_start: sh", "abc", "busybox:1", attrs);
	v[1] = event_new("image", "tag", "sha256:12", NULL, NULL);
	for (unsigned i = 0; i < ARRAY_SIZE(v); i++) {
		(void)event_matches(v[i], &q);
		event_unref(v[i]);
	}
	return 0;
}
