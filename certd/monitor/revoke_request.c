/*
 * revoke_request.c - which certificate an administrator wants revoked.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    a name, a path, or a file that certctl has opened with its caller's
 *           rights.
 * Promise:  no path of a request is ever opened here: one below the store is
 *           taken apart and opened as the store opens its own files, all others
 *           come as descriptors, from root only. What is revoked is what the
 *           signer has looked at.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "log.h"
#include "monitor.h"
#include "names.h"

/* A request, until its job is made. */
struct pick {
	struct client *client;
	struct request *request;
	char *lineage;		/* by name, or by a path in live/; or NULL */
	char *archive;		/* by a path in archive/, or NULL */
	unsigned version;	/* of that */
	struct catalog *catalog;
	uint32_t reason;
	int cert_fd, key_fd;
};

/* RFC 5280 section 5.3.1, as far as CAs take them from subscribers. */
static const struct reason {
	const char *word;
	uint32_t number;
} reasons[] = {
	{ "unspecified", 0 },
	{ "keycompromise", 1 },
	{ "affiliationchanged", 3 },
	{ "superseded", 4 },
	{ "cessationofoperation", 5 },
};
#define REASONS_N (sizeof(reasons) / sizeof(reasons[0]))

const char *
revocation_text(char out[REVOCATION_SIZE], time_t when, uint32_t reason)
{
	char time_text[TEXT_TIME_SIZE];
	const char *word = "another reason";
	size_t i;

	for (i = 0; i < REASONS_N; i++)
		if (reasons[i].number == reason)
			word = reasons[i].word;
	(void)snprintf(out, REVOCATION_SIZE, "%s (%s)",
	    text_time(time_text, when), word);
	return out;
}

static struct err *
read_reason(struct pick *w)
{
	const char *word = request_option(w->request, OPTION_reason);
	size_t i;

	if (word == NULL)
		return NULL;
	for (i = 0; i < REASONS_N; i++)
		if (strcasecmp(word, reasons[i].word) == 0) {
			w->reason = reasons[i].number;
			return NULL;
		}
	return err_advise(err_new("--reason %s: there is no such reason", word),
	    "give unspecified, keycompromise, affiliationchanged, superseded or "
	    "cessationofoperation");
}

/* The request is over, one way or another; e (taken) refuses it. */
static void
finish(struct pick *w, uint32_t exit, struct err *e)
{
	struct client *c = w->client;

	if (e != NULL)
		client_refuse(c, exit, e);
	if (w->cert_fd != -1)
		close(w->cert_fd);
	if (w->key_fd != -1)
		close(w->key_fd);
	catalog_free(w->catalog);
	free(w->lineage);
	free(w->archive);
	free(w);
	client_release(c);
}

/* ---- the job ---- */

/* The lineage that shows this very certificate now, or NULL. */
static struct entry *
shown_by(const struct catalog *c, struct str sha256)
{
	size_t i;

	for (i = 0; i < c->n; i++)
		if (c->entries[i].sha256 != NULL &&
		    str_is(sha256, c->entries[i].sha256))
			return &c->entries[i];
	return NULL;
}

/* The lineage that was named, or whose archive was; or NULL. */
static struct entry *
named(const struct pick *w)
{
	const struct catalog *c = w->catalog;
	size_t i;

	for (i = 0; i < c->n; i++) {
		struct entry *x = &c->entries[i];

		if (w->lineage != NULL && strcmp(x->lineage, w->lineage) == 0)
			return x;
		if (w->archive != NULL && x->files != NULL &&
		    strcmp(x->files->archive, w->archive) == 0)
			return x;
	}
	return NULL;
}

/* Why its files must stay, whatever is asked; NULL where they need not. Heap. */
static struct err *
why_keep(const struct pick *w, const struct entry *x,
    const struct entry *current, char **out)
{
	const struct catalog *c = w->catalog;
	const char *archive = x == NULL || x->files == NULL ? "" :
	    x->files->archive;
	char text[600] = "";
	size_t i;

	if (x == NULL)
		(void)snprintf(text, sizeof(text), "it is none that this "
		    "store shows");
	else if (x != current || *archive == '\0')
		(void)snprintf(text, sizeof(text), "it is not the one that %s "
		    "shows now", x->lineage);
	for (i = 0; *text == '\0' && i < c->n; i++)
		if (&c->entries[i] != x && c->entries[i].files != NULL &&
		    strcmp(c->entries[i].files->archive, archive) == 0)
			(void)snprintf(text, sizeof(text), "overlapping "
			    "archive dirs: %s uses that of %s too",
			    c->entries[i].lineage, x->lineage);
	*out = NULL;
	if (*text == '\0')
		return NULL;
	return (*out = strdup(text)) == NULL ? err_sys("revoke") : NULL;
}

