/*
 * ask.c - questions to the person at the terminal.
 *
 * Runs in:  certctl (the caller).
 * Input:    the caller's typing.
 * Promise:  asked is only who can answer; what was not answered is not taken
 *           for a yes; a secret is neither shown nor kept in a buffer of stdio.
 */
#define _GNU_SOURCE /* ppoll */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <termios.h>
#include <unistd.h>

#include "buf.h"
#include "certctl.h"

#define LINE_MAX_BYTES 4096
#define TRIES          5 /* answers that make no sense, then we give up */

bool
is_interactive(const struct session *s)
{
	return s->asks;
}

/* Where questions are shown: where the person looks, and never in a file. */
static FILE *
screen(const struct session *s)
{
	return isatty(fileno(s->out)) == 1 ? s->out : s->err;
}

/* Waits until something was typed; a signal of those that mask lets through ends
 * it, also one that came just before. */
static bool
is_interrupted(struct session *s, const sigset_t *mask)
{
	struct pollfd typed = { .fd = s->input, .events = POLLIN };

	s->interrupted = ppoll(&typed, 1, NULL, mask) == -1 && errno == EINTR;
	return s->interrupted;
}

/* Byte by byte: what is behind the line belongs to the next question, or is a
 * secret that must not stay in a buffer. */
static struct err *
read_line(struct session *s, struct buf *line, const sigset_t *mask)
{
	ssize_t n;
	char c;
	struct err *e;

	buf_clear(line);
	for (;;) {
		if (mask != NULL && is_interrupted(s, mask))
			return err_new("interrupted");
		n = read(s->input, &c, 1);
		if (n == -1)
			return err_sys("standard input");
		if (n == 0)
			return err_new("no answer: end of input");
		if (c == '\n')
			return NULL;
		if ((e = buf_add(line, &c, 1)) != NULL)
			return e;
	}
}

/* The answer without blanks around it, in place. */
static struct str
trimmed(const struct buf *line)
{
	struct str s = { buf_data(line), buf_len(line) };

	while (s.n > 0 && text_is_space(*s.p))
		s.p++, s.n--;
	while (s.n > 0 && text_is_space(s.p[s.n - 1]))
		s.n--;
	return s;
}

static void
show_question(struct session *s, const char *question, const char *hint)
{
	FILE *f = screen(s);

	print_text(f, str_of(question));
	fprintf(f, " [%s] ", hint);
	(void)fflush(f);
}

static struct err *
not_asked(const char *question)
{
	return err_new("cannot ask without a terminal: %s", question);
}

/* Ctrl-C ends certctl here: nothing is under way while it asks. */
static struct err *
ask_loop(struct session *s, const char *question, const char *hint,
    bool (*understand)(void *arg, struct str answer), void *arg,
    const char *expected)
{
	struct buf *line;
	struct err *e = NULL;
	int tries;

	if ((line = buf_new(LINE_MAX_BYTES)) == NULL)
		return err_sys("question");
	for (tries = 0; e == NULL; tries++) {
		if (tries == TRIES) {
			e = err_new("no answer to: %s", question);
			break;
		}
		show_question(s, question, hint);
		if ((e = read_line(s, line, NULL)) == NULL &&
		    understand(arg, trimmed(line)))
			break;
		if (e == NULL)
			fprintf(screen(s), "Please answer %s.\n", expected);
		else
			fputc('\n', screen(s));
	}
	buf_free(line);
	return e;
}

/* Asks until understand() takes an answer; an empty one means otherwise. */
static struct err *
ask(struct session *s, const char *question, const char *hint,
    bool (*understand)(void *arg, struct str answer), void *arg,
    const char *expected)
{
	struct sigaction usual = { .sa_handler = SIG_DFL }, ours;
	struct err *e;

	if (!is_interactive(s))
		return not_asked(question);
	(void)sigemptyset(&usual.sa_mask);
	(void)sigaction(SIGINT, NULL, &ours);
	if (ours.sa_handler != SIG_IGN)
		(void)sigaction(SIGINT, &usual, NULL);
	e = ask_loop(s, question, hint, understand, arg, expected);
	(void)sigaction(SIGINT, &ours, NULL);
	return e;
}

/* ---- yes or no ---- */

static bool
is_prefix_of(struct str s, const char *word)
{
	return s.n > 0 && s.n <= strlen(word) &&
	       strncasecmp(s.p, word, s.n) == 0;
}

static bool
understand_yes_no(void *arg, struct str answer)
{
	bool *yes = arg;

	if (answer.n == 0)
		return true; /* as it was */
	if (is_prefix_of(answer, "yes"))
		*yes = true;
	else if (is_prefix_of(answer, "no"))
		*yes = false;
	else
		return false;
	return true;
}

