/* test_session.c - whole commands against a certd that plays a part. */
/* objects: $(filter-out certctl/main,$(certctl_OBJ)) */
/* libs: $(certctl_LIB) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>

#include "session_scene.h"

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
		cmocka_unit_test(cancel_is_done_when_the_job_ends_badly),
		cmocka_unit_test(watch_as_json_is_an_object_an_event),
		cmocka_unit_test(list_shows_what_is_asked_for),
		cmocka_unit_test(show_adds_facts_to_the_row),
		cmocka_unit_test(status_shows_facts),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
