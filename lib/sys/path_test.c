#include "sys/sys.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
/* after stdarg and setjmp, which it needs */
#include <cmocka.h>

static char base[64];
static int root;

static void sh(const char *cmd)
{
	char full[512];

	(void)snprintf(full, sizeof(full), "cd %s && %s", base, cmd);
	assert_int_equal(system(full), 0); // NOLINT
}

/* A tree with every way out we could think of; outside/ must stay empty. */
static int setup(void **state)
{
	(void)state;
	(void)snprintf(base, sizeof(base), "/tmp/caisson-path-%d", getpid());
	assert_int_equal(mkdir(base, 0700), 0);
	sh("mkdir outside root root/a && cd root && ln -s ../outside up && ln -s /outside abs && "
	   "ln -s a here && ln -s loop loop && ln -s nowhere/file dangling && ln -s "
	   "/run/x/conf a/conf && touch a/file && ln -s ../../../../outside/evil evil && ln -s "
	   "/proc/self/fd/0 magic");
	root = open(base, O_PATH | O_DIRECTORY | O_CLOEXEC);
	root = openat(root, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return root < 0;
}

static int teardown(void **state)
{
	(void)state;
	sh("test -z \"$(ls -A outside)\"");
	sh("rm -rf root outside");
	return rmdir(base);
}

static bool exists(const char *path)
{
	struct stat st;

	return fstatat(root, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static void directories_are_made_inside(void **state)
{
	static const struct {
		const char *path;
		int error;
		const char *made;
	} cases[] = {
		{ "/x/y/z", 0, "x/y/z" },
		{ "x/y/z", 0, "x/y/z" },
		{ "/", 0, "a" },
		{ "here/b", 0, "a/b" },
		{ "/../../../q", 0, "q" },
		{ "a/../../../../r/s", 0, "r/s" },
		{ "up/t", 0, NULL },
		{ "a/file/b", -ENOTDIR, NULL },
		{ "a/file", -ENOTDIR, NULL },
		{ "loop/b", -ELOOP, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		auto_close int fd = sys_mkdir_in(root, cases[i].path, 0755);

		if (cases[i].error)
			assert_int_equal(fd, cases[i].error);
		else if (cases[i].made) {
			assert_true(fd >= 0);
			assert_true(exists(cases[i].made));
		}
	}
}

static void files_are_made_inside(void **state)
{
	static const struct {
		const char *path, *made;
	} cases[] = {
		{ "/etc/hosts", "etc/hosts" }, { "a/conf", "run/x/conf" },
		{ "dangling", "nowhere/file" }, { "evil", "outside/evil" }, /* root/outside/evil */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		auto_close int fd = sys_mkfile_in(root, cases[i].path, 0644);

		if (fd < 0)
			fail_msg("%s: %s", cases[i].path, strerror(-fd));
		assert_true(exists(cases[i].made));
	}
	assert_true(sys_mkfile_in(root, "loop", 0644) < 0);
}

static void magic_links_lead_nowhere(void **state)
{
	auto_close int slash = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	assert_int_equal(sys_open(slash, "/proc/self/fd/0", O_PATH, 0, SYS_CONFINED), -ELOOP);
	assert_int_equal(sys_open(slash, "proc/self/cwd/x", O_PATH, 0, SYS_CONFINED), -ELOOP);
	assert_int_equal(sys_open(root, "here", O_PATH | O_DIRECTORY, 0, SYS_PLAIN), -ELOOP);
	assert_int_equal(sys_open(root, "../root/a", O_PATH, 0, SYS_PLAIN), -EXDEV);
}

static void descriptors_are_kept_and_closed(void **state)
{
	int keep[] = { -1, 700, 5, 700, 2, 1, 0, root };

	(void)state;
	assert_int_equal(dup2(1, 700), 700);
	assert_int_equal(dup2(1, 701), 701);
	assert_int_equal(dup2(1, 5), 5);
	assert_int_equal(dup2(1, 699), 699);
	sys_close_all_but(keep, ARRAY_SIZE(keep));
	assert_true(
		fcntl(700, F_GETFD) >= 0 && fcntl(5, F_GETFD) >= 0 && fcntl(root, F_GETFD) >= 0);
	assert_true(fcntl(699, F_GETFD) < 0 && fcntl(701, F_GETFD) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(directories_are_made_inside),
		cmocka_unit_test(files_are_made_inside),
		cmocka_unit_test(magic_links_lead_nowhere),
		cmocka_unit_test(descriptors_are_kept_and_closed),
	};

	return cmocka_run_group_tests_name("sys path", tests, setup, teardown);
}
