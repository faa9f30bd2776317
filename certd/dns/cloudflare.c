/*
 * cloudflare.c - the client of Cloudflare's API v4 as a whole.
 *
 * Runs in:  certd-dns (_certd-dns; HTTPS to the provider; no files, no exec).
 *
 *	cf_publish.c, cf_remove.c	what the monitor asks for
 *	cf_op.c				what the two have in common
 *	cf_batch.c			several of them in one request
 *	cf_zone.c			which zone holds a name
 *	cf_call.c, pace.c		one request: pace, retries, time-outs
 *	cf_reply.c, cf_advice.c		what the answers say (pure)
 *	cf_made.c			what may be deleted unseen
 */
#include <stdlib.h>
#include <string.h>

#include "cf_priv.h"
#include "url.h"

struct err *
cloudflare_new(struct event_base *base, struct https *h, const char *api_url,
    struct cloudflare **out)
{
	struct cloudflare *cf;
	size_t n = strlen(api_url);
	struct url url;

	*out = NULL;
	if (!url_parse(str_of(api_url), &url) ||
	    memchr(url.path.p, '?', url.path.n) != NULL)
		return err_advise(err_new("api-url: no https URL: %s", api_url),
		    "leave it out to use Cloudflare's own");
	if ((cf = calloc(1, sizeof(*cf))) == NULL)
		return err_sys("Cloudflare");
	TAILQ_INIT(&cf->calls);
	TAILQ_INIT(&cf->entries);
	TAILQ_INIT(&cf->walks);
	TAILQ_INIT(&cf->ops);
	TAILQ_INIT(&cf->lanes);
	TAILQ_INIT(&cf->made);
	LIST_INIT(&cf->looks);
	cf->base = base;
	cf->https = h;
	while (n > 0 && api_url[n - 1] == '/')
		n--;
	if ((cf->api = strndup(api_url, n)) == NULL) {
		cloudflare_free(cf);
		return err_sys("Cloudflare");
	}
	*out = cf;
	return NULL;
}

/* Another token may see other zones. */
void
cloudflare_identify(struct cloudflare *cf, struct credentials *c, bool same)
{
	credentials_clear(&cf->credentials);
	cf->credentials = *c;
	memset(c, 0, sizeof(*c));
	if (same)
		return;
	cf_zone_forget_all(cf);
	cf->silent_until = 0;
}

void
cloudflare_forget(struct cloudflare *cf)
{
	credentials_clear(&cf->credentials);
	https_rest(cf->https);
}

void
cloudflare_free(struct cloudflare *cf)
{
	if (cf == NULL)
		return;
	cf_calls_free(cf);
	cf_zones_free(cf);
	cf_ops_free(cf);
	cf_lanes_free(cf);
	cf_made_free(cf);
	cf_looks_free(cf);
	credentials_clear(&cf->credentials);
	free(cf->api);
	free(cf);
}
