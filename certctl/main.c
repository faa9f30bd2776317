/*
 * main.c - certctl, the admin tool: asks certd and shows what it is told.
 *
 * Runs in:  certctl (the caller's rights; no network; systemctl in `setup` only).
 * Input:    the command line, and messages of certd.
 * Promise:  one exit status a kind of ending, errors on standard error with
 *           what to do about them.
 */
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "certctl.h"

static bool
is_terminal(FILE *f)
{
	const char *term = getenv("TERM");

	return isatty(fileno(f)) == 1 && term != NULL && *term != '\0' &&
	       strcmp(term, "dumb") != 0;
}

/* https://no-color.org/: any value but the empty one. */
static bool
wants_color(const struct invocation *inv)
{
	const char *no = getenv("NO_COLOR");

	return !invocation_has(inv, OPT_no_color) &&
	       (no == NULL || *no == '\0');
}

static void
session_init(struct session *s, const struct invocation *inv, FILE *null)
{
	bool quiet = invocation_has(inv, OPT_quiet);

	memset(s, 0, sizeof(*s));
	s->inv = inv;
	s->fd = -1;
	s->json = invocation_has(inv, OPT_json);
	s->out = quiet && !s->json && null != NULL ? null : stdout;
	s->err = stderr;
	s->input = STDIN_FILENO;
	s->asks = !quiet && !s->json &&
		  !invocation_has(inv, OPT_non_interactive) &&
		  isatty(s->input) == 1 &&
		  (isatty(fileno(s->out)) == 1 || isatty(fileno(s->err)) == 1);
	s->live = !s->json && is_terminal(s->out);
	s->color = s->live && wants_color(inv);
}

/* Prints e (taken), also as a document where one is expected. */
static int
fail(struct session *s, struct err *e)
{
	if (s->status == EXIT_DONE)
		s->status = EXIT_FAILED;
	(void)fflush(s->out);
	print_problem(s->err, e);
	if (s->json)
		err_free(json_print(
		    s->out, json_error((enum exit_status)s->status, e)));
	err_free(e);
	return s->status;
}

/* What was printed must have been written, or a script takes half for all. */
static int
run(struct session *s)
{
	struct err *e = s->inv->command->run(s);

	if (e == NULL && (fflush(s->out) == EOF || ferror(s->out)))
		e = err_sys("standard output");
	session_close(s);
	free(s->answered);
	s->answered = NULL;
	return e == NULL ? s->status : fail(s, e);
}

int
main(int argc, char *argv[])
{
	struct invocation inv = { .command = NULL };
	struct session s;
	struct err *e;
	FILE *null;
	int status;

	(void)setlocale(LC_CTYPE, "");
	if (argc > 1 && strcmp(argv[1], "complete") == 0) {
		complete(stdout, argc - 2, argv + 2); /* for shells */
		return EXIT_DONE;
	}
	null = fopen("/dev/null", "we");
	e = invocation_parse(&inv, argc, argv);
	session_init(&s, &inv, null);
	if (e != NULL) {
		status = fail(&s, session_fail(&s, EXIT_USAGE, e));
	} else if (inv.command == NULL) {
		usage_print(stderr);
		status = EXIT_USAGE;
	} else {
		status = run(&s);
	}
	invocation_clear(&inv);
	if (null != NULL)
		(void)fclose(null);
	if (s.interrupted) { /* so that a shell script ends too */
		(void)signal(SIGINT, SIG_DFL);
		(void)raise(SIGINT);
	}
	return status;
}
