/*
 * analyzer.h - what clang's analyzer cannot see because it reads one file at a
 * time: these functions keep NULL (success) and an error apart. Only clang-tidy
 * includes this, before everything else.
 */
#ifndef ANALYZER_H
#define ANALYZER_H

#include "err.h"

#define err_wrap(cause, ...)  (cause)
#define err_advise(e, ...)    (e)
#define err_retry_at(e, when) (e)

#endif
