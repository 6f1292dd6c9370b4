/* SPDX-License-Identifier: BSD-2-Clause */
/* Another view of a document: what it carries in base64, as what it is. */
#include "auids/private.h"

#include <libxml/tree.h>
#include <string.h>

/* Weight of one Accept item in thousandths (RFC 9110 §12.4.2); malformed ones weigh nothing. */
static unsigned weight(struct span parameters)
{
	while (parameters.data) {
		struct span one = span_trim(span_cut(&parameters, ';')), digits;
		if (one.size < 3 || (one.data[0] | 0x20) != 'q' || one.data[1] != '=')
			continue;
		if (one.data[2] == '1')
			return 1000;
		unsigned value = 0, scale = 100;
		for (digits = span_from(one, 4); digits.size && scale; scale /= 10) {
			if (digits.data[0] < '0' || digits.data[0] > '9')
				return 0;
			value += (unsigned)(digits.data[0] - '0') * scale;
			digits = span_from(digits, 1);
		}
		return value;
	}
	return 1000;
}

static bool range_holds(struct span range, struct span type)
{
	if (span_ends(range, SPAN("/*")))
		return span_equal_nocase(
			span_first(type, range.size - 1), span_first(range, range.size - 1));
	return span_equal_nocase(range, type);
}

/* How much the type is wanted: by the most specific range that holds it. Every range counts but the
 * one that holds everything: it asks for nothing. */
static unsigned wanted(struct span accept, struct span type)
{
	unsigned best = 0;
	size_t specific = 0;
	while (accept.data) {
		struct span parameters = span_cut(&accept, ',');
		struct span range = span_trim(span_cut(&parameters, ';'));
		if (span_equal_text(range, "*/*") || range.size <= specific
			|| !range_holds(range, type))
			continue;
		specific = range.size;
		best = weight(parameters);
	}
	return best;
}

static const xmlNode *find(const xmlNode *parent, const struct name *name)
{
	for (const xmlNode *node = parent->children; node; node = node->next) {
		const char *space = node->type == XML_ELEMENT_NODE && node->ns
					    ? (const char *)node->ns->href
					    : "";
		if (node->type == XML_ELEMENT_NODE && !strcmp(space, name->space)
			&& !strcmp((const char *)node->name, name->local))
			return node;
	}
	return NULL;
}

static struct span text_of(struct arena *arena, const xmlNode *root, const struct name *name)
{
	const xmlNode *node = find(root, name);
	xmlChar *text = node ? xmlNodeGetContent(node) : NULL;
	struct span copy = { NULL, 0 };
	if (text)
		copy = arena_copy(arena, span_trim(span_of((const char *)text)));
	xmlFree(text);
	return copy;
}

static int sextet(char c)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(alphabet, c) : NULL;
	return at ? (int)(at - alphabet) : -1;
}

/* RFC 4648 §4, white space and line breaks passed over. */
static bool base64_decode(struct arena *arena, struct span text, struct span *out)
{
	char *octets = arena_alloc(arena, text.size / 4 * 3 + 3);
	size_t size = 0, digits = 0, padding = 0;
	uint32_t group = 0;
	if (!octets)
		return false;
	for (size_t i = 0; i < text.size; i++) {
		if (strchr(" \t\r\n", text.data[i]))
			continue;
		int value = sextet(text.data[i]);
		padding += text.data[i] == '=';
		if (value < 0 ? text.data[i] != '=' : padding > 0)
			return false;
		group = group << 6 | (uint32_t)(value < 0 ? 0 : value);
		if (++digits % 4)
			continue;
		octets[size++] = (char)(group >> 16);
		octets[size++] = (char)(group >> 8);
		octets[size++] = (char)group;
	}
	if (digits % 4 || padding > 2)
		return false;
	*out = (struct span){ octets, size - (size ? padding : 0) };
	return true;
}

static struct span allowed_type(const struct view *view, struct span type)
{
	for (size_t i = 0; i < view->type_count; i++)
		if (span_equal_nocase(view->types[i], type))
			return view->types[i];
	return (struct span){ NULL, 0 };
}

bool usage_has_view(const struct usage *usage)
{
	return usage->view.accept.data != NULL;
}

bool usage_view(const struct usage *usage, struct arena *arena, struct span accept,
	struct span body, struct span *type_out, struct span *octets_out)
{
	static const struct xml_limits none = { .depth = SIZE_MAX, .attributes = SIZE_MAX };
	const struct view *view = &usage->view;
	struct conflict unused = { .arena = arena };
	struct xml_document *document;
	size_t at;
	if (!view->accept.data || !span_search(accept, view->accept, &at)
		|| !xml_parse(&document, body, &none, &unused))
		return false;
	const xmlNode *root = xmlDocGetRootElement(xml_tree(document));
	*type_out = allowed_type(view, text_of(arena, root, &view->type));
	struct span encoded = text_of(arena, root, &view->content);
	xml_free(&document);
	return type_out->data && encoded.data && wanted(accept, *type_out)
	       && wanted(accept, *type_out) >= wanted(accept, usage->media_type)
	       && base64_decode(arena, encoded, octets_out);
}
