/* SPDX-License-Identifier: BSD-2-Clause */
/* Is the body of a PUT to a part of a document what it has to be? (RFC 4825 §8.2.2)
 *
 * False from each call: *why says so; kind CONFLICT_NONE means that there was no memory. */
#ifndef XCAPD_XCAP_FRAGMENT_H
#define XCAPD_XCAP_FRAGMENT_H

#include "xcap/namespaces.h"
#include "xcap/xml.h"

/* One element, which may use the prefixes in scope at trail->tags[trail->depth - 1]. A byte order
 * mark and whitespace around it are left out of *element_out: what is put has to be what is then
 * got, and putting it twice must not pile them up. For the same reason nothing else (XML
 * declaration, DOCTYPE, comment, processing instruction, text, a second element) may stand beside
 * it: not-xml-frag. Octets that are no UTF-8: not-utf-8. */
bool fragment_element(struct arena *arena, const struct trail *trail, struct span body,
	const struct xml_limits *limits, struct span *element_out, struct conflict *why);

/* An attribute value in either quotes, whitespace around them allowed, or without any: *value_out
 * is the text between. A body that begins with a quote has to end with it. not-xml-att-value, or
 * not-utf-8. */
bool fragment_value(struct span body, struct span *value_out, struct conflict *why);

#endif
