/*
 * https_handle.c - libcurl's handles: to make one and to tell it our rules costs
 * about as much as the request itself, so that they are used again.
 *
 * Runs in:  acmew, certd-dns (no files, no exec).
 * Promise:  https only, TLS 1.2 at least, always verified; no redirect, proxy,
 *           cookie, .netrc or environment. A handle that waits for its next use
 *           leads to nothing of the last one.
 */
#include <stdbool.h>

#include "https_handle.h"

#define CONNECT_MSECS 15000L

#define SET(option, value)                                                     \
	(rc = rc != CURLE_OK ? rc : curl_easy_setopt(easy, option, value))

static CURLcode
set_rules(CURL *easy, const struct https_handles *h)
{
	CURLcode rc = CURLE_OK;

	SET(CURLOPT_PROTOCOLS_STR, "https");
	SET(CURLOPT_REDIR_PROTOCOLS_STR, "https");
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_PROXY, ""); /* or the environment is asked */
	SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(CURLOPT_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_SSL_VERIFYHOST, 2L);
	SET(CURLOPT_CAINFO, NULL); /* the built-in paths are files */
	SET(CURLOPT_CAPATH, NULL);
	SET(CURLOPT_CAINFO_BLOB, &h->ca);
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	SET(CURLOPT_PIPEWAIT, 1L); /* rather share a connection than open one */
	SET(CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MSECS);
	SET(CURLOPT_USERAGENT, h->agent);
	SET(CURLOPT_PATH_AS_IS, 1L);
	return rc;
}

CURL *
https_handle_take(struct https_handles *h)
{
	CURL *easy;

	if (h->n_spare > 0)
		return h->spare[--h->n_spare];
	if ((easy = curl_easy_init()) != NULL &&
	    set_rules(easy, h) != CURLE_OK) {
		curl_easy_cleanup(easy);
		return NULL;
	}
	return easy;
}

/* What a call sets stays set; what is freed with it must not. */
static CURLcode
forget_call(CURL *easy)
{
	CURLcode rc = CURLE_OK;

	SET(CURLOPT_ERRORBUFFER, NULL);
	SET(CURLOPT_PRIVATE, NULL);
	SET(CURLOPT_WRITEDATA, NULL);
	SET(CURLOPT_HEADERDATA, NULL);
	SET(CURLOPT_PREREQDATA, NULL);
	SET(CURLOPT_HTTPHEADER, NULL);
	SET(CURLOPT_RESOLVE, NULL);
	SET(CURLOPT_POSTFIELDS, NULL);
	SET(CURLOPT_URL, NULL);
	return rc;
}

void
https_handle_give(struct https_handles *h, CURL *easy, bool is_fit)
{
	if (easy == NULL)
		return;
	if (is_fit && h->n_spare < HANDLES_SPARE &&
	    forget_call(easy) == CURLE_OK)
		h->spare[h->n_spare++] = easy;
	else
		curl_easy_cleanup(easy);
}

void
https_handles_clear(struct https_handles *h)
{
	while (h->n_spare > 0)
		curl_easy_cleanup(h->spare[--h->n_spare]);
}
