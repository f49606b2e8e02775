/*
 * chain-int - the files of one log as a sequence, private to lib/log.  Rotation renames files while
 * they are read, so a position is an open file, and its neighbour is found by its inode, under a
 * lock (flock on the directory) that keeps rotation out meanwhile.
 */
#pragma once

#include "log/log-int.h"

#define LOG_FILES_MAX 1000 /* more rotated files than this are not looked at */

int log_lock(int dir, bool exclusive);
/* Opens file n ("log" is 0).  Gives the descriptor or negative errno. */
int log_chain_open(int dir, unsigned n);
/* The file that follows the one open as fd: gives its descriptor, -ENOENT when fd is the newest. */
int log_chain_next(int dir, int fd);
/* The file before the one open as fd: gives its descriptor, -ENOENT when fd is the oldest. */
int log_chain_before(int dir, int fd);
