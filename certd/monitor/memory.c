/*
 * memory.c - what certd must remember of a job to take it up again after its
 * own end: a text for the ledger, and the job from that text.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    our own text, which another version may have written.
 * Promise:  what an administrator asked for comes back as it was: a word that is
 *           not known here is an error, never passed over.
 *
 * One line a field: its word, a space, its value. Texts have no line ends: they
 * came as text of a message, or out of our configuration.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "log.h"
#include "monitor.h"

#define OPTIONS_MAX_BYTES (64 * 1024)

enum type { TEXT, FLAG, NUMBER };

/* All that a request can set, and how far the job has come. What is found again
 * in the store (files) or by the server (account) is not here. */
#define FIELD(word, type, field) { word, type, offsetof(struct job, field) }
static const struct field {
	const char *word;
	enum type type;
	size_t at;
} fields[] = {
	FIELD("who", TEXT, who),
	FIELD("conf-server", TEXT, conf_server),
	FIELD("preferred-chain", TEXT, preferred_chain),
	FIELD("account", TEXT, account_wanted),
	FIELD("credentials", TEXT, credentials),
	FIELD("pre-hook", TEXT, pre_hook),
	FIELD("post-hook", TEXT, post_hook),
	FIELD("deploy-hook", TEXT, deploy_hook),
	FIELD("renew-before", TEXT, renew_before),
	FIELD("autorenew", TEXT, autorenew),
	FIELD("key-kind", NUMBER, key_kind),
	FIELD("propagation", NUMBER, propagation_secs),
	FIELD("reason", NUMBER, reason),
	FIELD("batch", NUMBER, batch_id),
	FIELD("starts", NUMBER, starts),
	FIELD("agree-tos", FLAG, agree_tos),
	FIELD("reuse-key", FLAG, reuse_key),
	FIELD("new-key", FLAG, new_key),
	FIELD("must-staple", FLAG, must_staple),
	FIELD("reconfigures", FLAG, reconfigures),
	FIELD("renews", FLAG, renews),
	FIELD("no-folder-hooks", FLAG, no_folder_hooks),
	FIELD("allow-repeat", FLAG, allow_repeat),
	FIELD("dry-run", FLAG, dry_run),
	FIELD("prepared", FLAG, is_prepared),
};
#define FIELDS_N (sizeof(fields) / sizeof(fields[0]))
_Static_assert(sizeof(enum key_kind) == sizeof(uint32_t), "a NUMBER");

static struct err *
add_line(struct buf *b, const char *word, const char *value)
{
	if (strchr(value, '\n') != NULL)
		return err_new("%s has a line end", word);
	return buf_addf(b, "%s %s\n", word, value);
}

static struct err *
add_field(struct buf *b, const struct field *f, const struct job *j)
{
	const void *at = (const char *)j + f->at;
	const char *text;
	uint32_t number;

	switch (f->type) {
	case TEXT:
		text = *(char *const *)at;
		return text == NULL ? NULL : add_line(b, f->word, text);
	case FLAG:
		return *(const bool *)at ? add_line(b, f->word, "1") : NULL;
	case NUMBER:
		memcpy(&number, at, sizeof(number));
		return number == 0 ? NULL :
		    buf_addf(b, "%s %" PRIu32 "\n", f->word, number);
	}
	return NULL;
}

struct err *
job_describe(const struct job *j, struct buf **out)
{
	struct buf *b = buf_new(OPTIONS_MAX_BYTES);
	struct err *e = b == NULL ? err_sys("job") : NULL;
	size_t i;

	for (i = 0; e == NULL && i < FIELDS_N; i++)
		e = add_field(b, &fields[i], j);
	for (i = 0; e == NULL && i < j->n_contacts; i++)
		e = add_line(b, "contact", j->contacts[i]);
	if (e != NULL) {
		buf_free(b);
		b = NULL;
	}
	*out = b;
	return err_wrap(e, "write the job down");
}

/* ---- and back ---- */

static struct err *
set_field(struct job *j, const struct field *f, const char *value)
{
	void *at = (char *)j + f->at;
	uint64_t number;
	uint32_t n;

	switch (f->type) {
	case TEXT:
		free(*(char **)at);
		*(char **)at = strdup(value);
		return *(char **)at == NULL ? err_sys("%s", f->word) : NULL;
	case FLAG:
		*(bool *)at = true;
		return NULL;
	case NUMBER:
		if (!text_number(value, 0, UINT32_MAX, &number))
			return err_new("%s: not a number", f->word);
		n = (uint32_t)number;
		memcpy(at, &n, sizeof(n));
		return NULL;
	}
	return NULL;
}

static struct err *
set(struct job *j, const char *word, const char *value)
{
	size_t i;

	for (i = 0; i < FIELDS_N; i++)
		if (strcmp(fields[i].word, word) == 0)
			return set_field(j, &fields[i], value);
	if (strcmp(word, "contact") != 0 || j->n_contacts == CONTACTS_MAX)
		return err_new("%s: not known to this version", word);
	j->contacts[j->n_contacts] = strdup(value);
	return j->contacts[j->n_contacts++] == NULL ? err_sys("contact") :
	    NULL;
}

struct err *
job_restore(struct job *j, const char *text)
{
	char *copy = strdup(text), *rest = copy, *line, *space;
	struct err *e = copy == NULL ? err_sys("job") : NULL;

	while (e == NULL && (line = strsep(&rest, "\n")) != NULL) {
		if (*line == '\0')
			continue;
		if ((space = strchr(line, ' ')) == NULL) {
			e = err_new("%s: no value", line);
			break;
		}
		*space = '\0';
		e = set(j, line, space + 1);
	}
	free(copy);
	return err_wrap(e, "what was written down of the job");
}
