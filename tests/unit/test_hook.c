/* test_hook.c - real commands through front, launcher and watcher, the front
 * in its jail. */
/* objects: $(filter-out certd/hook/main,$(certd-hook_OBJ)) */
/* libs: $(certd-hook_LIB) */
#define _GNU_SOURCE /* asprintf */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "buf.h"
#include "hook.h"
#include "proto.h"

#define WAIT_MSECS 20000 /* for an answer; a slow machine is no failure */

static char folder[] = "/tmp/certd-hook-test-XXXXXX";

/* certd-hook in a process of its own, and our end of its socket. */
struct rig {
	pid_t pid;
	int fd;
	uint32_t last_id;
	struct buf *in;
};

/* What became of a hook. */
struct ended {
	uint32_t status;
	bool timed_out;
	size_t n_lines;
	char text[128 * 1024]; /* its lines */
};

/* The same order as in main.c. */
static int
serve(int fd, bool kill)
{
	struct event_base *base;
	struct front *f = NULL;
	struct err *e;
	int launcher, status;

	if ((e = launcher_start(&launcher)) == NULL) {
		base = event_base_new();
		if ((e = sandbox_enter(&hook_jail, NULL, kill)) == NULL &&
		    (e = front_new(base, fd, launcher, &f)) == NULL)
			(void)event_base_dispatch(base);
	}
	if (e != NULL)
		dprintf(STDERR_FILENO, "%s\n", err_text(e));
	status = e == NULL ? front_status(f) : 1;
	front_free(f);
	return status;
}

static void
rig_start(struct rig *r, bool kill)
{
	struct msg m = { .type = MSG_hello };
	int pair[2];
	bool timed_out;

	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	if ((r->pid = fork()) == 0) {
		close(pair[0]);
		_exit(serve(pair[1], kill));
	}
	close(pair[1]);
	r->fd = pair[0];
	r->last_id = 0;
	r->in = buf_new(PROTO_FRAME_MAX);
	assert_null(msg_recv(r->fd, r->in, WAIT_MSECS, &m, &timed_out));
	assert_int_equal(m.type, MSG_hello);
	m = (struct msg){ .type = MSG_hello };
	m.hello.version = PROTO_VERSION;
	assert_null(msg_send(r->fd, &m));
}

static int
rig_leave(struct rig *r)
{
	int status = -1;

	close(r->fd);
	buf_free(r->in);
	assert_int_equal(waitpid(r->pid, &status, 0), r->pid);
	free(r);
	return status;
}

static int
setup(void **state, bool kill)
{
	struct rig *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	rig_start(r, kill);
	*state = r;
	return 0;
}

static int
setup_refusing(void **state)
{
	return setup(state, false);
}

static int
setup_killing(void **state)
{
	return setup(state, true);
}

static int
teardown(void **state)
{
	return rig_leave(*state);
}

static uint32_t
ask(struct rig *r, const char *command, uint32_t timeout_secs)
{
	struct msg m = { .type = MSG_hook_run, .id = ++r->last_id };

	m.hook_run.command = str_of(command);
	m.hook_run.lineage = str_of("/etc/letsencrypt/live/a b");
	m.hook_run.renewed = str_of("a.example *.a.example");
	m.hook_run.failed = str_of("");
	m.hook_run.timeout_secs = timeout_secs;
	assert_null(msg_send(r->fd, &m));
	return m.id;
}

/* Waits for the end of hook id, or of any; which one it was. */
static uint32_t
wait_end(struct rig *r, uint32_t id, struct ended *end)
{
	struct msg m;
	bool timed_out;
	size_t n = 0;

	memset(end, 0, sizeof(*end));
	for (;;) {
		assert_null(msg_recv(r->fd, r->in, WAIT_MSECS, &m, &timed_out));
		assert_false(timed_out);
		if (m.type == MSG_hook_exit)
			break;
		assert_int_equal(m.type, MSG_hook_output);
		if (id != 0)
			assert_int_equal(m.id, id);
		end->n_lines++;
		n += (size_t)snprintf(end->text + n, sizeof(end->text) - n,
		    "%.*s\n", (int)m.hook_output.line.n, m.hook_output.line.p);
		assert_true(n < sizeof(end->text));
		msg_clear(&m);
	}
	if (id != 0)
		assert_int_equal(m.id, id);
	end->status = m.hook_exit.status;
	end->timed_out = m.hook_exit.timed_out;
	return m.id;
}

static void
run(struct rig *r, const char *command, uint32_t timeout_secs,
    struct ended *end)
{
	(void)wait_end(r, ask(r, command, timeout_secs), end);
}

