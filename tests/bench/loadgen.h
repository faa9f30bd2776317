/* loadgen.h - what the files of the load generator share. */
#ifndef LOADGEN_H
#define LOADGEN_H

/* Heap text. Everything here ends the program where it fails. */
char	*text(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The account's key. */
void	 make_account(void);
/* A signed request; kid NULL: with the key itself. */
char	*jws(const char *url, const char *payload, const char *nonce,
	    const char *kid);
/* For name and what is below it, with a key of its own, base64url. */
char	*make_csr(const char *name);

#endif
