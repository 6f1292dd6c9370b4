/* SPDX-License-Identifier: BSD-2-Clause */
#include "auids/outline.h"

#include <libxml/hash.h>
#include <string.h>

#define XSD_SPACE "http://www.w3.org/2001/XMLSchema"
#define XSI_SPACE "http://www.w3.org/2001/XMLSchema-instance"

/* What an element of some type may hold by declaration; NULL: nothing, or anything. */
struct shape {
	struct member *members;
	const struct shape *base; /* of an extension */
};

struct member {
	struct member *next;
	const char *local;
	const char *space;
	const struct shape *shape;
};

/* While it is built the tables hold nodes of the schema, afterwards shapes. */
struct outline {
	struct arena *arena;
	xmlHashTable *elements, *types, *groups, *attributes;
	const char **spaces;
	size_t space_count, space_room;
	bool failed;
};

static const struct shape anything;

struct outline *outline_new(struct arena *arena)
{
	struct outline *outline = arena_zero(arena, sizeof(*outline));
	if (!outline)
		return NULL;
	outline->arena = arena;
	outline->elements = xmlHashCreate(64);
	outline->types = xmlHashCreate(64);
	outline->groups = xmlHashCreate(16);
	outline->attributes = xmlHashCreate(16);
	if (!outline->elements || !outline->types || !outline->groups || !outline->attributes)
		outline_free(&outline);
	return outline;
}

void outline_free(struct outline **outline)
{
	struct outline *gone = *outline;
	*outline = NULL;
	if (!gone)
		return;
	xmlHashFree(gone->elements, NULL);
	xmlHashFree(gone->types, NULL);
	xmlHashFree(gone->groups, NULL);
	xmlHashFree(gone->attributes, NULL);
}

static bool is_xsd(const xmlNode *node, const char *local)
{
	return node->type == XML_ELEMENT_NODE && node->ns
	       && !strcmp((const char *)node->ns->href, XSD_SPACE)
	       && !strcmp((const char *)node->name, local);
}

static xmlHashTable *table_for(struct outline *outline, const xmlNode *node)
{
	if (is_xsd(node, "element"))
		return outline->elements;
	if (is_xsd(node, "complexType"))
		return outline->types;
	if (is_xsd(node, "group"))
		return outline->groups;
	return NULL;
}

/* A copy of an unqualified attribute in the arena; NULL when absent. */
static const char *attribute(struct outline *outline, xmlNode *node, const char *name)
{
	xmlChar *value = xmlGetNoNsProp(node, (const xmlChar *)name);
	if (!value)
		return NULL;
	const char *copy = arena_text(outline->arena, span_trim(span_of((const char *)value)));
	xmlFree(value);
	if (!copy)
		outline->failed = true;
	return copy;
}

static bool knows_space(const struct outline *outline, const char *space)
{
	for (size_t i = 0; i < outline->space_count; i++)
		if (!strcmp(outline->spaces[i], space))
			return true;
	return false;
}

static void add_space(struct outline *outline, const char *space)
{
	if (!*space || !strcmp(space, (const char *)XML_XML_NAMESPACE)
		|| knows_space(outline, space))
		return;
	if (outline->space_count == outline->space_room) {
		size_t room = outline->space_room ? outline->space_room * 2 : 16;
		const char **spaces = arena_alloc(outline->arena, room * sizeof(*spaces));
		if (!spaces) {
			outline->failed = true;
			return;
		}
		if (outline->space_count)
			memcpy(spaces, outline->spaces, outline->space_count * sizeof(*spaces));
		outline->spaces = spaces;
		outline->space_room = room;
	}
	outline->spaces[outline->space_count++] = space;
}

static void add_to(struct outline *outline, xmlHashTable *table, xmlNode *node, const char *space)
{
	const char *name = attribute(outline, node, "name");
	if (name)
		xmlHashAddEntry2(table, (const xmlChar *)name, (const xmlChar *)space, node);
}

static bool is_qualified(struct outline *outline, xmlNode *node, const char *standard)
{
	const char *form = attribute(outline, node, "form");
	if (!form)
		form = attribute(outline, xmlDocGetRootElement(node->doc), standard);
	return form && !strcmp(form, "qualified");
}

