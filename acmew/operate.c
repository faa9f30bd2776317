/*
 * operate.c - what is not an issuance: a revocation, and what is done to an
 * account.
 *
 * Runs in:  acmew (network; no keys, no exec, no files).
 * Input:    answers of a CA and of certd.
 * Promise:  what the CA may have done already is not taken for a failure: asked
 *           again, or looked at first.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "order.h"

#define CONTACTS_MAX      32 /* the bounds of the message */
#define CONTACT_MAX_BYTES 512
#define ROLLS_MAX         3 /* of one key, where the answer was lost each time */

/* ---- the end ---- */

static void
achieve(struct job *job, const char *text)
{
	struct msg m = { .type = MSG_achieved };
	struct err *e;

	m.achieved.text = str_of(text);
	if ((e = job_ask(job, &m, NULL)) != NULL)
		job_fail(job, e);
	else
		job_step(job, JE_ACHIEVED);
}

/* The CA has no such account: certd decides what to do about it. */
static bool
is_gone(const struct answer *a)
{
	return a->problem == PROBLEM_NO_ACCOUNT;
}

struct err *
tell_gone(struct job *job)
{
	struct msg m = { .type = MSG_account_gone };

	return job_ask(job, &m, &job->asked);
}

/* One that was deactivated is refused as unauthorized, for whatever it asks. A
 * revocation needs no account: certd may have the certificate's own key. */
static bool
may_do_without(const struct job *job, const struct answer *a)
{
	return is_gone(a) ||
	       (job->kind == KIND_revoke && a->problem == PROBLEM_UNAUTHORIZED);
}

/* Here, unlike in a challenge, it is not about a record. e is taken. */
static struct err *
advise_of_account(struct err *e)
{
	struct err *better = err_advise(err_new("%s", err_text(e)),
	    "the account may have been deactivated: certctl account deactivate "
	    "forgets it here, certctl account register makes another");

	err_free(e);
	return better;
}

void
job_fail_or_gone(struct job *job, struct answer *a)
{
	if (a->problem == PROBLEM_UNAUTHORIZED)
		a->e = advise_of_account(a->e);
	if (!may_do_without(job, a) || job->is_gone) {
		job_fail(job, a->e);
		return;
	}
	job->is_gone = true;
	job_progress(job, err_text(a->e));
	err_free(a->e);
	job_step(job, JE_GONE);
}

struct err *
on_account_spare(struct job *job, const struct msg *m)
{
	if (m->id != job->asked || job->state != JS_ACCOUNT)
		return err_new("an account that was not asked for");
	job_step(job, JE_SPARE);
	return NULL;
}

/* ---- revocation ---- */

static void
on_revoked(void *arg, struct answer *a)
{
	struct job *job = arg;

	if (a->e == NULL) {
		achieve(job, "");
	} else if (a->problem == PROBLEM_REVOKED) {
		err_free(a->e);
		achieve(job, "it was revoked before");
	} else {
		job_fail_or_gone(job, a);
	}
}

struct err *
revoke_certificate(struct job *job)
{
	const char *url = job->ca->directory.revoke;

	if (*url == '\0')
		return err_new("%s: this CA says of no way to revoke (its "
			       "directory has no revokeCert)",
		    job->ca->url);
	return request_start(
	    job, VERB_REVOKE, url, CA_JSON_MAX_BYTES, on_revoked, job);
}

/* ---- show, register, update, deactivate ---- */

static struct err *
tell_account(struct job *job, const json_t *root)
{
	const json_t *list = json_object_get(root, "contact"), *item;
	struct msg m = { .type = MSG_account_seen };
	struct str contacts[CONTACTS_MAX];
	char status[64];
	size_t i, n = 0;

	json_array_foreach(list, i, item)
	{
		const char *text = json_string_value(item);

		if (n < CONTACTS_MAX && text != NULL &&
		    strlen(text) <= CONTACT_MAX_BYTES &&
		    text_is_plain(text, strlen(text)))
			contacts[n++] = str_of(text);
	}
	json_label(root, "status", status, sizeof(status));
	m.account_seen.status = str_of(status);
	m.account_seen.contacts = (struct strs){ contacts, n };
	return job_ask(job, &m, NULL);
}

static void
on_shown(void *arg, struct answer *a)
{
	struct job *job = arg;
	struct err *e;
	json_t *root;

	if (a->e != NULL) {
		job_fail_or_gone(job, a);
		return;
	}
	e = answer_wrap(
	    json_read(a->response->body, a->response->body_bytes, &root),
	    a->response);
	if (e == NULL) {
		e = tell_account(job, root);
		json_decref(root);
	}
	if (e != NULL)
		job_fail(job, e);
	else
		achieve(job, "");
}

