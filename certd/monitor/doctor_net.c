/*
 * doctor_net.c - a check of `certctl doctor`: acmew sees whether the CAs and the
 * name servers of the certificates can be reached, and what the CA's clock says.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    the catalogue and the settings; what acmew says that it has seen.
 *           Assume acmew is hostile: its word is shown, and decides nothing.
 * Promise:  a bounded number of CAs and names, and an end within the limit of
 *           such a job, with or without acmew.
 */
#include <stdio.h>
#include <string.h>

#include "doctor.h"
#include "names.h"

#define SERVERS_MAX 4
#define NAMES_MOST  20 /* the bound of message job_probe */

struct texts {
	struct str v[NAMES_MOST];
	size_t n, most, left_out;
};

static const char *const words[PROBE_N] = {
	[PROBE_CA] = "ca",
	[PROBE_CLOCK] = "clock",
	[PROBE_DNS] = "dns",
};

static void
add(struct texts *t, struct str s)
{
	size_t i;

	for (i = 0; i < t->n; i++)
		if (str_eq(t->v[i], s))
			return;
	if (t->n == t->most)
		t->left_out++;
	else
		t->v[t->n++] = s;
}

/* "*.example.com" is looked for at example.com. */
static struct str
base_of(const char *name)
{
	struct str s = str_of(name);

	return name_is_wildcard(s) ? (struct str) { s.p + 2, s.n - 2 } : s;
}

/* Of each certificate the first name, then the second, and so on. */
static void
add_names(const struct catalog *c, struct texts *names)
{
	bool more = true;
	size_t i, at;

	for (at = 0; more && names->left_out == 0; at++)
		for (more = false, i = 0; i < c->n; i++)
			if (at < c->entries[i].n_names) {
				more = true;
				add(names, base_of(c->entries[i].names[at]));
			}
}

static void
add_servers(const struct doctor *d, struct texts *servers)
{
	const struct catalog *c = d->catalog;
	size_t i;

	add(servers, str_of(doctor_monitor(d)->cfg->server));
	for (i = 0; i < c->n; i++)
		if (c->entries[i].files != NULL &&
		    *c->entries[i].files->server != '\0')
			add(servers, str_of(c->entries[i].files->server));
}

/* ---- what is heard of acmew ---- */

static const char *
copy(char out[DOCTOR_TEXT_BYTES], struct str s)
{
	(void)snprintf(out, DOCTOR_TEXT_BYTES, "%.*s", (int)s.n, s.p);
	return out;
}

static void
on_said(void *arg, const struct msg_probed *said)
{
	char subject[DOCTOR_TEXT_BYTES], found[DOCTOR_TEXT_BYTES],
	    todo[DOCTOR_TEXT_BYTES];
	struct doctor *d = arg;

	doctor_say_as(d, words[said->about], (enum verdict)said->result,
	    copy(subject, said->subject), copy(todo, said->todo), "%s",
	    copy(found, said->found));
}

static void
on_over(void *arg, struct err *e)
{
	struct doctor *d = arg;

	if (e != NULL)
		doctor_say_as(d, "network", VERDICT_BAD, "", err_advice(e),
		    "%s", err_text(e));
	err_free(e);
	doctor_release(d);
}

static const struct probe_ops ops = { on_said, on_over };

static void
begin(struct doctor *d, struct str server, const struct texts *names)
{
	char url[DOCTOR_TEXT_BYTES];
	struct err *e;

	doctor_hold(d);
	e = probe_start(doctor_monitor(d), copy(url, server), (struct strs) {
	    names->v, names->n }, &ops, d);
	if (e != NULL)
		on_over(d, e);
}

/* Where there is no certificate yet, the zones that the token sees will do. */
void
doctor_check_network(struct doctor *d)
{
	if (d->catalog->n > 0 || LIST_EMPTY(&d->asks))
		doctor_look_at(d, (struct strs) { NULL, 0 });
}

void
doctor_look_at(struct doctor *d, struct strs zones)
{
	struct texts servers = { .most = SERVERS_MAX },
	    names = { .most = NAMES_MOST }, none = { .most = 0 };
	size_t i;

	add_servers(d, &servers);
	add_names(d->catalog, &names);
	for (i = 0; i < zones.n; i++)
		add(&names, zones.v[i]);
	for (i = 0; i < servers.n; i++)
		begin(d, servers.v[i], i == 0 ? &names : &none);
	if (names.left_out > 0)
		doctor_say_as(d, "dns", VERDICT_OK, "", "", "the name servers "
		    "of %zu names are looked for; others are left out",
		    names.n);
	if (servers.left_out > 0)
		doctor_say_as(d, "ca", VERDICT_OK, "", "", "%zu CAs are looked "
		    "for; %zu more are left out", servers.n, servers.left_out);
}