/* Attributes are known by name alone: global ones, and local ones that carry the namespace. */
static void add_attributes(struct outline *outline, xmlNode *from, const char *space)
{
	for (xmlNode *node = from->children; node && !outline->failed; node = node->next) {
		if (node->type != XML_ELEMENT_NODE)
			continue;
		add_attributes(outline, node, space);
		if (is_xsd(node, "attribute")
			&& (is_xsd(from, "schema")
				|| is_qualified(outline, node, "attributeFormDefault")))
			add_to(outline, outline->attributes, node, space);
	}
}

bool outline_add(struct outline *outline, xmlDoc *schema, const char *space)
{
	xmlNode *root = xmlDocGetRootElement(schema);
	root->_private = (void *)(uintptr_t)space; /* found again by space_of */
	add_space(outline, space);
	for (xmlNode *node = root->children; node && !outline->failed; node = node->next) {
		xmlHashTable *table = table_for(outline, node);
		if (table)
			add_to(outline, table, node, space);
	}
	add_attributes(outline, root, space);
	return !outline->failed;
}

static const char *space_of(const xmlNode *node)
{
	return xmlDocGetRootElement(node->doc)->_private;
}

/* What a QName in an attribute's value stands for in one of the tables. */
static void *referred(struct outline *outline, xmlHashTable *table, xmlNode *node, const char *name)
{
	struct span local = span_of(attribute(outline, node, name));
	if (!local.data)
		return NULL;
	struct span prefix = { NULL, 0 };
	size_t colon;
	if (span_find(local, ':', &colon)) {
		prefix = span_first(local, colon);
		local = span_from(local, colon + 1);
	}
	const char *prefix_text = prefix.data ? arena_text(outline->arena, prefix) : NULL;
	xmlNs *ns = xmlSearchNs(node->doc, node, (const xmlChar *)prefix_text);
	const xmlChar *space = ns ? ns->href : (const xmlChar *)space_of(node);
	return xmlHashLookup2(table, (const xmlChar *)local.data, space);
}

static const struct shape *shape_of_type(struct outline *outline, xmlNode *type);

static const struct shape *shape_of_element(struct outline *outline, xmlNode *element)
{
	xmlNode *type = referred(outline, outline->types, element, "type");
	for (xmlNode *node = element->children; node && !type; node = node->next)
		if (is_xsd(node, "complexType"))
			type = node;
	return type ? shape_of_type(outline, type) : &anything;
}

static void add_member(struct outline *outline, struct shape *shape, xmlNode *element)
{
	const char *local = attribute(outline, element, "name");
	struct member *member = local ? arena_zero(outline->arena, sizeof(*member)) : NULL;
	if (!member) {
		outline->failed |= local != NULL; /* without a name it refers to a global one */
		return;
	}
	member->local = local;
	member->space =
		is_qualified(outline, element, "elementFormDefault") ? space_of(element) : "";
	member->shape = shape_of_element(outline, element);
	member->next = shape->members;
	shape->members = member;
}

/* Gathers the element declarations below a type's or group's node. */
static void gather(struct outline *outline, struct shape *shape, xmlNode *from)
{
	for (xmlNode *node = from->children; node && !outline->failed; node = node->next) {
		if (is_xsd(node, "element")) {
			add_member(outline, shape, node);
			continue;
		}
		if (is_xsd(node, "group")) {
			xmlNode *group = referred(outline, outline->groups, node, "ref");
			if (group)
				gather(outline, shape, group);
			continue;
		}
		if (is_xsd(node, "extension")) {
			xmlNode *base = referred(outline, outline->types, node, "base");
			shape->base = base ? shape_of_type(outline, base) : NULL;
		}
		if (node->type == XML_ELEMENT_NODE)
			gather(outline, shape, node);
	}
}

/* Each type once; a type that holds itself finds the shape that is being made. */
static const struct shape *shape_of_type(struct outline *outline, xmlNode *type)
{
	if (type->_private)
		return type->_private;
	struct shape *shape = arena_zero(outline->arena, sizeof(*shape));
	if (!shape) {
		outline->failed = true;
		return &anything;
	}
	type->_private = shape;
	gather(outline, shape, type);
	return shape;
}

static void make_shape(
	void *payload, void *data, const xmlChar *name, const xmlChar *space, const xmlChar *unused)
{
	(void)name, (void)space, (void)unused;
	shape_of_type(data, payload);
}

