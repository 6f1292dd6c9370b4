/* SPDX-License-Identifier: BSD-2-Clause */
#include "xcap/xml.h"

#include "xcap/scratch.h"

#include <libxml/SAX2.h>
#include <libxml/parser.h>
#include <libxml/parserInternals.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PHRASE_MAX = 240 }; /* octets of a libxml2 message that are passed on */

struct xml_document {
	xmlDocPtr tree;
};

/* One parse: hangs on the parser's _private. */
struct judge {
	const struct xml_limits *limits;
	struct conflict *why;
	bool refused; /* *why says so */
	bool starved;
};

void xml_start(void)
{
	scratch_start();
	xmlInitParser();
}

void xml_stop(void)
{
	xmlCleanupParser();
}

/* --- what can be seen in the octets alone --- */

static size_t line_of(struct span octets, size_t offset)
{
	struct span before = span_first(octets, offset);
	size_t line = 1, at;
	for (; span_find(before, '\n', &at); line++)
		before = span_from(before, at + 1);
	return line;
}

static const char *other_encoding(struct span octets)
{
	static const struct {
		struct span start;
		const char *name;
	} signs[] = {
		/* XML 1.0, appendix F; the longer first */
		{ { "\xFF\xFE\0\0", 4 }, "UTF-32" },
		{ { "\0\0\xFE\xFF", 4 }, "UTF-32" },
		{ { "<\0\0\0", 4 }, "UTF-32" },
		{ { "\0\0\0<", 4 }, "UTF-32" },
		{ { "\xFF\xFE", 2 }, "UTF-16" },
		{ { "\xFE\xFF", 2 }, "UTF-16" },
		{ { "<\0", 2 }, "UTF-16" },
		{ { "\0<", 2 }, "UTF-16" },
		{ { "Lo\xA7\x94", 4 }, "EBCDIC" },
	};
	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++)
		if (span_starts(octets, signs[i].start))
			return signs[i].name;
	return NULL;
}

static struct span without_mark(struct span octets)
{
	return span_starts(octets, SPAN("\xEF\xBB\xBF")) ? span_from(octets, 3) : octets;
}

/* What stands between <?xml and ?>; none without a declaration. */
static struct span declaration_of(struct span octets)
{
	struct span start = SPAN("<?xml"), rest = span_from(without_mark(octets), start.size);
	size_t end;
	if (!span_starts(without_mark(octets), start) || !rest.size
		|| !strchr(" \t\r\n", rest.data[0]) || !span_search(rest, SPAN("?>"), &end))
		return (struct span){ NULL, 0 };
	return span_first(rest, end);
}

/* The value of one pseudo-attribute; none when it is not there. Errors are left to libxml2. */
static struct span declared(struct span declaration, const char *wanted)
{
	struct span rest = declaration;
	while (rest.size) {
		struct span name = span_trim(span_cut(&rest, '='));
		rest = span_trim(rest);
		if (!rest.size || (rest.data[0] != '"' && rest.data[0] != '\''))
			break;
		char quote = rest.data[0];
		rest = span_from(rest, 1);
		struct span value = span_cut(&rest, quote);
		if (span_equal_text(name, wanted))
			return value;
	}
	return (struct span){ NULL, 0 };
}

static bool is_plain(struct span text)
{
	for (size_t i = 0; i < text.size; i++)
		if (text.data[i] <= ' ' || text.data[i] > '~')
			return false;
	return text.size > 0 && text.size <= 40;
}

static bool declaration_fits(struct span octets, struct conflict *why)
{
	struct span declaration = declaration_of(octets);
	struct span version = declared(declaration, "version");
	struct span encoding = declared(declaration, "encoding");
	if (encoding.data && !span_equal_nocase(encoding, SPAN("UTF-8")))
		return is_plain(encoding)
			       ? conflict_set(why, CONFLICT_NOT_UTF_8,
				       "line 1: the encoding is declared as %.*s, not UTF-8",
				       SPAN_ARG(encoding))
			       : conflict_set(why, CONFLICT_NOT_UTF_8,
				       "line 1: an encoding other than UTF-8 is declared");
	if (version.data && !span_equal_text(version, "1.0"))
		return conflict_set(
			why, CONFLICT_NOT_WELL_FORMED, "line 1: the XML version is not 1.0");
	return true;
}

