/* SPDX-License-Identifier: BSD-2-Clause */
#include "xcap/patch_private.h"

#include <stdlib.h>
#include <string.h>

/* What tells one sibling from another in the documents of XCAP usages; the first that is there. */
static const char *const key_names[] = { "id", "uri", "name", "ref", "anchor", "domain" };

static struct span span_of_xml(const xmlChar *text)
{
	return span_of(text ? (const char *)text : "");
}

/* --- hashes: only a hint, what they find is compared --- */

static uint64_t mix(uint64_t hash)
{
	hash ^= hash >> 31;
	hash *= UINT64_C(0x9E3779B97F4A7C15);
	return hash ^ hash >> 29;
}

static uint64_t hash_text(uint64_t hash, struct span text)
{
	hash = mix(hash ^ text.size);
	for (; text.size >= 8; text = span_from(text, 8)) {
		uint64_t eight;
		memcpy(&eight, text.data, 8);
		hash = mix(hash ^ eight);
	}
	for (size_t i = 0; i < text.size; i++)
		hash = mix(hash ^ (unsigned char)text.data[i]);
	return mix(hash);
}

static uint64_t hash_name(uint64_t kind, const xmlNs *ns, const xmlChar *local)
{
	uint64_t hash = hash_text(kind, span_of_xml(local));
	hash = hash_text(hash, span_of_xml(ns ? ns->prefix : NULL));
	return hash_text(hash, span_of_xml(ns ? ns->href : NULL));
}

/* --- attributes and declarations --- */

bool patch_declares_anew(const xmlNode *element, const xmlNs *declaration)
{
	for (const xmlNode *around = element->parent; around; around = around->parent) {
		if (around->type != XML_ELEMENT_NODE)
			break;
		for (const xmlNs *ns = around->nsDef; ns; ns = ns->next)
			if (xmlStrEqual(ns->prefix, declaration->prefix))
				return !span_equal(
					span_of_xml(ns->href), span_of_xml(declaration->href));
	}
	return declaration->href && *declaration->href;
}

struct span patch_space(struct arena *arena, const xmlNs *ns)
{
	struct buffer space = { .arena = arena };
	struct span rest = span_of_xml(ns->href), kept = SPAN("&#38;");
	size_t at;
	if (!span_search(rest, kept, &at))
		return rest;
	for (; span_search(rest, kept, &at); rest = span_from(rest, at + kept.size)) {
		buffer_append(&space, span_first(rest, at));
		buffer_octet(&space, '&');
	}
	buffer_append(&space, rest);
	return buffer_span(&space);
}

struct span patch_value(struct arena *arena, const xmlAttr *attribute)
{
	const xmlNode *only = attribute->children;
	if (!only)
		return SPAN("");
	if (!only->next && only->type == XML_TEXT_NODE)
		return span_of_xml(only->content);
	xmlChar *text = xmlNodeListGetString(attribute->doc, attribute->children, 1);
	struct span value = { NULL, 0 };
	if (text)
		value = arena_copy(arena, span_of_xml(text));
	xmlFree(text);
	return value;
}

int patch_attribute_order(const xmlAttr *a, const xmlAttr *b)
{
	int order = xmlStrcmp(a->name, b->name);
	if (order || a->ns == b->ns)
		return order;
	order = span_compare(
		span_of_xml(a->ns ? a->ns->href : NULL), span_of_xml(b->ns ? b->ns->href : NULL));
	return order ? order
		     : span_compare(span_of_xml(a->ns ? a->ns->prefix : NULL),
			     span_of_xml(b->ns ? b->ns->prefix : NULL));
}

static int by_name(const void *a, const void *b)
{
	const xmlAttr *const *left = a, *const *right = b;
	return patch_attribute_order(*left, *right);
}

