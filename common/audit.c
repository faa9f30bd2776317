/*
 * audit.c - a line of audit.log, and the chain of hashes.
 *
 * Runs in:  certd, which writes, and certctl, which verifies.
 * Input:    texts of anybody; when verifying, lines that somebody may have
 *           changed.
 * Promise:  a line that was changed, added or taken away between two others
 *           does not pass.
 *
 * The hash is libmd's: a chain needs no key, and certd links no cryptography.
 */
#include <inttypes.h>
#include <sha2.h>
#include <stdio.h>
#include <string.h>

#include "audit.h"

#define VALUE_BYTES 1024 /* of one text, escaped */
#define HASH_KEY    " hash="

static const char zeros[AUDIT_HASH_SIZE] =
    "0000000000000000000000000000000000000000000000000000000000000000";

static void
copy_hash(char to[AUDIT_HASH_SIZE], const char from[AUDIT_HASH_SIZE])
{
	memcpy(to, from, AUDIT_HASH_SIZE - 1);
	to[AUDIT_HASH_SIZE - 1] = '\0';
}

void
audit_begin(struct audit_chain *c)
{
	c->seq = 0;
	c->is_known = true;
	copy_hash(c->hash, zeros);
}

static void
hash_line(const char *before, struct str line, char out[AUDIT_HASH_SIZE])
{
	static const uint8_t newline = '\n';
	SHA2_CTX ctx;

	SHA256Init(&ctx);
	SHA256Update(&ctx, (const uint8_t *)before, AUDIT_HASH_SIZE - 1);
	SHA256Update(&ctx, &newline, 1);
	SHA256Update(&ctx, (const uint8_t *)line.p, line.n);
	(void)SHA256End(&ctx, out);
}

/* ---- writing ---- */

static bool
is_plain(const char *value)
{
	return *value != '\0' && strpbrk(value, " \"\\=") == NULL;
}

/* key=value, or key="value" with \ before " and \. */
static size_t
put(char *out, const char *key, const char *text)
{
	char value[VALUE_BYTES];
	size_t n = (size_t)sprintf(out, " %s=", key);
	const char *p;

	(void)text_escape(value, sizeof(value), text, strlen(text));
	if (*text == '\0')
		return n + (size_t)sprintf(out + n, "-");
	if (is_plain(value))
		return n + (size_t)sprintf(out + n, "%s", value);
	out[n++] = '"';
	for (p = value; *p != '\0'; p++) {
		if (*p == '"' || *p == '\\')
			out[n++] = '\\';
		out[n++] = *p;
	}
	out[n++] = '"';
	out[n] = '\0';
	return n;
}

size_t
audit_format(struct audit_chain *c, const struct audit_line *l, bool with_prev,
    char out[AUDIT_LINE_BYTES])
{
	char when[TEXT_TIME_SIZE], text[6 * (2 * VALUE_BYTES + 32)];
	const struct {
		const char *key, *value;
		size_t most; /* of what is taken */
	} fields[] = { { "certificate", l->certificate, 300 },
		{ "who", l->who, 200 }, { "act", l->act, 64 },
		{ "what", l->what, 1500 }, { "outcome", l->outcome, 64 } };
	size_t n, i, part;

	n = (size_t)sprintf(text, "time=%s seq=%" PRIu64 " job=%" PRIu32,
	    text_time(when, l->time), c->seq + 1, l->job);
	for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		part = put(text + n, fields[i].key, fields[i].value);
		if (part <= fields[i].most) {
			n += part;
			continue;
		}
		/* Cut, and quoted again where the cut took the quote. */
		n += (size_t)sprintf(
		    text + n, " %s=\"(too long)\"", fields[i].key);
	}
	if (with_prev)
		n += (size_t)sprintf(text + n, " prev=%s", c->hash);
	hash_line(c->hash, (struct str){ text, n }, c->hash);
	c->seq++;
	return (size_t)snprintf(
	    out, AUDIT_LINE_BYTES, "%s" HASH_KEY "%s\n", text, c->hash);
}

/* ---- reading ---- */

/* Where the value of a key begins; texts in quotes are passed over. */
static const char *
find(struct str line, const char *key)
{
	size_t i = 0, n = strlen(key);
	bool quoted = false;

	while (i < line.n) {
		if (!quoted && line.n - i > n &&
		    memcmp(line.p + i, key, n) == 0 && line.p[i + n] == '=')
			return line.p + i + n + 1;
		for (; i < line.n && (quoted || line.p[i] != ' '); i++) {
			if (line.p[i] == '\\' && quoted)
				i++;
			else if (line.p[i] == '"')
				quoted = !quoted;
		}
		i++;
	}
	return NULL;
}

