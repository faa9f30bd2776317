/*
 * doctor_tree.c - checks of `certctl doctor`: what certbot, people and backups
 * left in the store, and what will become of it.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    the tree as it is.
 * Promise:  nothing is changed, and what is broken is said with its path.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "doctor.h"
#include "ini.h"

/* ---- the store as a whole ---- */

static void
on_dir(void *arg, const char *name, const struct stat *st)
{
	const struct monitor *m = doctor_monitor(arg);
	char path[4096], todo[4200];

	(void)snprintf(path, sizeof(path), "%s%s%s", store_path(m->store),
	    *name == '\0' ? "" : "/", name);
	if (st->st_uid != 0) {
		(void)snprintf(todo, sizeof(todo), "chown root %s", path);
		doctor_say(arg, VERDICT_BAD, path, todo,
		    "belongs to user %u, who can exchange keys in it",
		    (unsigned)st->st_uid);
	} else if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0) {
		(void)snprintf(todo, sizeof(todo), "chmod go-w %s", path);
		doctor_say(arg, VERDICT_BAD, path, todo,
		    "others than root can write to it (mode %04o)",
		    (unsigned)st->st_mode & 07777);
	} else {
		doctor_say(arg, VERDICT_OK, path, "",
		    "mode %04o, group %u: kept as it is",
		    (unsigned)st->st_mode & 07777, (unsigned)st->st_gid);
	}
}

void
doctor_check_store(struct doctor *d)
{
	struct err *e = store_describe(doctor_monitor(d)->store, on_dir, d);

	if (e != NULL)
		doctor_say_err(d, VERDICT_BAD, "", e);
	doctor_done(d);
}

/* ---- each certificate ---- */

/* Things about a certificate that is whole, and not as it should be. What is
 * found is said, and true. */
static bool
is_unrenewable(struct doctor *d, const struct entry *x)
{
	char todo[512];

	if (strcmp(x->files->authenticator, "dns-cloudflare") != 0) {
		(void)snprintf(todo, sizeof(todo),
		    "issue it again: certctl issue --cert-name %s "
		    "--force-renewal -d ...",
		    x->lineage);
		doctor_say(d, VERDICT_BAD, x->lineage, todo,
		    "will not be renewed: its authenticator is \"%s\", and "
		    "only dns-cloudflare is served",
		    x->files->authenticator);
		return true;
	}
	if (!x->files->autorenew)
		doctor_say(d, VERDICT_WARN, x->lineage, "",
		    "will not be renewed: autorenew is switched off in "
		    "renewal/%s.conf",
		    x->lineage);
	return !x->files->autorenew;
}

static bool
is_invalid(struct doctor *d, const struct entry *x)
{
	enum cert_status status = entry_status(x, time(NULL));
	char when[TEXT_TIME_SIZE], todo[512];

	if (status != CERT_EXPIRED && status != CERT_REVOKED)
		return false;
	(void)snprintf(todo, sizeof(todo),
	    "certctl renew --force-renewal --cert-name %s, or certctl delete "
	    "%s",
	    x->lineage, x->lineage);
	if (status == CERT_EXPIRED)
		doctor_say(d, VERDICT_BAD, x->lineage, todo, "expired on %s",
		    text_time(when, x->not_after));
	else
		doctor_say(d, VERDICT_BAD, x->lineage, todo, "is revoked");
	return true;
}

/* Somebody went back to an older version: by hand, or with restore. */
static bool
is_gone_back(struct doctor *d, const struct entry *x)
{
	char when[TEXT_TIME_SIZE], todo[512];
	time_t until;

	if (x->files->current >= x->files->newest)
		return false;
	(void)snprintf(todo, sizeof(todo),
	    "certctl restore %s %u shows the newest version", x->lineage,
	    x->files->newest);
	if (lineage_held(x->files, &until))
		doctor_say(d, VERDICT_WARN, x->lineage, todo,
		    "shows version %u, which was restored; it stays until %s",
		    x->files->current, text_time(when, until));
	else
		doctor_say(d, VERDICT_WARN, x->lineage, todo,
		    "shows version %u, though there is version %u: left as it "
		    "is (certbot would show the newest)",
		    x->files->current, x->files->newest);
	return true;
}

