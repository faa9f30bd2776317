/*
 * probe.c - a look at a CA and at name servers, for a person who asks whether
 * all is well: nothing is signed, nothing is changed.
 *
 * Runs in:  acmew (network; no keys, no exec, no files).
 * Input:    the directory of a CA, answers of resolvers and of name servers.
 *           Assume that they are hostile.
 * Promise:  everything is asked at once; what has not answered when the time of
 *           the stage is up is told too.
 */
#include <stdlib.h>
#include <string.h>

#include "order.h"
#include "probe.h"

#define NAMES_MOST 20 /* the bound of message job_probe */

struct probe {
	struct job *job;
	struct https_call *call;
	struct zone {
		struct probe *probe;
		char *name; /* that certd gave */
		struct finding *finding;
		struct server_list *list; /* NULL: not yet, or another's */
		struct zone_ask {
			struct zone *zone;
			size_t server; /* of list */
			struct dns_query *query;
		} asks[PROBE_ADDRESSES_MAX];
		struct zone_sight sight;
		bool is_over;
	} zones[NAMES_MOST];
	size_t n_zones;
	size_t n_open;
};

/* ---- what certd hears ---- */

static void
say(struct probe *p, enum probe_about about, enum verdict result,
    const char *subject, const char *todo, const char *found)
{
	char texts[3][2048];
	struct msg m = { .type = MSG_probed };
	struct err *e;

	text_escape(texts[0], 1024, subject, strlen(subject));
	text_escape(texts[1], 2048, found, strlen(found));
	text_escape(texts[2], 1024, todo, strlen(todo));
	m.probed.about = about;
	m.probed.subject = str_of(texts[0]);
	m.probed.result = result;
	m.probed.found = str_of(texts[1]);
	m.probed.todo = str_of(texts[2]);
	if ((e = job_ask(p->job, &m, NULL)) != NULL)
		err_free(e); /* the channel is gone, and we with it */
}

static void
say_err(struct probe *p, enum probe_about about, const char *subject,
    const char *todo, struct err *e)
{
	say(p, about, VERDICT_BAD, subject,
	    *err_advice(e) != '\0' ? err_advice(e) : todo, err_text(e));
	err_free(e);
}

/* One thing more is known. May free the job. */
static void
settle(struct probe *p)
{
	if (--p->n_open == 0)
		job_step(p->job, JE_ACHIEVED);
}

/* ---- the CA ---- */

static void
say_clock(struct probe *p, const struct https_response *r)
{
	struct ca *ca = p->job->ca;
	char text[CLOCK_TEXT_SIZE];

	if (https_header(r, "date") == NULL)
		return;
	if (*ca_clock_text(ca, text) != '\0')
		say(p, PROBE_CLOCK, VERDICT_BAD, ca->url,
		    "set it: timedatectl set-ntp true", text);
	else
		say(p, PROBE_CLOCK, VERDICT_OK, ca->url, "",
		    "this machine's clock agrees with the CA's");
}

static void
on_directory(void *arg, const struct https_response *r, struct err *e)
{
	static const char todo[] = "see that server is the URL of an ACME "
				   "directory, that the CA can be reached from "
				   "here, and that ca-certificates holds its "
				   "root";
	struct probe *p = arg;
	struct ca *ca = p->job->ca;

	p->call = NULL;
	if (e == NULL)
		e = ca_take_directory(ca, r);
	if (e != NULL)
		say_err(p, PROBE_CA, ca->url, todo, e);
	else
		say(p, PROBE_CA, VERDICT_OK, ca->url, "", "the CA answers");
	if (r != NULL)
		say_clock(p, r);
	settle(p);
}

static struct err *
ask_ca(struct probe *p)
{
	struct https_request q = { .method = "GET",
		.url = p->job->ca->url,
		.max_bytes = CA_JSON_MAX_BYTES };
	struct err *e =
	    https_start(p->job->worker->https, &q, on_directory, p, &p->call);

	p->n_open += e == NULL;
	return e;
}

/* ---- name servers ---- */

static void
say_zone(struct zone *z)
{
	bool has_doh = z->probe->job->worker->doh_servers.n > 0;
	struct zone_word word;

	zone_word(&z->sight, z->list, has_doh, &word);
	say(z->probe, PROBE_DNS, word.result, z->list->zone, word.todo,
	    word.found);
}

static void
end_zone(struct zone *z)
{
	z->is_over = true;
	settle(z->probe);
}

