/*
 * credentials.c - the API token, out of certbot's credentials file.
 *
 * Runs in:  certd-dns (_certd-dns; HTTPS to the provider; no files, no exec).
 * Input:    a file that the administrator wrote, as a descriptor.
 * Promise:  nothing comes from the environment; the token is in no message and
 *           no log, and is wiped.
 */
#include <ctype.h>
#include <string.h>
#include <sys/stat.h>

#include "buf.h"
#include "ini.h"
#include "publisher.h"

#define FILE_NAME       "the credentials file" /* its path is the monitor's */
#define FILE_MAX_BYTES  (64 * 1024)
#define VALUE_MAX_BYTES 1024
#define TOKEN           "dns_cloudflare_api_token"
#define EMAIL           "dns_cloudflare_email"
#define KEY             "dns_cloudflare_api_key"

/* What ends up in a header: visible ASCII. Editors and consoles add blanks and
 * line ends, which are cut off. */
static struct err *
check_value(const char *key, const char **value, size_t *n)
{
	*value += strspn(*value, " \t\r\n");
	*n = strlen(*value);
	while (*n > 0 && strchr(" \t\r\n", (*value)[*n - 1]) != NULL)
		(*n)--;
	if (*n > VALUE_MAX_BYTES)
		return err_new("%s in %s is longer than %d bytes", key,
		    FILE_NAME, VALUE_MAX_BYTES);
	for (size_t i = 0; i < *n; i++) {
		unsigned char c = (unsigned char)(*value)[i];

		if (isascii(c) && isgraph(c))
			continue;
		return err_advise(
		    err_new("%s in %s: character %zu is no visible ASCII", key,
			FILE_NAME, i + 1),
		    "copy it again, without anything around it");
	}
	return NULL;
}

/* Adds a header with the value of key. */
static struct err *
add_header(struct credentials *c, const char *name, const char *prefix,
    const char *key, const char *value)
{
	struct buf *b;
	struct err *e;
	size_t n;

	if ((e = check_value(key, &value, &n)) != NULL)
		return e;
	if ((b = buf_new(VALUE_MAX_BYTES + 64)) == NULL)
		return err_sys(FILE_NAME);
	c->values[c->n_headers] = b;
	if ((e = buf_add(b, prefix, strlen(prefix))) != NULL ||
	    (e = buf_add(b, value, n)) != NULL)
		return e;
	c->headers[c->n_headers].name = name;
	c->headers[c->n_headers].value = buf_data(b);
	c->n_headers++;
	return NULL;
}

/* An empty value is none, as for certbot. */
static const char *
value_of(const struct ini *ini, const char *key)
{
	const char *value = ini_get(ini, "", key);

	if (value == NULL || value[strspn(value, " \t\r\n")] == '\0')
		return NULL;
	return value;
}

/* certbot's rules: a token, or e-mail and key, never both. */
static struct err *
choose(const struct ini *ini, struct credentials *c)
{
	const char *token = value_of(ini, TOKEN), *email = value_of(ini, EMAIL),
		   *key = value_of(ini, KEY);
	struct err *e;

	if (token != NULL && (email != NULL || key != NULL))
		return err_advise(err_new("%s has " TOKEN " and %s: with a "
					  "token nothing else is needed",
				      FILE_NAME, email != NULL ? EMAIL : KEY),
		    "remove " EMAIL " and " KEY);
	if (token != NULL)
		return add_header(c, "Authorization", "Bearer ", TOKEN, token);
	if (email == NULL && key == NULL)
		return err_advise(err_new("%s has no " TOKEN, FILE_NAME),
		    "make a token with the permission Zone:DNS:Edit at "
		    "https://dash.cloudflare.com/profile/api-tokens and write "
		    "\"" TOKEN " = ...\"; or write " EMAIL " and " KEY);
	if (email == NULL || key == NULL)
		return err_advise(err_new("%s has %s, but no %s", FILE_NAME,
				      email != NULL ? EMAIL : KEY,
				      email != NULL ? KEY : EMAIL),
		    "a Global API Key needs both; better use " TOKEN);
	if ((e = add_header(c, "X-Auth-Email", "", EMAIL, email)) != NULL)
		return e;
	return add_header(c, "X-Auth-Key", "", KEY, key);
}

struct err *
credentials_parse(const char *text, size_t n, struct credentials *out)
{
	struct ini *ini = NULL;
	struct err *e;

	memset(out, 0, sizeof(*out));
	if ((e = ini_parse(FILE_NAME, text, n, &ini)) != NULL)
		return e;
	if ((e = choose(ini, out)) != NULL)
		credentials_clear(out);
	ini_free(ini);
	return e;
}

/* The monitor has looked at owner and mode; but what others can read, nobody
 * shall be able to make us use. */
static struct err *
check_file(int fd)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return err_sys(FILE_NAME);
	if (!S_ISREG(st.st_mode))
		return err_new(FILE_NAME " is not a regular file");
	if (st.st_mode & S_IRWXO)
		return err_advise(
		    err_new(FILE_NAME " is open to others (mode %04o)",
			(unsigned)st.st_mode & 07777),
		    "chmod 600 it, and make a new token if others have had "
		    "access to this machine");
	return NULL;
}

struct err *
credentials_read(int fd, struct credentials *out)
{
	struct buf *text = NULL;
	struct err *e;

	memset(out, 0, sizeof(*out));
	if ((e = check_file(fd)) != NULL)
		return e;
	if ((text = buf_new(FILE_MAX_BYTES)) == NULL)
		return err_sys(FILE_NAME);
	if ((e = err_wrap(buf_add_file(text, fd), FILE_NAME)) == NULL)
		e = credentials_parse(buf_data(text), buf_len(text), out);
	buf_free(text);
	return e;
}

void
credentials_clear(struct credentials *c)
{
	for (size_t i = 0; i < 2; i++)
		buf_free(c->values[i]);
	memset(c, 0, sizeof(*c));
}
