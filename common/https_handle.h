/*
 * https_handle.h - libcurl's handles, with the rules that hold for every
 * transfer. Only https*.c include it.
 */
#ifndef HTTPS_HANDLE_H
#define HTTPS_HANDLE_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>

#define HANDLES_SPARE 32 /* 10 KiB each; as many requests are often under way */

struct https_handles {
	struct curl_blob ca; /* PEM, that outlives them */
	char *agent;
	CURL *spare[HANDLES_SPARE];
	size_t n_spare;
};

/* One that is used by nobody, for https_handle_give(); NULL when out of
 * memory. */
CURL	*https_handle_take(struct https_handles *h);
/* is_fit: its transfer went well, so that it may serve another. */
void	 https_handle_give(struct https_handles *h, CURL *easy, bool is_fit);
/* Frees those that nobody uses, and what they remember. */
void	 https_handles_clear(struct https_handles *h);

#endif
