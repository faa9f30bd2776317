/* test_audit.c - lines of audit.log, written by certd, read by certctl. */
/* objects: common/audit common/text common/err common/log certd/monitor/audit_log certd/monitor/audit_resume certd/monitor/audit_write */
/* libs: libmd libevent_core */
#define _GNU_SOURCE /* asprintf, memmem */
#include "audit_scene.h"

/* ---- one line ---- */

static void
fields_come_back_as_they_were_given(void **state)
{
	static const char *const texts[] = { "plain", "two words",
		"with \"quotes\" and \\", "a=b hash=c", "x\ny\033[2J", "\xff",
		"\\", "\"", "seq=99 prev=0" };
	char line[AUDIT_LINE_BYTES], value[512], shown[512],
	    why[AUDIT_WHY_BYTES];
	struct audit_chain c, check;
	size_t i, n;

	(void)state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct audit_line l = { .time = 1,
			.job = 7,
			.certificate = texts[i],
			.who = texts[i],
			.act = "act",
			.what = texts[i],
			.outcome = "done" };
		struct str s = { line, 0 };

		audit_begin(&c);
		audit_begin(&check);
		n = audit_format(&c, &l, true, line);
		assert_int_equal(line[n - 1], '\n');
		s.n = n - 1;
		assert_null(memchr(line, '\n', n - 1));
		assert_null(audit_check(&check, s, why));
		(void)text_escape(
		    shown, sizeof(shown), texts[i], strlen(texts[i]));
		assert_true(audit_field(s, "what", value, sizeof(value)));
		assert_string_equal(value, shown);
		assert_true(
		    audit_field(s, "certificate", value, sizeof(value)));
		assert_string_equal(value, shown);
		assert_true(audit_field(s, "seq", value, sizeof(value)));
		assert_string_equal(value, "1");
		assert_true(audit_field(s, "job", value, sizeof(value)));
		assert_string_equal(value, "7");
		assert_false(audit_field(s, "no", value, sizeof(value)));
	}
}

static void
hash_is_sha256_of_what_is_before(void **state)
{
	/* printf '%064d\n%s' 0 'time=... outcome=done' | sha256sum */
	static const char wanted[] =
	    "time=1970-01-01T00:00:00Z seq=1 job=0 certificate=- who=w act=a "
	    "what=x outcome=done hash="
	    "686fe404601681725553bfdf81d121aaf5e82ad53c691b56f2aa598f5b536090"
	    "\n";
	struct audit_line l = { .certificate = "",
		.who = "w",
		.act = "a",
		.what = "x",
		.outcome = "done" };
	char line[AUDIT_LINE_BYTES];
	struct audit_chain c;

	(void)state;
	audit_begin(&c);
	(void)audit_format(&c, &l, false, line);
	assert_string_equal(line, wanted);
}

static void
long_texts_fit(void **state)
{
	char text[20000], line[AUDIT_LINE_BYTES], why[AUDIT_WHY_BYTES];
	struct audit_line l = { .certificate = text,
		.who = text,
		.act = text,
		.what = text,
		.outcome = text };
	struct audit_chain c, check;
	size_t n, i;
	static const char fill[] = "a\"\\\033\xff ";

	(void)state;
	for (i = 0; i < strlen(fill); i++) {
		memset(text, fill[i], sizeof(text) - 1);
		text[sizeof(text) - 1] = '\0';
		audit_begin(&c);
		audit_begin(&check);
		n = audit_format(&c, &l, true, line);
		assert_true(n < AUDIT_LINE_BYTES && line[n - 1] == '\n');
		assert_null(
		    audit_check(&check, (struct str){ line, n - 1 }, why));
	}
}

/* ---- a file ---- */

