/* image-int - shared by the image routes' files. */
#pragma once

#include "api/api.h"

api_handler_fn api_image_load, api_image_create, api_image_save_one, api_image_save_many;

/* Refuses a platform parameter that names another platform than this machine's: no such image is
 * kept, so obeying it silently would be a lie. */
int api_image_platform(const struct api_call *c, struct err *e);
