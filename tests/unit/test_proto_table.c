/* test_proto_table.c - the tables of the protocol: what each row promises. */
/* objects: $(BASE) */
/* libs: $(MSGPACK) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "codec.h"

#define ALL_PHASES (PH_NEW | PH_OPEN | PH_JOBS)

static void
table_numbers_and_names_are_unique(void **state)
{
	size_t i, j;

	(void)state;
	assert_true(msg_table_n > 50);
	for (i = 0; i < msg_table_n; i++) {
		assert_ptr_equal(msg_row(msg_table[i]->type), msg_table[i]);
		for (j = 0; j < i; j++)
			assert_string_not_equal(
			    msg_table[i]->name, msg_table[j]->name);
	}
}

static void
table_unknown_number_has_no_row(void **state)
{
	size_t type, i, n = 0;

	(void)state;
	assert_null(msg_row(0));
	assert_null(msg_row(MSG_MAX_TYPE + 1));
	assert_null(msg_row(UINT32_MAX));
	for (type = 0; type <= MSG_MAX_TYPE; type++)
		n += msg_row((uint32_t)type) != NULL;
	assert_int_equal(n, msg_table_n);
	for (i = 0; i < msg_table_n; i++)
		assert_in_range(msg_table[i]->type, 1, MSG_MAX_TYPE);
}

static void
table_rows_have_one_kind_of_phase(void **state)
{
	const struct msg_def *row;
	size_t i;

	(void)state;
	for (i = 0; i < msg_table_n; i++) {
		row = msg_table[i];
		assert_int_not_equal(row->phases, 0);
		assert_int_equal(row->phases & ~(uint32_t)ALL_PHASES, 0);
		assert_int_equal(
		    msg_is_of_job(row), (row->phases & PH_JOBS) != 0);
		if (!msg_is_of_job(row)) {
			assert_true(
			    row->phases == PH_NEW || row->phases == PH_OPEN);
			continue;
		}
		assert_int_equal(row->phases & ~(uint32_t)PH_JOBS, 0);
		assert_true(row->n_fields > 0);
		assert_string_equal(row->fields[0].name, "job");
		assert_int_equal(row->fields[0].type, FT_u32);
	}
}

/* Only hello may come from anybody, and only before all else. */
static void
table_hello_alone_is_first(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < msg_table_n; i++) {
		bool is_hello = msg_table[i]->type == MSG_hello;

		assert_int_equal(msg_table[i]->phases == PH_NEW, is_hello);
		assert_int_equal(msg_table[i]->from == ROLE_ANY, is_hello);
		assert_int_equal(msg_table[i]->to == ROLE_ANY, is_hello);
	}
}

/* certd is one end of everything: no two others ever talk to each other. */
static void
table_monitor_is_one_end_of_all(void **state)
{
	const struct msg_def *row;
	size_t i;

	(void)state;
	for (i = 0; i < msg_table_n; i++) {
		row = msg_table[i];
		if (row->type != MSG_hello)
			assert_int_equal((row->from == ROLE_MONITOR) +
					     (row->to == ROLE_MONITOR),
			    1);
	}
}

/* Descriptors go to those who read files that they cannot open; certd passes on
 * what an administrator has opened. */
static void
table_descriptors_go_to_signer_and_publisher(void **state)
{
	const struct msg_def *row;
	size_t i;

	(void)state;
	for (i = 0; i < msg_table_n; i++) {
		row = msg_table[i];
		if (row->has_fd && row->type != MSG_file)
			assert_true(row->from == ROLE_MONITOR &&
				    (row->to == ROLE_SIGNER ||
					row->to == ROLE_PUBLISHER));
	}
}

