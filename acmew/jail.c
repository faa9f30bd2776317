/*
 * jail.c - what acmew may still ask the kernel for.
 *
 * Runs in:  acmew (_acmew; network, no keys, no exec, no files).
 * Promise:  whoever takes acmew over has sockets of AF_INET and AF_INET6 and
 *           the connection to certd, which signs meanings only; no file can be
 *           opened and no program started.
 *
 * It needs nothing beyond what all have and what HTTPS and DNS need: the
 * configuration, the CA bundle, resolv.conf and the hosts' addresses were read,
 * and worker.sock was connected, before.
 */
#include "acmew.h"

const struct sandbox worker_jail = {
	.process = "acmew",
	.rules = NULL,
	.n_rules = 0,
	.network = true,
	.lean = true,
	.files = 1024, /* a socket a CA, and those of DNS */
	.file_bytes = 0,
	.memory_bytes = 256 * 1024 * 1024,
	.forks = false,
};
