/* Private to lib/api's image files. */
#pragma once

#include "api/api.h"

api_handler_fn api_image_load, api_image_create, api_image_save_one, api_image_save_many;
