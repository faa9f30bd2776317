/*
 * requests.c - what the monitor asks for, and the answers.
 *
 * Runs in:  certd-dns (_certd-dns; HTTPS to the provider; no files, no exec).
 * Input:    decoded messages of the monitor, and one descriptor.
 * Promise:  every request gets exactly one answer, with its number.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "channel.h"
#include "log.h"
#include "publisher.h"
#include "text.h"

/* A request that is under way. */
struct request {
	LIST_ENTRY(request) link;
	struct publisher *p;
	uint32_t id;
	enum msg_type answer; /* when all is well */
};

static void
request_free(struct request *r)
{
	if (r == NULL)
		return;
	LIST_REMOVE(r, link);
	free(r);
}

void
publisher_forget(struct publisher *p)
{
	struct request *r, *next;

	for (r = LIST_FIRST(&p->requests); r != NULL; r = next) {
		next = LIST_NEXT(r, link);
		request_free(r);
	}
}

static void
send_answer(struct publisher *p, struct msg *m, uint32_t id)
{
	struct err *e;

	m->id = id;
	if ((e = channel_send(p->monitor, m, -1)) == NULL)
		return;
	/* An answer that cannot be sent would leave the monitor waiting. */
	log_err(LOG_LEVEL_ERROR, err_wrap(e, "answer to certd"));
	p->status = 1;
	channel_finish(p->monitor);
}

/* Takes e. */
static void
answer_failure(struct publisher *p, uint32_t id, struct err *e)
{
	char text[4096], advice[1024];
	struct msg m = { .type = MSG_dns_failed };
	time_t when = err_when(e);

	(void)text_escape(text, sizeof(text), err_text(e), strlen(err_text(e)));
	(void)text_escape(
	    advice, sizeof(advice), err_advice(e), strlen(err_advice(e)));
	m.dns_failed.text = str_of(text);
	m.dns_failed.advice = str_of(advice);
	m.dns_failed.retry_at = when > 0 ? (uint64_t)when : 0;
	send_answer(p, &m, id);
	err_free(e);
}

static void
answer_place(const struct request *r, const struct cf_place *place)
{
	struct str servers[CF_SERVERS_MAX];
	struct msg m = { .type = MSG_dns_published };

	for (size_t i = 0; i < place->zone->n_servers; i++)
		servers[i] = str_of(place->zone->servers[i]);
	m.dns_published.zone = str_of(place->zone->id);
	m.dns_published.number = str_of(place->number);
	m.dns_published.servers =
	    (struct strs){ servers, place->zone->n_servers };
	send_answer(r->p, &m, r->id);
}

static void
on_done(void *arg, const struct cf_place *place, struct err *e)
{
	struct request *r = arg;
	struct msg m = { .type = r->answer };

	if (e != NULL)
		answer_failure(r->p, r->id, e);
	else if (r->answer == MSG_dns_published)
		answer_place(r, place);
	else
		send_answer(r->p, &m, r->id);
	request_free(r);
}

static struct request *
request_new(struct publisher *p, const struct msg *m, enum msg_type answer)
{
	struct request *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->p = p;
	r->id = m->id;
	r->answer = answer;
	LIST_INSERT_HEAD(&p->requests, r, link);
	return r;
}

static struct err *
on_dns_expect(struct request *r, const struct msg *m)
{
	return cloudflare_expect(
	    r->p->cloudflare, m->dns_expect.record, on_done, r);
}

static struct err *
on_dns_publish(struct request *r, const struct msg *m)
{
	return cloudflare_publish(r->p->cloudflare, m->dns_publish.record,
	    m->dns_publish.value, m->dns_publish.again, on_done, r);
}

static struct err *
on_dns_remove(struct request *r, const struct msg *m)
{
	return cloudflare_remove(r->p->cloudflare, m->dns_remove.record,
	    m->dns_remove.zone, m->dns_remove.number, on_done, r);
}

static struct err *
on_dns_find_remove(struct request *r, const struct msg *m)
{
	return cloudflare_find_remove(r->p->cloudflare,
	    m->dns_find_remove.record, m->dns_find_remove.value, on_done, r);
}

static const struct row {
	enum msg_type request, answer;
	struct err *(*start)(struct request *r, const struct msg *m);
} rows[] = {
	{ MSG_dns_expect, MSG_dns_ready, on_dns_expect },
	{ MSG_dns_publish, MSG_dns_published, on_dns_publish },
	{ MSG_dns_remove, MSG_dns_removed, on_dns_remove },
	{ MSG_dns_find_remove, MSG_dns_removed, on_dns_find_remove },
};

static void
on_credentials(struct publisher *p, uint32_t id, bool same, int fd)
{
	struct msg m = { .type = MSG_dns_ready };
	struct credentials c;
	struct err *e;

	if ((e = credentials_read(fd, &c)) != NULL) {
		answer_failure(p, id, e);
		return;
	}
	cloudflare_identify(p->cloudflare, &c, same);
	send_answer(p, &m, id);
}

static void
on_sight(void *arg, const struct cf_sight *sight, struct err *e)
{
	struct str zones[CF_SIGHT_ZONES_MAX], lacking[4], extra[CF_EXTRA_MAX];
	struct request *r = arg;
	struct msg m = { .type = MSG_dns_zone_list };
	size_t i;

	if (e != NULL) {
		answer_failure(r->p, r->id, e);
		request_free(r);
		return;
	}
	for (i = 0; i < sight->n_zones; i++)
		zones[i] = str_of(sight->zones[i]);
	for (i = 0; i < sight->n_lacking; i++)
		lacking[i] = str_of(sight->lacking[i]);
	for (i = 0; i < sight->n_extra; i++)
		extra[i] = str_of(sight->extra[i]);
	m.dns_zone_list.zones = (struct strs){ zones, sight->n_zones };
	m.dns_zone_list.count = sight->count;
	m.dns_zone_list.lacking = (struct strs){ lacking, sight->n_lacking };
	m.dns_zone_list.extra = (struct strs){ extra, sight->n_extra };
	m.dns_zone_list.global = sight->global;
	m.dns_zone_list.expires =
	    sight->expires > 0 ? (uint64_t)sight->expires : 0;
	send_answer(r->p, &m, r->id);
	request_free(r);
}

static void
on_dns_zones(struct publisher *p, const struct msg *m, int fd)
{
	struct request *r = request_new(p, m, MSG_dns_zone_list);
	struct credentials c;
	struct err *e;

	e = r == NULL ? err_sys("request") : credentials_read(fd, &c);
	if (e == NULL && (e = cloudflare_look(p->cloudflare, &c, on_sight,
	    r)) != NULL)
		credentials_clear(&c);
	if (e == NULL)
		return;
	answer_failure(p, m->id, e);
	request_free(r);
}

struct err *
publisher_request(struct publisher *p, const struct msg *m, int fd)
{
	struct request *r;
	struct err *e;

	if (m->type == MSG_credentials || m->type == MSG_dns_zones) {
		if (m->type == MSG_credentials)
			on_credentials(p, m->id, m->credentials.same, fd);
		else
			on_dns_zones(p, m, fd);
		if (fd != -1)
			(void)close(fd);
		return NULL;
	}
	if (m->type == MSG_credentials_drop) {
		cloudflare_forget(p->cloudflare);
		return NULL;
	}
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (rows[i].request != m->type)
			continue;
		if ((r = request_new(p, m, rows[i].answer)) == NULL)
			return err_sys("request");
		if ((e = rows[i].start(r, m)) != NULL) {
			answer_failure(p, m->id, e);
			request_free(r);
		}
		return NULL;
	}
	return err_new("a message that certd-dns does not know");
}
