/*
 * certctl.h - everything that the admin tool can do.
 *
 * A command line becomes an invocation (parse.c, options.c, args.c), whose
 * command (commands.c) runs in a session with certd (connection.c) and shows
 * what it is told (follow.c, progress.c, print.c, json.c).
 */
#ifndef CERTCTL_H
#define CERTCTL_H

#include <jansson.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include "err.h"
#include "proto.h"

#define SOCKET_DEFAULT "/run/certd/control.sock"

enum exit_status {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,  /* at least one certificate failed */
	EXIT_USAGE = 2,
	EXIT_DENIED = 3,  /* not permitted */
	EXIT_NO_CERTD = 4, /* certd cannot be reached */
	EXIT_RENEWED = 10  /* all done, and something was new: if asked for */
};

/* ---- options.c: one row an option ---- */

/* Options that never leave certctl; numbered behind those of the protocol. */
enum client_option {
	OPT_domains = 64,
	OPT_detach,
	OPT_lines,
	OPT_verify,
	OPT_no_sleep,
	OPT_detailed,
	OPT_settings,
	OPT_token_file,
	OPT_store_group,
	OPT_renew_by,
	OPT_disable_certbot,
	OPT_no_check,
	OPT_non_interactive,
	OPT_cert_path,
	OPT_key_path,
	OPT_eab_file,
	OPT_delete_after,
	OPT_no_delete_after,
	OPT_socket,
	OPT_json,
	OPT_quiet,
	OPT_no_color,
	OPT_help,
	OPT_version,
	OPT_accepted,	 /* a word of certbot that says what certd does anyway */
	OPT_unavailable, /* a word of certbot that is refused */
	OPTION_IDS
};

struct cli_option {
	unsigned id;	      /* enum request_option or enum client_option */
	const char *word;     /* long option, without dashes */
	char letter;	      /* '\0': none */
	const char *alias;    /* another long option, or NULL */
	const char *argument; /* what its value is called; NULL: takes none */
	const char *help;     /* one line; what to do instead where refused;
			       * the values of OPT_accepted, "a|b", or NULL */
	bool everywhere;      /* may stand with every command */
};
extern const struct cli_option cli_options[];
extern const size_t	       cli_options_n;
/* By long word or alias (n bytes), by letter, by id; NULL when there is none. */
const struct cli_option *option_by_word(const char *word, size_t n);
const struct cli_option *option_by_letter(char letter);
const struct cli_option *option_by_id(unsigned id);

/* ---- commands.c: one row a command ---- */

struct session;

struct command {
	const char *word;
	const char *alias;	  /* certbot's word, or NULL */
	const char *argument;	  /* "NAME", "[JOB]" where optional, "NAME
				   * VERSION" where there are two, or NULL */
	const char *help;	  /* one line */
	const unsigned *options;  /* ids, ended by 0, besides those everywhere */
	struct err *(*run)(struct session *s);
};
extern const struct command commands[];
extern const size_t	    commands_n;
/* By word or alias; NULL when there is none. */
const struct command *command_find(const char *word);
bool		 command_takes(const struct command *c, unsigned option);
/* Prints the list of commands, or all about one. */
void		 usage_print(FILE *out);
void		 usage_print_command(FILE *out, const struct command *c);

/* ---- complete.c ---- */
/* Prints what the last of n words, which is unfinished, may become: a line each,
 * with a tab and an explanation where there is one. */
void		 complete(FILE *out, int n, char *const words[]);

/* ---- suggest.c ---- */
/* How many slips of the finger lie between two words: letters too many, missing
 * or wrong, and neighbours exchanged. */
size_t		 word_distance(const char *a, const char *b);
/* The command, or the long option, that was probably meant; NULL when nothing
 * is near. */
const char	*suggest_command(const char *word);
const char	*suggest_option(const char *word, size_t n);

/* ---- args.c: names ---- */

struct names {
	char **v; /* A-labels, each once, in the order given */
	size_t n;
};
/* Adds the names of a comma-separated list; international ones become A-labels
 * (UTS 46, non-transitional). The error names the bad one. */
struct err	*names_add(struct names *names, const char *list);
void		 names_clear(struct names *names);
/* A job's number. */
struct err	*job_parse(const char *text, uint32_t *job);

/* ---- parse.c: the command line ---- */

/* What is asked for. Texts borrow from argv. */
struct invocation {
	const struct command *command;	/* NULL: none was given */
	const char *values[OPTION_IDS]; /* NULL: not given; "" for flags */
	struct names names;		/* of -d */
	const char *argument;		/* of the command, or NULL */
	const char *second;		/* its second one, or NULL */
};
/* Fills inv, which is to be cleared also after an error. Every error is one of
 * usage. */
struct err	*invocation_parse(struct invocation *inv, int argc,
		    char *const argv[]);
