/* What clients and images send: detach keys and the bytes they are looked for in, health checks,
 * environments.  Invariants: what is not the sequence comes out as it went in. */
#include "exec/exec-int.h"
#include "exec/health-int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void keys(struct str spec, struct str bytes)
{
	auto_buf struct buf out = BUF(1 << 20);
	struct exec_keys k;

	if (exec_keys_parse(spec, &k) < 0 || !bytes.n)
		return;
	for (size_t at = 0; at < bytes.n;) {
		char p[16 + HTTP_FILTER_ROOM];
		size_t part = MIN((size_t)(1 + at % 16), bytes.n - at);
		ssize_t r;

		memcpy(p, bytes.p + at, part);
		r = exec_keys_filter(&k, p, part);
		if (r == -ECANCELED)
			return;
		BUG_ON(r < 0 || buf_add(&out, p, (size_t)r) < 0);
		at += part;
	}
	BUG_ON(buf_add(&out, k.keys, k.matched) < 0);
	BUG_ON(out.n != bytes.n || memcmp(out.p, bytes.p, out.n) != 0);
}

static void health(struct str text)
{
	auto_json json_t *config = NULL;
	auto_json json_t *cmd = NULL, *before = NULL, *after = NULL;
	struct health_result r = { 1, 2, 1, { text.p, MIN(text.n, (size_t)HEALTH_OUTPUT_MAX) } };
	struct health_config hc = { .retries = 1 };
	bool changed;

	if (json_parse(text, &config, NULL) == 0) {
		if (health_config_read(config, &hc))
			cmd = health_command(config, &hc);
		if (json_is_object(config)) {
			json_t *env = json_array();

			exec_env_merge(env, json_object_get(config, "Env"));
			exec_env_merge(env, json_object_get(config, "Env"));
			json_decref(env);
		}
	}
	before = health_starting(config);
	after = health_after(before, &hc, &r, false, &changed);
	BUG_ON(!after);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct str rest = { (const char *)data, n }, spec = str_cut(&rest, '\n');

	keys(spec, rest);
	health((struct str){ (const char *)data, n });
	return 0;
}