static time_t
seconds(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

static char *
path_of(const char *name)
{
	char *path;

	assert_true(asprintf(&path, "%s/%s", folder, name) > 0);
	return path;
}

static bool
appears(const char *path)
{
	int i;

	for (i = 0; i < 1000; i++) {
		if (access(path, F_OK) == 0)
			return true;
		usleep(10000);
	}
	return false;
}

/* ---- looked at, and not run ---- */

static void
check(struct rig *r, const char *command, struct ended *end)
{
	struct msg m = { .type = MSG_hook_check, .id = ++r->last_id };

	m.hook_check.command = str_of(command);
	assert_null(msg_send(r->fd, &m));
	(void)wait_end(r, m.id, end);
}

static void
check_says_what_is_wrong_and_runs_nothing(void **state)
{
	char *path = path_of("touched"), *command;
	struct ended end;

	assert_true(asprintf(&command, "touch %s", path) > 0);
	check(*state, command, &end);
	assert_int_equal(end.status, 0);
	assert_string_equal(end.text, "");
	assert_int_equal(access(path, F_OK), -1);
	check(*state, "/no/such/thing", &end);
	assert_int_equal(end.status, HOOK_NOT_FOUND);
	assert_string_equal(end.text, "there is no /no/such/thing\n");
	free(command);
	free(path);
}

static void
hook_that_others_can_change_is_not_run(void **state)
{
	char *path = path_of("weak");
	struct ended end;
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);

	assert_true(write(fd, "#!/bin/sh\necho ran\n", 19) == 19);
	close(fd);
	run(*state, path, 10, &end);
	assert_string_equal(end.text, "ran\n");
	assert_int_equal(chmod(path, 0757), 0);
	run(*state, path, 10, &end);
	assert_int_equal(end.status, HOOK_REFUSED);
	assert_null(strstr(end.text, "ran\n"));
	assert_non_null(strstr(end.text, "others than root can change"));
	(void)unlink(path);
	free(path);
}

/* ---- how it ends ---- */

static void
exit_status_is_reported(void **state)
{
	static const struct {
		const char *command;
		uint32_t status;
	} cases[] = {
		{ "true", 0 },
		{ "exit 7", 7 },
		{ "exit 255", 255 },
		{ "", 0 },
		{ "/nowhere/to/be/found 2>/dev/null", 127 },
		{ "/etc/passwd 2>/dev/null", 126 },
		{ "kill -TERM $$", 143 },
		{ "kill -KILL $$", 137 },
		{ "kill -TERM 0", 143 }, /* its own group, and nobody else's */
		{ "for i in 1 2 3; do false; done || exit 3", 3 },
	};
	struct ended end;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		run(*state, cases[i].command, 10, &end);
		assert_int_equal(end.status, cases[i].status);
		assert_false(end.timed_out);
		assert_string_equal(end.text, "");
	}
}

static void
deadline_ends_a_hook_with_its_children(void **state)
{
	struct ended end;
	time_t began = seconds();

	run(*state, "echo begun; sleep 60 & sleep 60; echo not reached", 1,
	    &end);
	assert_true(end.timed_out);
	assert_int_equal(end.status, 143);
	assert_string_equal(end.text, "begun\n");
	assert_true(seconds() - began < 15);
}

static void
deadline_ends_a_hook_that_ignores_sigterm(void **state)
{
	struct ended end;

	run(*state, "trap '' TERM; while :; do sleep 1; done", 1, &end);
	assert_true(end.timed_out);
	assert_int_equal(end.status, 137);
}

/* A chance to tidy up, and what is left of the group goes with it. */
static void
deadline_lets_a_hook_tidy_up(void **state)
{
	struct ended end;

	run(*state,
	    "trap 'echo tidied; exit 9' TERM; (trap '' TERM; sleep 60) & "
	    "while :; do sleep 0.1; done",
	    1, &end);
	assert_true(end.timed_out);
	assert_int_equal(end.status, 9);
	assert_non_null(strstr(end.text, "tidied\n"));
}

static void
background_child_does_not_hold_up_the_end(void **state)
{
	time_t began = seconds();
	struct ended end;
	pid_t child;

	run(*state, "sleep 60 & echo $!", 30, &end);
	assert_int_equal(end.status, 0);
	assert_true(seconds() - began < 10);
	child = (pid_t)strtol(end.text, NULL, 10);
	assert_int_equal(kill(child, SIGKILL), 0); /* it is still there */
}

/* ---- what it prints ---- */

static void
output_comes_as_lines_of_text(void **state)
{
	struct ended end;

	run(*state, "echo out; echo err >&2; printf 'a\\033b\\nno newline'", 10,
	    &end);
	assert_string_equal(end.text, "out\nerr\na\\x1Bb\nno newline\n");
}

