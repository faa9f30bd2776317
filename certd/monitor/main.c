/*
 * main.c - certd, the monitor: starts the others, locks itself in, serves.
 *
 * Runs in:  certd (root; no network, no exec).
 * Promise:  everything that needs a program, a user name or a new socket
 *           happens before the jail, and nothing foreign is read before it.
 */
#define _GNU_SOURCE /* accept4 */
#include <errno.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>

#include "credentials.h"
#include "log.h"
#include "log_loop.h"
#include "monitor.h"

/* For the others, whatever they do: certd leaves within 5 s. */
#define LEAVE_SECS 4
/* From a hook's deadline until certd-hook tells that it has ended it. */
#define HOOK_GRACE_SECS 120
/* It could not start, and a new start would not help: the service manager waits
 * for the next connection. EX_CONFIG of sysexits.h. */
#define EXIT_UNABLE 78

struct arguments {
	const char *config_file; /* NULL: the usual one, where there is one */
	bool foreground, spawn, check_config;
};

/* ---- before the jail ---- */

static void
usage(int status)
{
	(void)fprintf(status == 0 ? stdout : stderr,
	    "usage: certd [--config FILE] [--foreground] [--spawn] "
	    "[--check-config] [--version]\n"
	    "  --config FILE   instead of " CONFIG_FILE "\n"
	    "  --foreground    make the sockets, and stay when idle\n"
	    "  --spawn         start the hook runner and a worker too\n"
	    "  --check-config  read the configuration, say what is wrong\n");
	exit(status);
}

static struct arguments
parse(int argc, char *argv[])
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "foreground", no_argument, NULL, 'f' },
		{ "spawn", no_argument, NULL, 's' },
		{ "check-config", no_argument, NULL, 'k' },
		{ "version", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct arguments a = { 0 };
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'c')
			a.config_file = optarg;
		else if (c == 'f')
			a.foreground = true;
		else if (c == 's')
			a.spawn = true;
		else if (c == 'k')
			a.check_config = true;
		else if (c == 'v')
			exit(printf("certd %s\n", VERSION) < 0);
		else
			usage(c == 'h' ? 0 : 2);
	}
	if (optind < argc)
		usage(2);
	return a;
}

/* A group's number; -1 where it does not exist and need not. */
static struct err *
find_group(const char *key, const char *name, bool required, gid_t *gid)
{
	struct group *g;

	*gid = (gid_t)-1;
	if (*name == '\0')
		return NULL;
	if ((g = getgrnam(name)) != NULL) {
		*gid = g->gr_gid;
		return NULL;
	}
	if (required)
		return err_advise(err_new("%s: there is no group %s", key,
		    name), "create it (groupadd --system %s), or leave %s "
		    "empty for root only", name, key);
	log_warn("there is no group %s (%s): root only", name, key);
	return NULL;
}

static struct err *
find_people(struct monitor *m, gid_t *store_gid)
{
	const struct config *cfg = m->cfg;
	struct passwd *pw;
	struct err *e;

	if ((e = find_group("admin-group", cfg->admin_group, false,
	    &m->admin_gid)) != NULL ||
	    (e = find_group("store-group", cfg->store_group,
	    cfg->store_group_set, store_gid)) != NULL)
		return e;
	if ((pw = getpwnam(cfg->worker_user)) == NULL || pw->pw_uid == 0)
		return err_advise(err_new("worker-user \"%s\" %s",
		    cfg->worker_user, pw == NULL ? "does not exist" :
		    "is root"), "create it: useradd --system "
		    "--no-create-home --shell /usr/sbin/nologin %s",
		    cfg->worker_user);
	m->worker_uid = pw->pw_uid;
	return NULL;
}

/* Only one certd a state directory. The descriptor stays open until we leave.
 */
static struct err *
be_the_only_one(struct monitor *m)
{
	const struct config *cfg = m->cfg;
	char path[PATH_MAX];

	if (mkdir(cfg->state_dir, 0700) == -1 && errno != EEXIST)
		return err_sys("state-dir %s", cfg->state_dir);
	(void)snprintf(path, sizeof(path), "%s/certd.lock", cfg->state_dir);
	if ((m->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
	    0600)) == -1)
		return err_sys("%s", path);
	if (flock(m->lock, LOCK_EX | LOCK_NB) == -1)
		return err_advise(errno == EWOULDBLOCK ?
		    err_new("another certd works on %s", cfg->state_dir) :
		    err_sys("%s", path), "certctl status talks to the one that "
		    "is running");
	return NULL;
}

/* ---- the loop's events ---- */

