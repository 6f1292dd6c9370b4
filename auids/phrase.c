/* SPDX-License-Identifier: BSD-2-Clause */
#include "auids/phrase.h"

#include <libxml/tree.h>
#include <string.h>

enum { PHRASE_MAX = 400 };

/* "{urn:x}name" becomes "name". */
static struct span without_namespaces(struct arena *arena, struct span message)
{
	struct buffer to = { .arena = arena };
	struct span rest = message;
	size_t open, close;
	while (span_find(rest, '{', &open) && span_find(span_from(rest, open), '}', &close)) {
		struct span inside = span_first(span_from(rest, open), close);
		bool list = span_starts(inside, SPAN("{'")); /* of values, in facets */
		buffer_append(&to, span_first(rest, list ? open + 1 : open));
		rest = span_from(rest, list ? open + 1 : open + close + 1);
	}
	buffer_append(&to, rest);
	return buffer_span(&to);
}

struct span phrase_message(struct arena *arena, const xmlError *error)
{
	return without_namespaces(arena, span_trim(span_of(error->message)));
}

/* Puts a word in place of the value that libxml2 quotes. */
static struct span without_value(struct arena *arena, struct span message, const char *value)
{
	size_t at;
	struct span quoted = arena_format(arena, "'%s'", value ? value : "");
	if (!value || !quoted.data || !span_search(message, quoted, &at))
		return message;
	struct span before = span_first(message, at), after = span_from(message, at + quoted.size);
	if (span_ends(before, SPAN("he value "))) /* "[facet] The value 'x' is not .." */
		before.size--;
	return arena_format(arena, "%.*s%s%.*s", SPAN_ARG(before),
		span_ends(before, SPAN("he value")) ? "" : "the value", SPAN_ARG(after));
}

static bool quotes_value(const xmlError *error)
{
	return error->code != XML_SCHEMAV_ELEMENT_CONTENT && error->code != XML_SCHEMAV_CVC_ELT_1;
}

/* "Element 'x', attribute 'y': what" in its parts. */
static struct span cut_place(struct span message, struct span *attribute_out)
{
	static const struct span mark = { ", attribute '", 13 };
	struct span end = SPAN("': ");
	size_t size, at;
	*attribute_out = (struct span){ NULL, 0 };
	if (!span_starts(message, SPAN("Element '")) || !span_search(message, end, &size))
		return message;
	struct span place = span_first(message, size);
	if (span_search(place, mark, &at))
		*attribute_out = span_from(place, at + mark.size);
	return span_from(message, size + end.size);
}

static const xmlNode *element_of(const xmlError *error)
{
	const xmlNode *node = error->node;
	return node && node->type == XML_ATTRIBUTE_NODE ? node->parent : node;
}

void phrase_fault(struct conflict *why, const xmlError *error)
{
	const xmlNode *element = element_of(error);
	struct span attribute, message = span_trim(span_of(error->message));
	if (quotes_value(error))
		message = without_value(why->arena, message, error->str1);
	message = cut_place(without_namespaces(why->arena, message), &attribute);
	conflict_set(why, CONFLICT_SCHEMA_VALIDATION_ERROR, "line %ld, element %s%s%.*s: %.*s",
		element ? xmlGetLineNo(element) : error->line,
		element ? (const char *)element->name : "?", attribute.data ? ", attribute " : "",
		SPAN_ARG(attribute), SPAN_ARG(span_first(message, PHRASE_MAX)));
}