static void
on_answer(void *arg, const struct dns_answer *a)
{
	struct zone_ask *ask = arg;
	struct zone *z = ask->zone;

	ask->query = NULL;
	zone_sight_note(&z->sight, ask->server, a);
	if (z->is_over || z->sight.n_answers < z->sight.n_asked)
		return;
	say_zone(z);
	end_zone(z);
}

/* All addresses of all servers, as far as there is room: of each the first, then
 * the second. */
static struct err *
ask_servers(struct zone *z, const struct server_list *list)
{
	struct dns *dns = z->probe->job->worker->dns;
	size_t k, s;

	for (k = 0; k < SERVER_ADDRESSES_MAX; k++)
		for (s = 0; s < list->n_servers; s++) {
			struct zone_ask *ask = &z->asks[z->sight.n_asked];

			if (k >= list->servers[s].n_addresses ||
			    z->sight.n_asked == PROBE_ADDRESSES_MAX)
				continue;
			*ask = (struct zone_ask){ z, s, NULL };
			ask->query =
			    dns_ask_server(dns, &list->servers[s].addresses[k],
				list->zone, DNS_SOA, on_answer, ask);
			if (ask->query == NULL)
				return err_new("out of memory");
			z->sight.n_asked++;
		}
	return z->sight.n_asked > 0
		   ? NULL
		   : err_new("no name server of %s has an address", list->zone);
}

/* Whether this zone is looked at already, for another name. */
static bool
is_known(const struct zone *z, const char *zone)
{
	const struct probe *p = z->probe;

	for (size_t i = 0; i < p->n_zones; i++)
		if (p->zones[i].list != NULL &&
		    strcmp(p->zones[i].list->zone, zone) == 0)
			return true;
	return false;
}

static void
on_found(void *arg, struct server_list *list, struct err *e)
{
	static const char todo[] = "see that the resolver answers: "
				   "/etc/resolv.conf, or resolver in the "
				   "section [dns] of certd.conf";
	struct zone *z = arg;

	z->finding = NULL;
	if (list != NULL && is_known(z, list->zone)) {
		server_list_free(list);
		end_zone(z);
		return;
	}
	z->list = list;
	if (list != NULL && (e = ask_servers(z, list)) == NULL)
		return;
	say_err(z->probe, PROBE_DNS, z->name, todo, e);
	end_zone(z);
}

static struct err *
ask_dns(struct probe *p)
{
	const struct strs *names = &p->job->names;
	struct err *e;

	for (; p->n_zones < names->n && p->n_zones < NAMES_MOST; p->n_zones++) {
		struct zone *z = &p->zones[p->n_zones];

		z->probe = p;
		if ((z->name = str_dup(names->v[p->n_zones])) == NULL)
			return err_sys("zone");
		if ((e = finding_start(p->job->worker->lookups, z->name, false,
			 NULL, 0, on_found, z, &z->finding)) != NULL)
			return e;
		p->n_open++;
	}
	return NULL;
}

/* ---- the whole ---- */

static void
zone_free(struct zone *z)
{
	finding_cancel(z->finding);
	for (size_t i = 0; i < PROBE_ADDRESSES_MAX; i++)
		dns_cancel(z->asks[i].query);
	server_list_free(z->list);
	free(z->name);
}

void
probe_free(struct probe *p)
{
	if (p == NULL)
		return;
	https_cancel(p->call);
	for (size_t i = 0; i < NAMES_MOST; i++)
		zone_free(&p->zones[i]);
	free(p);
}

struct err *
look_around(struct job *job)
{
	struct probe *p = calloc(1, sizeof(*p));
	struct err *e;

	if (p == NULL)
		return err_sys("probe");
	p->job = job;
	job->probe = p;
	if ((e = ask_ca(p)) != NULL)
		return e;
	return ask_dns(p);
}

struct err *
look_late(struct job *job)
{
	static const char todo[] = "is outgoing traffic filtered here?";
	struct probe *p = job->probe;

	if (p->call != NULL)
		say(p, PROBE_CA, VERDICT_BAD, job->ca->url, todo,
		    "no answer in time");
	for (size_t i = 0; i < p->n_zones; i++) {
		struct zone *z = &p->zones[i];

		if (!z->is_over && z->list != NULL)
			say_zone(z);
		else if (!z->is_over)
			say(p, PROBE_DNS, VERDICT_BAD, z->name, todo,
			    "the resolver did not answer in time");
	}
	return report_done(job);
}
