/* test_session.c - whole commands against a certd that plays a part. */
/* objects: $(filter-out certctl/main,$(certctl_OBJ)) */
/* libs: $(certctl_LIB) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "buf.h"
#include "certctl.h"

#define ARGS_MAX 16

static char folder[] = "/tmp/certctl-test-XXXXXX";
static char path[64];

/* One command, and what became of it. */
struct run {
	struct invocation inv;
	struct session s;
	char *out, *err;
	struct err *e;
};

/* ---- certd's side ---- */

static void
say(int fd, struct msg *m)
{
	err_free(msg_send(fd, m));
}

static void
say_hello(int fd, uint32_t version)
{
	struct msg m = { .type = MSG_hello };

	m.hello.version = version;
	say(fd, &m);
}

static void
say_end(int fd)
{
	struct msg m = { .type = MSG_end };

	say(fd, &m);
}

static void
say_accepted(int fd)
{
	struct msg m = { .type = MSG_accepted };

	m.accepted.job = 7;
	m.accepted.lineage = str_of("a.example");
	say(fd, &m);
}

static void
say_event(int fd, enum stage stage)
{
	struct msg m = { .type = MSG_event };

	m.event.job = 7;
	m.event.lineage = str_of("a.example");
	m.event.stage = stage;
	m.event.text = str_of(stage == STAGE_publish ? "1 of 2" : "");
	m.event.time = (uint64_t)time(NULL);
	say(fd, &m);
}

static void
say_result(int fd, bool ok)
{
	struct msg m = { .type = MSG_result };

	m.result.job = 7;
	m.result.lineage = str_of("a.example");
	m.result.ok = ok;
	m.result.text = str_of(ok ? "" : "placing the order: no");
	m.result.advice = str_of(ok ? "" : "ask the CA");
	say(fd, &m);
}

static void
say_fact(int fd, const char *key, const char *value)
{
	struct msg m = { .type = MSG_fact };

	m.fact.key = str_of(key);
	m.fact.value = str_of(value);
	say(fd, &m);
}

static void
say_fact_of(int fd, uint32_t job, const char *key, const char *value)
{
	struct msg m = { .type = MSG_fact };

	m.fact.job = job;
	m.fact.key = str_of(key);
	m.fact.value = str_of(value);
	say(fd, &m);
}

static void
say_error(int fd, uint32_t status)
{
	struct msg m = { .type = MSG_error };

	m.error.exit = status;
	m.error.text = str_of("refused");
	m.error.advice = str_of("ask root");
	say(fd, &m);
}

/* Reads a message; what it was, as the log shows it. */
static void
hear(int fd, char line[1024])
{
	struct buf *in = buf_new(PROTO_FRAME_MAX);
	bool timed_out;
	struct msg m;

	*line = '\0';
	err_free(msg_recv(fd, in, 5000, &m, &timed_out));
	if (m.type != 0)
		msg_describe(&m, line, 1024);
	msg_clear(&m);
	buf_free(in);
}

/* Hello, and the messages up to the request; its line is in line. */
static void
greet(int fd, char line[1024])
{
	say_hello(fd, PROTO_VERSION);
	hear(fd, line);
	do
		hear(fd, line);
	while (strncmp(line, "option", 6) == 0);
}

/* Plays part on one connection, in a process of its own. */
static pid_t
play(void (*part)(int fd))
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), client;
	pid_t pid;

	(void)unlink(path);
	(void)strcpy(sa.sun_path, path);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(listen(fd, 1), 0);
	if ((pid = fork()) == 0) {
		if ((client = accept(fd, NULL, NULL)) != -1)
			part(client);
		_exit(0);
	}
	close(fd);
	return pid;
}

/* ---- certctl's side ---- */

