/*
 * peer.c - questions to the signer, the publisher and the hook runner, and
 * which answer belongs to which.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    decoded messages of our own children, one of which may have been
 *           taken over.
 * Promise:  an answer reaches the question that it was given to, once; an
 *           answer that nobody asked for, or of another type, ends the peer;
 *           so does one that does not come.
 */
#include <event2/event.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <time.h>
#include <unistd.h>

#include "channel.h"
#include "log.h"
#include "peer.h"

/* 1,024 jobs of 64 KiB each. Our children read as fast as they can. */
#define PEER_QUEUE_MAX_BYTES (64u * 1024 * 1024)

/* The signer makes one large key after the other, the longest of 4,096 bits:
 * seconds, some more on a busy machine. */
#define SIGNER_SILENT_SECS    120
/* One request to the provider may take five tries of 30 s, with 60 s of waiting
 * that the provider wants before each: 8 min; an operation has some of them. */
#define PUBLISHER_SILENT_SECS 1800
/* Of hundreds of keys to be made, or of records that the provider's limit of
 * requests holds back, the last one waits for all others. */
#define ANSWER_SECS	      3600
/* For peer_be_patient(), when it is known how long hooks may take. Over a
 * thousand of them, eight at a time. */
#define HOOK_SILENT_SECS      86400
#define HOOK_ANSWER_SECS      (7 * 86400)

struct question {
	LIST_ENTRY(question) link;
	TAILQ_ENTRY(question) by_age;
	time_t asked; /* monotonic */
	uint32_t id;
	enum msg_type expected;
	peer_done *done;
	void *arg;
	void *owned; /* arg, where it is nobody else's */
};

struct peer {
	const struct peer_kind *kind;
	struct channel *channel;
	void (*lost)(void *arg, const char *name);
	void *arg;
	LIST_HEAD(question_list, question) buckets[256];
	TAILQ_HEAD(age_list, question) by_age; /* the oldest first */
	size_t pending;
	unsigned silent_secs;
	time_t heard; /* monotonic: of it, or it was asked after a pause */
	struct event *timer;
	uint64_t (*sending)(void *arg);
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
	MSG_sign_failed, sign_failure, 0, SIGNER_SILENT_SECS, ANSWER_SECS };
const struct peer_kind peer_publisher = { ROLE_PUBLISHER, "certd-dns",
	MSG_dns_failed, dns_failure, 0, PUBLISHER_SILENT_SECS, ANSWER_SECS };
const struct peer_kind peer_hook = { ROLE_HOOK, "certd-hook", 0, NULL,
	MSG_hook_output, HOOK_SILENT_SECS, HOOK_ANSWER_SECS };

static time_t
now_secs(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

/* ---- answers that do not come ---- */

/* Closes the connection, as if it had. */
static void
give_up(struct peer *p, const char *why, time_t secs)
{
	log_error("%s %s for %lld s", p->kind->name, why, (long long)secs);
	channel_free(p->channel);
	p->channel = NULL;
	p->lost(p->arg, p->kind->name);
}

/* Looks when the first deadline may have passed, and not at every message. */
static void
watch(struct peer *p)
{
	const struct question *oldest = TAILQ_FIRST(&p->by_age);
	time_t now = now_secs(), silent = now - p->heard, age;
	struct timeval left = { .tv_sec = p->silent_secs - silent };

	if (oldest == NULL || p->channel == NULL)
		return;
	age = now - oldest->asked;
	if (age >= (time_t)p->kind->answer_secs) {
		give_up(p, "has not answered a question", age);
		return;
	}
	if (left.tv_sec <= 0) {
		give_up(p, "owes an answer, and has said nothing", silent);
		return;
	}
	if (left.tv_sec > p->kind->answer_secs - age)
		left.tv_sec = p->kind->answer_secs - age;
	(void)event_add(p->timer, &left);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	watch(arg);
}

/* The clock runs while something is asked. */
static void
add(struct peer *p, struct question *q)
{
	q->asked = now_secs();
	LIST_INSERT_HEAD(&p->buckets[q->id % 256], q, link);
	TAILQ_INSERT_TAIL(&p->by_age, q, by_age);
	if (p->pending++ > 0)
		return;
	p->heard = q->asked;
	watch(p);
}

static void
take_out(struct peer *p, struct question *q)
{
	LIST_REMOVE(q, link);
	TAILQ_REMOVE(&p->by_age, q, by_age);
	free(q);
	p->pending--;
}

/* ---- answers ---- */

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
	p->heard = now_secs();
	if (p->kind->partial != 0 && m->type == p->kind->partial) {
		q->done(q->arg, m, NULL);
		return NULL;
	}
	if (m->type != q->expected &&
	    (p->kind->failed == 0 || m->type != p->kind->failed))
		return err_new("an answer to another question");
	done = q->done;
	done_arg = q->arg;
	take_out(p, q);
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

static uint64_t
on_sending(void *arg)
{
	const struct peer *p = arg;

	return p->sending == NULL ? 0 : p->sending(p->arg);
}

static const struct channel_ops ops = { on_answer, NULL, on_closed,
	on_sending };

void
peer_before_sending(struct peer *p, uint64_t (*sending)(void *arg))
{
	p->sending = sending;
}

void
peer_go_on(struct peer *p, uint64_t number)
{
	if (p != NULL)
		channel_go_on(p->channel, number);
}

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
	p->silent_secs = kind->silent_secs;
	TAILQ_INIT(&p->by_age);
	if ((p->timer = event_new(base, -1, 0, on_timer, p)) == NULL) {
		free(p);
		close(fd);
		return err_new("connection to %s: out of memory", kind->name);
	}
	e = channel_new(base, fd, ROLE_MONITOR, kind->role, kind->name,
	    PEER_QUEUE_MAX_BYTES, &ops, p, &p->channel);
	if (e != NULL) {
		event_free(p->timer);
		free(p);
		return e;
	}
	*out = p;
	return NULL;
}

static struct err *
ask(struct peer *p, struct msg *m, int fd, enum msg_type expected,
    peer_done *done, void *arg, void *owned)
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
	q->owned = owned;
	if ((e = channel_send(p->channel, m, fd)) != NULL) {
		free(q);
		return err_wrap(e, "question to %s", p->kind->name);
	}
	add(p, q);
	return NULL;
}

struct err *
peer_ask(struct peer *p, struct msg *m, int fd, enum msg_type expected,
    peer_done *done, void *arg)
{
	return ask(p, m, fd, expected, done, arg, NULL);
}

struct err *
peer_ask_owned(struct peer *p, struct msg *m, int fd, enum msg_type expected,
    peer_done *done, void *arg)
{
	return ask(p, m, fd, expected, done, arg, arg);
}

struct err *
peer_tell(struct peer *p, struct msg *m)
{
	if (p->channel == NULL)
		return err_new("%s is gone", p->kind->name);
	m->id = channel_next_id(p->channel);
	return channel_send(p->channel, m, -1);
}

void
peer_be_patient(struct peer *p, unsigned silent_secs)
{
	p->silent_secs = silent_secs;
}

size_t
peer_pending(const struct peer *p)
{
	return p->pending;
}

void
peer_free(struct peer *p)
{
	struct question *q, *next;

	if (p == NULL)
		return;
	for (q = TAILQ_FIRST(&p->by_age); q != NULL; q = next) {
		next = TAILQ_NEXT(q, by_age);
		free(q->owned);
		free(q);
	}
	event_free(p->timer);
	channel_free(p->channel);
	free(p);
}
