/* url.h - the strict little part of RFC 3986 that ACME needs. */
#ifndef URL_H
#define URL_H

#include <stdbool.h>
#include <stdint.h>

#include "text.h"

#define URL_MAX_BYTES 1024

/* An https URL, taken apart; the parts borrow from the text. */
struct url {
	struct str host; /* lower case, as written; a literal IPv6 keeps [] */
	uint16_t port;	 /* 443 where none is written */
	struct str path; /* with query; at least "/" */
};

/* Takes https://host[:port]/path[?query] apart. Refused: every other scheme,
 * userinfo, fragments, an empty host, upper case in scheme or host, bytes
 * outside of RFC 3986, backslashes, dot segments, over URL_MAX_BYTES. */
bool	url_parse(struct str text, struct url *out);
/* The same host and port. */
bool	url_same_origin(const struct url *a, const struct url *b);
/* Whether url can be no other spelling of other, nor of its neighbours: its path
 * has no empty segment, no query and plain characters only, and it is not in the
 * folder of the other, nor that folder itself. False where that folder is "/". */
bool	url_is_apart(const struct url *url, const struct url *other);

#endif
