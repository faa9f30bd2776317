/*
 * buf.c - growable byte buffer with a hard limit.
 *
 * Runs in:  every program.
 * Promise:  memory that held bytes is wiped before it is given back, on
 *           growth too, so that secrets never stay behind in the heap.
 */
#define _GNU_SOURCE /* explicit_bzero, vasprintf */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"

struct buf {
	char *data; /* size bytes; data[len] is a NUL */
	size_t len, size, max;
};

struct buf *
buf_new(size_t max)
{
	struct buf *b = calloc(1, sizeof(*b));

	if (b == NULL || (b->data = calloc(1, 64)) == NULL) {
		free(b);
		return NULL;
	}
	b->size = 64;
	b->max = max;
	return b;
}

/* Room for n bytes more and the NUL. realloc() would leave a copy behind. */
static struct err *
reserve(struct buf *b, size_t n)
{
	size_t size = b->size;
	char *data;

	if (n > b->max - b->len)
		return err_new("more than %zu bytes", b->max);
	if (b->len + n < b->size)
		return NULL;
	while (size <= b->len + n)
		size *= 2;
	if ((data = malloc(size)) == NULL)
		return err_sys("buffer of %zu bytes", size);
	memcpy(data, b->data, b->len + 1);
	explicit_bzero(b->data, b->size);
	free(b->data);
	b->data = data;
	b->size = size;
	return NULL;
}

struct err *
buf_add(struct buf *b, const void *p, size_t n)
{
	struct err *e;

	if (n == 0)
		return NULL;
	if ((e = reserve(b, n)) != NULL)
		return e;
	memcpy(b->data + b->len, p, n);
	b->len += n;
	b->data[b->len] = '\0';
	return NULL;
}

struct err *
buf_addf(struct buf *b, const char *fmt, ...)
{
	struct err *e;
	va_list ap;
	char *text = NULL;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n == -1)
		return err_sys("format text");
	e = buf_add(b, text, (size_t)n);
	explicit_bzero(text, (size_t)n);
	free(text);
	return e;
}

struct err *
buf_add_file(struct buf *b, int fd)
{
	char part[4096];
	struct err *e = NULL;
	ssize_t n = 0;

	while (e == NULL && (n = read(fd, part, sizeof(part))) != 0) {
		if (n > 0)
			e = buf_add(b, part, (size_t)n);
		else if (errno != EINTR)
			e = err_sys("read");
	}
	explicit_bzero(part, sizeof(part));
	return e;
}

void
buf_drop(struct buf *b, size_t n)
{
	size_t rest = n < b->len ? b->len - n : 0;

	memmove(b->data, b->data + (b->len - rest), rest);
	explicit_bzero(b->data + rest, b->len - rest);
	b->len = rest;
}

const char *
buf_data(const struct buf *b)
{
	return b->data;
}

size_t
buf_len(const struct buf *b)
{
	return b->len;
}

void
buf_clear(struct buf *b)
{
	buf_drop(b, b->len);
}

void
buf_free(struct buf *b)
{
	if (b == NULL)
		return;
	explicit_bzero(b->data, b->size);
	free(b->data);
	free(b);
}
