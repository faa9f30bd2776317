/*
 * doctor.c - `certctl doctor`: looks at everything, changes nothing.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    the store as it is; whatever a check asks for.
 * Promise:  one check that finds something bad stops no other; every check
 *           says something; those that need the network have an end.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor.h"
#include "log.h"

/* In the order in which they are shown. A check is a row here and a function in
 * a file of its own kind. */
static const struct doctor_check checks[] = {
	{ "store", doctor_check_store },
	{ "accounts", doctor_check_accounts },
	{ "certificates", doctor_check_certificates },
	{ "remains", doctor_check_remains },
};
#define CHECKS_N (sizeof(checks) / sizeof(checks[0]))

/* Then all of these at once, unless --offline was given. */
static void (*const slow[])(struct doctor *d) = {
	doctor_check_token,
	doctor_check_network,
};

/* Of message "finding". */
#define SUBJECT_BYTES 1024
#define FOUND_BYTES   4096
#define TODO_BYTES    2048

struct monitor *
doctor_monitor(const struct doctor *d)
{
	return client_monitor(d->client);
}

const struct catalog *
doctor_catalog(const struct doctor *d)
{
	return d->catalog;
}

/* Names of files may be in the texts. */
static void
say(struct doctor *d, const char *check, enum verdict result,
    const char *subject, const char *todo, const char *found)
{
	char shown[FOUND_BYTES], about[SUBJECT_BYTES], what[TODO_BYTES];
	struct msg m = { .type = MSG_finding };

	(void)text_escape(shown, sizeof(shown), found, strlen(found));
	(void)text_escape(about, sizeof(about), subject, strlen(subject));
	(void)text_escape(what, sizeof(what), todo, strlen(todo));
	m.finding.check = str_of(check);
	m.finding.subject = str_of(about);
	m.finding.result = result;
	m.finding.found = str_of(shown);
	m.finding.todo = str_of(what);
	client_send(d->client, &m);
	d->said++;
}

void
doctor_say(struct doctor *d, enum verdict result, const char *subject,
    const char *todo, const char *found, ...)
{
	char text[FOUND_BYTES];
	va_list ap;

	va_start(ap, found);
	(void)vsnprintf(text, sizeof(text), found, ap);
	va_end(ap);
	say(d, checks[d->at].name, result, subject, todo, text);
}

void
doctor_say_as(struct doctor *d, const char *check, enum verdict result,
    const char *subject, const char *todo, const char *found, ...)
{
	char text[FOUND_BYTES];
	va_list ap;

	va_start(ap, found);
	(void)vsnprintf(text, sizeof(text), found, ap);
	va_end(ap);
	say(d, check, result, subject, todo, text);
}

void
doctor_say_err(
    struct doctor *d, enum verdict result, const char *subject, struct err *e)
{
	doctor_say(d, result, subject, err_advice(e), "%s", err_text(e));
	err_free(e);
}

static void
drop(struct doctor *d)
{
	TAILQ_REMOVE(&doctor_monitor(d)->doctors, d, of_monitor);
	catalog_free(d->catalog);
	free(d);
}

void
doctor_hold(struct doctor *d)
{
	d->holds++;
}

void
doctor_release(struct doctor *d)
{
	struct client *c = d->client;

	if (--d->holds > 0)
		return;
	drop(d);
	client_end(c);
	client_release(c);
}

static void
run_slow(struct doctor *d)
{
	size_t i;

	doctor_hold(d);
	for (i = 0; !d->is_offline && i < sizeof(slow) / sizeof(slow[0]); i++)
		slow[i](d);
	doctor_release(d);
}

/* A loop and no recursion: most checks are done at once. */
static void
run_checks(struct doctor *d)
{
	d->is_running = true;
	do {
		d->goes_on = false;
		d->said = 0;
		checks[d->at].run(d);
	} while (d->goes_on && ++d->at < CHECKS_N);
	d->is_running = false;
	if (d->at == CHECKS_N)
		run_slow(d);
}

void
doctor_done(struct doctor *d)
{
	if (d->said == 0)
		doctor_say(d, VERDICT_OK, "", "", "nothing to say");
	d->goes_on = true;
	if (d->is_running)
		return;
	if (++d->at == CHECKS_N)
		run_slow(d);
	else
		run_checks(d);
}

static void
on_catalog(void *arg, struct catalog *catalog, struct err *e)
{
	struct doctor *d = arg;
	struct client *c = d->client;

	d->catalog = catalog;
	if (e == NULL) {
		run_checks(d);
		return;
	}
	drop(d);
	client_refuse(c, 1, e);
	client_release(c);
}

void
request_doctor(struct client *c)
{
	struct doctor *d = calloc(1, sizeof(*d));

	if (d == NULL) {
		client_refuse(c, 1, err_sys("doctor"));
		return;
	}
	d->client = c;
	d->is_offline = request_has(client_request(c), OPTION_offline);
	LIST_INIT(&d->asks);
	TAILQ_INSERT_TAIL(&client_monitor(c)->doctors, d, of_monitor);
	client_hold(c);
	catalog_read(client_monitor(c), NULL, on_catalog, d);
}

void
doctors_end(struct monitor *m)
{
	struct doctor *d;

	while ((d = TAILQ_FIRST(&m->doctors)) != NULL) {
		doctor_asks_end(d);
		probe_forget(m, d);
		drop(d);
	}
}
