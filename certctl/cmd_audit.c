/*
 * cmd_audit.c - certctl audit: what was done and refused, and whether the record
 * of it is whole.
 *
 * Runs in:  certctl (the caller; the files are root's).
 * Input:    audit.log and the files before it, which somebody may have changed;
 *           certd's word where its chain stands.
 * Promise:  nothing that was changed, added or taken away goes unseen, except by
 *           somebody who made the whole chain anew from there on, and audit.head
 *           and a running certd with it. Against that helps a copy elsewhere:
 *           the journal has the lines with their hashes.
 */
#define _GNU_SOURCE /* asprintf */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit.h"
#include "certctl.h"

#define LINES_DEFAULT 50
#define LINES_MAX     1000000
#define REMOVED       " is removed: the lines before "

struct reading {
	struct session *s;
	char *folder;
	struct audit_chain chain, head; /* head: as certd says */
	bool has_head, head_seen;
	uint64_t first, n; /* number of the first line; how many there are */
	char **last;       /* a ring of the last lines */
	size_t room;
	char *removed; /* the newest file that was removed as too old */
	json_t *problems;
	bool verify;
};

static struct err *
problem(struct reading *r, const char *file, const char *text)
{
	r->s->status = EXIT_FAILED;
	if (json_array_append_new(
		r->problems, json_sprintf("%s: %s", file, text)) == -1)
		return err_new("JSON: out of memory");
	if (r->s->json)
		return NULL;
	(void)fflush(r->s->out);
	fputs("certctl: ", r->s->err);
	print_text(r->s->err, str_of(file));
	fputs(": ", r->s->err);
	print_text(r->s->err, str_of(text));
	fputc('\n', r->s->err);
	return NULL;
}

/* ---- lines ---- */

/* "audit.log.N is removed: the lines before audit.log.M": M is remembered. */
static void
note_removed(struct reading *r, struct str line)
{
	char act[64], what[1024];
	const char *at;

	if (!audit_field(line, "act", act, sizeof(act)) ||
	    strcmp(act, "audit") != 0 ||
	    !audit_field(line, "what", what, sizeof(what)) ||
	    (at = strstr(what, REMOVED)) == NULL)
		return;
	free(r->removed);
	r->removed = strdup(at + strlen(REMOVED));
}

static struct err *
take_line(struct reading *r, const char *file, struct str line)
{
	char why[AUDIT_WHY_BYTES];
	const char *wrong = audit_check(&r->chain, line, why);
	struct err *e = NULL;
	char **slot;

	if (wrong != NULL && r->verify)
		e = problem(r, file, wrong);
	if (r->n++ == 0)
		r->first = r->chain.seq;
	if (r->has_head && r->chain.seq == r->head.seq) {
		r->head_seen = true;
		if (e == NULL && r->verify &&
		    strcmp(r->chain.hash, r->head.hash) != 0)
			e = problem(r, file,
			    "the line where certd stands is another one than "
			    "the one that certd wrote");
	}
	note_removed(r, line);
	if (r->room == 0)
		return e;
	slot = &r->last[(r->n - 1) % r->room];
	free(*slot);
	if ((*slot = str_dup(line)) == NULL && e == NULL)
		e = err_sys("line");
	return e;
}

static struct err *
read_file(struct reading *r, const char *name)
{
	char *path = NULL, *text = NULL;
	struct err *e = NULL;
	size_t size = 0;
	FILE *f = NULL;
	ssize_t n;

	if (asprintf(&path, "%s/%s", r->folder, name) == -1)
		return err_sys("%s", name);
	if ((f = fopen(path, "re")) == NULL)
		e = err_sys("%s", path);
	while (e == NULL && (n = getline(&text, &size, f)) > 0) {
		if (text[n - 1] == '\n')
			e = take_line(
			    r, name, (struct str){ text, (size_t)n - 1 });
		else if (r->verify)
			e = problem(r, name, "its last line was cut off");
	}
	if (f != NULL)
		(void)fclose(f);
	free(text);
	free(path);
	return e;
}

