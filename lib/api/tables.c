#include "api/route-int.h"

/* What is not offered yet comes last: such a route holds only as long as no table before has it. */
const struct api_route *const api_tables[] = {
	api_system_routes,
	api_container_routes,
	api_stream_routes,
	api_exec_routes,
	api_image_routes,
	api_network_routes,
	api_absent_routes,
	NULL,
};