static void
file_that_nobody_touched_is_whole(void **state)
{
	struct audit_log *a = begin();
	struct audit_chain head;
	struct stat st;

	(void)state;
	write_some(a, 20);
	audit_log_head(a, &head);
	assert_int_equal(head.seq, 21);
	audit_log_close(a);
	assert_string_equal(verify(), "");
	assert_int_equal(stat(at(AUDIT_FILE), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	a = begin(); /* goes on with the chain */
	write_some(a, 3);
	audit_log_close(a);
	assert_string_equal(verify(), "");
}

/* Every single byte that is changed shows, also to somebody who does not know
 * where the chain begins. */
static void
every_changed_byte_shows(void **state)
{
	struct audit_log *a = begin();
	struct audit_chain c;
	size_t n, i;
	char *text;

	(void)state;
	write_some(a, 6);
	audit_log_close(a);
	text = slurp(AUDIT_FILE, &n);
	for (i = 0; i < n; i++) {
		if (text[i] == '\n')
			continue;
		text[i] ^= 1;
		spit(AUDIT_FILE, text, n);
		assert_string_not_equal(verify(), "");
		c.is_known = false;
		assert_string_not_equal(verify_from(AUDIT_FILE, &c), "");
		text[i] ^= 1;
	}
	spit(AUDIT_FILE, text, n);
	assert_string_equal(verify(), "");
	c.is_known = false;
	assert_string_equal(verify_from(AUDIT_FILE, &c), "");
	free(text);
}

/* Without "prev=", nothing in a line that stands first could be checked. */
static void
first_line_must_say_what_it_continues(void **state)
{
	char line[AUDIT_LINE_BYTES], why[AUDIT_WHY_BYTES];
	const struct audit_line l = { .time = 1,
		.certificate = "",
		.who = "x",
		.act = "act",
		.what = "what",
		.outcome = "done" };
	struct audit_chain c, reader = { .is_known = false };
	size_t n;

	(void)state;
	audit_begin(&c);
	n = audit_format(&c, &l, false, line);
	assert_non_null(audit_check(&reader, (struct str){ line, n - 1 }, why));
	assert_non_null(strstr(why, "stands first"));
	assert_int_equal(reader.seq, 1);
}

/* Calls change with each line but the last. */
static void
every_line_that_is_gone_or_moved_shows(void **state)
{
	struct audit_log *a = begin();
	char *lines[16], *text;
	size_t n, count = 0, i, k, used;
	struct str rest, line;
	char *copy;

	(void)state;
	write_some(a, 8);
	audit_log_close(a);
	text = slurp(AUDIT_FILE, &n);
	copy = calloc(1, 3 * n);
	for (rest = (struct str){ text, n }; str_take_line(&rest, &line);)
		lines[count++] = str_dup(line);
	assert_int_equal(count, 9);
	for (i = 0; i + 1 < count; i++) {
		used = 0;
		for (k = 0; k < count; k++) /* without line i */
			if (k != i)
				used += (size_t)sprintf(
				    copy + used, "%s", lines[k]);
		spit(AUDIT_FILE, copy, used);
		assert_non_null(strstr(verify(), "missing"));
		used = 0;
		for (k = 0; k < count; k++) /* line i twice */
			used += (size_t)sprintf(copy + used, "%s%s", lines[k],
			    k == i ? lines[k] : "");
		spit(AUDIT_FILE, copy, used);
		assert_string_not_equal(verify(), "");
		used = 0;
		for (k = 0; k < count; k++) /* exchanged with the next */
			used += (size_t)sprintf(copy + used, "%s",
			    lines[k == i       ? i + 1
				  : k == i + 1 ? i
					       : k]);
		spit(AUDIT_FILE, copy, used);
		assert_string_not_equal(verify(), "");
	}
	for (i = 0; i < count; i++)
		free(lines[i]);
	free(copy);
	free(text);
}

/* Truncated anywhere: certd says what is missing when it starts again, and the
 * gap stays in the chain. */
static void
file_cut_short_is_told_at_the_next_start(void **state)
{
	struct audit_log *a = begin();
	size_t n, m, cut;
	char *text, *after;

	(void)state;
	write_some(a, 5);
	audit_log_close(a);
	text = slurp(AUDIT_FILE, &n);
	after = slurp(AUDIT_HEAD, &m);
	for (cut = 0; cut < n; cut += 1 + n / 37) {
		char *now;
		size_t k;

		spit(AUDIT_FILE, text, cut);
		spit(AUDIT_HEAD, after, m);
		a = begin();
		audit_log_close(a);
		now = slurp(AUDIT_FILE, &k);
		assert_non_null(strstr(now, "outcome=missing"));
		assert_non_null(strstr(verify(), "missing"));
		free(now);
	}
	free(after);
	free(text);
}

/* Power loss: audit.head is older than the file, or gone. */
static void
head_that_is_behind_is_no_alarm(void **state)
{
	struct audit_log *a = begin();
	char *old, *text;
	size_t m, n;

	(void)state;
	write_some(a, 2);
	old = slurp(AUDIT_HEAD, &m);
	write_some(a, 3);
	audit_log_close(a);
	spit(AUDIT_HEAD, old, m);
	audit_log_close(begin());
	(void)unlink(at(AUDIT_HEAD));
	audit_log_close(begin());
	spit(AUDIT_HEAD, "nonsense", 8);
	audit_log_close(begin());
	text = slurp(AUDIT_FILE, &n);
	assert_null(strstr(text, "outcome=missing"));
	assert_string_equal(verify(), "");
	free(text);
	free(old);
}

static void
half_written_last_line_is_removed_and_told(void **state)
{
	struct audit_log *a = begin();
	char *text;
	size_t n;
	FILE *f;

	(void)state;
	write_some(a, 2);
	audit_log_close(a);
	f = fopen(at(AUDIT_FILE), "ae");
	assert_non_null(f);
	(void)fputs("time=2026-11-24T02:5", f);
	(void)fclose(f);
	audit_log_close(begin());
	text = slurp(AUDIT_FILE, &n);
	assert_non_null(strstr(text, "half-written line of 20 bytes"));
	assert_string_equal(verify(), "");
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(fields_come_back_as_they_were_given),
		TEST(hash_is_sha256_of_what_is_before),
		TEST(long_texts_fit),
		TEST(file_that_nobody_touched_is_whole),
		TEST(every_changed_byte_shows),
		cmocka_unit_test(first_line_must_say_what_it_continues),
		TEST(every_line_that_is_gone_or_moved_shows),
		TEST(file_cut_short_is_told_at_the_next_start),
		TEST(head_that_is_behind_is_no_alarm),
		TEST(half_written_last_line_is_removed_and_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