static void
run(struct run *r, const char *line)
{
	char *argv[ARGS_MAX], copy[256], *word, *save = NULL;
	size_t out_n, err_n;
	int argc = 0;

	(void)snprintf(
	    copy, sizeof(copy), "certctl --socket %s %s", path, line);
	for (word = strtok_r(copy, " ", &save); word != NULL;
	     word = strtok_r(NULL, " ", &save))
		argv[argc++] = word;
	assert_null(invocation_parse(&r->inv, argc, argv));
	r->out = r->err = NULL;
	r->s = (struct session){ .inv = &r->inv,
		.fd = -1,
		.json = invocation_has(&r->inv, OPT_json),
		.out = open_memstream(&r->out, &out_n),
		.err = open_memstream(&r->err, &err_n) };
	r->e = r->inv.command->run(&r->s);
	session_close(&r->s);
	assert_int_equal(fclose(r->s.out), 0);
	assert_int_equal(fclose(r->s.err), 0);
}

static void
run_with(struct run *r, void (*part)(int fd), const char *line)
{
	pid_t pid = play(part);

	run(r, line);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void
done(struct run *r)
{
	err_free(r->e);
	free(r->out);
	free(r->err);
	invocation_clear(&r->inv);
}

/* ---- certd is not there ---- */

static void
certd_absent_is_told_with_what_to_do(void **state)
{
	struct run r;

	(void)state;
	(void)unlink(path);
	run(&r, "list");
	assert_int_equal(r.s.status, EXIT_NO_CERTD);
	assert_non_null(strstr(err_text(r.e), path));
	assert_non_null(strstr(err_advice(r.e), "systemctl start"));
	assert_non_null(strstr(err_advice(r.e), "--foreground --spawn"));
	done(&r);
}

static void
socket_left_behind_means_certd_is_absent(void **state)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct run r;

	(void)state;
	(void)unlink(path);
	(void)strcpy(sa.sun_path, path);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	close(fd);
	run(&r, "status");
	assert_int_equal(r.s.status, EXIT_NO_CERTD);
	assert_non_null(strstr(err_text(r.e), "Connection refused"));
	done(&r);
}

/* Root may connect to everything, so another user tries. */
static void
socket_not_permitted_is_told_with_what_to_do(void **state)
{
	pid_t pid = play(say_end);
	struct run r;
	int status;

	(void)state;
	assert_int_equal(chmod(path, 0600), 0);
	if (geteuid() != 0)
		assert_int_equal(chmod(path, 0), 0);
	assert_int_equal(seteuid(geteuid() == 0 ? 65534 : geteuid()), 0);
	run(&r, "list");
	assert_int_equal(seteuid(getuid()), 0);
	assert_int_equal(r.s.status, EXIT_DENIED);
	assert_string_equal(
	    err_advice(r.e), "join group certadmin or use sudo");
	done(&r);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
}

static void
socket_path_too_long_is_a_usage_error(void **state)
{
	char longer[200];
	char *argv[] = { (char[]){ "certctl" }, (char[]){ "--socket" }, longer,
		(char[]){ "list" } };
	struct run r = { .s = { .fd = -1 } };

	(void)state;
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_null(invocation_parse(&r.inv, 4, argv));
	r.s.inv = &r.inv;
	r.e = r.inv.command->run(&r.s);
	session_close(&r.s);
	assert_int_equal(r.s.status, EXIT_USAGE);
	done(&r);
}

/* ---- certd is not as it should be ---- */

static void
part_other_version(int fd)
{
	say_hello(fd, PROTO_VERSION + 1);
}

static void
version_of_another_release_is_told(void **state)
{
	struct run r;

	(void)state;
	run_with(&r, part_other_version, "list");
	assert_int_equal(r.s.status, EXIT_NO_CERTD);
	assert_non_null(strstr(err_advice(r.e), "restart certd"));
	done(&r);
}

static void
part_silent(int fd)
{
	(void)fd;
}

static void
part_garbage(int fd)
{
	(void)!write(fd, "\0\0\0\3abc", 7);
}

static void
part_out_of_role(int fd)
{
	struct msg m = { .type = MSG_sign };
	char line[1024];

	greet(fd, line);
	m.sign.url = str_of("https://ca.example/x");
	m.sign.nonce = str_of("abc");
	say(fd, &m);
	hear(fd, line);
}

static void
part_wrong_answer(int fd)
{
	char line[1024];

	greet(fd, line);
	say_accepted(fd);
	hear(fd, line);
}

