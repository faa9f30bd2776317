/*
 * jail.c - what certd-sign may still ask the kernel for.
 *
 * Runs in:  certd-sign (_certd-sign; no network, no exec, no files).
 * Promise:  keys and a hostile CA's bytes are in one process, but nothing that
 *           takes it over can carry a key away: no path, no socket, no other
 *           process, no program; only the one connection to the monitor and
 *           the files that the monitor passes.
 */
#include <errno.h>
#include <fcntl.h>

#include "sign.h"

/* A row of the base that has no use here. As a surprise of a new libc it must
 * not kill, so it is answered as if the kernel had never heard of it. */
#define UNUSED(call, why) SB_DENY(call, ENOSYS, why)

static const struct sandbox_rule rules[] = {
	SB_ANY("fsync", "a key is on the disk before it is used"),
	SB_IF("fcntl", 1, SB_INT, F_GETFL, "the channel becomes non-blocking"),
	SB_IF("fcntl", 1, SB_INT, F_SETFL, "the channel becomes non-blocking"),

	/* Memory, epoll, recvmsg, sendmsg, read, write, close, fstat, clocks,
	 * getrandom, futex and leaving are in the base. */
	UNUSED("poll", "nothing but the event loop waits"),
	UNUSED("ppoll", "nothing but the event loop waits"),
	UNUSED("readv", "the channel reads with recvmsg"),
	UNUSED("writev", "the channel writes with sendmsg"),
	UNUSED("recvfrom", "the channel reads with recvmsg"),
	UNUSED("sendto", "the channel writes with sendmsg"),
	UNUSED("shutdown", "the channel is closed"),
	UNUSED("lseek", "files are read and written from where they stand"),
	UNUSED("clock_nanosleep", "nobody sleeps"),
	UNUSED("nanosleep", "nobody sleeps"),
	UNUSED("getppid", "the monitor's end is the end of the channel"),
	UNUSED("getuid", "asked before the jail"),
	UNUSED("geteuid", "asked before the jail"),
	UNUSED("getgid", "asked before the jail"),
	UNUSED("getegid", "asked before the jail"),
	UNUSED("uname", "asked before the jail"),
	UNUSED("sysinfo", "nothing is sorted"),
	UNUSED("set_robust_list", "there are no threads"),
	UNUSED("rseq", "there are no threads"),
	UNUSED("clone", "there are no threads"),
	UNUSED("exit", "there are no threads"),
	UNUSED("sched_yield", "there are no threads"),
	SB_DIE("socket", "the signer has no network, and wants none"),
	SB_DIE("socketpair", "as socket"),
	SB_DIE("connect", "as socket"),
	SB_DIE("bind", "as socket"),

	SB_SAN("sched_yield", "locks of AddressSanitizer"),
	SB_SAN("getppid", "LeakSanitizer's tracer asks who its parent is"),
};

const struct sandbox signer_jail = {
	.process = "certd-sign",
	.rules = rules,
	.n_rules = sizeof(rules) / sizeof(rules[0]),
	.files = 64,
	.file_bytes = 64 * 1024, /* RSA 4096 is 3.2 KiB; the log is a pipe */
	.memory_bytes = 128 * 1024 * 1024,
};
