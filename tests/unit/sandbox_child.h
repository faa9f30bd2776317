/*
 * sandbox_child.h - something that is tried by a child that locked itself in.
 */
#ifndef SANDBOX_CHILD_H
#define SANDBOX_CHILD_H

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox.h"

#define LOCKED_OUT 200 /* exit status: it could not lock itself in */

/* Returns 0 where all went well, else an exit status below 200. */
typedef int attempt(void *arg);

struct child {
	const struct sandbox_rule *rules;
	size_t n_rules;
	const struct sandbox_path *paths;
	uint64_t file_bytes;
	bool forks, kill;
	uid_t uid;                 /* 0: stays root */
	void (*before)(void *arg); /* what must be done outside; or NULL */
};

#define RULES(array)                                                           \
	.rules = (array), .n_rules = sizeof(array) / sizeof((array)[0])

static inline int
child_main(const struct child *c, attempt *fn, void *arg)
{
	const struct sandbox s = { .process = "test",
		.rules = c->rules,
		.n_rules = c->n_rules,
		.files = 64,
		.file_bytes = c->file_bytes,
		.forks = c->forks };
	struct err *e;

	alarm(10);
	if (c->before != NULL)
		c->before(arg);
	if (c->uid != 0 && setresuid(c->uid, c->uid, c->uid) == -1)
		return LOCKED_OUT;
	if ((e = sandbox_enter(&s, c->paths, c->kill)) != NULL) {
		err_free(e);
		return LOCKED_OUT;
	}
	return fn(arg);
}

static inline pid_t
child_start(const struct child *c, attempt *fn, void *arg)
{
	pid_t pid;

	(void)fflush(NULL);
	pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid == 0)
		_exit(child_main(c, fn, arg));
	return pid;
}

/* The exit status of a child, or 1000 + the signal that ended it. */
static inline int
child_wait(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? 1000 + WTERMSIG(status)
				   : WEXITSTATUS(status);
}

/* Lets a child try fn inside of its jail. */
static inline int
child_try(const struct child *c, attempt *fn, void *arg)
{
	return child_wait(child_start(c, fn, arg));
}
#define DIED_OF(signal) (1000 + (signal))

/* A call that has to fail: its errno, or 0 where it did not. */
static inline int
errno_of(long rc)
{
	return rc == -1 ? errno : 0;
}

#endif
