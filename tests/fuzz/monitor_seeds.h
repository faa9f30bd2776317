/*
 * monitor_seeds.h - programs for fuzz_monitor.c, made from the message table: each
 * message at each point of an order, each option, each kind of account job with
 * each verb, each question that goes wrong. A new row has its programs on the day
 * it is added.
 */
#ifndef MONITOR_SEEDS_H
#define MONITOR_SEEDS_H

#include "proto.h"
#include "world.h"

enum talker { ROOT, MEMBER, WORKER_A, WORKER_B, NOBODY, TALKERS };

#define LOSS	 128 /* NOBODY: a file is lost instead */
#define LOSSES	 8
#define LAST_JOB 128 /* the byte for the job that was made last */
#define OTHERS_NAME 3	/* evil.test, as a name */
#define OTHERS_TEXT 15	/* and as a text: see fuzz_monitor.c */

/* A program: how many answers are chosen, these, then what is said. */
struct seed {
	uint8_t bytes[2048];
	size_t n;
};

static inline void
seed_byte(struct seed *s, unsigned c)
{
	if (s->n < sizeof(s->bytes))
		s->bytes[s->n++] = (uint8_t)c;
}

/* n answers are good, and then comes this. */
static inline void
seed_begin(struct seed *s, unsigned good, unsigned c, unsigned row)
{
	s->n = 0;
	seed_byte(s, c == 0 ? 0 : good + 2);
	for (; c != 0 && good > 0; good--)
		seed_byte(s, 0);
	if (c != 0) {
		seed_byte(s, c);
		seed_byte(s, row);
	}
}

/* A message of the table; a is its first field but the job, b the second. */
static inline void
seed_say(struct seed *s, enum talker who, uint32_t type, unsigned a, unsigned b)
{
	const struct msg_def *row = msg_row(type);
	unsigned value[2] = { a, b };
	size_t i, k = 0;

	if (row == NULL)
		abort();
	seed_byte(s, who);
	seed_byte(s, type);
	seed_byte(s, 1); /* its number */
	seed_byte(s, 0); /* as it should be */
	for (i = 0; i < row->n_fields; i++)
		if (strcmp(row->fields[i].name, "job") == 0)
			seed_byte(s, LAST_JOB);
		else
			seed_byte(s, k < 2 ? value[k++] : 0);
}

/* One order from the request to the end. */
static const struct line {
	uint32_t type;
	unsigned a, b;
} order[] = {
	{ MSG_account_ask, 0, 0 },
	{ MSG_sign, VERB_NEW_ACCOUNT, 0 },
	{ MSG_account_made, 0, 0 },
	{ MSG_sign, VERB_NEW_ORDER, 0 },
	{ MSG_ordered, 0, 0 },
	{ MSG_sign, VERB_GET, 0 },
	{ MSG_publish, 0, 0 },
	{ MSG_sign, VERB_ANSWER, 0 },
	{ MSG_sign, VERB_FINALIZE, 0 },
	{ MSG_chain_offer, 0, 0 },
	{ MSG_chain, 0, 0 },
	{ MSG_done, 0, 0 },
};
#define ORDER_N (sizeof(order) / sizeof(order[0]))

static inline void
seed_order(struct seed *s, enum talker who, unsigned name, size_t n)
{
	size_t i;

	seed_say(s, WORKER_A, MSG_ready, 4, 0);
	seed_say(s, who, MSG_issue, name, 0);
	for (i = 0; i < n; i++)
		seed_say(s, WORKER_A, order[i].type,
		    order[i].type == MSG_publish ? name : order[i].a,
		    order[i].b);
}

static inline void
seed_write(const struct seed *s, const char *dir, const char *what,
    const char *name, size_t i)
{
	char file[128];

	(void)snprintf(file, sizeof(file), "%s-%s-%zu", what, name, i);
	world_seed(dir, file, s->bytes, s->n);
}

/* What an administrator may say: at once, and when there is a certificate. */
static inline void
seeds_of_admins(const char *dir, const struct msg_def *row)
{
	struct seed s;
	unsigned who;

	for (who = ROOT; who <= MEMBER; who++) {
		seed_begin(&s, 0, 0, 0);
		seed_say(&s, who, row->type, 0, 0);
		seed_write(&s, dir, "ask", row->name, who);
		seed_begin(&s, 0, 0, 0);
		seed_order(&s, ROOT, 0, ORDER_N);
		seed_say(&s, who, row->type, 0, 1);
		seed_say(&s, WORKER_A, MSG_account_ask, 0, 0);
		seed_say(&s, WORKER_A, MSG_sign, VERB_REVOKE, 0);
		seed_say(&s, WORKER_A, MSG_achieved, 0, 0);
		seed_write(&s, dir, "then", row->name, who);
	}
	/* a member, of what is not his */
	seed_begin(&s, 0, 0, 0);
	seed_order(&s, ROOT, OTHERS_NAME, ORDER_N);
	seed_say(&s, MEMBER, row->type, OTHERS_TEXT, 1);
	seed_write(&s, dir, "others", row->name, MEMBER);
}

/* What a worker may say, at each point of an order. */
static inline void
seeds_of_workers(const char *dir, const struct msg_def *row)
{
	struct seed s;
	size_t i;

	for (i = 0; i <= ORDER_N; i++) {
		seed_begin(&s, 0, 0, 0);
		seed_order(&s, MEMBER, 0, i);
		seed_say(&s, WORKER_A, row->type, 0, 0);
		seed_say(&s, WORKER_A, row->type, 1, 1);
		seed_write(&s, dir, "at", row->name, i);
	}
}

