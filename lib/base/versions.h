/*
 * versions - of everything that one build writes and another one may read.
 *
 * A container outlives its daemons, so a new build meets the shims, logs, records and documents of
 * the one before, and the old build meets those of the new one when an upgrade is undone.  Rules:
 *
 *  - What stays (grant and run records, documents, logs, shims): a reader takes its own version and
 *    both neighbours.  Records begin with magic, version and size and grow only at the end; a tail
 *    that is not known is passed over, one that is missing reads as zero, so zero must mean what
 *    the version before did.  What an older reader must not pass over raises the version by two.
 *  - What both ends of have just been started by one keeper (the link between keeper and engine,
 *    the spec of a start) must match exactly.
 *  - The database: state/state.h.
 *
 * `make VERSIONS_BUMP=1 B=build/next` builds the next version of each, for
 * tests/restore/upgrade.sh.
 */
#pragma once

#ifndef VERSIONS_BUMP
#define VERSIONS_BUMP 0
#endif

#define KEEPER_VERSION	     (1 + VERSIONS_BUMP) /* keeper/keeper.h: the link */
#define KEEPER_GRANT_VERSION (1 + VERSIONS_BUMP) /* keeper/record.h */
#define KEEPER_RUN_VERSION   (1 + VERSIONS_BUMP)
#define SHIM_VERSION	     (1 + VERSIONS_BUMP) /* shim/shim.h */
#define SPEC_VERSION	     (1 + VERSIONS_BUMP) /* runtime/spec.h */
#define LOG_VERSION	     (1 + VERSIONS_BUMP) /* log/log.h; at most 16 */
#define STATE_VERSION	     (1 + VERSIONS_BUMP) /* state/state.h: the database */
#define CONTAINER_VERSION    (1 + VERSIONS_BUMP) /* containers/ID/{config,state}.json */
#define IMAGE_VERSION	     (1 + VERSIONS_BUMP) /* images/ID.json */

/* Whether a reader of version ours takes what v wrote. */
static inline bool version_readable(int64_t v, int64_t ours)
{
	return v >= 1 && v >= ours - 1 && v <= ours + 1;
}