static void
output_of_megabytes_is_cut_and_counted(void **state)
{
	struct ended end;

	run(*state, "head -c 20000000 /dev/zero | tr '\\0' x; exit 5", 20,
	    &end);
	assert_int_equal(end.status, 5);
	assert_non_null(strstr(end.text, "\n(and 19934464 more bytes)\n"));
	assert_true(end.n_lines < 100);
}

static void
output_without_end_is_ended_by_the_deadline(void **state)
{
	struct ended end;

	run(*state, "yes", 1, &end);
	assert_true(end.timed_out);
	assert_int_equal(end.status, 143);
	assert_non_null(strstr(end.text, "more bytes)\n"));
}

/* ---- what it is given ---- */

static void
environment_is_exactly_certbots(void **state)
{
	struct ended end;

	run(*state, "tr '\\0' '\\n' </proc/$$/environ", 10, &end);
	assert_string_equal(end.text,
	    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:"
	    "/bin\n"
	    "HOME=/root\n"
	    "LANG=C.UTF-8\n"
	    "RENEWED_LINEAGE=/etc/letsencrypt/live/a b\n"
	    "RENEWED_DOMAINS=a.example *.a.example\n");
}

static void
environment_may_be_as_large_as_the_protocol_allows(void **state)
{
	static char names[RENEWED_MAX_BYTES + 1];
	struct rig *r = *state;
	struct msg m = { .type = MSG_hook_run, .id = ++r->last_id };
	struct ended end;

	memset(names, 'n', RENEWED_MAX_BYTES);
	m.hook_run.command =
	    str_of("echo ${#RENEWED_DOMAINS} ${#FAILED_DOMAINS} "
		   "${RENEWED_LINEAGE-none}");
	m.hook_run.lineage = str_of("");
	m.hook_run.renewed = str_of(names);
	m.hook_run.failed = (struct str){ names, FAILED_MAX_BYTES };
	m.hook_run.timeout_secs = 10;
	assert_null(msg_send(r->fd, &m));
	(void)wait_end(r, m.id, &end);
	assert_string_equal(end.text, "32768 16384 none\n");
}

static void
descriptors_are_three_and_none_is_ours(void **state)
{
	struct ended end;

	run(*state, "ls /proc/$$/fd; readlink /proc/$$/fd/0; cat", 10, &end);
	assert_string_equal(end.text, "0\n1\n2\n/dev/null\n");
}

/* A hook may call sudo, mount, or start what it likes: nothing of the front's
 * jail is upon it. */
static void
hook_is_not_locked_in(void **state)
{
	struct ended end;
	char expected[128];
	struct rlimit l;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &l), 0);
	(void)snprintf(expected, sizeof(expected),
	    "0000000000000000\n0000000000000000\n0\n0\n0022\n/\n%llu\n",
	    (unsigned long long)l.rlim_cur);
	run(*state,
	    "sed -n 's/^\\(NoNewPrivs\\|Seccomp\\|SigBlk\\|SigIgn\\):\\t//p' "
	    "/proc/self/status; umask; pwd; ulimit -n",
	    10, &end);
	assert_string_equal(end.text, expected);
}

/* ---- hooks that do harm ---- */

static void
hook_that_kills_its_parents_hurts_only_itself(void **state)
{
	static const char *const commands[] = { "kill -KILL $PPID; sleep 30",
		"kill -KILL -$PPID; sleep 30",
		"kill -KILL -$(ps -o pgid= $PPID | tr -d ' '); sleep 30" };
	struct ended end;
	size_t i;

	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		run(*state, commands[i], 20, &end);
		assert_int_equal(end.status, 137);
		assert_false(end.timed_out);
		run(*state, "echo alive", 10, &end);
		assert_string_equal(end.text, "alive\n");
	}
}

static void
hooks_may_run_side_by_side(void **state)
{
	struct rig *r = *state;
	struct ended end;
	uint32_t seen = 0, id;
	int i;

	for (i = 0; i < 24; i++)
		(void)ask(r, "sleep 0.2; exit 4", 20);
	for (i = 0; i < 24; i++) {
		id = wait_end(r, 0, &end);
		assert_int_equal(end.status, 4);
		assert_true(id >= 1 && id <= 24);
		assert_int_equal(seen & 1U << id, 0);
		seen |= 1U << id;
	}
}

static void
number_used_twice_ends_the_connection(void **state)
{
	struct rig *r = *state;
	struct msg m;
	bool timed_out;

	(void)ask(r, "sleep 1", 10);
	r->last_id--;
	(void)ask(r, "true", 10);
	assert_null(msg_recv(r->fd, r->in, WAIT_MSECS, &m, &timed_out));
	assert_int_equal(m.type, 0);
	assert_false(timed_out);
}

