/* test_audit_full.c - the audit where there is no room, and where a file is full. */
/* objects: common/audit common/text common/err common/log certd/monitor/audit_log certd/monitor/audit_resume certd/monitor/audit_write */
/* libs: libmd libevent_core */
#define _GNU_SOURCE /* asprintf, memmem */
#include <event2/event.h>

#include "audit_scene.h"

/* ---- lines of one turn ---- */

static off_t
size_of(const char *name)
{
	struct stat st;

	return stat(at(name), &st) == -1 ? -1 : st.st_size;
}

static void
assert_head_is_last(const struct audit_log *a)
{
	struct audit_chain head, last;
	size_t n;
	char *text = slurp(AUDIT_HEAD, &n);

	audit_log_head(a, &last);
	assert_true(audit_head_parse((struct str){ text, n }, &head));
	assert_int_equal(head.seq, last.seq);
	assert_string_equal(head.hash, last.hash);
	free(text);
}

static void
lines_of_a_turn_are_written_at_its_end(void **state)
{
	struct event_base *base = event_base_new();
	struct audit_log *a = begin();
	off_t before = size_of(AUDIT_FILE);

	(void)state;
	assert_null(audit_log_watch(a, base));
	write_some(a, 5);
	assert_int_equal(size_of(AUDIT_FILE), before);
	event_base_loop(base, EVLOOP_NONBLOCK);
	assert_true(size_of(AUDIT_FILE) > before);
	assert_head_is_last(a);
	/* Or whenever something is done that they tell of. */
	before = size_of(AUDIT_FILE);
	write_some(a, 1);
	assert_int_equal(size_of(AUDIT_FILE), before);
	audit_log_hand_over(a);
	assert_true(size_of(AUDIT_FILE) > before);
	assert_head_is_last(a);
	before = size_of(AUDIT_FILE);
	write_some(a, 1);
	assert_null(audit_log_ready(a));
	assert_true(size_of(AUDIT_FILE) > before);
	before = size_of(AUDIT_FILE);
	write_some(a, 1);
	audit_log_sync(a);
	assert_true(size_of(AUDIT_FILE) > before);
	write_some(a, 1000); /* more than one turn should hold */
	assert_true(size_of(AUDIT_FILE) > before + 100000);
	audit_log_unwatch(a);
	assert_head_is_last(a);
	assert_string_equal(verify(), "");
	audit_log_close(a);
	event_base_free(base);
}

/* Of lines that wait together those are written that fit, whole. */
static void
lines_that_fit_are_written(void **state)
{
	struct event_base *base = event_base_new();
	struct audit_log *a = begin();
	off_t before = size_of(AUDIT_FILE), line;
	struct rlimit limit, old;
	struct err *e;

	(void)state;
	assert_null(audit_log_watch(a, base));
	write_some(a, 1);
	audit_log_hand_over(a);
	line = size_of(AUDIT_FILE) - before;
	before += line;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	limit = old;
	limit.rlim_cur = (rlim_t)(before + 2 * line + line / 2);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	write_some(a, 5);
	e = audit_log_ready(a);
	assert_non_null(e);
	err_free(e);
	assert_int_equal(size_of(AUDIT_FILE), before + 2 * line);
	assert_string_equal(verify(), "");
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	event_base_loop(base, EVLOOP_NONBLOCK);
	assert_int_equal(size_of(AUDIT_FILE), before + 5 * line);
	assert_null(audit_log_ready(a));
	assert_head_is_last(a);
	audit_log_close(a);
	assert_string_equal(verify(), "");
	event_base_free(base);
}

/* ---- no room ---- */

