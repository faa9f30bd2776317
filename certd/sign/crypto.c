/*
 * crypto.c - sets OpenSSL and jansson up for a process that holds keys.
 *
 * Runs in:  certd-sign (_certd-sign; no network, no exec, no files).
 * Input:    none.
 * Promise:  after crypto_init() neither library opens a file, and no memory
 *           that they give back still holds what was in it.
 */
#define _GNU_SOURCE /* explicit_bzero */
#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "log.h"
#include "sign.h"

/*
 * Locked memory. A key takes at most 4 KiB of it (RSA 4096); 4 MiB fit into
 * the 8 MiB that kernels since 5.16 let anybody lock.
 */
#define LOCKED_BYTES (4 * 1024 * 1024)
#define LOCKED_LEAST 32 /* smallest piece: a P-256 key */

/* Copies of keys pass through ordinary memory while they are decoded, encoded
 * and used for signing. Wiping every piece that is given back is the only
 * way to catch them all. malloc_usable_size() is exact enough: what lies
 * behind the size asked for was never written by anyone. */
static void
wiping_free(void *p)
{
	if (p == NULL)
		return;
	explicit_bzero(p, malloc_usable_size(p));
	free(p);
}

static void *
openssl_malloc(size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return malloc(n);
}

static void
openssl_free(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	wiping_free(p);
}

/* realloc() would leave a copy behind where it moves. */
static void *
openssl_realloc(void *p, size_t n, const char *file, int line)
{
	size_t old = p == NULL ? 0 : malloc_usable_size(p);
	void *fresh;

	if (n == 0) {
		openssl_free(p, file, line);
		return NULL;
	}
	if (n <= old)
		return p;
	if ((fresh = malloc(n)) == NULL)
		return NULL;
	if (p != NULL)
		memcpy(fresh, p, old);
	wiping_free(p);
	return fresh;
}

struct err *
crypto_err(const char *fmt, ...)
{
	unsigned long code = ERR_peek_last_error();
	const char *reason = ERR_reason_error_string(code);
	char *text = NULL;
	struct err *e;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) == -1)
		text = NULL;
	va_end(ap);
	e = err_new("%s: %s", text == NULL ? "OpenSSL" : text,
	    reason == NULL ? "unknown reason" : reason);
	free(text);
	ERR_clear_error();
	return e;
}

/* Locked memory for keys; swap is worth a warning, not an end. */
static struct err *
init_locked_memory(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_MEMLOCK, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_MEMLOCK, &limit);
	}
	switch (CRYPTO_secure_malloc_init(LOCKED_BYTES, LOCKED_LEAST)) {
	case 1:
		return NULL;
	case 2:
		log_warn("keys may be swapped out: %d bytes of memory cannot "
			 "be locked (RLIMIT_MEMLOCK)",
		    LOCKED_BYTES);
		return NULL;
	default:
		return crypto_err("set up locked memory");
	}
}

/* Makes providers and random number generators exist: their first use looks
 * for configuration and modules. */
static struct err *
warm_up(void)
{
	unsigned char bytes[32];
	struct tm tm;
	time_t now = time(NULL);
	EVP_PKEY *pkey;
	struct err *e;

	if (OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CRYPTO_STRINGS |
				    OPENSSL_INIT_ADD_ALL_CIPHERS |
				    OPENSSL_INIT_ADD_ALL_DIGESTS |
				    OPENSSL_INIT_LOAD_CONFIG,
		NULL) != 1)
		return crypto_err("set up OpenSSL");
	if ((e = algorithms_init()) != NULL)
		return e;
	if (RAND_bytes(bytes, sizeof(bytes)) != 1 ||
	    RAND_priv_bytes(bytes, sizeof(bytes)) != 1)
		return crypto_err("random numbers");
	OPENSSL_cleanse(bytes, sizeof(bytes));
	if ((pkey = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256")) == NULL)
		return crypto_err("make a key");
	EVP_PKEY_free(pkey);
	/* glibc reads /etc/localtime at its first look at a calendar. */
	(void)gmtime_r(&now, &tm);
	return NULL;
}

struct err *
crypto_init(void)
{
	struct err *e;

	/* More of them would need mprotect, which the jail has not. */
	(void)mallopt(M_ARENA_MAX, 1);
	json_set_alloc_funcs(malloc, wiping_free);
	json_object_seed(0); /* else at the first object, from /dev/urandom */
	if (CRYPTO_set_mem_functions(
		openssl_malloc, openssl_realloc, openssl_free) != 1)
		return err_new("OpenSSL was used before it was set up");
	if ((e = init_locked_memory()) != NULL)
		return e;
	return warm_up();
}

bool
crypto_has_room(void)
{
	return CRYPTO_secure_malloc_initialized() != 1 ||
	       CRYPTO_secure_used() <= LOCKED_BYTES / 2;
}
