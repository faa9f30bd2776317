/* test_sandbox.c - what can be done inside, and what happens to the rest. */
/* objects: $(DAEMON) */
/* libs: libseccomp libevent_core $(MSGPACK) */
#define _GNU_SOURCE /* CLONE_* */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <netinet/in.h>

#include "sandbox_child.h"

#define STRANGE_CALL SYS_getpgid /* in no row */

static const struct child plain, killing = { .kill = true };

/* The same in both kinds of jail. */
static void
assert_both(attempt *fn, void *arg, int want)
{
	assert_int_equal(child_try(&plain, fn, arg), want);
	assert_int_equal(child_try(&killing, fn, arg), want);
}

/* A call in no row: ENOSYS, or death. */
static void
assert_strange(attempt *fn)
{
	assert_int_equal(child_try(&plain, fn, NULL), ENOSYS);
	assert_int_equal(child_try(&killing, fn, NULL), DIED_OF(SIGSYS));
}

/* ---- every row of the base that refuses or kills ---- */

static int
try_call(void *arg)
{
	return errno_of(syscall(*(int *)arg, 0, 0, 0, 0, 0, 0));
}

static bool
is_for_sanitizers(const char *call)
{
	size_t i;

	for (i = 0; i < sandbox_base_n && SANDBOX_SANITIZED; i++)
		if (sandbox_base[i].build == SB_SANITIZER &&
		    strcmp(sandbox_base[i].call, call) == 0)
			return true;
	return false;
}

static void
base_rows_refuse_and_kill_as_they_say(void **state)
{
	const struct sandbox_rule *r;
	int call;

	(void)state;
	for (r = sandbox_base; r < sandbox_base + sandbox_base_n; r++) {
		call = seccomp_syscall_resolve_name(r->call);
		if (r->action == SB_ALLOW || r->arg != -1 || call < 0 ||
		    is_for_sanitizers(r->call))
			continue;
		assert_both(try_call, &call,
		    r->action == SB_KILL ? DIED_OF(SIGSYS) : r->error);
	}
}

static int
try_strange_call(void *arg)
{
	(void)arg;
	return errno_of(syscall(STRANGE_CALL, 0));
}

static void
call_in_no_row_is_unknown_or_kills(void **state)
{
	(void)state;
	assert_strange(try_strange_call);
}

#if defined(__x86_64__)
static int
try_i386(void *arg)
{
	long rc;

	(void)arg;
	/* getpid there; here it is writev, which is allowed. */
	__asm__ volatile("int $0x80" : "=a"(rc) : "a"(20) : "memory");
	return rc > 0 ? 0 : 1;
}

static int
try_x32(void *arg)
{
	(void)arg;
	return errno_of(syscall(0x40000000L | SYS_getpid));
}

static void
foreign_architecture_kills(void **state)
{
	(void)state;
	assert_both(try_i386, NULL, DIED_OF(SIGSYS));
	assert_both(try_x32, NULL, DIED_OF(SIGSYS));
}
#endif

/* ---- conditions ---- */

static int
try_executable_memory(void *arg)
{
	char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)arg;
	if (p == MAP_FAILED)
		return 1;
	if (mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
		-1, 0) != MAP_FAILED)
		return 2;
	if (errno != EACCES)
		return 3;
	return errno_of(mprotect(p, 4096, PROT_READ | PROT_EXEC));
}

static void
memory_never_becomes_executable(void **state)
{
	(void)state;
	/* AddressSanitizer needs mprotect as it is. */
	assert_both(try_executable_memory, NULL, SANDBOX_SANITIZED ? 0 : EACCES);
}

static int
try_fcntl(void *arg)
{
	const int fd = fcntl(0, F_DUPFD_CLOEXEC, 0);

	(void)arg;
	if (fd == -1 || fcntl(fd, F_GETFD) != FD_CLOEXEC ||
	    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL)) == -1 || close(fd) == -1)
		return errno;
	/* The kernel takes the lower half of the register. */
	return errno_of(syscall(SYS_fcntl, 0, 0xabcdef0000000000 | F_GETFL));
}

static int
try_other_fcntl(void *arg)
{
	(void)arg;
	return errno_of(syscall(SYS_fcntl, 0, F_DUPFD, 0));
}

static void
fcntl_is_for_the_commands_of_the_base(void **state)
{
	(void)state;
	assert_both(try_fcntl, NULL, 0);
	assert_strange(try_other_fcntl);
}

static int
try_send(void *arg)
{
	int fds[2];
	char c;

	memcpy(fds, arg, sizeof(fds));
	if (send(fds[0], "x", 1, MSG_NOSIGNAL) != 1 ||
	    recv(fds[1], &c, 1, 0) != 1)
		return errno;
	return 0;
}

static int
try_send_to_address(void *arg)
{
	const struct sockaddr_in to = { .sin_family = AF_INET };

	(void)arg;
	return errno_of(
	    sendto(0, "x", 1, 0, (const struct sockaddr *)&to, sizeof(to)));
}

static void
send_has_no_address(void **state)
{
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_both(try_send, fds, 0);
	assert_strange(try_send_to_address);
	close(fds[0]);
	close(fds[1]);
}

static int
try_own_signal(void *arg)
{
	(void)arg;
	return errno_of(syscall(SYS_tgkill, getpid(), gettid(), 0));
}

static int
try_foreign_signal(void *arg)
{
	(void)arg;
	return errno_of(syscall(SYS_tgkill, getppid(), getppid(), 0));
}

static int
try_abort(void *arg)
{
	(void)arg;
	abort();
}

