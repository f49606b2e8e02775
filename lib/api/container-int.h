/* container-int - shared by the container routes' files. */
#pragma once

#include "api/api.h"

api_handler_fn api_container_prune;
