/*
 * allowed.h - what a jail lets through, read from its tables. For the unit test
 * of the tables and the jail report.
 */
#ifndef ALLOWED_H
#define ALLOWED_H

#include <seccomp.h>
#include <string.h>

#include "sandbox.h"

#define ALLOWED_MAX 256

extern const struct sandbox monitor_jail, writeback_jail, signer_jail,
    publisher_jail, hook_jail, worker_jail;

static const struct sandbox *const jails[] = { &monitor_jail, &writeback_jail,
	&signer_jail, &publisher_jail, &hook_jail, &worker_jail };
static const size_t jails_n = sizeof(jails) / sizeof(jails[0]);

/* The first row about a call, NULL where there is none. */
static inline const struct sandbox_rule *
first_row(const struct sandbox_rule *rules, size_t n, const char *call)
{
	const struct sandbox_rule *r;

	for (r = rules; r < rules + n; r++)
		if (r->build == SB_ALWAYS && strcmp(r->call, call) == 0)
			return r;
	return NULL;
}

/* Adds the calls of one table that no table before it decides, and that it lets
 * through, be it under conditions. */
static inline size_t
add_allowed(const struct sandbox_rule *rules, size_t n,
    const struct sandbox_rule **out, size_t n_out, const char **decided,
    size_t *n_decided)
{
	const struct sandbox_rule *r, *end = rules + n;
	size_t before = *n_decided, i, k;

	for (r = rules; r < end; r++) {
		for (i = 0; i < before; i++)
			if (strcmp(decided[i], r->call) == 0)
				break;
		if (i < before || r->build != SB_ALWAYS)
			continue;
		decided[(*n_decided)++] = r->call;
		for (k = 0; k < n_out; k++)
			if (strcmp(out[k]->call, r->call) == 0)
				break;
		/* Below 0: not a call of this machine. */
		if (k == n_out && r->action == SB_ALLOW &&
		    seccomp_syscall_resolve_name(r->call) >= 0)
			out[n_out++] = r;
	}
	return n_out;
}

/* Into out, which has room for ALLOWED_MAX; returns how many. */
static inline size_t
allowed_calls(const struct sandbox *s, const struct sandbox_rule **out)
{
	const char *decided[4 * ALLOWED_MAX];
	size_t n = 0, d = 0;

	n = add_allowed(s->rules, s->n_rules, out, n, decided, &d);
	if (s->network)
		n = add_allowed(sandbox_net, sandbox_net_n, out, n, decided,
		    &d);
	if (s->forks)
		n = add_allowed(sandbox_forks, sandbox_forks_n, out, n,
		    decided, &d);
	if (s->lean)
		n = add_allowed(sandbox_lean, sandbox_lean_n, out, n, decided,
		    &d);
	return add_allowed(sandbox_base, sandbox_base_n, out, n, decided, &d);
}

#endif
