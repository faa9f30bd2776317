/*
 * audit_resume.c - where the chain of audit.log goes on.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    audit.log, audit.head and the files before, as the last certd, or
 *           somebody else, has left them.
 * Promise:  a line that was cut off is removed, and lines that are gone are
 *           missed: both are told in lines of their own.
 */
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit_log_priv.h"
#include "text.h"

/* The last whole line of a file, and how many bytes stand behind it. Nothing
 * where there is none. */
static bool
last_line(int fd, off_t size, struct audit_chain *c, size_t *torn)
{
	char part[2 * AUDIT_LINE_BYTES], why[AUDIT_WHY_BYTES];
	off_t from = size > (off_t)sizeof(part) ?
	    size - (off_t)sizeof(part) : 0;
	ssize_t n = pread(fd, part, sizeof(part), from);
	size_t end, begin;

	*torn = 0;
	if (n <= 0)
		return false;
	for (end = (size_t)n; end > 0 && part[end - 1] != '\n'; end--)
		;
	*torn = (size_t)n - end;
	if (end == 0)
		return false;
	for (begin = end - 1; begin > 0 && part[begin - 1] != '\n'; begin--)
		;
	c->is_known = false;
	(void)audit_check(c, (struct str) { part + begin, end - 1 - begin },
	    why);
	return c->is_known;
}

/* That of the newest of the old files. */
static bool
last_old_line(const struct audit_log *a, struct audit_chain *c)
{
	struct dirent **list;
	int n = audit_log_old_files(a, &list), fd = -1;
	bool found = false;
	size_t torn;
	struct stat st;

	if (n > 0)
		fd = openat(a->dir, list[n - 1]->d_name, O_RDONLY |
		    O_NOFOLLOW | O_CLOEXEC);
	if (fd != -1 && fstat(fd, &st) == 0)
		found = last_line(fd, st.st_size, c, &torn);
	if (fd != -1)
		close(fd);
	if (n >= 0)
		audit_log_free_files(list, n);
	return found;
}

/* The number of the first line, for the name of the file when it is full. */
static uint64_t
first_number(const struct audit_log *a)
{
	char part[AUDIT_LINE_BYTES], number[24];
	ssize_t n = pread(a->fd, part, sizeof(part), 0);
	const char *newline = n > 0 ? memchr(part, '\n', (size_t)n) : NULL;
	uint64_t seq = 0;

	if (newline != NULL && audit_field((struct str) { part,
	    (size_t)(newline - part) }, "seq", number, sizeof(number)))
		(void)text_number(number, 1, UINT64_MAX, &seq);
	return seq;
}

static void
read_head(const struct audit_log *a, struct audit_chain *c)
{
	char text[AUDIT_HEAD_BYTES];
	ssize_t n = pread(a->head, text, sizeof(text), 0);

	if (n <= 0 || !audit_head_parse((struct str) { text, (size_t)n }, c))
		audit_begin(c);
}

void
audit_log_resume(struct audit_log *a)
{
	struct audit_chain head, last;
	size_t torn = 0;
	bool found = last_line(a->fd, a->size, &last, &torn);

	if (torn > 0 && ftruncate(a->fd, a->size - (off_t)torn) == 0)
		a->size -= (off_t)torn;
	a->first = first_number(a);
	if (!found && !last_old_line(a, &last))
		audit_begin(&last);
	read_head(a, &head);
	a->chain = head.seq > last.seq ? head : last;
	a->begins = true;
	audit_log_note(a, "audit", "done", "certd " VERSION " begins");
	if (torn > 0)
		audit_log_note(a, "audit", "done", "a half-written line of %zu "
		    "bytes at the end was removed", torn);
	if (head.seq > last.seq)
		audit_log_note(a, "audit", "missing", "lines %" PRIu64 " to %"
		    PRIu64 " were written, and are gone", last.seq + 1,
		    head.seq);
	else if (head.seq == last.seq && strcmp(head.hash, last.hash) != 0)
		audit_log_note(a, "audit", "missing", "line %" PRIu64 " is "
		    "another one than the one that was written", last.seq);
}