static void
connection_that_ends_or_errs_is_told(void **state)
{
	static void (*const parts[])(int) = { part_silent, part_garbage,
		part_out_of_role, part_wrong_answer };
	struct run r;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		run_with(&r, parts[i], "list");
		assert_int_equal(r.s.status, EXIT_NO_CERTD);
		assert_non_null(strstr(err_text(r.e), "connection"));
		assert_non_null(strstr(err_advice(r.e), "journalctl"));
		done(&r);
	}
}

/* Who may not use certd is told so and sent away, unheard. */
static void
part_turns_away(int fd)
{
	say_hello(fd, PROTO_VERSION);
	say_error(fd, EXIT_DENIED);
	say_end(fd);
}

static void
refusal_is_heard_though_certd_hears_nothing(void **state)
{
	struct run r;

	(void)state;
	run_with(&r, part_turns_away, "issue -d a.example --key-type rsa");
	assert_int_equal(r.s.status, EXIT_DENIED);
	assert_string_equal(err_text(r.e), "refused");
	assert_string_equal(err_advice(r.e), "ask root");
	done(&r);
}

/* ---- issue ---- */

static void
part_issues(int fd)
{
	struct msg m = { .type = MSG_result };
	char line[1024];

	greet(fd, line);
	say_accepted(fd);
	say_event(fd, STAGE_order);
	say_event(fd, STAGE_publish);
	say_event(fd, STAGE_done);
	say_fact_of(fd, 8, "certificate", "/live/another.pem");
	say_fact_of(fd, 7, "certificate", "/live/cert.pem");
	say_fact_of(fd, 8, "key", "/live/another_key.pem");
	say_fact_of(fd, 7, "key", "/live/key.pem");
	say_result(fd, true);
	m.result.job = 8;
	m.result.lineage = str_of("b.example");
	m.result.ok = true;
	m.result.text = m.result.advice = str_of("");
	say(fd, &m);
	say_end(fd);
}

/* On a slow machine a second or two may go by. */
static void
stop_the_clock(char *text)
{
	char *seconds = strstr(text, "(0:0");

	assert_non_null(seconds);
	seconds[4] = '0';
}

static void
issue_shows_stages_and_paths(void **state)
{
	struct run r;

	(void)state;
	run_with(&r, part_issues, "issue -d a.example");
	assert_null(r.e);
	stop_the_clock(r.out);
	assert_int_equal(r.s.status, EXIT_DONE);
	assert_string_equal(r.out,
	    "a.example: waiting\n"
	    "a.example: placing the order\n"
	    "a.example: publishing the DNS records: 1 of 2\n"
	    "a.example: issued (0:00)\n"
	    "  certificate: /live/cert.pem\n"
	    "  key:         /live/key.pem\n"
	    "b.example: issued (0:00)\n"
	    "  certificate: /live/another.pem\n"
	    "  key:         /live/another_key.pem\n");
	assert_string_equal(r.err, "");
	done(&r);
}

static void
issue_as_json_is_one_document(void **state)
{
	struct run r;

	(void)state;
	run_with(&r, part_issues, "issue -d a.example --json");
	assert_null(r.e);
	assert_string_equal(r.out,
	    "{\"certificates\":[{\"name\":\"a.example\",\"job\":7,"
	    "\"result\":\"issued\",\"text\":null,\"advice\":null,"
	    "\"retry_at\":null,\"facts\":{\"certificate\":\"/live/cert.pem\","
	    "\"key\":\"/live/key.pem\"}},{\"name\":\"b.example\",\"job\":8,"
	    "\"result\":\"issued\",\"text\":null,\"advice\":null,"
	    "\"retry_at\":null,\"facts\":{\"certificate\":"
	    "\"/live/another.pem\",\"key\":\"/live/another_key.pem\"}}]}\n");
	done(&r);
}

static void
part_fails(int fd)
{
	char line[1024];

	greet(fd, line);
	say_accepted(fd);
	say_result(fd, false);
	say_end(fd);
}

static void
issue_that_fails_says_why_and_exits_with_1(void **state)
{
	struct run r;

	(void)state;
	run_with(&r, part_fails, "issue -d a.example");
	assert_null(r.e);
	assert_int_equal(r.s.status, EXIT_FAILED);
	assert_string_equal(
	    r.err, "certctl: a.example: placing the order: no\n  ask the CA\n");
	done(&r);
}

