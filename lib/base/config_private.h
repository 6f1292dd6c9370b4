/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the two halves of base/config: what stands in the file, before it has types. */
#ifndef XCAPD_BASE_CONFIG_PRIVATE_H
#define XCAPD_BASE_CONFIG_PRIVATE_H

#include "base/config.h"

/* One key as it was set. */
struct config_entry {
	struct config_entry *next;
	const struct config_key *key;
	unsigned line;
	struct buffer value; /* trimmed only when converted */
	const void *field;   /* where its value went; NULL before that */
};

/* One section; a fixed one that comes again goes on in the first. */
struct config_section {
	struct config_section *next;
	const struct config_repeated *repeated; /* NULL: a fixed one */
	const char *section;                    /* the schema's */
	struct span name;                       /* of a repeated one */
	unsigned line;
	const void *element; /* of a repeated one, once it is there */
	struct config_entry *entries;
};

struct config_origin {
	struct arena *arena;
	const char *path;
	FILE *problems;
	const struct config_schema *schema;
	const void *settings;
	bool good;
	struct config_section *sections; /* in the file's order */
};

/* Splits the text into sections and keys that the schema knows and tells of everything else. */
void config_parse(
	struct config_origin *origin, const struct config_schema *schema, struct span text);

/* "FILE:LINE: ..."; line 0: of the file as a whole. */
void config_problem_at(struct config_origin *origin, unsigned line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
