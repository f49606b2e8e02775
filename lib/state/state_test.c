#include "state/state.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char dir_path[64];
static int dir;

static int setup(void **state)
{
	(void)state;
	(void)snprintf(dir_path, sizeof(dir_path), "/tmp/state-test-XXXXXX");
	if (!mkdtemp(dir_path))
		return -1;
	dir = open(dir_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dir < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	DIR *d = fdopendir(dir);
	struct dirent *f;

	(void)state;
	while ((f = readdir(d)))
		(void)unlinkat(dirfd(d), f->d_name, 0);
	closedir(d);
	return rmdir(dir_path);
}

static struct state *must_open(bool want_fresh)
{
	struct state *s = NULL;
	bool fresh = !want_fresh;
	struct err e = { 0 };

	if (state_open(dir, dir_path, &s, &fresh, &e) < 0)
		fail_msg("%s", e.msg);
	assert_int_equal(fresh, want_fresh);
	return s;
}

static void must_put(struct state *s, const char *kind, const char *key, int value)
{
	auto_json json_t *doc = json_pack("{s:i}", "v", value);
	struct err e;

	assert_int_equal(state_put(s, kind, key, doc, &e), 0);
}

/* Writes while it reads: must neither deadlock nor see its own writes. */
static struct state *open_state;
static int add_up(void *arg, const char *key, json_t *doc)
{
	int64_t v;

	if (open_state)
		must_put(open_state, "c", "new", 1000);
	assert_int_equal(json_get_i64(doc, "v", 0, &v, NULL), 0);
	*(int64_t *)arg = *(int64_t *)arg * 10 + v + (streq(key, "never") ? 1000 : 0);
	return 0;
}

static int64_t sum(struct state *s, const char *kind)
{
	int64_t n = 0;
	struct err e;

	assert_int_equal(state_each(s, kind, add_up, &n, &e), 0);
	return n;
}

static void end_folds_the_log(void **state)
{
	pid_t pid = fork();
	struct stat log;
	struct state *s;
	int status;

	(void)state;
	if (pid == 0) {
		s = must_open(true);
		must_put(s, "c", "x", 7);
		state_end(s);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(fstatat(dir, "engine.db-wal", &log, 0), 0);
	assert_int_equal(log.st_size, 0);
	s = must_open(false);
	assert_int_equal(fstatat(dir, "engine.db-wal", &log, 0), 0);
	assert_int_equal(log.st_size, 0); /* and a start writes nothing */
	assert_int_equal(sum(s, "c"), 7);
	state_close(s);
}

static void documents_survive(void **state)
{
	struct state *s = must_open(true);
	struct err e;

	(void)state;
	must_put(s, "c", "a", 1);
	must_put(s, "c", "b", 2);
	must_put(s, "i", "a", 7);
	must_put(s, "c", "a", 3);
	assert_int_equal(sum(s, "c"), 32);
	state_close(s);
	s = must_open(false);
	assert_int_equal(sum(s, "c"), 32);
	assert_int_equal(state_delete(s, "c", "a", &e), 0);
	assert_int_equal(state_delete(s, "c", "never", &e), 0);
	assert_int_equal(sum(s, "c"), 2);
	assert_int_equal(sum(s, "i"), 7);
	open_state = s;
	assert_int_equal(sum(s, "c"), 2);
	open_state = NULL;
	state_close(s);
}

static void corrupt_files_are_moved_aside(void **state)
{
	struct state *s = must_open(true);
	bool aside = false;
	struct dirent *f;
	DIR *d;
	int fd;

	(void)state;
	must_put(s, "c", "a", 1);
	state_close(s);
	fd = openat(dir, "engine.db", O_WRONLY | O_CLOEXEC);
	assert_int_equal(fd_write_all(fd, "this is no database at all", 26), 0);
	fd_close(fd);
	s = must_open(true);
	assert_int_equal(sum(s, "c"), 0);
	must_put(s, "c", "b", 2);
	state_close(s);
	s = must_open(false);
	assert_int_equal(sum(s, "c"), 2);
	state_close(s);
	d = opendir(dir_path);
	while ((f = readdir(d)))
		aside |= str_starts(str_of(f->d_name), STR("engine.db.corrupt-"));
	closedir(d);
	assert_true(aside);
}

/* Damage inside, behind a good header. */
static void corrupt_pages_are_noticed(void **state)
{
	struct state *s = must_open(true);
	static char trash[4096];
	struct stat st;
	int fd;

	(void)state;
	for (int i = 0; i < 500; i++) {
		char key[16];

		(void)snprintf(key, sizeof(key), "key%d", i);
		must_put(s, "c", key, i);
	}
	state_close(s);
	memset(trash, 0x5a, sizeof(trash));
	fd = openat(dir, "engine.db", O_WRONLY | O_CLOEXEC);
	assert_int_equal(fstat(fd, &st), 0);
	assert_true(st.st_size >= 3 * 4096);
	for (off_t at = 4096; at < st.st_size; at += 4096)
		assert_int_equal(pwrite(fd, trash, sizeof(trash), at), sizeof(trash));
	fd_close(fd);
	s = must_open(true);
	state_close(s);
}

static void set_marks(int version, int compatible_from)
{
	char path[128], sql[160];
	sqlite3 *db;

	(void)snprintf(path, sizeof(path), "%s/engine.db", dir_path);
	(void)snprintf(sql, sizeof(sql),
		"PRAGMA user_version=%d; UPDATE mark SET value=%d WHERE name='compatible_from'",
		version, compatible_from);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void newer_versions(void **state)
{
	struct state *s = must_open(true);
	struct err e = { 0 };
	bool fresh;

	(void)state;
	must_put(s, "c", "a", 1);
	state_close(s);
	/* A newer one that we can still work with. */
	set_marks(STATE_VERSION + 1, STATE_VERSION);
	s = must_open(false);
	assert_int_equal(sum(s, "c"), 1);
	state_close(s);
	/* One that we cannot: refused, and left as it is. */
	set_marks(STATE_VERSION + 1, STATE_VERSION + 1);
	assert_int_equal(state_open(dir, dir_path, &s, &fresh, &e), -EOPNOTSUPP);
	assert_non_null(strstr(e.msg, "run the newer caisson again"));
	set_marks(STATE_VERSION, STATE_VERSION);
	s = must_open(false);
	assert_int_equal(sum(s, "c"), 1);
	state_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(documents_survive, setup, teardown),
		cmocka_unit_test_setup_teardown(end_folds_the_log, setup, teardown),
		cmocka_unit_test_setup_teardown(corrupt_files_are_moved_aside, setup, teardown),
		cmocka_unit_test_setup_teardown(corrupt_pages_are_noticed, setup, teardown),
		cmocka_unit_test_setup_teardown(newer_versions, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
