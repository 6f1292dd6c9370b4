/* SPDX-License-Identifier: BSD-2-Clause */
/* The writer of an application/xcap-diff+xml body (RFC 5874 §3): what became of documents, elements
 * and attributes below one XCAP root. Order is the caller's: items of one resource come in the
 * order in which they happened. Pure text: one thread at a time for each writer.
 */
#ifndef XCAPD_XCAP_DIFF_H
#define XCAPD_XCAP_DIFF_H

#include "xcap/etag.h"
#include "xcap/selector.h"

#define DIFF_NAMESPACE "urn:ietf:params:xml:ns:xcap-diff"
#define DIFF_PREFIX "d"

struct diff_writer {
	struct buffer body; /* its size may be looked at: what was written so far */
	bool plain;
};

/* The root is written with a '/' at its end, so that each `sel` resolves against it. plain: the
 * diff namespace is the default one, for bodies without patches and elements; otherwise its prefix
 * is d and there is no default, so that nothing that is copied changes its meaning. */
void diff_begin(struct diff_writer *diff, struct arena *arena, struct span xcap_root, bool plain);

/* `previous` with number 0: created, or there (no patch then); `now` with number 0: removed. patch:
 * the operations of patch.h, none for bare tags (always none when plain). body_not_changed: another
 * tag, the same body, no patch. `sel` is escaped for XML and otherwise written as it is. */
void diff_document(struct diff_writer *diff, struct span sel, struct etag previous, struct etag now,
	struct span patch, bool body_not_changed);

/* An element as it stands in its document; in_scope: the namespaces it uses from around it
 * (diff_scope). octets none: it is there, but too large to be sent. Not there (`exists` false):
 * neither is written. Not for a plain body, unless there are no octets. */
void diff_element(struct diff_writer *diff, struct span sel, bool exists, struct span octets,
	const struct bindings *in_scope);

/* value: what it means, its references decoded. sel_bindings: prefixes of `sel`, declared here too
 * (NULL: none); its query is what counts. */
void diff_attribute(struct diff_writer *diff, struct span sel, bool exists, struct span value,
	const struct bindings *sel_bindings);

/* The whole body; none if memory ran out. */
struct span diff_end(struct diff_writer *diff);

/* A document's `sel`: "AUID/users/XUI/PATH", escaped only where a path segment has to be. */
struct span diff_sel(struct arena *arena, const struct doc_id *id);

/* What a selector chooses in a document, ready to be told: an element's octets with the namespaces
 * they use from around, or the meaning of an attribute's value. Nothing, or several: it does not
 * exist (RFC 5875 §4.7). */
struct diff_part {
	bool exists;
	struct span octets;
	struct bindings in_scope;
};

/* False: no memory, or octets that never passed the judge. Not for namespace::* . */
bool diff_find(struct arena *arena, const struct selector *selector, struct span document,
	struct diff_part *out);

/* --- for those who write patch operations --- */

/* Of the namespaces in scope at trail->tags[depth - 1] those whose prefixes the octets of an
 * element use; what they mean is decoded. False without memory. */
bool diff_scope(struct arena *arena, struct span octets, const struct trail *trail, size_t depth,
	struct bindings *out);

/* An element of the diff namespace that declares namespaces for what it holds. */
struct diff_tag {
	const char *name;
	char prefix[16]; /* d, unless the declarations give that another meaning */
};

/* Writes "<d:NAME" and the declarations (NULL: none). */
void diff_tag_open(struct buffer *to, struct diff_tag *tag, const struct bindings *declared);
void diff_tag_close(struct buffer *to, const struct diff_tag *tag);
/* Writes ` NAME="VALUE"`, the value escaped. */
void diff_tag_attribute(struct buffer *to, const char *name, struct span value);

#endif
