/*
 * aside.c - a thread beside the loop, for what would hold it up: a large key is
 * made or checked, a file is forced to the disk.
 *
 * Runs in:  certd-sign (_certd-sign; no network, no exec, no files). The thread
 *           is begun before the jail, which holds it as well.
 * Input:    tasks of the loop.
 * Promise:  one task at a time, in the order in which they came; while one is
 *           worked at nobody else touches it. The loop never waits, but at its
 *           end.
 */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <event2/event.h>

#include "sandbox.h"
#include "sign.h"

#define STACK_BYTES (512 * 1024)

struct aside {
	struct event *rings; /* the bell: a task is over */
	int bell;
	size_t n; /* tasks that are not done */
	pthread_t thread;
	bool has_thread;

	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t news;  /* of what follows */
	struct task_list todo, over;
	bool has_begun, is_leaving;
	struct err *failure; /* to begin */
};

/* ---- the thread ---- */

static struct task *
next(struct aside *a)
{
	struct task *t;

	(void)pthread_mutex_lock(&a->lock);
	while (!a->is_leaving && TAILQ_EMPTY(&a->todo))
		(void)pthread_cond_wait(&a->news, &a->lock);
	t = a->is_leaving ? NULL : TAILQ_FIRST(&a->todo);
	if (t != NULL)
		TAILQ_REMOVE(&a->todo, t, link);
	(void)pthread_mutex_unlock(&a->lock);
	return t;
}

static void
hand_back(struct aside *a, struct task *t)
{
	const uint64_t one = 1;
	ssize_t n;

	(void)pthread_mutex_lock(&a->lock);
	TAILQ_INSERT_TAIL(&a->over, t, link);
	(void)pthread_mutex_unlock(&a->lock);
	n = write(a->bell, &one, sizeof(one)); /* its counter cannot be full */
	(void)n;
}

static void *
live(void *arg)
{
	struct aside *a = arg;
	struct err *e = sandbox_enter_thread(&signer_jail, NULL);
	struct task *t;

	(void)pthread_mutex_lock(&a->lock);
	a->failure = e;
	a->has_begun = true;
	(void)pthread_cond_broadcast(&a->news);
	(void)pthread_mutex_unlock(&a->lock);
	while (e == NULL && (t = next(a)) != NULL) {
		t->work(t);
		hand_back(a, t);
	}
	return NULL;
}

/* ---- the loop ---- */

static void
on_bell(evutil_socket_t fd, short what, void *arg)
{
	struct task_list over = TAILQ_HEAD_INITIALIZER(over);
	struct aside *a = arg;
	struct task *t;
	uint64_t count;
	ssize_t n = read(fd, &count, sizeof(count));

	(void)n;
	(void)what;
	(void)pthread_mutex_lock(&a->lock);
	TAILQ_CONCAT(&over, &a->over, link);
	(void)pthread_mutex_unlock(&a->lock);
	while ((t = TAILQ_FIRST(&over)) != NULL) {
		TAILQ_REMOVE(&over, t, link);
		a->n--;
		t->done(t);
	}
}

/* Signals are the loop's. */
static struct err *
begin_thread(struct aside *a)
{
	sigset_t all, before;
	pthread_attr_t attr;
	struct err *e;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	(void)pthread_attr_init(&attr);
	(void)pthread_attr_setstacksize(&attr, STACK_BYTES);
	a->has_thread = pthread_create(&a->thread, &attr, live, a) == 0;
	(void)pthread_attr_destroy(&attr);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!a->has_thread)
		return err_new("cannot begin a thread");
	(void)pthread_mutex_lock(&a->lock);
	while (!a->has_begun)
		(void)pthread_cond_wait(&a->news, &a->lock);
	e = a->failure;
	(void)pthread_mutex_unlock(&a->lock);
	return e;
}

struct err *
aside_new(struct event_base *base, struct aside **out)
{
	struct aside *a = calloc(1, sizeof(*a));
	struct err *e = NULL;

	if (a == NULL)
		return err_sys("thread");
	TAILQ_INIT(&a->todo);
	TAILQ_INIT(&a->over);
	(void)pthread_mutex_init(&a->lock, NULL);
	(void)pthread_cond_init(&a->news, NULL);
	if ((a->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) == -1)
		e = err_sys("thread");
	else if ((a->rings = event_new(base, a->bell, EV_READ | EV_PERSIST,
		      on_bell, a)) == NULL ||
		 event_add(a->rings, NULL) == -1)
		e = err_new("event of a thread");
	else
		e = begin_thread(a);
	*out = a;
	return err_wrap(e, "thread");
}

void
aside_do(struct aside *a, struct task *t)
{
	a->n++;
	(void)pthread_mutex_lock(&a->lock);
	TAILQ_INSERT_TAIL(&a->todo, t, link);
	(void)pthread_cond_signal(&a->news);
	(void)pthread_mutex_unlock(&a->lock);
}

bool
aside_take_back(struct aside *a, struct task *t)
{
	struct task *i;

	(void)pthread_mutex_lock(&a->lock);
	TAILQ_FOREACH(i, &a->todo, link)
		if (i == t)
			break;
	if (i != NULL)
		TAILQ_REMOVE(&a->todo, t, link);
	(void)pthread_mutex_unlock(&a->lock);
	if (i != NULL)
		a->n--;
	return i != NULL;
}

size_t
aside_tasks(const struct aside *a)
{
	return a->n;
}

void
aside_free(struct aside *a)
{
	if (a == NULL)
		return;
	(void)pthread_mutex_lock(&a->lock);
	a->is_leaving = true;
	(void)pthread_cond_signal(&a->news);
	(void)pthread_mutex_unlock(&a->lock);
	if (a->has_thread)
		(void)pthread_join(a->thread, NULL);
	if (a->rings != NULL)
		event_free(a->rings);
	if (a->bell != -1)
		close(a->bell);
	(void)pthread_cond_destroy(&a->news);
	(void)pthread_mutex_destroy(&a->lock);
	free(a);
}
