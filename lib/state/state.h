/*
 * state - durable objects of the engine: one SQLite database (WAL) of JSON documents by kind and
 * key, with the schema version checked at opening.
 *
 * The database is the fast index, never the only copy: whoever stores an object also keeps its
 * document as a file beside its data (containers/ID/config.json, images), so that state_open() on a
 * missing or corrupt database reports `fresh` and the owners rebuild it from disk.
 *
 * Versions: user_version N is refused only when its compatible-from mark is above ours, so N+1 can
 * go back to N.  Threads: any; serialised inside.
 */
#pragma once

#include "base/versions.h"
#include "json/json.h"

struct state;
/* Opens or creates engine.db in the directory dir.  A corrupt file is moved aside as
 * engine.db.corrupt-<time> and a fresh one made (*ret_fresh true). */
int state_open(int dir, const char *dir_path, struct state **ret, bool *ret_fresh, struct err *e);
void state_close(struct state *s);
/* For a process that leaves by _exit(): folds the log into the database, so that the next start
 * need not read it.  Whoever uses s afterwards waits for ever. */
void state_end(struct state *s);
/* kind: "container", "image", "tag", "volume" ... */
int state_put(struct state *s, const char *kind, const char *key, const json_t *doc, struct err *e);
int state_delete(struct state *s, const char *kind, const char *key, struct err *e);
/* ERR_CORRUPT, before fn is called at all, when a row is no document: the files know better. */
typedef int state_each_fn(void *arg, const char *key, json_t *doc); /* borrows doc */
int state_each(struct state *s, const char *kind, state_each_fn *fn, void *arg, struct err *e);