struct err *
ask_yes_no(struct session *s, const char *question, bool otherwise, bool *yes)
{
	*yes = otherwise;
	return ask(s, question, otherwise ? "Y/n" : "y/N", understand_yes_no,
	    yes, "yes or no");
}

/* ---- one of several ---- */

struct choice {
	size_t n, chosen;
};

static bool
understand_number(void *arg, struct str answer)
{
	struct choice *c = arg;
	char text[16];
	uint64_t number;

	if (answer.n == 0)
		return true;
	if (answer.n >= sizeof(text))
		return false;
	memcpy(text, answer.p, answer.n);
	text[answer.n] = '\0';
	if (!text_number(text, 1, c->n, &number))
		return false;
	c->chosen = (size_t)number - 1;
	return true;
}

struct err *
ask_choice(struct session *s, const char *question, const char *const *choices,
    size_t n, size_t otherwise, size_t *chosen)
{
	struct choice c = { n, otherwise };
	char hint[48], expected[64];
	FILE *f = screen(s);
	struct err *e;
	size_t i;

	*chosen = otherwise;
	if (!is_interactive(s))
		return not_asked(question);
	for (i = 0; i < n; i++) {
		fprintf(f, "  %zu: ", i + 1);
		print_text(f, str_of(choices[i]));
		fputc('\n', f);
	}
	(void)snprintf(
	    hint, sizeof(hint), "1-%zu, Enter: %zu", n, otherwise + 1);
	(void)snprintf(
	    expected, sizeof(expected), "with a number from 1 to %zu", n);
	if ((e = ask(s, question, hint, understand_number, &c, expected)) ==
	    NULL)
		*chosen = c.chosen;
	return e;
}

/* ---- a text ---- */

struct wanted_text {
	const char *otherwise; /* "": there must be an answer */
	char *text;
};

static bool
understand_text(void *arg, struct str answer)
{
	struct wanted_text *w = arg;

	if (answer.n == 0)
		answer = str_of(w->otherwise);
	if (answer.n == 0 || !text_is_plain(answer.p, answer.n))
		return false;
	w->text = str_dup(answer);
	return true;
}

struct err *
ask_text(
    struct session *s, const char *question, const char *otherwise, char **text)
{
	struct wanted_text w = { otherwise, NULL };
	struct err *e;

	*text = NULL;
	e = ask(s, question, *otherwise == '\0' ? "no default" : otherwise,
	    understand_text, &w, "with plain text");
	if (e == NULL && w.text == NULL)
		e = err_sys("answer");
	*text = w.text;
	return e;
}

/* ---- a secret ---- */

static volatile sig_atomic_t ended_by;

static void
on_signal(int signo)
{
	ended_by = signo;
}

/* Signals that would leave a terminal without echo. */
static const int endings[] = { SIGINT, SIGQUIT, SIGHUP, SIGTERM, SIGTSTP };
#define ENDINGS_N (sizeof(endings) / sizeof(endings[0]))

static struct err *
read_hidden(struct session *s, struct buf *secret)
{
	struct sigaction sa = { .sa_handler = on_signal }, old[ENDINGS_N];
	struct termios before, silent;
	sigset_t held, mask;
	struct err *e;
	size_t i;

	if (tcgetattr(s->input, &before) == -1)
		return err_sys("terminal");
	silent = before;
	silent.c_lflag &= ~(tcflag_t)ECHO;
	ended_by = 0;
	(void)sigemptyset(&sa.sa_mask);
	(void)sigemptyset(&held);
	for (i = 0; i < ENDINGS_N; i++)
		(void)sigaddset(&held, endings[i]);
	(void)sigprocmask(SIG_BLOCK, &held, &mask);
	for (i = 0; i < ENDINGS_N; i++)
		(void)sigaction(endings[i], &sa, &old[i]);
	if (tcsetattr(s->input, TCSAFLUSH, &silent) == -1)
		e = err_sys("terminal");
	else
		e = read_line(s, secret, &mask);
	(void)tcsetattr(s->input, TCSANOW, &before);
	for (i = 0; i < ENDINGS_N; i++)
		(void)sigaction(endings[i], &old[i], NULL);
	(void)sigprocmask(SIG_SETMASK, &mask, NULL);
	if (ended_by != 0)
		(void)raise(ended_by);
	return e;
}

struct err *
ask_secret(struct session *s, const char *question, struct buf *secret)
{
	struct err *e;

	if (!is_interactive(s))
		return not_asked(question);
	show_question(s, question, "not shown");
	if ((e = read_hidden(s, secret)) == NULL && buf_len(secret) == 0)
		e = err_new("no answer to: %s", question);
	fputc('\n', screen(s));
	if (e != NULL)
		buf_clear(secret);
	return e;
}
