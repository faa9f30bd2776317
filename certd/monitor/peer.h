/* peer.h - questions to the signer, the publisher and the hook runner. */
#ifndef PEER_H
#define PEER_H

#include "proto.h"

struct event_base;
struct peer;

/* The answer, or an error (owned by the callee) and no answer. */
typedef void peer_done(void *arg, const struct msg *answer, struct err *e);

/* What a peer's answers look like: which message means that a request failed,
 * and how it becomes an error. */
struct peer_kind {
	enum role role;
	const char *name;
	enum msg_type failed;
	struct err *(*failure)(const struct msg *m);
	enum msg_type partial; /* comes before the answer, any number; or 0 */
	/* It is lost when, with a question open, it says nothing for so long;
	 * and when a question is as old as that. */
	unsigned silent_secs, answer_secs;
};

extern const struct peer_kind peer_signer, peer_publisher, peer_hook;

/* A peer on fd (taken). lost is called when the connection ends, whoever's
 * fault it was, and when a question was not answered in time (logged): certd
 * then leaves (crash-only). */
struct err	*peer_new(struct event_base *base, int fd,
		    const struct peer_kind *kind,
		    void (*lost)(void *arg, const char *name), void *arg,
		    struct peer **out);
/* Sends m (its id is set here) with fd (-1: none; the caller keeps it). done
 * comes exactly once, never before this returns; the answer has type expected,
 * anything else ends the peer. Partial messages come to done too, before the
 * answer: m->type tells them apart. */
struct err	*peer_ask(struct peer *p, struct msg *m, int fd,
		    enum msg_type expected, peer_done *done, void *arg);
/* The same, for an arg of one block that done frees: so does peer_free(), where
 * certd leaves before the answer. */
struct err	*peer_ask_owned(struct peer *p, struct msg *m, int fd,
		    enum msg_type expected, peer_done *done, void *arg);
/* Sends m, which has no answer. */
struct err	*peer_tell(struct peer *p, struct msg *m);
/* channel_ops.sending, with the arg of peer_new(). */
void		 peer_before_sending(struct peer *p,
		    uint64_t (*sending)(void *arg));
/* channel_go_on(); NULL is fine. */
void		 peer_go_on(struct peer *p, uint64_t number);
/* It may be silent for longer than its kind: what it does takes as long as an
 * administrator allows. */
void		 peer_be_patient(struct peer *p, unsigned silent_secs);
/* Questions without an answer yet. */
size_t		 peer_pending(const struct peer *p);
/* Outstanding callbacks do not come. NULL is fine. */
void		 peer_free(struct peer *p);

#endif
