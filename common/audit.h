/*
 * audit.h - a line of audit.log: its fields, and the hash that chains it to the
 * line before.
 *
 *	time=2026-11-24T02:53:37Z seq=7 job=3 certificate=example.com
 *	who="certctl uid=0 pid=99" act=store what="version 1" outcome=done
 *	hash=9f86d0...
 *
 * on one line. hash is the SHA-256, in hex, of the hash before (64 zeros before
 * the first line), a newline, and this line up to its hash. A line that begins
 * a file, or the work of a certd, carries "prev=", the hash before, so that the
 * chain can be followed over a gap.
 */
#ifndef AUDIT_H
#define AUDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "text.h"

#define AUDIT_HASH_SIZE	 65   /* with the NUL */
#define AUDIT_LINE_BYTES 3072 /* of a line, its newline and a NUL behind it */
#define AUDIT_FILE	 "audit.log"  /* older ones have a number behind it */
#define AUDIT_HEAD	 "audit.head" /* "seq hash" of the last line */

/* Where a chain stands. */
struct audit_chain {
	uint64_t seq; /* of the last line; 0 before the first */
	char hash[AUDIT_HASH_SIZE];
	bool is_known; /* false: the first line says where it stands, by prev */
};

struct audit_line {
	time_t time;
	uint32_t job;	  /* 0: none */
	const char *certificate, *who, *act, *what, *outcome; /* "" for none */
};

/* The chain before the first line. */
void		 audit_begin(struct audit_chain *c);
/* The next line, with its newline; c moves on. Long texts are cut. */
size_t		 audit_format(struct audit_chain *c, const struct audit_line *l,
		    bool with_prev, char out[AUDIT_LINE_BYTES]);
/* Holds a line (without its newline) against the chain, which moves on in every
 * case. NULL, or what is wrong, in why. */
#define AUDIT_WHY_BYTES 256
const char	*audit_check(struct audit_chain *c, struct str line,
		    char why[AUDIT_WHY_BYTES]);
/* The value of a field, unquoted; false where there is none or it does not
 * fit. */
bool		 audit_field(struct str line, const char *key, char *out,
		    size_t size);
/* What audit.head holds; false where it is nothing of the kind. */
bool		 audit_head_parse(struct str text, struct audit_chain *c);

#endif
