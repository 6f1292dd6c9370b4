/* SPDX-License-Identifier: BSD-2-Clause */
/* Random documents whose writer notes where everything begins and ends: what a scanner should find,
 * known without one. For one test program; one thread. */
#ifndef XCAPD_TESTS_RANDOM_DOCUMENT_H
#define XCAPD_TESTS_RANDOM_DOCUMENT_H

#include "base/text.h"

#include <assert.h>

static uint64_t random_state;

static inline uint64_t random_number(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state >> 11;
}

static inline size_t below(size_t bound)
{
	return random_number() % bound;
}

static inline bool chance(size_t percent)
{
	return below(100) < percent;
}

#define PICK(table) ((table)[below(sizeof(table) / sizeof((table)[0]))])

enum { ELEMENTS_MOST = 400, ATTRIBUTES_EACH = 8, PREFIXES = 4 };

struct noted_attribute {
	size_t space, start, value, value_end,
		end; /* space: where the white space before it begins */
};

struct noted_element {
	size_t start, content, content_end, end; /* of the whole; content: past the start tag */
	size_t attributes_end;                   /* past the last attribute or the name */
	bool empty_tag;
	struct noted_attribute attributes[ATTRIBUTES_EACH]; /* without declarations */
	size_t attribute_count;
	struct span name; /* as written */
};

/* In document order. */
struct random_document {
	struct buffer text;
	struct noted_element elements[ELEMENTS_MOST];
	size_t count;
};

/* Which namespace each prefix means while writing; prefixes[0] is the default. */
static const char *const prefixes[PREFIXES] = { "", "p", "q", "\xC3\xA9" };
static const char *const namespaces[] = { "", "urn:one", "urn:two", "urn:3&4" };
static const char *const namespaces_written[][3] = {
	{ "", "", "" },
	{ "urn:one", "&#117;rn:one", "urn:&#x6f;ne" },
	{ "urn:two", "urn:two", "urn:t&#119;o" },
	{ "urn:3&amp;4", "urn:3&#38;4", "urn:3&#x26;4" },
};
static const char *const locals[] = { "a", "b", "c", "\xD0\xB6" };
static const char *const keys[] = { "i", "j", "k" };

/* As written, and what it means. */
static const char *const values[][2] = {
	{ "", "" },
	{ "1", "1" },
	{ "&#49;", "1" },
	{ "2", "2" },
	{ "a/b", "a/b" },
	{ "[@x]", "[@x]" },
	{ "~~%41?", "~~%41?" },
	{ ">", ">" },
	{ "/>", "/>" },
	{ "R&amp;D", "R&D" },
	{ "R&#38;D", "R&D" },
	{ "&lt;a/>", "<a/>" },
	{ "x\ty", "x y" },
	{ "x\r\ny", "x y" },
	{ "x\ny", "x y" },
	{ "x\ry", "x y" },
	{ "x&#10;y", "x\ny" },
	{ "x&#9;y", "x\ty" },
	{ "x&#13;&#10;y", "x\r\ny" },
	{ "\xD0\x9F\xD1\x80", "\xD0\x9F\xD1\x80" },
	{ "&#x1F600;", "\xF0\x9F\x98\x80" },
	{ "\xF0\x9F\x98\x80", "\xF0\x9F\x98\x80" },
	{ "&quot;q&apos;", "\"q'" },
	{ "  ", "  " },
};

static inline void write_space(struct buffer *to, bool needed)
{
	static const char *const some[] = { " ", "\n", "\r\n", "\t", "  ", "\n   " };
	if (needed || chance(15))
		buffer_text(to, PICK(some));
}

static inline void write_misc(struct buffer *to)
{
	static const char *const misc[] = { "<!-- <a i='1'> -->", "<!---->", "<!-- '\" -->",
		"<?pi <a/> ?>", "<?x?>", "<?p </a> '?>", "<!--\xF0\x9F\x98\x80-->" };
	buffer_text(to, PICK(misc));
}

static inline void write_content(struct buffer *to)
{
	static const char *const text[] = { "text", " ", "\r\n  ", "\n", "\t", "&lt;a/&gt;",
		"&amp;", "&#65;", "\xD0\x9F\xD1\x80\xD0\xB8", "\xF0\x9F\x98\x80", "]]x", "'\"", ">",
		"<![CDATA[<a></b>]]>", "<![CDATA[]]>", "<![CDATA[]]]]>", "<![CDATA[\r\n&x;]]>" };
	if (chance(30))
		write_misc(to);
	else
		buffer_text(to, PICK(text));
}

