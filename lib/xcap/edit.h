/* SPDX-License-Identifier: BSD-2-Clause */
/* Edits of one element or attribute: a splice of octets (RFC 4825 §8.2.1 to §8.2.4, §8.4).
 *
 * Everything outside the splice stays as it is, octet for octet. After it the selector is evaluated
 * again: it has to choose exactly what was put, or nothing after a deletion. Whether the new
 * document is a good one (limits, schema, constraints) is the caller's question. Pure text: any
 * thread.
 *
 * False from each call: *why says what is wrong; kind CONFLICT_NONE means that there was no memory
 * (or octets that never passed the judge). Not for selectors that end in namespace::* (405).
 */
#ifndef XCAPD_XCAP_EDIT_H
#define XCAPD_XCAP_EDIT_H

#include "xcap/fragment.h"

struct edit_result {
	struct span document;  /* the new one, in the arena */
	struct span component; /* what was put, as it stands in the new document: the element, or
				  the value without quotes; none after a deletion */
	bool created;          /* false: replaced */
};

/* Is there exactly one element to put into? (A root element's parent is the document.) False:
 * no-parent, and why->ancestor is the part of the node selector that chooses the closest ancestor,
 * percent-encoded, without its query; empty for the document itself. edit_put asks again. */
bool edit_parent(const struct selector *selector, struct span document, struct conflict *why);

/* Puts the element or attribute value in `body` where the selector says: in place of what it
 * chooses, else at the place that §8.2.3 dictates. A parent written as an empty-element tag is
 * opened. An attribute in a namespace is created with a prefix that is bound to it there.
 * Conflicts: no-parent, not-xml-frag, not-xml-att-value, not-utf-8, cannot-insert. */
bool edit_put(struct arena *arena, const struct selector *selector, struct span document,
	struct span body, const struct xml_limits *limits, struct edit_result *out,
	struct conflict *why);

/* Takes out what the selector chooses: an element alone, or an attribute with the space before it
 * (so that a deletion undoes a creation exactly). When it chooses nothing, or many, *absent_out is
 * true (404). Conflict: cannot-delete, always for the root element. */
bool edit_delete(struct arena *arena, const struct selector *selector, struct span document,
	struct edit_result *out, struct conflict *why, bool *absent_out);

#endif
