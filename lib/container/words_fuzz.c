/* The small texts of requests: signals, processors, ports, names; and `docker ps` filters. */
#include "container/container-int.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void fuzz_filters(struct str text)
{
	static char name[] = "web";
	static struct container c = { .hex = "abc", .status = CONTAINER_RUNNING, .name = name };
	struct container_set s = { .lock = PTHREAD_MUTEX_INITIALIZER };
	struct http_peer peer = { .cls = KEEPER_CLASS_ROOT };
	auto_json json_t *in = NULL, *clean = json_object();
	struct filter f;
	struct err e;
	const char *key;
	json_t *v;

	if (json_parse(text, &in, &e) < 0 || !json_is_object(in))
		return;
	if (!c.config) {
		c.config = json_pack(
			"{s:{s:s},s:{s:{}}}", "Labels", "a", "b", "ExposedPorts", "80/tcp");
		c.host_config = json_object();
	}
	/* api_filters() gives arrays of strings; images need a store. */
	json_object_foreach(in, key, v)
	{
		json_t *list = json_array(), *item;
		size_t i;

		json_array_foreach(v, i, item) if (json_is_string(item))
			json_array_append(list, item);
		if (!streq(key, "ancestor"))
			json_object_set(clean, key, list);
		json_decref(list);
	}
	if (filter_read(&s, &peer, clean, &f, &e) == 0)
		(void)filter_match(&f, &c);
	json_decref(f.ancestors);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	auto_free char *text = xstrndup((const char *)p, n);
	uint64_t bits[2] = { 0 };
	struct port_range range;
	struct err e;
	int sig = signal_parse(text, &e);

	BUG_ON(sig > 64);
	(void)cpuset_parse(text, bits, 128);
	if (port_parse(text, &range))
		BUG_ON(range.first > range.last || range.last > 65535);
	(void)name_valid(text);
	(void)sysctl_check(text, false, false, &e);
	(void)start_error_code(text);
	fuzz_filters((struct str){ (const char *)p, n });
	return 0;
}
