/*
 * child_log.c - what the children write to standard error, as log lines.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    bytes of processes that may have been taken over.
 * Promise:  each line is escaped, carries the name that the process gave itself
 *           behind ours, and a flood is counted instead of written.
 */
#include <ctype.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "children.h"
#include "log.h"

#define LINE_BYTES	 2048
#define LINES_PER_SECOND 500

struct child_log {
	struct event *event;
	char line[LINE_BYTES];
	size_t n;
	time_t second;
	unsigned lines, dropped;
};

/* Logs one line with the priority that it begins with ("<4>"). */
static void
write_line(struct child_log *l)
{
	enum log_level level = LOG_LEVEL_INFO;
	time_t now = time(NULL);
	const char *text = l->line;
	size_t n = l->n;

	l->n = 0;
	if (now != l->second) {
		if (l->dropped > 0)
			log_warn("%u lines of a child were dropped",
			    l->dropped);
		l->second = now;
		l->lines = l->dropped = 0;
	}
	if (n == 0 || l->lines++ >= LINES_PER_SECOND) {
		l->dropped += n > 0;
		return;
	}
	if (n > 3 && text[0] == '<' && isdigit((unsigned char)text[1]) &&
	    text[2] == '>') {
		level = (enum log_level)(text[1] - '0');
		text += 3;
		n -= 3;
	}
	log_line(level, "%.*s", (int)n, text);
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct child_log *l = arg;
	char part[4096];
	ssize_t n = read(fd, part, sizeof(part)), i;

	(void)what;
	if (n == 0)
		(void)event_del(l->event);
	for (i = 0; i < n; i++) {
		if (part[i] == '\n' || l->n == sizeof(l->line))
			write_line(l);
		if (part[i] != '\n')
			l->line[l->n++] = part[i];
	}
}

struct err *
children_watch(struct event_base *base, struct child children[CHILD_N])
{
	struct child_log *l;
	int i;

	for (i = 0; i < CHILD_N; i++) {
		if (children[i].log == -1)
			continue;
		if ((l = calloc(1, sizeof(*l))) == NULL ||
		    (l->event = event_new(base, children[i].log,
		    EV_READ | EV_PERSIST, on_readable, l)) == NULL ||
		    event_add(l->event, NULL) == -1) {
			free(l);
			return err_new("watch a child's log: out of memory");
		}
		children[i].lines = l;
	}
	return NULL;
}

void
children_unwatch(struct child children[CHILD_N])
{
	struct child_log *l;
	int i;

	for (i = 0; i < CHILD_N; i++) {
		if ((l = children[i].lines) == NULL)
			continue;
		on_readable(children[i].log, 0, l); /* its last words */
		event_free(l->event);
		write_line(l);
		free(l);
		close(children[i].log);
		children[i].lines = NULL;
		children[i].log = -1;
	}
}