static int
teardown_after_a_fault(void **state)
{
	return WEXITSTATUS(rig_leave(*state)) == 1 ? 0 : -1;
}

/* ---- certd goes away ---- */

/* Also not by SIGPIPE: it prints more than a pipe holds. */
static void
hook_outlives_certd(void **state)
{
	char *path = path_of("outlived"), *command;
	struct rig *r = calloc(1, sizeof(*r));

	(void)state;
	assert_non_null(r);
	assert_true(asprintf(&command,
			"echo begun; sleep 0.5; "
			"head -c 1000000 /dev/zero && echo >'%s'",
			path) > 0);
	rig_start(r, true);
	(void)ask(r, command, 20);
	usleep(200000);
	assert_int_equal(rig_leave(r), 0);
	assert_true(appears(path));
	(void)unlink(path);
	free(command);
	free(path);
}

static void
deadline_holds_without_certd(void **state)
{
	char *path = path_of("ended"), *command;
	struct rig *r = calloc(1, sizeof(*r));

	(void)state;
	assert_non_null(r);
	assert_true(asprintf(&command,
			"trap 'echo >%s; exit' TERM; "
			"while :; do sleep 0.1; done",
			path) > 0);
	rig_start(r, true);
	(void)ask(r, command, 1);
	usleep(200000);
	assert_int_equal(rig_leave(r), 0);
	assert_true(appears(path));
	(void)unlink(path);
	free(command);
	free(path);
}

/* ---- the launcher and its one kind of request ---- */

static void
launcher_leaves_on_a_request_that_is_none(void **state)
{
	struct hook_request *q = calloc(2, sizeof(*q));
	struct hook_report r;
	int fd, i;

	(void)state;
	assert_non_null(q);
	for (i = 0; i < 5; i++) {
		memset(q, 0, sizeof(*q));
		if (i == 1)
			memset(q->command, 'x', sizeof(q->command));
		if (i == 2)
			memset(q->failed, 'x', sizeof(q->failed));
		if (i == 3)
			q->timeout_secs = TIMEOUT_MAX_SECS + 1;
		assert_null(launcher_start(&fd));
		assert_true(send(fd, q,
				i == 0   ? sizeof(*q) - 1
				: i == 4 ? sizeof(*q) + 1
					 : sizeof(*q),
				0) > 0);
		assert_true(recv(fd, &r, sizeof(r), 0) <= 0);
		close(fd);
		(void)waitpid(-1, NULL, 0);
	}
	free(q);
}

static int
make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) == NULL ? -1 : 0;
}

static int
remove_folder(void **state)
{
	(void)state;
	return rmdir(folder);
}

/* What takes its time is not said twice. */
#define IN_STRICT_JAIL(test)                                                   \
	{                                                                      \
#test " (kill)", test, setup_killing, teardown, NULL           \
	}
#define IN_JAIL(test)                                                          \
	{ #test, test, setup_refusing, teardown, NULL }, IN_STRICT_JAIL(test)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		IN_JAIL(check_says_what_is_wrong_and_runs_nothing),
		IN_JAIL(hook_that_others_can_change_is_not_run),
		IN_JAIL(exit_status_is_reported),
		IN_STRICT_JAIL(deadline_ends_a_hook_with_its_children),
		IN_STRICT_JAIL(deadline_ends_a_hook_that_ignores_sigterm),
		IN_STRICT_JAIL(deadline_lets_a_hook_tidy_up),
		IN_JAIL(background_child_does_not_hold_up_the_end),
		IN_JAIL(output_comes_as_lines_of_text),
		IN_JAIL(output_of_megabytes_is_cut_and_counted),
		IN_STRICT_JAIL(output_without_end_is_ended_by_the_deadline),
		IN_JAIL(environment_is_exactly_certbots),
		IN_JAIL(environment_may_be_as_large_as_the_protocol_allows),
		IN_JAIL(descriptors_are_three_and_none_is_ours),
		IN_JAIL(hook_is_not_locked_in),
		IN_JAIL(hook_that_kills_its_parents_hurts_only_itself),
		IN_JAIL(hooks_may_run_side_by_side),
		cmocka_unit_test_setup_teardown(
		    number_used_twice_ends_the_connection, setup_killing,
		    teardown_after_a_fault),
		cmocka_unit_test(hook_outlives_certd),
		cmocka_unit_test(deadline_holds_without_certd),
		cmocka_unit_test(launcher_leaves_on_a_request_that_is_none),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
