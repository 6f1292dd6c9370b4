/* SPDX-License-Identifier: BSD-2-Clause */
#include "xcap/patch_private.h"

#include <string.h>

static void write_text(struct buffer *to, struct span text)
{
	size_t start = 0;
	for (size_t i = 0; i < text.size; i++) {
		char c = text.data[i];
		const char *instead = c == '&'    ? "&amp;"
				      : c == '<'  ? "&lt;"
				      : c == '>'  ? "&gt;"
				      : c == '\r' ? "&#13;"
						  : NULL;
		if (!instead)
			continue;
		buffer_append(to, (struct span){ text.data + start, i - start });
		buffer_text(to, instead);
		start = i + 1;
	}
	buffer_append(to, span_from(text, start));
}

static struct span span_of_xml(const xmlChar *text)
{
	return span_of(text ? (const char *)text : "");
}

/* --- operations --- */

void patch_op_begin(
	struct buffer *to, struct diff_tag *tag, const struct patch_op *op, struct span sel)
{
	tag->name = op->name;
	diff_tag_open(to, tag, op->declared);
	diff_tag_attribute(to, "sel", sel);
	if (op->pos)
		diff_tag_attribute(to, "pos", span_of(op->pos));
	if (op->type.data)
		diff_tag_attribute(to, "type", op->type);
	if (op->ws)
		diff_tag_attribute(to, "ws", span_of(op->ws));
	buffer_octet(to, '>');
}

void patch_op_text(
	struct buffer *to, const struct patch_op *op, struct span sel, struct span content)
{
	struct diff_tag tag;
	patch_op_begin(to, &tag, op, sel);
	if (!content.size) {
		to->size -= !to->failed;
		buffer_text(to, "/>");
		return;
	}
	write_text(to, content);
	diff_tag_close(to, &tag);
}

/* What is added has to be one text node (RFC 5261 §4.3), which cannot be empty: a value that is
 * comes second. */
void patch_op_attribute(struct buffer *to, struct span name, const struct bindings *declared,
	struct span sel, struct span value)
{
	struct buffer text = { .arena = to->arena };
	struct patch_op add = { .name = "add", .declared = declared };
	buffer_octet(&text, '@');
	buffer_append(&text, name);
	add.type = buffer_span(&text);
	to->failed |= text.failed;
	patch_op_text(to, &add, sel, value.size ? value : SPAN("-"));
	if (value.size)
		return;
	text.size = 0;
	buffer_append(&text, sel);
	buffer_text(&text, "/@");
	buffer_append(&text, name);
	to->failed |= text.failed;
	patch_op_text(to, &(struct patch_op){ .name = "replace", .declared = declared },
		buffer_span(&text), value);
}

/* --- content --- */

static void write_name(struct buffer *to, const xmlNs *ns, const xmlChar *local)
{
	if (ns && ns->prefix) {
		buffer_append(to, span_of_xml(ns->prefix));
		buffer_octet(to, ':');
	}
	buffer_append(to, span_of_xml(local));
}

static void write_attributes(struct arena *arena, struct buffer *to, const xmlNode *element)
{
	for (const xmlNs *ns = element->nsDef; ns; ns = ns->next) {
		buffer_text(to, ns->prefix ? " xmlns:" : " xmlns");
		buffer_append(to, span_of_xml(ns->prefix));
		buffer_text(to, "=\"");
		struct span space = patch_space(arena, ns);
		to->failed |= !space.data;
		buffer_xml(to, space);
		buffer_octet(to, '"');
	}
	for (const xmlAttr *attribute = element->properties; attribute;
		attribute = attribute->next) {
		struct span value = patch_value(arena, attribute);
		to->failed |= !value.data;
		buffer_octet(to, ' ');
		write_name(to, attribute->ns, attribute->name);
		buffer_text(to, "=\"");
		buffer_xml(to, value);
		buffer_octet(to, '"');
	}
}

static void write_node(struct arena *arena, struct buffer *to, const xmlNode *node);

