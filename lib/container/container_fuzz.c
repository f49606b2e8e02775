#include "container/container-int.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* A create request from its bytes to the two documents, and what is made of them. */
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	auto_json json_t *body = NULL, *host = NULL, *config = NULL, *warnings = json_array();
	auto_json json_t *image = json_pack("{s:[s], s:[s]}", "Cmd", "sh", "Env", "PATH=/bin");
	struct keeper_limits limits;
	struct security sec;
	struct err e;

	if (json_parse((struct str){ (const char *)p, n }, &body, &e) < 0 || !json_is_object(body))
		return 0;
	if (config_read(body, image, &config, warnings, &e) == 0)
		BUG_ON(json_array_size(json_object_get(config, "Cmd")) == 0 &&
			json_array_size(json_object_get(config, "Entrypoint")) == 0);
	if (host_config_read(
		    json_object_get(body, "HostConfig"), body, false, &host, warnings, &e) < 0)
		return 0;
	resources_limits(host, &limits);
	if (security_parse(host, &sec, &e) == 0)
		free(sec.profile);
	return 0;
}
