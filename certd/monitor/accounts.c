/*
 * accounts.c - what an administrator does to an account at a CA: show, register,
 * update, deactivate, change its key.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    options from certctl; what the CA tells of the account, by way of
 *           acmew.
 */
#define _GNU_SOURCE /* asprintf */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "monitor.h"

#define CONTACT_MAX_BYTES 320 /* 64 + @ + 255: RFC 5321 section 4.5.3.1 */
#define SCHEME		  "mailto:"
#define BINDING_MAX_BYTES 256 /* the bound of the message */

/* "a@x" or "mailto:a@x" of n bytes as a contact. */
static struct err *
add_contact(struct job *j, const char *p, size_t n)
{
	size_t skip = n > strlen(SCHEME) &&
	    strncmp(p, SCHEME, strlen(SCHEME)) == 0 ? strlen(SCHEME) : 0;
	const char *at = memchr(p, '@', n);
	char *text;

	p += skip;
	n -= skip;
	if (n > CONTACT_MAX_BYTES || at == NULL || at <= p ||
	    at == p + n - 1 || memchr(at + 1, '@', (size_t)(p + n - at) - 1) !=
	    NULL || memchr(p, ' ', n) != NULL)
		return err_advise(err_new("\"%.*s\" is no e-mail address",
		    (int)(n > 80 ? 80 : n), p), "give one such as "
		    "admin@example.com, or none at all: Let's Encrypt sends no "
		    "mail any more");
	if (j->n_contacts == CONTACTS_MAX)
		return err_new("more than %d e-mail addresses", CONTACTS_MAX);
	if (asprintf(&text, SCHEME "%.*s", (int)n, p) == -1)
		return err_sys("contact");
	j->contacts[j->n_contacts++] = text;
	return NULL;
}

struct err *
account_contacts(struct job *j, const char *list)
{
	struct err *e;
	size_t n;

	for (; *list != '\0'; list += n + (list[n] == ',')) {
		n = strcspn(list, ",");
		while (n > 0 && *list == ' ')
			list++, n--;
		if (n > 0 && (e = add_contact(j, list, n)) != NULL)
			return e;
	}
	return NULL;
}

/* ---- the request ---- */

/* What ends or changes an account would pull it away from under other jobs, and
 * other jobs would not know what they have. */
static struct err *
check_alone(const struct job *j)
{
	const struct job *other;

	if (j->kind != KIND_deactivate && j->kind != KIND_rollover)
		return NULL;
	TAILQ_FOREACH(other, &j->m->jobs, link)
		if (other != j && other->kind != KIND_probe &&
		    strcmp(other->server, j->server) == 0)
			return err_advise(err_new("job %u (%s) is at work at "
			    "this CA", other->id, other->lineage), "wait for "
			    "it: certctl watch %u", other->id);
	return NULL;
}

/* Making one is what issuing does, and to look at it harms nobody. */
static struct err *
check_allowed(const struct client *c, const struct job *j)
{
	if (j->kind == KIND_show || j->kind == KIND_register)
		return NULL;
	return client_may_account(c, j->server);
}

struct err *
account_in_change(const struct job *j)
{
	const struct job *other;

	TAILQ_FOREACH(other, &j->m->jobs, link)
		if (other != j && strcmp(other->server, j->server) == 0 &&
		    (other->kind == KIND_deactivate ||
		    other->kind == KIND_rollover))
			return err_advise(err_new("job %u is changing the "
			    "account at this CA", other->id), "try again when "
			    "it is over: certctl watch %u", other->id);
	return NULL;
}

/* What binds a new account to a customer of the CA. */
static struct err *
fill_binding(struct request *r, struct job *j)
{
	const char *kid = request_option(r, OPTION_eab_kid),
	    *alg = request_option(r, OPTION_eab_hmac_alg);
	int *fd = &r->files[FILE_BINDING];

	if ((kid == NULL) != (*fd == -1))
		return err_new("--eab-kid and --eab-hmac-key-file go together");
	if (kid == NULL)
		return alg == NULL ? NULL :
		    err_new("--eab-hmac-alg without --eab-kid");
	if (alg == NULL || strcmp(alg, "HS256") == 0)
		j->binding_bits = 256;
	else if (strcmp(alg, "HS384") == 0)
		j->binding_bits = 384;
	else if (strcmp(alg, "HS512") == 0)
		j->binding_bits = 512;
	else
		return err_new("--eab-hmac-alg is HS256, HS384 or HS512");
	j->binding_fd = *fd;
	*fd = -1;
	if (*kid == '\0' || strlen(kid) > BINDING_MAX_BYTES)
		return err_new("--eab-kid: 1 to %d bytes", BINDING_MAX_BYTES);
	return (j->binding = strdup(kid)) == NULL ? err_sys("binding") : NULL;
}

static struct err *
fill_in(struct request *r, struct job *j, struct client *c)
{
	struct err *e;

	if (j->kind == KIND_register && (e = fill_binding(r, j)) != NULL)
		return e;

	if (j->kind == KIND_update &&
	    request_option(r, OPTION_email) == NULL &&
	    request_option(r, OPTION_no_email) == NULL)
		return err_advise(err_new("no new contact was given"),
		    "give --email ADDRESS, or --no-email to have none");
	if ((e = request_server(r, j, j->m->cfg->server)) == NULL)
		e = request_fill(r, j, c);
	return e;
}

struct err *
on_account(struct client *c, const struct msg *m)
{
	enum job_kind kind = (enum job_kind)m->account.kind;
	uint32_t status = 2;
	struct job *j = NULL;
	struct err *e;

	if (kind < KIND_show || kind > KIND_rollover)
		e = err_new("no such operation on an account");
	else if ((j = job_new(client_monitor(c), kind, "account",
	    (struct strs) { NULL, 0 })) == NULL)
		e = err_sys("account");
	else
		e = fill_in(client_request(c), j, c);
	if (e == NULL) {
		if ((e = check_allowed(c, j)) == NULL &&
		    (e = check_alone(j)) == NULL)
			e = job_start(j);
		status = request_status(e);
	}
	if (e != NULL) {
		job_discard(j);
		client_refuse(c, status, e);
		return NULL;
	}
	client_follow(c, j);
	job_run(j);
	return NULL;
}

/* ---- what became of it ---- */

void
account_tell(struct job *j, struct str status, struct strs contacts)
{
	char *text;
	size_t i;

	if ((text = str_dup(status)) != NULL)
		control_fact(j, "status", text);
	free(text);
	for (i = 0; i < contacts.n; i++) {
		if ((text = str_dup(contacts.v[i])) != NULL)
			control_fact(j, "contact", text);
		free(text);
	}
}

/* The account that the CA has ended goes from the disk, as with certbot. */
static struct err *
forget(struct job *j)
{
	const char *id = registration_id(j->account);
	struct err *e = account_remove(j->m->store, j->server, id);

	if (e == NULL)
		audit_job(j, "account", "done", "%s at %s: deactivated and "
		    "removed", id, j->server);
	return e;
}

struct err *
account_settle(struct job *j)
{
	struct err *e = NULL;

	if (j->stored) {
		control_fact(j, "server", j->server);
		control_fact(j, "account_url", registration_url(j->account));
		control_fact(j, "account_id", registration_id(j->account));
		control_fact(j, "account_thumbprint",
		    registration_thumbprint(j->account));
		if (j->note != NULL && *j->note != '\0')
			control_fact(j, "note", j->note);
		if (j->kind == KIND_deactivate)
			e = forget(j);
	}
	if (e == NULL)
		job_step_done(j, NULL);
	return e;
}
