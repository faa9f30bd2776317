/*
 * setup.h - the inside of certctl setup: what was decided, and how it is put
 * into effect.
 */
#ifndef SETUP_H
#define SETUP_H

#include "certctl.h"
#include "config.h"
#include "ini.h"

struct buf;

struct setup {
	struct session *s;
	const char *file;    /* certd.conf, or what --settings says */
	struct config *cfg;  /* as it is before */
	struct ini *ini;     /* as it will be */
	char *token_path;    /* the new file with the token, or NULL */
	char *token_new;     /* its name until it has been tried */
	char *group;	     /* that may read private keys; "": root only */
};

/* ---- setup_file.c ---- */
/* Reads file into st->cfg and st->ini; it need not exist. */
struct err	*setup_read(struct setup *st);
/* Writes st->ini in its place, whole or not at all. */
struct err	*setup_write(const struct setup *st);
/* Writes the token (or certbot's file as it is) to a new file of mode 0400
 * beside certd.conf, which setup_token_keep() puts in place and
 * setup_token_drop() removes. */
struct err	*setup_token_write(struct setup *st, const struct buf *text);
struct err	*setup_token_keep(struct setup *st);
void		 setup_token_drop(struct setup *st);

/* ---- setup_token.c ---- */
/* From --token-file, or typed unseen, where there is none yet or another is
 * wanted; tried at Cloudflare through certd. */
struct err	*setup_token(struct setup *st);

/* ---- setup_store.c ---- */
/* The group may pass live/ and archive/, and read the keys that are there. */
struct err	*setup_modes(const struct setup *st);
/* Certificates that are in the store already. */
size_t		 setup_certificates(const struct setup *st);

/* ---- setup_units.c ---- */
bool		 has_systemd(void);
/* Whether certbot renews by itself. */
bool		 certbot_renews(void);
struct err	*certbot_disable(struct setup *st);
/* timer: systemd's, else cron's file. */
struct err	*renew_by(struct setup *st, bool timer);

#endif
