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

#include "base/text.h"

#include <libxml/c14n.h>
#include <libxml/parser.h>
#include <libxml/tree.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* What a selector locates: a node, or an attribute or declaration of it. */
struct located {
	xmlNode *node;
	xmlAttr *attribute;
	xmlNs *declaration;
	const char *why; /* NULL: located */
};

enum { READ_MOST = 16 * 1024 }; /* octets of a name or value in a selector */

struct node_set {
	xmlNode **items;
	size_t count, room;
};

static inline void set_add(struct node_set *set, xmlNode *node)
{
	if (set->count == set->room) {
		set->room = set->room ? 2 * set->room : 8;
		set->items = realloc(set->items, set->room * sizeof(*set->items));
		assert(set->items);
	}
	set->items[set->count++] = node;
}

static inline bool is_text_node(const xmlNode *node)
{
	return node && (node->type == XML_TEXT_NODE || node->type == XML_CDATA_SECTION_NODE);
}

static inline const char *or_empty(const xmlChar *text)
{
	return text ? (const char *)text : "";
}

/* In the XPath model neighbouring texts are one node, and none is empty. */
static inline void join_texts(xmlNode *parent)
{
	xmlNode *next;
	for (xmlNode *child = parent->children; child; child = next) {
		next = child->next;
		if (!is_text_node(child))
			continue;
		if (is_text_node(next)) {
			xmlNodeAddContent(child, next->content ? next->content : BAD_CAST "");
			xmlUnlinkNode(next);
			xmlFreeNode(next);
			next = child;
		} else if (!child->content || !*child->content) {
			xmlUnlinkNode(child);
			xmlFreeNode(child);
		}
	}
}

static inline void join_all_texts(xmlNode *parent)
{
	join_texts(parent);
	for (xmlNode *child = parent->children; child; child = child->next)
		if (child->type == XML_ELEMENT_NODE)
			join_all_texts(child);
}

/* --- locating (RFC 5261 §4.1, §4.2.1) --- */

struct path_reader {
	const char *at;
	const xmlNode *operation; /* in whose scope prefixes are looked up */
	const char *why;
};

static inline bool fail(struct path_reader *reader, const char *why)
{
	if (!reader->why)
		reader->why = why;
	return false;
}

static inline bool take(struct path_reader *reader, const char *text)
{
	if (strncmp(reader->at, text, strlen(text)) != 0)
		return false;
	reader->at += strlen(text);
	return true;
}

static inline bool is_name_octet(char c)
{
	return c && !strchr("/[]()=@:'\"*. \t\r\n", c);
}

struct test_name {
	char local[READ_MOST];
	const char *space; /* "" for none */
};

/* An NCName of letters and the rest that may follow them; dots are taken where one may stand. */
static inline bool read_ncname(struct path_reader *reader, char out[READ_MOST])
{
	size_t size = 0;
	while (size < READ_MOST - 1 && (is_name_octet(*reader->at) || (size && *reader->at == '.')))
		out[size++] = *reader->at++;
	out[size] = '\0';
	return size ? true : fail(reader, "invalid-attribute-value");
}

/* Prefixes and, for elements, the default namespace are those of the diff document. */
static inline bool read_qname(struct path_reader *reader, bool element, struct test_name *out)
{
	char first[READ_MOST];
	if (!read_ncname(reader, first))
		return false;
	bool prefixed = reader->at[0] == ':' && reader->at[1] != ':';
	reader->at += prefixed;
	if (prefixed && !read_ncname(reader, out->local))
		return false;
	if (!prefixed)
		memcpy(out->local, first, sizeof(first));
	out->space = "";
	if (!prefixed && !element)
		return true;
	const xmlNs *ns = xmlSearchNs(reader->operation->doc, (xmlNode *)reader->operation,
		prefixed ? BAD_CAST first : NULL);
	if (prefixed && !ns)
		return fail(reader, "invalid-namespace-prefix");
	out->space = ns ? or_empty(ns->href) : "";
	return true;
}

