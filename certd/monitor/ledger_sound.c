/*
 * ledger_sound.c - whether the database is what it should be, without reading a
 * large one at every start.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    our own database, which a crash, a full disk or a backup may have
 *           left in any state; a note beside it.
 * Promise:  what only the ledger knows (jobs, records, failures) is always
 *           looked through. What can be read from the store again is not while
 *           the file is the very one that we have closed in good order: by
 *           identity, size and time, like everything here.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ledger_priv.h"

#define NOTE_SIZE 128

static const char *const checks[] = {
	"PRAGMA quick_check('job')",
	"PRAGMA quick_check('record')",
	"PRAGMA quick_check('failure')",
	"PRAGMA quick_check('owed')",
	"PRAGMA quick_check('revocation')",
	"PRAGMA quick_check('issued')",
};

/* ledger.db -> ledger.sound */
static bool
note_path(const struct ledger *l, char out[PATH_MAX])
{
	const size_t n = strlen(l->path) - strlen("db");

	return (size_t)snprintf(out, PATH_MAX, "%.*ssound", (int)n, l->path) <
	    PATH_MAX;
}

/* Always as long, so that it is written over in place: a full disk has room for
 * it. */
static bool
describe(const struct ledger *l, char out[NOTE_SIZE])
{
	char text[NOTE_SIZE - 2];
	struct stat st;

	if (stat(l->path, &st) == -1)
		return false;
	(void)snprintf(text, sizeof(text), "%llx:%llx %llu %lld.%09ld",
	    (unsigned long long)st.st_dev, (unsigned long long)st.st_ino,
	    (unsigned long long)st.st_size, (long long)st.st_mtim.tv_sec,
	    st.st_mtim.tv_nsec);
	(void)snprintf(out, NOTE_SIZE, "%-*s\n", NOTE_SIZE - 2, text);
	return true;
}

/* "" where there is none. */
static void
read_note(const char *path, char out[NOTE_SIZE])
{
	const int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	ssize_t n = -1;

	if (fd != -1) {
		n = read(fd, out, NOTE_SIZE - 1);
		close(fd);
	}
	out[n > 0 ? n : 0] = '\0';
}

/* Without it all is looked through the next time: no error. */
static void
write_note(const char *path, const char note[NOTE_SIZE])
{
	const int fd =
	    open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd == -1)
		return;
	if (write(fd, note, NOTE_SIZE - 1) != NOTE_SIZE - 1)
		(void)unlink(path);
	close(fd);
}

void
ledger_sound_look(struct ledger *l)
{
	char path[PATH_MAX], log[PATH_MAX + 8], was[NOTE_SIZE], is[NOTE_SIZE];
	struct stat st;

	/* A log: it was not closed. */
	(void)snprintf(log, sizeof(log), "%s-wal", l->path);
	l->was_sound = stat(log, &st) == -1 && note_path(l, path) &&
	    describe(l, is) && (read_note(path, was), strcmp(was, is) == 0);
}

void
ledger_sound_begin(const struct ledger *l)
{
	char path[PATH_MAX], note[NOTE_SIZE];

	(void)snprintf(note, sizeof(note), "%-*s\n", NOTE_SIZE - 2, "open");
	if (note_path(l, path))
		write_note(path, note);
}

void
ledger_sound_end(const struct ledger *l)
{
	char path[PATH_MAX], note[NOTE_SIZE];

	if (!l->is_damaged && note_path(l, path) && describe(l, note))
		write_note(path, note);
}

/* Whether it says "ok". */
static bool
passes(struct ledger *l, const char *sql)
{
	sqlite3_stmt *st = NULL;
	bool ok = false;

	if (sqlite3_prepare_v2(l->db, sql, -1, &st, NULL) == SQLITE_OK &&
	    sqlite3_step(st) == SQLITE_ROW)
		ok = strcmp(column_text(st, 0), "ok") == 0;
	sqlite3_finalize(st);
	return ok;
}

bool
ledger_is_sound(struct ledger *l)
{
	size_t i;

	if (!l->was_sound)
		return passes(l, "PRAGMA quick_check(1)");
	for (i = 0; i < sizeof(checks) / sizeof(*checks); i++)
		if (!passes(l, checks[i]))
			return false;
	return true;
}
