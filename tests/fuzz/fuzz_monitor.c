/* fuzz_monitor.c - any sequence of messages, legal or not, of administrators,
 * workers, the signer and the publisher, to the whole monitor but its main().
 * Made from the message table: a new message is in it as soon as it compiles.
 *
 * The input is a program: one byte for who speaks, one for what he says, and
 * those that choose its fields. Answers of the signer and the publisher are good
 * unless the input says otherwise. */
/* objects: $(filter-out certd/monitor/main,$(certd_OBJ)) */
/* covers: certd/monitor/control.c certd/monitor/worker.c certd/monitor/policy.c certd/monitor/request.c certd/monitor/signing.c certd/monitor/peer.c certd/monitor/job.c */
/* libs: $(certd_LIB) */
#define _GNU_SOURCE /* nftw */
#include <event2/event.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../unit/samples.h"
#include "buf.h"
#include "log.h"
#include "monitor.h"
#include "rules.h"

#define TALKERS	   5 /* two administrators, two workers, who leaves */
#define STEPS_MAX  64
#define PUMPS_MAX  400
#define FRAME_SIZE (PROTO_FRAME_MAX + 4)

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static char folder[64];
static struct config *cfg;
static struct store *store;
static struct ledger *ledger;
static struct event_base *base;
static struct judge *judge;
static struct audit_log *trail;
static struct monitor m;
static struct buf *in;
static int lines[4];	/* to administrators and workers */
static int helpers[2];	/* to the signer and the publisher */
static bool was_stored; /* the signer has said that a chain is good */

/* What is left of the input. */
static struct {
	const uint8_t *p;
	size_t n;
} rest;

static uint8_t
next(void)
{
	if (rest.n == 0)
		return 0;
	rest.n--;
	return *rest.p++;
}

/* ---- messages with fields that may mean something ---- */

static const char *const names[] = { "a.test", "*.a.test", "b.test",
	"evil.test" };
static const char *const urls[] = { "https://ca.test/x", "https://ca.test/dir",
	"https://evil.test/", "https://ca.test:444/x" };
static const char *const texts[] = { "a.test", "", "../x", "ecdsa",
	"https://ca.test/dir", "30 days", "%s%n", "id" };
#define LONG_TOKEN "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
static const char *const tokens[] = { LONG_TOKEN, "A",
	"abcdefghijklmnopqrstuvwxyz", "-" };

static void
fill(struct msg *msg, const struct msg_def *row)
{
	static struct str list[3];
	const struct field_row *f;
	uint8_t c;
	size_t i;
	void *at;

	for (f = row->fields; f < row->fields + row->n_fields; f++) {
		at = (char *)msg + f->offset;
		c = next();
		if (f->type == FT_u32 || f->type == FT_u64) {
			uint64_t v = c < 128 ? (uint64_t)c % 16 :
			    c == 255 ? f->bound : m.last_job - (c & 3u);

			v = v > f->bound ? f->bound : v;
			if (f->type == FT_u32)
				*(uint32_t *)at = (uint32_t)v;
			else
				*(uint64_t *)at = v;
		} else if (f->type == FT_name) {
			*(struct str *)at = str_of(names[c % 4]);
		} else if (f->type == FT_url) {
			*(struct str *)at = str_of(urls[c % 4]);
		} else if (f->type == FT_text && c < 192) {
			*(struct str *)at = str_of(texts[c % 8]);
		} else if (f->type == FT_b64u) {
			*(struct str *)at = str_of(tokens[c % 4]);
		} else if (f->type == FT_names) {
			for (i = 0; i < 3; i++)
				list[i] = str_of(names[(c + i) % 3]);
			*(struct strs *)at = (struct strs){ list, 1 + c % 3u };
		}
	}
}

