/*
 * json.c - JSON for scripts.
 *
 * Runs in:  certctl (the caller).
 * Input:    what certd tells; the protocol has seen to it that texts are UTF-8.
 * Promise:  the shapes of the manual page; what is not known is null; ASCII
 *           only, so that a terminal has nothing to obey.
 */
#include <string.h>

#include "certctl.h"
#include "config.h"

#define DAY_SECS 86400

static json_t *
json_text(struct str text)
{
	return text.n == 0 ? json_null() : json_stringn(text.p, text.n);
}

static json_t *
json_time(uint64_t secs)
{
	char text[TEXT_TIME_SIZE];

	if (secs == 0)
		return json_null();
	/* text_time() shows what is later than the year 9999 as its end. */
	return json_string(
	    text_time(text, secs > INT64_MAX ? INT64_MAX : (time_t)secs));
}

/* Whole days; those of an expired certificate are negative. */
static json_t *
json_days_left(uint64_t not_after, time_t now)
{
	long long left;

	if (not_after == 0 || not_after > INT64_MAX / 2)
		return json_null();
	left = (long long)not_after - (long long)now;
	return json_integer(left / DAY_SECS - (left % DAY_SECS < 0));
}

static json_t *
json_texts(struct strs texts)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < texts.n; i++) {
		if (json_array_append_new(
			list, json_stringn(texts.v[i].p, texts.v[i].n)) == -1) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

/* As --key-type and the renewal files have it. */
static const char *
key_type(uint32_t kind)
{
	switch (kind) {
	case KEY_RSA_2048:
	case KEY_RSA_3072:
	case KEY_RSA_4096:
		return "rsa";
	case KEY_EC_P256:
	case KEY_EC_P384:
	case KEY_EC_P521:
		return "ecdsa";
	default:
		return NULL;
	}
}

static const char *
status_word(uint32_t status)
{
	static const char *const words[] = { "valid", "expired", "revoked",
		"broken" };

	return status < sizeof(words) / sizeof(words[0]) ? words[status]
							 : "broken";
}

json_t *
json_certificate(const struct msg *m, time_t now)
{
	return json_pack("{so so so ss? so so so ss so so so so so}", "name",
	    json_text(m->row.lineage), "domains", json_texts(m->row.names),
	    "serial", json_text(m->row.serial), "key_type",
	    key_type(m->row.key_kind), "not_before",
	    json_time(m->row.not_before), "not_after",
	    json_time(m->row.not_after), "days_left",
	    json_days_left(m->row.not_after, now), "status",
	    status_word(m->row.status), "renew_after",
	    json_time(m->row.renew_after), "certificate",
	    json_text(m->row.certificate), "private_key",
	    json_text(m->row.private_key), "server", json_text(m->row.server),
	    "last_error", json_text(m->row.last_error));
}

json_t *
json_event(const struct msg *m)
{
	return json_pack("{so sI ss ss so so}", "name",
	    json_text(m->event.lineage), "job", (json_int_t)m->event.job,
	    "stage", stage_word(m->event.stage), "label",
	    stage_label(m->event.stage), "text", json_text(m->event.text),
	    "time", json_time(m->event.time));
}

json_t *
json_result(const struct msg *m, const char *word, const struct facts *facts)
{
	return json_pack("{so sI ss so so so so*}", "name",
	    json_text(m->result.lineage), "job", (json_int_t)m->result.job,
	    "result", word, "text", json_text(m->result.text), "advice",
	    json_text(m->result.advice), "retry_at",
	    json_time(m->result.retry_at), "facts",
	    facts == NULL ? NULL : facts_json(facts));
}

json_t *
json_outcome(uint32_t job, struct str name, const char *word, struct str reason)
{
	return json_pack("{so so ss so}", "name", json_text(name), "job",
	    job == 0 ? json_null() : json_integer(job), "result", word, "text",
	    json_text(reason));
}

json_t *
json_error(enum exit_status status, const struct err *e)
{
	uint64_t when = (uint64_t)err_when(e);

	return json_pack("{s{si ss ss? so}}", "error", "exit", (int)status,
	    "text", err_text(e), "advice",
	    *err_advice(e) == '\0' ? NULL : err_advice(e), "retry_at",
	    json_time(when));
}

struct err *
json_print(FILE *out, json_t *doc)
{
	int rc;

	if (doc == NULL)
		return err_new("JSON: out of memory");
	rc = json_dumpf(doc, out, JSON_COMPACT | JSON_ENSURE_ASCII);
	json_decref(doc);
	if (rc == -1 || fputc('\n', out) == EOF || fflush(out) == EOF)
		return err_sys("standard output");
	return NULL;
}
