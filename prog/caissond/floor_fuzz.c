/* The floor file is root's, but a typing mistake must end in a message, whatever it is. */
#include "floor.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static struct floor f;
	const struct floor_names names = { STR("a:x:1:1::\n"), STR("g:x:2:\n") };
	struct err e;

	floor_default(&f, "floor.conf");
	(void)!floor_parse(&f, (struct str){ (const char *)p, n }, &names, &e);
	BUG_ON(f.nadmins > FLOOR_ADMINS_MAX || f.nadmin_groups > FLOOR_ADMINS_MAX);
	return 0;
}
