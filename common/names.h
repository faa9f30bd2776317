/* names.h - DNS names as certificates and challenges may hold them. */
#ifndef NAMES_H
#define NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "text.h"

#define NAME_MAX_BYTES	253 /* RFC 1035 section 2.3.4, without the last dot */
#define LABEL_MAX_BYTES 63
#define NAMES_MAX	100 /* Let's Encrypt, classic profile */

/* The prefix of every record that we may touch (RFC 8555 section 8.4). */
#define CHALLENGE_LABEL "_acme-challenge."

/* NULL when name can stand in a certificate order: lower-case A-labels, two at
 * least, perhaps "*." before them, no trailing dot, no address. Otherwise what
 * is wrong with it, for a person, as a constant text. */
const char	*name_problem(struct str name);
/* name without a leading "*.". */
struct str	 name_base(struct str name);
bool		 name_is_wildcard(struct str name);
/* CHALLENGE_LABEL followed by a name that is good and no wildcard. */
bool		 name_is_challenge(struct str name);
/* A name that may be a certificate's (a lineage's): one path component of
 * printable bytes, no "/", not starting with "." or "-", at most 200 bytes.
 * NULL when good, otherwise what is wrong. */
const char	*lineage_name_problem(struct str name);

#endif
