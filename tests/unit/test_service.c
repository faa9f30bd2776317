/* test_service.c - sockets passed by a service manager, and what it is told. */
/* objects: common/service common/err common/text */
/* libs: */
#define _GNU_SOURCE /* SOCK_CLOEXEC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "service.h"

#define ARRAY_N(a) (sizeof(a) / sizeof(*(a)))

static const char *const variables[] = { "LISTEN_PID", "LISTEN_FDS",
	"LISTEN_FDNAMES", "NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC" };

static int
clear_environment(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_N(variables); i++)
		unsetenv(variables[i]);
	return 0;
}

static void
assert_environment_clear(void)
{
	for (size_t i = 0; i < ARRAY_N(variables); i++)
		assert_null(getenv(variables[i]));
}

static void
set_pid(const char *variable, pid_t pid)
{
	char text[16];

	(void)snprintf(text, sizeof(text), "%d", (int)pid);
	assert_int_equal(setenv(variable, text, 1), 0);
}

/* Opens descriptors 3 to 3 + n - 1, inherited by children. */
static void
open_fds(int n)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 3);
	for (int i = 3; i < 3 + n; i++) {
		if (i != fd)
			assert_int_equal(dup2(fd, i), i);
		assert_int_equal(fcntl(i, F_SETFD, 0), 0);
	}
	if (fd >= 3 + n)
		close(fd);
}

static void
close_fds(int n)
{
	for (int i = 3; i < 3 + n; i++)
		close(i);
}

static bool
is_cloexec(int fd)
{
	return (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0;
}

static void
service_without_manager_does_nothing(void **state)
{
	struct service *s;

	(void)state;
	assert_null(service_new(&s));
	assert_false(service_activated(s));
	assert_int_equal(service_fd(s, "control"), -1);
	assert_int_equal(service_fd(s, ""), -1);
	assert_int_equal(service_watchdog_usecs(s), 0);
	service_notify(s, "READY=1");
	service_free(s);
	service_free(NULL);
}

static void
service_fds_are_found_by_name(void **state)
{
	struct service *s;

	(void)state;
	open_fds(3);
	set_pid("LISTEN_PID", getpid());
	setenv("LISTEN_FDS", "3", 1);
	setenv("LISTEN_FDNAMES", "control:worker:hook", 1);
	assert_null(service_new(&s));
	assert_environment_clear();
	assert_true(service_activated(s));
	assert_int_equal(service_fd(s, "control"), 3);
	assert_int_equal(service_fd(s, "worker"), 4);
	assert_int_equal(service_fd(s, "hook"), 5);
	assert_int_equal(service_fd(s, "hoo"), -1);
	assert_int_equal(service_fd(s, "control:worker"), -1);
	for (int fd = 3; fd < 6; fd++)
		assert_true(is_cloexec(fd));
	service_free(s);
	close_fds(3);
}

static void
service_fewer_names_than_fds_is_fine(void **state)
{
	struct service *s;

	(void)state;
	open_fds(2);
	set_pid("LISTEN_PID", getpid());
	setenv("LISTEN_FDS", "2", 1);
	setenv("LISTEN_FDNAMES", "control", 1);
	assert_null(service_new(&s));
	assert_int_equal(service_fd(s, "control"), 3);
	assert_int_equal(service_fd(s, "worker"), -1);
	assert_true(is_cloexec(4));
	service_free(s);
	clear_environment(NULL);
	set_pid("LISTEN_PID", getpid());
	setenv("LISTEN_FDS", "1", 1);
	setenv("LISTEN_FDNAMES", "other:control", 1);
	assert_null(service_new(&s));
	assert_int_equal(service_fd(s, "control"), -1);
	service_free(s);
	close_fds(2);
}

static void
service_fds_of_another_process_are_left_alone(void **state)
{
	struct service *s;

	(void)state;
	open_fds(1);
	set_pid("LISTEN_PID", getppid());
	setenv("LISTEN_FDS", "1", 1);
	setenv("LISTEN_FDNAMES", "control", 1);
	assert_null(service_new(&s));
	assert_environment_clear();
	assert_false(service_activated(s));
	assert_int_equal(service_fd(s, "control"), -1);
	assert_false(is_cloexec(3));
	service_free(s);
	setenv("LISTEN_FDS", "1", 1);
	assert_null(service_new(&s));
	assert_false(service_activated(s));
	service_free(s);
	close_fds(1);
}

static const char *const bad_counts[] = { "", "x", "-1", "33", "1 ",
	"99999999999999999999" };

static void
service_bad_count_is_an_error(void **state)
{
	struct service *s;
	struct err *e;

	(void)state;
	for (size_t i = 0; i < ARRAY_N(bad_counts); i++) {
		set_pid("LISTEN_PID", getpid());
		setenv("LISTEN_FDS", bad_counts[i], 1);
		e = service_new(&s);
		assert_non_null(strstr(err_text(e), "LISTEN_FDS"));
		assert_null(s);
		assert_environment_clear();
		err_free(e);
	}
}

static void
service_missing_descriptor_is_an_error(void **state)
{
	struct service *s;
	struct err *e;

	(void)state;
	open_fds(1);
	assert_int_equal(fcntl(4, F_GETFD), -1);
	set_pid("LISTEN_PID", getpid());
	setenv("LISTEN_FDS", "2", 1);
	e = service_new(&s);
	assert_non_null(strstr(err_text(e), "descriptor 4"));
	err_free(e);
	close_fds(1);
}

/* A datagram socket with this name ("@": abstract), which NOTIFY_SOCKET then
 * names. */
static int
listen_at(const char *name)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	size_t n = strlen(name);

	(void)strcpy(a.sun_path, name);
	if (*name == '@')
		a.sun_path[0] = '\0';
	else
		n++;
	assert_int_equal(
	    bind(fd, (const struct sockaddr *)&a,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)),
	    0);
	assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
	return fd;
}

