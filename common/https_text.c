/*
 * https_text.c - what HTTPS answers and failures say.
 *
 * Runs in:  acmew, certd-dns (no files, no exec).
 * Input:    headers of any server (hostile); libcurl's error texts.
 */
#include <errno.h>
#include <string.h>

#include "https.h"
#include "https_text.h"
#include "text.h"

const char *
https_header(const struct https_response *r, const char *name)
{
	for (size_t i = r->n_headers; i > 0; i--)
		if (strcmp(r->headers[i - 1].name, name) == 0)
			return r->headers[i - 1].value;
	return NULL;
}

long
retry_after_secs(const char *value, time_t now, long max_secs)
{
	size_t digits = strspn(value, "0123456789");
	uint64_t secs;
	time_t when;

	if (digits > 0 && value[digits] == '\0') {
		if (!text_number(value, 0, (uint64_t)max_secs, &secs))
			return max_secs; /* more than that */
		return (long)secs;
	}
	when = curl_getdate(value, NULL);
	if (when == -1)
		return -1;
	if (when <= now)
		return 0;
	return when - now < max_secs ? (long)(when - now) : max_secs;
}

/* The server's time, as its Date header says; ours without one. */
static time_t
server_time(const struct https_response *r)
{
	const char *date = https_header(r, "date");
	time_t t = date == NULL ? -1 : curl_getdate(date, NULL);

	return t == -1 ? time(NULL) : t;
}

long
https_retry_after(const struct https_response *r, long max_secs)
{
	const char *value = https_header(r, "retry-after");

	return value == NULL
		   ? -1
		   : retry_after_secs(value, server_time(r), max_secs);
}

long
https_clock_ahead(const struct https_response *r)
{
	return (long)(time(NULL) - server_time(r));
}

/* These pass: another try may go well. All others stay as they are. */
static bool
is_mood(CURLcode result)
{
	static const CURLcode moods[] = { CURLE_COULDNT_CONNECT, CURLE_HTTP2,
		CURLE_PARTIAL_FILE, CURLE_OPERATION_TIMEDOUT,
		CURLE_SSL_CONNECT_ERROR, CURLE_GOT_NOTHING, CURLE_SEND_ERROR,
		CURLE_RECV_ERROR, CURLE_HTTP2_STREAM };

	for (size_t i = 0; i < sizeof(moods) / sizeof(*moods); i++)
		if (moods[i] == result)
			return true;
	return false;
}

/* The server's certificate did not pass. */
static struct err *
bad_certificate(const char *url, const char *host, const char *detail)
{
	static const char prefix[] = "SSL certificate problem: ";
	const char *cause = detail;
	char now[TEXT_TIME_SIZE];
	struct err *e;

	if (strncmp(cause, prefix, strlen(prefix)) == 0)
		cause += strlen(prefix);
	e = err_new(
	    "%s: the certificate of %s is not trusted: %s", url, host, cause);
	if (strstr(cause, "expired") != NULL ||
	    strstr(cause, "not yet valid") != NULL)
		return err_advise(e,
		    "the clock of this machine says %s: if that is wrong, set "
		    "it (timedatectl set-ntp true keeps it right) and try "
		    "again; if it is right, %s needs a new certificate",
		    text_time(now, time(NULL)), host);
	if (cause == detail) /* the name, not the issuer */
		return err_advise(e, "check the host in the URL");
	return err_advise(e,
	    "if %s has a private CA, set ca-certificates in "
	    "certd.conf to a PEM bundle with its root",
	    host);
}

struct err *
https_failure(const char *url, const char *host, CURLcode result,
    const char *detail, bool sent)
{
	struct err *e;

	if (*detail == '\0')
		detail = curl_easy_strerror(result);
	if (result == CURLE_PEER_FAILED_VERIFICATION)
		return bad_certificate(url, host, detail);
	e = err_new("%s: %s", url, detail);
	if (result == CURLE_SSL_CACERT_BADFILE)
		return err_advise(e, "the ca-certificates of certd.conf cannot "
				     "be read as PEM");
	if (strstr(detail, "wrong version number") != NULL)
		return err_advise(e, "the server does not speak TLS there");
	if (!is_mood(result))
		return e;
	return err_mark(e, sent ? ECONNRESET : EAGAIN);
}