const xmlAttr **patch_attributes(struct arena *arena, const xmlNode *element)
{
	size_t count = 0;
	for (const xmlAttr *attribute = element->properties; attribute; attribute = attribute->next)
		count++;
	const xmlAttr **all = arena_alloc(arena, (count + 1) * sizeof(*all));
	if (!all)
		return NULL;
	count = 0;
	for (const xmlAttr *attribute = element->properties; attribute; attribute = attribute->next)
		all[count++] = attribute;
	all[count] = NULL;
	qsort(all, count, sizeof(*all), by_name);
	return all;
}

/* --- building --- */

static size_t name_size(const xmlNs *ns, const xmlChar *local)
{
	size_t prefix = span_of_xml(ns ? ns->prefix : NULL).size;
	return span_of_xml(local).size + prefix + (prefix > 0);
}

/* As many octets as it has when written; an attribute's value has more to escape. */
static size_t written_size(struct span text, bool value)
{
	size_t size = text.size;
	for (size_t i = 0; i < text.size; i++) {
		char c = text.data[i];
		if (c > '>')
			continue;
		if (c == '&' || c == '\r' || (value && c == '\n'))
			size += 4;
		else if (c == '<' || c == '>' || (value && c == '\t'))
			size += 3;
		else if (value && c == '"')
			size += 5;
	}
	return size;
}

static bool is_text(const xmlNode *node)
{
	return node->type == XML_TEXT_NODE || node->type == XML_CDATA_SECTION_NODE;
}

/* Takes a whole run of texts; none without memory. Moves *at to its last one. */
static struct span text_run(struct arena *arena, const xmlNode **at)
{
	struct buffer text = { .arena = arena };
	const xmlNode *last = *at;
	if (!last->next || !is_text(last->next))
		return span_of_xml(last->content);
	for (; last && is_text(last); last = last->next) {
		buffer_append(&text, span_of_xml(last->content));
		*at = last;
	}
	return buffer_span(&text);
}

static bool read_attributes(struct arena *arena, struct patch_node *out)
{
	size_t rank = sizeof(key_names) / sizeof(key_names[0]);
	out->key = out->name;
	for (const xmlAttr *attribute = out->xml->properties; attribute;
		attribute = attribute->next) {
		struct span value = patch_value(arena, attribute);
		if (!value.data)
			return false;
		uint64_t hash = hash_text(hash_name('@', attribute->ns, attribute->name), value);
		out->hash += hash;
		out->weight +=
			written_size(value, true) + name_size(attribute->ns, attribute->name) + 4;
		for (size_t i = 0; i < rank && !attribute->ns; i++) {
			if (strcmp((const char *)attribute->name, key_names[i]))
				continue;
			rank = i;
			out->key = mix(out->name + hash);
		}
	}
	return true;
}

static bool read_children(struct arena *arena, const xmlNode *first, struct patch_node *out);

static bool read_element(struct arena *arena, struct patch_node *out)
{
	const xmlNode *xml = out->xml;
	out->hash = out->name = hash_name('<', xml->ns, xml->name);
	out->weight = 2 * name_size(xml->ns, xml->name) + 5;
	for (const xmlNs *ns = xml->nsDef; ns; ns = ns->next) {
		out->weight += written_size(span_of_xml(ns->href), true) + name_size(ns, NULL) + 9;
		if (patch_declares_anew(xml, ns))
			out->hash += hash_name('=', ns, NULL);
	}
	return read_attributes(arena, out) && read_children(arena, xml->children, out);
}

/* *xml is left at the last node that was taken. */
static bool read_node(struct arena *arena, const xmlNode **xml, struct patch_node *out)
{
	*out = (struct patch_node){ .xml = *xml };
	if (is_text(*xml)) {
		out->kind = PATCH_TEXT;
		out->text = text_run(arena, xml);
		out->hash = hash_text('"', out->text);
		out->weight = written_size(out->text, false);
		return out->text.data != NULL;
	}
	struct span content = span_of_xml((*xml)->content);
	switch ((*xml)->type) {
	case XML_ELEMENT_NODE:
		out->kind = PATCH_ELEMENT;
		return read_element(arena, out);
	case XML_COMMENT_NODE:
		out->kind = PATCH_COMMENT;
		out->hash = hash_text('!', content);
		break;
	default: /* the judge lets nothing else pass */
		out->kind = PATCH_INSTRUCTION;
		out->hash = hash_text(hash_text('?', span_of_xml((*xml)->name)), content);
	}
	out->weight = content.size + name_size(NULL, (*xml)->name) + 6;
	return true;
}

