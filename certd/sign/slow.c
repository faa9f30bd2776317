/*
 * slow.c - requests that wait for a thread, and keys made ahead.
 *
 * Runs in:  certd-sign (_certd-sign; no network, no exec, no files).
 * Input:    requests that key_requests.c and requests.c have looked at.
 * Promise:  no other request waits for one of these. Each gets its one answer; a
 *           key that was dropped meanwhile becomes none. Keys that nobody has
 *           asked for are few, live in locked memory, hold up no request, and
 *           go when there is no other certificate key.
 */
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include "channel.h"
#include "log.h"
#include "sign.h"

/* Each holds a descriptor. One more is done at once, and holds up all. */
#define WAITING_MAX 512

/* ---- in the thread ---- */

static struct slow *
of_task(struct task *t)
{
	return (struct slow *)((char *)t - offsetof(struct slow, task));
}

static void
make(struct task *t)
{
	struct slow *w = of_task(t);

	w->e = key_make(w->kind, false, &w->stop, &w->key);
}

static void
check(struct task *t)
{
	struct slow *w = of_task(t);

	w->e = err_wrap(key_check(w->key), "%s", w->what);
}

static void
force(struct task *t)
{
	struct slow *w = of_task(t);

	w->e = err_wrap(file_force(w->fd), "%s", w->what);
}

/* ---- waiting ---- */

/* k (taken) is what it is about, or NULL. */
static struct slow *
wait_for(struct signer *s, uint32_t id, void (*work)(struct task *),
    void (*done)(struct task *), struct key *k)
{
	struct slow *w = calloc(1, sizeof(*w));

	if (w == NULL) {
		key_free(k);
		return NULL;
	}
	w->task.work = work;
	w->task.done = done;
	w->signer = s;
	w->aside = work == make ? s->maker : s->helper;
	w->id = id;
	w->key = k;
	w->fd = -1;
	w->what = "key";
	TAILQ_INSERT_TAIL(&s->slow, w, link);
	return w;
}

static void
begin(struct slow *w)
{
	if (aside_tasks(w->aside) < WAITING_MAX) {
		aside_do(w->aside, &w->task);
	} else {
		w->task.work(&w->task);
		w->task.done(&w->task);
	}
}

static void
slow_free(struct slow *w)
{
	if (w->fd != -1)
		close(w->fd);
	key_free(w->key);
	err_free(w->e);
	free(w);
}

static void
forget(struct slow *w)
{
	TAILQ_REMOVE(&w->signer->slow, w, link);
	slow_free(w);
}

/* ---- keys made ahead ---- */

static void
spares_drop(struct signer *s)
{
	if (s->spares.under_way != NULL)
		atomic_store(&s->spares.under_way->stop, true);
	s->spares.under_way = NULL;
	while (s->spares.n > 0)
		key_free(s->spares.v[--s->spares.n]);
	s->spares.asked = 0;
}

static void
on_spare(struct task *t)
{
	struct slow *w = of_task(t);
	struct signer *s = w->signer;

	if (s->spares.under_way == w) { /* else nobody wants it any more */
		s->spares.under_way = NULL;
		if (w->e == NULL) {
			s->spares.v[s->spares.n++] = w->key;
			w->key = NULL;
		}
	}
	forget(w);
	slow_rest(s);
}

static bool
has_requests(const struct signer *s)
{
	const struct slow *w;

	TAILQ_FOREACH(w, &s->slow, link)
		if (w->id != 0)
			return true;
	return false;
}

/* One that came alone may be all there is. */
static size_t
wanted(const struct spares *sp)
{
	return sp->asked < 2            ? 0
	       : sp->asked > SPARES_MAX ? SPARES_MAX
					: sp->asked - 1;
}

void
slow_rest(struct signer *s)
{
	struct spares *sp = &s->spares;

	if (keys_for_certs(s->keys) == 0 && !has_requests(s)) {
		spares_drop(s);
		return;
	}
	if (aside_tasks(s->maker) > 0 || sp->n >= wanted(sp))
		return;
	sp->under_way = wait_for(s, 0, make, on_spare, NULL);
	if (sp->under_way == NULL)
		return;
	sp->under_way->kind = sp->kind;
	begin(sp->under_way);
}