static bool encoding_fits(struct span octets, struct conflict *why)
{
	const char *other = other_encoding(octets);
	size_t bad;
	if (other)
		return conflict_set(why, CONFLICT_NOT_UTF_8, "this is %s, not UTF-8", other);
	if (!declaration_fits(octets, why))
		return false;
	if (!utf8_valid(octets, &bad))
		return conflict_set(why, CONFLICT_NOT_UTF_8,
			"line %zu, octet %zu: 0x%02X is not UTF-8", line_of(octets, bad), bad,
			(unsigned)(unsigned char)octets.data[bad]);
	if (span_find(octets, '\0', &bad))
		return conflict_set(why, CONFLICT_NOT_WELL_FORMED, "line %zu, octet %zu: a NUL",
			line_of(octets, bad), bad);
	return true;
}

/* A start tag holds no other '<', so that what reaches from one '<' to the next bounds it. */
static size_t count_attributes(struct span tag)
{
	size_t count = 0, skip;
	if (!tag.size || strchr("!?/", tag.data[0]))
		return 0;
	while (tag.size && tag.data[0] != '>') {
		char c = tag.data[0];
		tag = span_from(tag, 1);
		if (c != '"' && c != '\'')
			continue;
		count++;
		if (!span_find(tag, c, &skip))
			return count;
		tag = span_from(tag, skip + 1);
	}
	return count;
}

/* libxml2 compares each attribute of an element with all others before its caller sees the first:
 * too many must not come that far. */
static bool attributes_fit(struct span octets, size_t most, struct conflict *why)
{
	enum { SHORTEST = 5 }; /*  a="" */
	struct span rest = octets;
	while (rest.data) {
		struct span tag = span_cut(&rest, '<');
		if (tag.size / SHORTEST > most && count_attributes(tag) > most)
			return conflict_set(why, CONFLICT_NOT_WELL_FORMED,
				"line %zu: an element with more than %zu attributes",
				line_of(octets, (size_t)(tag.data - octets.data)), most);
	}
	return true;
}

static bool octets_fit(struct span octets, const struct xml_limits *limits, struct conflict *why)
{
	size_t most = limits->size && limits->size < INT_MAX ? limits->size : INT_MAX;
	if (octets.size > most)
		return conflict_set(why, CONFLICT_CONSTRAINT_FAILURE,
			"a document of %zu octets, the limit is %zu", octets.size, most);
	if (!octets.size)
		return conflict_set(why, CONFLICT_NOT_WELL_FORMED, "the document is empty");
	return encoding_fits(octets, why) && attributes_fit(octets, limits->attributes, why);
}

/* --- what libxml2 sees --- */

static void refuse(struct judge *judge, const char *place, struct span message)
{
	if (judge->refused)
		return;
	judge->refused = true;
	conflict_set(judge->why, CONFLICT_NOT_WELL_FORMED, "%s: %.*s", place, SPAN_ARG(message));
}

static void stop(xmlParserCtxtPtr parser, const char *what, size_t limit)
{
	struct judge *judge = parser->_private;
	judge->refused = true;
	conflict_set(judge->why, CONFLICT_NOT_WELL_FORMED, "line %d: %s (limit %zu)",
		xmlSAX2GetLineNumber(parser), what, limit);
	xmlStopParser(parser);
}

/* The first line, at most so much of it. libxml2 quotes the document and may cut a character. */
static struct span message_of(const xmlError *error)
{
	struct span rest = span_of(error->message);
	struct span message = span_first(span_trim(span_cut(&rest, '\n')), PHRASE_MAX);
	size_t bad;
	return utf8_valid(message, &bad) ? message : span_first(message, bad);
}

/* A namespace name need not be a URI that libxml2 can parse; the other rules of Namespaces in XML
 * are as good as well-formedness. */
