/*
 * sandbox.c - locks a process in, as its tables say.
 *
 * Runs in:  every daemon, once, before its first foreign byte.
 * Promise:  after sandbox_enter() only what the tables allow can be done, by
 *           this process, its threads and its children, for good. A step that
 *           the kernel refuses is an error, and the process must leave.
 */
#define _GNU_SOURCE /* RLIMIT_NPROC */
#include <errno.h>
#include <seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "landlock.h"
#include "sandbox.h"

/* Tables in the order in which they are asked about a call: the first one that
 * names it decides. */
struct layer {
	const struct sandbox_rule *rules;
	size_t n;
	enum sandbox_build build;
};
enum { OWN_SAN, BASE_SAN, OWN, NET, FORKS, LEAN, BASE, LAYERS };

static void
make_layers(const struct sandbox *s, struct layer out[LAYERS])
{
	const bool san = SANDBOX_SANITIZED;

	out[OWN_SAN] =
	    (struct layer){ s->rules, san ? s->n_rules : 0, SB_SANITIZER };
	out[BASE_SAN] = (struct layer){ sandbox_base, san ? sandbox_base_n : 0,
		SB_SANITIZER };
	out[OWN] = (struct layer){ s->rules, s->n_rules, SB_ALWAYS };
	out[NET] = (struct layer){ sandbox_net, s->network ? sandbox_net_n : 0,
		SB_ALWAYS };
	out[FORKS] = (struct layer){ sandbox_forks,
		s->forks ? sandbox_forks_n : 0, SB_ALWAYS };
	out[LEAN] = (struct layer){ sandbox_lean, s->lean ? sandbox_lean_n : 0,
		SB_ALWAYS };
	out[BASE] = (struct layer){ sandbox_base, sandbox_base_n, SB_ALWAYS };
}

/* The first row of a layer about a call, NULL where there is none. */
static const struct sandbox_rule *
find(const struct layer *l, const char *call)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		if (l->rules[i].build == l->build &&
		    strcmp(l->rules[i].call, call) == 0)
			return &l->rules[i];
	return NULL;
}

/* Whether the process itself asks for a call, be it under conditions. */
static bool
allows(const struct sandbox *s, const char *call)
{
	const struct sandbox_rule *r;
	struct layer layers[LAYERS];

	make_layers(s, layers);
	if ((r = find(&layers[OWN], call)) == NULL)
		r = find(&layers[NET], call);
	return r != NULL && r->action == SB_ALLOW;
}

/* ---- seccomp ---- */

static uint32_t
action_of(const struct sandbox_rule *r)
{
	switch (r->action) {
	case SB_ALLOW:
		return SCMP_ACT_ALLOW;
	case SB_REFUSE:
		return SCMP_ACT_ERRNO((uint16_t)r->error);
	case SB_KILL:
		break;
	}
	return SCMP_ACT_KILL_PROCESS;
}

static struct err *
add_rule(scmp_filter_ctx ctx, const struct sandbox_rule *r, uint32_t other)
{
	struct scmp_arg_cmp match = { 0, SCMP_CMP_MASKED_EQ, 0, 0 };
	int call = seccomp_syscall_resolve_name(r->call);

	if (call == __NR_SCMP_ERROR)
		return err_new("there is no system call %s", r->call);
	/* libseccomp refuses rules that say what is said anyway. */
	if (action_of(r) == other)
		return NULL;
	if (r->arg != -1) {
		match.arg = (unsigned)r->arg;
		match.datum_a = r->mask;
		match.datum_b =
		    r->value == SB_OWN_PID ? (uint64_t)getpid() : r->value;
	}
	errno = -seccomp_rule_add_array(
	    ctx, action_of(r), call, r->arg == -1 ? 0 : 1, &match);
	return errno == 0 ? NULL : err_sys("rule for %s", r->call);
}

static struct err *
add_layer(
    scmp_filter_ctx ctx, const struct layer *all, size_t at, uint32_t other)
{
	const struct layer *l = &all[at];
	const struct sandbox_rule *r;
	struct err *e = NULL;
	size_t i, j;

	for (i = 0; i < l->n && e == NULL; i++) {
		r = &l->rules[i];
		if (r->build != l->build)
			continue;
		for (j = 0; j < at && find(&all[j], r->call) == NULL; j++)
			;
		if (j == at)
			e = add_rule(ctx, r, other);
	}
	return e;
}

