/*
 * doctor_cron.c - check of `certctl doctor`: who calls renew, and what waits for
 * its exit status.
 *
 * Runs in:  certctl (the caller). certd cannot see these files.
 * Input:    crontabs, cron's folders, units of the administrator.
 * Promise:  reads only; what the caller may not read is said.
 */
#define _GNU_SOURCE /* asprintf */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cron_trap.h"
#include "doctor.h"

#define LINE_MAX_BYTES 65536

struct cron {
	struct doctor *d;
	size_t files, traps, unread;
};

static struct err *
say_trap(struct cron *c, const char *path, unsigned line)
{
	char *subject;
	struct err *e;

	c->traps++;
	if (asprintf(&subject, "%s:%u", path, line) == -1)
		return err_sys("doctor");
	e = doctor_say(c->d, VERDICT_WARN, subject,
	    "put that command into an executable file in /etc/letsencrypt/"
	    "renewal-hooks/deploy, which runs for each certificate that was "
	    "renewed; or write \";\" in place of \"&&\"",
	    "what stands behind \"&&\" (or \"then\") does not run when one "
	    "certificate of several fails, although the others were renewed: "
	    "services go on with the old ones");
	free(subject);
	return e;
}

/* Lines that end in a backslash go on in the next one: in units and scripts. */
static struct err *
read_file(struct cron *c, const char *path)
{
	char *text = NULL, whole[LINE_MAX_BYTES];
	struct err *e = NULL;
	unsigned line = 0, first = 1;
	size_t size = 0, n = 0;
	FILE *f = fopen(path, "re");
	ssize_t got;

	if (f == NULL) {
		c->unread += errno == EACCES || errno == EPERM;
		return NULL;
	}
	c->files++;
	while (e == NULL && (got = getline(&text, &size, f)) > 0) {
		line++;
		if (n == 0)
			first = line;
		if (text[got - 1] == '\n')
			text[--got] = '\0';
		if (n + (size_t)got + 1 >= sizeof(whole))
			got = 0; /* nobody's command */
		memcpy(whole + n, text, (size_t)got);
		n += (size_t)got;
		whole[n] = '\0';
		if (n > 0 && whole[n - 1] == '\\') {
			whole[n - 1] = ' ';
			continue;
		}
		if (cron_has_trap(whole))
			e = say_trap(c, path, first);
		n = 0;
	}
	free(text);
	(void)fclose(f);
	return e;
}

static struct err *
read_folder(struct cron *c, const char *folder, const char *ending)
{
	struct dirent **list;
	struct err *e = NULL;
	struct stat st;
	char *path;
	size_t k;
	int i, n = scandir(folder, &list, NULL, alphasort);

	if (n == -1) {
		c->unread += errno == EACCES || errno == EPERM;
		return NULL;
	}
	for (i = 0; i < n; i++) {
		k = strlen(list[i]->d_name);
		if (e == NULL && k >= strlen(ending) &&
		    strcmp(list[i]->d_name + k - strlen(ending), ending) == 0 &&
		    asprintf(&path, "%s/%s", folder, list[i]->d_name) != -1) {
			if (stat(path, &st) == 0 && S_ISREG(st.st_mode))
				e = read_file(c, path);
			free(path);
		}
		free(list[i]);
	}
	free(list);
	return e;
}

struct err *
doctor_check_cron(struct doctor *d)
{
	static const struct {
		const char *path, *ending;
	} folders[] = {
		{ "/etc/cron.d", "" },
		{ "/etc/cron.hourly", "" },
		{ "/etc/cron.daily", "" },
		{ "/etc/cron.weekly", "" },
		{ "/etc/cron.monthly", "" },
		{ "/var/spool/cron/crontabs", "" },
		{ "/etc/systemd/system", ".service" },
	};
	struct cron c = { .d = d };
	struct err *e = read_file(&c, "/etc/crontab");
	size_t i;

	for (i = 0; i < sizeof(folders) / sizeof(folders[0]) && e == NULL; i++)
		e = read_folder(&c, folders[i].path, folders[i].ending);
	if (e == NULL && c.unread > 0)
		e = doctor_say(d, VERDICT_WARN, "", "sudo certctl doctor",
		    "not all crontabs can be read by you");
	if (e == NULL && c.traps == 0 && c.unread == 0)
		e = doctor_say(d, VERDICT_OK, "", "",
		    "nothing waits for all certificates to be renewed (%zu "
		    "crontabs, scripts and units)",
		    c.files);
	return e;
}
