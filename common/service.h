/* service.h - the service manager's protocols: sd_listen_fds(3), sd_notify(3). */
#ifndef SERVICE_H
#define SERVICE_H

#include <stdbool.h>

#include "err.h"

struct service;

/* Takes LISTEN_*, NOTIFY_SOCKET and WATCHDOG_* from the environment (they are
 * removed from it) and opens the notify socket, so that all works after the
 * process has locked itself in. */
struct err	*service_new(struct service **out);
void		 service_free(struct service *s);
/* The descriptor passed under this FileDescriptorName, or -1. It is CLOEXEC and
 * does not block. */
int		 service_fd(const struct service *s, const char *name);
/* Whether any socket was passed. */
bool		 service_activated(const struct service *s);
/* Sends "READY=1", "STATUS=...", ...; without a service manager nothing. */
void		 service_notify(const struct service *s, const char *fmt, ...)
		    ERR_PRINTF(2, 3);
/* Half of the watchdog's period in microseconds, 0 where there is none. */
unsigned long long service_watchdog_usecs(const struct service *s);

#endif
