/*
 * doctor_system.c - what certd needs of the machine: users, sockets, the token's
 * file, the clock, space, jails, and one that renews.
 *
 * Runs in:  certctl (the caller).
 * Input:    certd.conf and what stat(2) says. What a --socket elsewhere belongs
 *           to is not known here, so settings are looked at for the usual one
 *           only.
 * Promise:  looks only.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "config.h"
#include "doctor.h"
#include "setup.h"

#define FREE_BYTES (16u * 1024 * 1024)

/* ---- clock, jails ---- */

struct err *
doctor_check_clock(struct doctor *d)
{
	time_t now = time(NULL);
	char text[TEXT_TIME_SIZE];

	if (now < CLOCK_BORN)
		return doctor_say(d, VERDICT_BAD, "", "set it: timedatectl "
		    "set-ntp true", "the clock says %s: no certificate is "
		    "valid then", text_time(text, now));
	return doctor_say(d, VERDICT_OK, "", "", "the clock is set");
}

/* Whether a word is in a file of the kernel's. */
static bool
file_has(const char *path, const char *word)
{
	char text[512];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd == -1 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd != -1)
		close(fd);
	if (n == -1)
		return false;
	text[n] = '\0';
	return strstr(text, word) != NULL;
}

struct err *
doctor_check_jails(struct doctor *d)
{
	if (access("/proc/sys/kernel/seccomp/actions_avail", F_OK) == -1)
		return doctor_say(d, VERDICT_BAD, "", "use a kernel with "
		    "CONFIG_SECCOMP_FILTER", "the kernel has no seccomp "
		    "filters: certd does not start");
	if (access("/sys/kernel/security/lsm", R_OK) == 0 &&
	    !file_has("/sys/kernel/security/lsm", "landlock"))
		return doctor_say(d, VERDICT_WARN, "", "lsm=landlock,... on the "
		    "kernel's command line", "the kernel does not use Landlock; "
		    "users and seccomp still hold");
	return doctor_say(d, VERDICT_OK, "", "", "seccomp filters are there");
}

/* ---- by the settings ---- */

static struct err *
check_user(struct doctor *d, const char *key, const char *user)
{
	const struct passwd *pw = getpwnam(user);

	if (pw == NULL)
		return doctor_say(d, VERDICT_BAD, user, "systemd-sysusers",
		    "this user does not exist (%s)", key);
	if (pw->pw_uid == 0)
		return doctor_say(d, VERDICT_BAD, user, "name another in "
		    "certd.conf", "%s is root", key);
	return doctor_say(d, VERDICT_OK, user, "", "is there");
}

static struct err *
check_group(struct doctor *d, const char *key, const char *group)
{
	if (*group != '\0' && getgrnam(group) == NULL)
		return doctor_say(d, VERDICT_BAD, group, "systemd-sysusers",
		    "this group does not exist (%s)", key);
	return NULL;
}

static struct err *
check_users(struct doctor *d, const struct config *cfg)
{
	struct err *e;

	if ((e = check_user(d, "worker-user", cfg->worker_user)) != NULL ||
	    (e = check_user(d, "dns-user", cfg->dns_user)) != NULL ||
	    (e = check_user(d, "sign-user", cfg->sign_user)) != NULL ||
	    (e = check_group(d, "admin-group", cfg->admin_group)) != NULL)
		return e;
	return check_group(d, "store-group", cfg->store_group);
}

static struct err *
check_token(struct doctor *d, const struct config *cfg)
{
	const char *path = cfg->credentials;
	struct stat st;

	if (*path == '\0')
		return doctor_say(d, VERDICT_WARN, "", "certctl setup, unless "
		    "the token is a credential of certd.service", "certd.conf "
		    "names no file with the token");
	if (stat(path, &st) == -1)
		return doctor_say(d, errno == EACCES ? VERDICT_WARN :
		    VERDICT_BAD, path, errno == EACCES ? "look as root" :
		    "certctl setup", "%s", strerror(errno));
	if (st.st_uid != 0 || (st.st_mode & 037) != 0)
		return doctor_say(d, VERDICT_BAD, path, "chown root and chmod "
		    "400; make a new token if others have had access", "others "
		    "than root have access (mode %04o)",
		    (unsigned)st.st_mode & 07777);
	return doctor_say(d, VERDICT_OK, path, "", "root's alone");
}

static struct err *
check_space(struct doctor *d, const char *folder)
{
	struct statvfs fs;

	if (statvfs(folder, &fs) == -1)
		return doctor_say(d, VERDICT_WARN, folder, "",
		    "%s", strerror(errno));
	if ((fs.f_flag & ST_RDONLY) != 0)
		return doctor_say(d, VERDICT_BAD, folder, "mount it for "
		    "writing", "is read-only: nothing can be renewed");
	if ((unsigned long long)fs.f_bavail * fs.f_frsize < FREE_BYTES)
		return doctor_say(d, VERDICT_BAD, folder, "make room", "has "
		    "less than 16 MiB free");
	return doctor_say(d, VERDICT_OK, folder, "", "has space");
}

/* For the settings of the usual certd. */
static struct err *
with_settings(struct doctor *d,
    struct err *(*check)(struct doctor *d, const struct config *cfg))
{
	struct config *cfg = NULL;
	struct err *e;

	if (doctor_is_elsewhere(d))
		return NULL;
	if ((e = config_load(NULL, false, &cfg)) != NULL) {
		struct err *said = doctor_say(d, VERDICT_BAD, "",
		    "certd --check-config", "%s", err_text(e));

		err_free(e);
		return said;
	}
	e = check(d, cfg);
	config_free(cfg);
	return e;
}

static struct err *
check_spaces(struct doctor *d, const struct config *cfg)
{
	struct err *e = check_space(d, cfg->config_dir);

	return e != NULL ? e : check_space(d, cfg->state_dir);
}

struct err *
doctor_check_users(struct doctor *d)
{
	return with_settings(d, check_users);
}

struct err *
doctor_check_token(struct doctor *d)
{
	return with_settings(d, check_token);
}

struct err *
doctor_check_space(struct doctor *d)
{
	return with_settings(d, check_spaces);
}

/* ---- sockets ---- */

static struct err *
check_socket(struct doctor *d, const char *name, mode_t forbidden)
{
	char path[128], unit[64];
	struct stat st;

	(void)snprintf(path, sizeof(path), "/run/certd/%s.sock", name);
	(void)snprintf(unit, sizeof(unit), "systemctl enable --now %s%s.socket",
	    strcmp(name, "control") == 0 ? "certd" : "certd-",
	    strcmp(name, "control") == 0 ? "" : name);
	if (stat(path, &st) == -1)
		return doctor_say(d, VERDICT_BAD, path, unit, "%s",
		    strerror(errno));
	if (!S_ISSOCK(st.st_mode) || (st.st_mode & forbidden) != 0)
		return doctor_say(d, VERDICT_BAD, path, "see the drop-ins of "
		    "the socket's unit", "is open to others (mode %04o)",
		    (unsigned)st.st_mode & 07777);
	return doctor_say(d, VERDICT_OK, path, "", "is there");
}

struct err *
doctor_check_sockets(struct doctor *d)
{
	struct err *e;

	if (doctor_is_elsewhere(d) || !has_systemd())
		return NULL;
	if ((e = check_socket(d, "control", 007)) != NULL ||
	    (e = check_socket(d, "worker", 077)) != NULL ||
	    (e = check_socket(d, "dns", 077)) != NULL)
		return e;
	return check_socket(d, "hook", 077);
}
