/* The jobs of caisson-worker; each runs inside the sandbox and reports through the sink. */
#pragma once

#include "tar/tar.h"

/* Bytes and entries beneath tree: directories count nothing, a file with several links once. */
int worker_measure(int tree, struct job_measured *ret, struct err *e);
