/* SPDX-License-Identifier: BSD-2-Clause */
#include "auids/phrase.h"

#include <libxml/tree.h>
#include <string.h>

enum { PHRASE_MAX = 400, PHRASE_NAME_MAX = 100 };

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

/* libxml2 begins with the value that it does not like; what it says of it goes on with " is". */
static struct span without_value(struct arena *arena, struct span message, const char *value)
{
	struct span quoted = arena_format(arena, "'%s' is", value ? value : "");
	struct span words = SPAN("The value ");
	size_t facet;
	if (span_starts(message, SPAN("[facet ")) && span_search(message, SPAN("] "), &facet))
		message = span_from(message, facet + 2);
	struct span rest = span_starts(message, words) ? span_from(message, words.size) : message;
	if (!value || !quoted.data || !span_starts(rest, quoted))
		return message;
	return arena_format(arena, "The value is%.*s", SPAN_ARG(span_from(rest, quoted.size)));
}

/* "Element 'x', attribute 'y': what" in its parts. libxml2 cuts messages about giant names short,
 * before the end. */
static struct span cut_place(struct span message, struct span *attribute_out)
{
	static const struct span mark = { ", attribute '", 13 }, end = { "': ", 3 };
	size_t size, at;
	*attribute_out = (struct span){ NULL, 0 };
	if (!span_starts(message, SPAN("Element '")))
		return message;
	bool whole = span_search(message, end, &size);
	struct span place = whole ? span_first(message, size) : message;
	if (span_search(place, mark, &at))
		*attribute_out = span_from(place, at + mark.size);
	return whole ? span_from(message, size + end.size) : SPAN("is not valid");
}

static const xmlNode *element_of(const xmlError *error)
{
	const xmlNode *node = error->node;
	return node && node->type == XML_ATTRIBUTE_NODE ? node->parent : node;
}

void phrase_fault(struct conflict *why, const xmlError *error)
{
	const xmlNode *element = element_of(error);
	struct span attribute, message = cut_place(span_trim(span_of(error->message)), &attribute);
	message = without_value(why->arena, message, error->str1);
	message = without_namespaces(why->arena, message);
	attribute = without_namespaces(why->arena, attribute);
	conflict_set(why, CONFLICT_SCHEMA_VALIDATION_ERROR, "line %ld, element %.100s%s%.*s: %.*s",
		element ? xmlGetLineNo(element) : error->line,
		element ? (const char *)element->name : "?", attribute.size ? ", attribute " : "",
		SPAN_ARG(span_first(attribute, PHRASE_NAME_MAX)),
		SPAN_ARG(span_first(message, PHRASE_MAX)));
}
