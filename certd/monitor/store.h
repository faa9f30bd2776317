/*
 * store.h - certbot's tree of certificates: read, staged into, installed into.
 *
 * Everything blocks (fsync) and happens at once. Functions that change live/,
 * archive/ or renewal/ need the lock; those that only read or stage do not.
 */
#ifndef STORE_H
#define STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "config.h"
#include "err.h"
#include "identity.h"

struct fs_later;

struct ini;
struct store;

enum pem_kind { PEM_CERT, PEM_PRIVKEY, PEM_CHAIN, PEM_FULLCHAIN, PEM_N };
/* "cert", "privkey", "chain", "fullchain": as in file names. */
extern const char *const pem_kind_words[PEM_N];

/* ---- the store as a whole ---- */

/* Opens cfg->config_dir and makes what is missing in it. What exists keeps its
 * mode and owner. gid: the group of a new live/ and archive/ (0710) and of new
 * private keys (0640); (gid_t)-1: root only (0700, 0600). All descriptors that
 * the store needs for its directories are opened here. *out is NULL on error. */
struct err	*store_open(const struct config *cfg, gid_t gid,
		    struct store **out);
/* Gives the lock back too. NULL is fine. */
void		 store_close(struct store *s);
/* The configuration directory as configured, without a slash at the end. */
const char	*store_path(const struct store *s);

/* Takes certbot's lock (.certbot.lock) without waiting. Where somebody else has
 * it, the error names that process and err_errno() is EAGAIN: try again on a
 * timer. Taking it twice is an error. It is meant to be held for as long as one
 * change takes, not for a whole job: certbot fails at once where it meets it. */
struct err	*store_lock(struct store *s);
/* Gives it back and removes the file, as certbot does. Without lock nothing. */
void		 store_unlock(struct store *s);

/* Finishes what a crash interrupted, and removes leftovers (*.new). An
 * installation that was decided (its journal is on disk) is finished, and told
 * through done, as is one that was finished but not followed by
 * store_unstage(): the job's certificate is in the store. The caller notes that
 * and calls store_unstage(). One lineage that cannot be repaired is logged and
 * stops nothing else. Needs the lock. To be called before the first job. */
typedef void store_installed(void *arg, uint32_t job, const char *lineage,
    unsigned version);
struct err	*store_recover(struct store *s, store_installed *done,
		    void *arg);
/* Whether it has nothing to do but perhaps to tell, as was noted when it was last
 * done. */
bool		 store_is_clean(struct store *s);
/* Tells only what was finished and not followed by store_unstage(): for that no
 * lock is needed. */
struct err	*store_recall(struct store *s, store_installed *done,
		    void *arg);
/* Whether store_recover() has something to finish, and not only to tell or to
 * tidy up. */
bool		 store_must_recover(struct store *s);

/* ---- lineages ---- */

/* The directories whose times change when a lineage comes, goes, or is renewed by
 * us or by certbot: renewal/ and live/. */
#define STORE_DIRS 2
void		 store_identify(const struct store *s,
		    struct identity dirs[STORE_DIRS]);

/* A list of heap texts. */
struct store_names {
	char **v;
	size_t n;
};
/* The names that renewal/ holds a NAME.conf for, in bytewise order of these files,
 * as certbot lists them ("a-0001" before "a"; names that begin with a dot are
 * none). Cleared on error. */
struct err	*store_lineages(struct store *s, struct store_names *out);
/* Adds a copy. */
struct err	*store_names_add(struct store_names *names, const char *name);
/* Into bytewise order. */
void		 store_names_sort(struct store_names *names);
void		 store_names_clear(struct store_names *names);

/* What of a lineage can be broken; bits. */
enum { BROKEN_CONF = 1, BROKEN_LIVE = 2, BROKEN_FILES = 4 };

