/*
 * config_value.c - the values that settings may have, kind by kind.
 *
 * Runs in:  certd, certd-dns, acmew, certctl.
 * Input:    files of root.
 * Promise:  a value that passes can be used without another look.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config.h"
#include "config_value.h"
#include "text.h"
#include "url.h"

#define USER_MAX_BYTES 32 /* useradd(8) */
/* certbot expands "~", and is run by root. */
#define ROOT_HOME "/root"

static const struct {
	const char *type, *parameter;
	enum key_kind kind;
} key_kinds[] = {
	{ "ecdsa", "secp256r1", KEY_EC_P256 },
	{ "ecdsa", "secp384r1", KEY_EC_P384 },
	{ "rsa", "2048", KEY_RSA_2048 },
	{ "rsa", "3072", KEY_RSA_3072 },
	{ "rsa", "4096", KEY_RSA_4096 },
};
#define N_KEY_KINDS (sizeof(key_kinds) / sizeof(*key_kinds))

bool
key_kind_of(
    const char *type, const char *curve, const char *size, enum key_kind *out)
{
	const char *wanted = strcmp(type, "rsa") == 0 ? size : curve;
	bool any = wanted == NULL || *wanted == '\0';

	for (size_t i = 0; i < N_KEY_KINDS; i++) {
		if (strcmp(key_kinds[i].type, type) != 0 ||
		    (!any && strcmp(key_kinds[i].parameter, wanted) != 0))
			continue;
		*out = key_kinds[i].kind;
		return true;
	}
	return false;
}

const char *
key_kind_name(enum key_kind kind)
{
	switch (kind) {
	case KEY_RSA_2048:
	case KEY_RSA_3072:
	case KEY_RSA_4096:
		return "RSA";
	default:
		return "ECDSA";
	}
}

bool
duration_parse(const char *text, uint32_t *secs)
{
	static const struct {
		char letter;
		uint32_t secs;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
	char digits[sizeof("4294967295")];
	size_t n = strspn(text, "0123456789");
	uint32_t unit = text[n] == '\0' ? 1 : 0;
	uint64_t number;

	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++)
		if (text[n] == units[i].letter && text[n + 1] == '\0')
			unit = units[i].secs;
	if (unit == 0 || n >= sizeof(digits))
		return false;
	memcpy(digits, text, n);
	digits[n] = '\0';
	if (!text_number(digits, 0, UINT32_MAX / unit, &number))
		return false;
	*secs = (uint32_t)number * unit;
	return true;
}

static bool
is_text(const struct config_key *k, const char *value)
{
	(void)k;
	return text_is_plain(value, strlen(value));
}

static bool
is_path(const struct config_key *k, const char *value)
{
	if (*value == '\0')
		return k->fallback != NULL && *k->fallback == '\0';
	return *value == '/' && is_text(k, value);
}

static bool
is_home_path(const struct config_key *k, const char *value)
{
	return is_path(k, strncmp(value, "~/", 2) == 0 ? value + 1 : value);
}

static bool
is_user(const struct config_key *k, const char *value)
{
	static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				  "abcdefghijklmnopqrstuvwxyz"
				  "_0123456789.-";
	size_t n = strlen(value);

	(void)k;
	return n > 0 && n <= USER_MAX_BYTES && strspn(value, set) == n &&
	       strchr("0123456789.-", *value) == NULL;
}

static bool
is_user_or_none(const struct config_key *k, const char *value)
{
	return *value == '\0' || is_user(k, value);
}

static bool
is_word(const struct config_key *k, const char *value)
{
	const char *word;
	size_t n;

	for (word = k->allowed;; word += n + 1) {
		n = strcspn(word, "|");
		if (str_is((struct str){ word, n }, value))
			return true;
		if (word[n] == '\0')
			return false;
	}
}

static bool
is_url(const struct config_key *k, const char *value)
{
	struct url url;

	(void)k;
	return url_parse(str_of(value), &url);
}

/* Whether each of the elements of "a,b" is good; blanks around them do not
 * count. Nothing at all is good too. */
static bool
each_is(const char *list, bool (*good)(const char *element))
{
	char element[256];
	const char *p;
	size_t n;

	if (*list == '\0')
		return true;
	for (p = list;; p += n + 1) {
		p += strspn(p, " ");
		n = strcspn(p, ",");
		if (n >= sizeof(element))
			return false;
		memcpy(element, p, n);
		element[n] = '\0';
		element[strcspn(element, " ")] = '\0';
		if (strspn(p + strlen(element), " ") + strlen(element) != n ||
		    !good(element))
			return false;
		if (p[n] == '\0')
			return true;
	}
}

static bool
is_one_email(const char *element)
{
	const char *at = strchr(element, '@');

	return at != NULL && at != element && at[1] != '\0' &&
	       strchr(at + 1, '@') == NULL && strpbrk(element, "<>\"") == NULL;
}

static bool
is_email(const struct config_key *k, const char *value)
{
	return is_text(k, value) && each_is(value, is_one_email);
}

/* "IP", "IP:port", "[IP6]:port". No c-ares here: the same file is read by
 * processes that do not link it. */