static void write_element(struct arena *arena, struct buffer *to, const xmlNode *element)
{
	buffer_octet(to, '<');
	write_name(to, element->ns, element->name);
	write_attributes(arena, to, element);
	if (!element->children) {
		buffer_text(to, "/>");
		return;
	}
	buffer_octet(to, '>');
	for (const xmlNode *child = element->children; child; child = child->next)
		write_node(arena, to, child);
	buffer_text(to, "</");
	write_name(to, element->ns, element->name);
	buffer_octet(to, '>');
}

static void write_node(struct arena *arena, struct buffer *to, const xmlNode *node)
{
	struct span content =
		node->type == XML_ELEMENT_NODE ? SPAN("") : span_of_xml(node->content);
	switch (node->type) {
	case XML_ELEMENT_NODE:
		write_element(arena, to, node);
		break;
	case XML_TEXT_NODE:
		write_text(to, content);
		break;
	case XML_CDATA_SECTION_NODE:
		buffer_format(to, "<![CDATA[%.*s]]>", SPAN_ARG(content));
		break;
	case XML_COMMENT_NODE:
		buffer_format(to, "<!--%.*s-->", SPAN_ARG(content));
		break;
	default:
		buffer_format(to, "<?%s%s%.*s?>", (const char *)node->name, content.size ? " " : "",
			SPAN_ARG(content));
	}
}

void patch_write_run(struct arena *arena, struct buffer *to, struct patch_run run)
{
	for (size_t i = 0; i < run.count; i++) {
		const struct patch_node *node = &run.nodes[i];
		if (node->kind == PATCH_TEXT)
			write_text(to, node->text);
		else
			write_node(arena, to, node->xml);
	}
}

/* --- the namespaces of content --- */

struct needs {
	struct arena *arena;
	struct binding *items;
	size_t count, room;
	const xmlNs *last; /* that was looked at */
	const xmlNode *top;
};

static bool declared_inside(const struct needs *needs, const xmlNode *node, const xmlNs *wanted)
{
	for (;; node = node->parent) {
		for (const xmlNs *ns = node->nsDef; ns; ns = ns->next)
			if (ns == wanted)
				return true;
		if (node == needs->top)
			return false;
	}
}

static bool add_binding(struct needs *needs, const xmlNs *ns)
{
	struct span prefix = span_of_xml(ns->prefix);
	for (size_t i = 0; i < needs->count; i++)
		if (span_equal(needs->items[i].prefix, prefix))
			return true;
	if (needs->count == needs->room) {
		size_t room = needs->room ? 2 * needs->room : 4;
		struct binding *items = arena_alloc(needs->arena, room * sizeof(*items));
		if (!items)
			return false;
		if (needs->count)
			memcpy(items, needs->items, needs->count * sizeof(*items));
		needs->items = items;
		needs->room = room;
	}
	struct span space = patch_space(needs->arena, ns);
	needs->items[needs->count++] = (struct binding){ prefix, space };
	return space.data != NULL;
}

static bool need(struct needs *needs, const xmlNode *node, const xmlNs *ns)
{
	if (!ns || ns == needs->last)
		return true;
	needs->last = ns;
	return span_equal(span_of_xml(ns->prefix), SPAN("xml")) || declared_inside(needs, node, ns)
	       || add_binding(needs, ns);
}

static bool need_element(struct needs *needs, const xmlNode *element)
{
	if (!need(needs, element, element->ns))
		return false;
	for (const xmlAttr *attribute = element->properties; attribute; attribute = attribute->next)
		if (!need(needs, element, attribute->ns))
			return false;
	for (const xmlNode *child = element->children; child; child = child->next)
		if (child->type == XML_ELEMENT_NODE && !need_element(needs, child))
			return false;
	return true;
}

bool patch_needs(struct arena *arena, struct patch_run run, struct bindings *out)
{
	struct needs needs = { .arena = arena };
	*out = (struct bindings){ NULL, 0 };
	for (size_t i = 0; i < run.count; i++) {
		needs.top = run.nodes[i].xml;
		if (run.nodes[i].kind == PATCH_ELEMENT && !need_element(&needs, needs.top))
			return false;
	}
	*out = (struct bindings){ needs.items, needs.count };
	return true;
}