static void
nothing_goes_on_until_the_lines_are_written(void **state)
{
	struct audit_log *a = begin();
	struct rlimit limit, old;
	struct stat st;
	struct err *e;

	(void)state;
	write_some(a, 3);
	assert_null(audit_log_ready(a));
	assert_int_equal(stat(at(AUDIT_FILE), &st), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	limit = old;
	limit.rlim_cur = (rlim_t)st.st_size + 100; /* half a line fits */
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	write_some(a, 4);
	e = audit_log_ready(a);
	assert_non_null(e);
	assert_non_null(strstr(err_text(e), "cannot be written"));
	err_free(e);
	assert_string_equal(verify(), "");
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_null(audit_log_ready(a));
	write_some(a, 1);
	audit_log_close(a);
	assert_string_equal(verify(), "");
	a = begin();
	audit_log_close(a);
	assert_string_equal(verify(), "");
}

static void
lines_for_which_there_is_no_memory_are_told(void **state)
{
	struct audit_log *a = begin();
	struct rlimit limit, old;
	char *text;
	size_t n;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	limit = old;
	limit.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	write_some(a, 5000);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_null(audit_log_ready(a));
	audit_log_close(a);
	text = slurp(AUDIT_FILE, &n);
	assert_non_null(strstr(text, "found no room"));
	assert_non_null(strstr(verify(), "missing"));
	free(text);
}

/* ---- files that are full ---- */

static int
files(char oldest[64])
{
	struct dirent **list;
	int i, n = scandir(folder, &list, NULL, alphasort), found = 0;

	*oldest = '\0';
	for (i = 0; i < n; i++) {
		if (strncmp(list[i]->d_name, AUDIT_FILE ".",
			strlen(AUDIT_FILE ".")) == 0 &&
		    found++ == 0)
			(void)snprintf(oldest, 64, "%.63s", list[i]->d_name);
		free(list[i]);
	}
	free(list);
	return found;
}

static void
full_file_is_put_aside_and_the_chain_goes_on(void **state)
{
	struct audit_log *a = begin_with(2000);
	struct audit_chain c;
	char oldest[64];

	(void)state;
	write_some(a, 12);
	assert_int_equal(files(oldest), 1);
	assert_string_equal(oldest, AUDIT_FILE ".00000000000000000001");
	audit_begin(&c);
	assert_string_equal(verify_from(oldest, &c), "");
	assert_string_equal(verify_from(AUDIT_FILE, &c), "");
	audit_log_close(a);
}

/* However many lines of one turn are the last of one file and the first of the
 * next. */
static void
lines_of_a_turn_go_into_files_as_others_do(void **state)
{
	struct event_base *base = event_base_new();
	struct audit_log *a = begin_with(2000);
	struct audit_chain c;
	char oldest[64];

	(void)state;
	assert_null(audit_log_watch(a, base));
	write_some(a, 12);
	event_base_loop(base, EVLOOP_NONBLOCK);
	assert_int_equal(files(oldest), 1);
	assert_string_equal(oldest, AUDIT_FILE ".00000000000000000001");
	audit_begin(&c);
	assert_string_equal(verify_from(oldest, &c), "");
	assert_string_equal(verify_from(AUDIT_FILE, &c), "");
	assert_head_is_last(a);
	audit_log_close(a);
	event_base_free(base);
}

static void
no_more_files_than_are_kept(void **state)
{
	struct audit_log *a = begin_with(2000);
	char oldest[64], removed[128], *text;
	size_t n;

	(void)state;
	write_some(a, 300);
	assert_int_equal(files(oldest), AUDIT_FILES_KEPT);
	assert_string_not_equal(oldest, AUDIT_FILE ".00000000000000000001");
	/* That the ones before were removed stands in the chain. */
	(void)snprintf(removed, sizeof(removed), "the lines before %s", oldest);
	text = slurp(AUDIT_FILE, &n);
	assert_non_null(strstr(text, removed));
	free(text);
	audit_log_close(a);
	a = begin_with(2000);
	write_some(a, 1);
	audit_log_close(a);
}

/* A crash right after the file was put aside. */
static void
new_file_that_is_missing_is_no_alarm(void **state)
{
	struct audit_log *a = begin();
	struct audit_chain c;
	char *text;
	size_t n;

	(void)state;
	write_some(a, 4);
	audit_log_close(a);
	assert_int_equal(
	    rename(at(AUDIT_FILE), at(AUDIT_FILE ".00000000000000000001")), 0);
	audit_log_close(begin());
	text = slurp(AUDIT_FILE, &n);
	assert_null(strstr(text, "outcome=missing"));
	audit_begin(&c);
	assert_string_equal(
	    verify_from(AUDIT_FILE ".00000000000000000001", &c), "");
	assert_string_equal(verify_from(AUDIT_FILE, &c), "");
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(lines_of_a_turn_are_written_at_its_end),
		TEST(lines_that_fit_are_written),
		TEST(lines_of_a_turn_go_into_files_as_others_do),
		TEST(nothing_goes_on_until_the_lines_are_written),
		TEST(lines_for_which_there_is_no_memory_are_told),
		TEST(full_file_is_put_aside_and_the_chain_goes_on),
		TEST(no_more_files_than_are_kept),
		TEST(new_file_that_is_missing_is_no_alarm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
