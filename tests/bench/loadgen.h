/* loadgen.h - what the files of the load generator share. */
#ifndef LOADGEN_H
#define LOADGEN_H

#include <stddef.h>

#define NAMES 2 /* of a certificate */

/* Heap text. Everything here ends the program where it fails. */
char	*text(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The account's key. */
void	 make_account(void);
/* A signed request; kid NULL: with the key itself. */
char	*jws(const char *url, const char *payload, const char *nonce,
	    const char *kid);
/* What DNS has to show for a token. */
char	*answer_to(const char *token);
/* For name and what is below it, with a key of its own, base64url. */
char	*make_csr(const char *name);

/* The values of order i; returns how many. */
typedef size_t dns_values(size_t i, const char *values[NAMES]);
/* A socket on port 53 of address. */
int	 dns_open(const char *address);
/* Answers what has been asked since. */
void	 dns_serve(int s, dns_values *values_of);

#endif
