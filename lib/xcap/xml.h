/* SPDX-License-Identifier: BSD-2-Clause */
/* The judge: is this well-formed XML 1.0 in UTF-8 that is safe to keep? (RFC 4825 §8.2.2)
 *
 * libxml2 decides, fenced: no network, no DOCTYPE, no entities beyond the five, limits on depth,
 * attributes and size. Any thread; each parse has a context of its own.
 */
#ifndef XCAPD_XCAP_XML_H
#define XCAPD_XCAP_XML_H

#include "base/text.h"
#include "xcap/conflict.h"

struct _xmlDoc; /* libxml2's tree, for auids/ alone */

/* Of one element, namespace declarations included: the same for whoever stores documents. */
enum { XML_ATTRIBUTES_MOST = 256 };

struct xml_limits {
	size_t depth; /* elements within elements, the root is 1; libxml2's own 256 is the most */
	size_t attributes; /* of one element, namespace declarations included; also the most such
			      declarations that may be in scope at one place */
	size_t size;       /* octets of the document; 0: no limit */
};

/* Once, before any thread starts, and once at the end. */
void xml_start(void);
void xml_stop(void);

struct xml_document; /* opaque: octets that passed the judge, and their tree */

/* Judges a whole document. False: *why says not-well-formed (with line and column) or not-utf-8
 * (with the line and octet offset of the first bad octet). A byte order mark is fine; an encoding
 * declaration other than UTF-8 (US-ASCII included: it must be UTF-8, in any letter case) is
 * not-utf-8; a DOCTYPE is not-well-formed, and so is what breaks Namespaces in XML (a prefix that
 * is not bound); more octets than limits->size are a constraint-failure. Octets are counted from 0,
 * lines and columns from 1. Kind CONFLICT_NONE: no memory. `octets` must outlive the document. */
bool xml_parse(struct xml_document **out, struct span octets, const struct xml_limits *limits,
	struct conflict *why);
void xml_free(struct xml_document **document);

/* The tree, with line numbers; owned by the document, not to be changed. */
struct _xmlDoc *xml_tree(const struct xml_document *document);

#endif
