/* cron_trap.h - command lines that wait for every certificate. */
#ifndef CRON_TRAP_H
#define CRON_TRAP_H

#include <stdbool.h>

/* Whether a command of this line does not run when renew ends with 1, which it
 * does when one certificate of several fails. */
bool		 cron_has_trap(const char *line);

#endif
