/*
 * https_text.h - what HTTPS answers and failures say. Only https*.c and tests
 * include it.
 */
#ifndef HTTPS_TEXT_H
#define HTTPS_TEXT_H

#include <curl/curl.h>
#include <stdbool.h>
#include <time.h>

#include "err.h"

/* Seconds from now until what a Retry-After header says, 0 to max_secs; -1
 * where it says nothing that can be read. */
long		 retry_after_secs(const char *value, time_t now, long max_secs);
/* The error for a transfer to url (at host) that libcurl gave up with result;
 * detail is the contents of CURLOPT_ERRORBUFFER, sent whether bytes of the
 * request went out. err_errno() is set as https.h says. */
struct err	*https_failure(const char *url, const char *host,
		    CURLcode result, const char *detail, bool sent);

#endif