struct err *
show_account(struct job *job)
{
	return request_start(
	    job, VERB_GET, job->account, CA_JSON_MAX_BYTES, on_shown, job);
}

static void
on_changed(void *arg, struct answer *a)
{
	struct job *job = arg;

	if (a->e != NULL)
		job_fail_or_gone(job, a);
	else
		achieve(job, "");
}

struct err *
change_contacts(struct job *job)
{
	return request_start(job, VERB_CONTACT, job->account, CA_JSON_MAX_BYTES,
	    on_changed, job);
}

/* An account that is gone, or was deactivated before, is what was asked for:
 * the request was signed with its key, and is refused for that reason only. */
static void
on_deactivated(void *arg, struct answer *a)
{
	struct job *job = arg;

	if (a->e == NULL) {
		achieve(job, "");
	} else if (is_gone(a) || a->problem == PROBLEM_UNAUTHORIZED) {
		char text[1024];

		(void)text_escape(
		    text, sizeof(text), err_text(a->e), strlen(err_text(a->e)));
		err_free(a->e);
		achieve(job, text);
	} else {
		job_fail(job, a->e);
	}
}

struct err *
deactivate_account(struct job *job)
{
	return request_start(job, VERB_DEACTIVATE, job->account,
	    CA_JSON_MAX_BYTES, on_deactivated, job);
}

struct err *
tell_registered(struct job *job)
{
	struct msg m = { .type = MSG_achieved };

	m.achieved.text = str_of("");
	job->raised = JE_ACHIEVED;
	return job_ask(job, &m, NULL);
}

/* ---- which of two keys ---- */

struct err *
on_account_unsure(struct job *job, const struct msg *m)
{
	if (m->id != job->asked || job->state != JS_ACCOUNT)
		return err_new("an account that was not asked for");
	job_step(job, JE_UNSURE);
	return NULL;
}

static struct err *
tell_found(struct job *job, const char *url, bool is_new)
{
	struct msg m = { .type = MSG_account_found };

	m.account_found.url = str_of(url);
	m.account_found.is_new = is_new;
	return job_ask(job, &m, &job->asked);
}

static void
on_found(struct job *job, struct answer *a, bool is_new)
{
	const char *url;
	struct err *e = a->e;

	if (e != NULL && is_gone(a)) {
		if (!is_new)
			e = err_advise(err_wrap(e, "the CA knows neither key "
						   "of the account"),
			    "certctl account deactivate forgets it here");
		else
			err_free(e);
		if (is_new) {
			job_step(job, JE_NO_ACCOUNT);
			return;
		}
	}
	if (e == NULL && (e = answer_location(a->response, &url)) == NULL)
		e = tell_found(job, url, is_new);
	if (e != NULL)
		job_fail(job, e);
	else
		job_step(job, is_new ? JE_NEW_KEY : JE_OLD_KEY);
}

static void
on_found_new(void *arg, struct answer *a)
{
	on_found(arg, a, true);
}

static void
on_found_old(void *arg, struct answer *a)
{
	on_found(arg, a, false);
}

struct err *
find_new_key(struct job *job)
{
	return request_start(job, VERB_FIND_NEW, job->ca->directory.new_account,
	    CA_JSON_MAX_BYTES, on_found_new, job);
}

struct err *
find_old_key(struct job *job)
{
	return request_start(job, VERB_FIND_OLD, job->ca->directory.new_account,
	    CA_JSON_MAX_BYTES, on_found_old, job);
}

/* ---- another key ---- */

static void
on_rolled(void *arg, struct answer *a)
{
	struct job *job = arg;
	struct err *e = a->e;

	if (e != NULL && a->unsure) {
		job_progress(job, err_text(e));
		err_free(e);
		job_step(job, JE_UNSURE);
		return;
	}
	if (e != NULL || (e = tell_found(job, job->account, true)) != NULL)
		job_fail(job, e);
	else
		job_step(job, JE_NEW_KEY);
}

struct err *
roll_over(struct job *job)
{
	const char *url = job->ca->directory.key_change;

	if (*url == '\0')
		return err_new("%s: this CA does not change keys of accounts "
			       "(its directory has no keyChange)",
		    job->ca->url);
	if (++job->rolls > ROLLS_MAX)
		return err_advise(
		    err_new("%s: no answer, %d times", url, ROLLS_MAX),
		    "the CA has trouble; try again later: both keys are kept");
	return request_start(
	    job, VERB_ROLL_OVER, url, CA_JSON_MAX_BYTES, on_rolled, job);
}

/* account_is follows. */
struct err *
await_certd(struct job *job)
{
	(void)job;
	return NULL;
}
