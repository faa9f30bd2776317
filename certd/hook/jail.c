/*
 * jail.c - what the front of certd-hook may still ask the kernel for.
 *
 * Runs in:  certd-hook, front (root; no network, no exec, no files).
 * Promise:  what is taken over here by a hook's output can run nothing but
 *           what the launcher would run for the monitor too.
 */
#include <errno.h>

#include "hook.h"

static const struct sandbox_rule rules[] = {
	SB_DIE("clone", "neither threads nor children are made here"),
	SB_DIE("kill", "it is root, and others are none of its business"),
	SB_DIE("tkill", "as kill"),
	SB_DIE("pidfd_send_signal", "as kill"),
	SB_DIE("bind", "it has all the sockets that it needs"),
	SB_DIE("connect", "it has all the sockets that it needs"),
	SB_UNUSED("poll", "the event loop waits"),
	SB_UNUSED("recvfrom", "the channel reads with recvmsg"),
};

const struct sandbox hook_jail = {
	.process = "certd-hook",
	.rules = rules,
	.n_rules = sizeof(rules) / sizeof(rules[0]),
	.lean = true,
	.files = 64, /* two sockets, the loop, a pipe a hook */
	.file_bytes = 0,
	.memory_bytes = 128 * 1024 * 1024,
	.forks = false,
};