/* A value without quotes of the kind that stands around it. */
static inline struct noted_attribute write_attribute(
	struct buffer *to, const char *prefix, const char *local, const char *value)
{
	struct noted_attribute noted;
	noted.space = to->size;
	write_space(to, true);
	noted.start = to->size;
	buffer_text(to, prefix);
	buffer_text(to, *prefix && *local ? ":" : "");
	buffer_text(to, local);
	write_space(to, false);
	buffer_octet(to, '=');
	write_space(to, false);
	char quote = chance(50) ? '"' : '\'';
	buffer_octet(to, quote);
	noted.value = to->size;
	buffer_text(to, value);
	noted.value_end = to->size;
	buffer_octet(to, quote);
	noted.end = to->size;
	return noted;
}

static inline void note_attribute(struct noted_element *element, struct noted_attribute attribute)
{
	assert(element->attribute_count < ATTRIBUTES_EACH);
	element->attributes[element->attribute_count++] = attribute;
}

/* Each local name at most once without a prefix and once with one: no two expanded names agree. */
static inline void write_attributes(
	struct buffer *to, struct noted_element *element, const size_t scope[PREFIXES])
{
	for (size_t i = 0; i < 3; i++) {
		size_t prefix = 1 + below(PREFIXES - 1);
		if (chance(30))
			note_attribute(element, write_attribute(to, "", keys[i], PICK(values)[0]));
		if (scope[prefix] && chance(12))
			note_attribute(element,
				write_attribute(to, prefixes[prefix], keys[i], PICK(values)[0]));
	}
	if (chance(5))
		note_attribute(element, write_attribute(to, "xml", "lang", "de"));
}

static inline void write_declarations(
	struct buffer *to, const bool declared[PREFIXES], const size_t scope[PREFIXES])
{
	for (size_t i = 0; i < PREFIXES; i++)
		if (declared[i])
			write_attribute(
				to, "xmlns", prefixes[i], PICK(namespaces_written[scope[i]]));
}

/* Declares some prefixes anew, and gives one that may be used for the element. */
static inline const char *choose_scope(bool declared[PREFIXES], size_t scope[PREFIXES], bool root)
{
	for (size_t i = 0; i < PREFIXES; i++) {
		declared[i] = chance(root ? 50 : 6);
		if (declared[i])
			scope[i] = i ? 1 + below(3) : below(4);
	}
	size_t prefix = chance(70) ? 0 : below(PREFIXES);
	return prefix && scope[prefix] ? prefixes[prefix] : "";
}

static inline void write_element(
	struct random_document *document, const size_t outer[PREFIXES], size_t depth);

static inline void write_children(
	struct random_document *document, const size_t scope[PREFIXES], size_t depth)
{
	size_t count = depth == 1 ? 2 + below(5) : below(5);
	for (size_t i = 0; i <= count; i++) {
		while (chance(35))
			write_content(&document->text);
		if (i < count && depth < 5 && document->count < ELEMENTS_MOST)
			write_element(document, scope, depth + 1);
	}
}

static inline void write_element(
	struct random_document *document, const size_t outer[PREFIXES], size_t depth)
{
	struct buffer *to = &document->text;
	struct noted_element *element = &document->elements[document->count++];
	bool declared[PREFIXES], attributes_first = chance(50);
	size_t scope[PREFIXES];
	for (size_t i = 0; i < PREFIXES; i++)
		scope[i] = outer[i];
	*element = (struct noted_element){ .start = to->size };
	const char *prefix = choose_scope(declared, scope, depth == 1);
	const char *local = PICK(locals);
	buffer_octet(to, '<');
	buffer_format(to, "%s%s%s", prefix, *prefix ? ":" : "", local);
	size_t name_size = to->size - element->start - 1;
	if (attributes_first)
		write_attributes(to, element, scope);
	write_declarations(to, declared, scope);
	if (!attributes_first)
		write_attributes(to, element, scope);
	element->attributes_end = to->size;
	write_space(to, false);
	element->empty_tag = chance(depth == 1 ? 4 : 35);
	buffer_text(to, element->empty_tag ? "/>" : ">");
	element->content = element->content_end = to->size;
	if (!element->empty_tag) {
		if (chance(80))
			write_children(document, scope, depth);
		element->content_end = to->size;
		buffer_format(to, "</%s%s%s", prefix, *prefix ? ":" : "", local);
		write_space(to, false);
		buffer_octet(to, '>');
	}
	element->end = to->size;
	element->name = (struct span){ NULL, name_size };
}

/* False without memory. */
static inline bool random_document(struct random_document *document, struct arena *arena)
{
	static const size_t nothing[PREFIXES] = { 0 };
	document->text = (struct buffer){ .arena = arena };
	document->count = 0;
	if (chance(10))
		buffer_text(&document->text, "\xEF\xBB\xBF");
	if (chance(50))
		buffer_text(&document->text, "<?xml version=\"1.0\" encoding='UTF-8'?>");
	while (chance(30))
		write_misc(&document->text);
	write_element(document, nothing, 1);
	while (chance(30))
		write_misc(&document->text);
	for (size_t i = 0; i < document->count; i++)
		document->elements[i].name.data =
			document->text.data + document->elements[i].start + 1;
	return !document->text.failed;
}

#endif
