/* SPDX-License-Identifier: BSD-2-Clause */
/* Entity tags and the conditions that name them (RFC 4825 §8.5, RFC 9110 §8.8.3 and §13.1).
 *
 * An etag is the store's random generation and the number of the change that made the version:
 * strong and never used twice, not after delete and re-create either. Pure text: any thread.
 */
#ifndef XCAPD_XCAP_ETAG_H
#define XCAPD_XCAP_ETAG_H

#include "base/text.h"

enum { ETAG_TEXT_MAX = 32 };

struct etag {
	uint64_t generation;
	uint64_t number; /* 0: no etag, "there is no document" */
};

bool etag_equal(struct etag a, struct etag b);

/* Writes the tag without quotes, NUL-terminated; letters, digits, '-', '_' only. Returns its
 * length. */
size_t etag_text(struct etag etag, char out[ETAG_TEXT_MAX]);

/* Reads exactly what etag_text writes, without quotes. */
bool etag_parse(struct span text, struct etag *out);

/* If-Match and If-None-Match of one request. Zero-initialised: no condition. */
struct condition {
	bool present;
	bool any;                /* "*" */
	const struct span *tags; /* the opaque tags without quotes */
	const bool *weak;        /* parallel to tags */
	size_t count;
};

struct conditions {
	struct condition match;
	struct condition none_match;
};

/* Adds one header field's value (a field may come several times). Tolerates an unquoted tag and one
 * in doubled quotes ("""x""" is "x"). False when it cannot be read at all, or without memory. */
bool condition_add(struct arena *arena, struct condition *condition, struct span value);

enum conditions_verdict {
	CONDITIONS_PASS,
	CONDITIONS_UNCHANGED, /* 304, only when reading */
	CONDITIONS_FAILED,    /* 412 */
};

/* current.number == 0: there is no such document. Weak tags never match If-Match; If-None-Match
 * compares weakly, whatever the method (RFC 9110 §13.1.2). */
enum conditions_verdict conditions_judge(
	const struct conditions *conditions, struct etag current, bool reading);

#endif