static struct err *
fill_job(struct pick *w, struct job *j, const struct msg_cert_info *info,
    struct entry *x, const struct entry *current)
{
	const char *usual = x != NULL && x->files != NULL &&
	    *x->files->server != '\0' ? x->files->server : j->m->cfg->server;
	struct err *e;

	if ((e = request_server(w->request, j, usual)) != NULL ||
	    (e = request_fill(w->request, j, w->client)) != NULL ||
	    (e = why_keep(w, x, current, &j->keep)) != NULL)
		return e;
	if (x != NULL) {
		j->files = x->files;
		x->files = NULL;
	}
	j->serial = str_dup(info->serial);
	j->not_after = (time_t)info->not_after;
	j->reason = w->reason;
	j->cert_fd = w->cert_fd;
	j->key_fd = w->key_fd;
	w->cert_fd = w->key_fd = -1;
	j->is_own_key = w->request->files[FILE_KEY] != -1;
	if (j->is_own_key) { /* the one that was given */
		if (j->key_fd != -1)
			close(j->key_fd);
		j->key_fd = w->request->files[FILE_KEY];
		w->request->files[FILE_KEY] = -1;
	}
	return j->serial == NULL ? err_sys("revoke") : NULL;
}

static struct err *
make_job(struct pick *w, const struct msg_cert_info *info)
{
	struct entry *current = shown_by(w->catalog, info->sha256),
	    *x = named(w);
	struct monitor *m = client_monitor(w->client);
	char label[128];
	struct strs names = info->names;
	struct job *j, *other;
	struct err *e;

	if (x == NULL)
		x = current;
	/* That of the file, and that of the store, which may go with it. */
	if ((e = client_may(w->client, names, 0, NULL)) != NULL ||
	    (x != NULL && (e = client_may_touch(w->client, x)) != NULL))
		return e;
	if (x != NULL && (other = job_of_lineage(m, x->lineage)) != NULL)
		return err_advise(err_new("job %u works on %s", other->id,
		    x->lineage), "wait for it: certctl watch %u", other->id);
	(void)snprintf(label, sizeof(label), "certificate %.*s",
	    (int)info->serial.n, info->serial.p);
	if (names.n > NAMES_MAX)
		names.n = NAMES_MAX;
	if ((j = job_new(m, KIND_revoke, x != NULL ? x->lineage : label,
	    names)) == NULL)
		return err_sys("revoke");
	if ((e = fill_job(w, j, info, x, current)) != NULL ||
	    (e = job_start(j)) != NULL) {
		job_discard(j);
		return e;
	}
	client_follow(w->client, j);
	job_run(j);
	return NULL;
}

static void
on_inspected(void *arg, const struct msg *answer, struct err *e)
{
	struct pick *w = arg;

	e = e == NULL ? make_job(w, &answer->cert_info) :
	    err_wrap(e, "the certificate to be revoked");
	finish(w, request_status(e), e);
}

/* ---- its file ---- */

/* From the store. A key that cannot be had is missed when it is needed. */
static struct err *
open_stored(struct pick *w)
{
	struct store *s = client_monitor(w->client)->store;
	const struct entry *x = named(w);
	struct err *e;

	if (w->archive != NULL) {
		e = store_open_version(s, w->archive, PEM_CERT, w->version,
		    &w->cert_fd);
		err_free(store_open_version(s, w->archive, PEM_PRIVKEY,
		    w->version, &w->key_fd));
		return e;
	}
	if (x == NULL)
		return err_advise(err_new("there is no certificate named %s",
		    w->lineage), "certctl list shows what there is");
	if (x->files == NULL)
		return err_new("%s is broken: %s", x->lineage, x->problem);
	e = lineage_open_cert(s, x->files, &w->cert_fd);
	err_free(lineage_open_key(s, x->files, &w->key_fd));
	return e;
}

