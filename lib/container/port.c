#include "container/container-int.h"

/* "80", "80/udp", "80-82/tcp" */
bool port_parse(const char *text, struct port_range *ret)
{
	struct str proto = str_of(text), ports = str_cut(&proto, '/');
	struct str last = ports, first = str_cut(&last, '-');

	*ret = (struct port_range){ .udp = false };
	if (proto.p && str_ieq(proto, STR("udp")))
		ret->udp = true;
	else if (proto.p && !str_ieq(proto, STR("tcp")) && !str_ieq(proto, STR("sctp")))
		return false;
	if (!num_u32(first, 65535, &ret->first))
		return false;
	ret->last = ret->first;
	return !last.p || (num_u32(last, 65535, &ret->last) && ret->last >= ret->first);
}
