/* container-int - shared by the container routes' files. */
#pragma once

#include "api/api.h"

/* A whole-number query parameter; absent or empty: dflt. */
int api_query_i64(struct api_call *c, const char *name, int64_t dflt, int64_t *ret, struct err *e);
api_handler_fn api_container_prune;
