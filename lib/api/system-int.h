/*
 * system-int - facts about the host and the engine, for /info and /version.
 */
#pragma once

#include "api/api.h"

/* The value of NAME=value or NAME="value" in an os-release text; false when it is not there. */
bool system_os_release(struct str text, const char *name, char *out, size_t size);
/* Name of a file system as docker shows it ("extfs", "xfs"), from statfs's f_type. */
const char *system_fs_name(unsigned long magic);

api_handler_fn api_info, api_events, api_df;
