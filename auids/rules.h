/* SPDX-License-Identifier: BSD-2-Clause */
/* A usage's own rules: uniqueness, claims, forms of URIs (RFC 4825 §8.2.5). One pass over the
 * tree, values hashed under a secret key: linear whatever the document holds.
 */
#ifndef XCAPD_AUIDS_RULES_H
#define XCAPD_AUIDS_RULES_H

#include "auids/private.h"

#include <libxml/tree.h>

/* Uniqueness first, then URIs. False: uniqueness-failure with the fields, constraint-failure, or
 * CONFLICT_NONE without memory. */
bool rules_accept(const struct usage *usage, struct arena *arena, const struct doc_id *id,
	xmlDoc *document, struct span body, struct verdict *verdict_out, struct conflict *why);

/* Who knows whether other values are to be had. */
struct asking {
	claim_free *is_free; /* NULL: nobody */
	void *context;
};

/* Makes a uniqueness-failure of the place in the document that makes this claim. */
void rules_taken(const struct usage *usage, struct arena *arena, xmlDoc *document,
	const struct claim *claim, const struct asking *asking, struct conflict *why);

#endif
