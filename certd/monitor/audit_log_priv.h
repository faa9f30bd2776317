/* audit_log_priv.h - what the files of audit.log share. */
#ifndef AUDIT_LOG_PRIV_H
#define AUDIT_LOG_PRIV_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "audit_log.h"

struct dirent;
struct event;

#define AUDIT_HEAD_BYTES (20 + 1 + AUDIT_HASH_SIZE) /* seq, hash, newline */

struct waiting {
	STAILQ_ENTRY(waiting) link;
	size_t n;
	struct audit_chain chain; /* behind it */
	char line[];
};

struct audit_log {
	int dir, fd, head;
	off_t size;
	off_t most;		  /* when it is full */
	uint64_t first;		  /* number of its first line; 0: none yet */
	struct audit_chain chain; /* behind the last line that was made */
	bool begins;		  /* the next line says where it stands */
	bool rotating;
	struct event *timer, *turn; /* NULL: a line does not wait */
	STAILQ_HEAD(waiting_list, waiting) waiting; /* to be written */
	size_t n_waiting, bytes_waiting;
	uint64_t lost;		  /* lines for which there was no room */
	int error;		  /* of the last write; 0: it was good */
};

/* The files that are full, oldest first; -1 on error. The list is to be freed. */
int		 audit_log_old_files(const struct audit_log *a,
		    struct dirent ***list);
void		 audit_log_free_files(struct dirent **list, int n);

/* ---- audit_write.c ---- */
/* The next line (the chain is behind it): it waits, to the end of the turn at the
 * latest. */
void		 audit_log_keep(struct audit_log *a, const char *line, size_t n);
/* Those that cannot be written. */
void		 audit_log_forget(struct audit_log *a);

/* ---- audit_resume.c ---- */
/* Goes on where the last certd ended, and says what is not as it was left. */
void		 audit_log_resume(struct audit_log *a);

#endif