/* A certificate with its history. Texts are "" where nothing is known. */
struct lineage {
	char *name;
	char *problem;	     /* NULL: whole. Otherwise what is broken, where; the
			      * rest is what could be found out nevertheless */
	unsigned broken;     /* BROKEN_... */
	char *archive;	     /* the component below archive/ */
	bool archive_is_foreign; /* archive_dir leads elsewhere: ignored */
	char *paths[PEM_N];  /* absolute, in live/: for people and hooks */
	unsigned current;    /* the version that live/ shows; 0 unknown */
	unsigned newest;     /* the newest of which all four files exist */
	unsigned highest;    /* the highest number of any file */
	unsigned lowest;     /* likewise */
	struct identity identity; /* of the current version's four files */
	struct identity cert_identity; /* of its certificate alone */
	struct identity conf_identity; /* of the renewal file, as it was read */
	mode_t conf_mode, key_mode;    /* of that, of the current key */
	gid_t key_gid;

	struct ini *conf;    /* renewal/NAME.conf; NULL where unreadable */
	const char *server;  /* these borrow from conf; certbot's "None" is "" */
	const char *account;
	const char *authenticator;
	const char *credentials;
	const char *preferred_chain;
	const char *pre_hook, *post_hook, *deploy_hook; /* renew_hook */
	enum key_kind key_kind; /* as configured; 0 unknown */
	bool reuse_key, must_staple;
	bool autorenew;	     /* true unless switched off */
	uint32_t propagation_secs; /* 0 not set */
};

/* Reads one. An error (and *out NULL) only where there is no such
 * renewal/NAME.conf, the name cannot be a file's, or memory ran out; what else
 * is wrong becomes l->problem. */
struct err	*lineage_load(struct store *s, const char *name,
		    struct lineage **out);
/* NULL is fine. */
void		 lineage_free(struct lineage *l);
/* Whether there is a renewal/NAME.conf. */
bool		 lineage_exists(struct store *s, const char *name);
/* The identities of its renewal file (conf_identity), of the certificate that
 * live/ shows (cert_identity) and, where whole, of all four files there
 * (identity), without reading any; false where one is not there. */
struct glance {
	struct identity files[SEEN_FILES];
	bool is_linked; /* one of these files has another name somewhere */
};
bool		 lineage_glance(struct store *s, const char *name, bool whole,
		    struct glance *out);
/* Whether it has, by the size of renewal/, a thousand lineages or more. */
bool		 store_is_large(const struct store *s);
/* For a process that does nothing but lineage_glance(): closes all descriptors but
 * 0 to 2, what that needs, and *keep, which gets another number. */
bool		 store_only_looks(struct store *s, int *keep);
/* The kernel tells fd (inotify(7)) of every change to the three directories, and
 * to a lineage's two. False where it cannot, or would not hear of all. */
bool		 store_watch(const struct store *s, int fd);
bool		 lineage_watch(const struct store *s, const char *name, int fd);
/* Open the current version for reading, for the signer to look at: never
 * through a link that leaves the lineage's own archive directory, never
 * anything but a regular file. certbot's old privkeyN -> privkeyN-1 links are
 * followed. On error *fd is -1. */
struct err	*lineage_open_cert(struct store *s, const struct lineage *l,
		    int *fd);
struct err	*lineage_open_chain(struct store *s, const struct lineage *l,
		    int *fd);
struct err	*lineage_open_key(struct store *s, const struct lineage *l,
		    int *fd);

/* Instead of a version: the files in live/NAME, where they are no links. */
#define VERSION_LIVE 0
/* A file of any version of it, likewise. On error *fd is -1. */
struct err	*lineage_open_version(struct store *s, const struct lineage *l,
		    enum pem_kind kind, unsigned version, int *fd);
/* Appends the certificates of a version (fullchainN.pem); an error where that is
 * not certN.pem and chainN.pem, byte for byte. */
struct buf;
struct err	*lineage_read_chain(struct store *s, const struct lineage *l,
		    unsigned version, struct buf *out);
/* The versions of which all four files exist, the newest first; of more than
 * VERSIONS_MAX the newest. */
