/*
 * question.c - what certd cannot decide alone: the person decides, or an option
 * does.
 *
 * Runs in:  certctl (the caller).
 * Input:    a question of certd, by number, with the text for who cannot be
 *           asked.
 * Promise:  an answer is an option that could have been typed at once; without
 *           a person nothing is changed that was not asked for.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "certctl.h"

/* One way to answer: the option that it sets. id 0: do nothing. */
struct way {
	unsigned id;
	bool names_lineage; /* --cert-name too */
	const char *text;
};

static const struct row {
	uint32_t about;
	const char *question;
	bool goes_on; /* without a person the first way is taken */
	struct way ways[3];
} rows[] = {
	{ QUESTION_EXPAND, "What shall be done?", false,
	    { { OPTION_expand, false, "give it all the names (--expand)" },
		{ OPTION_duplicate, false,
		    "make a certificate beside it (--duplicate)" },
		{ 0, false, "nothing" } } },
	{ QUESTION_OTHER_NAMES, "What shall be done?", false,
	    { { OPTION_new_names, true,
		  "give it the new names instead (--cert-name)" },
		{ OPTION_duplicate, false,
		    "make a certificate beside it (--duplicate)" },
		{ 0, false, "nothing" } } },
	{ QUESTION_NEW_NAMES, "Change its names to those given?", true,
	    { { OPTION_new_names, false, NULL } } },
	{ QUESTION_KEY_TYPE, "Change the type of its key?", false,
	    { { OPTION_key_type, true, NULL } } },
	{ QUESTION_TERMS, "Do you agree to the CA's terms of service?", false,
	    { { OPTION_agree_tos, false, NULL } } },
};

struct err *
question_keep(struct question *q, const struct msg *m)
{
	question_clear(q);
	q->about = m->question.about;
	q->lineage = str_dup(m->question.lineage);
	q->text = str_dup(m->question.text);
	q->advice = str_dup(m->question.advice);
	return q->lineage == NULL || q->text == NULL || q->advice == NULL
		   ? err_sys("question")
		   : NULL;
}

void
question_clear(struct question *q)
{
	free(q->lineage);
	free(q->text);
	free(q->advice);
	memset(q, 0, sizeof(*q));
}

/* What --key-type would have been. */
static const char *
key_type(const struct invocation *inv)
{
	if (invocation_has(inv, OPTION_key_type))
		return inv->values[OPTION_key_type];
	return invocation_has(inv, OPTION_rsa_key_size) ? "rsa" : "ecdsa";
}

static struct err *
take(struct session *s, const struct question *q, const struct way *w)
{
	s->answers[w->id] = w->id == OPTION_key_type ? key_type(s->inv) : "";
	if (!w->names_lineage)
		return NULL;
	free(s->answered);
	if ((s->answered = strdup(q->lineage)) == NULL)
		return err_sys("answer");
	s->answers[OPTION_cert_name] = s->answered;
	return NULL;
}

static struct err *
declined(const struct question *q)
{
	return err_advise(
	    err_new("nothing was done: %s", q->text), "%s", q->advice);
}

/* Several ways: a list to choose from. Otherwise yes or no. */
static struct err *
let_choose(struct session *s, const struct row *r, const struct way **out)
{
	const char *choices[3];
	struct err *e;
	size_t i, chosen;
	bool yes;

	if (r->ways[0].text == NULL) {
		e = ask_yes_no(s, r->question, r->goes_on, &yes);
		*out = yes ? &r->ways[0] : NULL;
		return e;
	}
	for (i = 0; i < 3; i++)
		choices[i] = r->ways[i].text;
	e = ask_choice(s, r->question, choices, 3, 2, &chosen);
	*out = r->ways[chosen].id == 0 ? NULL : &r->ways[chosen];
	return e;
}

struct err *
question_answer(struct session *s, const struct question *q)
{
	const struct way *way = NULL;
	const struct row *r = NULL;
	struct err *e;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].about == q->about)
			r = &rows[i];
	if (!is_interactive(s) && r != NULL && r->goes_on &&
	    s->answers[r->ways[0].id] == NULL)
		return take(s, q, &r->ways[0]);
	if (!is_interactive(s) || r == NULL)
		return err_advise(err_new("%s", q->text), "%s", q->advice);
	print_text(s->out, str_of(q->text));
	fputc('\n', s->out);
	if ((e = let_choose(s, r, &way)) != NULL)
		return e;
	return way == NULL ? declined(q) : take(s, q, way);
}
