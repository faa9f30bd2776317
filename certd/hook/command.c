/*
 * command.c - what a command begins with: is it there, and root's alone?
 *
 * Runs in:  certd-hook, the child that becomes the hook (root; not locked in),
 *           because there the files are those that the shell will find.
 * Input:    a text that root wrote, or the quoted path of a file in
 *           renewal-hooks/.
 * Promise:  a file that others than root can change is never run as root's
 *           hook. Of a command line only its first word is looked at: what it
 *           goes on to do is root's own affair.
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hook.h"
#include "roots.h"

/* The first word of a shell command, unquoted, behind "NAME=value". */
enum word {
	WORD_PLAIN,
	WORD_NONE,   /* there is none */
	WORD_UNKNOWN /* only the shell can tell what it becomes */
};

/* Takes one word from *text; out has room for all of the command. */
static enum word
take_word(const char **text, char *out)
{
	const char *p = *text + strspn(*text, " \t\n");
	const char *first = p;
	char quote = '\0';

	for (; *p != '\0'; p++) {
		if (quote == '\0' && strchr(" \t\n;|&<>()", *p) != NULL)
			break;
		if (quote != '\'' && (*p == '$' || *p == '`'))
			return WORD_UNKNOWN;
		if (quote == '\0' && (*p == '\'' || *p == '"')) {
			quote = *p;
		} else if (*p == quote) {
			quote = '\0';
		} else {
			if (*p == '\\' && quote != '\'' && p[1] != '\0')
				p++;
			*out++ = *p;
		}
	}
	*out = '\0';
	*text = p;
	if (quote != '\0')
		return WORD_UNKNOWN;
	return p == first ? WORD_NONE : WORD_PLAIN;
}

static bool
is_assignment(const char *word)
{
	size_t n = strspn(word,
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789");

	return n > 0 && word[n] == '=';
}

static enum word
first_word(const char *command, char *out)
{
	enum word kind;

	do
		kind = take_word(&command, out);
	while (kind == WORD_PLAIN && is_assignment(out));
	return kind;
}

static bool
is_runnable(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) &&
	       (st.st_mode & 0111) != 0;
}

/* Where the shell finds word: as it is, or in HOOK_PATH. */
static bool
find(const char *word, char path[PATH_MAX])
{
	const char *dir = HOOK_PATH;
	size_t n;

	if (strchr(word, '/') != NULL) {
		/* It runs in "/". */
		return snprintf(path, PATH_MAX, "%s%s", *word == '/' ? "" : "/",
			   word) < PATH_MAX &&
		       access(path, F_OK) == 0;
	}
	for (;; dir += n + 1) {
		n = strcspn(dir, ":");
		if (snprintf(path, PATH_MAX, "%.*s/%s", (int)n, dir, word) <
			PATH_MAX &&
		    is_runnable(path))
			return true;
		if (dir[n] == '\0')
			return false;
	}
}

static int
refuse_weak(const char *path, char *why, size_t size)
{
	char weak[PATH_MAX];

	if (path_is_roots(path, weak))
		return 0;
	(void)snprintf(why, size,
	    "%s is not run: others than root can "
	    "change %s (chown root: and chmod go-w it)",
	    path, weak);
	return HOOK_REFUSED;
}

int
command_problem(const char *command, bool must_be_there, char *why, size_t size)
{
	char word[COMMAND_MAX_BYTES + 1], path[PATH_MAX];
	enum word kind = first_word(command, word);

	if (kind == WORD_PLAIN && find(word, path)) {
		if (!must_be_there || is_runnable(path))
			return refuse_weak(path, why, size);
		(void)snprintf(why, size, "%s is not executable", path);
		return HOOK_REFUSED;
	}
	if (!must_be_there)
		return 0; /* the shell knows it, or says that it does not */
	if (kind == WORD_PLAIN && strchr(word, '/') != NULL)
		(void)snprintf(why, size, "there is no %s", word);
	else if (kind == WORD_PLAIN)
		(void)snprintf(
		    why, size, "there is no program %s in " HOOK_PATH, word);
	else
		(void)snprintf(why, size, "it does not begin with a program");
	return HOOK_NOT_FOUND;
}