static void
part_echoes(int fd)
{
	char line[1024];

	say_hello(fd, PROTO_VERSION);
	hear(fd, line);
	do {
		hear(fd, line);
		say_fact(fd, "heard", line);
	} while (strncmp(line, "option", 6) == 0);
	say_result(fd, true);
	say_end(fd);
}

static void
issue_sends_options_before_names(void **state)
{
	struct run r;

	(void)state;
	run_with(&r, part_echoes,
	    "issue -d a.example,*.b.example --key-type rsa --staging");
	assert_null(r.e);
	assert_non_null(strstr(r.out, "option=2 value=\"rsa\""));
	assert_non_null(strstr(r.out, "option=6"));
	assert_non_null(strstr(r.out, "a.example"));
	assert_non_null(strstr(r.out, "*.b.example"));
	done(&r);
}

static void
part_keeps(int fd)
{
	struct msg m = { .type = MSG_kept };
	char line[1024];

	greet(fd, line);
	m.kept.lineage = str_of("a.example");
	m.kept.reason = str_of("not due");
	say(fd, &m);
	say_end(fd);
}

static void
issue_that_is_not_due_is_done(void **state)
{
	struct run r;

	(void)state;
	run_with(&r, part_keeps, "issue -d a.example");
	assert_null(r.e);
	assert_int_equal(r.s.status, EXIT_DONE);
	assert_string_equal(r.out, "a.example: kept: not due\n");
	done(&r);
	run_with(&r, part_keeps, "issue -d a.example --json");
	assert_string_equal(r.out,
	    "{\"certificates\":[{\"name\":\"a.example\",\"job\":null,"
	    "\"result\":\"kept\",\"text\":\"not due\"}]}\n");
	done(&r);
}

static void
part_waits(int fd)
{
	struct msg m = { .type = MSG_kept };
	char line[1024];

	greet(fd, line);
	m.kept.reason = str_of("failed 3 times");
	m.kept.lineage = str_of("a.example");
	m.kept.state = KEPT_WAITING;
	say(fd, &m);
	m.kept.lineage = str_of("b.example");
	m.kept.state = KEPT_PRESSING;
	say(fd, &m);
	say_end(fd);
}

static void
renew_tells_of_what_waits_and_fails_where_it_presses(void **state)
{
	struct run r;

	(void)state;
	run_with(&r, part_waits, "renew");
	assert_null(r.e);
	assert_int_equal(r.s.status, EXIT_FAILED);
	assert_string_equal(r.out, "a.example: kept: failed 3 times\n"
	    "b.example: kept: failed 3 times\n"
	    "0 renewed, 0 failed, 2 kept, 2 of them because they have failed "
	    "before\n");
	assert_string_equal(r.err,
	    "certctl: b.example: not renewed now: failed 3 times\n");
	done(&r);
}

static void
say_denied(int fd, bool denied)
{
	struct msg m = { .type = MSG_result };

	m.result.lineage = str_of("a.example");
	m.result.denied = denied;
	m.result.text = str_of("no");
	m.result.advice = str_of("");
	say(fd, &m);
}

static void
part_denies_all(int fd)
{
	char line[1024];

	greet(fd, line);
	say_denied(fd, true);
	say_denied(fd, true);
	say_end(fd);
}

static void
part_denies_one(int fd)
{
	char line[1024];

	greet(fd, line);
	say_denied(fd, true);
	say_denied(fd, false);
	say_end(fd);
}

static void
renew_that_is_all_denied_exits_with_3(void **state)
{
	struct run r;

	(void)state;
	run_with(&r, part_denies_all, "renew");
	assert_int_equal(r.s.status, EXIT_DENIED);
	done(&r);
	run_with(&r, part_denies_one, "renew");
	assert_int_equal(r.s.status, EXIT_FAILED);
	done(&r);
}

static void
part_accepts(int fd)
{
	char line[1024];

	greet(fd, line);
	say_accepted(fd);
	hear(fd, line); /* nothing: the end of the stream */
}

