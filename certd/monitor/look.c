/*
 * look.c - has the signer look at versions of lineages: does the key belong to
 * the certificate, and what is in it?
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    the store; what the signer found in certificates.
 * Promise:  a few at a time, however many are asked for: neither descriptors
 *           nor memory run out.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "buf.h"
#include "log.h"
#include "monitor.h"

#define ACTIVE_MAX    16
#define PEM_MAX_BYTES 65536 /* of message set_inspect */

struct look {
	TAILQ_ENTRY(look) link;
	struct monitor *m;
	const struct lineage *lineage;
	unsigned version;
	struct err
	    *problem; /* of the set; the certificate is looked at alone */
	looked *done;
	void *arg;
};

static void pump(struct monitor *m);

static void
free_look(struct look *l)
{
	err_free(l->problem);
	free(l);
}

/* info and e: what is in the certificate, though the set is damaged. */
static void
finish(struct look *l, const struct msg_cert_info *info, struct err *e)
{
	struct monitor *m = l->m;
	char where[320];

	m->looking--;
	if (l->version == VERSION_LIVE)
		(void)snprintf(
		    where, sizeof(where), "live/%s", l->lineage->name);
	else
		(void)snprintf(where, sizeof(where), "archive/%s, version %u",
		    l->lineage->archive, l->version);
	l->done(l->arg, info, err_wrap(e, "%s", where));
	free_look(l);
	pump(m);
}

static void
on_cert(void *arg, const struct msg *answer, struct err *e)
{
	struct look *l = arg;
	struct err *problem = l->problem;

	l->problem = NULL;
	err_free(e); /* what is wrong with the set says it too */
	finish(l, e == NULL ? &answer->cert_info : NULL, problem);
}

/* The set is damaged (e, taken): perhaps the certificate can be read. */
static void
look_at_cert(struct look *l, struct err *e)
{
	struct msg m = { .type = MSG_cert_inspect };
	struct err *failure;
	int fd;

	l->problem = e;
	failure = lineage_open_version(
	    l->m->store, l->lineage, PEM_CERT, l->version, &fd);
	if (failure == NULL) {
		failure =
		    peer_ask(l->m->signer, &m, fd, MSG_cert_info, on_cert, l);
		close(fd);
	}
	if (failure != NULL)
		on_cert(l, NULL, failure);
}

static void
on_set(void *arg, const struct msg *answer, struct err *e)
{
	if (e == NULL)
		finish(arg, &answer->cert_info, NULL);
	else
		look_at_cert(arg, e);
}

static struct err *
ask(struct look *l)
{
	struct store *s = l->m->store;
	struct msg m = { .type = MSG_set_inspect };
	struct buf *pem = buf_new(PEM_MAX_BYTES);
	struct err *e;
	int fd = -1;

	if (pem == NULL)
		return err_sys("certificates");
	if ((e = lineage_read_chain(s, l->lineage, l->version, pem)) == NULL &&
	    (e = lineage_open_version(
		 s, l->lineage, PEM_PRIVKEY, l->version, &fd)) == NULL) {
		m.set_inspect.pem = (struct str){ buf_data(pem), buf_len(pem) };
		e = peer_ask(l->m->signer, &m, fd, MSG_cert_info, on_set, l);
		close(fd);
	}
	buf_free(pem);
	return e;
}

/* A loop and no recursion: what fails at once is over at once. */
static void
pump(struct monitor *m)
{
	struct look *l;
	struct err *e;

	if (m->is_looking || m->leaving)
		return;
	m->is_looking = true;
	while (
	    m->looking < ACTIVE_MAX && (l = TAILQ_FIRST(&m->looks)) != NULL) {
		TAILQ_REMOVE(&m->looks, l, link);
		m->looking++;
		if ((e = ask(l)) != NULL)
			look_at_cert(l, e);
	}
	m->is_looking = false;
}

void
lineage_look(struct monitor *m, const struct lineage *lineage, unsigned version,
    looked *done, void *arg)
{
	struct look *l = calloc(1, sizeof(*l));

	if (l == NULL) {
		done(arg, NULL, err_sys("certificate"));
		return;
	}
	l->m = m;
	l->lineage = lineage;
	l->version = version;
	l->done = done;
	l->arg = arg;
	TAILQ_INSERT_TAIL(&m->looks, l, link);
	pump(m);
}

void
looks_free(struct monitor *m)
{
	struct look *l;

	while ((l = TAILQ_FIRST(&m->looks)) != NULL) {
		TAILQ_REMOVE(&m->looks, l, link);
		free_look(l);
	}
}
