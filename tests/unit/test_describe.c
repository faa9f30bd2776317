/* test_describe.c - messages as lines of a log. */
/* objects: $(BASE) */
/* libs: $(MSGPACK) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "samples.h"

static void
describe_sign_names_every_field(void **state)
{
	struct msg m = { .type = MSG_sign,
		.sign = { .job = 3,
		    .verb = 2,
		    .url = str_of("https://a/x"),
		    .nonce = str_of("abc") } };
	char line[200];

	(void)state;
	msg_describe(&m, line, sizeof(line));
	assert_string_equal(
	    line, "sign job=3 verb=2 url=https://a/x nonce=abc");
}

static void
describe_text_cannot_pretend_to_be_a_field(void **state)
{
	struct msg m = { .type = MSG_progress,
		.progress = { .job = 1,
		    .stage = 2,
		    .text = str_of("x\" job=9\n\x1b[31m") } };
	char line[200];

	(void)state;
	msg_describe(&m, line, sizeof(line));
	assert_string_equal(
	    line, "progress job=1 stage=2 text=\"x' job=9\\n\\x1B[31m\"");
}

static void
describe_bytes_are_a_number(void **state)
{
	struct msg m = { .type = MSG_chain,
		.chain = { .job = 7, .pem = { "secret\0!", 8 } } };
	char line[200];

	(void)state;
	msg_describe(&m, line, sizeof(line));
	assert_string_equal(line, "chain job=7 pem=(8 bytes)");
}

static void
describe_lists_and_flags_are_readable(void **state)
{
	const struct str names[] = { str_of("a.b"), str_of("*.a.b") };
	struct msg m = { .type = MSG_jws_new_account,
		.jws_new_account = { .account = 1,
		    .url = str_of("https://a/"),
		    .nonce = str_of("n"),
		    .contacts = { names, 2 },
		    .agree_tos = true } };
	char line[200];

	(void)state;
	msg_describe(&m, line, sizeof(line));
	assert_string_equal(line, "jws_new_account account=1 url=https://a/ "
				  "nonce=n contacts=\"a.b,*.a.b\" "
				  "agree_tos=yes");
	m = (struct msg){ .type = MSG_issue,
		.issue = { .names = { names, 2 } } };
	msg_describe(&m, line, sizeof(line));
	assert_string_equal(line, "issue names=a.b,*.a.b");
	m = (struct msg){ .type = MSG_end };
	msg_describe(&m, line, sizeof(line));
	assert_string_equal(line, "end");
}

static void
describe_unknown_message_is_its_number(void **state)
{
	struct msg m = { .type = 9 };
	char line[20];

	(void)state;
	msg_describe(&m, line, sizeof(line));
	assert_string_equal(line, "message 9");
}

/* Whatever the size: inside of it, with a NUL, and the front of the whole. */
static void
describe_every_size_is_kept(void **state)
{
	static char whole[300000];
	enum sample_size size;
	struct sample s;
	size_t i, n;
	char *line;

	(void)state;
	for (i = 0; i < msg_table_n; i++)
		for (size = LEAST; size <= MOST; size++) {
			sample_make(&s, msg_table[i], size);
			msg_describe(&s.m, whole, sizeof(whole));
			for (n = 0; n < 400; n++) {
				line = malloc(n + 1);
				assert_non_null(line);
				line[n] = 'x';
				msg_describe(&s.m, line, n);
				assert_int_equal(line[n], 'x');
				if (n > 0)
					assert_memory_equal(
					    line, whole, strlen(line));
				free(line);
			}
			sample_clear(&s);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(describe_sign_names_every_field),
		cmocka_unit_test(describe_text_cannot_pretend_to_be_a_field),
		cmocka_unit_test(describe_bytes_are_a_number),
		cmocka_unit_test(describe_lists_and_flags_are_readable),
		cmocka_unit_test(describe_unknown_message_is_its_number),
		cmocka_unit_test(describe_every_size_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