static void
issue_detached_returns_when_accepted(void **state)
{
	struct run r;

	(void)state;
	run_with(&r, part_accepts, "issue -d a.example --detach");
	assert_null(r.e);
	assert_int_equal(r.s.status, EXIT_DONE);
	assert_string_equal(r.out, "a.example: started as job 7\n");
	done(&r);
}

static void
part_dies(int fd)
{
	char line[1024];

	greet(fd, line);
	say_accepted(fd);
}

static void
issue_whose_certd_dies_exits_with_4(void **state)
{
	struct run r;

	(void)state;
	run_with(&r, part_dies, "issue -d a.example");
	assert_int_equal(r.s.status, EXIT_NO_CERTD);
	assert_string_equal(err_text(r.e), "certd has closed the connection");
	done(&r);
}

/* As if it had been pressed while the order is placed. */
static void
part_interrupts(int fd)
{
	char line[1024];

	greet(fd, line);
	say_accepted(fd);
	usleep(100000);
	(void)kill(getppid(), SIGINT);
	hear(fd, line);
}

static void
ctrl_c_leaves_the_job_and_says_how_to_go_on(void **state)
{
	struct run r;

	(void)state;
	run_with(&r, part_interrupts, "issue -d a.example");
	(void)signal(SIGINT, SIG_DFL);
	assert_null(r.e);
	assert_true(r.s.interrupted);
	assert_string_equal(r.err,
	    "certctl: job 7 (a.example) goes on without certctl\n"
	    "  certctl watch 7 follows it, certctl cancel 7 ends it\n");
	done(&r);
}

/* ---- the others ---- */

static void
cancel_is_done_when_the_job_ends_badly(void **state)
{
	struct run r;

	(void)state;
	run_with(&r, part_fails, "cancel 7");
	assert_null(r.e);
	assert_int_equal(r.s.status, EXIT_DONE);
	assert_non_null(strstr(r.out, "a.example: cancelled"));
	assert_string_equal(r.err, "");
	done(&r);
	run_with(&r, part_issues, "cancel 7");
	assert_int_equal(r.s.status, EXIT_FAILED);
	done(&r);
}

static void
watch_as_json_is_an_object_an_event(void **state)
{
	struct run r;
	char *line, *save = NULL;
	size_t n = 0;
	json_t *o;

	(void)state;
	run_with(&r, part_issues, "watch 7 --json");
	assert_null(r.e);
	for (line = strtok_r(r.out, "\n", &save); line != NULL;
	     line = strtok_r(NULL, "\n", &save), n++) {
		o = json_loads(line, 0, NULL);
		assert_true(json_is_object(o));
		json_decref(o);
	}
	assert_int_equal(n, 5); /* three stages, two results */
	done(&r);
}

static void
part_lists(int fd)
{
	static struct str names[] = { { "a.example", 9 }, { "b.example", 9 } };
	struct msg m = { .type = MSG_row };
	struct str none = { "", 0 };
	char line[1024];

	greet(fd, line);
	m.row.lineage = str_of("first");
	m.row.names = (struct strs){ names, 2 };
	m.row.not_after = UINT32_MAX;
	m.row.serial = m.row.certificate = m.row.private_key = none;
	m.row.server = m.row.last_error = none;
	say(fd, &m);
	m.row.lineage = str_of("second");
	m.row.names.n = 1;
	say(fd, &m);
	m.row.lineage = str_of("third");
	m.row.status = CERT_BROKEN;
	m.row.last_error = str_of("no section");
	m.row.names.n = 0;
	say(fd, &m);
	say_end(fd);
}

static void
list_shows_what_is_asked_for(void **state)
{
	static const struct {
		const char *line;
		bool first, second, third;
	} cases[] = {
		{ "list", true, true, true },
		{ "list -d b.example", true, false, false },
		{ "list -d a.example", true, true, false },
		{ "list -d a.example,b.example", true, false, false },
		{ "list -d c.example", false, false, false },
		{ "certificates --cert-name third", false, false, true },
		{ "list --cert-name second -d a.example", false, true, false },
	};
	struct run r;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		run_with(&r, part_lists, cases[i].line);
		assert_null(r.e);
		assert_int_equal(
		    strstr(r.out, "Name: first\n") != NULL, cases[i].first);
		assert_int_equal(
		    strstr(r.out, "Name: second\n") != NULL, cases[i].second);
		assert_int_equal(strstr(r.out, "  third: no section\n") != NULL,
		    cases[i].third);
		assert_int_equal(
		    strstr(r.out, "No certificates found.\n") != NULL,
		    !cases[i].first && !cases[i].second && !cases[i].third);
		done(&r);
	}
	run_with(&r, part_lists, "list -d b.example --json");
	assert_ptr_equal(
	    strstr(r.out, "{\"certificates\":[{\"name\":\"first\","), r.out);
	assert_null(strstr(r.out, "second"));
	done(&r);
}

