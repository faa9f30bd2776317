/* fuzz_monitor.c - any sequence of messages, legal or not, of administrators,
 * workers, the signer, the publisher and the hook runner, to the whole monitor but
 * its main(). Made from the message table, and so are its seeds: a new message is
 * in it as soon as it compiles.
 *
 * The input is a program: how many answers of the helpers are chosen, and these
 * (all others are good); then, again and again, who speaks, the number of what he
 * says, and the bytes that choose its fields. */
/* objects: $(filter-out certd/monitor/main,$(certd_OBJ)) */
/* covers: certd/monitor/control.c certd/monitor/demands.c certd/monitor/worker.c certd/monitor/wishes.c certd/monitor/policy.c certd/monitor/rules.c certd/monitor/request.c certd/monitor/signing.c certd/monitor/peer.c certd/monitor/job.c certd/monitor/records.c certd/monitor/install.c certd/monitor/registration.c certd/monitor/account_new.c certd/monitor/accounts.c certd/monitor/rollover.c certd/monitor/publisher.c certd/monitor/revoke_request.c certd/monitor/restore.c certd/monitor/reconfigure.c certd/monitor/renew.c certd/monitor/issue.c certd/monitor/choose.c certd/monitor/hooks.c certd/monitor/deploy.c certd/monitor/batch.c certd/monitor/catalog.c certd/monitor/show.c certd/monitor/repair.c */
/* libs: $(certd_LIB) */
#define _GNU_SOURCE /* nftw */
#include <event2/event.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "buf.h"
#include "log.h"
#include "monitor.h"
#include "monitor_seeds.h"
#include "monitor_words.h"
#include "rules.h"
#include "world.h"

#define LINES	   4	 /* to administrators and workers */
#define MEMBER_ID  65534 /* uid and gid of the administrator who is not root */
#define STEPS_MAX  64
#define ROUNDS_MAX 32
#define PUMPS_MAX  400
#define LEDGER_MAX (1 << 18)

enum { SIGNER, PUBLISHER, HOOKS, HELPERS };

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct config *cfg;
static struct store *store;
static struct event_base *base;
static struct judge *judge;
static struct audit_log *trail;
static struct monitor m;
static int lines[LINES], helpers[HELPERS];
static bool was_stored; /* the signer has said that a chain is good */
static struct program steps, chosen; /* what is said, and answered */

static char ledger_path[WORLD_PATH_BYTES], ledger_new[LEDGER_MAX];
static size_t ledger_n;

/* ---- the signer, the publisher and the hook runner ---- */

static const struct {
	enum msg_type ask, answer;
} answers[] = {
	{ MSG_key_make, MSG_key_ready },
	{ MSG_key_load, MSG_key_ready },
	{ MSG_account_make, MSG_key_ready },
	{ MSG_account_load, MSG_key_ready },
	{ MSG_regr_load, MSG_regr },
	{ MSG_regr_save, MSG_saved },
	{ MSG_meta_save, MSG_saved },
	{ MSG_key_save, MSG_saved },
	{ MSG_key_auth, MSG_digest },
	{ MSG_chain_check, MSG_chain_good },
	{ MSG_cert_inspect, MSG_cert_info },
	{ MSG_set_inspect, MSG_cert_info },
	{ MSG_credentials, MSG_dns_ready },
	{ MSG_dns_expect, MSG_dns_ready },
	{ MSG_dns_publish, MSG_dns_published },
	{ MSG_dns_remove, MSG_dns_removed },
	{ MSG_dns_find_remove, MSG_dns_removed },
	{ MSG_dns_zones, MSG_dns_zone_list },
	{ MSG_hook_run, MSG_hook_exit },
	{ MSG_hook_check, MSG_hook_exit },
};