/* ---- files ---- */

static int
is_audit(const struct dirent *d)
{
	const size_t n = strlen(AUDIT_FILE);

	return strncmp(d->d_name, AUDIT_FILE, n) == 0 &&
	       (d->d_name[n] == '\0' ||
		   (d->d_name[n] == '.' && d->d_name[n + 1] != '\0' &&
		       strspn(d->d_name + n + 1, "0123456789") ==
			   strlen(d->d_name + n + 1)));
}

/* The old ones by their number, then the one that is written. */
static int
by_age(const struct dirent **x, const struct dirent **y)
{
	bool x_is_new = strcmp((*x)->d_name, AUDIT_FILE) == 0,
	     y_is_new = strcmp((*y)->d_name, AUDIT_FILE) == 0;

	if (x_is_new || y_is_new)
		return x_is_new - y_is_new;
	return strcmp((*x)->d_name, (*y)->d_name);
}

/* Is what stands before the first line missing, or was it removed as too old? */
static struct err *
check_first(struct reading *r, const char *oldest)
{
	char text[128];

	if (r->n == 0 || r->first == 1 ||
	    (r->removed != NULL && strcmp(r->removed, oldest) == 0))
		return NULL;
	(void)snprintf(text, sizeof(text), "lines 1 to %" PRIu64 " are missing",
	    r->first - 1);
	return problem(r, oldest, text);
}

static struct err *
check_last(struct reading *r)
{
	char text[128];

	if (!r->has_head || r->head_seen || r->chain.seq > r->head.seq ||
	    r->head.seq == 0)
		return NULL;
	(void)snprintf(text, sizeof(text),
	    "lines %" PRIu64 " to %" PRIu64 ", the last ones, are missing",
	    r->n == 0 ? 1 : r->chain.seq + 1, r->head.seq);
	return problem(r, AUDIT_FILE, text);
}

static struct err *
read_all(struct reading *r)
{
	struct dirent **list;
	struct err *e = NULL;
	int i, n = scandir(r->folder, &list, is_audit, by_age);

	if (n == -1)
		return session_fail(r->s,
		    errno == EACCES ? EXIT_DENIED : EXIT_FAILED,
		    err_sys("%s", r->folder));
	if (n == 0)
		e = err_new("%s: there is no " AUDIT_FILE, r->folder);
	for (i = 0; i < n && e == NULL; i++)
		e = read_file(r, list[i]->d_name);
	if (e == NULL && r->verify && n > 0)
		e = check_first(r, list[0]->d_name);
	if (e == NULL && r->verify)
		e = check_last(r);
	for (i = 0; i < n; i++)
		free(list[i]);
	free(list);
	return e;
}

/* ---- shown ---- */

static const char *
line_at(const struct reading *r, size_t i)
{
	return r->n <= r->room ? r->last[i] : r->last[(r->n + i) % r->room];
}

static struct err *
add_json(json_t *lines, const char *line)
{
	static const char *const keys[] = { "time", "seq", "job", "certificate",
		"who", "act", "what", "outcome", "hash" };
	json_t *o = json_object();
	char value[2048];
	size_t i;

	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (audit_field(str_of(line), keys[i], value, sizeof(value)))
			(void)json_object_set_new(o, keys[i],
			    strcmp(value, "-") == 0 ? json_null()
			    : strcmp(keys[i], "seq") == 0 ||
				    strcmp(keys[i], "job") == 0
				? json_integer(atoll(value))
				: json_string(value));
	return o == NULL || json_array_append_new(lines, o) == -1
		   ? err_new("JSON: out of memory")
		   : NULL;
}

static struct err *
show_json(const struct reading *r, size_t shown)
{
	json_t *lines = json_array(), *whole;
	struct err *e = NULL;
	size_t i;

	for (i = 0; i < shown && e == NULL; i++)
		e = add_json(lines, line_at(r, i));
	whole = json_pack("{sI so}", "count", (json_int_t)r->n, "lines", lines);
	if (whole != NULL && r->verify &&
	    json_object_set(whole, "problems", r->problems) == 0)
		(void)json_object_set_new(whole, "verified",
		    json_boolean(json_array_size(r->problems) == 0));
	if (e == NULL)
		return json_print(r->s->out, whole);
	json_decref(whole);
	return e;
}

