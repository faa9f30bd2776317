/*
 * follow.c - jobs to their end, as certd tells of them.
 *
 * Runs in:  certctl (the caller).
 * Input:    accepted, kept, event, fact and result of certd.
 * Promise:  Ctrl-C ends certctl and never the job.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "certctl.h"

struct follow {
	struct session *s;
	const struct aim *aim;
	struct progress *progress;
	struct facts facts; /* of jobs under way, and of none */
	json_t *certificates, *hook_failures; /* for --json */
	unsigned kept, waiting, good, bad, denied;
	uint32_t job; /* the one that is waited for; 0: none yet */
	char *name;
	struct question question;
};

static time_t
time_of_day(void)
{
	return time(NULL);
}

static unsigned
terminal_rows(FILE *out)
{
	struct winsize w;

	return ioctl(fileno(out), TIOCGWINSZ, &w) == -1 ? 0 : w.ws_row;
}

static struct err *
begin(struct follow *f)
{
	struct session *s = f->s;
	enum progress_mode mode = s->json   ? PROGRESS_NONE
				  : s->live ? PROGRESS_LIVE
					    : PROGRESS_PLAIN;

	f->progress = progress_new(s->out, mode, s->color,
	    s->live ? terminal_rows(s->out) : 0, time_of_day);
	f->certificates = json_array();
	f->hook_failures = json_array();
	if (f->progress == NULL || f->certificates == NULL ||
	    f->hook_failures == NULL)
		return err_sys("progress");
	return NULL;
}

/* What is known of a certificate at its end goes into the one document, or is
 * a line of its own. */
static struct err *
tell(struct follow *f, json_t *o)
{
	if (!f->s->json) {
		json_decref(o);
		return NULL;
	}
	if (f->aim->lines)
		return json_print(f->s->out, o);
	if (json_array_append_new(f->certificates, o) == -1)
		return err_new("JSON: out of memory");
	return NULL;
}

static struct err *
on_accepted(void *arg, const struct msg *m)
{
	struct follow *f = arg;
	struct str none = { "", 0 };

	f->job = m->accepted.job;
	free(f->name);
	if ((f->name = str_dup(m->accepted.lineage)) == NULL)
		return err_sys("job");
	if (!f->aim->detach)
		return progress_stage(f->progress, f->job, m->accepted.lineage,
		    stage_label(STAGE_queued), none, time_of_day());
	f->s->over = true;
	if (!f->s->json) {
		print_text(f->s->out, m->accepted.lineage);
		fprintf(f->s->out, ": started as job %u\n", f->job);
	}
	return tell(
	    f, json_outcome(f->job, m->accepted.lineage, "started", none));
}

/* It has failed, is left alone for now, and there is little time. */
static void
warn(struct follow *f, const struct msg_kept *k)
{
	struct err *e = err_new("%.*s: not renewed now: %.*s",
	    (int)k->lineage.n, k->lineage.p, (int)k->reason.n, k->reason.p);

	print_problem(f->s->err, e);
	err_free(e);
	f->s->status = EXIT_FAILED;
}

static struct err *
on_kept(void *arg, const struct msg *m)
{
	struct follow *f = arg;

	f->kept++;
	f->waiting += m->kept.state != KEPT_FINE;
	if (m->kept.state == KEPT_PRESSING)
		warn(f, &m->kept);
	if (!f->s->json) {
		print_text(f->s->out, m->kept.lineage);
		fputs(": kept: ", f->s->out);
		print_text(f->s->out, m->kept.reason);
		fputc('\n', f->s->out);
	}
	return tell(
	    f, json_outcome(0, m->kept.lineage, "kept", m->kept.reason));
}

static struct err *
on_event(void *arg, const struct msg *m)
{
	struct follow *f = arg;

	if (f->s->json && f->aim->lines)
		return json_print(f->s->out, json_event(m));
	if (m->event.stage == STAGE_done)
		return NULL; /* the result says so */
	return progress_stage(f->progress, m->event.job, m->event.lineage,
	    stage_label(m->event.stage), m->event.text,
	    m->event.time > INT64_MAX ? 0 : (time_t)m->event.time);
}

static struct err *
on_fact(void *arg, const struct msg *m)
{
	struct follow *f = arg;

	return facts_add_told(&f->facts, m);
}

static struct err *
on_hook_failed(void *arg, const struct msg *m)
{
	struct follow *f = arg;
	struct err *e;

	progress_hide(f->progress);
	e = hook_failure(f->s, m, f->hook_failures);
	progress_draw(f->progress);
	return e;
}

static struct err *
on_deployed(void *arg, const struct msg *m)
{
	struct follow *f = arg;

	progress_hide(f->progress);
	hook_deployed(f->s, m);
	progress_draw(f->progress);
	return NULL;
}

/* The failure of a certificate is told like any other error, and at once: there
 * may be more to come. */
static void
report_failure(struct follow *f, const struct msg *m)
{
	const struct msg_result *r = &m->result;
	struct err *e = err_new("%.*s: %.*s", (int)r->lineage.n, r->lineage.p,
	    (int)r->text.n, r->text.p);

	if (r->advice.n > 0)
		e = err_advise(e, "%.*s", (int)r->advice.n, r->advice.p);
	if (r->retry_at != 0)
		e = err_retry_at(e,
		    r->retry_at > INT64_MAX ? INT64_MAX : (time_t)r->retry_at);
	print_problem(f->s->err, e);
	err_free(e);
}

