/* SPDX-License-Identifier: BSD-2-Clause */
/* What a usage may ask of a URI in a document (RFC 4825 §5.3: URI constraints). Only the text is
 * looked at, nothing is fetched. Clients percent-encode whole URIs (`http%3A//..`), so forms are
 * judged on the decoded text.
 */
#ifndef XCAPD_AUIDS_URIS_H
#define XCAPD_AUIDS_URIS_H

#include "auids/private.h"

/* NULL when the value fits the rule; else what it should be ("must be .."), or uri_no_memory. */
const char *uri_fault(struct arena *arena, const struct usage *usage, const struct rule *rule,
	const struct doc_id *id, struct span value);
extern const char uri_no_memory[];

/* One text for all spellings of a URI that name one service: percent-encoding undone, scheme, host
 * and parameters in lower case, parameters in order, headers dropped (after RFC 4826 §5). Not fit
 * to be shown as a URI. data == NULL without memory. */
struct span uri_canonical(struct arena *arena, struct span value);

/* Another URI like this one, with a random addition to its user part. */
struct span uri_alternative(struct arena *arena, struct span value);

#endif
