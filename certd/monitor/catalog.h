/* catalog.h - the certificates of the store, and which one a request is about. */
#ifndef CATALOG_H
#define CATALOG_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "proto.h"
#include "store.h"

struct monitor;

/* ---- look.c: what is in a version ---- */
/* e: what is wrong with the four files together. info: what is in the
 * certificate; may come with e, and is NULL only with e. */
typedef void looked(void *arg, const struct msg_cert_info *info,
		    struct err *e);
/* Has a version looked at by the signer; done is called once, at once or later.
 * lineage must stay until then. */
void		 lineage_look(struct monitor *m, const struct lineage *lineage,
		    unsigned version, looked *done, void *arg);
/* Forgets those that wait: certd leaves. */
void		 looks_free(struct monitor *m);

/* ---- catalog.c: what is in the store ---- */
/* One certificate of the store, inspected. Texts are heap copies. */
struct entry {
	char *lineage;
	struct lineage *files; /* NULL where it cannot be read */
	char *problem;	       /* why it is broken, or NULL */
	bool is_damaged;       /* its current files are what is broken; what its
				* certificate says is known, and a new version
				* would be whole */
	size_t n_names;
	char **names;	       /* as in the certificate */
	char *names_text;      /* the same, as the ledger has it */
	char *serial, *issuer, *key_id, *sha256;
	uint32_t key_kind;
	time_t revoked_at;     /* 0: not by us */
	uint32_t reason;       /* of that, RFC 5280 section 5.3.1 */
	time_t not_before, not_after;
	bool is_new;	       /* the signer has looked at it just now */
	bool is_gone;	       /* there is no such lineage: left out */
};
struct catalog {
	size_t n;
	struct entry *entries; /* in bytewise order of lineage */
};
typedef void catalog_done(void *arg, struct catalog *catalog, struct err *e);
/* Reads the store; certificates that the ledger does not know by file
 * identity are inspected by the signer. The catalogue is the callee's, to be
 * freed with catalog_free(). only: one lineage, or NULL for all. Those that are
 * not there are not in the catalogue. */
void		 catalog_read(struct monitor *m, const char *only,
		    catalog_done *done, void *arg);
/* Likewise these; the list is copied. */
void		 catalog_read_names(struct monitor *m,
		    const struct store_names *names, catalog_done *done,
		    void *arg);
void		 catalog_free(struct catalog *c);
/* ---- catalog_parts.c ---- */
/* Likewise, a part of them after the other, in their order: part is called at
 * least once and leaves the catalogue to us; then end, once. While is_behind
 * (may be NULL) says so, the next part is not read. The list is taken. */
struct catalog_user {
	void (*part)(void *arg, struct catalog *catalog);
	void (*end)(void *arg, struct err *e);
	bool (*is_behind)(void *arg);
};
void		 catalog_read_parts(struct monitor *m,
		    struct store_names *names, const struct catalog_user *user,
		    void *arg);
/* Ends those that wait; of catalog_abandon(). */
void		 catalog_parts_abandon(struct monitor *m);
/* ---- catalog.c ---- */
/* Likewise those that may have to do with a request for these names: the
 * lineage called so, and whatever has one of the names. */
void		 catalog_read_related(struct monitor *m, struct str lineage,
		    struct strs names, catalog_done *done, void *arg);
/* Ends whatever is being read; whoever waits for it hears that we leave. */
void		 catalog_abandon(struct monitor *m);
/* Its names as one text, separated by spaces; heap. */
char		*entry_names_text(const struct entry *x);
/* When it becomes due (due.c): renew_before_expiry of its renewal file before
 * its end; else a third of its lifetime, or half of it for lifetimes under ten
 * days (certbot 4.0 and later). */
time_t		 entry_renew_after(const struct entry *x);
/* The same, whether or not an administrator went back to this version. */
time_t		 entry_usually_due(const struct entry *x);
/* Whether it was revoked because others have its key: that is not used again. */
#define REASON_COMPROMISE 1 /* RFC 5280 section 5.3.1 */
bool		 is_compromised(const struct entry *x);
/* "30 days", "6 months 1 week", "12" (days), as in renew_before_expiry. */
bool		 interval_parse(const char *text, time_t *secs);
enum cert_status entry_status(const struct entry *x, time_t now);

/* ---- known.c: a certificate that we store ourselves ---- */
struct known;
/* NULL: no memory; then it is not known. */
struct known	*known_new(const struct msg_chain_good *c);
/* It is what lineage shows now, and the store's lock is still ours. NULL is fine,
 * here and below. */