static bool
is_key_open(struct doctor *d, const struct entry *x)
{
	struct stat st;
	struct err *e;
	char todo[512];
	int fd;

	if ((e = lineage_open_key(doctor_monitor(d)->store, x->files, &fd)) !=
	    NULL) {
		doctor_say_err(d, VERDICT_BAD, x->lineage, e);
		return true;
	}
	if (fstat(fd, &st) == -1)
		st.st_mode = 0;
	close(fd);
	if ((st.st_mode & S_IRWXO) == 0)
		return false;
	(void)snprintf(todo, sizeof(todo),
	    "chmod o= archive/%s/privkey*.pem; where others had access to "
	    "this machine, revoke it and issue it with a new key",
	    x->files->archive);
	doctor_say(d, VERDICT_BAD, x->lineage, todo,
	    "anybody can read its private key (mode %04o)",
	    (unsigned)st.st_mode & 07777);
	return true;
}

static bool
has_odd_interval(struct doctor *d, const struct entry *x)
{
	const char *text = ini_get(x->files->conf, "", "renew_before_expiry");
	time_t secs;

	if (text == NULL || interval_parse(text, &secs))
		return false;
	doctor_say(d, VERDICT_WARN, x->lineage,
	    "write an interval such as 30 days",
	    "renew_before_expiry = %s in renewal/%s.conf is not understood: a "
	    "third of the lifetime counts",
	    text, x->lineage);
	return true;
}

static bool (*const findings[])(struct doctor *d, const struct entry *x) = {
	is_invalid,
	is_unrenewable,
	is_key_open,
	is_gone_back,
	has_odd_interval,
};

static void
say_certificate(struct doctor *d, const struct entry *x)
{
	char until[TEXT_TIME_SIZE], due[TEXT_TIME_SIZE], todo[512];
	bool found = false;
	size_t i;

	if (x->problem != NULL) {
		(void)snprintf(
		    todo, sizeof(todo), "certctl repair %s", x->lineage);
		doctor_say(d, VERDICT_BAD, x->lineage, todo, "%s%s", x->problem,
		    x->is_damaged ? "; the next renewal makes it whole" : "");
		return;
	}
	for (i = 0; i < sizeof(findings) / sizeof(findings[0]); i++)
		found = findings[i](d, x) || found;
	if (!found)
		doctor_say(d, VERDICT_OK, x->lineage, "",
		    "version %u is valid until %s, and will be renewed after "
		    "%s at %s",
		    x->files->current, text_time(until, x->not_after),
		    text_time(due, entry_renew_after(x)), x->files->server);
}

void
doctor_check_certificates(struct doctor *d)
{
	const struct catalog *c = doctor_catalog(d);
	size_t i;

	for (i = 0; i < c->n; i++)
		say_certificate(d, &c->entries[i]);
	if (c->n == 0)
		doctor_say(d, VERDICT_OK, "", "", "there is none yet");
	doctor_done(d);
}

/* ---- what belongs to none ---- */

static void
on_remain(void *arg, const char *path, const char *name)
{
	char todo[512];

	(void)snprintf(todo, sizeof(todo),
	    "certctl repair %s brings the certificate back, certctl delete %s "
	    "removes what is left",
	    name, name);
	doctor_say(arg, VERDICT_WARN, path, todo,
	    "belongs to no certificate: there is no renewal/%s.conf", name);
}

void
doctor_check_remains(struct doctor *d)
{
	struct err *e = store_remains(doctor_monitor(d)->store, on_remain, d);

	if (e != NULL)
		doctor_say_err(d, VERDICT_WARN, "", e);
	doctor_done(d);
}