#define VERSIONS_MAX 64
struct err	*lineage_versions(struct store *s, const struct lineage *l,
		    unsigned versions[VERSIONS_MAX], size_t *n);

/* ---- for certctl doctor ---- */

struct stat;
/* The directories of the store: its own is "", the others "live" and so on. */
typedef void store_dir(void *arg, const char *name, const struct stat *st);
struct err	*store_describe(const struct store *s, store_dir *fn,
		    void *arg);
/* Directories in live/ and archive/ that no lineage has. path: "live/NAME". */
typedef void store_remain(void *arg, const char *path, const char *name);
struct err	*store_remains(struct store *s, store_remain *fn, void *arg);

/* ---- going back ---- */

/* Shows an archived version, which must be complete, in live/ again. Until
 * `until` it is not to become due (lineage_held()); 0: as it would. Needs the
 * lock. Then store_tidy(), once nobody is just opening what was there. */
struct err	*store_restore(struct store *s, const struct lineage *l,
		    unsigned version, time_t until);
/* Whether the version that live/ shows was restored, and until when it is
 * held. */
bool		 lineage_held(const struct lineage *l, time_t *until);
/* Removes what live/NAME was before it was switched. Logs failures. */
void		 store_tidy(struct store *s, const char *name);

/* ---- what is broken, made whole ---- */

/* A lineage of which there may be no renewal file: what remains of one. An error
 * where nothing at all has this name. */
struct err	*lineage_find(struct store *s, const char *name,
		    struct lineage **out);
struct renewal;
struct repair {
	unsigned version; /* to be shown; VERSION_LIVE: the files that lie in
			   * live/NAME become a new one */
	const struct renewal *renewal; /* what a renewal file without anything
					* is to say */
	bool plan_only;
};
/* Makes l whole: archive, live/NAME, renewal file, in this order, as far as they
 * are broken. Nothing is lost: what is in the way gets another name. steps: what
 * was done, or would be, a line each. Needs the lock, but for a plan. Then
 * store_tidy(). */
struct err	*store_repair(struct store *s, const struct lineage *l,
		    const struct repair *r, struct store_names *steps);

/* ---- going away ---- */

/* Removes a lineage, or what remains of one: renewal/NAME.conf first, as certbot
 * does, then live/NAME, then the versions in its archive. Only files with the
 * names of a lineage are touched, and only below live/NAME and archive/,
 * whatever archive_dir says; an archive that another lineage uses stays. left:
 * what stayed and why, a line each. A deletion that has begun is finished by
 * store_recover(). Needs the lock. */
struct err	*store_delete(struct store *s, const char *name,
		    struct store_names *left);

/* The same for any version of a directory in archive/. */
struct err	*store_open_version(struct store *s, const char *archive,
		    enum pem_kind kind, unsigned version, int *fd);

/* ---- before an order ---- */

/* May a lineage of this name be made now: is the name sound, are renewal/,
 * live/ and archive/ free of it, can the store be written, is there space? The
 * error says what is in the way and what to do. Changes nothing. */
struct err	*store_may_create(struct store *s, const char *name);
/* The same for another version of l. */
struct err	*store_may_renew(struct store *s, const struct lineage *l);
/* certbot's name for a new lineage: first without "*.", or with -0001, -0002
 * ... behind it where numbered is set and that is taken. Free with free(). An
 * error where it is taken and numbered is not set. */
struct err	*store_new_name(struct store *s, const char *first,
		    bool numbered, char **out);

/* ---- staging: a key that has no certificate yet ---- */

/* Creates .certd/JOB.privkey.pem, 0600, empty, for reading and writing, for the
 * signer to write the key into. It must not exist. On error *fd is -1. */
struct err	*store_stage_key(struct store *s, uint32_t job, int *fd);
/* Opens the staged key of a resumed job for reading. err_errno() is ENOENT
 * where none was staged, or the file is still empty. */
