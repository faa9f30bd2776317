/* buf.h - growable byte buffer with a hard limit; its memory is wiped on free. */
#ifndef BUF_H
#define BUF_H

#include <stddef.h>

#include "err.h"

struct buf;

/* New empty buffer that will refuse to grow beyond max bytes. NULL when out of
 * memory. */
struct buf	*buf_new(size_t max);
/* Append n bytes (copied). On error b is unchanged. */
struct err	*buf_add(struct buf *b, const void *p, size_t n);
/* Append formatted text, without its NUL. On error b is unchanged. */
struct err	*buf_addf(struct buf *b, const char *fmt, ...) ERR_PRINTF(2, 3);
/* Append all that can be read from fd up to its end. On error b is unchanged
 * or holds the part read so far. */
struct err	*buf_add_file(struct buf *b, int fd);
/* Remove n bytes (at most all) from the front. */
void		 buf_drop(struct buf *b, size_t n);
/* The bytes; always followed by a NUL that does not count, so that text can be
 * used as a C string. Valid until b changes. */
const char	*buf_data(const struct buf *b);
size_t		 buf_len(const struct buf *b);
/* Empties and wipes; the memory stays. */
void		 buf_clear(struct buf *b);
/* NULL is fine. */
void		 buf_free(struct buf *b);

#endif