static struct err *
on_result(void *arg, const struct msg *m)
{
	struct follow *f = arg;
	const struct aim *aim = f->aim;
	const char *word = m->result.ok ? aim->good : aim->bad;
	bool wanted = m->result.ok != aim->wants_end;
	struct facts facts;
	struct err *e;

	f->good += m->result.ok;
	f->bad += !m->result.ok;
	f->denied += m->result.denied;
	if ((e = progress_end(f->progress, m->result.job, m->result.lineage,
		 wanted, word)) != NULL ||
	    (e = facts_take(&f->facts, m->result.job, &facts)) != NULL)
		return e;
	if (!f->s->json)
		facts_print(&facts, f->s->out, 2);
	(void)fflush(f->s->out);
	if (!m->result.ok && !aim->wants_end)
		report_failure(f, m);
	if (!wanted && !aim->all)
		f->s->status = EXIT_FAILED;
	e = tell(f, json_result(m, word, facts.n == 0 ? NULL : &facts));
	if (aim->facts != NULL && m->result.ok) {
		facts_clear(aim->facts);
		*aim->facts = facts;
		memset(&facts, 0, sizeof(facts));
	}
	facts_clear(&facts);
	progress_draw(f->progress);
	return e;
}

static struct err *
on_question(void *arg, const struct msg *m)
{
	struct follow *f = arg;

	return question_keep(&f->question, m);
}

static void
on_tick(void *arg)
{
	struct follow *f = arg;

	progress_draw(f->progress);
}

static const struct answer answers[] = {
	{ MSG_accepted, on_accepted },
	{ MSG_kept, on_kept },
	{ MSG_event, on_event },
	{ MSG_fact, on_fact },
	{ MSG_result, on_result },
	{ MSG_question, on_question },
	{ MSG_hook_failed, on_hook_failed },
	{ MSG_deployed, on_deployed },
};

/* After Ctrl-C. */
static void
say_how_to_go_on(const struct follow *f)
{
	struct err *e;

	if (f->aim->all)
		return;
	if (f->job == 0)
		e = err_advise(err_new("interrupted; certd may have taken the "
				       "job"),
		    "certctl status lists the jobs");
	else
		e = err_advise(err_new("job %u (%s) goes on without certctl",
				   f->job, f->name),
		    "certctl watch %u follows it, certctl "
		    "cancel %u ends it",
		    f->job, f->job);
	print_problem(f->s->err, e);
	err_free(e);
}

/* What all the jobs came to, and what was told after the last of them. */
static void
print_end(struct follow *f)
{
	progress_free(f->progress);
	f->progress = NULL;
	if (f->s->json)
		return;
	facts_print(&f->facts, f->s->out, 0);
	if (!f->aim->summary)
		return;
	fprintf(f->s->out, "%u %s, %u failed, %u kept", f->good, f->aim->good,
	    f->bad, f->kept);
	if (f->waiting > 0)
		fprintf(f->s->out, ", %u of them because %s failed before",
		    f->waiting, f->waiting == 1 ? "it has" : "they have");
	fputc('\n', f->s->out);
}

/* Nothing of what was asked for was permitted. */
static bool
is_all_denied(const struct follow *f)
{
	return f->denied > 0 && f->denied == f->bad && f->good == 0 &&
	       f->kept == 0;
}

/* Asks certd, and the person when certd asks back, until there is no question
 * left: each answer adds an option, so there cannot be many. */
static struct err *
ask_certd(struct follow *f, struct msg *request, const struct conversation *c)
{
	struct session *s = f->s;
	struct err *e;

	for (;;) {
		if ((e = session_ask(s, request, c)) != NULL ||
		    f->question.about == 0 || s->interrupted)
			return e;
		if ((e = question_answer(s, &f->question)) != NULL)
			return e;
		question_clear(&f->question);
		session_again(s);
	}
}

static json_t *
whole(const struct follow *f)
{
	if (json_array_size(f->hook_failures) == 0)
		return json_pack("{sO}", "certificates", f->certificates);
	return json_pack("{sO sO}", "certificates", f->certificates,
	    "hook_failures", f->hook_failures);
}

struct err *
follow(struct session *s, struct msg *request, const struct aim *aim)
{
	struct follow f = { .s = s, .aim = aim };
	const struct conversation c = { answers,
		sizeof(answers) / sizeof(answers[0]), &f, on_tick };
	struct err *e;

	if ((e = begin(&f)) == NULL)
		e = ask_certd(&f, request, &c);
	if (e == NULL && !s->interrupted)
		print_end(&f);
	if (e == NULL && is_all_denied(&f) && s->status == EXIT_FAILED)
		s->status = EXIT_DENIED;
	if (e == NULL && aim->detailed && f.good > 0 && s->status == EXIT_DONE)
		s->status = EXIT_RENEWED;
	if (e == NULL && s->interrupted)
		say_how_to_go_on(&f);
	else if (e == NULL && s->json && !aim->lines)
		e = json_print(s->out, whole(&f));
	json_decref(f.certificates);
	json_decref(f.hook_failures);
	progress_free(f.progress);
	facts_clear(&f.facts);
	question_clear(&f.question);
	free(f.name);
	return e;
}
