/*
 * ledger.c - the database behind the ledger: opening, schema, groups of writes.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    our own database, which a crash, a full disk or a newer certd may
 *           have left in any state.
 * Promise:  what a call has written survives our end once anybody hears of it,
 *           and unless it is lazy a power loss; a broken ledger never keeps certd
 *           from starting.
 *
 * Write-ahead log: a commit waits for no disk, which is our affair (ledger.def). The lock is
 * exclusive, so that there is no shared memory file, and all files are open
 * once ledger_open() has returned.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ledger_priv.h"
#include "log.h"

/* schema[n] takes version n to n + 1; one transaction each. Never change one
 * that was released: add another. */
static const char *const schema[] = {
	/* AUTOINCREMENT: the number of a job names its staged key, and must
	 * never mean another job. */
	"CREATE TABLE job (id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" kind TEXT NOT NULL, lineage TEXT NOT NULL, names TEXT NOT NULL,"
	" options TEXT NOT NULL, account TEXT NOT NULL, server TEXT NOT NULL,"
	" phase INTEGER NOT NULL, order_url TEXT NOT NULL,"
	" created INTEGER NOT NULL, state INTEGER NOT NULL,"
	" problem TEXT NOT NULL, retry_at INTEGER NOT NULL);"
	"CREATE TABLE record (id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" job INTEGER NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL,"
	" zone TEXT NOT NULL, number TEXT NOT NULL,"
	" created INTEGER NOT NULL);"
	"CREATE TABLE certificate (lineage TEXT NOT NULL UNIQUE,"
	" device INTEGER NOT NULL, inode INTEGER NOT NULL,"
	" bytes INTEGER NOT NULL, mtime_nsecs INTEGER NOT NULL,"
	" names TEXT NOT NULL, serial TEXT NOT NULL, issuer TEXT NOT NULL,"
	" key_id TEXT NOT NULL, sha256 TEXT NOT NULL,"
	" key_kind INTEGER NOT NULL, not_before INTEGER NOT NULL,"
	" not_after INTEGER NOT NULL);"
	"CREATE TABLE failure (account TEXT NOT NULL, names TEXT NOT NULL,"
	" count INTEGER NOT NULL, last INTEGER NOT NULL,"
	" retry_at INTEGER NOT NULL, text TEXT NOT NULL,"
	" UNIQUE (account, names));",
	"CREATE TABLE owed (lineage TEXT NOT NULL, command TEXT NOT NULL,"
	" count INTEGER NOT NULL, last INTEGER NOT NULL, text TEXT NOT NULL,"
	" UNIQUE (lineage, command));",
	"CREATE TABLE revocation (serial TEXT NOT NULL UNIQUE,"
	" reason INTEGER NOT NULL, time INTEGER NOT NULL,"
	" not_after INTEGER NOT NULL);",
	/* The certificates are looked at once more, for their names. */
	"DELETE FROM certificate;"
	"CREATE TABLE name (name TEXT NOT NULL, lineage TEXT NOT NULL,"
	" PRIMARY KEY (name, lineage)) WITHOUT ROWID;"
	"CREATE INDEX name_lineage ON name (lineage);"
	"CREATE TABLE seen (lineage TEXT PRIMARY KEY, files BLOB NOT NULL,"
	" renew_after INTEGER NOT NULL) WITHOUT ROWID;",
	"CREATE TABLE issued (account TEXT NOT NULL, names TEXT NOT NULL,"
	" time INTEGER NOT NULL);"
	"CREATE INDEX issued_names ON issued (account, names);",
	"CREATE INDEX record_job ON record (job);"
	"CREATE INDEX certificate_serial ON certificate (serial);"
	"CREATE INDEX issued_time ON issued (time);"
	"CREATE INDEX revocation_end ON revocation (not_after);",
};
#define SCHEMA_VERSION ((int)(sizeof(schema) / sizeof(*schema)))

/* exclusive comes first: without it the log would need a shared memory file.
 * Reading user_version opens the log; temporary tables stay in memory. The cache
 * (KiB) is full, and no larger any more, after some thousand certificates. */
static const char settings[] = "PRAGMA locking_mode = EXCLUSIVE;"
			       "PRAGMA journal_mode = WAL;"
			       "PRAGMA synchronous = NORMAL;"
			       "PRAGMA temp_store = MEMORY;"
			       "PRAGMA cache_size = -1000;"
			       "PRAGMA trusted_schema = OFF;"
			       "BEGIN IMMEDIATE; COMMIT;";

/* The files of a database: moved aside together. */
static const char *const suffixes[] = { "", "-wal", "-journal" };

/* What the kernel said: SQLite has a code of its own for a full disk, and keeps
 * the number only where it opens a file or reads; a commit leaves it in errno. */
