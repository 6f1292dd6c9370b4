/* SPDX-License-Identifier: BSD-2-Clause */
/* The namespace declarations in scope along a path of elements, for many questions about few of
 * them: each is read once, found by its prefix in a time that hardly grows with their number, and
 * compared at most once with each namespace that is asked for (Namespaces in XML 1.0 §6).
 *
 * Everything lies in the caller's structs; the spans are the document's. One thread at a time.
 */
#ifndef XCAPD_XCAP_SCOPE_H
#define XCAPD_XCAP_SCOPE_H

#include "xcap/scan.h"

enum { SCOPE_MAX = 256 }; /* declarations: the judge takes no more in scope at one place */

/* An element's declarations come after those of the elements around it, so that the first
 * `in_scope` ones are what holds at an element entered before. */
struct scope {
	size_t count;
	bool full; /* there was no room for all: ask scope_find instead */
	struct {
		struct span prefix, stored;
	} items[SCOPE_MAX];
	uint16_t sorted[SCOPE_MAX]; /* by prefix, the same one by its index */
};

/* Which of a scope's declarations mean one namespace, as far as it was asked. */
struct meaning {
	struct span space;
	uint64_t asked[SCOPE_MAX / 64], same[SCOPE_MAX / 64];
};

void scope_begin(struct scope *scope);

/* Adds what the tag declares. */
void scope_enter(struct scope *scope, struct span document, const struct tag *tag);

/* The innermost declaration of a prefix among the first `in_scope`; false: there is none. */
bool scope_declares(
	const struct scope *scope, size_t in_scope, struct span prefix, size_t *index_out);

/* Does a prefix mean meaning->space there? The empty prefix and xml always mean something. */
bool scope_means(
	const struct scope *scope, size_t in_scope, struct span prefix, struct meaning *meaning);

#endif
