/*
 * doctor_accounts.c - a check of `certctl doctor`: the accounts on disk, and
 * those that renewal files name.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    certbot's tree of accounts; the catalogue.
 * Promise:  looks only. Whether a CA still knows an account is no question for
 *           here.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor.h"
#include "url.h"

struct seen {
	struct doctor *d;
	size_t n;
};

/* How many certificates name it. Several servers may share an id by a link, so
 * that the id alone counts. */
static size_t
users_of(const struct doctor *d, const char *id)
{
	const struct catalog *c = doctor_catalog(d);
	size_t i, n = 0;

	for (i = 0; i < c->n; i++)
		n += c->entries[i].files != NULL &&
		     strcmp(c->entries[i].files->account, id) == 0;
	return n;
}

static void
say_account(void *arg, const char *server, const char *id, struct err *e)
{
	char subject[URL_MAX_BYTES + 300];
	struct seen *seen = arg;
	size_t n = users_of(seen->d, id);

	seen->n++;
	(void)snprintf(subject, sizeof(subject), "%s/%s", server, id);
	if (e == NULL)
		doctor_say(seen->d, VERDICT_OK, subject, "",
		    "used by %zu certificate%s", n, n == 1 ? "" : "s");
	else
		doctor_say_err(
		    seen->d, n > 0 ? VERDICT_BAD : VERDICT_WARN, subject, e);
}

/* The account that a renewal file names. */
static void
check_lineage(struct doctor *d, const struct entry *x)
{
	struct account *a = NULL;
	struct err *e;

	if (x->files == NULL || *x->files->account == '\0' ||
	    *x->files->server == '\0')
		return;
	e = account_find(
	    doctor_monitor(d)->store, x->files->server, x->files->account, &a);
	if (e == NULL && a == NULL)
		e = err_new(
		    "account %s lacks its regr.json", x->files->account);
	account_free(a);
	if (e != NULL)
		doctor_say_err(d, VERDICT_BAD, x->lineage,
		    err_advise(e,
			"bring the account back from a backup, or issue the "
			"certificate anew: certctl issue --cert-name %s "
			"--force-renewal -d ...",
			x->lineage));
}

void
doctor_check_accounts(struct doctor *d)
{
	const struct catalog *c = doctor_catalog(d);
	struct seen seen = { d, 0 };
	size_t i;

	accounts_each(doctor_monitor(d)->store, say_account, &seen);
	if (seen.n == 0)
		doctor_say(d, VERDICT_OK, "", "",
		    "there is none yet: the first certificate makes one");
	for (i = 0; i < c->n; i++)
		check_lineage(d, &c->entries[i]);
	doctor_done(d);
}
