/* SPDX-License-Identifier: BSD-2-Clause */
/* Elements that a document shows in a generated one (RFC 4826 §4.4.9: every service of every user
 * in one index): their octets, with the namespace declarations that they need made explicit.
 */
#ifndef XCAPD_AUIDS_SHOWN_H
#define XCAPD_AUIDS_SHOWN_H

#include "auids/private.h"

/* Gives each claim the content of the element that makes it: the element number ordinals[i] of the
 * document, counted from 0 in document order; SIZE_MAX: none. Ordinals ascend. False:
 * constraint-failure when declarations made explicit would take far more room than the document,
 * CONFLICT_NONE without memory. */
bool shown_fill(const struct usage *usage, struct arena *arena, struct span body,
	struct claim *claims, const size_t *ordinals, size_t count, struct conflict *why);

#endif