static int
cause(struct ledger *l, int code, int last)
{
	const int kept = sqlite3_system_errno(l->db);

	switch (code & 0xff) {
	case SQLITE_FULL:
		return ENOSPC;
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
	case SQLITE_READONLY:
		return kept != 0 ? kept : last;
	default:
		return 0;
	}
}

/* What is wrong with the file itself, so that another one would do. */
static bool
is_damage(int code)
{
	switch (code & 0xff) {
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_FORMAT:
		return true;
	default:
		return false;
	}
}

struct err *
ledger_err(struct ledger *l, const char *what)
{
	const int last = errno, code = sqlite3_extended_errcode(l->db),
		  why = cause(l, code, last);

	l->is_damaged |= is_damage(code);
	return err_new("ledger %s: %s: %s%s%s (%d)", l->path, what,
	    sqlite3_errmsg(l->db), why == 0 ? "" : ": ",
	    why == 0 ? "" : strerror(why), code);
}

/* The first number that a query gives; -1 where it gives none. */
static int
query_number(struct ledger *l, const char *sql)
{
	sqlite3_stmt *st = NULL;
	int n = -1;

	if (sqlite3_prepare_v2(l->db, sql, -1, &st, NULL) == SQLITE_OK &&
	    sqlite3_step(st) == SQLITE_ROW)
		n = sqlite3_column_int(st, 0);
	sqlite3_finalize(st);
	return n;
}

static struct err *
upgrade(struct ledger *l, int version)
{
	char sql[64];

	for (; version < SCHEMA_VERSION; version++) {
		(void)snprintf(
		    sql, sizeof(sql), "PRAGMA user_version = %d", version + 1);
		if (sqlite3_exec(l->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) !=
			SQLITE_OK ||
		    sqlite3_exec(l->db, schema[version], NULL, NULL, NULL) !=
			SQLITE_OK ||
		    sqlite3_exec(l->db, sql, NULL, NULL, NULL) != SQLITE_OK ||
		    sqlite3_exec(l->db, "COMMIT", NULL, NULL, NULL) !=
			SQLITE_OK)
			return ledger_err(l, "make tables");
	}
	return NULL;
}

/* *why is set, and no error returned, where the file must be moved aside. */
static struct err *
open_database(struct ledger *l, const char **why)
{
	int code, version;

	*why = NULL;
	ledger_sound_look(l);
	code = sqlite3_open_v2(l->path, &l->db,
	    SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW,
	    NULL);
	if (code == SQLITE_OK)
		code = sqlite3_exec(l->db, settings, NULL, NULL, NULL);
	if ((code & 0xff) == SQLITE_BUSY)
		return err_new("ledger %s: another certd has it open", l->path);
	if (is_damage(code) || (code == SQLITE_OK && !ledger_is_sound(l)))
		*why = "damaged";
	else if (code != SQLITE_OK)
		return ledger_err(l, "open");
	if (*why != NULL)
		return NULL;
	if ((version = query_number(l, "PRAGMA user_version")) < 0)
		return ledger_err(l, "read its version");
	if (version > SCHEMA_VERSION)
		*why = "of a newer certd";
	return *why == NULL ? upgrade(l, version) : NULL;
}

static void
close_database(struct ledger *l)
{
	int i;

	for (i = 0; i < ST_N; i++) {
		sqlite3_finalize(l->statements[i]);
		l->statements[i] = NULL;
	}
	/* Brings the log back into the file, and removes it. */
	if (sqlite3_close(l->db) == SQLITE_OK && l->is_open)
		ledger_sound_end(l);
	l->db = NULL;
}

static struct err *
move_aside(struct ledger *l, const char *why)
{
	char from[PATH_MAX], to[PATH_MAX];
	const long long now = (long long)time(NULL);
	size_t i;

	for (i = 0; i < sizeof(suffixes) / sizeof(*suffixes); i++) {
		(void)snprintf(
		    from, sizeof(from), "%s%s", l->path, suffixes[i]);
		(void)snprintf(
		    to, sizeof(to), "%s.%lld%s", l->path, now, suffixes[i]);
		if (rename(from, to) == -1 && errno != ENOENT)
			return err_sys("move %s aside", from);
	}
	log_warn("the ledger %s is %s: moved to %s.%lld, and made anew from "
		 "the store; unfinished jobs and back-off times are forgotten",
	    l->path, why, l->path, now);
	return NULL;
}

