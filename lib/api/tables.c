#include "api/route.h"

/* Later issues are asked last, so that a route is theirs only as long as nobody offers it. */
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
