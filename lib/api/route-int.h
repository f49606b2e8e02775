/*
 * route-int - where the dispatcher finds its tables (tables.c; tests bring their own).
 */
#pragma once

#include "api/api.h"

extern const struct api_route api_network_routes[];
extern const struct api_route *const api_tables[]; /* ended by NULL */
