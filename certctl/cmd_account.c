/*
 * cmd_account.c - certctl account: the account at the CA.
 *
 * Runs in:  certctl (the caller).
 * Input:    facts of certd; what they tell of the account comes from the CA.
 * Promise:  terms are agreed to by a person or by an option, never by default.
 */
#include <stdlib.h>
#include <string.h>

#include "certctl.h"

/* An operation, while it is under way. */
struct operation {
	struct session *s;
	const char *done; /* what is said when it is */
	struct facts facts;
	bool is_good;
};

static struct err *
ignore(void *arg, const struct msg *m)
{
	(void)arg;
	(void)m;
	return NULL;
}

static struct err *
on_fact(void *arg, const struct msg *m)
{
	struct operation *o = arg;

	return facts_add(&o->facts, m->fact.key, m->fact.value);
}

static struct err *
on_result(void *arg, const struct msg *m)
{
	const struct msg_result *r = &m->result;
	struct operation *o = arg;
	struct err *e;

	o->is_good = r->ok;
	if (r->ok)
		return NULL;
	e = err_new("%.*s", (int)r->text.n, r->text.p);
	if (r->advice.n > 0)
		e = err_advise(e, "%.*s", (int)r->advice.n, r->advice.p);
	return session_fail(o->s, EXIT_FAILED, e);
}

static void
on_tick(void *arg)
{
	(void)arg;
}

/* ---- what is shown ---- */

static const char *
without_scheme(const char *contact)
{
	return strncmp(contact, "mailto:", 7) == 0 ? contact + 7 : contact;
}

static void
print_contacts(const struct facts *f, FILE *out)
{
	size_t i, n = 0;

	for (i = 0; i < f->n; i++)
		n += strcmp(f->v[i].key, "contact") == 0;
	fprintf(out, "  Email contact%s: %s", n > 1 ? "s" : "",
	    n == 0 ? "none" : "");
	for (i = 0, n = 0; i < f->n; i++) {
		if (strcmp(f->v[i].key, "contact") != 0)
			continue;
		fputs(n++ > 0 ? ", " : "", out);
		print_text(out, str_of(without_scheme(f->v[i].value)));
	}
	fputc('\n', out);
}

static void
print_line(const struct facts *f, FILE *out, const char *label, const char *key)
{
	const char *value = facts_get(f, key);

	if (value == NULL || *value == '\0')
		return;
	fprintf(out, "%s: ", label);
	print_text(out, str_of(value));
	fputc('\n', out);
}

/* As `certbot show_account` prints it, and a little more. */
static void
print_account(const struct facts *f, FILE *out, bool with_contacts)
{
	const char *server = facts_get(f, "server");

	fputs("Account details for server ", out);
	print_text(out, str_of(server == NULL ? "" : server));
	fputs(":\n", out);
	print_line(f, out, "  Account URL", "account_url");
	print_line(f, out, "  Account Thumbprint", "account_thumbprint");
	if (with_contacts)
		print_contacts(f, out);
	print_line(f, out, "  Account ID", "account_id");
	print_line(f, out, "  Status", "status");
}

/* One object; the contacts are a list, however many there are. */
static json_t *
account_json(const struct facts *f, bool with_contacts)
{
	json_t *o = facts_json(f), *list = json_array();
	int rc = o == NULL || list == NULL ? -1 : 0;
	size_t i;

	for (i = 0; rc == 0 && i < f->n; i++)
		if (strcmp(f->v[i].key, "contact") == 0)
			rc = json_array_append_new(
			    list, json_string(f->v[i].value));
	(void)json_object_del(o, "contact");
	if (rc == 0 && with_contacts)
		rc = json_object_set(o, "contacts", list);
	json_decref(list);
	if (rc == 0)
		return o;
	json_decref(o);
	return NULL;
}

static struct err *
show_end(struct operation *o, enum job_kind kind)
{
	FILE *out = o->s->out;

	if (o->s->json)
		return json_print(
		    out, account_json(&o->facts, kind == KIND_show));
	if (o->done != NULL)
		fprintf(out, "%s\n", o->done);
	print_line(&o->facts, out, "Note", "note");
	if (kind != KIND_deactivate)
		print_account(&o->facts, out, kind == KIND_show);
	return NULL;
}

