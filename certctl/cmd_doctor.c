/*
 * cmd_doctor.c - certctl doctor: is everything in order? Checks of certctl's
 * own, then those of certd.
 *
 * Runs in:  certctl (the caller).
 * Input:    findings of certd.
 * Promise:  looks only; where certd cannot be reached, that is one finding more
 *           and what can be checked without it is checked.
 */
#define _GNU_SOURCE /* vasprintf */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "doctor.h"

/* In the order in which they are shown. */
static const struct doctor_check checks[] = {
	{ "clock", doctor_check_clock },
	{ "jails", doctor_check_jails },
	{ "users", doctor_check_users },
	{ "sockets", doctor_check_sockets },
	{ "token", doctor_check_token },
	{ "space", doctor_check_space },
	{ "cron", doctor_check_cron },
	{ NULL, NULL }, /* the end */
};

struct doctor {
	struct session *s;
	const char *check; /* of ours, that is under way */
	json_t *findings;
	size_t n[VERDICT_BAD + 1];
};

static const char *const words[] = { "ok", "warn", "bad" };
static const char *const colors[] = { "\033[32m", "\033[33m", "\033[1;31m" };

bool
doctor_is_elsewhere(const struct doctor *d)
{
	return invocation_has(d->s->inv, OPT_socket);
}

static struct err *
add_json(struct doctor *d, const struct msg_finding *f)
{
	json_t *o = json_pack("{ss% ss% ss ss% ss%}", "check", f->check.p,
	    f->check.n, "subject", f->subject.p, f->subject.n, "result",
	    words[f->result], "found", f->found.p, f->found.n, "todo",
	    f->todo.p, f->todo.n);

	if (o == NULL || json_array_append_new(d->findings, o) == -1)
		return err_new("JSON: out of memory");
	return NULL;
}

static void
print_finding(const struct session *s, const struct msg_finding *f)
{
	FILE *out = s->out;

	fprintf(out, "%s%-4s%s  ", s->color ? colors[f->result] : "",
	    words[f->result], s->color ? "\033[0m" : "");
	print_text(out, f->check);
	fputs(": ", out);
	if (f->subject.n > 0) {
		print_text(out, f->subject);
		fputs(": ", out);
	}
	print_text(out, f->found);
	fputc('\n', out);
	if (f->todo.n > 0) {
		fputs("      ", out);
		print_text(out, f->todo);
		fputc('\n', out);
	}
}

static struct err *
on_finding(void *arg, const struct msg *m)
{
	struct doctor *d = arg;

	d->n[m->finding.result]++;
	if (m->finding.result == VERDICT_BAD && d->s->status == EXIT_DONE)
		d->s->status = EXIT_FAILED;
	if (d->s->json)
		return add_json(d, &m->finding);
	print_finding(d->s, &m->finding);
	return NULL;
}

struct err *
doctor_say(struct doctor *d, enum verdict result, const char *subject,
    const char *todo, const char *found, ...)
{
	struct msg m = { .type = MSG_finding };
	struct err *e;
	char *text;
	va_list ap;
	int n;

	va_start(ap, found);
	n = vasprintf(&text, found, ap);
	va_end(ap);
	if (n == -1)
		return err_sys("doctor");
	m.finding.check = str_of(d->check);
	m.finding.subject = str_of(subject);
	m.finding.result = result;
	m.finding.found = str_of(text);
	m.finding.todo = str_of(todo);
	e = on_finding(d, &m);
	free(text);
	return e;
}

/* certd's checks. That it cannot be asked is a finding too, and certctl's exit
 * status says so. */
static struct err *
ask_certd(struct doctor *d)
{
	static const struct answer answers[] = { { MSG_finding, on_finding } };
	const struct conversation c = { answers, 1, d, NULL };
	struct msg m = { .type = MSG_doctor };
	struct err *e, *said;

	d->check = "certd";
	if ((e = session_ask(d->s, &m, &c)) == NULL)
		return NULL;
	said = doctor_say(d, VERDICT_BAD, "", err_advice(e), "%s", err_text(e));
	err_free(e);
	return said;
}

static struct err *
summary(struct doctor *d)
{
	FILE *out = d->s->out;

	if (d->s->json)
		return json_print(
		    d->s->out, json_pack("{sO}", "findings", d->findings));
	if (d->n[VERDICT_BAD] + d->n[VERDICT_WARN] == 0)
		fprintf(out, "All is well.\n");
	else
		fprintf(out, "%zu bad, %zu to look at, %zu good.\n",
		    d->n[VERDICT_BAD], d->n[VERDICT_WARN], d->n[VERDICT_OK]);
	return NULL;
}

struct err *
cmd_doctor(struct session *s)
{
	struct doctor d = { .s = s, .findings = json_array() };
	struct err *e = NULL;
	size_t i;

	if (d.findings == NULL)
		return err_new("JSON: out of memory");
	for (i = 0; e == NULL && checks[i].run != NULL; i++) {
		d.check = checks[i].name;
		e = checks[i].run(&d);
	}
	if (e == NULL && (e = ask_certd(&d)) == NULL)
		e = summary(&d);
	json_decref(d.findings);
	return e;
}
