/* SPDX-License-Identifier: BSD-2-Clause */
#include "auids/field.h"

#include <string.h>

enum { PREFIXES_MOST = 16 };

/* A selector being written: path and query grow side by side. */
struct writing {
	struct arena *arena;
	struct span standard; /* default document namespace */
	struct buffer path, query;
	const char *spaces[PREFIXES_MOST]; /* bound to a, b, c .. */
	size_t space_count;
};

static const char *space_of(const xmlNode *node)
{
	return node->ns ? (const char *)node->ns->href : "";
}

static bool same_name(const xmlNode *a, const xmlNode *b)
{
	return !strcmp((const char *)a->name, (const char *)b->name)
	       && !strcmp(space_of(a), space_of(b));
}

/* The namespace as xmlns() takes it (XPointer framework: ^ before what would end it). libxml2 keeps
 * each ampersand of a namespace as a reference. */
static void bind(struct writing *to, char prefix, struct span space)
{
	static const struct span ampersand = { "&#38;", 5 };
	struct buffer escaped = { .arena = to->arena };
	for (; space.size; space = span_from(space, 1)) {
		if (strchr("^()", space.data[0]))
			buffer_octet(&escaped, '^');
		buffer_octet(&escaped, space.data[0]);
		if (span_starts(space, ampersand))
			space = span_from(space, ampersand.size - 1);
	}
	struct span encoded = percent_encode(to->arena, buffer_span(&escaped), "!$'()*,;:@/?=");
	to->query.failed |= escaped.failed || !encoded.data;
	buffer_format(&to->query, "xmlns(%c=%.*s)", prefix, SPAN_ARG(encoded));
}

/* The prefix for a namespace; NUL when they ran out. */
static char prefix_for(struct writing *to, const char *space)
{
	for (size_t i = 0; i < to->space_count; i++)
		if (!strcmp(to->spaces[i], space))
			return (char)('a' + i);
	if (to->space_count == PREFIXES_MOST)
		return '\0';
	char prefix = (char)('a' + to->space_count);
	to->spaces[to->space_count++] = space;
	bind(to, prefix, span_of(space));
	return prefix;
}

static void write_name(struct writing *to, const char *local, const char *space, bool prefixed)
{
	if (prefixed) {
		buffer_octet(&to->path, prefix_for(to, space));
		buffer_octet(&to->path, ':');
	}
	struct span encoded = percent_encode(to->arena, span_of(local), NULL);
	to->path.failed |= !encoded.data;
	buffer_append(&to->path, encoded);
}

static void write_position(struct writing *to, const xmlNode *element, bool any)
{
	size_t before = 0, after = 0;
	for (const xmlNode *node = element->prev; node; node = node->prev)
		before += node->type == XML_ELEMENT_NODE && (any || same_name(node, element));
	for (const xmlNode *node = element->next; node && !before && !after; node = node->next)
		after += node->type == XML_ELEMENT_NODE && (any || same_name(node, element));
	if (before || after)
		buffer_format(&to->path, "%%5B%zu%%5D", before + 1);
}

/* No name of XCAP means "no namespace": such an element is told by its position alone, and so is
 * one whose namespace finds no prefix left. */
static void write_step(struct writing *to, const xmlNode *element)
{
	const char *space = space_of(element);
	bool standard = span_equal_text(to->standard, space);
	bool any = !*space || (!standard && !prefix_for(to, space));
	if (any)
		buffer_octet(&to->path, '*');
	else
		write_name(to, (const char *)element->name, space, !standard);
	write_position(to, element, any);
}

static void write_steps(struct writing *to, const xmlNode *element)
{
	const xmlNode *parent = element->parent;
	if (parent && parent->type == XML_ELEMENT_NODE) { /* depth is limited by the parser */
		write_steps(to, parent);
		buffer_octet(&to->path, '/');
	}
	write_step(to, element);
}

struct span field_select(struct arena *arena, struct span default_namespace, const xmlNode *element,
	struct name attribute)
{
	struct writing to = {
		.arena = arena,
		.standard = default_namespace,
		.path = { .arena = arena },
		.query = { .arena = arena },
	};
	write_steps(&to, element);
	if (attribute.local) {
		buffer_text(&to.path, "/@");
		write_name(&to, attribute.local, attribute.space, *attribute.space != '\0');
	}
	if (to.space_count)
		buffer_octet(&to.path, '?');
	buffer_append(&to.path, buffer_span(&to.query));
	if (to.query.failed)
		return (struct span){ NULL, 0 };
	return buffer_span(&to.path);
}
