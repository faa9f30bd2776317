/*
 * publisher.h - everything that certd-dns can do: TXT records below
 * "_acme-challenge." made and removed through Cloudflare's API.
 */
#ifndef PUBLISHER_H
#define PUBLISHER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "err.h"
#include "https.h"
#include "proto.h"
#include "sandbox.h"

struct event_base;
struct cloudflare;

/* ---- credentials.c ---- */

/* What proves who we are, as headers. */
struct credentials {
	struct https_header headers[2];
	size_t n_headers;
	struct buf *values[2]; /* of the headers; wiped */
};

/* Reads certbot's credentials file from fd. A file that others can read is
 * refused. */
struct err	*credentials_read(int fd, struct credentials *out);
/* As credentials_read(), from text. */
struct err	*credentials_parse(const char *text, size_t n,
		    struct credentials *out);
/* Wipes. */
void		 credentials_clear(struct credentials *c);

/* ---- cloudflare.c, and cf_*.c ---- */

#define CF_ID_SIZE     65 /* 64 hex digits at most: the bound of the message */
#define CF_NAME_SIZE   254
#define CF_SERVERS_MAX 16

/* A zone as Cloudflare has it. */
struct cf_zone {
	char name[CF_NAME_SIZE], id[CF_ID_SIZE];
	char status[24]; /* "active" where its records are served */
	char servers[CF_SERVERS_MAX][CF_NAME_SIZE];
	size_t n_servers;
};

/* Where the record stands now; lives during the callback. */
struct cf_place {
	const struct cf_zone *zone;
	const char *number;
};

/* The end of a request: e (owned by the callee) is NULL when all is well. place
 * is set where a record was published. */
typedef void cf_done(void *arg, const struct cf_place *place, struct err *e);

/* api_url: "https://api.cloudflare.com/client/v4". h and base must outlive it. */
struct err	*cloudflare_new(struct event_base *base, struct https *h,
		    const char *api_url, struct cloudflare **out);
/* No callback comes any more. NULL is fine. */
void		 cloudflare_free(struct cloudflare *cf);
/* From now on requests are made with these (taken). same: what is known of zones
 * still holds. */
void		 cloudflare_identify(struct cloudflare *cf,
		    struct credentials *c, bool same);
/* No request is under way: forgets the credentials, and the connections to which
 * they were told. */
void		 cloudflare_forget(struct cloudflare *cf);

/* All of them: the record must be a challenge name; on error no callback comes.
 * The callback may come before the function has returned. */

/* Looks for the zone of a record that is to come; the connection stays too. */
struct err	*cloudflare_expect(struct cloudflare *cf, struct str record,
		    cf_done *done, void *arg);
/* Makes a TXT record, or adopts the same one; again: it may well be there, and
 * is looked for first. */
struct err	*cloudflare_publish(struct cloudflare *cf, struct str record,
		    struct str value, bool again, cf_done *done, void *arg);
/* Deletes a record by its number; that it is gone is fine, that it is another
 * record is not. */
struct err	*cloudflare_remove(struct cloudflare *cf, struct str record,
		    struct str zone, struct str number, cf_done *done,
		    void *arg);
/* Deletes the TXT records of this name and value. */
struct err	*cloudflare_find_remove(struct cloudflare *cf,
		    struct str record, struct str value, cf_done *done,
		    void *arg);

/* ---- cf_token.c ---- */
#define CF_SIGHT_ZONES_MAX 100 /* the bounds of message dns_zone_list */
#define CF_EXTRA_MAX	   32
#define CF_WORD_SIZE	   64

/* What a token sees and may do. */
struct cf_sight {
	char zones[CF_SIGHT_ZONES_MAX][CF_NAME_SIZE];
	size_t n_zones;
	uint32_t count; /* of zones in all */
	const char *lacking[4];
	size_t n_lacking;
	char extra[CF_EXTRA_MAX][CF_WORD_SIZE];
	size_t n_extra;
	bool global; /* a key and no token */
	time_t expires; /* of the token; 0: never, or not known */
};
/* s lives during the callback; where it is NULL, e (the callee's) says why. */
typedef void cf_sight_done(void *arg, const struct cf_sight *s,
    struct err *e);
/* Asks with these credentials (taken) at the API of as, which keeps its own. The
 * callback may come before this returns, and does not come once as is freed. */
struct err	*cloudflare_look(struct cloudflare *as,
		    struct credentials *c, cf_sight_done *done, void *arg);

/* ---- requests.c ---- */

struct publisher {
	struct event_base *base;
	struct channel *monitor;
	struct cloudflare *cloudflare;
	LIST_HEAD(request_list, request) requests; /* without an answer */
	int status; /* to leave with */
};

/* A message of the monitor; fd is closed. */
struct err	*publisher_request(struct publisher *p, const struct msg *m,
		    int fd);
/* We leave, and nobody is told any more: after cloudflare_free(). */
void		 publisher_forget(struct publisher *p);

/* ---- wipe.c ---- */
/* Once, before the first secret. Where the kernel does not let us lock memory,
 * that is a warning. */
void		 wipe_init(void);

/* ---- jail.c ---- */
extern const struct sandbox publisher_jail;

#endif