void		 known_note(struct monitor *m, const char *lineage,
		    const struct known *k);
void		 known_free(struct known *k);
/* Names as the ledger has them: separated by spaces; heap. */
char		*known_names(struct strs names);

/* ---- choose.c: which certificate a request to issue is about ---- */
/* What was asked for. Texts are borrowed. */
struct wanted {
	struct strs names;	/* none: those that the certificate has */
	const char *cert_name;	/* NULL: not given */
	const char *server;	/* directory of the CA */
	enum key_kind key_kind;
	bool key_given, type_given; /* any of the key, --key-type itself */
	bool server_given;
	bool expand, duplicate, new_names, force, dry_run, break_my_certs;
	bool reuse_key, no_reuse_key, new_key;
};
enum choice { CHOICE_NEW, CHOICE_RENEW, CHOICE_KEEP, CHOICE_ASK };
struct decision {
	enum choice choice;
	struct entry *entry;  /* to renew, keep, ask about; NULL where new */
	struct str name;      /* of a new one; borrowed from the wish */
	bool numbered;	      /* with -0001 behind it where that is taken */
	enum question_kind about;  /* CHOICE_ASK */
	struct err *why;      /* CHOICE_ASK, with advice; the caller's */
};
/* An error where it cannot be done whatever is answered. */
struct err	*choose_certificate(const struct wanted *w,
		    const struct catalog *c, time_t now, struct decision *v);
/* An error where the certificate keeps its key, and the wish is for a key of
 * another kind. */
struct err	*choose_key_conflict(const struct wanted *w,
		    const struct entry *x);
/* An error where a trial certificate would take the place of a real one. */
struct err	*choose_trial_conflict(const struct wanted *w,
		    const struct entry *x, time_t now);
/* Whether its certificates are trials, as certbot recognises them. */
bool		 is_trial_server(const char *server);

/* ---- glance.c: a look at a large store ---- */
typedef void glance_known(void *arg, const char *lineage, time_t renew_after);
/* known (may be NULL) is called for every lineage that has not changed since it
 * was read, and is not due by then; the others are in unknown (to be cleared)
 * and must be read. */
struct err	*glance_take(struct monitor *m, time_t due_by,
		    glance_known *known, void *arg,
		    struct store_names *unknown);
/* Remembers what was read, for the next time. */
void		 glance_learn(struct monitor *m, const struct catalog *c);

/* ---- vigil.c: watches, so that nothing has to be looked at again ---- */
struct vigil;
/* Before the jail. Without it all is looked at each time. */
void		 vigil_new(struct monitor *m);
/* NULL is fine, here and below. */
void		 vigil_free(struct vigil *v);
/* As glance_take(), from the last look, where nothing has changed since; false
 * where it does not know. */
bool		 vigil_answers(struct vigil *v, time_t due_by,
		    glance_known *known, void *arg,
		    struct store_names *unknown, struct err **e);
/* Whether vigil_look_ends() is to be called with what the look finds: all names,
 * and when each is due, or that it must be read, or was not looked at. is_linked:
 * a file of one has another name. Takes both lists. */
#define VIGIL_UNKNOWN INT64_MIN
bool		 vigil_look_begins(struct vigil *v);
/* In such a look, before the files of this one are looked at. */
void		 vigil_watch(struct vigil *v, const char *lineage);
void		 vigil_look_ends(struct vigil *v, struct store_names *names,
		    time_t *renew_after, bool is_linked);

/* ---- eyes.c: a second process, for the first look at a large store ---- */
struct eyes;
/* Before the jail. Without it nothing is different but slower. */
void		 eyes_open(struct monitor *m);
/* It leaves, wherever it is. None is fine. */
void		 eyes_close(struct monitor *m);
/* The next name of those that are to be looked at; false where there is no
 * second process, or no room. */
bool		 eyes_add(struct monitor *m, const char *name, bool whole);
/* All are added, and there is a second process. */
void		 eyes_begin(struct monitor *m);
/* To be asked in this order: what lineage_glance() has said of name i there;
 * false where the caller has to look. */
bool		 eyes_have(struct monitor *m, size_t i, struct glance *out,
		    bool *is_there);

/* ---- related.c: who else has these names ---- */
/* Around a change that we make to lineages, under the store's lock; each of them
 * is told of in between. */
void		 related_before(struct monitor *m);
void		 related_touch(struct monitor *m, const char *lineage);
void		 related_after(struct monitor *m);
void		 related_free(struct monitor *m);

#endif
