/* ledger_priv.h - what the files of the ledger share. */
#ifndef LEDGER_PRIV_H
#define LEDGER_PRIV_H

#include <sqlite3.h>

#include "ledger.h"

/* Every statement there is, prepared when it is first used and kept. */
enum statement {
#define STATEMENT(name, sql) ST_##name,
#define SOON STATEMENT
#define LAZY STATEMENT
#define WAIT STATEMENT
#include "ledger.def"
#undef WAIT
#undef LAZY
#undef SOON
#undef STATEMENT
	ST_N
};

enum haste { AT_ONCE, IS_SOON, IS_LAZY };

struct ledger {
	sqlite3 *db;
	char *path;
	bool in_group, is_lazy; /* it waits for no disk */
	enum haste haste;	/* of the statement that was prepared */
	const struct ledger_ops *ops; /* NULL: nothing is collected */
	void *arg;
	bool is_open;
	bool was_sound;	 /* it is the file that we have closed */
	bool is_damaged; /* SQLite has said so since */
	uint64_t seen_changes;
	int log;	/* the write-ahead log; -1: not open */
	bool is_owed;	/* something SOON is in it and not on disk */
	sqlite3_stmt *statements[ST_N];
};

/* An error with SQLite's words. */
struct err	*ledger_err(struct ledger *l, const char *what);
/* The statement, without values. */
struct err	*ledger_prepare(struct ledger *l, enum statement which,
		    sqlite3_stmt **out);
/* Values by position from 1: a text (NULL: ""), a number. */
void		 bind_text(sqlite3_stmt *st, int at, const char *text);
void		 bind_number(sqlite3_stmt *st, int at, int64_t n);
/* Runs one that has neither values nor rows, such as ST_commit. */
struct err	*ledger_control(struct ledger *l, enum statement which);
/* Has all that is committed on disk. */
struct err	*ledger_sync(struct ledger *l);
/* Runs a statement that has no rows, and frees it for the next use. What is not
 * lazy is committed, outside of a group. */
struct err	*ledger_run(struct ledger *l, sqlite3_stmt *st);
/* Runs one that gives at most one row: calls fn with it. found may be NULL. */
struct err	*ledger_row(struct ledger *l, sqlite3_stmt *st,
		    struct err *(*fn)(void *arg, sqlite3_stmt *st), void *arg,
		    bool *found);
/* Runs one that gives numbers, then get with each of them, as above. Rows that
 * fn has removed meanwhile are passed over; an error of fn stops. */
struct err	*ledger_each(struct ledger *l, sqlite3_stmt *ids,
		    enum statement get,
		    struct err *(*fn)(void *arg, sqlite3_stmt *st), void *arg);
/* ---- ledger_sound.c: is the database what it should be ---- */
/* Before it is opened. */
void		 ledger_sound_look(struct ledger *l);
/* All of it, unless it is the file that we have closed. */
bool		 ledger_is_sound(struct ledger *l);
/* It is open, and it was closed. */
void		 ledger_sound_begin(const struct ledger *l);
void		 ledger_sound_end(const struct ledger *l);

/* ---- ledger_seen.c: the names that lead to a lineage ---- */
struct err	*ledger_names_put(struct ledger *l, const char *lineage,
		    const char *names);
struct err	*ledger_names_remove(struct ledger *l, const char *lineage);
/* Runs one lazy write of several statements as a group, unless one is open. */
struct err	*ledger_begin_own(struct ledger *l, bool *own);
struct err	*ledger_end_own(struct ledger *l, bool own, struct err *e);

/* A column, from 0; a text is never NULL. */
const char	*column_text(sqlite3_stmt *st, int at);
int64_t		 column_number(sqlite3_stmt *st, int at);
uint32_t	 column_u32(sqlite3_stmt *st, int at);

#endif
