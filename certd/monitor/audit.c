/*
 * audit.c - who did what, for audit.log; and where it is, for `certctl audit`.
 *
 * Runs in:  certd (root; no network, no exec).
 * Promise:  an act that stays on this machine, or cannot be taken back, is on
 *           the disk of the audit before it goes on: as "begun", and what became
 *           of it a second later.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "monitor.h"

#define WHAT_BYTES 2048

/* What stays when certd is gone; a certificate goes into the store with its line
 * (storing.c). The others are on the disk a second later. */
static bool
is_lasting(const struct audit_line *l)
{
	static const struct {
		const char *act;
		bool begins; /* the line before it is the one that counts */
	} acts[] = {
		{ "delete", true },
		{ "hook", true },
		{ "reconfigure", true },
		{ "restore", true },
		{ "repair", true },
		{ "revoke", false },
		{ "account", false },
	};
	size_t i;

	for (i = 0; i < sizeof(acts) / sizeof(acts[0]); i++)
		if (strcmp(acts[i].act, l->act) == 0)
			return !acts[i].begins ||
			    strcmp(l->outcome, "begun") == 0;
	return false;
}

static void
add(struct monitor *m, struct audit_line *l, const char *fmt, va_list ap)
{
	char what[WHAT_BYTES];

	(void)vsnprintf(what, sizeof(what), fmt, ap);
	l->what = what;
	audit_log_line(m->audit, l);
	if (is_lasting(l))
		audit_log_sync(m->audit);
}

void
audit_job(const struct job *j, const char *act, const char *outcome,
    const char *fmt, ...)
{
	struct audit_line l = { .job = j->id, .certificate = j->lineage,
		.who = j->who == NULL ? "" : j->who, .act = act,
		.outcome = outcome };
	va_list ap;

	va_start(ap, fmt);
	add(j->m, &l, fmt, ap);
	va_end(ap);
}

void
audit_client(const struct client *c, const char *certificate, const char *act,
    const char *outcome, const char *fmt, ...)
{
	struct audit_line l = { .certificate = certificate,
		.who = client_name(c), .act = act, .outcome = outcome };
	va_list ap;

	va_start(ap, fmt);
	add(client_monitor(c), &l, fmt, ap);
	va_end(ap);
}

void
audit_certd(struct monitor *m, const char *certificate, const char *act,
    const char *outcome, const char *fmt, ...)
{
	struct audit_line l = { .certificate = certificate, .who = "certd",
		.act = act, .outcome = outcome };
	va_list ap;

	va_start(ap, fmt);
	add(m, &l, fmt, ap);
	va_end(ap);
}

void
audit_text(void *arg, const char *text)
{
	struct monitor *m = arg;

	audit_log_note(m->audit, "note", "done", "%s", text);
}

bool
audit_needed(enum msg_type type)
{
	static const enum msg_type looks[] = { MSG_list, MSG_show, MSG_status,
		MSG_watch, MSG_doctor, MSG_audit, /* of certctl */
		MSG_progress, MSG_account_ask, MSG_account_gone,
		MSG_account_found, MSG_account_seen, MSG_ordered,
		MSG_chain_offer, MSG_failed, MSG_done }; /* of acmew */
	size_t i;

	for (i = 0; i < sizeof(looks) / sizeof(looks[0]); i++)
		if (looks[i] == type)
			return false;
	return true;
}

struct err *
audit_ready(struct monitor *m)
{
	return audit_log_ready(m->audit);
}

struct err *
audit_good(struct monitor *m)
{
	return audit_log_good(m->audit);
}

void
request_audit(struct client *c)
{
	struct monitor *m = client_monitor(c);
	struct msg a = { .type = MSG_audit_is };
	struct audit_chain head;

	if (client_uid(c) != 0) {
		client_refuse(c, 3, err_advise(err_new("only root may read the "
		    "audit log"), "sudo certctl audit"));
		return;
	}
	audit_log_sync(m->audit);
	audit_log_head(m->audit, &head);
	a.audit_is.folder = str_of(m->cfg->state_dir);
	a.audit_is.seq = head.seq;
	a.audit_is.hash = str_of(head.hash);
	client_send(c, &a);
	client_end(c);
}
