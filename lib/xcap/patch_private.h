/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the parts of xcap/patch: the compact trees that are compared, how their children are
 * matched, and the writer of operations. All of it lives in one arena; one thread at a time. */
#ifndef XCAPD_XCAP_PATCH_PRIVATE_H
#define XCAPD_XCAP_PATCH_PRIVATE_H

#include "xcap/diff.h"
#include "xcap/patch.h"

#include <libxml/tree.h>

/* --- trees (patch_tree.c) --- */

enum patch_kind { PATCH_ELEMENT, PATCH_TEXT, PATCH_COMMENT, PATCH_INSTRUCTION, PATCH_KINDS };

/* A child as XPath counts them: neighbouring text and CDATA is one, and never empty. */
struct patch_node {
	const xmlNode *xml; /* the first one of a text */
	enum patch_kind kind;
	uint64_t hash;    /* of everything in it, as its canonical form has it */
	uint64_t key;     /* of an element: name and key attribute */
	uint64_t name;    /* of an element */
	size_t weight;    /* about as many octets when written */
	struct span text; /* of a text, what it means */
	struct patch_node *children;
	size_t count;
};

/* *out is the document itself: its children are the root element and what stands beside it. False
 * without memory. */
bool patch_tree(struct arena *arena, xmlDoc *document, struct patch_node *out);

/* Canonically equal, both taken within equal namespaces? */
bool patch_equal(struct arena *arena, const struct patch_node *a, const struct patch_node *b);

/* The element's attributes, by name; NULL-terminated. NULL without memory. */
const xmlAttr **patch_attributes(struct arena *arena, const xmlNode *element);
int patch_attribute_order(
	const xmlAttr *a, const xmlAttr *b); /* by local name, namespace, prefix */
/* What its value means; none without memory. */
struct span patch_value(struct arena *arena, const xmlAttr *attribute);

/* The namespace that a declaration binds: libxml2 2.9 keeps an ampersand in it as "&#38;". None
 * without memory. */
struct span patch_space(struct arena *arena, const xmlNs *ns);

/* Does that declaration say something that does not hold around the element? */
bool patch_declares_anew(const xmlNode *element, const xmlNs *declaration);

/* --- one comparison --- */

struct patcher {
	struct arena *arena;
	struct buffer *ops;
	struct buffer path;  /* of the element that is patched; empty for the document */
	size_t most;         /* octets that the operations may reach */
	size_t declarations; /* that were looked at for a change */
	size_t work;         /* octets of content that may still be written, also in vain */
	bool starved;
};

bool patch_starve(struct patcher *patcher); /* no memory; always false */
bool patch_fits(struct patcher *patcher);   /* may it go on after an operation? */

/* --- start tags (patch_tag.c) --- */

/* Can the one become the other by changes of its attributes, of declarations that are not in use,
 * and of its children? */
bool patch_can_stay(struct patcher *patcher, const xmlNode *old, const xmlNode *now);
/* Declarations first, so that attributes and children find them. patcher->path leads to it. */
bool patch_start_tag(struct patcher *patcher, const xmlNode *old, const xmlNode *now);

/* --- less to parse (patch_narrow.c) --- */

/* What differs, cut from both versions between tags of one element's content. */
struct patch_narrowed {
	struct trail trail; /* to that element, in the former version */
	struct span former, now;
	size_t before[PATCH_KINDS]; /* of its children: how many stand before the cut */
	bool right;                 /* a child element stands behind it */
};

/* False: there is no such cut that is worth it. Both versions have passed the judge. */
bool patch_narrow(struct span former, struct span now, struct patch_narrowed *out);
/* The octets as a document: within an element that declares what is in scope there. None without
 * memory. */
struct span patch_wrapped(
	struct arena *arena, const struct patch_narrowed *narrowed, struct span run);

/* --- matching (patch_align.c) --- */

/* Neighbours. */
struct patch_run {
	const struct patch_node *nodes;
	size_t count;
};

enum { PATCH_ALONE = -1 };

/* partners[j] becomes the index of the old node that the new node j goes on from, or PATCH_ALONE;
 * indexes only rise. Only elements may have a partner that is not their equal. False without
 * memory. */
bool patch_align(struct arena *arena, struct patch_run old, struct patch_run now, long *partners);

/* --- writing (patch_write.c) --- */

/* One operation. */
struct patch_op {
	const char *name;     /* add, replace, remove */
	const char *pos, *ws; /* NULL: none */
	struct span type;     /* none: none */
	const struct bindings *declared;
};

/* Writes "<d:add sel=.. pos=..>"; the content is the caller's, and patch_op_end. */
void patch_op_begin(
	struct buffer *to, struct diff_tag *tag, const struct patch_op *op, struct span sel);
/* A whole operation whose content is text. */
void patch_op_text(
	struct buffer *to, const struct patch_op *op, struct span sel, struct span content);
/* A new attribute (RFC 5261 §4.3.2). */
void patch_op_attribute(struct buffer *to, struct span name, const struct bindings *declared,
	struct span sel, struct span value);

/* The selector of the last of the first `depth` elements of a trail (patch_edit.c). */
void patch_path(struct buffer *to, const struct trail *trail, size_t depth);

/* With all that they hold, as XML. */
void patch_write_run(struct arena *arena, struct buffer *to, struct patch_run run);
/* The namespaces that they use and do not declare themselves. False without memory. */
bool patch_needs(struct arena *arena, struct patch_run run, struct bindings *out);

#endif
