/* test_ask.c - questions: what is understood, what is asked again, and that
 * nobody is asked who cannot answer. */
/* objects: $(filter-out certctl/main,$(certctl_OBJ)) */
/* libs: $(certctl_LIB) */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pty.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "buf.h"
#include "certctl.h"

/* A session whose person types this, and then nothing more. */
struct scene {
	struct session s;
	char *shown;
	size_t n_shown;
};

static void
begin(struct scene *c, const char *typed)
{
	int ends[2];

	memset(c, 0, sizeof(*c));
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(
	    write(ends[1], typed, strlen(typed)), (int)strlen(typed));
	close(ends[1]);
	c->s.input = ends[0];
	c->s.asks = true;
	c->s.out = c->s.err = open_memstream(&c->shown, &c->n_shown);
	c->s.fd = -1;
}

static void
end(struct scene *c)
{
	assert_int_equal(fclose(c->s.err), 0);
	free(c->shown);
	close(c->s.input);
}

static void
yes_no_understands_words_and_their_beginnings(void **state)
{
	static const struct {
		const char *typed;
		bool otherwise, yes;
	} rows[] = { { "y\n", false, true }, { "YES\n", false, true },
		{ "n\n", true, false }, { " no \n", true, false },
		{ "\n", true, true }, { "\n", false, false },
		{ "perhaps\nyes\n", false, true },
		{ "yess\nn\n", true, false } };
	struct scene c;
	size_t i;
	bool yes;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		begin(&c, rows[i].typed);
		assert_null(
		    ask_yes_no(&c.s, "Really?", rows[i].otherwise, &yes));
		assert_int_equal(yes, rows[i].yes);
		(void)fflush(c.s.err);
		assert_non_null(strstr(c.shown,
		    rows[i].otherwise ? "Really? [Y/n] " : "Really? [y/N] "));
		end(&c);
	}
}

static void
no_answer_is_an_error_and_never_a_yes(void **state)
{
	static const char *const typed[] = { "", "y", "x\nx\nx\nx\nx\ny\n" };
	struct scene c;
	struct err *e;
	size_t i;
	bool yes;

	(void)state;
	for (i = 0; i < sizeof(typed) / sizeof(typed[0]); i++) {
		begin(&c, typed[i]);
		e = ask_yes_no(&c.s, "Really?", false, &yes);
		assert_non_null(e);
		assert_false(yes);
		err_free(e);
		end(&c);
	}
}

static void
lines_longer_than_any_answer_are_an_error(void **state)
{
	static char typed[5000];
	struct scene c;
	struct err *e;
	char *text;

	(void)state;
	memset(typed, 'x', sizeof(typed) - 2);
	typed[sizeof(typed) - 2] = '\n';
	begin(&c, typed);
	e = ask_text(&c.s, "Name", "", &text);
	assert_non_null(e);
	assert_null(text);
	err_free(e);
	end(&c);
}

static void
choice_takes_numbers_of_the_list(void **state)
{
	static const char *const choices[] = { "first", "second\033[2J",
		"third" };
	static const struct {
		const char *typed;
		size_t chosen;
	} rows[] = { { "1\n", 0 }, { "3\n", 2 }, { "\n", 1 },
		{ "0\n4\n-1\n2\n", 1 } };
	struct scene c;
	size_t i, chosen;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		begin(&c, rows[i].typed);
		assert_null(ask_choice(&c.s, "Which?", choices, 3, 1, &chosen));
		assert_int_equal(chosen, rows[i].chosen);
		(void)fflush(c.s.err);
		assert_non_null(strstr(c.shown, "  1: first\n"));
		assert_non_null(strstr(c.shown, "Which? [1-3, Enter: 2] "));
		assert_null(strchr(c.shown, '\033'));
		end(&c);
	}
}

static void
text_is_trimmed_or_the_default(void **state)
{
	struct scene c;
	char *text;

	(void)state;
	begin(&c, "  a b \n\n\n\nx\n");
	assert_null(ask_text(&c.s, "Name", "", &text));
	assert_string_equal(text, "a b");
	free(text);
	assert_null(ask_text(&c.s, "Name", "usual", &text));
	assert_string_equal(text, "usual");
	free(text);
	assert_null(ask_text(&c.s, "Name", "", &text)); /* asks again */
	assert_string_equal(text, "x");
	free(text);
	end(&c);
}

static void
nobody_is_asked_without_a_terminal(void **state)
{
	static const char *const choices[] = { "a", "b" };
	struct buf *secret = buf_new(64);
	struct err *e[4];
	struct scene c;
	size_t chosen, i;
	char *text;
	bool yes;

	(void)state;
	begin(&c, "y\n1\nx\nx\n");
	c.s.asks = false;
	assert_false(is_interactive(&c.s));
	e[0] = ask_yes_no(&c.s, "Q", false, &yes);
	e[1] = ask_choice(&c.s, "Q", choices, 2, 1, &chosen);
	e[2] = ask_text(&c.s, "Q", "usual", &text);
	e[3] = ask_secret(&c.s, "Q", secret);
	for (i = 0; i < 4; i++) {
		assert_string_equal(
		    err_text(e[i]), "cannot ask without a terminal: Q");
		err_free(e[i]);
	}
	assert_false(yes);
	assert_int_equal(chosen, 1);
	assert_null(text);
	(void)fflush(c.s.err);
	assert_int_equal(c.n_shown, 0);
	buf_free(secret);
	end(&c);
}

static void
secret_is_not_shown_and_the_terminal_is_as_before(void **state)
{
	struct buf *secret = buf_new(64);
	struct termios before, after;
	char echoed[256];
	struct scene c;
	int master, slave;
	ssize_t n;

	(void)state;
	begin(&c, "");
	assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
	c.s.input = slave;
	assert_int_equal(tcgetattr(slave, &before), 0);
	/* TCSAFLUSH drops what was typed ahead, so another process types. */
	if (fork() == 0) {
		struct termios t;

		do
			(void)usleep(1000);
		while (tcgetattr(slave, &t) == 0 && (t.c_lflag & ECHO) != 0);
		(void)!write(master, "s3cret\n", 7);
		_exit(0);
	}
	assert_null(ask_secret(&c.s, "Token", secret));
	assert_string_equal(buf_data(secret), "s3cret");
	assert_int_equal(tcgetattr(slave, &after), 0);
	assert_int_equal(after.c_lflag, before.c_lflag);
	assert_int_equal(write(slave, "!", 1), 1);
	n = read(master, echoed, sizeof(echoed));
	assert_true(n > 0);
	assert_null(memmem(echoed, (size_t)n, "s3cret", 6));
	(void)fflush(c.s.err);
	assert_null(strstr(c.shown, "s3cret"));
	close(master);
	buf_free(secret);
	end(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(yes_no_understands_words_and_their_beginnings),
		cmocka_unit_test(no_answer_is_an_error_and_never_a_yes),
		cmocka_unit_test(lines_longer_than_any_answer_are_an_error),
		cmocka_unit_test(choice_takes_numbers_of_the_list),
		cmocka_unit_test(text_is_trimmed_or_the_default),
		cmocka_unit_test(nobody_is_asked_without_a_terminal),
		cmocka_unit_test(
		    secret_is_not_shown_and_the_terminal_is_as_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