/* Notes that one of that kind is wanted: one that is ready, or NULL. */
static struct key *
spares_take(struct signer *s, enum key_kind kind)
{
	struct spares *sp = &s->spares;

	if (sp->kind != kind)
		spares_drop(s);
	sp->kind = kind;
	sp->asked++;
	return sp->n == 0 ? NULL : sp->v[--sp->n];
}

/* ---- requests ---- */

/* What was waited for is over, well or not: the answer. */
static void
answer(struct task *t)
{
	struct slow *w = of_task(t);
	struct signer *s = w->signer;
	struct msg a = { .type = MSG_saved };
	struct err *e = w->e;
	struct key *k = w->key;

	w->e = NULL;
	if (atomic_load(&w->stop)) {
		err_free(e);
		e = err_new("key %u was dropped meanwhile", w->number);
	}
	if (e == NULL && w->task.work == make)
		e = key_write(k, w->fd);
	if (e == NULL && k != NULL) {
		w->key = NULL;
		e = key_keep(s, w->id, w->number, k);
	} else if (e == NULL) {
		e = signer_answer(s, w->id, &a);
	}
	if (e != NULL)
		log_err(LOG_LEVEL_ERROR, signer_fail(s, w->id, e));
	forget(w);
	slow_rest(s);
}

struct err *
slow_begin(struct signer *s, struct event_base *base)
{
	struct err *e;

	TAILQ_INIT(&s->slow);
	e = aside_new(base, &s->maker);
	return e != NULL ? e : aside_new(base, &s->helper);
}

struct err *
slow_check(struct signer *s, const struct msg *q, uint32_t number,
    struct key *k, const char *what)
{
	struct slow *w = wait_for(s, q->id, check, answer, k);

	if (w == NULL)
		return err_sys("%s", what);
	w->number = number;
	w->what = what;
	begin(w);
	return NULL;
}

struct err *
slow_force(struct signer *s, const struct msg *q, uint32_t number,
    struct key *k, int fd, const char *what)
{
	struct slow *w = wait_for(s, q->id, force, answer, k);

	if (w == NULL)
		return err_sys("%s", what);
	w->number = number;
	w->what = what;
	w->fd = fd;
	s->keeps_fd = true;
	begin(w);
	return NULL;
}

struct err *
slow_make(struct signer *s, const struct msg *q, uint32_t number,
    enum key_kind kind, int fd)
{
	struct key *k = spares_take(s, kind);
	struct slow *w = s->spares.under_way;
	struct err *e;

	if (k != NULL) {
		if ((e = key_write(k, fd)) == NULL)
			e = key_keep(s, q->id, number, k);
		else
			key_free(k);
		slow_rest(s);
		return e;
	}
	if (w == NULL && (w = wait_for(s, 0, make, answer, NULL)) == NULL)
		return err_sys("key");
	w->number = number;
	w->fd = fd;
	w->id = q->id;
	s->keeps_fd = true;
	if (w == s->spares.under_way) {
		w->task.done = answer; /* half done, but no spare any more */
		s->spares.under_way = NULL;
	} else {
		w->kind = kind;
		begin(w);
	}
	return NULL;
}

/* ---- which are there ---- */

/* Of what the thread writes nothing is read here. */
static bool
is_for(const struct slow *w, uint32_t number)
{
	return w->id != 0 && w->number == number &&
	       (w->task.work == make || w->key != NULL);
}

bool
slow_has(const struct signer *s, uint32_t number)
{
	const struct slow *w;

	TAILQ_FOREACH(w, &s->slow, link)
		if (is_for(w, number))
			return true;
	return false;
}

void
slow_drop(struct signer *s, uint32_t number)
{
	struct slow *w;

	TAILQ_FOREACH(w, &s->slow, link)
		if (is_for(w, number))
			break;
	if (w == NULL)
		return;
	atomic_store(&w->stop, true);
	if (aside_take_back(w->aside, &w->task))
		w->task.done(&w->task);
}

void
slow_end(struct signer *s)
{
	struct slow *w;

	TAILQ_FOREACH(w, &s->slow, link)
		atomic_store(&w->stop, true);
	aside_free(s->maker);
	aside_free(s->helper);
	while ((w = TAILQ_FIRST(&s->slow)) != NULL) {
		TAILQ_REMOVE(&s->slow, w, link);
		slow_free(w);
	}
	while (s->spares.n > 0)
		key_free(s->spares.v[--s->spares.n]);
}
