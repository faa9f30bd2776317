/* landlock.h - paths, sockets and signals under Landlock; for sandbox.c. */
#ifndef LANDLOCK_H
#define LANDLOCK_H

#include <stdbool.h>

#include "err.h"
#include "sandbox.h"

/* What the process keeps besides its paths. */
struct landlock_keeps {
	bool tcp;     /* may connect */
	bool signals; /* may signal processes outside */
};

/* Closes all of the file system but paths (NULL: none; ended by a NULL path).
 * Success, without effect, where the kernel has no Landlock. Needs
 * no_new_privs. */
struct err *landlock_enter(
    const struct sandbox_path *paths, struct landlock_keeps keeps);

#endif
