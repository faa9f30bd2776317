/* hooks.h - hooks before and after renewals, and those that are still owed. */
#ifndef HOOKS_H
#define HOOKS_H

#include <stdbool.h>
#include <stddef.h>

#include "err.h"
#include "proto.h"

struct client;
struct hooks;
struct job;
struct monitor;
struct request;

/* ---- hooks.c ---- */
/* What goes into the environment; "" is left out. Borrowed until the end. */
struct hook_env {
	const char *lineage, *renewed, *failed;
};
/* For every hook that has ended: its command, and why it failed (owned by the
 * callee; NULL: it did not). At the end: no command; the hooks are freed then.
 */
typedef void hooks_done(void *arg, const char *command, struct err *e);
/* An empty list; kind is "pre", "deploy" or "post". NULL when out of memory. */
struct hooks	*hooks_new(struct monitor *m, const char *kind);
void		 hooks_free(struct hooks *h);
/* Adds one command, unless it is there already: the one that was asked for
 * (NULL: none was), else the one that the renewal file of lineage keeps, else
 * the usual one. "" is none. One of a file that others than root can change
 * fails instead of running. */
struct err	*hooks_add_chosen(struct hooks *h, const char *lineage,
		    const char *asked, const char *kept, const char *usual);
/* Adds the executables of renewal-hooks/KIND in bytewise order. */
struct err	*hooks_add_folder(struct hooks *h);
size_t		 hooks_count(const struct hooks *h);
bool		 hooks_has(const struct hooks *h, const char *command);
/* Those stay for which keep says so. */
void		 hooks_keep(struct hooks *h,
		    bool (*keep)(void *arg, const char *command), void *arg);
/* Calls fn for each in order; an error of fn stops and is returned. */
struct err	*hooks_each(const struct hooks *h,
		    struct err *(*fn)(void *arg, const char *command),
		    void *arg);
/* Those that run, when certd leaves; what they do goes on. */
void		 hooks_leave(struct monitor *m);
/* Runs them one after the other; h is taken. done may come at once. */
void		 hooks_run(struct hooks *h, const struct hook_env *env,
		    hooks_done *done, void *arg);

/* ---- hook_check.c ---- */
/* Whether the hooks that a request gives can be run, asked before anything
 * begins. done comes once, perhaps at once: with an error (owned by the callee)
 * where one cannot. */
void		 hooks_check(struct client *c, const struct request *r,
		    void (*done)(void *arg, struct err *e), void *arg);

/* ---- deploy.c: hooks after a certificate was stored ---- */
/* Which hooks of which certificate. Texts are borrowed for the call only. */
struct deploy {
	const char *lineage;
	const char *names; /* separated by spaces */
	const char *asked; /* the command given; NULL: none was */
	const char *kept;  /* of the renewal file, or "" */
	bool no_folder;    /* not those of renewal-hooks/deploy */
	bool owed_only;    /* those that failed, and no others */
	struct job *job;   /* whose certificate it is; NULL: an older one */
	void (*drop)(void *arg); /* frees arg where certd leaves before the end;
				  * NULL: nothing to free */
};
/* Comes once a hook that failed (e is borrowed), and at the end with NULL and
 * how many have run and failed. */
typedef void deploy_done(void *arg, const struct err *e, size_t run,
    size_t failed);
/* Runs them when its turn comes: one certificate at a time. Until a hook has
 * ended well, the ledger says that it is owed. done comes later, not at once. */
struct err	*deploy_start(struct monitor *m, const struct deploy *what,
		    deploy_done *done, void *arg);
/* Whether one is under way, or waits, for this certificate. */
bool		 deploy_is_running(const struct monitor *m,
		    const char *lineage);
void		 deploys_free(struct monitor *m);
/* The step of a job. */
struct err	*deploy_run(struct job *j);

/* ---- owed.c: deploy hooks that have still to succeed ---- */
/* What is owed for a certificate, for people; heap, NULL where nothing is. */
struct err	*owed_text(struct monitor *m, const char *lineage,
		    char **out);
/* Each as a fact "deploy_failed"; of lineage, or all where it is "". */
struct err	*owed_tell(struct client *c, const char *lineage);
bool		 owed_any(struct monitor *m, const char *lineage);
/* The commands that are owed for one certificate. */
struct owed_list {
	const char *lineage; /* borrowed */
	char **v;
	size_t n;
	bool all; /* whatever it has: certd ended before it knew the list */
};
/* To be cleared, after an error too. */
struct err	*owed_read(struct monitor *m, const char *lineage,
		    struct owed_list *out);
void		 owed_clear(struct owed_list *o);
/* Whether command is in the list; for hooks_keep(). */
bool		 owed_has(void *arg, const char *command);
/* Those of the list that are not among h are owed no more. */
struct err	*owed_forget(struct monitor *m, const struct owed_list *o,
		    const struct hooks *h);
/* Before a renewal: what is owed for certificates that are no more is forgotten;
 * the others will be read, whether their files have changed or not. */
void		 owed_sweep(struct monitor *m);
/* `certctl deploy`; answers the client in every case. */
void		 request_deploy(struct client *c, struct str lineage);

#endif
