/* SPDX-License-Identifier: BSD-2-Clause */
/* Walks the octets of a document: where its elements and attributes begin and end, and which
 * namespaces are in scope (XML 1.0 §2 and §3, Namespaces in XML 1.0 §6).
 *
 * No tree, no allocation. What it says is right for a document that passed the judge (xml.h); for
 * any other octets it says something or SCAN_BROKEN, and reads nothing outside them. A byte order
 * mark, comments, processing instructions, CDATA and text are passed over. Any thread.
 */
#ifndef XCAPD_XCAP_SCAN_H
#define XCAPD_XCAP_SCAN_H

#include "xcap/xmltext.h"

struct attribute {
	size_t start, end; /* offsets of the name's first octet and past the closing quote */
	struct span name;  /* as written */
	struct span value; /* between the quotes, as stored: see value_equal */
};

/* A start tag, an empty-element tag or an end tag. */
struct tag {
	size_t start, end;        /* offsets of '<' and past '>' */
	struct span name;         /* as written, with its prefix */
	bool empty;               /* <a/> */
	bool declares;            /* holds a namespace declaration */
	struct attribute watched; /* first one that the scan watches for; end 0: none */
};

struct scan {
	struct span document;
	size_t at;         /* 0 at first; past a start tag: the element's content */
	struct span watch; /* local name of an attribute that tags should tell of, or none */
};

enum scan_event {
	SCAN_OPEN,  /* a start tag or an empty-element tag */
	SCAN_CLOSE, /* an end tag; none comes after an empty-element tag */
	SCAN_END,   /* no tag any more */
	SCAN_BROKEN,
};

enum scan_event scan_next(struct scan *scan, struct tag *tag_out);

/* From the content of an element to past its end tag, however deep; *close_out (may be NULL) is the
 * end tag's offset. False: broken, or it never ends. */
bool scan_skip(struct scan *scan, size_t *close_out);

/* From the content of an element to its first child (or whatever is no end tag) that ends, or whose
 * start tag ends, behind `until`; else to the element's end tag. False: broken, or it never ends.
 */
bool scan_pass(struct scan *scan, size_t until);

/* Past the end tag of the element that begins with this tag. */
bool scan_element_end(struct span document, const struct tag *tag, size_t *end_out);

/* One attribute after the other, namespace declarations included. Set *at to 0 at first; false
 * after the last. */
bool scan_attribute(
	struct span document, const struct tag *tag, size_t *at, struct attribute *attribute_out);

/* Is it xmlns="" or xmlns:p=""? *prefix_out is empty for the first. */
bool attribute_declares(const struct attribute *attribute, struct span *prefix_out);

/* Does the tag itself declare that prefix? *stored_out is the value as stored. */
bool tag_declares(
	struct span document, const struct tag *tag, struct span prefix, struct span *stored_out);

/* What a prefix means at tags[depth - 1], where each of the tags is a child of the one before it
 * and tags[0] the root: *stored_out is the declaration's value as stored, empty for "no namespace".
 * False: the prefix is not bound. The empty prefix always means something, xml too. */
bool scope_find(struct span document, const struct tag *tags, size_t depth, struct span prefix,
	struct span *stored_out);

#endif
