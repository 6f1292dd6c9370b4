/* SPDX-License-Identifier: BSD-2-Clause */
/* INI text into a struct by a table of keys (syntax read by libinih).
 *
 * A section may be fixed ("http") or repeated with a name ("[target ps1]" for the section
 * "target"). Lists are comma-separated; a long value may go on in indented lines. Unknown sections
 * and keys, values out of range and keys set twice are errors with file and line. Not thread-safe:
 * load into a struct of your own.
 */
#ifndef XCAPD_BASE_CONFIG_H
#define XCAPD_BASE_CONFIG_H

#include "base/text.h"

#include <stdio.h>

enum config_type {
	CONFIG_TEXT,     /* struct span */
	CONFIG_LIST,     /* struct span_list */
	CONFIG_BOOL,     /* bool: yes, no */
	CONFIG_NUMBER,   /* uint64_t */
	CONFIG_SIZE,     /* uint64_t, octets */
	CONFIG_DURATION, /* uint64_t, milliseconds */
	CONFIG_CHOICE,   /* int: index into `choices` */
};

struct span_list {
	const struct span *items;
	size_t count;
};

struct config_key {
	const char *section;
	const char *key;
	enum config_type type;
	size_t offset;        /* in the settings struct; for a repeated section, in its element */
	const char *standard; /* the default, as it would be written; NULL: none */
	uint64_t least, most; /* numbers, sizes, durations; most 0: no bound */
	const char *const *choices; /* NULL-terminated */
	const char *help;           /* one line */
};

/* A section that may come several times, each with a name of its own: [section NAME]. */
struct config_repeated {
	const char *section;
	size_t element_size; /* the element's first member is `struct span name` */
	size_t array_offset; /* in the settings struct: void *array .. */
	size_t count_offset; /* .. and size_t count */
};

struct config_schema {
	const struct config_key *keys;
	size_t key_count;
	const struct config_repeated *repeated;
	size_t repeated_count;
};

/* Fills `settings` (its values live in the arena) with defaults, then with the file's. False:
 * problems were told, a line each ("FILE:LINE: what is wrong"), to `problems`. */
bool config_load(struct arena *arena, const struct config_schema *schema, const char *path,
	void *settings, FILE *problems);

#endif
