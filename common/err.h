/*
 * err.h - an error is a value: NULL is success, else what went wrong, for a
 * person to read. The receiver owns it and frees it or passes it on.
 */
#ifndef ERR_H
#define ERR_H

#include <time.h>

struct err;

#define ERR_PRINTF(f, a) __attribute__((format(printf, f, a)))
#define ERR_NONNULL	 __attribute__((returns_nonnull))

/* A new error. Never NULL: without memory it is a constant "out of memory". */
struct err	*err_new(const char *fmt, ...) ERR_PRINTF(1, 2) ERR_NONNULL;
/* As err_new(), with ": " and the text of errno behind it. */
struct err	*err_sys(const char *fmt, ...) ERR_PRINTF(1, 2) ERR_NONNULL;
/* Puts "fmt: " before the text of cause (taken). NULL stays NULL. */
struct err	*err_wrap(struct err *cause, const char *fmt, ...)
		    ERR_PRINTF(2, 3);
/* Adds what the user can do next; the first advice given stays. */
struct err	*err_advise(struct err *e, const char *fmt, ...)
		    ERR_PRINTF(2, 3);
/* Adds the earliest time (wall clock) at which trying again makes sense. */
struct err	*err_retry_at(struct err *e, time_t when);

/* Sets what err_errno() gives, without its text. */
struct err	*err_mark(struct err *e, int number);

/* Another error that says the same. */
struct err	*err_copy(const struct err *e);

/* The whole text, one line; "no error" for NULL. Lives as long as e. */
const char	*err_text(const struct err *e);
/* The advice, or "". */
const char	*err_advice(const struct err *e);
/* The time given to err_retry_at(), or 0. */
time_t		 err_when(const struct err *e);
/* The errno seen by err_sys() or given to err_mark(), or 0. */
int		 err_errno(const struct err *e);
/* NULL is fine. */
void		 err_free(struct err *e);

#endif