static void
assert_told(int fd, const char *text)
{
	char got[256] = "";
	ssize_t n = recv(fd, got, sizeof(got) - 1, 0);

	if (text == NULL)
		assert_int_equal(n, -1);
	else
		assert_string_equal(got, text);
}

static void
notify_at(const char *name)
{
	int fd = listen_at(name);
	struct service *s;

	assert_null(service_new(&s));
	assert_environment_clear();
	assert_false(service_activated(s));
	service_notify(s, "READY=1\nSTATUS=%d jobs", 3);
	assert_told(fd, "READY=1\nSTATUS=3 jobs");
	service_notify(s, "WATCHDOG=1");
	assert_told(fd, "WATCHDOG=1");
	/* an order smuggled in with an argument */
	service_notify(s, "STATUS=%s", "x\nMAINPID=1");
	assert_told(fd, NULL);
	close(fd);
	service_notify(s, "STOPPING=1");
	service_free(s);
}

static void
service_notify_reaches_both_kinds_of_names(void **state)
{
	char name[64];

	(void)state;
	(void)snprintf(name, sizeof(name), "@test_service.%d", (int)getpid());
	notify_at(name);
	(void)snprintf(
	    name, sizeof(name), "/tmp/test_service.%d", (int)getpid());
	notify_at(name);
	(void)unlink(name);
}

static void
service_notify_full_socket_does_not_block(void **state)
{
	char name[64];
	struct service *s;
	int fd;

	(void)state;
	(void)snprintf(name, sizeof(name), "@test_service.%d", (int)getpid());
	fd = listen_at(name);
	assert_null(service_new(&s));
	for (int i = 0; i < 10000; i++)
		service_notify(s, "STATUS=%d", i);
	assert_told(fd, "STATUS=0");
	service_free(s);
	close(fd);
}

static void
service_notify_socket_that_is_none_is_an_error(void **state)
{
	char name[256];
	struct service *s;
	struct err *e;

	(void)state;
	setenv("NOTIFY_SOCKET", "/tmp/test_service.nothing", 1);
	e = service_new(&s);
	assert_non_null(strstr(err_text(e), "/tmp/test_service.nothing"));
	assert_null(s);
	err_free(e);
	memset(name, 'a', sizeof(name) - 1);
	name[0] = '/';
	name[sizeof(name) - 1] = '\0';
	setenv("NOTIFY_SOCKET", name, 1);
	e = service_new(&s);
	assert_non_null(strstr(err_text(e), "too long"));
	err_free(e);
	setenv("NOTIFY_SOCKET", "vsock:2:1234", 1);
	assert_null(service_new(&s));
	service_notify(s, "READY=1");
	service_free(s);
}

static void
service_watchdog_is_half_the_period(void **state)
{
	struct service *s;

	(void)state;
	setenv("WATCHDOG_USEC", "30000000", 1);
	assert_null(service_new(&s));
	assert_int_equal(service_watchdog_usecs(s), 15000000);
	service_free(s);
	setenv("WATCHDOG_USEC", "30000000", 1);
	set_pid("WATCHDOG_PID", getpid());
	assert_null(service_new(&s));
	assert_environment_clear();
	assert_int_equal(service_watchdog_usecs(s), 15000000);
	service_free(s);
	setenv("WATCHDOG_USEC", "30000000", 1);
	set_pid("WATCHDOG_PID", getppid());
	assert_null(service_new(&s));
	assert_int_equal(service_watchdog_usecs(s), 0);
	service_free(s);
	setenv("WATCHDOG_USEC", "soon", 1);
	assert_null(service_new(&s));
	assert_int_equal(service_watchdog_usecs(s), 0);
	service_free(s);
}

#define TEST(f) cmocka_unit_test_setup(f, clear_environment)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(service_without_manager_does_nothing),
		TEST(service_fds_are_found_by_name),
		TEST(service_fewer_names_than_fds_is_fine),
		TEST(service_fds_of_another_process_are_left_alone),
		TEST(service_bad_count_is_an_error),
		TEST(service_missing_descriptor_is_an_error),
		TEST(service_notify_reaches_both_kinds_of_names),
		TEST(service_notify_full_socket_does_not_block),
		TEST(service_notify_socket_that_is_none_is_an_error),
		TEST(service_watchdog_is_half_the_period),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
