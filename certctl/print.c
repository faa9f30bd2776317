/*
 * print.c - text for people.
 *
 * Runs in:  certctl (the caller).
 * Input:    what certd tells; some of it was told to it by a CA.
 * Promise:  nothing that came from elsewhere reaches a terminal unescaped.
 */
#define _GNU_SOURCE /* memmem */
#include <string.h>

#include "buf.h"
#include "certctl.h"
#include "config.h"
#include "names.h"

#define PART_BYTES 256
#define DAY_SECS   86400
#define YEAR_9999  253402300799LL /* as late as text_time() can tell */

/* How many bytes of a longer text to take, so that no character is cut. */
static size_t
part(struct str text)
{
	size_t n = PART_BYTES;

	if (text.n <= PART_BYTES)
		return text.n;
	while (n > PART_BYTES - 4 && ((unsigned char)text.p[n] & 0xc0) == 0x80)
		n--;
	return n;
}

void
print_text(FILE *out, struct str text)
{
	char escaped[4 * PART_BYTES + 1];
	size_t n;

	while (text.n > 0) {
		n = part(text);
		(void)text_escape(escaped, sizeof(escaped), text.p, n);
		fputs(escaped, out);
		text.p += n;
		text.n -= n;
	}
}

void
print_problem(FILE *out, const struct err *e)
{
	char when[TEXT_TIME_SIZE];

	fputs("certctl: ", out);
	print_text(out, str_of(err_text(e)));
	fputc('\n', out);
	if (*err_advice(e) != '\0') {
		fputs("  ", out);
		print_text(out, str_of(err_advice(e)));
		fputc('\n', out);
	}
	if (err_when(e) != 0)
		fprintf(out, "  not before %s\n", text_time(when, err_when(e)));
}

void
print_waiting(const struct session *s, struct str text)
{
	fputs("certctl: waiting: ", s->err);
	print_text(s->err, text);
	fputc('\n', s->err);
	(void)fflush(s->err);
}

void
elapsed_text(char out[ELAPSED_BYTES], time_t secs)
{
	long long s = secs < 0 ? 0 : (long long)secs;

	if (s < 3600)
		(void)snprintf(
		    out, ELAPSED_BYTES, "%lld:%02lld", s / 60, s % 60);
	else
		(void)snprintf(out, ELAPSED_BYTES, "%lld:%02lld:%02lld",
		    s / 3600, s / 60 % 60, s % 60);
}

/* certd's times are 64 bits wide, whatever it was told. */
static time_t
time_of(uint64_t secs)
{
	return secs > YEAR_9999 ? YEAR_9999 : (time_t)secs;
}

void
validity_text(char out[VALIDITY_BYTES], const struct msg *m, time_t now)
{
	struct str server = m->row.server;
	bool trial = memmem(server.p, server.n, "staging", 7) != NULL;
	long long left = (long long)(time_of(m->row.not_after) - now);
	const char *why = "";

	if (m->row.status == CERT_REVOKED)
		why = "REVOKED";
	else if (m->row.status == CERT_EXPIRED || left <= 0)
		why = "EXPIRED";
	if (trial || *why != '\0')
		(void)snprintf(out, VALIDITY_BYTES, "INVALID: %s%s%s",
		    trial ? "TEST_CERT" : "", trial && *why ? ", " : "", why);
	else if (left < DAY_SECS)
		(void)snprintf(
		    out, VALIDITY_BYTES, "VALID: %lld hour(s)", left / 3600);
	else
		(void)snprintf(out, VALIDITY_BYTES, "VALID: %lld day%s",
		    left / DAY_SECS, left / DAY_SECS == 1 ? "" : "s");
}

/* "2031-05-14 17:31:33+00:00", as Python prints it for certbot. */
static void
print_expiry(FILE *out, uint64_t not_after)
{
	time_t t = time_of(not_after);
	char text[64] = "";
	struct tm tm;

	if (gmtime_r(&t, &tm) != NULL)
		(void)strftime(
		    text, sizeof(text), "%Y-%m-%d %H:%M:%S+00:00", &tm);
	fputs(text, out);
}

static void
print_line(FILE *out, const char *key, struct str value)
{
	fprintf(out, "    %s: ", key);
	print_text(out, value);
	fputc('\n', out);
}

void
print_certificate(FILE *out, const struct msg *m, time_t now)
{
	char validity[VALIDITY_BYTES];
	size_t i;

	fputs("  Certificate Name: ", out);
	print_text(out, m->row.lineage);
	fputc('\n', out);
	print_line(out, "Serial Number", m->row.serial);
	print_line(out, "Key Type", str_of(key_kind_name(m->row.key_kind)));
	fputs("    Domains:", out);
	for (i = 0; i < m->row.names.n; i++) {
		fputc(' ', out);
		print_text(out, m->row.names.v[i]);
	}
	fputs("\n    Expiry Date: ", out);
	print_expiry(out, m->row.not_after);
	validity_text(validity, m, now);
	fprintf(out, " (%s)\n", validity);
	print_line(out, "Certificate Path", m->row.certificate);
	print_line(out, "Private Key Path", m->row.private_key);
	if (m->row.last_error.n > 0)
		print_line(out, "Last Error", m->row.last_error);
}

/* The names in one text, separated by blanks. */
static struct err *
add_names(struct facts *f, struct strs names)
{
	struct buf *b = buf_new(NAMES_MAX * 1024);
	struct err *e = b == NULL ? err_sys("names") : NULL;
	size_t i;

	for (i = 0; e == NULL && i < names.n; i++)
		e = buf_addf(b, "%s%.*s", i == 0 ? "" : " ", (int)names.v[i].n,
		    names.v[i].p);
	if (e == NULL)
		e = facts_add(f, str_of("names"), str_of(buf_data(b)));
	buf_free(b);
	return e;
}

/* Nothing is added where there is nothing to say. */
static struct err *
add(struct facts *f, const char *key, struct str value)
{
	return value.n == 0 ? NULL : facts_add(f, str_of(key), value);
}

static struct err *
add_time(struct facts *f, const char *key, uint64_t secs)
{
	char text[TEXT_TIME_SIZE];

	return secs == 0 ? NULL
			 : add(f, key, str_of(text_time(text, time_of(secs))));
}

struct err *
certificate_facts(struct facts *f, const struct msg *m, time_t now)
{
	char validity[VALIDITY_BYTES] = "BROKEN";
	struct err *e;

	if (m->row.status != CERT_BROKEN)
		validity_text(validity, m, now);
	if ((e = add(f, "certificate name", m->row.lineage)) != NULL ||
	    (e = add(f, "status", str_of(validity))) != NULL ||
	    (e = add_names(f, m->row.names)) != NULL ||
	    (e = add(f, "serial number", m->row.serial)) != NULL ||
	    (m->row.key_kind != 0 &&
		(e = add(f, "key type",
		     str_of(key_kind_name(m->row.key_kind)))) != NULL) ||
	    (e = add_time(f, "valid from", m->row.not_before)) != NULL ||
	    (e = add_time(f, "valid to", m->row.not_after)) != NULL ||
	    (e = add_time(f, "renewal after", m->row.renew_after)) != NULL ||
	    (e = add(f, "certificate", m->row.certificate)) != NULL ||
	    (e = add(f, "private key", m->row.private_key)) != NULL ||
	    (e = add(f, "server", m->row.server)) != NULL)
		return e;
	return add(f, "last error", m->row.last_error);
}