static void
on_terminate(evutil_socket_t sig, short what, void *arg)
{
	(void)what;
	log_info("leaving: signal %d", (int)sig);
	monitor_leave(arg, 0);
}

/* Crash-only: whoever of us dies, all leave, and the supervisor starts all
 * afresh. */
static void
on_child(evutil_socket_t sig, short what, void *arg)
{
	struct monitor *m = arg;
	const char *gone = children_reap(m->children);

	(void)sig;
	(void)what;
	if (gone == NULL || m->leaving)
		return;
	log_error("%s has ended, so certd leaves", gone);
	monitor_leave(m, 1);
}

static void
on_lost(void *arg, const char *name)
{
	struct monitor *m = arg;

	if (!m->leaving)
		log_error("lost %s, so certd leaves", name);
	monitor_leave(m, 1);
}

/* Somebody waits. Where the settings are others by now, he waits for a certd
 * that has read them. */
static void
on_admin(evutil_socket_t listener, short what, void *arg)
{
	struct monitor *m = arg;
	int fd;

	(void)what;
	if (m->idle != NULL && monitor_is_idle(m) && settings_changed(m)) {
		log_info("the settings have changed: leaving");
		monitor_leave(m, 0);
		return;
	}
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd != -1)
		control_accept(m, fd);
	else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
		log_err(LOG_LEVEL_ERROR, err_sys("control socket"));
}

static void
on_worker(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *sa,
    int n, void *arg)
{
	struct monitor *m = arg;

	(void)l;
	(void)sa;
	(void)n;
	worker_accept(m, fd);
	throttle_count(m->worker_throttle);
}

/* From now on the two sockets are heard. */
static struct err *
listen_on_both(struct monitor *m)
{
	m->control = event_new(m->base, m->control_fd, EV_READ | EV_PERSIST,
	    on_admin, m);
	m->workers_in = evconnlistener_new(m->base, on_worker, m,
	    LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, m->worker_fd);
	if (m->control == NULL || event_add(m->control, NULL) == -1 ||
	    m->workers_in == NULL)
		return err_new("listen: out of memory");
	return NULL;
}

/* The events, made before the jail because that takes system calls. */
static struct err *
make_events(struct monitor *m)
{
	struct err *e;

	if ((m->base = event_base_new()) == NULL)
		return err_new("event loop: out of memory");
	m->sigterm = evsignal_new(m->base, SIGTERM, on_terminate, m);
	m->sigint = evsignal_new(m->base, SIGINT, on_terminate, m);
	m->sigchld = evsignal_new(m->base, SIGCHLD, on_child, m);
	if (m->sigterm == NULL || m->sigint == NULL || m->sigchld == NULL ||
	    event_add(m->sigterm, NULL) == -1 ||
	    event_add(m->sigint, NULL) == -1 ||
	    event_add(m->sigchld, NULL) == -1)
		return err_new("signals: out of memory");
	log_audit_to(audit_text, m);
	vigil_new(m);
	if ((e = audit_log_watch(m->audit, m->base)) != NULL ||
	    (e = disk_begin(m)) != NULL || (e = writeback_watch(m)) != NULL)
		return e;
	return life_begin(m);
}

/* ---- serving ---- */

static uint64_t
on_sending(void *arg)
{
	return disk_before_sending(arg);
}

static struct err *
meet_children(struct monitor *m)
{
	struct child *c = m->children;
	struct err *e;

	if ((e = peer_new(m->base, c[CHILD_SIGN].fd, &peer_signer, on_lost, m,
	    &m->signer)) != NULL ||
	    (e = peer_new(m->base, c[CHILD_DNS].fd, &peer_publisher, on_lost,
	    m, &m->publisher)) != NULL)
		return e;
	if (c[CHILD_HOOK].fd != -1 &&
	    (e = peer_new(m->base, c[CHILD_HOOK].fd, &peer_hook, on_lost, m,
	    &m->hook)) != NULL)
		return e;
	peer_before_sending(m->signer, on_sending);
	peer_before_sending(m->publisher, on_sending);
	if (m->hook != NULL)
		peer_before_sending(m->hook, on_sending);
	if (m->hook != NULL)
		peer_be_patient(m->hook, m->cfg->hook_timeout_secs +
		    HOOK_GRACE_SECS);
	return children_watch(m->base, m->children);
}

