/* daemon.json, and a create request that its defaults go into. */
#include "config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct str rest = { (const char *)p, n }, text = str_cut(&rest, '\0');
	auto_json json_t *body = NULL;
	struct config c;
	struct err e;

	if (config_parse(text, &c, &e) < 0)
		return 0;
	if (json_parse(rest, &body, &e) == 0 && json_is_object(body))
		config_apply_create(&c, body);
	config_done(&c);
	return 0;
}
