/* SPDX-License-Identifier: BSD-2-Clause */
/* Applies patch operations to a document as a client would: RFC 5261 written down once more, from
 * its side, over libxml2's trees. Strict: what the RFC calls an error is one, under the name that
 * its §5.1 gives it. For one test program; one thread.
 *
 *     patch_apply(arena, former, diff, "document", &why)
 *
 * gives the patched document's canonical form with comments; none, and an error's name in `why`, if
 * an operation cannot be fulfilled.
 */
#ifndef XCAPD_TESTS_PATCH_APPLIER_H
#define XCAPD_TESTS_PATCH_APPLIER_H

#include "patch_locator.h"

#include <libxml/c14n.h>
#include <libxml/parser.h>
#include <libxml/tree.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* --- namespaces of what is added (RFC 5261 §4.2.3) --- */

/* Prefixes in scope at the context that mean the namespace, "" for the default one; the one that
 * the three rules choose. */
static inline xmlNs *choose_declaration(xmlNode *context, const xmlNs *wanted, bool attribute)
{
	xmlNs **all =
		context->type == XML_ELEMENT_NODE ? xmlGetNsList(context->doc, context) : NULL;
	xmlNs *first = NULL, *closest = NULL, *chosen = NULL;
	const char *prefix = or_empty(wanted->prefix);
	for (size_t i = 0; all && all[i] && !chosen; i++) {
		const char *there = or_empty(all[i]->prefix);
		if (strcmp(or_empty(all[i]->href), or_empty(wanted->href)) != 0
			|| (attribute && !*there))
			continue;
		if (!strcmp(there, prefix))
			chosen = all[i];
		if (!first || strcmp(there, or_empty(first->prefix)) < 0)
			first = all[i];
		if (strcmp(there, prefix) < 0
			&& (!closest || strcmp(there, or_empty(closest->prefix)) > 0))
			closest = all[i];
	}
	xmlFree(all);
	xmlNs *own = context->type == XML_ELEMENT_NODE ? context->ns : NULL;
	if (!chosen && own && !strcmp(or_empty(own->href), or_empty(wanted->href))
		&& !(attribute && !own->prefix))
		chosen = own;
	return chosen ? chosen : closest ? closest : first;
}

/* Where content is copied to. */
struct copying {
	xmlDoc *target;
	xmlNode *context;   /* the parent that it gets */
	const xmlNode *top; /* of what is copied, in the diff document */
	const char *why;
};

/* What a declaration of the diff document becomes: its copy, or what the context has for it. */
static inline xmlNs *carried_over(struct copying *copying, const xmlNode *from, xmlNode *copy,
	const xmlNs *ns, bool attribute)
{
	if (!ns)
		return NULL;
	if (ns->prefix && !strcmp((const char *)ns->prefix, "xml"))
		return xmlSearchNs(copying->target, copying->context, BAD_CAST "xml");
	for (;; from = from->parent, copy = copy->parent) {
		xmlNs *new_one = copy->nsDef;
		for (const xmlNs *old = from->nsDef; old; old = old->next, new_one = new_one->next)
			if (old == ns)
				return new_one;
		if (from == copying->top)
			break;
	}
	xmlNs *chosen = choose_declaration(copying->context, ns, attribute);
	if (!chosen)
		copying->why = "invalid-namespace-uri";
	return chosen;
}

static inline xmlNode *copy_content(struct copying *copying, const xmlNode *from, xmlNode *parent)
{
	if (from->type != XML_ELEMENT_NODE) {
		xmlNode *copy = xmlDocCopyNode((xmlNode *)from, copying->target, 1);
		return parent ? xmlAddChild(parent, copy) : copy;
	}
	xmlNode *copy = xmlNewDocNode(copying->target, NULL, from->name, NULL);
	if (parent)
		xmlAddChild(parent, copy);
	for (const xmlNs *ns = from->nsDef; ns; ns = ns->next)
		xmlNewNs(copy, ns->href, ns->prefix);
	copy->ns = carried_over(copying, from, copy, from->ns, false);
	for (const xmlAttr *old = from->properties; old; old = old->next) {
		xmlChar *value = xmlNodeListGetString(old->doc, old->children, 1);
		xmlNs *ns = carried_over(copying, from, copy, old->ns, true);
		xmlNewNsProp(copy, ns, old->name, value ? value : BAD_CAST "");
		xmlFree(value);
	}
	for (const xmlNode *child = from->children; child; child = child->next)
		copy_content(copying, child, copy);
	return copy;
}

/* --- the operations --- */

static inline bool is_white_text(const xmlNode *node)
{
	return is_text_node(node) && xmlIsBlankNode(node);
}

