/* Texts of /proc that a process in a container has a hand in, and what clients send as ps_args. */
#include "api/stream-int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const struct top_host h = { 100, 4096, 1 << 30, 1700000000, 1700000100 };
	struct str text = { (const char *)data, n }, left = text, name;
	struct top_process p = { .pid = 1, .cmdline = text };
	struct top_format f;
	struct host_cpu cpu;
	struct host_net net;

	if (top_args_parse(text, &f, NULL) < 0)
		(void)top_args_parse(STR("aux"), &f, NULL);
	(void)top_uid_parse(text, &p.uid);
	if (top_stat_parse(text, &p))
		json_decref(top_row(&f, &p, &h));
	host_cpu_parse(text, 100, &cpu);
	(void)host_memory_parse(text);
	while (host_net_next(&left, &name, &net))
		;
	return 0;
}
