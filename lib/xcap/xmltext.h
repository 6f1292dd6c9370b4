/* SPDX-License-Identifier: BSD-2-Clause */
/* Names, characters and attribute values of XML 1.0, as plain text (XML 1.0 §2.2, §2.3, §3.3.3,
 * §4.1; Namespaces in XML 1.0 §4). Any thread; any input; nothing is read outside the span.
 */
#ifndef XCAPD_XCAP_XMLTEXT_H
#define XCAPD_XCAP_XMLTEXT_H

#include "base/text.h"

#define XML_NAMESPACE                                                              \
	"http://www.w3.org/XML/1998/namespace" /* what the prefix xml always means \
						*/

/* Octets of the NCName at the start of text; 0 when there is none. */
size_t ncname_size(struct span text);

/* Is that the local part of a qualified name? Then *prefix_out is what stands before the colon,
 * empty without one. */
static inline bool qname_ends(struct span qname, struct span local, struct span *prefix_out)
{
	if (qname.size < local.size)
		return false;
	size_t before = qname.size - local.size, i = 0;
	const char *end = qname.data + before;
	if (before && end[-1] != ':')
		return false;
	while (i < local.size && end[i] == local.data[i])
		i++;
	*prefix_out = (struct span){ qname.data, before ? before - 1 : 0 };
	return i == local.size;
}

/* Are these UTF-8 octets characters that XML 1.0 allows? (utf8_valid has been asked before.) */
bool xml_characters(struct span text);

/* A value as it stands between its quotes, and the text that it means: references decoded, each
 * literal tab, LF, CR and CR LF a space. */

/* Do they mean the same? False too when `stored` is no legal value. */
bool value_equal(struct span stored, struct span meant);

/* A place that every value between quotes which means `meant` ends behind; octets.size: there is no
 * such value. (Only a look: 0 when `meant` is empty or has a space, and not past the first '&'.) */
size_t value_first(struct span octets, struct span meant);

/* What it means. False when it is no legal value (a '<', a '&' that begins no reference, a
 * reference to what is not there) or without memory: then out->data is NULL. A shorter form of a
 * value never grows by this. */
bool value_decode(struct arena *arena, struct span stored, struct span *out);

/* Is it legal between quotes, but for the quotes themselves? *bad_out (may be NULL) is the offset
 * of the first octet that is not. */
bool value_legal(struct span stored, size_t *bad_out);

#endif
