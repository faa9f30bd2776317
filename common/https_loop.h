/*
 * https_loop.h - libcurl's multi interface on libevent. Only https*.c include
 * it.
 */
#ifndef HTTPS_LOOP_H
#define HTTPS_LOOP_H

#include <curl/curl.h>

#include "err.h"

struct event_base;
struct https_loop;

/* A transfer is over; private is its CURLOPT_PRIVATE. It is still in the loop;
 * transfers may be added and removed from here. */
typedef void https_loop_done(void *private, CURLcode result);

struct err	*https_loop_new(struct event_base *base, https_loop_done *done,
		    struct https_loop **out);
/* Closes the connections that are kept. All transfers must have been removed. On
 * error they stay. */
struct err	*https_loop_rest(struct https_loop *l);
/* All transfers must have been removed. NULL is fine. */
void		 https_loop_free(struct https_loop *l);
/* done never comes before this returns. */
struct err	*https_loop_add(struct https_loop *l, CURL *easy);
void		 https_loop_remove(struct https_loop *l, CURL *easy);

#endif
