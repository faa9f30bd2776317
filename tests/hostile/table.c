/*
 * table.c - the message table as JSON, for the hostile suite: what it sends is
 * made from the rows, so that a message is attacked from the day it is added.
 *
 * Runs in:  tests only.
 * Promise:  everything printed comes from proto/ as it was compiled.
 */
#include <inttypes.h>
#include <stdio.h>

#include "proto.h"

static const char *const types[] = { [FT_u32] = "u32", [FT_u64] = "u64",
	[FT_flag] = "flag", [FT_text] = "text", [FT_b64u] = "b64u",
	[FT_hex] = "hex", [FT_name] = "name", [FT_record] = "record",
	[FT_url] = "url", [FT_bytes] = "bytes", [FT_names] = "names",
	[FT_texts] = "texts" };

static void
print_message(const struct msg_def *row)
{
	const struct field_row *f;
	size_t i;

	printf("{\"name\":\"%s\",\"number\":%d,\"from\":%" PRIu32
	       ",\"to\":%" PRIu32 ",\"phases\":%" PRIu32 ",\"fd\":%s,"
	       "\"of_job\":%s,\"max_bytes\":%zu,\"fields\":[",
	    row->name, (int)row->type, row->from, row->to, row->phases,
	    row->has_fd ? "true" : "false",
	    msg_is_of_job(row) ? "true" : "false", row->max_bytes);
	for (i = 0; i < row->n_fields; i++) {
		f = &row->fields[i];
		printf("%s{\"name\":\"%s\",\"type\":\"%s\",\"bound\":%" PRIu64
		       "}",
		    i == 0 ? "" : ",", f->name, types[f->type], f->bound);
	}
	printf("]}");
}

int
main(void)
{
	size_t i;

	printf("{\"version\":%d,\"frame_max\":%d,\"text_of_list_max\":%d,"
	       "\"stages\":%d,\"roles\":{\"admin\":%d,"
	       "\"monitor\":%d,\"signer\":%d,\"publisher\":%d,\"hook\":%d,"
	       "\"worker\":%d},\"phases\":{\"new\":%d,\"open\":%d,"
	       "\"start\":%d,\"order\":%d,\"final\":%d,\"stored\":%d,"
	       "\"look\":%d},"
	       "\"verbs\":{",
	    PROTO_VERSION, PROTO_FRAME_MAX, PROTO_TEXTS_BYTES, STAGE_N,
	    ROLE_ADMIN, ROLE_MONITOR, ROLE_SIGNER, ROLE_PUBLISHER, ROLE_HOOK,
	    ROLE_WORKER, PH_NEW, PH_OPEN, JP_START, JP_ORDER, JP_FINAL,
	    JP_STORED, JP_LOOK);
	for (i = 1; i < VERB_N; i++)
		printf("%s\"%s\":%zu", i == 1 ? "" : ",",
		    verb_word((uint32_t)i), i);
	printf("},\"messages\":[");
	for (i = 0; i < msg_table_n; i++) {
		printf("%s\n", i == 0 ? "" : ",");
		print_message(msg_table[i]);
	}
	printf("],\n\"options\":[");
	for (i = 0; i < option_table_n; i++)
		printf("%s\n{\"number\":%d,\"word\":\"%s\",\"value\":%s,"
		       "\"root\":%s}",
		    i == 0 ? "" : ",", (int)option_table[i].option,
		    option_table[i].word,
		    option_table[i].has_value ? "true" : "false",
		    option_table[i].root_only ? "true" : "false");
	printf("]}\n");
	return 0;
}
