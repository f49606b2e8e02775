/*
 * sandbox-int - the steps of sandbox_enter(): one file each, each fatal when it fails.
 */
#pragma once

#include "sandbox/sandbox.h"

/* Denies every file, network and signal right the running kernel's Landlock knows; the tree (a
 * directory descriptor, or negative) keeps what the profile needs. */
int sandbox_landlock(enum sandbox_profile p, int tree, struct err *e);
/* The last step: from here on only the profile's calls exist. */
int sandbox_seccomp(enum sandbox_profile p, struct err *e);
/* Empties every capability set but for what the profile needs in its own user namespace. */
int sandbox_caps(enum sandbox_profile p, struct err *e);