struct err	*store_stage_reopen(struct store *s, uint32_t job, int *fd);
/* Puts the key that the signer has written on the list of what goes to the disk:
 * after key_ready, before the order is placed. */
struct err	*store_stage_sync(struct store *s, uint32_t job,
		    struct fs_later *later);
/* Removes all that is staged for job, because it is in the store or because
 * the job has failed; failures are logged. Nothing there is fine. */
void		 store_unstage(struct store *s, uint32_t job);
/* Removes the staging of every job of which alive() says false. After
 * store_recover(). */
struct err	*store_stage_sweep(struct store *s,
		    bool (*alive)(void *arg, uint32_t job), void *arg);

/* ---- accounts ---- */
/* Every renewal file that names this account at this server names it by its new
 * id. One that cannot be changed stops no other; the first such error is
 * returned. Needs the lock. */
struct err	*store_account_renamed(struct store *s, const char *server,
		    const char *id, const char *new_id);

/* ---- installing ---- */

/* What renewal/NAME.conf is to say. NULL or "" where not set: the key is
 * removed, unless it says otherwise. */
struct renewal {
	const char *server;
	const char *account;	   /* certbot's account id */
	const char *authenticator; /* "dns-cloudflare" */
	const char *credentials;   /* absolute */
	uint32_t propagation_secs; /* 0: not set */
	enum key_kind key_kind;	   /* 0: what the file says stays */
	bool reuse_key, must_staple;
	const char *preferred_chain;
	const char *pre_hook, *post_hook, *deploy_hook;
	/* NULL: what the file says stays; "": removed. */
	const char *renew_before, *autorenew;
};

struct store_install {
	uint32_t job;	     /* its staged key goes with the certificate */
	const char *lineage;
	bool is_new;
	const char *cert;    /* PEM, the signer's encoding */
	size_t cert_bytes;
	const char *chain;   /* PEM of the others */
	size_t chain_bytes;
	const struct renewal *renewal;
	/* What became of it. */
	struct err *error; /* to be freed */
	unsigned version;  /* the new one, 0 where there is none */
};

/* Makes the next version of a lineage and switches live/NAME to it. All that is
 * new is made beside its place; then the journal says that it happens, the archive
 * files get their names, live/NAME is switched and the renewal file replaced, in
 * this order, each forced to disk before the next. At every instant live/NAME is
 * one matching set. On success *version is the new version; the staging stays, as
 * the note that it is done, until the caller has written that down and calls
 * store_unstage(). On
 * error the old version stays and the staged key too, so that the same call can
 * be repeated. Should the process die in between, store_recover() finishes it.
 * Needs the lock. */
struct err	*store_install(struct store *s, const struct store_install *in,
		    unsigned *version);
/* The same for several, of different lineages, with one wait for the disk a step
 * for all of them; error and version of each are set. One that fails stops no
 * other. */
#define COMMITS_MAX 16
void		 store_install_all(struct store *s, struct store_install *list,
		    size_t n);

/* The same again where the caller waits for the disk. The lock is needed until
 * store_run_end(), the texts of list only here. */
struct store_run;
struct err	*store_run_new(struct store *s,
		    const struct store_install *list, size_t n,
		    struct store_run **out);
/* The next step of each; false where there is none. */
bool		 store_run_step(struct store_run *r);
/* What the step has made, for fs_flush_all(); the lists are the run's. Returns
 * how many there are. */
size_t		 store_run_made(struct store_run *r,
		    struct fs_later *lists[COMMITS_MAX]);
/* It is on the disk, where errors[i] (taken) does not say why it is not. */
void		 store_run_forced(struct store_run *r,
		    struct err *const *errors);
/* After the last step: sets error and version of each, and frees r. */
void		 store_run_end(struct store_run *r,
		    struct store_install *list);

/* Makes renewal/NAME.conf say this, and changes nothing else: the certificate
 * stays as it is. Needs the lock. On error the file is what it was. */
struct err	*store_reconfigure(struct store *s, const char *name,
		    const struct renewal *renewal);

#endif
