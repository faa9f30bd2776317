/* store_priv.h - what the files of the store share; nobody else includes it. */
#ifndef STORE_PRIV_H
#define STORE_PRIV_H

#include <limits.h>

#include "fs.h"
#include "store.h"

struct buf;

struct store {
	char *path; /* of the configuration directory */
	gid_t gid;  /* of new live/, archive/ and keys; (gid_t)-1: root only */
	/* Directories, open for as long as the store is. */
	int config, live, archive, renewal, accounts, stage;
	int lock; /* .certbot.lock while we have it, else -1 */
	int state;	     /* the state directory, -1: there is none */
	bool has_note, is_clean; /* store_clean.c */
	bool is_one_mount; /* what is written to */
	bool has_readme;   /* live/, once that was looked at */
};

/* ---- store_clean.c: a note that nothing of ours lies around ---- */
/* Reads the note, where there is one. state_dir: NULL for none. */
void		 clean_open(struct store *s, const char *state_dir);
/* All was looked through: the next start need not. */
void		 clean_note(struct store *s);
/* Before the first write: the note is gone, on disk too. */
struct err	*clean_end(struct store *s);

#define PEM_MAX_BYTES (256 * 1024) /* of one file: a chain and more */
#define COMPONENT_SIZE (NAME_MAX + 1)
/* A component from fmt; an error where it is too long for one. */
struct err	*component(char out[COMPONENT_SIZE], const char *fmt, ...)
		    ERR_PRINTF(2, 3);

/* ---- store_preflight.c ---- */
/* Whether there is one mount, so one answer about space, for all that is
 * written to. */
bool		 preflight_is_one_mount(const struct store *s);

/* ---- store_version.c: numbers in archive/ and live/ ---- */

/* Whether name is KINDn.pem, as certbot matches it. */
bool		 version_parse(const char *name, enum pem_kind kind,
		    unsigned *version);
/* The newest complete, the highest and the lowest number in an archive
 * directory. */
struct err	*versions_read(int archive, unsigned *newest,
		    unsigned *highest, unsigned *lowest);
/* The complete ones, the newest first. */
struct err	*versions_list(int archive, unsigned versions[VERSIONS_MAX],
		    size_t *n);
/* Opens a file of a version for reading, through certbot's links between keys
 * of this directory. */
struct err	*version_open(int archive, enum pem_kind kind, unsigned version,
		    int *fd);
/* What fstat(2) would say of it. */
struct err	*version_stat(int archive, enum pem_kind kind,
		    unsigned version, struct stat *st);
/* The version that live, the lineage's directory, shows for kind. The error
 * says what is wrong with that link. seen: zeroed before the first of four. */
struct links_seen {
	char good[PATH_MAX]; /* leads to the archive */
};
struct err	*link_version(int live, int archive, enum pem_kind kind,
		    unsigned *version, struct links_seen *seen);
/* The oldest one that is kept beside current: certbot's five before it are. */
unsigned	 versions_oldest(unsigned current);
/* Removes the versions that are older, except keys that a kept link needs. */
struct err	*versions_prune(int archive, unsigned current);

/* ---- store_conf.c: renewal/NAME.conf ---- */
/* The text of the file as it shall be, from the one that is there (old, or
 * NULL), into out. */
struct err	*conf_render(const struct store *s, const char *name,
		    const char *archive, struct ini *old,
		    const struct renewal *r, struct buf *out);
/* renewal/NAME.conf as l->conf says now, with the mode and group it has. */
struct err	*conf_replace(struct store *s, const struct lineage *l);
/* The private section, in which certbot keeps what it does not know. */
#define CONF_SECTION "certd"
/* The parameters of a renewal as far as conf has none; the five paths where they
 * are not those of NAME. */
struct err	*conf_complete(const struct store *s, const char *name,
		    const char *archive, struct ini *conf,
		    const struct renewal *r);
/* Fills the lineage's fields from l->conf. */
void		 conf_read(struct lineage *l);

/* ---- store_lineage.c ---- */
/* lineage_load() from renewal/FILE. */
struct err	*lineage_load_file(struct store *s, const char *name,
		    const char *file, struct lineage **out);

/* ---- store_delete.c ---- */
/* The renewal file of a lineage that is being removed: NAME and this. */
#define DELETED_SUFFIX ".conf.deleted"
/* Finishes a deletion that was begun. */
struct err	*delete_finish(struct store *s, const char *name,
		    struct store_names *left);

/* ---- store_restore.c ---- */
/* Forgets that a version was restored: a new one comes. */
void		 conf_release(struct ini *conf);

/* ---- store_live.c: live/NAME ---- */
/* Builds live/.NAME.new, showing version of archive/ARCHIVE, with what else is
 * in live/NAME. */
struct err	*live_build(struct store *s, const char *name,
		    const char *archive, unsigned version,
		    struct fs_later *later);
/* Puts live/.NAME.new in the place of live/NAME. */
struct err	*live_switch(struct store *s, const char *name,
		    const char *archive, unsigned version,
		    struct fs_later *later);