void		 invocation_clear(struct invocation *inv);
bool		 invocation_has(const struct invocation *inv, unsigned id);

/* ---- connection.c: talking to certd ---- */

struct buf;
struct session {
	const struct invocation *inv;
	FILE *out, *err;
	int input;	  /* what the person types */
	bool asks;	  /* there is a person who can answer questions */
	/* Options that a person gave when asked, over those of inv. */
	const char *answers[OPTION_IDS];
	char *answered; /* storage of one of them */
	bool json;
	bool live;	  /* out is a terminal that can be redrawn */
	bool color;
	int fd;		  /* -1: not connected */
	struct buf *in;
	int status;	  /* enum exit_status */
	bool over;	  /* nothing more is wanted: an answer may set it */
	bool interrupted; /* by Ctrl-C */
	struct {
		enum file_use use;
		int fd;
	} files[FILE_N];  /* to go with the next request, closed with it */
	size_t n_files;
};

/* What to do with one kind of answer. */
struct answer {
	enum msg_type type;
	struct err *(*on)(void *arg, const struct msg *m);
};

struct conversation {
	const struct answer *answers;
	size_t n_answers;
	void *arg;
	void (*tick)(void *arg); /* about twice a second; NULL: do not wait for
				  * longer than certd may be silent */
};

/* Sets the exit status that goes with e, and returns e. */
struct err	*session_fail(struct session *s, enum exit_status status,
		    struct err *e);
/* Connects, sends the options of the command line that certd is to know, and request,
 * then hands out the answers until "end". An answer that c has no row for is an
 * error, "error" is one too and sets the exit status. */
struct err	*session_ask(struct session *s, struct msg *request,
		    const struct conversation *c);
void		 session_close(struct session *s);
/* Opens a file with the caller's rights, to be handed over with the next
 * request. */
struct err	*session_file(struct session *s, enum file_use use,
		    const char *path);
/* Ready for another session_ask(). */
void		 session_again(struct session *s);

/* ---- ask.c: questions to the person at the terminal ---- */
/* Whether there is one: input and output (or errors) are terminals, and neither
 * -n nor -q nor --json was given. Where not, every question below is an error;
 * the caller takes the safe default before, or refuses and names the option that
 * answers. The end of input, Ctrl-C and five answers that make no sense are
 * errors too. Questions are one line without a "?" added. */
bool		 is_interactive(const struct session *s);
/* "QUESTION [y/N] ": Enter means otherwise. */
struct err	*ask_yes_no(struct session *s, const char *question,
		    bool otherwise, bool *yes);
/* Lists n choices, numbered from 1; otherwise and *chosen count from 0. */
struct err	*ask_choice(struct session *s, const char *question,
		    const char *const *choices, size_t n, size_t otherwise,
		    size_t *chosen);
/* *text is the caller's to free; otherwise "": there must be an answer. */
struct err	*ask_text(struct session *s, const char *question,
		    const char *otherwise, char **text);
/* Without showing what is typed; the bytes go into secret (emptied first, wiped
 * by buf_free()) and nowhere else. */
struct err	*ask_secret(struct session *s, const char *question,
		    struct buf *secret);

/* ---- facts.c: keys and values to be shown ---- */

struct facts {
	struct fact {
		uint32_t job; /* 0: about none */
		char *key, *value;
	} *v;
	size_t n;
};
struct err	*facts_add(struct facts *f, struct str key, struct str value);
/* The same, for the job, as the message says. */
struct err	*facts_add_told(struct facts *f, const struct msg *m);
/* Those of the job move from f to *out, which has none. */
struct err	*facts_take(struct facts *f, uint32_t job, struct facts *out);
/* The first value of a key; NULL where there is none. */
const char	*facts_get(const struct facts *f, const char *key);
/* Aligned lines, each behind indent blanks. */
void		 facts_print(const struct facts *f, FILE *out, int indent);
/* An object; a key that is there several times has a list. NULL when out of
 * memory. */
json_t		*facts_json(const struct facts *f);
void		 facts_clear(struct facts *f);

/* ---- print.c: text for people ---- */
/* n bytes of anybody's text, with nothing in it that a terminal would obey. */
void		 print_text(FILE *out, struct str text);
/* "certctl: TEXT", and on lines below the advice and when to come again. */
void		 print_problem(FILE *out, const struct err *e);
/* That certd waits for somebody; at once, on standard error. */
void		 print_waiting(const struct session *s, struct str text);
/* A row, as `certbot certificates` shows a certificate. */
void		 print_certificate(FILE *out, const struct msg *m, time_t now);
/* The same as facts, for the one certificate that was asked for. */
struct err	*certificate_facts(struct facts *f, const struct msg *m,
		    time_t now);
/* "VALID: 12 days", "INVALID: EXPIRED" ... */
#define VALIDITY_BYTES 64
void		 validity_text(char out[VALIDITY_BYTES], const struct msg *m,
		    time_t now);
