/* test_root_peer.c - who may be at the other end of an inherited socket. */
/* objects: common/root_peer common/err common/text */
/* libs: */
#define _GNU_SOURCE /* setresuid */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "root_peer.h"

#define NOBODY 65534

static void
root_is_heard(void **state)
{
	int sock[2];

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sock), 0);
	assert_null(root_peer_check(sock[0]));
	close(sock[0]);
	close(sock[1]);
}

/* In a process that is not root: 0 when refused with the user's number. */
static int
as_nobody(void)
{
	int sock[2], status = 1;
	struct err *e;

	if (setresuid(NOBODY, NOBODY, NOBODY) == -1 ||
	    socketpair(AF_UNIX, SOCK_STREAM, 0, sock) == -1)
		return 2;
	if ((e = root_peer_check(sock[0])) != NULL &&
	    strstr(err_text(e), "user 65534 is refused") != NULL)
		status = 0;
	err_free(e);
	return status;
}

static void
others_are_refused(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	if (geteuid() != 0)
		skip();
	if ((pid = fork()) == 0)
		_exit(as_nobody());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void
what_is_no_socket_is_refused(void **state)
{
	struct err *e;
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	e = root_peer_check(fds[0]);
	assert_non_null(e);
	err_free(e);
	close(fds[0]);
	close(fds[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(root_is_heard),
		cmocka_unit_test(others_are_refused),
		cmocka_unit_test(what_is_no_socket_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
