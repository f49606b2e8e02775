/*
 * base - what every file may use: errors, ownership, views, bounded buffers, numbers, ids.
 *
 * Forced into every translation unit by the Makefile, so no file includes it by hand.
 *
 * Invariants: nothing here logs, prints or exits, except that a broken invariant (BUG_ON) and an
 * exhausted heap abort: daemons are crash-only and containers outlive them.  Every size that comes
 * from outside goes through a bounded buffer (buf.h) or a checked parser (num.h), never malloc.
 *
 * Ownership words used in all headers: *borrows* (valid during the call), *keeps* (the caller must
 * let it outlive the object), *takes* (the callee frees or closes), *gives* (the caller frees).
 * A pointer parameter that says nothing is borrowed.
 */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define PRINTF(f, a)  __attribute__((format(printf, f, a)))
#define MUST_USE      __attribute__((warn_unused_result))
#define NORETURN      __attribute__((noreturn))
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)                                                                                  \
	({                                                                                         \
		__typeof__(a) a_ = (a);                                                            \
		__typeof__(b) b_ = (b);                                                            \
		a_ < b_ ? a_ : b_;                                                                 \
	})
#define MAX(a, b)                                                                                  \
	({                                                                                         \
		__typeof__(a) a_ = (a);                                                            \
		__typeof__(b) b_ = (b);                                                            \
		a_ > b_ ? a_ : b_;                                                                 \
	})

/* A broken invariant of ours: say where, abort. */
#define BUG_ON(cond)                                                                               \
	do {                                                                                       \
		if (__builtin_expect(!!(cond), 0))                                                 \
			base_bug(__FILE__, __LINE__, #cond);                                       \
	} while (0)
void base_bug(const char *file, int line, const char *what) NORETURN;

#include "base/mem.h"

#include "base/fd.h"

#include "base/err.h"

#include "base/str.h"

#include "base/buf.h"

#include "base/num.h"

#include "base/digest.h"

#include "base/clock.h"

#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf gets strtok mktemp tmpnam atoi   \
	atol atoll gmtime localtime asctime ctime
