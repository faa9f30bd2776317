/*
 * dns_message.c - a question as bytes, for those who carry it otherwise than
 * dns.c does.
 *
 * Runs in:  acmew (no files, no exec).
 * Input:    names of our own.
 */
#include <ares.h>
#include <arpa/nameser.h>
#include <string.h>

#include "dns_answer.h"

bool
dns_question_make(const char *name, enum dns_type type,
    unsigned char out[DNS_QUESTION_SIZE], size_t *n)
{
	unsigned char *message = NULL;
	int bytes = 0;
	bool good;

	/* RFC 8484 section 4.1: the number is 0, so that caches see equals. */
	good = *name != '\0' &&
	       ares_create_query(name, ns_c_in, (int)type, 0, 1, &message,
		   &bytes, 0) == ARES_SUCCESS &&
	       bytes > 0 && bytes <= DNS_QUESTION_SIZE;
	if (good) {
		memcpy(out, message, (size_t)bytes);
		*n = (size_t)bytes;
	}
	ares_free_string(message);
	return good;
}
