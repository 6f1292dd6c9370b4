/* SPDX-License-Identifier: BSD-2-Clause */
#include "xcap/fragment.h"

#include <stdio.h>

static size_t line_of(struct span text, size_t offset)
{
	size_t line = 1;
	for (size_t i = 0; i < offset; i++)
		line += text.data[i] == '\n';
	return line;
}

static bool is_utf8(struct span body, struct conflict *why)
{
	size_t bad;
	if (utf8_valid(body, &bad))
		return true;
	return conflict_set(why, CONFLICT_NOT_UTF_8,
		"line %zu, octet %zu of the body: 0x%02X is not UTF-8", line_of(body, bad), bad,
		(unsigned)(unsigned char)body.data[bad]);
}

/* The element inside another one that declares what is in scope. Its start tag ends the first line,
 * so that columns are those of the body, and lines one more. */
static struct span in_context(struct arena *arena, const struct trail *trail, struct span element)
{
	struct buffer text = { .arena = arena };
	struct declarations scope;
	if (!namespaces_in_scope(arena, trail, trail->depth, &scope))
		return (struct span){ NULL, 0 };
	buffer_text(&text, "<context");
	for (size_t i = 0; i < scope.count; i++) {
		struct span meant;
		if (!scope.items[i].prefix.size
			|| !value_decode(arena, scope.items[i].stored, &meant))
			continue;
		buffer_text(&text, " xmlns:");
		buffer_append(&text, scope.items[i].prefix);
		buffer_text(&text, "=\"");
		buffer_xml(&text, meant);
		buffer_octet(&text, '"');
	}
	buffer_text(&text, ">\n");
	buffer_append(&text, element);
	buffer_text(&text, "</context>");
	return buffer_span(&text);
}

static bool refuse(struct conflict *why, size_t first_line)
{
	unsigned line;
	int used;
	const char *phrase = why->phrase.data ? why->phrase.data : "";
	if (sscanf(phrase, "line %u%n", &line, &used) == 1 && line)
		return conflict_set(why, CONFLICT_NOT_XML_FRAG, "line %zu%s", line - 2 + first_line,
			phrase + used);
	return conflict_set(why, CONFLICT_NOT_XML_FRAG, "%s", phrase);
}

static bool judge(struct arena *arena, const struct trail *trail, struct span element,
	const struct xml_limits *limits, size_t first_line, struct conflict *why)
{
	struct xml_document *document = NULL;
	struct xml_limits around = { limits->depth + 1, limits->attributes, 0 };
	struct span text = in_context(arena, trail, element);
	if (!text.data) {
		why->kind = CONFLICT_NONE;
		return false;
	}
	bool fine = xml_parse(&document, text, &around, why);
	xml_free(&document);
	return fine || (why->kind != CONFLICT_NONE && refuse(why, first_line));
}

/* Is all of it, from the first octet to the last, one element? */
static bool stands_alone(struct span element, struct conflict *why)
{
	static const char phrase[] = "the body has to be one element, with nothing beside it";
	struct scan scan = { .document = element };
	struct tag tag;
	size_t end;
	if (scan_next(&scan, &tag) != SCAN_OPEN || tag.start
		|| !scan_element_end(element, &tag, &end) || end != element.size)
		return conflict_set(why, CONFLICT_NOT_XML_FRAG, phrase);
	return true;
}

static struct span without_mark(struct span body)
{
	return span_starts(body, SPAN("\xEF\xBB\xBF")) ? span_from(body, 3) : body;
}

bool fragment_element(struct arena *arena, const struct trail *trail, struct span body,
	const struct xml_limits *limits, struct span *element_out, struct conflict *why)
{
	struct span element = span_trim(without_mark(body));
	if (!is_utf8(body, why))
		return false;
	if (!element.size)
		return conflict_set(why, CONFLICT_NOT_XML_FRAG, "the body is empty");
	if (span_starts(element, SPAN("<?xml ")))
		return conflict_set(why, CONFLICT_NOT_XML_FRAG,
			"an XML declaration, where only an element may be");
	if (span_starts(element, SPAN("<!DOCTYPE")))
		return conflict_set(why, CONFLICT_NOT_XML_FRAG, "a DOCTYPE is not taken");
	*element_out = element;
	return judge(arena, trail, element, limits,
		       line_of(body, (size_t)(element.data - body.data)), why)
	       && stands_alone(element, why);
}

bool fragment_value(struct span body, struct span *value_out, struct conflict *why)
{
	struct span value = without_mark(body), bare = span_trim(value);
	size_t bad;
	char quote = bare.size ? bare.data[0] : '\0';
	if (!is_utf8(body, why))
		return false;
	if (quote == '"' || quote == '\'') {
		struct span after = span_from(bare, 1);
		if (!span_find(after, quote, &bad) || bad + 1 != after.size)
			return conflict_set(why, CONFLICT_NOT_XML_ATT_VALUE,
				"the value begins with a quote, and does not end with the next");
		value = span_first(after, bad);
	}
	if (!value_legal(value, &bad))
		return conflict_set(why, CONFLICT_NOT_XML_ATT_VALUE,
			"octet %zu of the body: not allowed in an attribute value, or no legal "
			"reference",
			(size_t)(value.data - body.data) + bad);
	*value_out = value;
	return true;
}