/* SQLite would give the file a mode that depends on the umask. */
static struct err *
make_file(const struct ledger *l)
{
	int fd = open(l->path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	struct err *e = NULL;

	if (fd == -1)
		return err_sys("ledger %s", l->path);
	if (fchmod(fd, 0600) == -1)
		e = err_sys("ledger %s", l->path);
	close(fd);
	return e;
}

static struct err *
open_or_replace(struct ledger *l)
{
	const char *why;
	struct err *e;

	if ((e = make_file(l)) != NULL ||
	    (e = open_database(l, &why)) != NULL || why == NULL)
		return e;
	close_database(l);
	if ((e = move_aside(l, why)) != NULL || (e = make_file(l)) != NULL ||
	    (e = open_database(l, &why)) != NULL)
		return e;
	return why == NULL ? NULL
			   : err_new("ledger %s: %s again", l->path, why);
}

/* SQLite lets nobody force its log to disk without a write: a descriptor of our
 * own does. (The locks are on the database; closing this one ends none.) */
static struct err *
open_log(struct ledger *l)
{
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s-wal", l->path);
	l->log = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	return l->log == -1 ? err_sys("%s", path) : NULL;
}

struct err *
ledger_sync(struct ledger *l)
{
	if (fdatasync(l->log) == -1)
		return err_sys("ledger %s: write to the disk", l->path);
	l->is_owed = false;
	return NULL;
}

struct err *
ledger_commit(struct ledger *l)
{
	struct err *e;

	if (l->in_group || sqlite3_get_autocommit(l->db))
		return NULL;
	if (l->ops != NULL)
		l->ops->before(l->arg);
	e = ledger_control(l, ST_commit);
	if (e != NULL && !sqlite3_get_autocommit(l->db)) {
		err_free(ledger_control(l, ST_rollback));
		if (l->ops != NULL)
			l->ops->undone(l->arg, e);
	}
	return e;
}

int
ledger_file(const struct ledger *l)
{
	return l->log;
}

bool
ledger_is_owed(const struct ledger *l)
{
	return l->is_owed;
}

void
ledger_owe(struct ledger *l, bool is_owed)
{
	l->is_owed = is_owed;
}

struct err *
ledger_collect(struct ledger *l, const struct ledger_ops *ops, void *arg)
{
	struct err *e = ledger_commit(l);

	l->ops = ops;
	l->arg = arg;
	return e;
}

struct err *
ledger_open(const char *dir, struct ledger **out)
{
	struct ledger *l = calloc(1, sizeof(*l));
	struct err *e;

	*out = NULL;
	if (l == NULL || asprintf(&l->path, "%s/ledger.db", dir) == -1) {
		free(l);
		return err_sys("open the ledger");
	}
	l->log = -1;
	if (mkdir(dir, 0700) == -1 && errno != EEXIST)
		e = err_sys("make directory %s", dir);
	else
		e = open_or_replace(l);
	l->is_open = e == NULL;
	if (e == NULL)
		e = open_log(l);
	if (e == NULL) {
		ledger_sound_begin(l);
		*out = l;
	} else {
		ledger_close(l);
	}
	return e;
}

void
ledger_close(struct ledger *l)
{
	if (l == NULL)
		return;
	if (l->is_open)
		log_err(LOG_LEVEL_ERROR, ledger_commit(l));
	close_database(l);
	if (l->log != -1)
		close(l->log);
	free(l->path);
	free(l);
}

/* A group is a part of the transaction that is open, or one of its own. */
static struct err *
begin_group(struct ledger *l, bool is_lazy)
{
	struct err *e = NULL;

	if (l->in_group)
		return err_new("ledger: a group of writes is open already");
	if (sqlite3_get_autocommit(l->db))
		e = ledger_control(l, ST_begin);
	if (e == NULL)
		e = ledger_control(l, ST_mark);
	l->in_group = e == NULL;
	l->is_lazy = is_lazy;
	return e;
}

struct err *
ledger_begin(struct ledger *l)
{
	return begin_group(l, false);
}

struct err *
ledger_begin_lazy(struct ledger *l)
{
	return begin_group(l, true);
}

struct err *
ledger_begin_own(struct ledger *l, bool *own)
{
	*own = !l->in_group;
	return *own ? ledger_begin_lazy(l) : NULL;
}

struct err *
ledger_end_own(struct ledger *l, bool own, struct err *e)
{
	return own ? ledger_end(l, e) : e;
}

struct err *
ledger_end(struct ledger *l, struct err *e)
{
	if (!l->in_group)
		return e;
	l->in_group = false;
	if (e != NULL && !sqlite3_get_autocommit(l->db))
		err_free(ledger_control(l, ST_back));
	if (!sqlite3_get_autocommit(l->db))
		err_free(ledger_control(l, ST_unmark));
	if (l->is_lazy && l->ops != NULL) {
		l->ops->soon(l->arg);
		return e;
	}
	if (e == NULL)
		e = ledger_commit(l);
	else
		err_free(ledger_commit(l)); /* what was there before it */
	return e != NULL || l->is_lazy ? e : ledger_sync(l);
}
