/*
 * setup_units.c - which timer or cron file renews: ours and certbot's.
 *
 * Runs in:  certctl (root). Here, and nowhere else in certctl, a program is
 *           started: systemctl, with words that are all written below.
 * Promise:  certbot's renewals end only when somebody has said so.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "setup.h"

#define SYSTEMCTL      "/bin/systemctl"
#define CERTBOT_TIMER  "/etc/systemd/system/timers.target.wants/certbot.timer"
#define CERTBOT_CRON   "/etc/cron.d/certbot"
#define OUR_TIMER      "certd-renew.timer"

bool
has_systemd(void)
{
	return access("/run/systemd/system", F_OK) == 0;
}

bool
certbot_renews(void)
{
	return access("/usr/bin/certbot", X_OK) == 0 &&
	    access(has_systemd() ? CERTBOT_TIMER : CERTBOT_CRON, F_OK) == 0;
}

/* "enable" or "disable", now too. */
static struct err *
systemctl(const char *verb, const char *unit)
{
	char *const argv[] = { (char *)(uintptr_t)SYSTEMCTL,
		(char *)(uintptr_t)verb, (char *)(uintptr_t)"--quiet",
		(char *)(uintptr_t)"--now", (char *)(uintptr_t)unit, NULL };
	char *const environment[] = { NULL };
	int status = -1;
	pid_t pid;

	if ((pid = fork()) == -1)
		return err_sys("systemctl");
	if (pid == 0) {
		execve(SYSTEMCTL, argv, environment);
		_exit(127);
	}
	if (waitpid(pid, &status, 0) == -1)
		return err_sys("systemctl");
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return err_new("systemctl %s --now %s has failed", verb, unit);
	return NULL;
}

struct err *
certbot_disable(struct setup *st)
{
	struct err *e;

	if (!has_systemd())
		return err_advise(err_new("certbot renews by its cron file"),
		    "move it away: mv " CERTBOT_CRON " /root/cron.certbot");
	if ((e = systemctl("disable", "certbot.timer")) != NULL)
		return e;
	fprintf(st->s->out, "certbot's timer is off. Back again: systemctl "
	    "enable --now certbot.timer\n");
	return NULL;
}

struct err *
renew_by(struct setup *st, bool timer)
{
	struct err *e;

	if (timer && !has_systemd())
		return session_fail(st->s, EXIT_USAGE, err_advise(
		    err_new("there is no systemd here, so no timer"),
		    "--renew-by cron"));
	if (has_systemd() && (e = systemctl(timer ? "enable" : "disable",
	    OUR_TIMER)) != NULL)
		return e;
	fprintf(st->s->out, timer ? "Renewed by " OUR_TIMER ", twice a day.\n" :
	    "Renewed by /etc/cron.d/certd, twice a day.\n");
	return NULL;
}