/* ---- operations ---- */

static struct err *
operate(struct session *s, enum job_kind kind, const char *done)
{
	static const struct answer answers[] = { { MSG_accepted, ignore },
		{ MSG_event, ignore }, { MSG_fact, on_fact },
		{ MSG_result, on_result } };
	struct operation o = { .s = s, .done = done };
	const struct conversation c = { answers, 4, &o, on_tick };
	struct msg m = { .type = MSG_account };
	struct err *e;

	m.account.kind = kind;
	if ((e = session_ask(s, &m, &c)) == NULL && o.is_good)
		e = show_end(&o, kind);
	facts_clear(&o.facts);
	return e;
}

static const char *
server_of(const struct session *s)
{
	const char *server = s->inv->values[OPTION_server];

	if (invocation_has(s->inv, OPTION_staging))
		return "Let's Encrypt's staging environment";
	return server == NULL ? "the CA of certd.conf" : server;
}

/* Asks; without a person it is as if the answer were otherwise. */
static struct err *
confirm(struct session *s, const char *text, bool otherwise, bool *yes)
{
	char question[512];

	*yes = otherwise;
	if (!is_interactive(s))
		return NULL;
	(void)snprintf(
	    question, sizeof(question), "%s? (%s)", text, server_of(s));
	return ask_yes_no(s, question, false, yes);
}

struct err *
cmd_account_show(struct session *s)
{
	return operate(s, KIND_show, NULL);
}

struct err *
cmd_account_register(struct session *s)
{
	struct invocation asked = *s->inv;
	const struct invocation *given = s->inv;
	struct err *e;
	bool yes = false;

	if (!invocation_has(s->inv, OPTION_agree_tos)) {
		if ((e = confirm(s,
			 "Have you read the terms of service of the "
			 "CA, and do you agree to them",
			 false, &yes)) != NULL)
			return e;
		if (yes)
			asked.values[OPTION_agree_tos] = "";
		else if (is_interactive(s))
			return err_new("no account was made");
	}
	if (invocation_has(given, OPT_eab_file) &&
	    (e = session_file(s, FILE_BINDING, given->values[OPT_eab_file])) !=
		NULL)
		return e;
	s->inv = &asked;
	e = operate(s, KIND_register, "Account registered.");
	s->inv = given;
	return e;
}

struct err *
cmd_account_update(struct session *s)
{
	struct invocation asked = *s->inv;
	const struct invocation *given = s->inv;
	char *email = NULL;
	struct err *e = NULL;

	if (!invocation_has(s->inv, OPTION_email) &&
	    !invocation_has(s->inv, OPTION_no_email) && is_interactive(s)) {
		if ((e = ask_text(s,
			 "New e-mail addresses of the account, "
			 "separated by commas",
			 "", &email)) != NULL)
			return e;
		asked.values[OPTION_email] = email;
	}
	s->inv = &asked;
	e = operate(s, KIND_update, "Contacts changed.");
	s->inv = given;
	free(email);
	return e;
}

struct err *
cmd_account_deactivate(struct session *s)
{
	struct err *e;
	bool yes;

	if ((e = confirm(s,
		 "Deactivate the account for good, so that no one can "
		 "ever use it again",
		 true, &yes)) != NULL)
		return e;
	if (!yes)
		return err_new("nothing was deactivated");
	return operate(s, KIND_deactivate, "Account deactivated.");
}

static struct err *
roll_over(struct session *s)
{
	return operate(s, KIND_rollover, "The account has a new key.");
}

struct err *
cmd_account(struct session *s)
{
	static const struct {
		const char *word;
		struct err *(*run)(struct session *s);
	} operations[] = {
		{ "show", cmd_account_show },
		{ "register", cmd_account_register },
		{ "update", cmd_account_update },
		{ "deactivate", cmd_account_deactivate },
		{ "rollover", roll_over },
	};
	size_t i;

	for (i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
		if (strcmp(s->inv->argument, operations[i].word) == 0)
			return operations[i].run(s);
	return session_fail(s, EXIT_USAGE,
	    err_advise(err_new("account: there is no operation \"%s\"",
			   s->inv->argument),
		"certctl account show, register, update, deactivate or "
		"rollover"));
}
