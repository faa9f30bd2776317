/* audit_log.h - audit.log in the state directory: written, chained, bounded. */
#ifndef AUDIT_LOG_H
#define AUDIT_LOG_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "audit.h"
#include "err.h"

struct audit_log;
struct event_base;

#define AUDIT_FILE_BYTES (8 * 1024 * 1024)
#define AUDIT_FILES_KEPT 8 /* besides the one that is written */

/* Opens dir/audit.log (0600) and goes on with its chain. A line that was cut off
 * is removed, lines that are gone are told: both are lines themselves. */
struct err	*audit_log_open(const char *dir, off_t most,
		    struct audit_log **out);
/* From now on lines get to the disk by themselves, and those of one turn of the
 * loop are handed over together, at its end. */
struct err	*audit_log_watch(struct audit_log *a, struct event_base *base);
/* Before the event base goes: they get there when it is closed. */
void		 audit_log_unwatch(struct audit_log *a);
/* NULL is fine, here and below: then there is the journal only. */
void		 audit_log_close(struct audit_log *a);
/* A line (its time is set here), for the journal, too. */
void		 audit_log_line(struct audit_log *a, struct audit_line *l);
/* The same for what certd does by itself. */
void		 audit_log_note(struct audit_log *a, const char *act,
		    const char *outcome, const char *fmt, ...)
		    ERR_PRINTF(4, 5);
/* All lines are the kernel's, those of the journal too: to be called before
 * anything is changed or sent that they tell of. Those that cannot be written
 * wait. */
void		 audit_log_hand_over(struct audit_log *a);
/* For who waits for the disk himself, after audit_log_hand_over(): what must get
 * there. */
int		 audit_log_file(const struct audit_log *a);
/* All lines are on the disk when this returns. */
void		 audit_log_sync(struct audit_log *a);
/* Hands them over; an error while they cannot be written. */
struct err	*audit_log_ready(struct audit_log *a);
/* The same, as far as is known: nothing is handed over for it. */
struct err	*audit_log_good(struct audit_log *a);
/* Where the chain stands. */
void		 audit_log_head(const struct audit_log *a,
		    struct audit_chain *out);

#endif
