/*
 * analyzer.h - what clang's analyzer cannot see because it reads one file at a
 * time: these functions keep NULL (success) and an error apart. Only clang-tidy
 * includes this, before everything else.
 */
#ifndef ANALYZER_H
#define ANALYZER_H

#include "err.h"

extern struct err err_some_;

/* Never NULL. */
#define err_new(...)	      ((void)(err_new)(__VA_ARGS__), &err_some_)
#define err_sys(...)	      ((void)(err_sys)(__VA_ARGS__), &err_some_)
#define err_wrap(cause, ...)  (cause)
#define err_advise(e, ...)    (e)
#define err_retry_at(e, when) (e)

#endif
