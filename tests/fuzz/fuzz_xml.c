/* links: base xcap PkgConfig::LIBXML2 */
/* SPDX-License-Identifier: BSD-2-Clause */
/* The input is a document. What passes must be what plain libxml2 takes too; what does not must
 * have a reason that can be told. */
#include "xcap/xml.h"

#include <libxml/parser.h>
#include <libxml/tree.h>

#undef NDEBUG
#include <assert.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct xml_limits limits = { .depth = 16, .attributes = 16, .size = 65536 };

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	xml_start();
	return 0;
}

static size_t depth_of(xmlNodePtr node)
{
	size_t deepest = 0;
	for (xmlNodePtr child = xmlFirstElementChild(node); child;
		child = xmlNextElementSibling(child)) {
		size_t depth = depth_of(child);
		deepest = depth > deepest ? depth : deepest;
	}
	return deepest + 1;
}

static void check_accepted(struct xml_document *document, struct span octets)
{
	xmlDocPtr tree = xml_tree(document);
	assert(utf8_valid(octets, NULL) && !span_find(octets, '\0', NULL));
	assert(tree && xmlDocGetRootElement(tree) && !tree->intSubset && !tree->extSubset);
	assert(depth_of(xmlDocGetRootElement(tree)) <= limits.depth);
	xmlDocPtr plain = xmlReadMemory(octets.data, (int)octets.size, NULL, NULL,
		XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
	assert(plain);
	xmlFreeDoc(plain);
}

static void check_refused(struct arena *arena, const struct conflict *why)
{
	struct conflict of_body = { .arena = arena };
	struct xml_document *document;
	struct span body = conflict_body(arena, why);
	assert(why->kind == CONFLICT_NOT_WELL_FORMED || why->kind == CONFLICT_NOT_UTF_8
		|| why->kind == CONFLICT_CONSTRAINT_FAILURE);
	assert(why->phrase.size > 0 && utf8_valid(why->phrase, NULL));
	assert(xml_parse(&document, body, &limits, &of_body));
	xml_free(&document);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new(4096);
	struct conflict why = { .arena = arena };
	struct span octets = { (const char *)data, size };
	struct xml_document *document;
	if (xml_parse(&document, octets, &limits, &why))
		check_accepted(document, octets);
	else
		check_refused(arena, &why);
	xml_free(&document);
	arena_free(&arena);
	return 0;
}
