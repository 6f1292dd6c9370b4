/* SPDX-License-Identifier: BSD-2-Clause */
/* INI text into a struct by a table of keys (syntax read by libinih).
 *
 * A section may be fixed ("http") or repeated with a name ("[target ps1]" for the section
 * "target"); such a NAME is of letters, digits, '.', '_' and '-'. Lists are comma-separated. A long
 * value may go on in indented lines: what they add to a list are further items, to other values
 * further words. '#' or ';' begin a comment line, white space and ';' a comment behind a value.
 * Unknown sections and keys, values out of range and keys set twice are errors with file and line.
 * A file is UTF-8 (a byte order mark may stand first) without control characters, at most 4 MiB.
 * Not thread-safe: load into a struct of your own.
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

/* Where values came from; lives in the arena of config_load, as does what it points to. */
struct config_origin; /* opaque */

/* Fills `settings` (its values live in the arena) with defaults, then with the file's. False:
 * problems were told to `problems`, all of them, a line each ("FILE:LINE: what is wrong", or "FILE:
 * ..." for the file as a whole); what could not be read keeps its default. *origin_out serves
 * checks that come after; it is NULL if there is nothing to check: no file, no memory. */
bool config_load(struct arena *arena, const struct config_schema *schema, const char *path,
	void *settings, FILE *problems, struct config_origin **origin_out);

/* Tells a problem of the value that was stored at `field` (in the settings struct or an array of
 * it), with its line if the file set it. The first member of an element stands for its section. */
void config_problem(struct config_origin *origin, const void *field, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* No problem was told so far? */
bool config_good(const struct config_origin *origin);

/* What a key takes, in short: "0..1024", "1K..64G", "yes, no", "udp, tcp"; "text" or "list" for
 * free values. NUL-terminated; data == NULL without memory. */
struct span config_range(struct arena *arena, const struct config_key *key);

#endif