/* Nothing that a worker says sends a signature elsewhere. */
static void
check_question(const struct msg *q)
{
	const struct msg_def *row = msg_row(q->type);
	size_t i;

	for (i = 0; i < row->n_fields; i++)
		if (row->fields[i].type == FT_url) {
			struct str u = *(const struct str *)(const void *)((
			    const char *)q + row->fields[i].offset);

			check(!str_eq(u, str_of(urls[2])) &&
			    !str_eq(u, str_of(urls[3])));
		}
}

/* So that certificates which are looked at have the names they were made for. */
static void
certify(const struct msg *q)
{
	static struct str v[4];
	size_t i, k;

	certified.v = v;
	certified.n = 0;
	for (i = 0; i < q->jws_finalize.names.n; i++)
		for (k = 0; k < 4 && certified.n < 4; k++)
			if (str_is(q->jws_finalize.names.v[i], names[k]))
				v[certified.n++] = str_of(names[k]);
}

static void
answer(int which, const struct msg *question)
{
	static const enum msg_type failed[HELPERS] = { MSG_sign_failed,
		MSG_dns_failed, MSG_hook_exit };
	const struct msg_def *row = msg_row(failed[which]);
	uint8_t c = program_next(&chosen);
	uint32_t id = question->id;
	size_t i;

	for (i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		if (answers[i].ask == question->type)
			row = msg_row(answers[i].answer);
	if (strncmp(msg_row(question->type)->name, "jws_", 4) == 0)
		row = msg_row(MSG_jws);
	if (c >= 250) {
		c = program_next(&chosen);
		row = msg_row(c) != NULL ? msg_row(c) :
		    msg_table[c % msg_table_n];
	} else if (c >= 230) {
		row = msg_row(failed[which]);
	} else if (c >= 225) {
		id++;
	}
	was_stored |= row->type == MSG_chain_good;
	say(helpers[which], row, id, c == 224 ? 255 : 0, &chosen);
}

/* Whether it was asked for anything. */
static bool
serve(int which)
{
	struct msg question;
	bool asked = false;
	int file;

	while (hear(helpers[which], &question, &file)) {
		check_question(&question);
		if (question.type == MSG_jws_finalize)
			certify(&question);
		if (file != -1) {
			/* what is there to be written gets a line */
			(void)!write(file, "x\n", 2);
			close(file);
		}
		if (question.type != MSG_hello &&
		    question.type != MSG_key_drop &&
		    question.type != MSG_credentials_drop) {
			answer(which, &question);
			asked = true;
		}
		msg_clear(&question);
	}
	return asked;
}

/* A worker has nothing to do with what the policy does not give a member. */
static void
check_jobs(void)
{
	char who[64];
	struct job *j;
	size_t i;

	(void)snprintf(who, sizeof(who), "certctl uid=%d ", MEMBER_ID);
	TAILQ_FOREACH(j, &m.jobs, link) {
		if (j->id > last_job && j->kind != KIND_probe)
			last_job = j->id;
		for (i = 0; j->worker != NULL && j->who != NULL &&
		     job_is_of_lineage(j) && i < j->n_names; i++)
			check(strncmp(j->who, who, strlen(who)) != 0 ||
			    str_eq(j->name_strs[i], str_of(names[0])) ||
			    str_eq(j->name_strs[i], str_of(names[1])));
	}
}

/* Until nobody has anything to say for now. */
static void
pump(void)
{
	bool busy = true;
	int i, which;

	for (i = 0; busy && i < ROUNDS_MAX; i++) {
		(void)event_base_loop(base, EVLOOP_NONBLOCK);
		busy = i < 2;
		for (which = 0; which < HELPERS; which++)
			busy |= serve(which);
	}
	check_jobs();
}

/* ---- a world for one input ---- */

static void
on_lost(void *arg, const char *name)
{
	(void)arg;
	(void)name;
	m.leaving = true; /* certd would leave now */
}

static int
pair(int *ours)
{
	int sv[2];

	check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) == 0);
	*ours = sv[1];
	return sv[0];
}