static inline bool is_top_level(const xmlNode *node)
{
	return node->parent && node->parent->type == XML_DOCUMENT_NODE;
}

/* "&" in a namespace is kept by libxml2 2.9 as a reference, when it parses. */
static inline xmlChar *as_namespace(const xmlChar *text)
{
	xmlChar *out = xmlStrdup(BAD_CAST "");
	for (; text && *text; text++)
		out = *text == '&' ? xmlStrcat(out, BAD_CAST "&#38;") : xmlStrncat(out, text, 1);
	return out;
}

/* The single text that an attribute's or declaration's value has to be. */
static inline const xmlNode *single_text(const xmlNode *operation)
{
	const xmlNode *only = operation->children;
	return only && !only->next && only->type == XML_TEXT_NODE ? only : NULL;
}

static inline const char *add_attribute_to(
	xmlNode *element, const xmlNode *operation, const char *type)
{
	struct path_reader reader = { type + 1, operation, NULL };
	struct test_name name;
	const xmlNode *text = single_text(operation);
	if (!read_qname(&reader, false, &name) || *reader.at)
		return reader.why ? reader.why : "invalid-attribute-value";
	if (!text || attribute_of(element, &name))
		return "invalid-attribute-value";
	xmlNs *ns = NULL;
	const char *colon = strchr(type, ':');
	if (colon && !strncmp(type, "@xml:", 5)) {
		ns = xmlSearchNs(element->doc, element, BAD_CAST "xml");
	} else if (colon) {
		xmlChar *prefix = xmlStrndup(BAD_CAST(type + 1), (int)(colon - type - 1));
		const xmlNs *wanted = xmlSearchNs(operation->doc, (xmlNode *)operation, prefix);
		xmlFree(prefix);
		ns = choose_declaration(element, wanted, true);
		if (!ns)
			return "invalid-namespace-uri";
	}
	xmlNewNsProp(element, ns, BAD_CAST name.local, text->content);
	return NULL;
}

static inline const char *add_declaration_to(
	xmlNode *element, const xmlNode *operation, const char *prefix)
{
	const xmlNode *text = single_text(operation);
	if (!text || !*prefix || own_declaration(element, prefix))
		return "invalid-attribute-value";
	xmlChar *space = as_namespace(text->content);
	xmlNewNs(element, space, BAD_CAST prefix);
	xmlFree(space);
	return NULL;
}

/* Puts a copy beside or into the located node. */
static inline const char *place_copy(
	xmlNode *copy, xmlNode *located, const char *pos, xmlNode **after)
{
	xmlNode *parent = !pos || !strcmp(pos, "prepend") ? located : located->parent;
	if (parent->type == XML_DOCUMENT_NODE && copy->type != XML_COMMENT_NODE
		&& copy->type != XML_PI_NODE)
		return copy->type == XML_ELEMENT_NODE ? "invalid-root-element-operation"
						      : "invalid-xml-prolog-operation";
	/* not xmlAddNextSibling and so on: they join texts, and free what they join */
	xmlNode *left = *after;
	if (!left && !pos)
		left = located->last;
	else if (!left && !strcmp(pos, "before"))
		left = located->prev;
	else if (!left && !strcmp(pos, "after"))
		left = located;
	xmlNode *right = left ? left->next : parent->children;
	copy->parent = parent;
	copy->prev = left;
	copy->next = right;
	*(left ? &left->next : &parent->children) = copy;
	*(right ? &right->prev : &parent->last) = copy;
	*after = copy;
	return NULL;
}

static inline const char *add_nodes(
	xmlDoc *target, xmlNode *located, const xmlNode *operation, const char *pos)
{
	bool inside = !pos || !strcmp(pos, "prepend");
	if (pos && strcmp(pos, "before") && strcmp(pos, "after") && strcmp(pos, "prepend"))
		return "invalid-attribute-value";
	if (inside && located->type != XML_ELEMENT_NODE)
		return "invalid-patch-directive";
	xmlNode *parent = inside ? located : located->parent, *after = NULL;
	for (const xmlNode *child = operation->children; child; child = child->next) {
		struct copying copying = { target, parent, child, NULL };
		xmlNode *copy = copy_content(&copying, child, NULL);
		const char *why =
			copying.why ? copying.why : place_copy(copy, located, pos, &after);
		if (why) {
			if (!copy->parent)
				xmlFreeNode(copy);
			return why;
		}
	}
	join_texts(parent);
	return NULL;
}