static void
signals_go_to_oneself(void **state)
{
	(void)state;
	assert_both(try_own_signal, NULL, 0);
	assert_both(try_abort, NULL, DIED_OF(SIGABRT));
	if (!SANDBOX_SANITIZED) /* which need tgkill as it is */
		assert_strange(try_foreign_signal);
}

static void *
run_thread(void *arg)
{
	*(int *)arg = 1;
	return NULL;
}

static int
try_thread(void *arg)
{
	pthread_t thread;
	int ran = 0;

	(void)arg;
	if (pthread_create(&thread, NULL, run_thread, &ran) != 0 ||
	    pthread_join(thread, NULL) != 0)
		return 1;
	return !ran;
}

static int
try_fork(void *arg)
{
	pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	int status;

	(void)arg;
	if (pid == 0)
		_exit(0);
	return pid == -1 ? errno : errno_of(wait4(pid, &status, 0, NULL));
}

#define THREAD (CLONE_VM | CLONE_SIGHAND | CLONE_THREAD)

/* With a stack of nowhere: what gets past the filter is refused by the kernel
 * or dies. */
static int
try_thread_in_namespace(void *arg)
{
	(void)arg;
	return errno_of(syscall(SYS_clone, THREAD | CLONE_NEWNET, 0, 0, 0, 0));
}

static int
try_child_in_namespace(void *arg)
{
	(void)arg;
	return errno_of(
	    syscall(SYS_clone, SIGCHLD | CLONE_NEWUSER, 0, 0, 0, 0));
}

static void
children_are_for_those_who_fork(void **state)
{
	const struct child parent = { .forks = true };
	const struct child parent_kill = { .forks = true, .kill = true };

	(void)state;
	if (SANDBOX_SANITIZED) /* LeakSanitizer's clone is any clone */
		skip();
	/* RLIMIT_NPROC counts threads too, but not root's. */
	assert_both(try_thread, NULL, getuid() == 0 ? 0 : 1);
	assert_strange(try_fork);
	assert_strange(try_thread_in_namespace);
	assert_int_equal(child_try(&parent, try_fork, NULL), 0);
	assert_int_equal(child_try(&parent_kill, try_fork, NULL), 0);
	assert_int_equal(
	    child_try(&parent, try_child_in_namespace, NULL), ENOSYS);
	assert_int_equal(child_try(&parent_kill, try_child_in_namespace, NULL),
	    DIED_OF(SIGSYS));
}

/* ---- which table decides ---- */

static int
try_getpid(void *arg)
{
	(void)arg;
	return errno_of(syscall(SYS_getpid));
}

static void
own_row_wins_over_the_base(void **state)
{
	static const struct sandbox_rule deny[] = {
		SB_DENY("getpid", EIO, "test"),
		SB_ANY("getpgid", "test"),
		SB_IF("fcntl", 1, SB_INT, F_DUPFD, "test"),
	};
	const struct child c = { RULES(deny) };

	(void)state;
	assert_int_equal(child_try(&plain, try_getpid, NULL), 0);
	assert_int_equal(child_try(&c, try_getpid, NULL), EIO);
	assert_int_equal(child_try(&c, try_strange_call, NULL), 0);
	/* All of the base's rows about the call are gone. */
	assert_int_equal(child_try(&c, try_other_fcntl, NULL), 0);
	assert_int_equal(child_try(&c, try_fcntl, NULL), ENOSYS);
}

static void
sanitizer_rows_are_of_sanitizer_builds(void **state)
{
	static const struct sandbox_rule rows[] = {
		SB_SAN("getpgid", "test"),
		SB_DENY("getpgid", EIO, "test"),
	};
	const struct child c = { RULES(rows) };

	(void)state;
	assert_int_equal(
	    child_try(&c, try_strange_call, NULL), SANDBOX_SANITIZED ? 0 : EIO);
}

static void
table_that_takes_a_kill_back_is_refused(void **state)
{
	static const struct sandbox_rule loose[] = { SB_ANY("execve", "test") };
	static const struct sandbox_rule polite[] = { SB_DENY(
	    "setuid", EPERM, "test") };
	static const struct sandbox_rule strict[] = { SB_DIE(
	    "execve", "test") };
	static const struct sandbox_rule typo[] = { SB_ANY("opennat", "test") };
	const struct child a = { RULES(loose) }, b = { RULES(polite) },
			   c = { RULES(strict) }, d = { RULES(typo) };

	(void)state;
	assert_int_equal(child_try(&a, try_getpid, NULL), LOCKED_OUT);
	assert_int_equal(child_try(&b, try_getpid, NULL), LOCKED_OUT);
	assert_int_equal(child_try(&c, try_getpid, NULL), 0);
	assert_int_equal(child_try(&d, try_getpid, NULL), LOCKED_OUT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(base_rows_refuse_and_kill_as_they_say),
		cmocka_unit_test(call_in_no_row_is_unknown_or_kills),
#if defined(__x86_64__)
		cmocka_unit_test(foreign_architecture_kills),
#endif
		cmocka_unit_test(memory_never_becomes_executable),
		cmocka_unit_test(fcntl_is_for_the_commands_of_the_base),
		cmocka_unit_test(send_has_no_address),
		cmocka_unit_test(signals_go_to_oneself),
		cmocka_unit_test(children_are_for_those_who_fork),
		cmocka_unit_test(own_row_wins_over_the_base),
		cmocka_unit_test(sanitizer_rows_are_of_sanitizer_builds),
		cmocka_unit_test(table_that_takes_a_kill_back_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
