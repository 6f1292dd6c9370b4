/* SPDX-License-Identifier: BSD-2-Clause */
/* The selectors of RFC 5261 §4.1 on libxml2's trees, for patch_applier.h. A failure has the name
 * that §5.1 gives it. For one test program; one thread. */
#ifndef XCAPD_TESTS_PATCH_LOCATOR_H
#define XCAPD_TESTS_PATCH_LOCATOR_H

#include "base/text.h"

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

#endif
