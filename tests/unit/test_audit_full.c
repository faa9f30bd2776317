/* test_audit_full.c - the audit where there is no room, and where a file is full. */
/* objects: common/audit common/text common/err common/log certd/monitor/audit_log certd/monitor/audit_resume */
/* libs: libmd libevent_core */
#define _GNU_SOURCE /* asprintf, memmem */
#include "audit_scene.h"

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
		TEST(nothing_goes_on_until_the_lines_are_written),
		TEST(lines_for_which_there_is_no_memory_are_told),
		TEST(full_file_is_put_aside_and_the_chain_goes_on),
		TEST(no_more_files_than_are_kept),
		TEST(new_file_that_is_missing_is_no_alarm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