static bool
is_one_resolver(const char *element)
{
	unsigned char address[sizeof(struct in6_addr)];
	char copy[256], *port = NULL, *host = copy, *close;
	int family = AF_INET;
	uint64_t number;

	(void)strcpy(copy, element);
	if (inet_pton(AF_INET6, copy, address) == 1)
		return true;
	if (*copy == '[' && (close = strchr(copy, ']')) != NULL) {
		family = AF_INET6;
		host = copy + 1;
		*close = '\0';
		if (close[1] != ':')
			return false;
		port = close + 2;
	} else if ((port = strchr(copy, ':')) != NULL) {
		*port++ = '\0';
	}
	return inet_pton(family, host, address) == 1 &&
	       (port == NULL || text_number(port, 1, UINT16_MAX, &number));
}

static bool
is_resolvers(const struct config_key *k, const char *value)
{
	(void)k;
	return each_is(value, is_one_resolver);
}

static bool
is_aliases(const struct config_key *k, const char *value)
{
	(void)k;
	return config_is_aliases(value);
}

static bool
is_doh_servers(const struct config_key *k, const char *value)
{
	(void)k;
	return config_is_doh_servers(value);
}

static bool
is_anything(const struct config_key *k, const char *value)
{
	(void)k;
	(void)value;
	return true;
}

/* The kinds that are kept as text: what they may be, and how that is said. */
static const struct {
	bool (*good)(const struct config_key *k, const char *value);
	const char *allowed;
} texts[] = {
	[T_TEXT] = { is_text, "one line of text" },
	[T_PATH] = { is_path, "an absolute path" },
	[T_HOME_PATH] = { is_home_path, "an absolute path, or ~/ of root" },
	[T_USER] = { is_user, "a name of letters, digits, _ . -" },
	[T_USER_OR_NONE] = { is_user_or_none,
	    "a name of letters, digits, _ . -, or nothing" },
	[T_WORD] = { is_word, NULL },
	[T_URL] = { is_url, "an https URL, scheme and host in lower case, "
			    "without user, fragment and dot segments" },
	[T_EMAIL] = { is_email, "an e-mail address; several with commas" },
	[T_RESOLVERS] = { is_resolvers,
	    "IP, IP:port or [IPv6]:port; several with commas" },
	[T_ALIASES] = { is_aliases,
	    "_acme-challenge.NAME -> _acme-challenge.NAME, both in lower "
	    "case; several with commas" },
	[T_DOH_SERVERS] = { is_doh_servers,
	    "an https URL and its addresses, URL@IP@IP; several with "
	    "commas" },
	[T_AUTHENTICATOR] = { is_anything, NULL },
	[T_IGNORED] = { is_anything, NULL },
};

bool
config_value_is_list(const struct config_key *k)
{
	return k->type == T_EMAIL || k->type == T_RESOLVERS ||
	       k->type == T_ALIASES || k->type == T_DOH_SERVERS ||
	       k->type == T_IGNORED;
}

/* "a, b" becomes "a,b". */
static void
remove_blanks(char *text)
{
	char *to = text;

	for (; *text != '\0'; text++)
		if (*text != ' ' && *text != '\t')
			*to++ = *text;
	*to = '\0';
}

static struct err *
read_text(const struct config_key *k, const char *value, char **field)
{
	bool home = k->type == T_HOME_PATH && *value == '~';
	const char *tail = home ? value + 1 : value;
	char *text;

	if (!texts[k->type].good(k, value))
		return err_new("allowed is %s",
		    k->type == T_WORD ? k->allowed : texts[k->type].allowed);
	if (k->type == T_IGNORED || k->type == T_AUTHENTICATOR)
		return NULL;
	if ((text = malloc(sizeof(ROOT_HOME) + strlen(tail))) == NULL)
		return err_sys("setting");
	(void)strcpy(text, home ? ROOT_HOME : "");
	(void)strcat(text, tail);
	if (config_value_is_list(k))
		remove_blanks(text);
	free(*field);
	*field = text;
	return NULL;
}

static struct err *
read_bool(const char *value, bool *field)
{
	static const char *const words[] = { "no", "yes", "false", "true",
		"off", "on", "0", "1" };

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (strcasecmp(value, words[i]) != 0)
			continue;
		*field = i % 2 == 1;
		return NULL;
	}
	return err_new("allowed is yes or no");
}

static struct err *
read_number(const struct config_key *k, const char *value, uint32_t *field)
{
	uint64_t number;

	if (!text_number(value, k->min, k->max, &number))
		return err_new(
		    "allowed is a number from %u to %u", k->min, k->max);
	*field = (uint32_t)number;
	return NULL;
}

static struct err *
read_seconds(const struct config_key *k, const char *value, uint32_t *field)
{
	uint32_t secs;

	if (!duration_parse(value, &secs) || secs < k->min || secs > k->max)
		return err_new("allowed is a time like 90, 90s, 10m, 2h or 1d, "
			       "from %u to %u seconds",
		    k->min, k->max);
	*field = secs;
	return NULL;
}

struct err *
config_value_read(const struct config_key *k, const char *value, void *base)
{
	void *field = (char *)base + k->offset;

	if (k->type == T_BOOL)
		return read_bool(value, field);
	if (k->type == T_NUMBER)
		return read_number(k, value, field);
	if (k->type == T_SECONDS)
		return read_seconds(k, value, field);
	return read_text(k, value, field);
}
