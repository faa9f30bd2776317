/* test_sandbox_life.c - a process lives inside: limits, an event loop, messages
 * with descriptors, and sanitizers at the end. */
/* objects: $(DAEMON) */
/* libs: libseccomp libevent_core $(MSGPACK) */
#define _GNU_SOURCE /* getentropy */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <event2/event.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "channel.h"
#include "sandbox_child.h"

#define NOBODY 65534

/* ---- limits and flags ---- */

static int
try_large_file(void *arg)
{
	int fd = *(int *)arg;

	if (write(fd, "0123456789+", 11) != 10)
		return 1;
	return errno_of(write(fd, "+", 1));
}

static void
file_over_its_limit_is_an_error(void **state)
{
	const struct child c = { .file_bytes = 10, .kill = true };
	FILE *f = tmpfile();
	int fd;

	(void)state;
	assert_non_null(f);
	fd = fileno(f);
	assert_int_equal(child_try(&c, try_large_file, &fd), EFBIG);
	(void)fclose(f);
}

/* Waits until the parent has looked. */
static int
wait_for_parent(void *arg)
{
	const int *fds = arg;
	char c = 'x';

	return write(fds[1], &c, 1) == 1 && read(fds[1], &c, 1) == 1 ? 0 : 1;
}

/* A file of /proc/PID has this line. */
static void
assert_proc_has(pid_t pid, const char *file, const char *line)
{
	char path[64], text[8192];
	size_t n;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	assert_non_null(f = fopen(path, "r"));
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	(void)fclose(f);
	if (strstr(text, line) == NULL)
		fail_msg("%s has no %s", path, line);
}

static void
process_inside_has_limits_and_flags(void **state)
{
	static const char *const limits[] = {
		"Max core file size        0                    0 ",
		"Max open files            64                   64 ",
		"Max file size             77                   77 ",
		"Max processes             0                    0 ",
	};
	const struct child c = { .file_bytes = 77, .uid = NOBODY };
	char path[64], byte;
	struct stat st;
	int fds[2];
	size_t i;
	pid_t pid;

	(void)state;
	if (getuid() != 0)
		skip();
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	pid = child_start(&c, wait_for_parent, fds);
	assert_int_equal(read(fds[0], &byte, 1), 1);
	/* LeakSanitizer's tracer is a process. */
	for (i = 0; i < (SANDBOX_SANITIZED ? 3 : 4); i++)
		assert_proc_has(pid, "limits", limits[i]);
	assert_proc_has(pid, "status", "NoNewPrivs:\t1\n");
	assert_proc_has(pid, "status", "Seccomp:\t2\n");
	/* What is not dumpable belongs to root there. */
	(void)snprintf(path, sizeof(path), "/proc/%d/environ", (int)pid);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_uid, 0);
	assert_int_equal(write(fds[0], &byte, 1), 1);
	assert_int_equal(child_wait(pid), 0);
	close(fds[0]);
	close(fds[1]);
}

/* ---- a life ---- */

struct life {
	struct event_base *base;
	struct event *timer, *term;
	struct channel *a, *b;
	int rounds, signals, fds;
};

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	const struct timeval soon = { 0, 1000 };
	const struct msg m = { .type = MSG_key_load };
	struct life *l = arg;

	(void)fd;
	(void)what;
	err_free(channel_send(l->a, &m, STDIN_FILENO));
	if (++l->rounds < 20)
		event_add(l->timer, &soon);
	else
		(void)raise(SIGTERM);
}

static void
on_term(evutil_socket_t fd, short what, void *arg)
{
	struct life *l = arg;

	(void)fd;
	(void)what;
	l->signals++;
	channel_finish(l->a);
}

static struct err *
on_message(void *arg, const struct msg *m, int fd)
{
	struct life *l = arg;

	(void)m;
	if (fd != -1 && close(fd) == 0)
		l->fds++;
	return NULL;
}

static void
on_closed(void *arg, const struct err *reason)
{
	(void)arg;
	(void)reason;
}

static const struct channel_ops ops = { on_message, NULL, on_closed, NULL };

