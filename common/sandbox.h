/*
 * sandbox.h - what a process may still do after it has locked itself in,
 * stated as tables of data.
 */
#ifndef SANDBOX_H
#define SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

enum sandbox_action {
	SB_ALLOW,  /* the call goes through */
	SB_REFUSE, /* it returns the errno of the row: libc copes */
	SB_KILL,   /* the process dies at once (SIGSYS) */
};

enum sandbox_build { SB_ALWAYS, SB_SANITIZER }; /* rows of sanitizer builds */

/* One row: a system call, perhaps only where one argument matches. Comparisons
 * are equality or masked equality of one argument (libseccomp before 2.6.1
 * merges others wrongly, GHSA-4q85-33p6-j5g6). Rows of one call in one table
 * must not overlap: all conditional, with conditions that exclude each other,
 * or a single one without a condition. */
struct sandbox_rule {
	const char *call; /* name, as in syscalls(2) */
	enum sandbox_action action;
	int error;            /* SB_REFUSE */
	int arg;              /* -1: any arguments; else 0..5 */
	uint64_t mask, value; /* (argument & mask) == value */
	enum sandbox_build build;
	const char *reason; /* why the process needs it, for the reader */
};

/* Mask for an argument that C declares int or unsigned: what the upper half of
 * its register holds is anybody's guess. */
#define SB_INT 0xffffffffULL
/* As a value, with mask SB_INT: the number of the process that locks itself
 * in. */
#define SB_OWN_PID UINT64_MAX

#define SB_ANY(call, why)                                                      \
	{                                                                      \
		call, SB_ALLOW, 0, -1, 0, 0, SB_ALWAYS, why                    \
	}
#define SB_IF(call, arg, mask, value, why)                                     \
	{                                                                      \
		call, SB_ALLOW, 0, arg, mask, value, SB_ALWAYS, why            \
	}
#define SB_DENY(call, error, why)                                              \
	{                                                                      \
		call, SB_REFUSE, error, -1, 0, 0, SB_ALWAYS, why               \
	}
/* A row of the base that has no use in this process. As a surprise of a new libc
 * it must not kill, so it is refused. */
#define SB_UNUSED(call, why) SB_DENY(call, ENOSYS, why)
#define SB_DENY_IF(call, error, arg, mask, value, why)                         \
	{                                                                      \
		call, SB_REFUSE, error, arg, mask, value, SB_ALWAYS, why       \
	}
#define SB_DIE(call, why)                                                      \
	{                                                                      \
		call, SB_KILL, 0, -1, 0, 0, SB_ALWAYS, why                     \
	}
#define SB_SAN(call, why)                                                      \
	{                                                                      \
		call, SB_ALLOW, 0, -1, 0, 0, SB_SANITIZER, why                 \
	}

/* A tree that Landlock leaves open. */
struct sandbox_path {
	const char *path;
	bool write;
};

/* Whether this build has AddressSanitizer. */
#if defined(__SANITIZE_ADDRESS__)
#define SANDBOX_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANDBOX_SANITIZED 1
#endif
#endif
#ifndef SANDBOX_SANITIZED
#define SANDBOX_SANITIZED 0
#endif

struct sandbox {
	const char *process;              /* "certd-sign" */
	const struct sandbox_rule *rules; /* of this process alone */
	size_t n_rules;
	uint64_t files;        /* RLIMIT_NOFILE */
	uint64_t file_bytes;   /* RLIMIT_FSIZE; 0: none at all */
	uint64_t memory_bytes; /* RLIMIT_DATA; 0: no limit */
	bool forks;            /* may have children */
	bool lean; /* begins no thread; nothing that only some libraries need */
	bool network;          /* HTTPS and DNS: sandbox_net */
};

/*
 * Rows that every process has: memory, event loop (the base and its events must
 * exist before), reading and writing what is open, descriptors over sockets,
 * clocks, leaving; the probes of libc that are refused; and what always kills.
 *
 * A call that a table of a process names is taken from there alone: the rows
 * of the tables behind it (sandbox_net, sandbox_forks, sandbox_base) about that
 * call are then as good as not written. (So a row for more of fcntl repeats
 * what it needs of fcntl here.) Only SB_KILL rows of the base cannot be taken
 * back: sandbox_enter() refuses such a table.
 *
 * SB_SANITIZER rows exist only in builds with AddressSanitizer and win there
 * over every other row of their call. They allow, without conditions.
 */
extern const struct sandbox_rule sandbox_base[];
extern const size_t sandbox_base_n;
/* Rows asked between those of the process and the base, where `network` or
 * `forks` is set. */
extern const struct sandbox_rule sandbox_net[];
extern const size_t sandbox_net_n;
extern const struct sandbox_rule sandbox_forks[];
extern const size_t sandbox_forks_n;
/* Rows asked before the base, where `lean` is set: what the base has for
 * threads and for libraries, refused. */
extern const struct sandbox_rule sandbox_lean[];
extern const size_t sandbox_lean_n;

/* Locks the process in, for good: no_new_privs, not dumpable, rlimits, Landlock
 * (where the kernel has it; paths lists what stays open, terminated by a NULL
 * path, missing ones are skipped; NULL: nothing), seccomp. With kill, a call in
 * no row kills instead of failing with ENOSYS. Users must have been dropped
 * before. A file over its limit is EFBIG afterwards, not SIGXFSZ. Where the
 * table of the process allows no connect, Landlock refuses TCP besides; where
 * it allows no kill, signals to other processes. */
struct err *sandbox_enter(
    const struct sandbox *s, const struct sandbox_path *paths, bool kill);
/* The part of that which the kernel keeps for each thread: one that exists before
 * sandbox_enter() calls this, and gets the rest with its process. */
struct err *sandbox_enter_thread(
    const struct sandbox *s, const struct sandbox_path *paths);

#endif