static void
on_catalog(void *arg, struct catalog *catalog, struct err *e)
{
	struct pick *w = arg;
	struct msg m = { .type = MSG_cert_inspect };

	w->catalog = catalog;
	if (e == NULL && w->cert_fd == -1)
		e = open_stored(w);
	if (e == NULL)
		e = peer_ask(client_monitor(w->client)->signer, &m, w->cert_fd,
		    MSG_cert_info, on_inspected, w);
	if (e != NULL)
		finish(w, 1, e);
}

static struct pick *
begin(struct client *c)
{
	struct pick *w = calloc(1, sizeof(*w));
	struct err *e;

	if (w == NULL) {
		client_refuse(c, 1, err_sys("revoke"));
		return NULL;
	}
	w->client = c;
	w->request = client_request(c);
	w->cert_fd = w->key_fd = -1;
	client_hold(c);
	if ((e = read_reason(w)) == NULL)
		return w;
	finish(w, 2, e);
	return NULL;
}

struct err *
on_revoke(struct client *c, const struct msg *m)
{
	struct pick *w = begin(c);

	if (w == NULL)
		return NULL;
	if ((w->lineage = str_dup(m->revoke.lineage)) == NULL)
		finish(w, 1, err_sys("revoke"));
	else
		catalog_read(client_monitor(c), NULL, on_catalog, w);
	return NULL;
}

/* ---- paths ---- */

/* What is behind this component and a slash, or NULL. */
static const char *
below(const char *path, const char *folder)
{
	size_t n = strlen(folder);

	return strncmp(path, folder, n) == 0 && path[n] == '/' ?
	    path + n + 1 : NULL;
}

/* "cert3.pem", "fullchain3.pem": 3. The first certificate of both is the same.
 */
static bool
read_version(const char *file, unsigned *version)
{
	uint64_t n;
	char digits[16];
	size_t skip = strncmp(file, "cert", 4) == 0 ? 4 :
	    strncmp(file, "fullchain", 9) == 0 ? 9 : 0,
	    len = strspn(file + skip, "0123456789");

	if (skip == 0 || len == 0 || len >= sizeof(digits) ||
	    strcmp(file + skip + len, ".pem") != 0)
		return false;
	(void)snprintf(digits, sizeof(digits), "%.*s", (int)len, file + skip);
	if (!text_number(digits, 1, 1000000000, &n))
		return false;
	*version = (unsigned)n;
	return true;
}

/* Whether it is the path of a certificate in the store, which w then names. */
static bool
take_path(struct pick *w, const char *path)
{
	const char *store = store_path(client_monitor(w->client)->store), *rest,
	    *file;
	bool is_live;
	char *name;

	if ((rest = below(path, store)) == NULL)
		return false;
	is_live = below(rest, "live") != NULL;
	rest = below(rest, is_live ? "live" : "archive");
	if (rest == NULL || (file = strchr(rest, '/')) == NULL)
		return false;
	name = strndup(rest, (size_t)(file - rest));
	file++;
	if (is_live && (strcmp(file, "cert.pem") == 0 ||
	    strcmp(file, "fullchain.pem") == 0))
		w->lineage = name;
	else if (!is_live && read_version(file, &w->version))
		w->archive = name;
	else
		free(name);
	return w->lineage != NULL || w->archive != NULL;
}

static bool
take_paths(struct pick *w, const struct msg_revoke_file *m)
{
	char *path = str_dup(m->path), *resolved = str_dup(m->resolved);
	bool taken = path != NULL && resolved != NULL &&
	    (take_path(w, resolved) || take_path(w, path));

	free(path);
	free(resolved);
	return taken;
}

static struct err *
no_certificate(const struct client *c, struct str path)
{
	return err_advise(err_new("%.*s is no certificate of the store",
	    (int)path.n, path.p), "give a path such as %s/live/NAME/cert.pem; "
	    "only root may revoke others",
	    store_path(client_monitor(c)->store));
}

struct err *
on_revoke_file(struct client *c, const struct msg *m)
{
	struct pick *w = begin(c);
	int *given = &client_request(c)->files[FILE_CERTIFICATE];

	if (w == NULL)
		return NULL;
	if (!take_paths(w, &m->revoke_file)) {
		w->cert_fd = *given;
		*given = -1;
		if (w->cert_fd == -1) {
			finish(w, client_uid(c) == 0 ? 1 : 3,
			    no_certificate(c, m->revoke_file.path));
			return NULL;
		}
	}
	catalog_read(client_monitor(c), NULL, on_catalog, w);
	return NULL;
}
