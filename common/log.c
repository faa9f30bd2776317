/*
 * log.c - one line a fact, to standard error.
 *
 * Runs in:  every program.
 * Input:    texts that may hold what a CA or a name server said.
 * Promise:  one call is one line of printable bytes. It is written at once, by
 *           one write(2), or where lines are collected together with others:
 *           then no warning or error waits, nor any line behind one.
 */
#define _GNU_SOURCE /* vasprintf */
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "text.h"

#define LINE_MAX_BYTES 4096 /* longer lines are cut: journald splits at 48 KiB */

/* The one mutable global of the code base: where log lines go. */
static struct {
	const char *program;
	enum log_level most;
	bool priorities;
	void (*audit)(void *arg, const char *text);
	void *audit_arg;
	bool (*sink)(enum log_level level, const char *line,
	    const struct log_about *about);
	void (*soon)(void *arg); /* NULL: lines are not collected */
	void *soon_arg;
	char lines[2 * LINE_MAX_BYTES];
	size_t n;
} logger = { "certd", LOG_LEVEL_INFO, false, NULL, NULL, NULL, NULL, NULL,
	"", 0 };

void
log_open(const char *program)
{
	logger.program = program;
	logger.priorities = getenv("JOURNAL_STREAM") != NULL ||
	    getenv("LOG_PRIORITIES") != NULL;
}

void
log_limit(enum log_level most)
{
	logger.most = most;
}

static void
write_all(const char *p, size_t n)
{
	ssize_t done;

	for (; n > 0; p += done, n -= (size_t)done) {
		done = write(STDERR_FILENO, p, n);
		if (done == -1 && errno != EINTR)
			return;
		if (done == -1)
			done = 0;
	}
}

void
log_flush(void)
{
	write_all(logger.lines, logger.n);
	logger.n = 0;
}

static void
collect(enum log_level level, const char *line, size_t n)
{
	if (n > sizeof(logger.lines) - logger.n)
		log_flush();
	if (logger.n == 0 && level > LOG_LEVEL_WARN)
		logger.soon(logger.soon_arg);
	memcpy(logger.lines + logger.n, line, n);
	logger.n += n;
	if (level <= LOG_LEVEL_WARN)
		log_flush();
}

/* A process that is forked has no loop of ours. */
static void
forget(void)
{
	logger.soon = NULL;
}

void
log_collect(void (*soon)(void *arg), void *arg)
{
	static bool knows_forks;

	log_flush();
	if (!knows_forks && pthread_atfork(log_flush, NULL, forget) != 0)
		return;
	knows_forks = true;
	logger.soon = soon;
	logger.soon_arg = arg;
}

static void
write_line(enum log_level level, const char *escaped)
{
	char line[LINE_MAX_BYTES], prefix[8] = "";
	int n;

	if (logger.priorities)
		(void)snprintf(prefix, sizeof(prefix), "<%d>", (int)level);
	n = snprintf(line, sizeof(line), "%s%s: %s", prefix, logger.program,
	    escaped);
	if (n < 0)
		return;
	if ((size_t)n > sizeof(line) - 2)
		n = (int)sizeof(line) - 2;
	line[n] = '\n';
	if (logger.soon != NULL)
		collect(level, line, (size_t)n + 1);
	else
		write_all(line, (size_t)n + 1);
}

static void log_v(const struct log_about *about, enum log_level level,
    const char *fmt, va_list ap) __attribute__((format(printf, 3, 0)));

static void
log_v(const struct log_about *about, enum log_level level, const char *fmt,
    va_list ap)
{
	char escaped[LINE_MAX_BYTES];
	char *text = NULL;

	if (level > logger.most || vasprintf(&text, fmt, ap) == -1)
		return;
	text_escape(escaped, sizeof(escaped), text, strlen(text));
	if (logger.sink == NULL || !logger.sink(level, escaped, about))
		write_line(level, escaped);
	free(text);
}

void
log_line(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_v(NULL, level, fmt, ap);
	va_end(ap);
}

void
log_about(const struct log_about *about, enum log_level level, const char *fmt,
    ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_v(about, level, fmt, ap);
	va_end(ap);
}

void
log_to(bool (*fn)(enum log_level level, const char *line,
    const struct log_about *about))
{
	logger.sink = fn;
}

void
log_audit_to(void (*fn)(void *arg, const char *text), void *arg)
{
	logger.audit = fn;
	logger.audit_arg = arg;
}

void
log_audit(const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n == -1)
		return;
	if (logger.audit != NULL)
		logger.audit(logger.audit_arg, text);
	else
		log_line(LOG_LEVEL_NOTICE, "audit: %s", text);
	free(text);
}

void
log_err(enum log_level level, struct err *e)
{
	if (e == NULL)
		return;
	if (*err_advice(e) == '\0')
		log_line(level, "%s", err_text(e));
	else
		log_line(level, "%s (%s)", err_text(e), err_advice(e));
	err_free(e);
}
