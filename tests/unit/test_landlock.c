/* test_landlock.c - paths, signals and sockets, as far as Landlock guards them.
 */
/* objects: $(DAEMON) */
/* libs: libseccomp libevent_core $(MSGPACK) */
#define _GNU_SOURCE /* SYS_landlock_create_ruleset */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "sandbox_child.h"

#define NOBODY 65534

/* Landlock's version here, -1 where there is none. */
static long
landlock_version(void)
{
	return syscall(SYS_landlock_create_ruleset, NULL, 0, 1);
}

static char root[PATH_MAX - 32];

static int
make_tree(void **state)
{
	char path[PATH_MAX];

	(void)state;
	(void)snprintf(root, sizeof(root), "/tmp/certd-test.XXXXXX");
	assert_non_null(mkdtemp(root));
	assert_int_equal(chmod(root, 0755), 0);
	(void)snprintf(path, sizeof(path), "%s/read", root);
	assert_int_equal(mkdir(path, 0755), 0);
	(void)snprintf(path, sizeof(path), "%s/write", root);
	assert_int_equal(mkdir(path, 0777), 0);
	assert_int_equal(chmod(path, 0777), 0); /* whatever the umask */
	(void)snprintf(path, sizeof(path), "%s/read/file", root);
	close(open(path, O_WRONLY | O_CREAT, 0644));
	(void)snprintf(path, sizeof(path), "%s/file", root);
	close(open(path, O_WRONLY | O_CREAT, 0644));
	return 0;
}

static int
remove_tree(void **state)
{
	static const char *const names[] = { "read/file", "file", "write/new",
		"write/link", "read", "write", "" };
	char path[PATH_MAX];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", root, names[i]);
		if (unlink(path) == -1)
			(void)rmdir(path);
	}
	return 0;
}

/* errno of opening a path of the tree, 0 where it could be opened. */
static int
errno_of_open(const char *name, int flags)
{
	char path[PATH_MAX];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", root, name);
	fd = open(path, flags | O_CLOEXEC, 0644);
	if (fd != -1)
		close(fd);
	return errno_of(fd);
}

static int
try_paths(void *arg)
{
	char from[PATH_MAX], to[PATH_MAX];

	(void)arg;
	if (errno_of_open("read/file", O_RDONLY) != 0 ||
	    errno_of_open("read", O_RDONLY | O_DIRECTORY) != 0)
		return 1;
	if (errno_of_open("read/file", O_RDWR) != EACCES ||
	    errno_of_open("read/new", O_WRONLY | O_CREAT) != EACCES)
		return 2;
	if (errno_of_open("write/new", O_RDWR | O_CREAT | O_TRUNC) != 0)
		return 3;
	if (errno_of_open("", O_RDONLY | O_DIRECTORY) != EACCES ||
	    open("/etc/passwd", O_RDONLY) != -1 || errno != EACCES)
		return 4;
	if (errno_of_open("file", O_RDONLY) != 0 ||
	    errno_of_open("file", O_WRONLY) != EACCES)
		return 5;
	(void)snprintf(from, sizeof(from), "%s/write/new", root);
	(void)snprintf(to, sizeof(to), "%s/write/link", root);
	if (symlink("new", to) == -1 || rename(from, to) == -1 ||
	    unlink(to) == -1)
		return 6;
	return 0;
}

static void
landlock_leaves_open_what_is_listed(void **state)
{
	static const struct sandbox_rule rules[] = {
		SB_ANY("openat", "test"),
		SB_ANY("open", "test"),
		SB_ANY("unlink", "test"),
		SB_ANY("rename", "test"),
		SB_ANY("symlink", "test"),
	};
	char names[4][PATH_MAX];
	struct sandbox_path paths[] = { { names[0], false },
		{ names[1], false }, { names[2], true }, { names[3], false },
		{ NULL, false } };
	struct child c = { RULES(rules), .paths = paths };

	(void)state;
	if (landlock_version() < 3)
		skip();
	(void)snprintf(names[0], PATH_MAX, "%s/read", root);
	(void)snprintf(names[1], PATH_MAX, "%s/not there", root);
	(void)snprintf(names[2], PATH_MAX, "%s/write", root);
	(void)snprintf(names[3], PATH_MAX, "%s/file", root);
	assert_int_equal(child_try(&c, try_paths, NULL), 0);
	c.kill = true;
	assert_int_equal(child_try(&c, try_paths, NULL), 0);
	if (getuid() == 0) {
		c.uid = NOBODY;
		assert_int_equal(child_try(&c, try_paths, NULL), 0);
	}
}

static int
try_open(void *arg)
{
	(void)arg;
	return errno_of_open("file", O_RDONLY);
}

/* Seccomp lets it through: this is Landlock's answer. */
static void
landlock_without_paths_opens_nothing(void **state)
{
	static const struct sandbox_rule rules[] = { SB_ANY("openat", "test") };
	const struct child c = { RULES(rules) };

	(void)state;
	if (landlock_version() < 1)
		skip();
	assert_int_equal(child_try(&c, try_open, NULL), EACCES);
}

static int
try_signal_to_parent(void *arg)
{
	return errno_of(syscall(SYS_tkill, *(pid_t *)arg, 0));
}

static int
try_abstract_socket(void *arg)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	return errno_of(connect(fd, arg, sizeof(struct sockaddr_un)));
}

static void
landlock_keeps_signals_and_abstract_sockets_in(void **state)
{
	static const struct sandbox_rule inside[] = {
		SB_ANY("tkill", "test"),
		SB_ANY("socket", "test"),
		SB_ANY("connect", "test"),
	};
	static const struct sandbox_rule outside[] = {
		SB_ANY("tkill", "test"),
		SB_ANY("kill", "test"),
	};
	const struct child c = { RULES(inside) }, d = { RULES(outside) };
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	pid_t self = getpid();
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	if (landlock_version() < 6)
		skip();
	(void)snprintf(
	    a.sun_path + 1, sizeof(a.sun_path) - 1, "certd-test-%d", (int)self);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(child_try(&c, try_signal_to_parent, &self), EPERM);
	assert_int_equal(child_try(&c, try_abstract_socket, &a), EPERM);
	assert_int_equal(child_try(&d, try_signal_to_parent, &self), 0);
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    landlock_leaves_open_what_is_listed, make_tree,
		    remove_tree),
		cmocka_unit_test_setup_teardown(
		    landlock_without_paths_opens_nothing, make_tree,
		    remove_tree),
		cmocka_unit_test(
		    landlock_keeps_signals_and_abstract_sockets_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
