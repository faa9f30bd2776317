/*
 * strike.h - kills a program, or lets its calls fail, at the n-th thing that it
 * does to the world. For tests: what runs is the program as it is installed.
 */
#ifndef STRIKE_H
#define STRIKE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* What a point is about. */
enum class {
	CLASS_NONE = 0,
	CLASS_DISK = 1,	   /* the store and the ledger change */
	CLASS_MESSAGE = 2, /* one of our processes tells another something */
	CLASS_NETWORK = 4, /* the CA or the DNS provider is told something */
};

enum mode {
	MODE_PASS,	/* nothing is counted */
	MODE_COUNT,	/* points get their numbers, and a line in the log */
	MODE_KILL_ONE,	/* the process is killed before the call at point `at` */
	MODE_KILL_ALL,	/* and all others with it */
	MODE_LATE_ONE,	/* some time after the call: its effect has come about */
	MODE_LATE_ALL,
	MODE_FAIL_ONCE, /* the call fails with error */
	MODE_FAIL_ON,	/* likewise, and all after it, until the mode changes */
};

/* A file that the test writes and we look at before each point. */
struct control {
	uint32_t mode;
	uint32_t at;	  /* from 1 */
	uint32_t error;
	uint32_t classes; /* which are points; bits of enum class */
	uint32_t n;	  /* ours: how many points were passed */
	uint32_t hit;	  /* ours: 1 when it has struck */
	uint32_t late_msecs;
	uint32_t only;	  /* 1: only points of certd itself */
};

struct call {
	pid_t pid;
	long number;
	uint64_t args[6];
};

#define LABEL_BYTES 256

/* Which class the call is of, and what it does, in words that are the same in
 * every run. */
enum class	 point_of(const struct call *call, char label[LABEL_BYTES]);
/* The system calls that can be points. */
extern const int point_calls[];
extern const unsigned point_calls_n;

#endif
