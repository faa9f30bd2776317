/* test_sandbox_tables.c - the jails as data: no row twice, none that hides
 * another, each with its reason. */
/* objects: common/sandbox_base common/sandbox_net certd/monitor/jail certd/sign/jail certd/dns/jail certd/hook/jail acmew/jail */
/* libs: libseccomp */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <seccomp.h>
#include <string.h>

#include "allowed.h"

#define JAILS_N jails_n

static void
for_each_table(void (*fn)(const struct sandbox_rule *rules, size_t n))
{
	size_t i;

	fn(sandbox_base, sandbox_base_n);
	fn(sandbox_net, sandbox_net_n);
	fn(sandbox_forks, sandbox_forks_n);
	fn(sandbox_lean, sandbox_lean_n);
	for (i = 0; i < JAILS_N; i++)
		fn(jails[i]->rules, jails[i]->n_rules);
}

/* Whether no argument can match both. */
static bool
exclude_each_other(const struct sandbox_rule *a, const struct sandbox_rule *b)
{
	return a->arg != -1 && a->arg == b->arg &&
	       ((a->value ^ b->value) & a->mask & b->mask) != 0;
}

static void
check_overlap(const struct sandbox_rule *rules, size_t n)
{
	const struct sandbox_rule *a, *b;
	size_t i, k;

	for (i = 0; i < n; i++)
		for (k = 0; k < i; k++) {
			a = &rules[i];
			b = &rules[k];
			if (strcmp(a->call, b->call) == 0 &&
			    a->build == b->build && !exclude_each_other(a, b))
				fail_msg("two rows of %s overlap", a->call);
		}
}

static void
tables_have_no_row_twice(void **state)
{
	(void)state;
	for_each_table(check_overlap);
}

static void
check_rows(const struct sandbox_rule *rules, size_t n)
{
	const struct sandbox_rule *r;

	for (r = rules; r < rules + n; r++) {
		if (seccomp_syscall_resolve_name(r->call) == __NR_SCMP_ERROR)
			fail_msg("%s is no system call", r->call);
		assert_non_null(r->reason);
		assert_true(strlen(r->reason) > 3);
		assert_in_range(r->arg + 1, 0, 6);
		assert_int_equal(r->error != 0, r->action == SB_REFUSE);
		if (r->build == SB_SANITIZER)
			assert_true(r->action == SB_ALLOW && r->arg == -1);
		/* Bits outside of the mask could never match. */
		if (r->value != SB_OWN_PID)
			assert_true((r->value & ~r->mask) == 0);
	}
}

static void
tables_have_sound_rows(void **state)
{
	(void)state;
	for_each_table(check_rows);
}

static const struct sandbox_rule *
find(const struct sandbox_rule *rules, size_t n, const char *call)
{
	const struct sandbox_rule *r;

	for (r = rules; r < rules + n; r++)
		if (r->build == SB_ALWAYS && strcmp(r->call, call) == 0)
			return r;
	return NULL;
}

static void
check_kills(const struct sandbox_rule *rules, size_t n)
{
	const struct sandbox_rule *r, *base;

	for (r = rules; r < rules + n; r++) {
		base = find(sandbox_base, sandbox_base_n, r->call);
		if (r->build == SB_ALWAYS && base != NULL &&
		    base->action == SB_KILL)
			assert_int_equal(r->action, SB_KILL);
	}
}

static void
tables_take_no_kill_back(void **state)
{
	(void)state;
	for_each_table(check_kills);
}

/* What no process of ours may have left to it, whatever its table says. */
static const char *const deadly[] = { "execve", "execveat", "ptrace",
	"process_vm_readv", "process_vm_writev", "kexec_load", "init_module",
	"finit_module", "bpf", "mount", "umount2", "pivot_root", "chroot",
	"unshare", "setns", "keyctl", "add_key", "request_key",
	"perf_event_open", "userfaultfd", "io_uring_setup", "io_uring_enter",
	"io_uring_register", "reboot", "swapon", "setuid", "setgid",
	"setresuid", "setresgid", "setgroups" };

static void
base_kills_what_no_process_needs(void **state)
{
	const struct sandbox_rule *r;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(deadly) / sizeof(deadly[0]); i++) {
		r = find(sandbox_base, sandbox_base_n, deadly[i]);
		if (r == NULL || r->action != SB_KILL)
			fail_msg("%s does not kill", deadly[i]);
	}
}

/* The first row about a call in the tables of a process. */
static const struct sandbox_rule *
decides(const struct sandbox *s, const char *call)
{
	const struct sandbox_rule *r = find(s->rules, s->n_rules, call);

	if (r == NULL && s->network)
		r = find(sandbox_net, sandbox_net_n, call);
	if (r == NULL && s->forks)
		r = find(sandbox_forks, sandbox_forks_n, call);
	if (r == NULL && s->lean)
		r = find(sandbox_lean, sandbox_lean_n, call);
	return r != NULL ? r : find(sandbox_base, sandbox_base_n, call);
}

static bool
is_allowed(const struct sandbox *s, const char *call)
{
	const struct sandbox_rule *r = decides(s, call);

	return r != NULL && r->action == SB_ALLOW;
}

/* No process has network and files, or makes others. */
static void
jails_keep_network_and_files_apart(void **state)
{
	const struct sandbox *s;
	size_t i;

	(void)state;
	for (i = 0; i < JAILS_N; i++) {
		s = jails[i];
		assert_int_equal(is_allowed(s, "socket"), s->network);
		assert_int_equal(is_allowed(s, "connect"), s->network);
		assert_int_equal(is_allowed(s, "openat"), s == &monitor_jail);
		assert_false(is_allowed(s, "kill"));
		assert_false(is_allowed(s, "bind"));
		assert_false(s->forks);
		assert_true(s->files > 0);
	}
}

/* What is allowed grows by itself: whoever adds a call takes one away, or says
 * here why it is worth it. What each needs, make jail-report shows. */
static void
jails_are_small(void **state)
{
	static const struct {
		const char *process;
		size_t most;
	} goals[] = { { "certd", 60 }, { "certd-disk", 36 },
		{ "certd-sign", 35 }, { "certd-dns", 45 }, { "certd-hook", 35 }, { "acmew", 45 } };
	const struct sandbox_rule *calls[ALLOWED_MAX];
	size_t i, n;

	(void)state;
	assert_int_equal(jails_n, sizeof(goals) / sizeof(goals[0]));
	for (i = 0; i < jails_n; i++) {
		assert_string_equal(jails[i]->process, goals[i].process);
		n = allowed_calls(jails[i], calls);
		if (n > goals[i].most)
			fail_msg("%s: %zu calls are allowed, at most %zu",
			    goals[i].process, n, goals[i].most);
		assert_true(n > 15);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tables_have_no_row_twice),
		cmocka_unit_test(tables_have_sound_rows),
		cmocka_unit_test(tables_take_no_kill_back),
		cmocka_unit_test(base_kills_what_no_process_needs),
		cmocka_unit_test(jails_keep_network_and_files_apart),
		cmocka_unit_test(jails_are_small),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
