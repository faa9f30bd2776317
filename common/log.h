/*
 * log.h - one line a fact, to standard error: the terminal, the journal, or
 * the monitor's pipe. Control characters are escaped, whoever wrote them.
 */
#ifndef LOG_H
#define LOG_H

#include <stdbool.h>

#include "err.h"

enum log_level { /* the numbers of syslog(3), which journald reads */
	LOG_LEVEL_ERROR = 3,
	LOG_LEVEL_WARN = 4,
	LOG_LEVEL_NOTICE = 5, /* audit lines */
	LOG_LEVEL_INFO = 6,
	LOG_LEVEL_DEBUG = 7,
};

/* Names the program in every line. Journal priorities ("<4>") are written when
 * JOURNAL_STREAM or LOG_PRIORITIES is set in the environment: call it before
 * the environment is cleared. program is kept, not copied. */
void	log_open(const char *program);
/* Lines of a higher number are dropped; LOG_LEVEL_INFO at the start. */
void	log_limit(enum log_level most);

void	log_line(enum log_level level, const char *fmt, ...) ERR_PRINTF(2, 3);
/* Logs e with its advice, and frees it. NULL is fine. */
void	log_err(enum log_level level, struct err *e);

/* What a line is about: fields that a journal can be asked for. 0 and NULL where
 * it is about none. */
struct log_about {
	unsigned job;
	const char *certificate, *stage;
};
/* log_line(), with fields where the log has them. */
void	log_about(const struct log_about *about, enum log_level level,
	    const char *fmt, ...) ERR_PRINTF(3, 4);
/* fn writes all lines from now on: escaped, without the program's name. It
 * returns false where it cannot, and standard error gets the line. about may be
 * NULL. */
void	log_to(bool (*fn)(enum log_level level, const char *line,
	    const struct log_about *about));

/* From now on lines are collected. soon(arg) is called when a first one waits:
 * whoever has a loop calls log_flush() before that does. Warnings and errors are
 * written at once, behind what waits. A process that is forked collects nothing.
 * soon NULL: no longer. */
void	log_collect(void (*soon)(void *arg), void *arg);
void	log_flush(void);

#define log_error(...)	log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...)	log_line(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...)	log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)	log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)
/* A privileged act or a refusal, where nothing better is known than a text: a
 * line for the log, or for whoever has asked for them. */
void	log_audit(const char *fmt, ...) ERR_PRINTF(1, 2);
/* fn writes the lines of log_audit() from now on; NULL: the log again. */
void	log_audit_to(void (*fn)(void *arg, const char *text), void *arg);

#endif