static void
put(int fd, const char *p, size_t n)
{
	if (fd != -1)
		(void)!send(fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Says a message of this row; twist: one bit of the frame is another. */
static void
say(int fd, const struct msg_def *row, uint32_t id, bool twist)
{
	struct buf *b = buf_new(FRAME_SIZE);
	struct sample s;
	struct err *e;
	char *copy;
	size_t n;

	sample_make(&s, row, LEAST);
	s.m.id = id;
	fill(&s.m, row);
	if ((e = msg_encode(&s.m, b)) == NULL) {
		n = buf_len(b);
		copy = malloc(n);
		memcpy(copy, buf_data(b), n);
		if (twist)
			copy[4 + next() % (n - 4)] ^= (char)(1 << next() % 8);
		put(fd, copy, n);
		free(copy);
	}
	err_free(e);
	sample_clear(&s);
	buf_free(b);
}

static void
say_hello(int fd)
{
	struct msg hello = { .type = MSG_hello,
		.hello = { .version = PROTO_VERSION } };
	struct buf *b = buf_new(64);

	err_free(msg_encode(&hello, b));
	put(fd, buf_data(b), buf_len(b));
	buf_free(b);
}

/* ---- the signer and the publisher ---- */

static const struct {
	enum msg_type ask, answer;
} answers[] = {
	{ MSG_key_make, MSG_key_ready }, { MSG_key_load, MSG_key_ready },
	{ MSG_account_make, MSG_key_ready },
	{ MSG_account_load, MSG_key_ready }, { MSG_regr_load, MSG_regr },
	{ MSG_regr_save, MSG_saved }, { MSG_meta_save, MSG_saved },
	{ MSG_key_auth, MSG_digest }, { MSG_chain_check, MSG_chain_good },
	{ MSG_cert_inspect, MSG_cert_info }, { MSG_credentials, MSG_dns_ready },
	{ MSG_dns_publish, MSG_dns_published },
	{ MSG_dns_remove, MSG_dns_removed },
	{ MSG_dns_find_remove, MSG_dns_removed },
};

static void
answer(int which, const struct msg *question)
{
	const struct msg_def *row = msg_row(
	    which == 0 ? MSG_sign_failed : MSG_dns_failed);
	uint8_t c = next();
	uint32_t id = question->id;
	size_t i;

	if (question->type == MSG_hello || question->type == MSG_key_drop ||
	    question->type == MSG_credentials_drop)
		return;
	for (i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		if (answers[i].ask == question->type)
			row = msg_row(answers[i].answer);
	if (strncmp(msg_row(question->type)->name, "jws_", 4) == 0)
		row = msg_row(MSG_jws);
	if (c >= 250)
		row = msg_table[next() % msg_table_n];
	else if (c >= 230)
		row = msg_row(which == 0 ? MSG_sign_failed : MSG_dns_failed);
	else if (c >= 225)
		id++;
	was_stored |= row->type == MSG_chain_good;
	say(helpers[which], row, id, c == 224);
}

static void
serve(int which)
{
	struct msg question;
	bool late = false;
	struct err *e;

	while (helpers[which] != -1) {
		e = msg_recv(helpers[which], in, 0, &question, &late);
		if (e != NULL || question.type == 0) {
			err_free(e);
			break;
		}
		answer(which, &question);
		msg_clear(&question);
	}
}

/* Nobody has anything to say for now. */
static void
pump(void)
{
	int i;

	for (i = 0; i < 4; i++) {
		(void)event_base_loop(base, EVLOOP_NONBLOCK);
		serve(0);
		serve(1);
	}
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

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) == -1)
		abort();
	*ours = sv[1];
	return sv[0];
}

static void
begin(void)
{
	int i;

	monitor_init(&m);
	m.cfg = cfg;
	m.store = store;
	m.ledger = ledger;
	m.base = base;
	m.judge = judge;
	m.audit = trail;
	m.worker_uid = getuid();
	if (peer_new(base, pair(&helpers[0]), &peer_signer, on_lost, NULL,
	    &m.signer) != NULL || peer_new(base, pair(&helpers[1]),
	    &peer_publisher, on_lost, NULL, &m.publisher) != NULL)
		abort();
	say_hello(helpers[0]);
	say_hello(helpers[1]);
	for (i = 0; i < 4; i++)
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
	static const char ready[] = "\0\0\0\4\x93\x32\1\4"; /* for 4 orders */

	if (i < 2)
		control_accept(&m, pair(&lines[i]));
	else
		worker_accept(&m, pair(&lines[i]));
	if (next() == 255)
		return;
	say_hello(lines[i]);
	if (i >= 2)
		put(lines[i], ready, sizeof(ready) - 1);
}

static void
speak(void)
{
	uint8_t who = next() % TALKERS, what = next();

	if (who == 4) {
		hang_up(what % 4);
		return;
	}
	if (lines[who] == -1)
		call_in(who);
	say(lines[who], msg_table[what % msg_table_n], next(),
	    next() == 255);
}

static int
remove_file(const char *path, const struct stat *st, int kind, struct FTW *f)
{
	(void)st;
	(void)kind;
	return f->level == 0 ? 0 : remove(path);
}

static void
clear(const char *name)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/le/%s", folder, name);
	(void)nftw(path, remove_file, 16, FTW_DEPTH | FTW_PHYS);
}

