/*
 * proto.h - the only place where two of our programs meet: messages as C
 * structs, made from messages.def, and their wire form.
 *
 * A frame is a 4-byte big-endian length and one msgpack array
 * [type, request number, field, ...].
 */
#ifndef PROTO_H
#define PROTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "text.h"

#define PROTO_VERSION	 1
#define PROTO_FRAME_MAX	 (256 * 1024) /* only messages with a chain reach it */
#define PROTO_TEXTS_BYTES 512	      /* of one text in a list of texts */

enum role { /* bits, so that a row can say ANY */
	ROLE_ADMIN = 1,	     /* certctl */
	ROLE_MONITOR = 2,    /* certd */
	ROLE_SIGNER = 4,     /* certd-sign */
	ROLE_PUBLISHER = 8,  /* certd-dns */
	ROLE_HOOK = 16,	     /* certd-hook */
	ROLE_WORKER = 32,    /* acmew */
	ROLE_ANY = 63,
};

enum phase { /* bits: a row may be legal in several */
	PH_NEW = 1,	/* connection: nothing said yet */
	PH_OPEN = 2,	/* connection: hello is over */
	JP_START = 4,	/* job: until its order is signed */
	JP_ORDER = 8,	/* job: until finalize is signed */
	JP_FINAL = 16,	/* job: until the chain is stored */
	JP_STORED = 32, /* job: only to be finished */
	JP_CLOSE = 64,	/* job: it has failed, its order is being closed */
	JP_LOOK = 128,	/* job: one that only looks, until it ends */
	PH_JOBS = JP_START | JP_ORDER | JP_FINAL | JP_STORED | JP_CLOSE |
	    JP_LOOK,
};

enum job_kind {
#define KIND(name, word) KIND_##name,
#include "kinds.def"
#undef KIND
	KIND_N
};

/* What acmew may ask to have signed. Which job may have which, when and how
 * often, stands in certd/monitor/policy.c. */
enum verb {
	VERB_NEW_ACCOUNT = 1, /* newAccount, with the account's public key */
	VERB_NEW_ORDER,	      /* newOrder for the names of the job */
	VERB_GET,	      /* POST-as-GET */
	VERB_ANSWER,	      /* start a challenge */
	VERB_FINALIZE,	      /* with the CSR of the job */
	VERB_CLOSE,	      /* deactivate an authorization */
	VERB_REVOKE,	      /* the certificate of the job */
	VERB_CONTACT,	      /* the account's new contacts */
	VERB_DEACTIVATE,      /* the account */
	VERB_ROLL_OVER,	      /* keyChange, to the job's new account key */
	VERB_FIND_NEW,	      /* newAccount, only if known, with the new key */
	VERB_FIND_OLD,	      /* the same with the key from before */
	VERB_N
};

enum verdict { VERDICT_OK, VERDICT_WARN, VERDICT_BAD };

/* What acmew has looked at, for doctor. */
enum probe_about {
	PROBE_CA,    /* does the CA answer */
	PROBE_CLOCK, /* this machine's, against the CA's */
	PROBE_DNS,   /* the name servers of a zone */
	PROBE_N
};

/* What a file that certctl hands over is. */
enum file_use {
	FILE_CERTIFICATE, /* to be revoked */
	FILE_KEY,	  /* the private key that goes with it */
	FILE_BINDING,	  /* the CA's HMAC key for an account */
	FILE_TOKEN,	  /* of the DNS provider, to be tried */
	FILE_N
};

enum cert_status { CERT_VALID, CERT_EXPIRED, CERT_REVOKED, CERT_BROKEN };

/* What certd cannot decide without a person, or an option in its place. */
enum question_kind {
	QUESTION_EXPAND = 1, /* --expand or --duplicate */
	QUESTION_OTHER_NAMES, /* --cert-name or --duplicate */
	QUESTION_NEW_NAMES,  /* --renew-with-new-domains; without a person: yes */
	QUESTION_KEY_TYPE,   /* --cert-name and --key-type */
	QUESTION_TERMS,	     /* --agree-tos */
	QUESTION_N
};

/* Why a certificate was left as it is. */
enum kept_state {
	KEPT_FINE,     /* there is nothing to do */
	KEPT_WAITING,  /* it is due, but has failed before: later */
	KEPT_PRESSING, /* likewise, and it expires soon */
	KEPT_N
};

enum stage {
#define STAGE(name, label) STAGE_##name,
#include "stages.def"
#undef STAGE
	STAGE_N
};

/* Lower-case word ("propagate") and a label for people ("waiting for ..."). */
const char	*stage_word(uint32_t stage);
const char	*stage_label(uint32_t stage);
const char	*verb_word(uint32_t verb);
const char	*kind_word(uint32_t kind);