bool
audit_field(struct str line, const char *key, char *out, size_t size)
{
	const char *p = find(line, key), *end = line.p + line.n;
	bool quoted = p != NULL && p < end && *p == '"';
	size_t n = 0;

	if (p == NULL)
		return false;
	for (p += quoted; p < end && *p != (quoted ? '"' : ' '); p++) {
		if (quoted && *p == '\\' && p + 1 < end)
			p++;
		if (n + 1 >= size)
			return false;
		out[n++] = *p;
	}
	out[n] = '\0';
	return true;
}

static bool
take_hash(struct str line, const char *key, char out[AUDIT_HASH_SIZE])
{
	return audit_field(line, key, out, AUDIT_HASH_SIZE) &&
	       strlen(out) == AUDIT_HASH_SIZE - 1 &&
	       text_is_hex(out, AUDIT_HASH_SIZE - 1);
}

/* The line up to its hash, which must be its end. */
static bool
split(struct str line, struct str *body, char hash[AUDIT_HASH_SIZE])
{
	const size_t tail = strlen(HASH_KEY) + AUDIT_HASH_SIZE - 1;

	if (line.n < tail)
		return false;
	*body = (struct str){ line.p, line.n - tail };
	if (memcmp(body->p + body->n, HASH_KEY, strlen(HASH_KEY)) != 0)
		return false;
	copy_hash(hash, line.p + line.n - (AUDIT_HASH_SIZE - 1));
	return text_is_hex(hash, AUDIT_HASH_SIZE - 1);
}

/* What is wrong with where the line stands, "" for nothing. */
static void
check_place(const struct audit_chain *c, uint64_t seq, const char *prev,
    char why[AUDIT_WHY_BYTES])
{
	*why = '\0';
	if (!c->is_known) {
		/* Nobody could say then whether it is what was written. */
		if (prev == NULL)
			(void)snprintf(why, AUDIT_WHY_BYTES,
			    "line %" PRIu64 " stands first and does not say "
			    "which line it continues",
			    seq);
		return;
	}
	if (seq > c->seq + 1)
		(void)snprintf(why, AUDIT_WHY_BYTES,
		    "lines %" PRIu64 " to %" PRIu64 " are missing", c->seq + 1,
		    seq - 1);
	else if (seq <= c->seq)
		(void)snprintf(why, AUDIT_WHY_BYTES,
		    "line %" PRIu64 " comes after line %" PRIu64, seq, c->seq);
	else if (prev != NULL && strcmp(prev, c->hash) != 0)
		(void)snprintf(why, AUDIT_WHY_BYTES,
		    "line %" PRIu64 " continues another line than the one "
		    "before it",
		    seq);
}

const char *
audit_check(struct audit_chain *c, struct str line, char why[AUDIT_WHY_BYTES])
{
	char hash[AUDIT_HASH_SIZE], prev[AUDIT_HASH_SIZE], number[24],
	    wanted[AUDIT_HASH_SIZE];
	bool has_prev = take_hash(line, "prev", prev);
	struct str body;
	uint64_t seq;

	if (!split(line, &body, hash) ||
	    !audit_field(line, "seq", number, sizeof(number)) ||
	    !text_number(number, 1, UINT64_MAX, &seq)) {
		(void)snprintf(why, AUDIT_WHY_BYTES,
		    "behind line %" PRIu64
		    " there is something that is no line of the audit",
		    c->seq);
		return why;
	}
	check_place(c, seq, has_prev ? prev : NULL, why);
	if (*why == '\0') {
		hash_line(has_prev ? prev : c->hash, body, wanted);
		if (strcmp(wanted, hash) != 0)
			(void)snprintf(why, AUDIT_WHY_BYTES,
			    "line %" PRIu64 ", or the one before it, was "
			    "changed",
			    seq);
	}
	c->seq = seq;
	c->is_known = true;
	copy_hash(c->hash, hash);
	return *why == '\0' ? NULL : why;
}

bool
audit_head_parse(struct str text, struct audit_chain *c)
{
	char number[24];
	size_t n = 0;

	while (n < text.n && n < sizeof(number) - 1 && text.p[n] != ' ')
		n++;
	memcpy(number, text.p, n);
	number[n] = '\0';
	if (!text_number(number, 0, UINT64_MAX, &c->seq) ||
	    text.n < n + AUDIT_HASH_SIZE ||
	    !text_is_hex(text.p + n + 1, AUDIT_HASH_SIZE - 1))
		return false;
	copy_hash(c->hash, text.p + n + 1);
	c->is_known = true;
	return true;
}