static inline const char *apply_add(xmlDoc *target, struct located at, const xmlNode *operation,
	const char *pos, const char *type)
{
	if (at.attribute || at.declaration)
		return "invalid-patch-directive";
	if (!type)
		return add_nodes(target, at.node, operation, pos);
	if (at.node->type != XML_ELEMENT_NODE || pos)
		return "invalid-patch-directive";
	if (*type == '@')
		return add_attribute_to(at.node, operation, type);
	if (!strncmp(type, "namespace::", 11))
		return add_declaration_to(at.node, operation, type + 11);
	return "invalid-attribute-value";
}

/* Only text stands in the operation. */
static inline bool only_text(const xmlNode *operation)
{
	for (const xmlNode *child = operation->children; child; child = child->next)
		if (!is_text_node(child))
			return false;
	return true;
}

static inline const char *replace_value(struct located at, const xmlNode *operation)
{
	if (!only_text(operation))
		return "invalid-node-types";
	xmlChar *content = xmlNodeGetContent(operation);
	if (at.declaration) {
		xmlChar *space = as_namespace(content);
		xmlFree((xmlChar *)at.declaration->href);
		at.declaration->href = space;
	} else if (at.attribute) {
		xmlNode *text = xmlNewDocText(at.node->doc, content);
		xmlFreeNodeList(at.attribute->children);
		text->parent = (xmlNode *)at.attribute;
		at.attribute->children = at.attribute->last = text;
	} else {
		xmlNode *parent = at.node->parent;
		xmlNode *text = xmlNewDocText(at.node->doc, content);
		xmlReplaceNode(at.node, text);
		xmlFreeNode(at.node);
		join_texts(parent);
	}
	xmlFree(content);
	return NULL;
}

static inline const char *apply_replace(xmlDoc *target, struct located at, const xmlNode *operation)
{
	if (at.attribute || at.declaration || is_text_node(at.node))
		return replace_value(at, operation);
	const xmlNode *only = operation->children;
	if (!only || only->next || only->type != at.node->type)
		return "invalid-node-types";
	if (at.node->type == XML_ELEMENT_NODE && is_top_level(at.node))
		return "invalid-root-element-operation";
	struct copying copying = { target, at.node->parent, only, NULL };
	xmlNode *copy = copy_content(&copying, only, NULL);
	if (copying.why) {
		xmlFreeNode(copy);
		return copying.why;
	}
	xmlReplaceNode(at.node, copy);
	xmlFreeNode(at.node);
	return NULL;
}

static inline bool uses_declaration(const xmlNode *element, const xmlNs *ns)
{
	if (element->ns == ns)
		return true;
	for (const xmlAttr *attribute = element->properties; attribute; attribute = attribute->next)
		if (attribute->ns == ns)
			return true;
	for (const xmlNode *child = element->children; child; child = child->next)
		if (child->type == XML_ELEMENT_NODE && uses_declaration(child, ns))
			return true;
	return false;
}

static inline const char *remove_declaration(xmlNode *element, xmlNs *ns)
{
	if (uses_declaration(element, ns))
		return "invalid-namespace-prefix";
	xmlNs **at = &element->nsDef;
	while (*at != ns)
		at = &(*at)->next;
	*at = ns->next;
	xmlFreeNs(ns);
	return NULL;
}

static inline const char *remove_white(xmlNode *node)
{
	if (!node || !is_white_text(node))
		return "invalid-whitespace-directive";
	xmlUnlinkNode(node);
	xmlFreeNode(node);
	return NULL;
}

static inline const char *apply_remove(struct located at, const char *ws)
{
	const char *why = NULL;
	bool both = ws && !strcmp(ws, "both");
	if (ws && (at.attribute || at.declaration || is_text_node(at.node)))
		return "invalid-whitespace-directive";
	if (at.declaration)
		return remove_declaration(at.node, at.declaration);
	if (at.attribute)
		return xmlRemoveProp(at.attribute) ? "unlocated-node" : NULL;
	if (at.node->type == XML_ELEMENT_NODE && is_top_level(at.node))
		return "invalid-root-element-operation";
	if (ws && !both && strcmp(ws, "before") && strcmp(ws, "after"))
		return "invalid-attribute-value";
	if (both || (ws && !strcmp(ws, "before")))
		why = remove_white(at.node->prev);
	if (!why && (both || (ws && !strcmp(ws, "after"))))
		why = remove_white(at.node->next);
	if (why)
		return why;
	xmlNode *parent = at.node->parent;
	xmlUnlinkNode(at.node);
	xmlFreeNode(at.node);
	join_texts(parent);
	return NULL;
}

