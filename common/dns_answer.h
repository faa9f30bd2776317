/*
 * dns_answer.h - makes questions, and takes DNS messages apart. Apart from dns.c so
 * that it can be fuzzed; only dns.c, acmew/doh.c and tests include it.
 */
#ifndef DNS_ANSWER_H
#define DNS_ANSWER_H

#include "dns.h"

#define DNS_NAME_SIZE 256 /* 253 bytes, NUL; rounded up */
#define DNS_QUESTION_SIZE 320 /* header, name, type and class */

/* An answer with the memory behind it. */
struct dns_reply {
	struct dns_answer answer; /* its texts live until dns_reply_clear() */
	unsigned rcode;		  /* RFC 1035 section 4.1.1 */
	char **values;
	char soa[DNS_NAME_SIZE], cname[DNS_NAME_SIZE], problem[384];
};

/* Fills r from the n bytes that server sent when it was asked for name and
 * type. Never fails: what cannot be read is the outcome DNS_SERVER. Afterwards
 * dns_reply_clear(). */
void	dns_reply_read(struct dns_reply *r, const char *name,
	    enum dns_type type, const char *server, const unsigned char *data,
	    size_t n);
/* Fills r for a question that got no answer. */
void	dns_reply_fail(struct dns_reply *r, enum dns_outcome outcome,
	    const char *fmt, ...) ERR_PRINTF(3, 4);
void	dns_reply_clear(struct dns_reply *r);
/* The message that asks a resolver for name and type; false where name is
 * none. */
bool	dns_question_make(const char *name, enum dns_type type,
	    unsigned char out[DNS_QUESTION_SIZE], size_t *n);

#endif
