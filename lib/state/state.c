#include "state/state.h"

#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>

#define DB_NAME "engine.db"
/* The oldest version whose code can work with what this one writes. */
#define COMPATIBLE_FROM 1
#define BUSY_MS		10000 /* an earlier engine may still be ending */

struct state {
	bool empty;   /* had no schema when opened */
	bool current; /* had exactly ours */
	pthread_mutex_t lock;
	sqlite3 *db;
	sqlite3_stmt *put, *delete, *each;
	char *dir_path; /* for messages */
};

static int fail(struct state *s, struct err *e, const char *what)
{
	return err_set(e, ERR_SYSTEM, EIO, "state database in \"%s\": %s: %s", s->dir_path, what,
		s->db ? sqlite3_errmsg(s->db) : "out of memory");
}

/* ---- the file is named through its directory's descriptor ------------------------------------ */

/* The engine may be unable to walk to its directory by path, and SQLite would resolve
 * /proc/self/fd/N to that path; so this VFS takes names as they are. */
static int name_as_is(sqlite3_vfs *vfs, const char *name, int size, char *out)
{
	(void)vfs;
	sqlite3_snprintf(size, out, "%s", name);
	return SQLITE_OK;
}

static sqlite3_vfs vfs_by_fd;
static void vfs_register(void)
{
	sqlite3_vfs *base = sqlite3_vfs_find("unix");

	BUG_ON(!base);
	vfs_by_fd = *base;
	vfs_by_fd.pNext = NULL;
	vfs_by_fd.zName = "caisson";
	vfs_by_fd.xFullPathname = name_as_is;
	BUG_ON(sqlite3_vfs_register(&vfs_by_fd, 0) != SQLITE_OK);
}

/* ---- opening --------------------------------------------------------------------------------- */
static bool is_damage(int rc)
{
	return (rc & 0xff) == SQLITE_CORRUPT || (rc & 0xff) == SQLITE_NOTADB;
}

/* First column of the first row; -1 when there is none.  The result code in *rc. */
static int64_t ask_number(struct state *s, const char *sql, int *rc)
{
	sqlite3_stmt *q = NULL;
	int64_t n = -1;

	*rc = sqlite3_prepare_v2(s->db, sql, -1, &q, NULL);
	if (*rc == SQLITE_OK)
		*rc = sqlite3_step(q);
	if (*rc == SQLITE_ROW)
		n = sqlite3_column_int64(q, 0);
	if (*rc == SQLITE_ROW || *rc == SQLITE_DONE)
		*rc = SQLITE_OK;
	sqlite3_finalize(q);
	return n;
}