static inline void
seeds_of_options(const char *dir)
{
	struct seed s;
	size_t i, text;

	for (i = 0; i < option_table_n; i++)
		for (text = 0; text < (option_table[i].has_value ? 24u : 1u);
		     text++) {
			seed_begin(&s, 0, 0, 0);
			seed_say(&s, ROOT, MSG_option, option_table[i].option,
			    (unsigned)text);
			seed_order(&s, ROOT, 0, text == 0 ? ORDER_N : 0);
			if (text == 0) {
				seed_say(&s, ROOT, MSG_option,
				    option_table[i].option, 0);
				seed_say(&s, ROOT, MSG_option,
				    OPTION_no_dry_run, 0);
				seed_say(&s, ROOT, MSG_reconfigure, 0, 0);
			}
			seed_write(&s, dir, "option", option_table[i].word,
			    text);
		}
}

/* Verbs in jobs of every kind, for an account that there is. */
static inline void
seeds_of_kinds(const char *dir)
{
	struct seed s;
	unsigned kind, verb;

	for (kind = 0; kind < KIND_N; kind++)
		for (verb = 0; verb < VERB_N; verb++) {
			seed_begin(&s, 0, 0, 0);
			/* what changes an account wants to be alone with it */
			seed_order(&s, MEMBER, 0, ORDER_N);
			seed_say(&s, ROOT, MSG_option, OPTION_no_email, 0);
			seed_say(&s, ROOT, MSG_account, kind, 0);
			seed_say(&s, WORKER_A, MSG_account_ask, 0, 0);
			seed_say(&s, WORKER_A, MSG_sign, verb, 0);
			seed_say(&s, WORKER_A, MSG_account_found, 0, 1);
			seed_say(&s, WORKER_A, MSG_account_seen, 0, 0);
			seed_say(&s, WORKER_A, MSG_achieved, 0, 0);
			seed_write(&s, dir, kind_word(kind), verb_word(verb),
			    verb);
		}
}

/* A member wants names that the policy does not give; an account with a key of the
 * CA's customer. */
static inline void
seeds_of_people(const char *dir)
{
	struct seed s;
	unsigned c;

	for (c = 0; c < 12; c++) {
		seed_begin(&s, 0, 0, 0);
		seed_say(&s, WORKER_A, MSG_ready, 4, 0);
		seed_say(&s, MEMBER, MSG_issue, c, 0);
		seed_say(&s, WORKER_A, MSG_account_ask, 0, 0);
		seed_write(&s, dir, "member", "names", c);
	}
	seed_begin(&s, 0, 0, 0);
	seed_say(&s, WORKER_A, MSG_ready, 4, 0);
	seed_say(&s, ROOT, MSG_file, FILE_BINDING, 0);
	seed_say(&s, ROOT, MSG_option, OPTION_eab_kid, 0);
	seed_say(&s, ROOT, MSG_account, KIND_register, 0);
	seed_say(&s, WORKER_A, MSG_account_ask, 0, 0);
	seed_say(&s, WORKER_A, MSG_sign, VERB_NEW_ACCOUNT, 0);
	seed_say(&s, WORKER_A, MSG_account_made, 0, 0);
	seed_say(&s, WORKER_A, MSG_achieved, 0, 0);
	seed_write(&s, dir, "account", "bound", 0);
}

/* The question that comes after so many bytes of good answers goes wrong, or is
 * answered by something else. */
static inline void
seeds_of_answers(const char *dir)
{
	struct seed s;
	unsigned good;
	size_t i;

	for (good = 0; good < 64; good++) {
		seed_begin(&s, good, 230, 0);
		seed_order(&s, ROOT, 0, ORDER_N);
		seed_write(&s, dir, "answer", "failed", good);
	}
	for (i = 0; i < msg_table_n; i++)
		if ((msg_table[i]->from & (ROLE_SIGNER | ROLE_PUBLISHER |
		    ROLE_HOOK)) && msg_table[i]->from != ROLE_ANY) {
			seed_begin(&s, 0, 255, msg_table[i]->type);
			seed_order(&s, ROOT, 0, ORDER_N);
			seed_write(&s, dir, "answer", msg_table[i]->name, i);
		}
}

/* Each thing that can be lost, before each of what looks at it. */
static inline void
seeds_of_losses(const char *dir)
{
	static const uint32_t asked[] = { MSG_repair, MSG_show, MSG_restore,
		MSG_delete, MSG_revoke, MSG_renew, MSG_doctor };
	struct seed s;
	unsigned lost;
	size_t i;

	for (lost = 0; lost < LOSSES; lost++)
		for (i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
			seed_begin(&s, 0, 0, 0);
			seed_order(&s, ROOT, 0, ORDER_N);
			seed_byte(&s, NOBODY);
			seed_byte(&s, LOSS + lost);
			seed_say(&s, ROOT, asked[i], 0,
			    asked[i] == MSG_restore);
			seed_write(&s, dir, "lost", msg_row(asked[i])->name,
			    lost);
		}
}

static inline void
seeds_write(const char *dir)
{
	size_t i;

	for (i = 0; i < msg_table_n; i++) {
		if (msg_table[i]->from & ROLE_ADMIN)
			seeds_of_admins(dir, msg_table[i]);
		if (msg_table[i]->from & ROLE_WORKER)
			seeds_of_workers(dir, msg_table[i]);
	}
	seeds_of_options(dir);
	seeds_of_kinds(dir);
	seeds_of_people(dir);
	seeds_of_losses(dir);
	seeds_of_answers(dir);
}

#endif