static void
table_bounds_fit_walker_and_encoder(void **state)
{
	const struct field_row *f;
	size_t i, k;

	(void)state;
	for (i = 0; i < msg_table_n; i++) {
		assert_true(msg_table[i]->n_fields + 2 <= WALK_LIST_MAX);
		assert_in_range(msg_table[i]->max_bytes, 1, PROTO_FRAME_MAX);
		for (k = 0; k < msg_table[i]->n_fields; k++) {
			f = &msg_table[i]->fields[k];
			if (f->type == FT_names || f->type == FT_texts)
				assert_true(f->bound <= WALK_LIST_MAX);
			else if (f->type == FT_u32)
				assert_true(f->bound <= UINT32_MAX);
			/* The walker knows no text of 32 bits of length. */
			else if (f->type != FT_bytes && f->type != FT_u64)
				assert_true(f->bound <= UINT16_MAX);
		}
	}
}

/* Every pair of roles, every phase, with and without a descriptor. */
static void
problem_agrees_with_row_in_every_case(void **state)
{
	const struct msg_def *row;
	uint32_t from, to, phase;
	const char *why;
	bool good;
	size_t i;
	int fd;

	(void)state;
	for (i = 0; i < msg_table_n; i++)
		for (from = 1; from < ROLE_ANY; from <<= 1)
			for (to = 1; to < ROLE_ANY; to <<= 1)
				for (phase = 1; phase < ALL_PHASES; phase <<= 1)
					for (fd = 0; fd < 2; fd++) {
						row = msg_table[i];
						why = msg_problem(
						    row, from, to, phase, fd);
						good = (row->from & from) &&
						       (row->to & to) &&
						       (row->phases & phase) &&
						       row->has_fd == fd;
						assert_int_equal(
						    why == NULL, good);
					}
}

static void
problem_without_job_is_never_allowed(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < msg_table_n; i++)
		assert_non_null(msg_problem(msg_table[i], msg_table[i]->from,
		    msg_table[i]->to, 0, msg_table[i]->has_fd));
}

static void
options_fit_their_message(void **state)
{
	size_t i, j;

	(void)state;
	assert_true(option_table_n > 0);
	for (i = 0; i < option_table_n; i++) {
		assert_in_range(option_table[i].option, 1, 63);
		for (j = 0; j < i; j++) {
			assert_int_not_equal(
			    option_table[i].option, option_table[j].option);
			assert_string_not_equal(
			    option_table[i].word, option_table[j].word);
		}
		/* What later runs as root is root's to say. */
		assert_int_equal(option_table[i].root_only,
		    strstr(option_table[i].word, "-hook") != NULL ||
			strstr(option_table[i].word, "-credentials") != NULL);
	}
}

static void
words_exist_for_every_number(void **state)
{
	uint32_t i;

	(void)state;
	assert_true(STAGE_N <= 32); /* a bound in messages.def */
	assert_true(VERB_N <= 16);
	assert_string_equal(stage_word(STAGE_propagate), "propagate");
	assert_string_equal(stage_label(STAGE_done), "done");
	assert_string_equal(verb_word(VERB_NEW_ORDER), "new_order");
	for (i = 0; i < 40; i++) {
		assert_int_equal(
		    strcmp(stage_word(i), "unknown") == 0, i >= STAGE_N);
		assert_non_null(stage_label(i));
		assert_int_equal(strcmp(verb_word(i), "unknown") == 0,
		    i == 0 || i >= VERB_N);
	}
	assert_string_equal(stage_word(UINT32_MAX), "unknown");
	assert_string_equal(verb_word(UINT32_MAX), "unknown");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table_numbers_and_names_are_unique),
		cmocka_unit_test(table_unknown_number_has_no_row),
		cmocka_unit_test(table_rows_have_one_kind_of_phase),
		cmocka_unit_test(table_hello_alone_is_first),
		cmocka_unit_test(table_monitor_is_one_end_of_all),
		cmocka_unit_test(table_descriptors_go_to_signer_and_publisher),
		cmocka_unit_test(table_bounds_fit_walker_and_encoder),
		cmocka_unit_test(problem_agrees_with_row_in_every_case),
		cmocka_unit_test(problem_without_job_is_never_allowed),
		cmocka_unit_test(options_fit_their_message),
		cmocka_unit_test(words_exist_for_every_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