static struct err *
serve(struct monitor *m)
{
	struct err *e;

	if ((e = monitor_lock_in(m)) != NULL || (e = meet_children(m)) != NULL)
		return e;
	/* Our hello is out before we look through a large store: the others do
	 * not wait for it long. */
	(void)event_base_loop(m->base, EVLOOP_NONBLOCK);
	if (m->leaving)
		return NULL;
	if ((e = jobs_recover(m)) != NULL || m->leaving ||
	    (e = listen_on_both(m)) != NULL ||
	    (e = throttle_new(m->base, m->workers_in, "worker socket",
	    &m->worker_throttle)) != NULL)
		return e;
	service_notify(m->service, "READY=1");
	log_info("serving %s", store_path(m->store));
	monitor_rest(m);
	(void)log_loop_run(m->base);
	service_notify(m->service, "STOPPING=1");
	return NULL;
}

static void
free_event(struct event *ev)
{
	if (ev != NULL)
		event_free(ev);
}

/* Closes everything; the children see the end of their sockets and leave. */
static void
leave(struct monitor *m)
{
	m->leaving = true;
	free_event(m->control);
	if (m->control_fd != -1)
		close(m->control_fd);
	throttle_free(m->worker_throttle);
	if (m->workers_in != NULL)
		evconnlistener_free(m->workers_in);
	monitor_empty(m);
	writeback_close(m);
	children_wait(m->children, LEAVE_SECS);
	children_unwatch(m->children);
	free_event(m->sigterm);
	free_event(m->sigint);
	free_event(m->sigchld);
	life_end(m);
	vigil_free(m->vigil);
	eyes_close(m);
	audit_log_unwatch(m->audit);
	if (m->base != NULL)
		event_base_free(m->base);
	free(m->credentials_path);
	related_free(m);
	ledger_close(m->ledger);
	log_audit_to(NULL, NULL);
	audit_log_close(m->audit);
	judge_free(m->judge);
	store_close(m->store);
	service_free(m->service);
}

/* The sockets, and the processes at the other end of them. */
static struct err *
start_others(struct monitor *m, const struct arguments *args)
{
	const struct config *cfg = m->cfg;
	char worker_socket[PATH_MAX];
	struct err *e;

	(void)snprintf(worker_socket, sizeof(worker_socket), "%s/worker.sock",
	    cfg->runtime_dir);
	if ((e = sockets_open(m, &m->control_fd, &m->worker_fd)) != NULL)
		return e;
	if (!args->spawn && (e = partners_connect(cfg->runtime_dir,
	    service_activated(m->service), m->children)) != NULL)
		return e;
	return children_start(cfg, args->config_file == NULL ? CONFIG_FILE :
	    args->config_file, worker_socket, args->spawn, m->children);
}

/* All that is done before the jail. */
static struct err *
prepare(struct monitor *m, const struct arguments *args, struct config **cfg)
{
	struct err *e;
	gid_t store_gid;

	if ((e = service_new(&m->service)) != NULL)
		return e;
	m->control_fd = service_fd(m->service, "control");
	m->worker_fd = service_fd(m->service, "worker");
	settings_remember(m, args->config_file);
	if ((e = config_load(args->config_file, true, cfg)) != NULL ||
	    args->check_config ||
	    (e = credentials_of_service(*cfg)) != NULL)
		return e;
	m->cfg = *cfg;
	settings_remember_cli(m);
	if (geteuid() != 0)
		return err_new("certd must be started as root");
	if ((e = find_people(m, &store_gid)) != NULL ||
	    (e = be_the_only_one(m)) != NULL ||
	    (e = start_others(m, args)) != NULL ||
	    (e = writeback_open(m)) != NULL ||
	    (e = store_open(m->cfg, store_gid, &m->store)) != NULL)
		return e;
	eyes_open(m);
	if ((e = ledger_open(m->cfg->state_dir, &m->ledger)) != NULL ||
	    (e = judge_new(m->cfg->rules, &m->judge)) != NULL ||
	    (e = audit_log_open(m->cfg->state_dir, AUDIT_FILE_BYTES,
	    &m->audit)) != NULL)
		return e;
	return make_events(m);
}

int
main(int argc, char *argv[])
{
	struct arguments args = parse(argc, argv);
	struct monitor m;
	struct config *cfg = NULL;
	struct err *e;

	monitor_init(&m);
	log_open("certd");
	journal_open();
	children_init(m.children);
	(void)signal(SIGPIPE, SIG_IGN); /* a log reader that went away */
	umask(022); /* certbot's; what needs less says so */
	if ((e = prepare(&m, &args, &cfg)) == NULL && args.check_config)
		(void)printf("the configuration is good\n");
	else if (e == NULL)
		e = serve(&m);
	if (e != NULL) {
		m.exit_status = 1;
		if (m.service != NULL && service_activated(m.service)) {
			m.exit_status = EXIT_UNABLE;
			excuse_all(&m, e);
		}
	}
	log_err(LOG_LEVEL_ERROR, e);
	leave(&m);
	config_free(cfg);
	return m.exit_status;
}