/* "ok" or the first fault found. */
static int check_pages(struct state *s)
{
	sqlite3_stmt *q = NULL;
	int rc = sqlite3_prepare_v2(s->db, "PRAGMA quick_check(1)", -1, &q, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_step(q);
	if (rc == SQLITE_ROW)
		rc = streq((const char *)sqlite3_column_text(q, 0), "ok") ? SQLITE_OK
									  : SQLITE_CORRUPT;
	sqlite3_finalize(q);
	return rc;
}

/* One process has the file, so no shared memory and no second reader; the cache is small because
 * the objects are in memory anyway. */
static const char setup_sql[] = "PRAGMA locking_mode=EXCLUSIVE;"
				"PRAGMA journal_mode=WAL;"
				"PRAGMA synchronous=NORMAL;"
				"PRAGMA cache_size=-128;"
				"PRAGMA wal_autocheckpoint=256;"
				"PRAGMA journal_size_limit=1048576;";

static const char schema_sql[] =
	"BEGIN IMMEDIATE;"
	"CREATE TABLE IF NOT EXISTS doc(kind TEXT NOT NULL, key TEXT NOT NULL,"
	" json TEXT NOT NULL, PRIMARY KEY(kind, key)) WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS mark(name TEXT PRIMARY KEY, value INTEGER) WITHOUT ROWID;"
	"INSERT OR REPLACE INTO mark VALUES('compatible_from', %d);"
	"PRAGMA user_version=%d;"
	"COMMIT";

static int check_version(struct state *s, struct err *e, int *rc)
{
	int64_t version = ask_number(s, "PRAGMA user_version", rc), from;

	/* A file that was there but empty, or whose log was lost: nothing of ours is in it. */
	s->empty = version == 0;
	if (*rc != SQLITE_OK || version < STATE_VERSION)
		return 0;
	from = ask_number(s, "SELECT value FROM mark WHERE name='compatible_from'", rc);
	s->current = version == STATE_VERSION && from == COMPATIBLE_FROM && *rc == SQLITE_OK &&
		     ask_number(s, "SELECT 1 FROM sqlite_master WHERE name='doc'", rc) == 1;
	if (*rc != SQLITE_OK || from <= STATE_VERSION)
		return 0;
	return err_set(e, ERR_UNSUPPORTED, EOPNOTSUPP,
		"state database in \"%s\" has version %lld, which this version (%d) cannot read: "
		"run the newer caisson again",
		s->dir_path, (long long)version, STATE_VERSION);
}

static int prepare(struct state *s)
{
	static const char put[] = "INSERT INTO doc VALUES(?1,?2,?3) "
				  "ON CONFLICT(kind,key) DO UPDATE SET json=excluded.json",
			  delete[] = "DELETE FROM doc WHERE kind=?1 AND key=?2",
			  each[] = "SELECT key,json FROM doc WHERE kind=?1 ORDER BY key";
	const unsigned flags = SQLITE_PREPARE_PERSISTENT;
	int rc = sqlite3_prepare_v3(s->db, put, -1, flags, &s->put, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_prepare_v3(s->db, delete, -1, flags, &s->delete, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_prepare_v3(s->db, each, -1, flags, &s->each, NULL);
	return rc;
}

/* Opens what is there.  1: it is damaged.  Else 0 or negative errno. */
static int open_file(struct state *s, int dir, struct err *e)
{
	char path[64], schema[512];
	int rc, r;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d/" DB_NAME, dir);
	(void)snprintf(schema, sizeof(schema), schema_sql, COMPATIBLE_FROM, STATE_VERSION);
	rc = sqlite3_open_v2(path, &s->db,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, "caisson");
	if (rc != SQLITE_OK)
		return is_damage(rc) ? 1 : fail(s, e, "open");
	(void)sqlite3_db_config(s->db, SQLITE_DBCONFIG_LOOKASIDE, NULL, 128, 64);
	(void)sqlite3_busy_timeout(s->db, BUSY_MS);
	rc = sqlite3_exec(s->db, setup_sql, NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = check_pages(s);
	if (rc == SQLITE_OK) {
		r = check_version(s, e, &rc);
		if (r < 0)
			return r;
	}
	if (rc == SQLITE_OK && !s->current) /* else a start writes nothing */
		rc = sqlite3_exec(s->db, schema, NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = prepare(s);
	if (rc != SQLITE_OK)
		return is_damage(rc) ? 1 : fail(s, e, "set up");
	return 0;
}

static void close_db(struct state *s)
{
	sqlite3_finalize(s->put);
	sqlite3_finalize(s->delete);
	sqlite3_finalize(s->each);
	s->put = s->delete = s->each = NULL;
	(void)sqlite3_close(s->db);
	s->db = NULL;
}

static int move_aside(struct state *s, int dir, struct err *e)
{
	static const char *const tails[] = { "", "-wal", "-shm" };
	unsigned long long now = clock_wall_ns() / NS_PER_SEC;

	for (size_t i = 0; i < ARRAY_SIZE(tails); i++) {
		char from[64], to[96];

		(void)snprintf(from, sizeof(from), DB_NAME "%s", tails[i]);
		(void)snprintf(to, sizeof(to), DB_NAME ".corrupt-%llu%s", now, tails[i]);
		if (renameat(dir, from, dir, to) < 0 && errno != ENOENT)
			return err_set(e, ERR_SYSTEM, errno,
				"move the corrupt state database in \"%s\" aside", s->dir_path);
	}
	return 0;
}

int state_open(int dir, const char *dir_path, struct state **ret, bool *ret_fresh, struct err *e)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct state *s = xcalloc(1, sizeof(*s));
	bool fresh = faccessat(dir, DB_NAME, F_OK, 0) < 0;
	int r;

	(void)pthread_once(&once, vfs_register);
	pthread_mutex_init(&s->lock, NULL);
	s->dir_path = xstrdup(dir_path);
	r = open_file(s, dir, e);
	if (r == 1) {
		close_db(s);
		fresh = true;
		r = move_aside(s, dir, e);
		if (r == 0)
			r = open_file(s, dir, e);
		if (r == 1)
			r = fail(s, e, "set up");
	}
	if (r < 0) {
		state_close(s);
		return r;
	}
	*ret = s;
	*ret_fresh = fresh || s->empty;
	return 0;
}

void state_close(struct state *s)
{
	close_db(s);
	pthread_mutex_destroy(&s->lock);
	free(s->dir_path);
	free(s);
}

/* ---- documents ------------------------------------------------------------------------------- */
/* Binds up to three texts, runs the statement, makes it ready for the next time. */
static int run(struct state *s, sqlite3_stmt *q, const char *const *texts, int n, struct err *e)
{
	int rc = SQLITE_OK, r = 0;

	pthread_mutex_lock(&s->lock);
	for (int i = 0; i < n && rc == SQLITE_OK; i++)
		rc = sqlite3_bind_text(q, i + 1, texts[i], -1, SQLITE_STATIC);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(q);
	if (rc != SQLITE_DONE)
		r = fail(s, e, "write");
	(void)sqlite3_reset(q);
	(void)sqlite3_clear_bindings(q);
	pthread_mutex_unlock(&s->lock);
	return r;
}

/* Failing is harmless: the log is then read by the next start, as after a crash. */
void state_end(struct state *s)
{
	pthread_mutex_lock(&s->lock); /* for good: nobody writes behind it */
	(void)sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
}

int state_put(struct state *s, const char *kind, const char *key, const json_t *doc, struct err *e)
{
	auto_free char *text = json_text(doc);

	return run(s, s->put, (const char *const[]){ kind, key, text }, 3, e);
}

int state_delete(struct state *s, const char *kind, const char *key, struct err *e)
{
	return run(s, s->delete, (const char *const[]){ kind, key }, 2, e);
}

static json_t *row_of(struct state *s, int *r, struct err *e)
{
	struct str text = { (const char *)sqlite3_column_text(s->each, 1),
		(size_t)sqlite3_column_bytes(s->each, 1) };
	const char *key = (const char *)sqlite3_column_text(s->each, 0);
	json_t *doc = NULL;

	if (!text.p || !key) {
		*r = err_set(e, ERR_CORRUPT, EBADMSG, "state database in \"%s\": empty row",
			s->dir_path);
		return NULL;
	}
	*r = json_parse(text, &doc, e);
	if (*r < 0) {
		(void)err_wrap(e, "state database in \"%s\": %s", s->dir_path, key);
		e->kind = ERR_CORRUPT; /* on disk, not in what a client sent */
		return NULL;
	}
	return json_pack("[s,o]", key, doc);
}

/* All rows first: who is called with them may write. */
static int read_rows(struct state *s, const char *kind, json_t *rows, struct err *e)
{
	int rc, r = 0;

	pthread_mutex_lock(&s->lock);
	rc = sqlite3_bind_text(s->each, 1, kind, -1, SQLITE_STATIC);
	while (r == 0 && rc != SQLITE_DONE) {
		if (rc == SQLITE_OK || rc == SQLITE_ROW)
			rc = sqlite3_step(s->each);
		if (rc == SQLITE_ROW) {
			json_t *row = row_of(s, &r, e);

			if (row)
				json_array_append_new(rows, row);
		} else if (rc != SQLITE_DONE) {
			r = fail(s, e, "read");
		}
	}
	(void)sqlite3_reset(s->each);
	(void)sqlite3_clear_bindings(s->each);
	pthread_mutex_unlock(&s->lock);
	return r;
}

int state_each(struct state *s, const char *kind, state_each_fn *fn, void *arg, struct err *e)
{
	auto_json json_t *rows = json_array();
	json_t *row;
	size_t i;
	int r = read_rows(s, kind, rows, e);

	if (r < 0)
		return r;
	json_array_foreach(rows, i, row)
	{
		r = fn(arg, json_string_value(json_array_get(row, 0)), json_array_get(row, 1));
		if (r < 0)
			return r;
	}
	return 0;
}