/* For the kernel somebody else has called; this thread alone changes. */
static int
pair_of_member(int *ours)
{
	int fd;

	if (geteuid() != 0)
		return pair(ours);
	check(syscall(SYS_setresgid, -1, MEMBER_ID, -1) == 0);
	check(syscall(SYS_setresuid, -1, MEMBER_ID, -1) == 0);
	fd = pair(ours);
	check(syscall(SYS_setresuid, -1, 0, -1) == 0);
	check(syscall(SYS_setresgid, -1, 0, -1) == 0);
	return fd;
}

static void
on_sending(void *arg)
{
	disk_before_sending(arg);
}

static void
begin(void)
{
	static const struct peer_kind *const kinds[HELPERS] = { &peer_signer,
		&peer_publisher, &peer_hook };
	struct peer **slots[HELPERS] = { &m.signer, &m.publisher, &m.hook };
	int i;

	monitor_init(&m);
	m.cfg = cfg;
	m.store = store;
	m.base = base;
	m.judge = judge;
	m.audit = trail;
	m.worker_uid = geteuid();
	m.admin_gid = MEMBER_ID;
	last_job = 0;
	world_write(ledger_path, "", ledger_new, ledger_n);
	check(ledger_open(cfg->state_dir, &m.ledger) == NULL);
	check(disk_begin(&m) == NULL);
	for (i = 0; i < HELPERS; i++) {
		check(peer_new(base, pair(&helpers[i]), kinds[i], on_lost, &m,
		    slots[i]) == NULL);
		peer_before_sending(*slots[i], on_sending);
		say_hello(helpers[i]);
	}
	for (i = 0; i < LINES; i++)
		lines[i] = -1;
}

static void
hang_up(int i)
{
	if (lines[i] != -1)
		close(lines[i]);
	lines[i] = -1;
}

static void
call_in(int i)
{
	if (i == ROOT)
		control_accept(&m, pair(&lines[i]));
	else if (i == MEMBER)
		control_accept(&m, pair_of_member(&lines[i]));
	else
		worker_accept(&m, pair(&lines[i]));
	say_hello(lines[i]);
}

/* A file of the certificate a.test is not there any more. */
static void
lose(unsigned which)
{
	static const char *const files[LOSSES] = { "live/a.test/cert.pem",
		"live/a.test/privkey.pem", "live/a.test/fullchain.pem",
		"archive/a.test/cert1.pem", "archive/a.test/privkey1.pem",
		"archive/a.test/chain1.pem", "renewal/a.test.conf",
		"accounts/ca.test/dir/ffff/regr.json" };
	char path[WORLD_PATH_BYTES], name[64];

	(void)snprintf(name, sizeof(name), "le/%s", files[which % LOSSES]);
	world_path(path, name);
	(void)unlink(path);
}

static void
speak(void)
{
	uint8_t who = program_next(&steps) % TALKERS,
		what = program_next(&steps), id, how;

	if (who == NOBODY) {
		if (what >= LOSS)
			lose(what);
		else
			hang_up(what % LINES);
		return;
	}
	id = program_next(&steps);
	how = program_next(&steps);
	if (lines[who] == -1)
		call_in(who);
	say(lines[who], msg_row(what) != NULL ? msg_row(what) :
	    msg_table[what % msg_table_n], id, how, &steps);
}

static size_t
count(const char *name)
{
	char path[WORLD_PATH_BYTES];
	struct stat st;

	world_path(path, name);
	return stat(path, &st) == -1 ? 0 : (size_t)st.st_nlink - 2;
}

static void
clear(const char *name)
{
	char path[WORLD_PATH_BYTES];

	world_path(path, name);
	world_clear(path);
}

