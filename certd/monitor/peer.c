/*
 * peer.c - questions to the signer, the publisher and the hook runner, and
 * which answer belongs to which.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    decoded messages of our own children, one of which may have been
 *           taken over.
 * Promise:  an answer reaches the question that it was given to, once; an
 *           answer that nobody asked for, or of another type, ends the peer.
 */
#include <stdlib.h>
#include <sys/queue.h>

#include "channel.h"
#include "peer.h"

/* 1,024 jobs of 64 KiB each. Our children read as fast as they can. */
#define PEER_QUEUE_MAX_BYTES (64u * 1024 * 1024)

struct question {
	LIST_ENTRY(question) link;
	uint32_t id;
	enum msg_type expected;
	peer_done *done;
	void *arg;
};

struct peer {
	const struct peer_kind *kind;
	struct channel *channel;
	void (*lost)(void *arg, const char *name);
	void *arg;
	LIST_HEAD(question_list, question) buckets[256];
	size_t pending;
};

static struct err *
sign_failure(const struct msg *m)
{
	return err_new("%.*s", (int)m->sign_failed.text.n,
	    m->sign_failed.text.p);
}

static struct err *
dns_failure(const struct msg *m)
{
	const struct msg_dns_failed *f = &m->dns_failed;
	struct err *e = err_new("%.*s", (int)f->text.n, f->text.p);

	if (f->advice.n > 0)
		e = err_advise(e, "%.*s", (int)f->advice.n, f->advice.p);
	return f->retry_at == 0 ? e : err_retry_at(e, (time_t)f->retry_at);
}

const struct peer_kind peer_signer = { ROLE_SIGNER, "certd-sign",
	MSG_sign_failed, sign_failure, 0 };
const struct peer_kind peer_publisher = { ROLE_PUBLISHER, "certd-dns",
	MSG_dns_failed, dns_failure, 0 };
const struct peer_kind peer_hook = { ROLE_HOOK, "certd-hook", 0, NULL,
	MSG_hook_output };

static struct question *
find(struct peer *p, uint32_t id)
{
	struct question *q;

	LIST_FOREACH(q, &p->buckets[id % 256], link)
		if (q->id == id)
			return q;
	return NULL;
}

static struct err *
on_answer(void *arg, const struct msg *m, int fd)
{
	struct peer *p = arg;
	struct question *q = find(p, m->id);
	peer_done *done;
	void *done_arg;

	(void)fd; /* no answer carries a descriptor */
	if (q == NULL)
		return err_new("an answer to no question");
	if (p->kind->partial != 0 && m->type == p->kind->partial) {
		q->done(q->arg, m, NULL);
		return NULL;
	}
	if (m->type != q->expected &&
	    (p->kind->failed == 0 || m->type != p->kind->failed))
		return err_new("an answer to another question");
	done = q->done;
	done_arg = q->arg;
	LIST_REMOVE(q, link);
	free(q);
	p->pending--;
	if (p->kind->failed != 0 && m->type == p->kind->failed)
		done(done_arg, NULL, p->kind->failure(m));
	else
		done(done_arg, m, NULL);
	return NULL;
}

static void
on_closed(void *arg, const struct err *reason)
{
	struct peer *p = arg;

	(void)reason;
	p->channel = NULL;
	p->lost(p->arg, p->kind->name);
}

static const struct channel_ops ops = { on_answer, NULL, on_closed };

struct err *
peer_new(struct event_base *base, int fd, const struct peer_kind *kind,
    void (*lost)(void *, const char *), void *arg, struct peer **out)
{
	struct peer *p = calloc(1, sizeof(*p));
	struct err *e;

	if (p == NULL)
		return err_sys("connection to %s", kind->name);
	p->kind = kind;
	p->lost = lost;
	p->arg = arg;
	e = channel_new(base, fd, ROLE_MONITOR, kind->role, kind->name,
	    PEER_QUEUE_MAX_BYTES, &ops, p, &p->channel);
	if (e != NULL) {
		free(p);
		return e;
	}
	*out = p;
	return NULL;
}

struct err *
peer_ask(struct peer *p, struct msg *m, int fd, enum msg_type expected,
    peer_done *done, void *arg)
{
	struct question *q;
	struct err *e;

	if (p->channel == NULL)
		return err_new("%s is gone", p->kind->name);
	if ((q = calloc(1, sizeof(*q))) == NULL)
		return err_sys("question to %s", p->kind->name);
	m->id = q->id = channel_next_id(p->channel);
	q->expected = expected;
	q->done = done;
	q->arg = arg;
	if ((e = channel_send(p->channel, m, fd)) != NULL) {
		free(q);
		return err_wrap(e, "question to %s", p->kind->name);
	}
	LIST_INSERT_HEAD(&p->buckets[q->id % 256], q, link);
	p->pending++;
	return NULL;
}

struct err *
peer_tell(struct peer *p, struct msg *m)
{
	if (p->channel == NULL)
		return err_new("%s is gone", p->kind->name);
	m->id = channel_next_id(p->channel);
	return channel_send(p->channel, m, -1);
}

size_t
peer_pending(const struct peer *p)
{
	return p->pending;
}

void
peer_free(struct peer *p)
{
	struct question *q;
	size_t i;

	if (p == NULL)
		return;
	for (i = 0; i < 256; i++)
		while ((q = LIST_FIRST(&p->buckets[i])) != NULL) {
			LIST_REMOVE(q, link);
			free(q);
		}
	channel_free(p->channel);
	free(p);
}
