/*
 * store_clean.c - a note that nothing of ours lies around in the store.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    a file in the state directory, which our end at any moment may have
 *           left there or not.
 * Promise:  the note is gone from the disk before we write to the store, and is
 *           made only when all of it was looked through; so a start that finds
 *           it need not look through a hundred thousand folders. It counts for
 *           this very store only: not for one that came from a backup.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "store_priv.h"

#define CLEAN_FILE "store.clean"
#define CLEAN_SIZE 160

/* Which store this is. */
static bool
describe(const struct store *s, char out[CLEAN_SIZE])
{
	const int dirs[] = { s->config, s->live, s->archive, s->renewal };
	struct stat st;
	size_t i, n = 0;

	for (i = 0; i < sizeof(dirs) / sizeof(*dirs); i++) {
		if (fstat(dirs[i], &st) == -1)
			return false;
		n += (size_t)snprintf(out + n, CLEAN_SIZE - n, "%llx:%llx\n",
		    (unsigned long long)st.st_dev,
		    (unsigned long long)st.st_ino);
	}
	return true;
}

void
clean_open(struct store *s, const char *state_dir)
{
	char text[CLEAN_SIZE] = "", wanted[CLEAN_SIZE];
	int fd;

	s->state = state_dir == NULL
		       ? -1
		       : open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->state == -1)
		return;
	fd = openat(s->state, CLEAN_FILE, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		return;
	/* There, whatever it says: it has to go. */
	s->has_note = true;
	s->is_clean = read(fd, text, sizeof(text) - 1) > 0 &&
		      describe(s, wanted) && strcmp(text, wanted) == 0;
	close(fd);
}

/* Without it the next start looks through the store: no error. */
void
clean_note(struct store *s)
{
	const struct fs_owner root = { 0600, (gid_t)-1 };
	char text[CLEAN_SIZE];
	struct err *e;

	if (s->state == -1 || !describe(s, text))
		return;
	e = fs_write(s->state, CLEAN_FILE, root, text, strlen(text));
	s->has_note = true;
	s->is_clean = e == NULL;
	log_err(LOG_LEVEL_INFO, err_wrap(e, "state directory"));
}

struct err *
clean_end(struct store *s)
{
	struct err *e;

	if (!s->has_note)
		return NULL;
	if ((e = fs_unlink(s->state, CLEAN_FILE)) != NULL ||
	    (e = fs_sync(s->state, "state directory")) != NULL)
		return err_wrap(e, "state directory");
	s->has_note = s->is_clean = false;
	return NULL;
}
