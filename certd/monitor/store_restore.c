/*
 * store_restore.c - live/ shows an archived version again.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    a lineage that is whole, and a version in its archive.
 * Promise:  live/NAME is one matching set at every instant; that an
 *           administrator went back is written into the renewal file, so that
 *           no later start takes it for an accident.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ini.h"
#include "log.h"
#include "store_priv.h"
#include "text.h"

#define KEY_VERSION "restored_version"
#define KEY_UNTIL   "held_until"

/* As text_time() writes it. */
static bool
parse_time(const char *text, time_t *t)
{
	struct tm tm = { 0 };
	const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);

	if (end == NULL || *end != '\0')
		return false;
	*t = timegm(&tm);
	return *t > 0;
}

bool
lineage_held(const struct lineage *l, time_t *until)
{
	const char *version, *text;
	uint64_t n;

	if (l->conf == NULL)
		return false;
	version = ini_get(l->conf, CONF_SECTION, KEY_VERSION);
	text = ini_get(l->conf, CONF_SECTION, KEY_UNTIL);
	/* Where live/ shows another version by now, it is over. */
	return version != NULL && text != NULL &&
	       text_number(version, 1, UINT32_MAX, &n) && n == l->current &&
	       parse_time(text, until);
}

void
conf_release(struct ini *conf)
{
	ini_remove(conf, CONF_SECTION, KEY_VERSION);
	ini_remove(conf, CONF_SECTION, KEY_UNTIL);
}

static struct err *
note(struct store *s, const struct lineage *l, unsigned version, time_t until)
{
	char number[16], when[TEXT_TIME_SIZE];
	struct err *e;

	conf_release(l->conf);
	if (until != 0) {
		(void)snprintf(number, sizeof(number), "%u", version);
		if ((e = ini_set(l->conf, CONF_SECTION, KEY_VERSION, number)) !=
			NULL ||
		    (e = ini_set(l->conf, CONF_SECTION, KEY_UNTIL,
			 text_time(when, until))) != NULL)
			return e;
	}
	return conf_replace(s, l);
}

/* Whether all four files of it are there, and regular. */
static struct err *
check_version(struct store *s, const struct lineage *l, unsigned version)
{
	struct stat st;
	struct err *e;
	int kind, fd;

	for (kind = 0; kind < PEM_N; kind++) {
		if ((e = lineage_open_version(
			 s, l, (enum pem_kind)kind, version, &fd)) != NULL)
			return e;
		if (fstat(fd, &st) == -1 || st.st_size == 0)
			e = err_new("archive/%s/%s%u.pem is empty", l->archive,
			    pem_kind_words[kind], version);
		close(fd);
		if (e != NULL)
			return e;
	}
	return NULL;
}

/* The note first: without the switch it means nothing. */
static struct err *
restore(
    struct store *s, const struct lineage *l, unsigned version, time_t until)
{
	struct err *e;

	if (s->lock == -1)
		return err_new("the store is not locked");
	if (l->problem != NULL)
		return err_advise(err_new("it is broken: %s", l->problem),
		    "certctl repair %s", l->name);
	if ((e = check_version(s, l, version)) != NULL ||
	    (e = stage_check_idle(s, l->name)) != NULL ||
	    (e = note(s, l, version, until)) != NULL)
		return e;
	return live_show(s, l->name, l->archive, version);
}

struct err *
store_restore(
    struct store *s, const struct lineage *l, unsigned version, time_t until)
{
	return err_wrap(restore(s, l, version, until),
	    "restore version %u of %s", version, l->name);
}

void
store_tidy(struct store *s, const char *name)
{
	log_err(LOG_LEVEL_WARN, live_clean(s, name));
}
