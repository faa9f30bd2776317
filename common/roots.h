/* roots.h - whether a file is root's alone, as what runs as root must be. */
#ifndef ROOTS_H
#define ROOTS_H

#include <limits.h>
#include <stdbool.h>

/* Whether nobody but root can change the file at path, exchange it, or lead
 * elsewhere a link on the way to it. weak says which part others can change. A
 * path that does not exist is not root's. */
bool		 path_is_roots(const char *path, char weak[PATH_MAX]);

#endif
