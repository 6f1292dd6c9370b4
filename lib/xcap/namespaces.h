/* SPDX-License-Identifier: BSD-2-Clause */
/* The namespace declarations in scope at an element (Namespaces in XML 1.0 §6, RFC 4825 §10). */
#ifndef XCAPD_XCAP_NAMESPACES_H
#define XCAPD_XCAP_NAMESPACES_H

#include "xcap/selector.h"

struct declaration {
	struct span prefix; /* empty: the default namespace */
	struct span stored; /* its value as stored, without quotes (they stand around it) */
};

struct declarations {
	const struct declaration *items;
	size_t count;
};

/* In scope at trail->tags[depth - 1], each prefix once, the default namespace first, the others in
 * the order of their octets; without xml, and without a default that was taken back by xmlns="".
 * False without memory. */
bool namespaces_in_scope(
	struct arena *arena, const struct trail *trail, size_t depth, struct declarations *out);

/* The body of a GET of namespace::* (application/xcap-ns+xml): an empty element with the name of
 * the one chosen and all declarations in scope. Nothing chosen, or many: *body_out is none. False:
 * no memory, or octets that cannot be scanned. */
bool selector_namespaces(struct arena *arena, const struct selector *selector, struct span document,
	struct span *body_out);

#endif