/* Both, each forced to disk. */
struct err	*live_show(struct store *s, const char *name,
		    const char *archive, unsigned version);
#define LIVE_README "README"
/* Whether a file in live/NAME has the name of one of its links: as servers see
 * them, or while they are changed by us or by certbot. */
bool		 live_is_link_name(const char *name);
/* Removes live/.NAME.new, saving to live/NAME what a crash left only there. */
struct err	*live_clean(struct store *s, const char *name);
/* The explanation that lies in live/, where there is none. */
struct err	*live_readme(struct store *s);

/* ---- store_stage.c: .certd/JOB.* ---- */
/* What a job may have there: its key; an installation that is prepared, that was
 * decided, that is done. */
enum staged { STAGED_KEY, STAGED_NEW, STAGED_JOURNAL, STAGED_DONE, STAGED_N };
struct stage_name {
	char text[32];
};
struct stage_name stage_name(uint32_t job, enum staged what);
bool		 stage_has(const struct store *s, uint32_t job,
		    enum staged what);
/* An error where an installation into this lineage was decided and is not
 * finished. */
struct err	*stage_check_idle(struct store *s, const char *lineage);
/* The jobs that have one. */
struct err	*stage_jobs(struct store *s, uint32_t **jobs, size_t *n);

/* ---- store_journal.c: an installation that was decided ---- */
struct journal {
	uint32_t job;
	char lineage[COMPONENT_SIZE];
	char archive[COMPONENT_SIZE]; /* the component below archive/ */
	unsigned version;
	bool is_new;
#define CERT_HASH_SIZE 65
	char cert[CERT_HASH_SIZE];    /* SHA-256 of certN.pem: ours, or whose? */
	int dir;		      /* archive/ARCHIVE, or -1 */
};
/* Writes it, without its name. */
struct err	*journal_write(struct store *s, const struct journal *j,
		    struct fs_later *later);
/* Gives it its name; what it speaks of is on disk. From then on the installation
 * happens. */
struct err	*journal_name(struct store *s, const struct journal *j,
		    struct fs_later *later);
/* Reads one of job. err_errno() is ENOENT where there is none. */
struct err	*journal_read(struct store *s, uint32_t job, enum staged what,
		    struct journal *j);
/* Notes that it has happened. */
struct err	*journal_done(struct store *s, const struct journal *j,
		    struct fs_later *later);
void		 journal_close(struct journal *j);

/* ---- store_archive.c: the version that a journal announces ---- */
/* Whether its certificate is there. err_errno() is EEXIST where the number is
 * somebody else's. */
struct err	*archive_check(struct store *s, const struct journal *j,
		    bool *is_placed);
/* What they are made of. */
struct contents {
	const char *cert, *chain;
	size_t cert_bytes, chain_bytes;
	int key; /* the staged one, open */
	struct fs_owner key_owner;
};
/* Makes its four files, without their names, and opens j->dir. The key is the
 * staged one under another name, where it can be. */
struct err	*archive_build(struct store *s, struct journal *j,
		    const struct contents *c, struct fs_later *later);
/* Notes which certificate it is. */
void		 archive_announce(struct journal *j, const struct contents *c);
/* Gives them their names. */
struct err	*archive_name(struct store *s, const struct journal *j,
		    struct fs_later *later);
/* Removes them where the number is ours, and what lies beside them; for a new
 * lineage the directory too. */
struct err	*archive_empty(struct store *s, const struct journal *j,
		    bool is_ours);

/* ---- store_commit.c: carrying it out, more than once where needed ---- */
/* A journal on its way into the store. Zeroed but for journal; later is empty
 * in the end. */
struct commit {
	struct journal *journal;
	/* Means that live/NAME still is what it was. err_errno() is EEXIST
	 * where somebody else has made that version, or a later one,
	 * meanwhile. */
	struct err *error;
	struct err *left; /* in place, but this was not done */
	unsigned shown;	  /* by live/NAME at the beginning */
	bool is_built;	  /* just now, under names that mean nothing */
	bool has_conf;	  /* then a new renewal file, too */
	bool has_old;	  /* versions that are not kept any more, perhaps */
	bool is_switching, is_in_place;
	struct fs_later later;
};
/* A step of each that has no error; what they have made lies in their lists, and
 * must be on disk before the next one. False where there is no such step. */
#define COMMIT_DECIDED 2 /* the first one of a journal that has its name */
bool		 commit_step(struct store *s, struct commit *list, size_t n,
		    size_t step);
/* What became of the lists; errors are taken. */
void		 commit_forced(struct store *s, struct commit *list, size_t n,
		    struct err *const *errors);
/* Tells of what is left. */
void		 commit_end(struct commit *c);
/* One of them from there to the end. */
struct err	*commit(struct store *s, struct journal *j);
/* Undoes what commit() did before it failed, and the journal. */
struct err	*commit_undo(struct store *s, const struct journal *j);

#endif