enum request_option {
#define OPTION(name, number, word, argument, who) OPTION_##name = number,
#include "options.def"
#undef OPTION
};

struct option_row {
	enum request_option option;
	const char *word;  /* long option, without dashes */
	bool has_value;
	bool root_only;
};
extern const struct option_row option_table[];
extern const size_t	       option_table_n;

enum msg_type {
#define BEGIN(name, number, from, to, phases, fd) MSG_##name = number,
#define FIELD(msg, field, type, bound)
#define END(name)
#include "messages.def"
#undef BEGIN
#undef FIELD
#undef END
	MSG_MAX_TYPE = 255
};

/* C types of the field types. */
typedef uint32_t   ft_u32;
typedef uint64_t   ft_u64;
typedef bool	   ft_flag;
typedef struct str ft_text, ft_b64u, ft_hex, ft_name, ft_record, ft_url,
    ft_bytes;
typedef struct strs ft_names, ft_texts;

/* struct msg_sign { uint32_t job; uint32_t verb; ... } and so on. A struct
 * without fields has a filler, because C has no empty structs. */
#define BEGIN(name, number, from, to, phases, fd) \
	struct msg_##name { char filler_;
#define FIELD(msg, field, type, bound) ft_##type field;
#define END(name) };
#include "messages.def"
#undef BEGIN
#undef FIELD
#undef END

/* Any message: m.type says which member is meant. Strings borrow from the
 * frame that was decoded (or from the caller, when sending). */
struct msg {
	enum msg_type type;
	uint32_t id; /* request number: an answer repeats that of its request */
	union {
#define BEGIN(name, number, from, to, phases, fd) struct msg_##name name;
#define FIELD(msg, field, type, bound)
#define END(name)
#include "messages.def"
#undef BEGIN
#undef FIELD
#undef END
	};
	struct str *lists_; /* storage of the lists; see msg_clear() */
};

enum field_type { FT_u32, FT_u64, FT_flag, FT_text, FT_b64u, FT_hex, FT_name,
	FT_record, FT_url, FT_bytes, FT_names, FT_texts };

struct field_row {
	const char *name;
	enum field_type type;
	uint64_t bound;
	size_t offset; /* of the field in struct msg */
};

struct msg_def {
	enum msg_type type;
	const char *name;
	uint32_t from, to; /* enum role */
	uint32_t phases;   /* enum phase */
	bool has_fd;
	const struct field_row *fields;
	size_t n_fields;
	size_t max_bytes; /* of its frame without the length: from the bounds */
};

/* The table, in the order of messages.def. */
extern const struct msg_def *const msg_table[];
extern const size_t		   msg_table_n;
/* NULL where no message has this number. */
const struct msg_def	*msg_row(uint32_t type);
/* Whether its phases are those of a job: of the one that its first field
 * names. (watch and others name a job too, but are said to the connection.) */
bool		 msg_is_of_job(const struct msg_def *row);

struct buf;

/* Appends the frame of m, length included. An error where a field is out of
 * its bounds: the sender is at fault, nothing was appended. */
struct err	*msg_encode(const struct msg *m, struct buf *out);
/* Decodes a frame of n bytes (without the length). Walked first: depth, counts
 * against the bytes that are there, types, no ext, no trailing bytes; then
 * unpacked, then every field is held against its row. Strings in *m borrow
 * from frame. On success the caller calls msg_clear() when done. */
struct err	*msg_decode(const char *frame, size_t n, struct msg *m);
/* Frees the lists of a decoded message. */
void		 msg_clear(struct msg *m);
/* May role `from` send it to role `to`, with or without a descriptor, in this
 * phase (one bit of enum phase)? NULL when it may, else the reason. */
const char	*msg_problem(const struct msg_def *row, uint32_t from,
		    uint32_t to, uint32_t phase, bool with_fd);
/* One line for the log, "sign job=3 verb=2 url=... nonce=...", cut to size;
 * bytes are shown as their number. */
void		 msg_describe(const struct msg *m, char *out, size_t size);

/* ---- a connection that blocks: certctl ---- */
/* Sends m, completely. */
struct err	*msg_send(int fd, const struct msg *m);
/* The same with an open file (-1: none), which stays the caller's. */
struct err	*msg_send_file(int fd, const struct msg *m, int file);
/* Waits for a frame into in (emptied first) and decodes it into m. At the end
 * of the stream *m has type 0. timeout_msecs -1: for ever; when it runs out
 * the type is 0 too and *timed_out is set. A frame that has begun has 10 s to
 * become whole. On success the caller calls msg_clear() when done. */
struct err	*msg_recv(int fd, struct buf *in, int timeout_msecs,
		    struct msg *m, bool *timed_out);

#endif