static inline bool name_is(const xmlChar *local, const xmlNs *ns, const struct test_name *wanted)
{
	return !strcmp((const char *)local, wanted->local)
	       && !strcmp(ns ? or_empty(ns->href) : "", wanted->space);
}

static inline xmlAttr *attribute_of(const xmlNode *element, const struct test_name *wanted)
{
	for (xmlAttr *attribute = element->properties; attribute; attribute = attribute->next)
		if (name_is(attribute->name, attribute->ns, wanted))
			return attribute;
	return NULL;
}

static inline bool content_is(const xmlNode *node, const char *value)
{
	xmlChar *content = xmlNodeGetContent(node);
	bool same = !strcmp(or_empty(content), value);
	xmlFree(content);
	return same;
}

struct condition_read {
	enum { POSITION, ATTRIBUTE_IS, CHILD_IS, SELF_IS } kind;
	size_t position;
	struct test_name name;
	char value[READ_MOST];
};

static inline bool read_quoted(struct path_reader *reader, char out[READ_MOST])
{
	char quote = *reader->at;
	const char *end = quote == '"' || quote == '\'' ? strchr(reader->at + 1, quote) : NULL;
	if (!end || end - reader->at > READ_MOST - 1)
		return fail(reader, "invalid-attribute-value");
	size_t size = (size_t)(end - reader->at - 1);
	memcpy(out, reader->at + 1, size);
	out[size] = '\0';
	reader->at = end + 1;
	return true;
}

/* Behind the '['. */
static inline bool read_condition(struct path_reader *reader, struct condition_read *out)
{
	if (*reader->at >= '0' && *reader->at <= '9') {
		out->kind = POSITION;
		out->position = 0;
		while (*reader->at >= '0' && *reader->at <= '9')
			out->position = 10 * out->position + (size_t)(*reader->at++ - '0');
	} else {
		bool attribute = take(reader, "@"), self = !attribute && take(reader, ".");
		out->kind = attribute ? ATTRIBUTE_IS : self ? SELF_IS : CHILD_IS;
		if (!self && !read_qname(reader, !attribute, &out->name))
			return false;
		if (!take(reader, "=") || !read_quoted(reader, out->value))
			return fail(reader, "invalid-attribute-value");
	}
	return take(reader, "]") ? true : fail(reader, "invalid-attribute-value");
}

static inline bool condition_holds(
	const struct condition_read *condition, const xmlNode *node, size_t position)
{
	const xmlAttr *attribute;
	switch (condition->kind) {
	case POSITION:
		return position == condition->position;
	case SELF_IS:
		return content_is(node, condition->value);
	case ATTRIBUTE_IS:
		attribute = attribute_of(node, &condition->name);
		return attribute && content_is((const xmlNode *)attribute, condition->value);
	default:
		for (const xmlNode *child = node->children; child; child = child->next)
			if (child->type == XML_ELEMENT_NODE
				&& name_is(child->name, child->ns, &condition->name)
				&& content_is(child, condition->value))
				return true;
		return false;
	}
}

/* Positions count in the children of one parent, as far as the conditions before left them. */
static inline void keep_those(struct node_set *set, const struct condition_read *condition)
{
	size_t kept = 0, position = 0;
	const xmlNode *parent = NULL;
	for (size_t i = 0; i < set->count; i++) {
		xmlNode *node = set->items[i];
		position = node->parent == parent ? position + 1 : 1;
		parent = node->parent;
		if (condition_holds(condition, node, position))
			set->items[kept++] = node;
	}
	set->count = kept;
}

