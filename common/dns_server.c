/*
 * dns_server.c - addresses of name servers: from text and from resolv.conf.
 *
 * Runs in:  acmew, certd-dns.
 * Input:    the configuration; /etc/resolv.conf (by c-ares); addresses out of
 *           DNS answers.
 */
#include <ares.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "dns_pool.h"
#include "text.h"

/* Fills out; port 53 is not shown. */
static bool
set_server(struct dns_server *out, const char *ip, uint16_t port)
{
	struct sockaddr_in *in = (void *)&out->address;
	struct sockaddr_in6 *in6 = (void *)&out->address;
	char text[INET6_ADDRSTRLEN];
	bool six = strchr(ip, ':') != NULL;
	int n;

	memset(out, 0, sizeof(*out));
	out->address.ss_family = six ? AF_INET6 : AF_INET;
	if (six)
		in6->sin6_port = htons(port);
	else
		in->sin_port = htons(port);
	if (inet_pton(out->address.ss_family, ip,
		six ? (void *)&in6->sin6_addr : (void *)&in->sin_addr) != 1 ||
	    inet_ntop(out->address.ss_family,
		six ? (void *)&in6->sin6_addr : (void *)&in->sin_addr, text,
		sizeof(text)) == NULL)
		return false;
	if (port == 53)
		n = snprintf(out->text, sizeof(out->text), "%s", text);
	else
		n = snprintf(out->text, sizeof(out->text),
		    six ? "[%s]:%u" : "%s:%u", text, (unsigned)port);
	return n > 0 && (size_t)n < sizeof(out->text);
}

bool
dns_server_parse(const char *text, struct dns_server *out)
{
	char copy[64], *ip = copy, *colon = NULL;
	uint64_t port = 53;

	if (strlen(text) >= sizeof(copy))
		return false;
	(void)strcpy(copy, text);
	if (*ip == '[') {
		char *end;

		if ((end = strchr(++ip, ']')) == NULL)
			return false;
		*end++ = '\0';
		if (strchr(ip, ':') == NULL)
			return false;
		if (*end != '\0' && *end != ':')
			return false;
		colon = *end == ':' ? end : NULL;
	} else if ((colon = strchr(ip, ':')) != NULL &&
		   strchr(colon + 1, ':') != NULL) {
		colon = NULL; /* several: a bare IPv6 address */
	}
	if (colon != NULL) {
		*colon = '\0';
		if (!text_number(colon + 1, 1, 65535, &port))
			return false;
	}
	return set_server(out, ip, (uint16_t)port);
}

static struct err *
servers_of_text(const char *text, struct dns_server *out, size_t max, size_t *n)
{
	char copy[1024], *rest = copy, *word;

	if (strlen(text) >= sizeof(copy))
		return err_new("resolver: longer than %zu bytes", sizeof(copy));
	(void)strcpy(copy, text);
	while ((word = strsep(&rest, ",")) != NULL && *n < max) {
		word += strspn(word, " \t");
		word[strcspn(word, " \t")] = '\0';
		if (!dns_server_parse(word, &out[*n]))
			return err_new("resolver: \"%s\" is neither IP nor "
				       "IP:port (IPv6: [IP]:port)",
			    word);
		(*n)++;
	}
	return NULL;
}

/* c-ares reads the file (and, where it names no server, takes 127.0.0.1). */
static struct err *
servers_of_system(struct dns_server *out, size_t max, size_t *n)
{
	struct ares_addr_port_node *list = NULL, *s;
	struct ares_options none = { 0 };
	char ip[INET6_ADDRSTRLEN];
	ares_channel c;
	int rc;

	if ((rc = ares_init_options(&c, &none, 0)) != ARES_SUCCESS)
		return err_new("/etc/resolv.conf: %s", ares_strerror(rc));
	if (ares_get_servers_ports(c, &list) != ARES_SUCCESS)
		list = NULL;
	for (s = list; s != NULL && *n < max; s = s->next) {
		if (inet_ntop(s->family, &s->addr, ip, sizeof(ip)) != NULL &&
		    set_server(&out[*n], ip,
			(uint16_t)(s->udp_port == 0 ? 53 : s->udp_port)))
			(*n)++;
	}
	ares_free_data(list);
	ares_destroy(c);
	return NULL;
}

struct err *
dns_servers_read(
    const char *text, struct dns_server *out, size_t max, size_t *n)
{
	struct err *e;

	*n = 0;
	e = *text != '\0' ? servers_of_text(text, out, max, n)
			  : servers_of_system(out, max, n);
	if (e == NULL && *n == 0)
		e = err_new("/etc/resolv.conf names no resolver");
	return err_advise(e, "set resolver in section [dns] of certd.conf");
}
