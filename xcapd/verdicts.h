/* SPDX-License-Identifier: BSD-2-Clause */
/* Large documents that were judged good a moment ago: phones put the same list again and again, and
 * a megabyte costs twenty milliseconds to judge. A verdict is remembered by a hash of the octets,
 * of where they are put and of the set of usages that judged them, never by anything less. Any
 * thread.
 */
#ifndef XCAPD_XCAPD_VERDICTS_H
#define XCAPD_XCAPD_VERDICTS_H

#include "xcap/principal.h"
#include "xcap/uri.h"

struct verdicts; /* opaque: a table of fixed size */

/* What a verdict is remembered by. */
struct verdict_key {
	char hex[DIGEST_HEX_MAX];
};

bool verdicts_new(struct verdicts **out);
void verdicts_free(struct verdicts **verdicts); /* leaves NULL behind */

/* `rules` is the serial number of the configuration in force. */
struct verdict_key verdict_key(uint64_t rules, const struct doc_id *id, struct span octets);
bool verdicts_know(struct verdicts *verdicts, const struct verdict_key *key);
void verdicts_learn(struct verdicts *verdicts, const struct verdict_key *key);

#endif