static void on_error(void *context, xmlErrorPtr error)
{
	xmlParserCtxtPtr parser = context;
	struct judge *judge = parser->_private;
	char place[64];
	bool namespaces = error->domain == XML_FROM_NAMESPACE && error->level == XML_ERR_ERROR
			  && error->code != XML_WAR_NS_URI;
	if (error->code == XML_ERR_NO_MEMORY)
		judge->starved = true;
	if (error->level != XML_ERR_FATAL && !namespaces)
		return;
	snprintf(place, sizeof(place), "line %d, column %d", error->line, error->int2);
	refuse(judge, place, message_of(error));
}

static void on_doctype(
	void *context, const xmlChar *name, const xmlChar *public_id, const xmlChar *system_id)
{
	xmlParserCtxtPtr parser = context;
	char place[32];
	(void)name, (void)public_id, (void)system_id;
	snprintf(place, sizeof(place), "line %d", xmlSAX2GetLineNumber(parser));
	refuse(parser->_private, place, SPAN("a DOCTYPE is not taken"));
	xmlStopParser(parser);
}

static void on_start(void *context, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri,
	int namespace_count, const xmlChar **namespaces, int attribute_count, int defaulted,
	const xmlChar **attributes)
{
	xmlParserCtxtPtr parser = context;
	const struct judge *judge = parser->_private;
	size_t depth = judge->limits->depth, most = judge->limits->attributes;
	if (depth > xmlParserMaxDepth)
		depth = xmlParserMaxDepth;
	if ((size_t)parser->nodeNr >= depth)
		stop(parser, "elements are nested too deep", depth);
	else if ((size_t)attribute_count + (size_t)namespace_count > most)
		stop(parser, "an element with too many attributes", most);
	else if ((size_t)parser->nsNr / 2 > most)
		stop(parser, "too many namespace declarations in scope", most);
	else
		xmlSAX2StartElementNs(context, name, prefix, uri, namespace_count, namespaces,
			attribute_count, defaulted, attributes);
}

/* All octets are there: libxml2 need not look for more before each of the last names. */
static void on_begin(void *context)
{
	xmlParserCtxtPtr parser = context;
	if (parser->input && parser->input->buf)
		parser->input->buf->readcallback = NULL;
	xmlSAX2StartDocument(context);
}

static xmlDocPtr parse(struct span octets, struct judge *judge)
{
	enum {
		OPTIONS = XML_PARSE_NONET | XML_PARSE_BIG_LINES | XML_PARSE_COMPACT
			  | XML_PARSE_IGNORE_ENC
	};
	xmlParserCtxtPtr parser = xmlNewParserCtxt();
	if (!parser)
		return NULL;
	parser->_private = judge;
	parser->sax->serror = on_error;
	parser->sax->startDocument = on_begin;
	parser->sax->internalSubset = on_doctype;
	parser->sax->externalSubset = on_doctype;
	parser->sax->startElementNs = on_start;
	xmlDocPtr tree =
		xmlCtxtReadMemory(parser, octets.data, (int)octets.size, NULL, NULL, OPTIONS);
	xmlFreeParserCtxt(parser);
	if (tree && !judge->refused && !judge->starved)
		return tree;
	xmlFreeDoc(tree);
	return NULL;
}

bool xml_parse(struct xml_document **out, struct span octets, const struct xml_limits *limits,
	struct conflict *why)
{
	struct judge judge = { .limits = limits, .why = why };
	*out = NULL;
	if (!octets_fit(octets, limits, why))
		return false;
	struct xml_document *document = malloc(sizeof(*document));
	xmlDocPtr tree = document ? parse(octets, &judge) : NULL;
	if (!tree) {
		if (!judge.refused || judge.starved)
			why->kind = CONFLICT_NONE;
		free(document);
		return false;
	}
	document->tree = tree;
	*out = document;
	return true;
}

void xml_free(struct xml_document **document)
{
	if (!*document)
		return;
	if (!scratch_holds((*document)->tree))
		xmlFreeDoc((*document)->tree);
	free(*document);
	*document = NULL;
}

struct _xmlDoc *xml_tree(const struct xml_document *document)
{
	return document->tree;
}
