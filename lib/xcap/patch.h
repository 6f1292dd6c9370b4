/* SPDX-License-Identifier: BSD-2-Clause */
/* From two versions of a document to patch operations (RFC 5261) for the <d:document> element of a
 * diff body (diff.h): applied to the former version one after the other they give a document whose
 * canonical form with comments is that of the present one (RFC 5874 §1).
 *
 * Each `sel` counts elements ("*" steps with positions), in the document as patched so far.
 * Prefixes of what is added are declared on the operation as they are in scope at its target, so
 * that they stay as they are (RFC 5261 §4.2.3). The XML declaration is not patched and not
 * compared.
 *
 * Both versions have passed the judge (xml.h). Work and memory grow with their size, not with its
 * square; what is the same at both ends is not even parsed. Pure text: any thread.
 */
#ifndef XCAPD_XCAP_PATCH_H
#define XCAPD_XCAP_PATCH_H

#include "xcap/selector.h"
#include "xcap/xml.h"

enum patch_result {
	PATCH_MADE,
	PATCH_SAME,       /* canonically equal: there is nothing to do */
	PATCH_IMPOSSIBLE, /* another root element, another default namespace at the root, octets
			     that are no document, more than `most` octets of operations, or too
			     much to write before it was known */
	PATCH_NO_MEMORY,
};

/* Compares the trees. Small changes give few and small operations: children are matched by what
 * they hold, then by their names and key attributes, and what is matched is patched inside. `most`
 * bounds the operations, in octets. *ops_out is a zeroed buffer with its arena set; it holds
 * operations only when they were made. */
enum patch_result patch_between(struct arena *arena, struct span former, struct span now,
	size_t most, const struct xml_limits *limits, struct buffer *ops_out);

/* An edit of one element or attribute, as the feed tells of it. */
struct patch_edit {
	struct span selector;          /* percent-decoded */
	struct bindings bindings;      /* its prefixes */
	struct span default_namespace; /* of its unprefixed steps: the usage's; none or empty: no
					  namespace */
};

/* Says in one operation what the edit did (two for a new attribute without a value), if the
 * versions differ by just that edit; when it cannot, or when a long element was replaced by one
 * that has much in common with it, as patch_between. */
enum patch_result patch_of_edit(struct arena *arena, struct span former, struct span now,
	const struct patch_edit *edit, size_t most, const struct xml_limits *limits,
	struct buffer *ops_out);

#endif