static bool read_children(struct arena *arena, const xmlNode *first, struct patch_node *out)
{
	size_t most = 0;
	for (const xmlNode *xml = first; xml; xml = xml->next)
		most++;
	out->children = arena_alloc(arena, most * sizeof(*out->children));
	if (!out->children)
		return false;
	for (const xmlNode *xml = first; xml; xml = xml->next) {
		struct patch_node *child = &out->children[out->count];
		if (!read_node(arena, &xml, child))
			return false;
		if (child->kind == PATCH_TEXT && !child->text.size)
			continue;
		out->count++;
		out->hash = mix(out->hash ^ child->hash);
		out->weight += child->weight;
	}
	return true;
}

bool patch_tree(struct arena *arena, xmlDoc *document, struct patch_node *out)
{
	*out = (struct patch_node){ .xml = NULL };
	return read_children(arena, document->children, out);
}

/* --- comparing --- */

static bool same_name(const xmlNs *a, const xmlNs *b)
{
	return a == b
	       || (span_equal(span_of_xml(a ? a->href : NULL), span_of_xml(b ? b->href : NULL))
		       && span_equal(span_of_xml(a ? a->prefix : NULL),
			       span_of_xml(b ? b->prefix : NULL)));
}

static bool same_attribute(struct arena *arena, const xmlAttr *a, const xmlAttr *b)
{
	if (patch_attribute_order(a, b))
		return false;
	struct span old = patch_value(arena, a), now = patch_value(arena, b);
	return old.data && now.data && span_equal(old, now);
}

/* Their order does not matter, but is mostly the same. */
static bool same_attributes(struct arena *arena, const xmlNode *a, const xmlNode *b)
{
	const xmlAttr *old = a->properties, *now = b->properties;
	while (old && now && same_attribute(arena, old, now)) {
		old = old->next;
		now = now->next;
	}
	if (!old || !now)
		return !old && !now;
	const xmlAttr **left = patch_attributes(arena, a), **right = patch_attributes(arena, b);
	if (!left || !right)
		return false;
	while (*left && *right)
		if (!same_attribute(arena, *left++, *right++))
			return false;
	return !*left && !*right;
}

static bool has_declaration(const xmlNode *element, const xmlNs *wanted)
{
	for (const xmlNs *ns = element->nsDef; ns; ns = ns->next)
		if (same_name(ns, wanted))
			return patch_declares_anew(element, ns);
	return false;
}

static bool declares_all(const xmlNode *element, const xmlNode *of)
{
	for (const xmlNs *ns = of->nsDef; ns; ns = ns->next)
		if (patch_declares_anew(of, ns) && !has_declaration(element, ns))
			return false;
	return true;
}

static bool same_node(struct arena *arena, const struct patch_node *a, const struct patch_node *b)
{
	const xmlNode *left = a->xml, *right = b->xml;
	if (!left || !right)
		return left == right;
	if (a->kind == PATCH_TEXT)
		return span_equal(a->text, b->text);
	if (!span_equal(span_of_xml(left->name), span_of_xml(right->name)))
		return false;
	if (a->kind != PATCH_ELEMENT)
		return span_equal(span_of_xml(left->content), span_of_xml(right->content));
	return same_name(left->ns, right->ns) && declares_all(left, right)
	       && declares_all(right, left) && same_attributes(arena, left, right);
}

bool patch_equal(struct arena *arena, const struct patch_node *a, const struct patch_node *b)
{
	if (a->kind != b->kind || a->hash != b->hash || a->count != b->count
		|| !same_node(arena, a, b))
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (!patch_equal(arena, &a->children[i], &b->children[i]))
			return false;
	return true;
}
