/*
 * world.h - what fuzz targets have in common: an input that is read byte by byte,
 * and a folder of their own, in memory where there is room for it.
 */
#ifndef WORLD_H
#define WORLD_H

#ifndef _GNU_SOURCE
#error "define _GNU_SOURCE first: nftw"
#endif
#include <fcntl.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WORLD_PATH_BYTES 128

static char world_folder[64];

static inline void
check(bool good)
{
	if (!good)
		abort();
}

/* What is left of an input that is a program. */
struct program {
	const uint8_t *p;
	size_t n;
};

/* 0 where it is at its end. */
static inline uint8_t
program_next(struct program *left)
{
	if (left->n == 0)
		return 0;
	left->n--;
	return *left->p++;
}

static int
world_remove(const char *path, const struct stat *st, int kind, struct FTW *f)
{
	(void)st;
	(void)kind;
	return f->level == 0 ? 0 : remove(path);
}

/* Everything in it, not the folder. */
static inline void
world_clear(const char *path)
{
	(void)nftw(path, world_remove, 16, FTW_DEPTH | FTW_PHYS);
}

static void
world_end(void)
{
	world_clear(world_folder);
	(void)rmdir(world_folder);
}

/* Makes the folder; it goes when the process ends. */
static inline void
world_begin(void)
{
	(void)strcpy(world_folder, "/dev/shm/fuzz.XXXXXX");
	if (mkdtemp(world_folder) == NULL) {
		(void)strcpy(world_folder, "/tmp/fuzz.XXXXXX");
		check(mkdtemp(world_folder) != NULL);
	}
	(void)atexit(world_end);
}

/* The path of a file in it. */
static inline void
world_path(char path[WORLD_PATH_BYTES], const char *name)
{
	(void)snprintf(path, WORLD_PATH_BYTES, "%s/%s", world_folder, name);
}

/* A file of head and n bytes behind it. */
static inline void
world_write(const char *path, const char *head, const void *p, size_t n)
{
	FILE *f = fopen(path, "we");

	check(f != NULL && fwrite(head, 1, strlen(head), f) == strlen(head));
	check(fwrite(p, 1, n, f) == n && fclose(f) == 0);
}

/* The first directory on the command line, where libFuzzer puts its finds: a
 * target may put seeds of its own there. NULL where there is none. */
static inline const char *
world_corpus(int argc, char *const *argv)
{
	struct stat st;
	int i;

	for (i = 1; i < argc; i++)
		if (stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode))
			return argv[i];
	return NULL;
}

static inline void
world_seed(const char *dir, const char *name, const void *p, size_t n)
{
	char path[512];

	if (dir == NULL)
		return;
	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	world_write(path, "", p, n);
}

#endif
