/* as_pem.h - lets a fuzzer change DER as well as the text around it. */
#ifndef AS_PEM_H
#define AS_PEM_H

#include <stdint.h>
#include <stdlib.h>

#include <openssl/bio.h>
#include <openssl/pem.h>

#include "buf.h"

#define AS_PEM_MAX (1 << 20)

/* Appends what is written in bio (freed). */
static inline void
take_bio(struct buf *out, BIO *bio)
{
	char *p;
	long n = BIO_get_mem_data(bio, &p);

	if (n < 0 || buf_add(out, p, (size_t)n) != NULL)
		abort();
	BIO_free(bio);
}

/* Input that begins with "-" is PEM already. Other input is a list of DER
 * pieces, a length of two bytes before each. */
static inline struct buf *
as_pem(const uint8_t *data, size_t n)
{
	struct buf *out = buf_new(AS_PEM_MAX);
	BIO *bio = BIO_new(BIO_s_mem());

	if (n > 0 && data[0] == '-' && buf_add(out, data, n) != NULL)
		abort();
	while (n >= 2 && data[0] != '-') {
		size_t piece = (size_t)data[0] << 8 | data[1];

		data += 2;
		n -= 2;
		if (piece > n)
			piece = n;
		PEM_write_bio(bio, "CERTIFICATE", "", data, (long)piece);
		data += piece;
		n -= piece;
	}
	take_bio(out, bio);
	return out;
}

#endif