static void
part_shows(int fd)
{
	struct msg m = { .type = MSG_row };
	struct str none = { "", 0 };
	char line[1024];

	greet(fd, line);
	m.row.lineage = str_of("first");
	m.row.serial = m.row.certificate = m.row.private_key = none;
	m.row.server = m.row.last_error = none;
	say(fd, &m);
	say_fact(fd, "sha256", "00ff");
	say_fact(fd, "name", "is in the row already");
	say_end(fd);
}

static void
show_adds_facts_to_the_row(void **state)
{
	struct run r;
	json_t *o;

	(void)state;
	run_with(&r, part_shows, "show first");
	assert_null(r.e);
	assert_non_null(strstr(r.out, "sha256:"));
	done(&r);
	run_with(&r, part_shows, "show first --json");
	assert_non_null(o = json_loads(r.out, 0, NULL));
	assert_string_equal(
	    json_string_value(json_object_get(o, "sha256")), "00ff");
	assert_string_equal(
	    json_string_value(json_object_get(o, "name")), "first");
	json_decref(o);
	done(&r);
}

static void
part_status(int fd)
{
	char line[1024];

	greet(fd, line);
	say_fact(fd, "daemon", "running");
	say_fact(fd, "jobs", "0");
	say_end(fd);
}

static void
status_shows_facts(void **state)
{
	struct run r;

	(void)state;
	run_with(&r, part_status, "status");
	assert_string_equal(r.out, "daemon: running\njobs:   0\n");
	done(&r);
	run_with(&r, part_status, "status --json");
	assert_string_equal(r.out, "{\"daemon\":\"running\",\"jobs\":\"0\"}\n");
	done(&r);
}

static int
setup(void **state)
{
	(void)state;
	if (mkdtemp(folder) == NULL || chmod(folder, 0755) == -1)
		return -1;
	(void)snprintf(path, sizeof(path), "%s/control.sock", folder);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	(void)unlink(path);
	return rmdir(folder);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(certd_absent_is_told_with_what_to_do),
		cmocka_unit_test(socket_left_behind_means_certd_is_absent),
		cmocka_unit_test(socket_not_permitted_is_told_with_what_to_do),
		cmocka_unit_test(socket_path_too_long_is_a_usage_error),
		cmocka_unit_test(version_of_another_release_is_told),
		cmocka_unit_test(connection_that_ends_or_errs_is_told),
		cmocka_unit_test(refusal_is_heard_though_certd_hears_nothing),
		cmocka_unit_test(issue_shows_stages_and_paths),
		cmocka_unit_test(issue_as_json_is_one_document),
		cmocka_unit_test(issue_that_fails_says_why_and_exits_with_1),
		cmocka_unit_test(issue_sends_options_before_names),
		cmocka_unit_test(issue_that_is_not_due_is_done),
		cmocka_unit_test(
		    renew_tells_of_what_waits_and_fails_where_it_presses),
		cmocka_unit_test(renew_that_is_all_denied_exits_with_3),
		cmocka_unit_test(issue_detached_returns_when_accepted),
		cmocka_unit_test(issue_whose_certd_dies_exits_with_4),
		cmocka_unit_test(ctrl_c_leaves_the_job_and_says_how_to_go_on),
		cmocka_unit_test(cancel_is_done_when_the_job_ends_badly),
		cmocka_unit_test(watch_as_json_is_an_object_an_event),
		cmocka_unit_test(list_shows_what_is_asked_for),
		cmocka_unit_test(show_adds_facts_to_the_row),
		cmocka_unit_test(status_shows_facts),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