static void
finish(void)
{
	int i;

	for (i = 0; i < LINES; i++)
		hang_up(i);
	for (i = 0; i < PUMPS_MAX && !m.leaving && !TAILQ_EMPTY(&m.jobs); i++)
		pump();
	monitor_empty(&m);
	free(m.credentials_path);
	related_free(&m);
	ledger_close(m.ledger);
	for (i = 0; i < HELPERS; i++)
		close(helpers[i]);
	(void)event_base_loop(base, EVLOOP_NONBLOCK);
	/* What the signer has not called good is in nobody's store. */
	check(was_stored || count("le/live") == 0);
	if (was_stored) {
		clear("le/live");
		clear("le/archive");
		clear("le/renewal");
	}
	clear("le/.certd");
	clear("le/accounts");
	was_stored = false;
	certified.n = 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	size_t n_chosen = n == 0 ? 0 : data[0] < n ? data[0] : n - 1;
	int i;

	if (n == 0)
		return 0;
	chosen = (struct program){ data + 1, n_chosen };
	steps = (struct program){ data + 1 + n_chosen, n - 1 - n_chosen };
	begin();
	for (i = 0; i < STEPS_MAX && steps.n > 0 && !m.leaving; i++) {
		speak();
		pump();
	}
	finish();
	return 0;
}

/* ---- once ---- */

static void
bye(void)
{
	audit_log_unwatch(trail);
	audit_log_close(trail);
	judge_free(judge);
	store_close(store);
	config_free(cfg);
	event_base_free(base);
}

/* Each input begins with a ledger of its own: a copy of an empty one. */
static void
keep_ledger(void)
{
	struct ledger *l;
	FILE *f;

	check(ledger_open(cfg->state_dir, &l) == NULL);
	ledger_close(l);
	(void)snprintf(ledger_path, sizeof(ledger_path), "%s/ledger.db",
	    cfg->state_dir);
	f = fopen(ledger_path, "re");
	check(f != NULL);
	ledger_n = fread(ledger_new, 1, LEDGER_MAX, f);
	check(ledger_n > 0 && ledger_n < LEDGER_MAX && fclose(f) == 0);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char credentials[WORLD_PATH_BYTES], file[WORLD_PATH_BYTES], text[1024];

	world_begin();
	(void)signal(SIGPIPE, SIG_IGN);
	if (getenv("FUZZ_LOG") == NULL) /* set: shows what becomes of an input */
		log_limit((enum log_level)0);
	world_path(live_path, "le/live/a.test/cert.pem");
	world_path(archive_path, "le/archive/a.test/cert1.pem");
	world_path(credentials, "cloudflare.ini");
	world_write(credentials, "dns_cloudflare_api_token = x\n", "", 0);
	check(chmod(credentials, 0400) == 0);
	check((some_file = open(credentials, O_RDONLY | O_CLOEXEC)) != -1);
	(void)snprintf(text, sizeof(text), "[certd]\nconfig-dir = %s/le\n"
	    "state-dir = %s/state\nstore-group =\n[acme]\n"
	    "server = https://ca.test/dir\nagree-tos = true\n"
	    "max-per-day = 0\n[dns]\ncredentials = %s\n"
	    "[policy]\n[[members]]\ngroups = nogroup\n"
	    "names = " MEMBER_NAMES "\n", world_folder, world_folder,
	    credentials);
	world_path(file, "certd.conf");
	world_write(file, text, "", 0);
	world_path(file, "state");
	check(mkdir(file, 0700) == 0);
	world_path(file, "certd.conf");
	check((base = event_base_new()) != NULL);
	check(config_load(file, false, &cfg) == NULL);
	check(store_open(cfg, (gid_t)-1, &store) == NULL);
	check(judge_new(cfg->rules, &judge) == NULL);
	check(audit_log_open(cfg->state_dir, 1 << 20, &trail) == NULL);
	check(audit_log_watch(trail, base) == NULL);
	keep_ledger();
	(void)atexit(bye);
	check(strcmp(names[OTHERS_NAME], texts[OTHERS_TEXT]) == 0);
	seeds_write(world_corpus(*argc, *argv));
	return 0;
}
