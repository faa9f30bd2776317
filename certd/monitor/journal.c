/*
 * journal.c - log lines with fields, for journald: its native protocol is one
 * datagram a line, "FIELD=value" separated by newlines.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    lines that are escaped already, so that none can bring a field.
 * Promise:  what journald does not take goes to standard error.
 *
 *	journalctl CERTD_CERTIFICATE=example.com
 */
#define _GNU_SOURCE /* SOCK_CLOEXEC */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "log.h"
#include "monitor.h"

#define JOURNAL_SOCKET "/run/systemd/journal/socket"

static int journal = -1;

/* Whether standard error is the journal's: JOURNAL_STREAM is its "dev:ino". */
static bool
is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long dev, ino;
	struct stat st;

	return stream != NULL && sscanf(stream, "%lu:%lu", &dev, &ino) == 2 &&
	    fstat(STDERR_FILENO, &st) == 0 && st.st_dev == dev &&
	    st.st_ino == ino;
}

static bool
write_line(enum log_level level, const char *line,
    const struct log_about *about)
{
	char text[8192];
	int n;

	n = snprintf(text, sizeof(text), "SYSLOG_IDENTIFIER=certd\n"
	    "PRIORITY=%d\nMESSAGE=%s\n", (int)level, line);
	if (n > 0 && (size_t)n < sizeof(text) && about != NULL &&
	    about->job != 0)
		n += snprintf(text + n, sizeof(text) - (size_t)n,
		    "CERTD_JOB=%u\n", about->job);
	if (n > 0 && (size_t)n < sizeof(text) && about != NULL &&
	    about->certificate != NULL && *about->certificate != '\0')
		n += snprintf(text + n, sizeof(text) - (size_t)n,
		    "CERTD_CERTIFICATE=%s\n", about->certificate);
	if (n > 0 && (size_t)n < sizeof(text) && about != NULL &&
	    about->stage != NULL)
		n += snprintf(text + n, sizeof(text) - (size_t)n,
		    "CERTD_STAGE=%s\n", about->stage);
	return n > 0 && (size_t)n < sizeof(text) &&
	    send(journal, text, (size_t)n, MSG_NOSIGNAL) == n;
}

void
journal_open(void)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX,
		.sun_path = JOURNAL_SOCKET };

	if (!is_journal() || (journal = socket(AF_UNIX,
	    SOCK_DGRAM | SOCK_CLOEXEC, 0)) == -1)
		return;
	if (connect(journal, (const struct sockaddr *)&to, sizeof(to)) == -1) {
		close(journal);
		journal = -1;
		return;
	}
	log_to(write_line);
}

void
journal_line(const struct job *j, enum log_level level, const char *text)
{
	const struct log_about about = { j->id, j->lineage,
		stage_word(j->stage) };

	log_about(&about, level, "job %u (%s): %s", j->id, j->lineage, text);
}