/* "0:42", "1:02:03". */
#define ELAPSED_BYTES 32
void		 elapsed_text(char out[ELAPSED_BYTES], time_t secs);

/* ---- json.c: JSON for scripts. NULL when out of memory. ---- */
/* A row. */
json_t		*json_certificate(const struct msg *m, time_t now);
/* An event, on a line of its own. */
json_t		*json_event(const struct msg *m);
/* A result of the given word ("issued", "failed" ...); facts may be NULL. */
json_t		*json_result(const struct msg *m, const char *word,
		    const struct facts *facts);
/* A certificate of which there is no more to say than a word and a reason
 * (either may be empty). */
json_t		*json_outcome(uint32_t job, struct str name, const char *word,
		    struct str reason);
json_t		*json_error(enum exit_status status, const struct err *e);
/* Prints doc (taken; NULL is an error) and a newline. */
struct err	*json_print(FILE *out, json_t *doc);

/* ---- progress.c: where jobs stand ---- */

enum progress_mode {
	PROGRESS_NONE,
	PROGRESS_PLAIN, /* a line an event */
	PROGRESS_LIVE	/* a line a job, drawn again and again */
};
struct progress;
/* rows is the height of the terminal, clock tells the time of day. NULL when
 * out of memory. */
struct progress	*progress_new(FILE *out, enum progress_mode mode, bool color,
		    unsigned rows, time_t (*now)(void));
/* The job is at this stage since when; a new job gets a line. */
struct err	*progress_stage(struct progress *p, uint32_t job,
		    struct str name, const char *stage, struct str text,
		    time_t when);
/* The job is over; its last line says word. */
struct err	*progress_end(struct progress *p, uint32_t job, struct str name,
		    bool good, const char *word);
/* Draws the live lines anew; time goes by. */
void		 progress_draw(struct progress *p);
/* Takes the live lines away, so that something else can be printed. */
void		 progress_hide(struct progress *p);
/* The lines stay where they are. NULL is fine. */
void		 progress_free(struct progress *p);

/* ---- hooks.c: what is told of hooks ---- */
/* The failure of a hook, on standard error; with --json also into failures. */
struct err	*hook_failure(struct session *s, const struct msg *m,
		    json_t *failures);
/* That deploy hooks have run again. */
void		 hook_deployed(struct session *s, const struct msg *m);

/* ---- follow.c: jobs to their end ---- */

/* What a command wants of the jobs that it follows. */
struct aim {
	const char *good, *bad; /* words for how a job ended */
	bool wants_end;		/* that it ends badly is what was asked for */
	bool all;		/* jobs of others: how they end is their affair */
	bool lines;		/* with --json: an object an event */
	bool detach;		/* enough when certd has accepted */
	bool summary;		/* a line that counts, at the end */
	bool detailed;		/* an exit status of its own where one is good */
	struct facts *facts;	/* NULL, or where those of the last good
				 * result go */
};
/* Sends request and shows what becomes of it. Where certd asks back, the person
 * is asked (question.c) and the request repeated with the answer. */
struct err	*follow(struct session *s, struct msg *request,
		    const struct aim *aim);

/* ---- question.c: what certd cannot decide alone ---- */
struct question {
	uint32_t about; /* enum question_kind; 0: nothing was asked */
	char *lineage, *text, *advice;
};
struct err	*question_keep(struct question *q, const struct msg *m);
/* Puts the option that answers it into s->answers: by asking, or where nobody can
 * be asked the safe one. An error where there is none, or the person says no. */
struct err	*question_answer(struct session *s, const struct question *q);
void		 question_clear(struct question *q);

/* ---- cmd_*.c ---- */
struct err	*cmd_issue(struct session *s);
struct err	*cmd_renew(struct session *s);
struct err	*cmd_reconfigure(struct session *s);
struct err	*cmd_list(struct session *s);
struct err	*cmd_revoke(struct session *s);
struct err	*cmd_account(struct session *s);
struct err	*cmd_account_show(struct session *s);
struct err	*cmd_account_register(struct session *s);
struct err	*cmd_account_update(struct session *s);
struct err	*cmd_account_deactivate(struct session *s);
struct err	*cmd_show(struct session *s);
struct err	*cmd_status(struct session *s);
struct err	*cmd_watch(struct session *s);
struct err	*cmd_cancel(struct session *s);
struct err	*cmd_delete(struct session *s);
struct err	*cmd_audit(struct session *s);
struct err	*cmd_deploy(struct session *s);
struct err	*cmd_doctor(struct session *s);
struct err	*cmd_restore(struct session *s);
struct err	*cmd_repair(struct session *s);
struct err	*cmd_setup(struct session *s);
struct err	*cmd_help(struct session *s);
struct err	*cmd_version(struct session *s);

#endif
