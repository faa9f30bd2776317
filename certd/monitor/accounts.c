/*
 * accounts.c - what an administrator does to an account at a CA: show, register,
 * update, deactivate, change its key.
 *
 * Runs in:  certd (root; no network, no exec).
 * Input:    options from certctl; what the CA tells of the account, by way of
 *           acmew.
 */
#define _GNU_SOURCE /* asprintf */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "monitor.h"

#define CONTACT_MAX_BYTES 320 /* 64 + @ + 255: RFC 5321 section 4.5.3.1 */
#define SCHEME		  "mailto:"

/* "a@x" or "mailto:a@x" of n bytes as a contact. */
static struct err *
add_contact(struct job *j, const char *p, size_t n)
{
	size_t skip = n > strlen(SCHEME) &&
	    strncmp(p, SCHEME, strlen(SCHEME)) == 0 ? strlen(SCHEME) : 0;
	const char *at = memchr(p, '@', n);
	char *text;

	p += skip;
	n -= skip;
	if (n > CONTACT_MAX_BYTES || at == NULL || at <= p ||
	    at == p + n - 1 || memchr(at + 1, '@', (size_t)(p + n - at) - 1) !=
	    NULL || memchr(p, ' ', n) != NULL)
		return err_advise(err_new("\"%.*s\" is no e-mail address",
		    (int)(n > 80 ? 80 : n), p), "give one such as "
		    "admin@example.com, or none at all: Let's Encrypt sends no "
		    "mail any more");
	if (j->n_contacts == CONTACTS_MAX)
		return err_new("more than %d e-mail addresses", CONTACTS_MAX);
	if (asprintf(&text, SCHEME "%.*s", (int)n, p) == -1)
		return err_sys("contact");
	j->contacts[j->n_contacts++] = text;
	return NULL;
}

struct err *
account_contacts(struct job *j, const char *list)
{
	struct err *e;
	size_t n;

	for (; *list != '\0'; list += n + (list[n] == ',')) {
		n = strcspn(list, ",");
		while (n > 0 && *list == ' ')
			list++, n--;
		if (n > 0 && (e = add_contact(j, list, n)) != NULL)
			return e;
	}
	return NULL;
}

void
account_tell(struct job *j, struct str status, struct strs contacts)
{
	char *text;
	size_t i;

	if ((text = str_dup(status)) != NULL)
		control_fact(j, "status", text);
	free(text);
	for (i = 0; i < contacts.n; i++) {
		if ((text = str_dup(contacts.v[i])) != NULL)
			control_fact(j, "contact", text);
		free(text);
	}
}