static inline void children_that(struct node_set *set, xmlElementType type, bool any,
	const struct test_name *name, const char *target)
{
	struct node_set found = { NULL, 0, 0 };
	for (size_t i = 0; i < set->count; i++) {
		const xmlNode *node = set->items[i];
		if (node->type != XML_ELEMENT_NODE && node->type != XML_DOCUMENT_NODE)
			continue;
		for (xmlNode *child = node->children; child; child = child->next) {
			bool fits =
				type == XML_TEXT_NODE ? is_text_node(child) : child->type == type;
			if (fits && type == XML_ELEMENT_NODE)
				fits = any || name_is(child->name, child->ns, name);
			if (fits && target)
				fits = !strcmp((const char *)child->name, target);
			if (fits)
				set_add(&found, child);
		}
	}
	free(set->items);
	*set = found;
}

/* text(), comment(), processing-instruction("x"), "*" or a name, and its conditions. */
static inline bool read_step(struct path_reader *reader, struct node_set *set)
{
	struct condition_read condition;
	struct test_name name = { "", "" };
	char target[READ_MOST];
	if (take(reader, "id(")) {
		return fail(reader, "unsupported-id-function");
	} else if (take(reader, "text()")) {
		children_that(set, XML_TEXT_NODE, true, NULL, NULL);
	} else if (take(reader, "comment()")) {
		children_that(set, XML_COMMENT_NODE, true, NULL, NULL);
	} else if (take(reader, "processing-instruction(")) {
		bool named = *reader->at != ')';
		if ((named && !read_quoted(reader, target)) || !take(reader, ")"))
			return fail(reader, "invalid-attribute-value");
		children_that(set, XML_PI_NODE, true, NULL, named ? target : NULL);
	} else {
		bool any = take(reader, "*");
		if (!any && !read_qname(reader, true, &name))
			return false;
		children_that(set, XML_ELEMENT_NODE, any, &name, NULL);
	}
	while (take(reader, "[")) {
		if (!read_condition(reader, &condition))
			return false;
		keep_those(set, &condition);
	}
	return true;
}

static inline xmlNs *own_declaration(const xmlNode *element, const char *prefix)
{
	for (xmlNs *ns = element->nsDef; ns; ns = ns->next)
		if (ns->prefix && !strcmp((const char *)ns->prefix, prefix))
			return ns;
	return NULL;
}

/* "@name" or "namespace::prefix", the last step. */
static inline bool read_last(struct path_reader *reader, struct node_set *set, struct located *out)
{
	struct test_name name;
	bool attribute = take(reader, "@");
	if (attribute ? !read_qname(reader, false, &name) : !read_ncname(reader, name.local))
		return false;
	size_t count = 0;
	for (size_t i = 0; i < set->count; i++) {
		xmlNode *node = set->items[i];
		xmlAttr *found = attribute ? attribute_of(node, &name) : NULL;
		xmlNs *declaration = attribute ? NULL : own_declaration(node, name.local);
		if (!found && !declaration)
			continue;
		count++;
		*out = (struct located){ node, found, declaration, NULL };
	}
	if (*reader->at)
		return fail(reader, "invalid-attribute-value");
	return count == 1 ? true : fail(reader, "unlocated-node");
}

static inline bool read_path(struct path_reader *reader, struct node_set *set, struct located *out)
{
	take(reader, "/");
	for (;;) {
		if (*reader->at == '@' || take(reader, "namespace::"))
			return read_last(reader, set, out);
		if (!read_step(reader, set))
			return false;
		if (!*reader->at)
			break;
		if (!take(reader, "/"))
			return fail(reader, "invalid-attribute-value");
	}
	if (set->count != 1)
		return fail(reader, "unlocated-node");
	out->node = set->items[0];
	return true;
}

static inline struct located locate(xmlDoc *target, const xmlNode *operation, const char *sel)
{
	struct path_reader reader = { sel, operation, NULL };
	struct node_set set = { NULL, 0, 0 };
	struct located located = { NULL, NULL, NULL, NULL };
	set_add(&set, (xmlNode *)target);
	if (!read_path(&reader, &set, &located))
		located.why = reader.why;
	free(set.items);
	return located;
}

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