static inline const char *apply_operation(xmlDoc *target, const xmlNode *operation)
{
	xmlChar *sel = xmlGetNoNsProp((xmlNode *)operation, BAD_CAST "sel");
	xmlChar *pos = xmlGetNoNsProp((xmlNode *)operation, BAD_CAST "pos");
	xmlChar *type = xmlGetNoNsProp((xmlNode *)operation, BAD_CAST "type");
	xmlChar *ws = xmlGetNoNsProp((xmlNode *)operation, BAD_CAST "ws");
	const char *name = (const char *)operation->name, *why = "invalid-diff-format";
	struct located at = locate(target, operation, or_empty(sel));
	if (at.why || !sel)
		why = sel ? at.why : why;
	else if (!strcmp(name, "add") && !ws)
		why = apply_add(target, at, operation, (char *)pos, (char *)type);
	else if (!strcmp(name, "replace") && !ws && !pos && !type)
		why = apply_replace(target, at, operation);
	else if (!strcmp(name, "remove") && !pos && !type && !operation->children)
		why = apply_remove(at, (char *)ws);
	xmlFree(ws);
	xmlFree(type);
	xmlFree(pos);
	xmlFree(sel);
	return why;
}

/* Every name means in the text what it means in the tree: no prefix is hidden by another
 * declaration, nothing falls into a default namespace. */
static inline bool names_hold(const xmlNode *element)
{
	xmlNode *node = (xmlNode *)element;
	const xmlNs *ns = element->ns;
	const xmlNs *there = xmlSearchNs(node->doc, node, ns ? ns->prefix : NULL);
	if (strcmp(ns ? or_empty(ns->href) : "", there ? or_empty(there->href) : ""))
		return false;
	for (const xmlAttr *attribute = element->properties; attribute;
		attribute = attribute->next) {
		if (!attribute->ns)
			continue;
		there = xmlSearchNs(node->doc, node, attribute->ns->prefix);
		if (!attribute->ns->prefix || !there
			|| strcmp(or_empty(there->href), or_empty(attribute->ns->href)))
			return false;
	}
	for (const xmlNode *child = element->children; child; child = child->next)
		if (child->type == XML_ELEMENT_NODE && !names_hold(child))
			return false;
	return true;
}

/* NULL, or the error of the first operation that cannot be fulfilled. */
static inline const char *apply_operations(xmlDoc *target, const xmlNode *parent)
{
	const char *why = NULL;
	for (const xmlNode *child = parent->children; child && !why; child = child->next)
		if (child->type == XML_ELEMENT_NODE)
			why = apply_operation(target, child);
	if (!why && !names_hold(xmlDocGetRootElement(target)))
		why = "invalid-namespace-prefix";
	return why;
}

/* --- documents --- */

static inline xmlDoc *read_document(struct span octets)
{
	xmlDoc *document = xmlReadMemory(octets.data, (int)octets.size, NULL, NULL,
		XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_NOCDATA);
	if (document)
		join_all_texts((xmlNode *)document);
	return document;
}

/* With comments; none if libxml2 knows none (a relative namespace). */
static inline struct span canonical_tree(struct arena *arena, xmlDoc *document)
{
	xmlChar *text = NULL;
	int size =
		document ? xmlC14NDocDumpMemory(document, NULL, XML_C14N_1_0, NULL, 1, &text) : -1;
	struct span out = { NULL, 0 };
	if (size >= 0)
		out = arena_copy(arena, (struct span){ (const char *)text, (size_t)size });
	xmlFree(text);
	return out;
}

static inline struct span canonical(struct arena *arena, struct span octets)
{
	xmlDoc *document = read_document(octets);
	struct span out = canonical_tree(arena, document);
	xmlFreeDoc(document);
	return out;
}

static inline xmlNode *element_within(xmlNode *parent, const char *name)
{
	xmlNode *child = parent ? parent->children : NULL;
	while (child
		&& (child->type != XML_ELEMENT_NODE || strcmp((const char *)child->name, name)))
		child = child->next;
	return child;
}

/* `holder`: the element whose children are operations; NULL: the root element of the diff. */
static inline struct span patch_apply(struct arena *arena, struct span former, struct span diff,
	const char *holder, const char **why_out)
{
	xmlDoc *target = read_document(former);
	xmlDoc *patch = xmlReadMemory(diff.data, (int)diff.size, NULL, NULL,
		XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
	xmlNode *root = patch ? xmlDocGetRootElement(patch) : NULL;
	xmlNode *parent = holder ? element_within(root, holder) : root;
	struct span out = { NULL, 0 };
	*why_out = "invalid-diff-format";
	if (target && parent)
		*why_out = apply_operations(target, parent);
	if (!*why_out)
		out = canonical_tree(arena, target);
	xmlFreeDoc(patch);
	xmlFreeDoc(target);
	return out;
}

#endif