/* What must exist before. */
static void
life_begin(void *arg)
{
	struct life *l = arg;
	int fds[2];

	memset(l, 0, sizeof(*l));
	l->base = event_base_new();
	assert_non_null(l->base);
	l->timer = evtimer_new(l->base, on_timer, l);
	l->term = evsignal_new(l->base, SIGTERM, on_term, l);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_null(channel_new(l->base, fds[0], ROLE_MONITOR, ROLE_SIGNER,
	    "signer", 100000, &ops, l, &l->a));
	assert_null(channel_new(l->base, fds[1], ROLE_SIGNER, ROLE_MONITOR,
	    "monitor", 100000, &ops, l, &l->b));
}

static int
compare(const void *a, const void *b)
{
	return *(const char *)a - *(const char *)b;
}

static int
try_life(void *arg)
{
	const struct timeval soon = { 0, 1000 };
	struct life *l = arg;
	char *p = malloc(1 << 20), *bigger;
	struct timespec t;

	event_add(l->term, NULL);
	event_add(l->timer, &soon);
	for (int i = 0; i < 1000 && l->signals == 0; i++)
		event_base_loop(l->base, EVLOOP_ONCE);
	event_del(l->term);
	event_base_dispatch(l->base);
	event_free(l->timer);
	event_free(l->term);
	event_base_free(l->base);
	if (l->rounds != 20 || l->signals != 1 || l->fds != 20)
		return 1;
	if (p == NULL || (bigger = realloc(p, 1 << 26)) == NULL)
		return 2;
	memset(bigger, 'x', 1 << 26);
	qsort(bigger, 1 << 16, 1, compare);
	free(bigger);
	if (clock_gettime(CLOCK_REALTIME, &t) == -1 ||
	    getentropy(&t, sizeof(t)) == -1 || usleep(10) == -1)
		return 3;
	if (localtime(&(time_t){ 0 }) == NULL) /* /etc/localtime: refused */
		return 4;
	(void)fprintf(stderr, "%s", "");
	return 0;
}

static void
base_is_enough_for_a_daemon(void **state)
{
	static const uid_t users[] = { 0, NOBODY };
	struct child c;
	struct life l;
	size_t i;

	(void)state;
	for (i = 0; i < (getuid() == 0 ? 4 : 2); i++) {
		c = (struct child){
			.kill = i % 2, .uid = users[i / 2], .before = life_begin
		};
		assert_int_equal(child_try(&c, try_life, &l), 0);
	}
}

/* ---- sanitizers ---- */

/* Nobody wants to read the reports. */
static void
be_quiet(void *arg)
{
	(void)arg;
	(void)dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDERR_FILENO);
}

static int
exit_clean(void *arg)
{
	free(malloc(100));
	exit(*(int *)arg);
}

static int
exit_with_a_leak(void *arg)
{
	char *volatile p = malloc(100);

	p[0] = 'x';
	p = NULL;
	exit(*(int *)arg);
}

static int
exit_in_pieces(void *arg)
{
	char *volatile p = malloc(10);

	(void)arg;
	free(p);
	return p[1] == 'x';
}

/* The sanitizers work inside, in both kinds of jail and for every user. */
static void
sanitizers_find_what_they_look_for(void **state)
{
	static const uid_t users[] = { 0, NOBODY };
	int status = 0; /* a broken LeakSanitizer would change it */
	struct child c;
	size_t i;

	(void)state;
	if (!SANDBOX_SANITIZED)
		skip();
	for (i = 0; i < (getuid() == 0 ? 4 : 2); i++) {
		c = (struct child){
			.kill = i % 2, .uid = users[i / 2], .before = be_quiet
		};
		assert_int_equal(child_try(&c, exit_clean, &status), 0);
		assert_in_range(child_try(&c, exit_with_a_leak, &status), 1,
		    LOCKED_OUT - 1);
		assert_in_range(
		    child_try(&c, exit_in_pieces, &status), 1, LOCKED_OUT - 1);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(file_over_its_limit_is_an_error),
		cmocka_unit_test(process_inside_has_limits_and_flags),
		cmocka_unit_test(base_is_enough_for_a_daemon),
		cmocka_unit_test(sanitizers_find_what_they_look_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