/* A table that takes back what must always kill is a mistake of ours. */
static struct err *
check_kills(const struct layer *base, const struct layer *l)
{
	const struct sandbox_rule *r, *b;
	size_t i;

	for (i = 0; i < l->n; i++) {
		r = &l->rules[i];
		b = find(base, r->call);
		if (b != NULL && b->action == SB_KILL &&
		    r->build == SB_ALWAYS && r->action != SB_KILL)
			return err_new("%s must always kill", r->call);
	}
	return NULL;
}

static struct err *
enter_seccomp(const struct sandbox *s, bool kill)
{
	uint32_t other = kill ? SCMP_ACT_KILL_PROCESS : SCMP_ACT_ERRNO(ENOSYS);
	struct layer layers[LAYERS];
	struct err *e;
	scmp_filter_ctx ctx;
	size_t i;

	make_layers(s, layers);
	if ((e = check_kills(&layers[BASE], &layers[OWN])) != NULL ||
	    (e = check_kills(&layers[BASE], &layers[NET])) != NULL)
		return e;
	/* The native architecture only: what comes in by the doors of i386 or
	 * x32 has other numbers, so it must not be compared with ours. */
	if ((ctx = seccomp_init(other)) == NULL)
		return err_new("cannot make a seccomp filter");
	for (i = 0; i < LAYERS && e == NULL; i++)
		e = add_layer(ctx, layers, i, other);
	if (e != NULL)
		goto out;
	if ((errno = -seccomp_attr_set(
		 ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS)) != 0 ||
	    (errno = -seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1)) != 0 ||
	    (errno = -seccomp_load(ctx)) != 0)
		e = err_sys("seccomp");
out:
	seccomp_release(ctx);
	return e;
}

/* ---- the rest ---- */

static struct err *
limit(__rlimit_resource_t resource, const char *name, rlim_t most)
{
	struct rlimit l;

	if (getrlimit(resource, &l) == -1)
		return err_sys("%s", name);
	if (l.rlim_max == RLIM_INFINITY || l.rlim_max > most)
		l.rlim_max = most;
	l.rlim_cur = l.rlim_max;
	return setrlimit(resource, &l) == 0 ? NULL : err_sys("%s", name);
}

static struct err *
enter_limits(const struct sandbox *s)
{
	struct err *e;

	if ((e = limit(RLIMIT_CORE, "RLIMIT_CORE", 0)) != NULL ||
	    (e = limit(RLIMIT_NOFILE, "RLIMIT_NOFILE", s->files)) != NULL ||
	    (e = limit(RLIMIT_FSIZE, "RLIMIT_FSIZE", s->file_bytes)) != NULL)
		return e;
	/* AddressSanitizer reserves terabytes, LeakSanitizer clones. */
	if (!s->forks && !SANDBOX_SANITIZED &&
	    (e = limit(RLIMIT_NPROC, "RLIMIT_NPROC", 0)) != NULL)
		return e;
	if (s->memory_bytes != 0 && !SANDBOX_SANITIZED &&
	    (e = limit(RLIMIT_DATA, "RLIMIT_DATA", s->memory_bytes)) != NULL)
		return e;
	if (signal(SIGXFSZ, SIG_IGN) == SIG_ERR)
		return err_sys("SIGXFSZ");
	return NULL;
}

/* Dumpable is off in sanitizer builds too: LeakSanitizer, which traces its own
 * process at exit, sees that and turns it on for that moment. */
static struct err *
enter_prctl(void)
{
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1)
		return err_sys("not dumpable");
	return NULL;
}

/* What the kernel keeps for each thread. */
static struct err *
enter_thread(const struct sandbox *s, const struct sandbox_path *paths)
{
	struct landlock_keeps keeps = { allows(s, "connect"),
		allows(s, "kill") };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		return err_sys("no_new_privs");
	return landlock_enter(paths, keeps);
}

struct err *
sandbox_enter_thread(const struct sandbox *s, const struct sandbox_path *paths)
{
	/* For who looks at a trace. */
	(void)prctl(PR_SET_NAME, s->process, 0, 0, 0);
	return err_wrap(
	    enter_thread(s, paths), "lock a thread of %s in", s->process);
}

struct err *
sandbox_enter(
    const struct sandbox *s, const struct sandbox_path *paths, bool kill)
{
	struct err *e;

	/* Landlock opens its paths, so the limits come behind it. */
	if ((e = enter_prctl()) == NULL &&
	    (e = enter_thread(s, paths)) == NULL &&
	    (e = enter_limits(s)) == NULL)
		e = enter_seccomp(s, kill);
	return err_wrap(e, "lock %s in", s->process);
}
