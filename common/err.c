/*
 * err.c - errors as values with a readable chain.
 *
 * Runs in:  every program.
 * Promise:  making an error never fails and never aborts.
 */
#define _GNU_SOURCE /* vasprintf */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "err.h"

struct err {
	char *text;
	char *advice;
	time_t when;
	int number;
};

/* What is left to say when there is no memory to say it in. */
static struct err no_memory = { .number = ENOMEM };

static char *
format(const char *fmt, va_list ap)
{
	char *text = NULL;

	return vasprintf(&text, fmt, ap) == -1 ? NULL : text;
}

/* An error of text (taken); the constant one where memory ran out. */
static struct err *
make(char *text, int number)
{
	struct err *e = text == NULL ? NULL : calloc(1, sizeof(*e));

	if (e == NULL) {
		free(text);
		return &no_memory;
	}
	e->text = text;
	e->number = number;
	return e;
}

struct err *
err_new(const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = format(fmt, ap);
	va_end(ap);
	return make(text, 0);
}

struct err *
err_sys(const char *fmt, ...)
{
	int number = errno;
	va_list ap;
	char *text, *whole = NULL;

	va_start(ap, fmt);
	text = format(fmt, ap);
	va_end(ap);
	if (text == NULL ||
	    asprintf(&whole, "%s: %s", text, strerror(number)) == -1)
		whole = NULL;
	free(text);
	return make(whole, number);
}

struct err *
err_wrap(struct err *cause, const char *fmt, ...)
{
	va_list ap;
	char *text, *whole = NULL;

	if (cause == NULL || cause == &no_memory)
		return cause;
	va_start(ap, fmt);
	text = format(fmt, ap);
	va_end(ap);
	if (text != NULL && asprintf(&whole, "%s: %s", text, cause->text) != -1) {
		free(cause->text);
		cause->text = whole;
	}
	free(text);
	return cause;
}

struct err *
err_advise(struct err *e, const char *fmt, ...)
{
	va_list ap;

	if (e == NULL || e == &no_memory || e->advice != NULL)
		return e;
	va_start(ap, fmt);
	e->advice = format(fmt, ap);
	va_end(ap);
	return e;
}

struct err *
err_retry_at(struct err *e, time_t when)
{
	if (e != NULL && e != &no_memory)
		e->when = when;
	return e;
}

struct err *
err_mark(struct err *e, int number)
{
	if (e != NULL && e != &no_memory)
		e->number = number;
	return e;
}

struct err *
err_copy(const struct err *e)
{
	struct err *copy;

	if (e == NULL || e == &no_memory)
		return e == NULL ? NULL : &no_memory;
	copy = err_new("%s", e->text);
	if (copy != &no_memory) {
		copy->number = e->number;
		copy->when = e->when;
		copy->advice = e->advice == NULL ? NULL : strdup(e->advice);
	}
	return copy;
}

const char *
err_text(const struct err *e)
{
	if (e == NULL)
		return "no error";
	return e == &no_memory ? "out of memory" : e->text;
}

const char *
err_advice(const struct err *e)
{
	return e == NULL || e->advice == NULL ? "" : e->advice;
}

time_t
err_when(const struct err *e)
{
	return e == NULL ? 0 : e->when;
}

int
err_errno(const struct err *e)
{
	return e == NULL ? 0 : e->number;
}

void
err_free(struct err *e)
{
	if (e == NULL || e == &no_memory)
		return;
	free(e->text);
	free(e->advice);
	free(e);
}
