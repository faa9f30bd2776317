/* audit_scene.h - an audit in a folder of its own, for the tests of it. */
#ifndef AUDIT_SCENE_H
#define AUDIT_SCENE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit_log.h"
#include "log.h"

#define MOST (1024 * 1024)

static char folder[64];

static inline const char *
at(const char *name)
{
	static char paths[4][128];
	static unsigned n;
	char *path = paths[n++ % 4];

	(void)snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
	return path;
}

static inline int
set_up(void **state)
{
	(void)state;
	(void)strcpy(folder, "/tmp/test_audit.XXXXXX");
	log_limit(LOG_LEVEL_ERROR);
	(void)signal(SIGXFSZ, SIG_IGN);
	return mkdtemp(folder) == NULL ? -1 : 0;
}

static inline int
tear_down(void **state)
{
	char command[128];

	(void)state;
	(void)snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

static inline char *
slurp(const char *name, size_t *n)
{
	FILE *f = fopen(at(name), "re");
	char *text = calloc(1, 2 * MOST);

	assert_non_null(text);
	*n = 0;
	if (f == NULL)
		return text;
	*n = fread(text, 1, 2 * MOST - 1, f);
	(void)fclose(f);
	return text;
}

static inline void
spit(const char *name, const char *text, size_t n)
{
	FILE *f = fopen(at(name), "we");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

/* Holds the whole file against the chain c; the first problem, or "". */
static inline const char *
verify_from(const char *name, struct audit_chain *c)
{
	static char why[AUDIT_WHY_BYTES];
	size_t n;
	char *text = slurp(name, &n);
	struct str rest = { text, n }, line;
	const char *wrong = NULL;

	while (wrong == NULL && str_take_line(&rest, &line)) {
		assert_int_equal(line.p[line.n - 1], '\n');
		line.n--;
		wrong = audit_check(c, line, why);
	}
	free(text);
	return wrong == NULL ? "" : wrong;
}

static inline const char *
verify(void)
{
	struct audit_chain c;

	audit_begin(&c);
	return verify_from(AUDIT_FILE, &c);
}

static inline struct audit_log *
begin_with(off_t most)
{
	struct audit_log *a;

	assert_null(audit_log_open(folder, most, &a));
	return a;
}

static inline struct audit_log *
begin(void)
{
	return begin_with(MOST);
}

static inline void
write_some(struct audit_log *a, int n)
{
	for (int i = 0; i < n; i++)
		audit_log_note(a, "test", "done", "number %d", i);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
