/*
 * ini_quote.c - values as ConfigObj would write them.
 *
 * Runs in:  certd, certctl.
 * Input:    values that may come from the command line.
 * Promise:  a value can never become a line, a key or a section of its own.
 */
#include <string.h>

#include "buf.h"
#include "ini_doc.h"

/* ConfigObj strips blanks (those of Unicode too) and quotes from both ends of
 * what is not quoted. */
static bool
is_fragile(char c)
{
	return (unsigned char)c <= ' ' || (unsigned char)c >= 0x7f ||
	       ini_is_quote(c);
}

static bool
needs_quotes(const char *text)
{
	size_t n = strlen(text);

	return n == 0 || is_fragile(text[0]) || is_fragile(text[n - 1]) ||
	       strpbrk(text, ",#") != NULL;
}

static bool
has_both_quotes(const char *text)
{
	return strchr(text, '"') != NULL && strchr(text, '\'') != NULL;
}

struct err *
ini_quote_short(struct buf *out, const char *text)
{
	const char *quote = strchr(text, '"') == NULL ? "\"" : "'";

	if (strchr(text, '\n') != NULL)
		return err_new("a line break cannot be written here");
	if (!needs_quotes(text))
		return buf_add(out, text, strlen(text));
	if (has_both_quotes(text))
		return err_new("quotes of both kinds cannot be written here");
	return buf_addf(out, "%s%s%s", quote, text, quote);
}

struct err *
ini_quote_value(struct buf *out, const char *value)
{
	const char *quote = "'''";

	if (strchr(value, '\n') == NULL && !has_both_quotes(value))
		return ini_quote_short(out, value);
	if (strstr(value, quote) != NULL)
		quote = "\"\"\"";
	if (strstr(value, quote) != NULL)
		return err_new("a value with ''' and \"\"\" cannot be written");
	return buf_addf(out, "%s%s%s", quote, value, quote);
}

struct err *
ini_quote_list(struct buf *out, const char *const *values, size_t n)
{
	struct err *e;

	for (size_t i = 0; i < n; i++)
		if ((e = ini_quote_short(out, values[i])) != NULL ||
		    (e = buf_addf(out, "%s", i + 1 < n ? ", " : "")) != NULL)
			return e;
	return n < 2 ? buf_add(out, ",", 1) : NULL;
}

struct err *
ini_check_value(const char *value)
{
	struct str name;

	if (!text_is_utf8(value, strlen(value)))
		return err_new("bytes that are no UTF-8 cannot be written");
	if (strchr(value, '\r') != NULL)
		return err_new("a carriage return cannot be written");
	if (ini_reference(value, &name) != NULL)
		return err_new("%%(%.*s)s cannot be written: certbot reads it "
			       "as the value of another key",
		    (int)name.n, name.p);
	return NULL;
}

struct err *
ini_check_name(const char *name)
{
	if (*name == '\0' || !text_is_plain(name, strlen(name)) ||
	    strpbrk(name, "=[]") != NULL)
		return err_new("\"%s\" cannot be a key or section", name);
	return NULL;
}
