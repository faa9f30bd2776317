/* config.h - certd.conf and certbot's cli.ini, as one struct of settings. */
#ifndef CONFIG_H
#define CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "text.h"

#define CONFIG_FILE "/etc/certd/certd.conf"
#define ACME_SERVER_DEFAULT "https://acme-v02.api.letsencrypt.org/directory"
#define ACME_SERVER_STAGING \
	"https://acme-staging-v02.api.letsencrypt.org/directory"

enum key_kind { /* of a certificate; also a message field */
	KEY_EC_P256 = 1,
	KEY_EC_P384 = 2,
	KEY_RSA_2048 = 3,
	KEY_RSA_3072 = 4,
	KEY_RSA_4096 = 5,
	KEY_EC_P521 = 6, /* accounts made elsewhere only */
};
#define KEY_KIND_MAX 6

struct rules; /* config_rule.h */

/* Texts are heap copies, "" where nothing is set and there is no default. */
struct config {
	/* [certd] */
	char *config_dir, *state_dir, *runtime_dir;
	char *worker_user, *dns_user, *sign_user;
	char *admin_group, *store_group;
	bool store_group_set;	  /* somebody wrote store-group down */
	uint32_t idle_secs;	  /* idle-timeout; 0 never */
	bool idle_set;
	bool jail_kill;		  /* jail = kill (refuse): for tests */
	/* [acme] */
	char *server, *email, *acme_ca;
	bool agree_tos;
	uint32_t max_per_day; /* of one set of names; 0: any number */
	uint32_t max_orders;
	uint32_t order_tries, order_pause_secs;
	char *preferred_chain;
	bool reuse_key, must_staple; /* cli.ini only */
	enum key_kind key_kind;	  /* key-type, rsa-key-size, elliptic-curve */
	/* [dns] */
	char *provider, *credentials, *api_url, *dns_ca, *resolver;
	uint32_t propagation_timeout_secs, propagation_settle_secs;
	uint32_t propagation_least_secs; /* cli.ini's propagation-seconds */
	char *alias;	   /* "FROM->TO,..." */
	char *doh_servers; /* "URL@IP@IP,..." */
	uint32_t doh_wait_secs;
	/* [policy] */
	struct rules *rules; /* NULL: none */
	/* [hooks] */
	uint32_t hook_timeout_secs;
	/* cli.ini only */
	char *pre_hook, *post_hook, *deploy_hook;
	bool no_directory_hooks, no_hook_validation;
};

/* Reads file (NULL: CONFIG_FILE, which need not exist), then cli.ini of its
 * config-dir where readable. Warnings about unknown keys go to the log where
 * warn is set. A bad value is an error that names file, line, key, value and
 * what is allowed. *out is freed with config_free(). */
struct err	*config_load(const char *file, bool warn, struct config **out);
void		 config_free(struct config *c);

/* "ecdsa" and a curve, or "rsa" and a size, as certbot writes them; false when
 * it is no kind that we know. curve and size may be NULL. */
bool		 key_kind_of(const char *type, const char *curve,
		    const char *size, enum key_kind *out);
/* "ECDSA" or "RSA", as `certbot certificates` prints it. */
const char	*key_kind_name(enum key_kind kind);
/* Where the alias of a challenge name leads: true where there is one. *to
 * borrows from c. */
bool		 config_alias_of(const struct config *c, struct str name,
		    struct str *to);
/* The resolvers over HTTPS, at most max: their URLs, and the addresses of each
 * ("IP@IP"), borrowed from c. */
size_t		 config_doh_servers(const struct config *c, struct str *urls,
		    struct str *addresses, size_t max);
/* Reads "90", "90s", "10m", "2h", "1d". */
bool		 duration_parse(const char *text, uint32_t *secs);

#endif