static size_t
count(const char *name)
{
	char path[128];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/le/%s", folder, name);
	return stat(path, &st) == -1 ? 0 : (size_t)st.st_nlink - 2;
}

static void
finish(void)
{
	int i;

	for (i = 0; i < 4; i++)
		hang_up(i);
	for (i = 0; i < PUMPS_MAX && !m.leaving && !TAILQ_EMPTY(&m.jobs); i++)
		pump();
	monitor_empty(&m);
	free(m.credentials_path);
	related_free(&m);
	close(helpers[0]);
	close(helpers[1]);
	(void)event_base_loop(base, EVLOOP_NONBLOCK);
	/* What the signer has not called good is in nobody's store. */
	if (!was_stored && count("live") != 0)
		abort();
	if (was_stored) {
		clear("live");
		clear("archive");
		clear("renewal");
	}
	clear(".certd");
	clear("accounts");
	was_stored = false;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	int steps;

	rest.p = data;
	rest.n = n;
	begin();
	for (steps = 0; steps < STEPS_MAX && rest.n > 0 && !m.leaving; steps++) {
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
	ledger_close(ledger);
	store_close(store);
	config_free(cfg);
	event_base_free(base);
	buf_free(in);
	(void)nftw(folder, remove_file, 16, FTW_DEPTH | FTW_PHYS);
	(void)rmdir(folder);
}

static void
write_file(const char *name, const char *text, char path[128])
{
	int fd;

	(void)snprintf(path, 128, "%s/%s", folder, name);
	if ((fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0400)) == -1 ||
	    write(fd, text, strlen(text)) == -1)
		abort();
	close(fd);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char credentials[128], file[128], state[128], text[1024];
	struct err *e;

	(void)argc;
	(void)argv;
	(void)strcpy(folder, "/dev/shm/fuzz-monitor.XXXXXX");
	if (mkdtemp(folder) == NULL) {
		(void)strcpy(folder, "/tmp/fuzz-monitor.XXXXXX");
		if (mkdtemp(folder) == NULL)
			abort();
	}
	(void)signal(SIGPIPE, SIG_IGN);
	log_limit((enum log_level)0);
	write_file("cloudflare.ini", "dns_cloudflare_api_token = x\n",
	    credentials);
	(void)snprintf(state, sizeof(state), "%s/state", folder);
	(void)snprintf(text, sizeof(text), "[certd]\nconfig-dir = %s/le\n"
	    "state-dir = %s\nstore-group =\n[acme]\n"
	    "server = https://ca.test/dir\nagree-tos = true\n[dns]\n"
	    "credentials = %s\n", folder, state, credentials);
	write_file("certd.conf", text, file);
	if (mkdir(state, 0700) == -1 || (base = event_base_new()) == NULL ||
	    (in = buf_new(FRAME_SIZE)) == NULL)
		abort();
	if ((e = config_load(file, false, &cfg)) != NULL ||
	    (e = store_open(cfg, (gid_t)-1, &store)) != NULL ||
	    (e = ledger_open(cfg->state_dir, &ledger)) != NULL ||
	    (e = judge_new(cfg->rules, &judge)) != NULL ||
	    (e = audit_log_open(cfg->state_dir, 1 << 20, &trail)) != NULL ||
	    (e = audit_log_watch(trail, base)) != NULL) {
		(void)fprintf(stderr, "%s\n", err_text(e));
		abort();
	}
	(void)atexit(bye);
	return 0;
}