static struct err *
show(const struct reading *r)
{
	size_t i, shown = r->n < r->room ? (size_t)r->n : r->room;

	if (r->s->json)
		return show_json(r, shown);
	for (i = 0; i < shown; i++) {
		print_text(r->s->out, str_of(line_at(r, i)));
		fputc('\n', r->s->out);
	}
	if (!r->verify)
		return NULL;
	if (json_array_size(r->problems) == 0)
		fprintf(r->s->out,
		    "%" PRIu64 " lines, whole; the last is %" PRIu64
		    " with hash %s\n",
		    r->n, r->chain.seq, r->chain.hash);
	else
		fprintf(r->s->out, "%" PRIu64 " lines, %zu problems\n", r->n,
		    json_array_size(r->problems));
	return NULL;
}

/* ---- where they are ---- */

static struct err *
on_audit_is(void *arg, const struct msg *m)
{
	struct reading *r = arg;
	const struct msg_audit_is *is = &m->audit_is;

	free(r->folder);
	if ((r->folder = str_dup(is->folder)) == NULL)
		return err_sys("audit");
	r->head.seq = is->seq;
	r->head.is_known = true;
	(void)snprintf(r->head.hash, sizeof(r->head.hash), "%.*s",
	    (int)is->hash.n, is->hash.p);
	r->has_head = true;
	return NULL;
}

/* Of a folder that was named: a copy, or that of a certd that does not run. */
static void
read_head(struct reading *r)
{
	char text[128], *path = NULL;
	size_t n = 0;
	FILE *f = NULL;

	if (asprintf(&path, "%s/" AUDIT_HEAD, r->folder) != -1 &&
	    (f = fopen(path, "re")) != NULL)
		n = fread(text, 1, sizeof(text), f);
	r->has_head = audit_head_parse((struct str){ text, n }, &r->head);
	if (f != NULL)
		(void)fclose(f);
	free(path);
}

static struct err *
find_folder(struct reading *r)
{
	static const struct answer answers[] = { { MSG_audit_is,
	    on_audit_is } };
	const struct conversation c = { answers, 1, r, NULL };
	struct msg m = { .type = MSG_audit };
	struct err *e;

	if (r->s->inv->argument == NULL) {
		e = session_ask(r->s, &m, &c);
		if (e == NULL && r->folder == NULL)
			e = err_new("certd does not say where its audit is");
		return e;
	}
	if ((r->folder = strdup(r->s->inv->argument)) == NULL)
		return err_sys("audit");
	read_head(r);
	return NULL;
}

static struct err *
begin(struct reading *r)
{
	const char *text = r->s->inv->values[OPT_lines];
	uint64_t n = r->verify ? 0 : LINES_DEFAULT;

	if (text != NULL && !text_number(text, 0, LINES_MAX, &n))
		return session_fail(r->s, EXIT_USAGE,
		    err_new("--lines %s: allowed is a number from 0 to %d",
			text, LINES_MAX));
	r->room = (size_t)n;
	r->last = calloc(r->room + 1, sizeof(*r->last));
	r->problems = json_array();
	return r->last == NULL || r->problems == NULL ? err_sys("audit") : NULL;
}

struct err *
cmd_audit(struct session *s)
{
	struct reading r = { .s = s,
		.verify = invocation_has(s->inv, OPT_verify) };
	struct err *e;
	size_t i;

	if ((e = begin(&r)) == NULL && (e = find_folder(&r)) == NULL &&
	    (e = read_all(&r)) == NULL)
		e = show(&r);
	for (i = 0; r.last != NULL && i < r.room; i++)
		free(r.last[i]);
	free(r.last);
	free(r.folder);
	free(r.removed);
	json_decref(r.problems);
	return e;
}
