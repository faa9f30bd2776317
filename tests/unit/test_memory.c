/* test_memory.c - what certd writes down of a job comes back as it was. */
/* objects: certd/monitor/memory common/buf common/err common/log common/text */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "monitor.h"

static void
assert_error(struct err *e, const char *part)
{
	assert_non_null(e);
	assert_non_null(strstr(err_text(e), part));
	err_free(e);
}

static void
clear(struct job *j)
{
	free(j->who);
	free(j->preferred_chain);
	free(j->post_hook);
	free(j->autorenew);
	while (j->n_contacts > 0)
		free(j->contacts[--j->n_contacts]);
}

static void
job_comes_back_as_it_was(void **state)
{
	struct job j = { .who = strdup("certctl uid=0 pid=7"),
		.preferred_chain = strdup(""),
		.post_hook = strdup("echo  'two  blanks' = x"),
		.autorenew = strdup("False"), .key_kind = KEY_RSA_2048,
		.propagation_secs = 4294967295u, .batch_id = 3, .dry_run = true,
		.must_staple = true };
	struct job back = { 0 };
	struct buf *text;

	(void)state;
	j.contacts[0] = strdup("mailto:a@example.com");
	j.contacts[1] = strdup("mailto:b@example.com");
	j.n_contacts = 2;
	assert_null(job_describe(&j, &text));
	assert_null(job_restore(&back, buf_data(text)));
	assert_string_equal(back.who, j.who);
	assert_string_equal(back.preferred_chain, "");
	assert_string_equal(back.post_hook, j.post_hook);
	assert_string_equal(back.autorenew, "False");
	assert_null(back.pre_hook); /* not given is not the same as empty */
	assert_int_equal(back.key_kind, KEY_RSA_2048);
	assert_int_equal(back.propagation_secs, 4294967295u);
	assert_int_equal(back.batch_id, 3);
	assert_true(back.dry_run && back.must_staple);
	assert_false(back.reuse_key || back.is_prepared || back.reconfigures);
	assert_int_equal(back.n_contacts, 2);
	assert_string_equal(back.contacts[1], "mailto:b@example.com");
	buf_free(text);
	clear(&j);
	clear(&back);
}

static void
describe_line_end_is_refused(void **state)
{
	struct job j = { .who = strdup("a\nroot-hook x") };
	struct buf *text;

	(void)state;
	assert_error(job_describe(&j, &text), "line end");
	assert_null(text);
	clear(&j);
}

static void
restore_what_is_not_known_is_refused(void **state)
{
	static const struct {
		const char *text, *part;
	} rows[] = {
		{ "colour red\n", "not known" },
		{ "batch -1\n", "not a number" },
		{ "batch 4294967296\n", "not a number" },
		{ "who\n", "no value" },
		{ "contact a\ncontact b\ncontact c\ncontact d\ncontact e\n"
		  "contact f\ncontact g\ncontact h\ncontact i\n",
		    "not known" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct job j = { 0 };

		assert_error(job_restore(&j, rows[i].text), rows[i].part);
		clear(&j);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(job_comes_back_as_it_was),
		cmocka_unit_test(describe_line_end_is_refused),
		cmocka_unit_test(restore_what_is_not_known_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