static void finish_type(
	void *payload, void *data, const xmlChar *name, const xmlChar *space, const xmlChar *unused)
{
	struct outline *outline = data;
	(void)unused;
	void *shape = (void *)(uintptr_t)shape_of_type(outline, payload);
	xmlHashUpdateEntry2(outline->types, name, space, shape, NULL);
}

static void finish_element(
	void *payload, void *data, const xmlChar *name, const xmlChar *space, const xmlChar *unused)
{
	struct outline *outline = data;
	(void)unused;
	void *shape = (void *)(uintptr_t)shape_of_element(outline, payload);
	xmlHashUpdateEntry2(outline->elements, name, space, shape, NULL);
}

/* Shapes look up types by node, so the nodes leave the table of types last. */
bool outline_finish(struct outline *outline)
{
	xmlHashScanFull(outline->types, make_shape, outline);
	xmlHashScanFull(outline->elements, finish_element, outline);
	if (!outline->failed)
		xmlHashScanFull(outline->types, finish_type, outline);
	return !outline->failed;
}

bool outline_declares(const struct outline *outline, const char *local, const char *space)
{
	return xmlHashLookup2(outline->elements, (const xmlChar *)local, (const xmlChar *)space);
}

size_t outline_space_count(const struct outline *outline)
{
	return outline->space_count;
}

const char *outline_space(const struct outline *outline, size_t index)
{
	return outline->spaces[index];
}

static const struct shape *member_shape(const struct shape *shape, const xmlNode *element)
{
	const char *space = element->ns ? (const char *)element->ns->href : "";
	for (; shape; shape = shape->base)
		for (const struct member *m = shape->members; m; m = m->next)
			if (!strcmp(m->local, (const char *)element->name)
				&& !strcmp(m->space, space))
				return m->shape;
	return NULL;
}

/* The type that xsi:type names, if it does. */
static const struct shape *named_shape(const struct outline *outline, xmlNode *element)
{
	const xmlAttr *attr =
		xmlHasNsProp(element, (const xmlChar *)"type", (const xmlChar *)XSI_SPACE);
	xmlChar *value = attr ? xmlNodeListGetString(element->doc, attr->children, 1) : NULL;
	if (!value)
		return NULL;
	const struct shape *shape = NULL;
	char *name = (char *)value + strspn((char *)value, " \t\r\n");
	name[strcspn(name, " \t\r\n")] = '\0';
	char *colon = strchr(name, ':');
	if (colon)
		*colon = '\0';
	const xmlNs *ns =
		xmlSearchNs(element->doc, element, (const xmlChar *)(colon ? name : NULL));
	if (ns)
		shape = xmlHashLookup2(
			outline->types, (const xmlChar *)(colon ? colon + 1 : name), ns->href);
	xmlFree(value);
	return shape;
}

static const xmlNode *strange_attribute(const struct outline *outline, const xmlNode *element)
{
	for (const xmlAttr *attr = element->properties; attr; attr = attr->next)
		if (attr->ns && knows_space(outline, (const char *)attr->ns->href)
			&& !xmlHashLookup2(outline->attributes, attr->name, attr->ns->href))
			return (const xmlNode *)attr;
	return NULL;
}

/* NULL: the element is of a described namespace, and nothing describes it here. */
static const struct shape *shape_here(
	const struct outline *outline, const struct shape *parent, xmlNode *element)
{
	const struct shape *shape = member_shape(parent, element);
	if (!shape && element->ns)
		shape = xmlHashLookup2(outline->elements, element->name, element->ns->href);
	if (!shape && element->ns && knows_space(outline, (const char *)element->ns->href))
		return NULL;
	const struct shape *named = element->properties ? named_shape(outline, element) : NULL;
	return named ? named : shape ? shape : &anything;
}

/* Recursion ends with the document's depth, which the parser has limited. */
static const xmlNode *stranger_below(
	const struct outline *outline, const struct shape *shape, xmlNode *parent)
{
	for (xmlNode *node = parent->children; node; node = node->next) {
		if (node->type != XML_ELEMENT_NODE)
			continue;
		const struct shape *own = shape_here(outline, shape, node);
		const xmlNode *found = own ? strange_attribute(outline, node) : node;
		if (!found && node->children)
			found = stranger_below(outline, own, node);
		if (found)
			return found;
	}
	return NULL;
}

const xmlNode *outline_stranger(const struct outline *outline, xmlDoc *document)
{
	return stranger_below(outline, &anything, (xmlNode *)document);
}
