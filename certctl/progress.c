/*
 * progress.c - where jobs stand: on a terminal one line a job, drawn again and
 * again; elsewhere a line an event.
 *
 * Runs in:  certctl (the caller).
 * Input:    what certd tells of its jobs.
 * Promise:  on a terminal, what is drawn never wraps and never scrolls.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "certctl.h"

/* ECMA-48; wrapping is switched off while a line is drawn (DECAWM), so that the
 * terminal cuts it, whatever its width and that of the characters. */
#define WRAP_OFF "\033[?7l"
#define WRAP_ON  "\033[?7h"
#define LINE_END "\033[K\n"
#define ERASE    "\033[J"
#define BOLD     "\033[1m"
#define FAINT    "\033[2m"
#define RED      "\033[31m"
#define GREEN    "\033[32m"
#define PLAIN    "\033[0m"

#define ROWS_DEFAULT   24
#define NAME_WIDTH_MAX 40

struct line {
	TAILQ_ENTRY(line) link;
	uint32_t job;
	time_t since;
	char *name;
	char *text; /* the stage and what there is to say about it */
};

struct progress {
	FILE *out;
	enum progress_mode mode;
	bool color;
	unsigned rows;
	time_t (*now)(void);
	TAILQ_HEAD(line_list, line) lines;
	unsigned drawn; /* lines above the cursor that are ours */
};

struct progress *
progress_new(FILE *out, enum progress_mode mode, bool color, unsigned rows,
    time_t (*now)(void))
{
	struct progress *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->out = out;
	p->mode = mode;
	p->color = color;
	p->rows = rows < 2 ? ROWS_DEFAULT : rows;
	p->now = now;
	TAILQ_INIT(&p->lines);
	return p;
}

static const char *
tint(const struct progress *p, const char *sequence)
{
	return p->color ? sequence : "";
}

static struct line *
find(struct progress *p, uint32_t job)
{
	struct line *l;

	TAILQ_FOREACH(l, &p->lines, link)
		if (l->job == job)
			return l;
	return NULL;
}

static void
line_free(struct line *l)
{
	if (l == NULL)
		return;
	free(l->name);
	free(l->text);
	free(l);
}

static struct line *
line_new(uint32_t job, struct str name, time_t since)
{
	struct line *l = calloc(1, sizeof(*l));

	if (l == NULL || (l->name = str_dup(name)) == NULL) {
		line_free(l);
		return NULL;
	}
	l->job = job;
	l->since = since;
	return l;
}

/* ---- drawing ---- */

static int
name_width(const struct progress *p)
{
	const struct line *l;
	size_t width = 0, n;

	TAILQ_FOREACH(l, &p->lines, link)
		if ((n = strlen(l->name)) > width && n <= NAME_WIDTH_MAX)
			width = n;
	return (int)width;
}

/* The time stands before the text: what is cut is the end. */
static void
draw_line(const struct progress *p, const struct line *l, int width)
{
	int pad = width - (int)strlen(l->name);
	char elapsed[ELAPSED_BYTES];

	elapsed_text(elapsed, p->now() - l->since);
	fprintf(p->out, WRAP_OFF "%s", tint(p, BOLD));
	print_text(p->out, str_of(l->name));
	fprintf(p->out, "%s%*s  %s%5s%s  ", tint(p, PLAIN), pad < 0 ? 0 : pad,
	    "", tint(p, FAINT), elapsed, tint(p, PLAIN));
	print_text(p->out, str_of(l->text));
	fputs(WRAP_ON LINE_END, p->out);
}

/* To where our first line stands. */
static void
go_up(struct progress *p)
{
	if (p->drawn > 0)
		fprintf(p->out, "\033[%uA", p->drawn);
	p->drawn = 0;
}

void
progress_draw(struct progress *p)
{
	const struct line *l;
	unsigned hidden = 0;
	int width;

	if (p->mode != PROGRESS_LIVE)
		return;
	width = name_width(p);
	go_up(p);
	TAILQ_FOREACH(l, &p->lines, link) {
		if (p->drawn + 2 >= p->rows) { /* keep a line for the rest */
			hidden++;
			continue;
		}
		draw_line(p, l, width);
		p->drawn++;
	}
	if (hidden > 0) {
		fprintf(p->out, "(and %u more)" LINE_END, hidden);
		p->drawn++;
	}
	fputs(ERASE, p->out);
	(void)fflush(p->out);
}

void
progress_hide(struct progress *p)
{
	if (p->drawn > 0) {
		go_up(p);
		fputs(ERASE, p->out);
	}
	(void)fflush(p->out);
}

/* ---- what happens ---- */

/* "stage" or "stage: text". */
static char *
stage_text(const char *stage, struct str text)
{
	size_t n = strlen(stage) + text.n + sizeof(": ");
	char *s = malloc(n);

	if (s != NULL)
		(void)snprintf(s, n, "%s%s%.*s", stage, text.n > 0 ? ": " : "",
		    (int)text.n, text.p);
	return s;
}

static void
print_plain(struct progress *p, const char *name, const char *text)
{
	print_text(p->out, str_of(name));
	fputs(": ", p->out);
	print_text(p->out, str_of(text));
	fputc('\n', p->out);
	(void)fflush(p->out);
}

struct err *
progress_stage(struct progress *p, uint32_t job, struct str name,
    const char *stage, struct str text, time_t when)
{
	struct line *l;
	char *new;

	if (p->mode == PROGRESS_NONE)
		return NULL;
	if ((l = find(p, job)) == NULL) {
		if ((l = line_new(job, name, when)) == NULL)
			return err_sys("progress");
		TAILQ_INSERT_TAIL(&p->lines, l, link);
	}
	if ((new = stage_text(stage, text)) == NULL)
		return err_sys("progress");
	if (p->mode == PROGRESS_PLAIN &&
	    (l->text == NULL || strcmp(l->text, new) != 0))
		print_plain(p, l->name, new);
	free(l->text);
	l->text = new;
	progress_draw(p);
	return NULL;
}

struct err *
progress_end(struct progress *p, uint32_t job, struct str name, bool good,
    const char *word)
{
	char elapsed[ELAPSED_BYTES];
	struct line *l = find(p, job);

	if (p->mode == PROGRESS_NONE)
		return NULL;
	if (l != NULL)
		TAILQ_REMOVE(&p->lines, l, link);
	else if ((l = line_new(job, name, p->now())) == NULL)
		return err_sys("progress");
	elapsed_text(elapsed, p->now() - l->since);
	progress_hide(p);
	print_text(p->out, str_of(l->name));
	fprintf(p->out, ": %s%s%s (%s)\n", tint(p, good ? GREEN : RED), word,
	    tint(p, PLAIN), elapsed);
	(void)fflush(p->out);
	line_free(l);
	return NULL;
}

void
progress_free(struct progress *p)
{
	struct line *l;

	if (p == NULL)
		return;
	while ((l = TAILQ_FIRST(&p->lines)) != NULL) {
		TAILQ_REMOVE(&p->lines, l, link);
		line_free(l);
	}
	free(p);
}
