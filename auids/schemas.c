/* SPDX-License-Identifier: BSD-2-Clause */
#include "auids/schemas.h"
#include "auids/outline.h"
#include "auids/phrase.h"

#include <libxml/parser.h>
#include <libxml/parserInternals.h>
#include <libxml/uri.h>
#include <libxml/xmlschemas.h>
#include <libxml/xmlschemastypes.h>
#include <string.h>

#define XSD_SPACE "http://www.w3.org/2001/XMLSchema"

/* One file, while loading. */
struct schema_file {
	struct schema_file *next;
	struct span name;
	const char *path;
	const char *space;
	bool included; /* a part of another file, not to be imported by itself */
	struct xml_document *document;
};

struct schemas {
	xmlSchema *compiled; /* NULL: no files */
	struct outline *outline;
};

/* --- what libxml2 may open --- */

/* Plain files only: whatever looks like a URL is refused before libxml2 can fetch it. */
static xmlParserInput *open_local(
	const char *location, const char *public_id, xmlParserCtxt *parser)
{
	(void)public_id;
	if (!location || strstr(location, "://"))
		return NULL;
	return xmlNewInputFromFile(parser, location);
}

void schemas_start(void)
{
	xml_start();
	xmlSchemaInitTypes();
	xmlSetExternalEntityLoader(open_local);
}

void schemas_stop(void)
{
	xmlSchemaCleanupTypes();
}

/* --- the files --- */

static bool is_xsd(const xmlNode *node, const char *local)
{
	return node->type == XML_ELEMENT_NODE && node->ns
	       && !strcmp((const char *)node->ns->href, XSD_SPACE)
	       && !strcmp((const char *)node->name, local);
}

static struct span attribute(struct loading *loading, const xmlNode *node, const char *name)
{
	xmlChar *value = xmlGetNoNsProp(node, (const xmlChar *)name);
	struct span copy = value ? arena_copy(loading->set->arena, span_of((char *)value))
				 : (struct span){ NULL, 0 };
	xmlFree(value);
	return copy;
}

static bool file_fits(struct loading *loading, struct schema_file *file, const char *includer)
{
	const xmlNode *root = xmlDocGetRootElement(xml_tree(file->document));
	if (!is_xsd(root, "schema"))
		return problem(loading, file->path, xmlGetLineNo(root), "this is no XML schema");
	struct span space = attribute(loading, root, "targetNamespace");
	file->space = space.data ? space.data : includer;
	if (!file->space)
		return problem(
			loading, file->path, xmlGetLineNo(root), "a targetNamespace is missing");
	if (includer && strcmp(file->space, includer))
		return problem(loading, file->path, xmlGetLineNo(root),
			"included into a schema of another namespace");
	return true;
}

static struct schema_file *file_known(struct schema_file *files, struct span name)
{
	for (; files; files = files->next)
		if (span_equal(files->name, name))
			return files;
	return NULL;
}

/* Adds the file at the end of the list, so that a walk along the list comes by it. */
static bool file_add(
	struct loading *loading, struct schema_file **files, struct span name, const char *includer)
{
	struct schema_file *file = file_known(*files, name), **end = files;
	if (file)
		return true;
	while (*end)
		end = &(*end)->next;
	file = arena_zero(loading->set->arena, sizeof(*file));
	struct span path =
		arena_format(loading->set->arena, "%s/%.*s", loading->schemas, SPAN_ARG(name));
	if (!file || !path.data)
		return no_memory(loading);
	file->name = name;
	file->path = path.data;
	file->included = includer != NULL;
	if (!load_document(loading, file->path, &file->document, NULL))
		return false;
	*end = file;
	return file_fits(loading, file, includer);
}

static bool is_file_name(struct span location)
{
	size_t at;
	return location.size && location.data[0] != '.' && !span_find(location, '/', &at)
	       && !span_find(location, ':', &at) && !span_find(location, '%', &at);
}

/* Follows import, include and redefine. */
static bool file_follow(struct loading *loading, struct schema_file **files,
	const struct schema_file *file, const xmlNode *node)
{
	bool include = is_xsd(node, "include"), redefine = is_xsd(node, "redefine");
	if (!include && !redefine && !is_xsd(node, "import"))
		return true;
	struct span location = attribute(loading, node, "schemaLocation");
	if (redefine)
		return problem(
			loading, file->path, xmlGetLineNo(node), "redefine is not understood here");
	if (!is_file_name(location))
		return problem(loading, file->path, xmlGetLineNo(node),
			"schemaLocation must be a file name in the same folder");
	size_t before = loading->problem_count;
	if (file_add(loading, files, location, include ? file->space : NULL))
		return true;
	if (before != loading->problem_count)
		problem(loading, file->path, xmlGetLineNo(node), "(needed here)");
	return false;
}

static bool file_unique(
	struct loading *loading, const struct schema_file *files, const struct schema_file *file)
{
	for (; files != file; files = files->next)
		if (!file->included && !files->included && !strcmp(files->space, file->space))
			return problem(loading, file->path, 0, "describes %s, as %s does",
				file->space, files->path);
	return true;
}

static bool files_gather(struct loading *loading, struct schema_file **files)
{
	bool fine = true;
	for (struct schema_file *file = *files; file; file = file->next) {
		fine &= file_unique(loading, *files, file);
		const xmlNode *root = xmlDocGetRootElement(xml_tree(file->document));
		for (const xmlNode *node = root->children; node; node = node->next)
			fine &= file_follow(loading, files, file, node);
	}
	return fine;
}

static void files_free(struct schema_file *files)
{
	for (; files; files = files->next)
		xml_free(&files->document);
}

/* --- compiling --- */

static void on_schema_error(void *context, xmlErrorPtr error)
{
	struct loading *loading = context;
	struct span message = phrase_message(loading->set->arena, error);
	if (error->level >= XML_ERR_ERROR)
		problem(loading, error->file ? error->file : loading->schemas, error->line, "%.*s",
			SPAN_ARG(message));
}

/* A schema that does nothing but import all of them. */
static xmlDoc *umbrella(struct loading *loading, const struct schema_file *files)
{
	struct buffer text = { .arena = loading->set->arena };
	buffer_text(&text, "<xs:schema xmlns:xs=\"" XSD_SPACE "\">");
	for (; files; files = files->next) {
		if (files->included)
			continue;
		buffer_text(&text, "<xs:import namespace=\"");
		buffer_xml(&text, span_of(files->space));
		buffer_text(&text, "\" schemaLocation=\"");
		buffer_xml(&text, files->name);
		buffer_text(&text, "\"/>");
	}
	buffer_text(&text, "</xs:schema>");
	struct span base = arena_format(loading->set->arena, "%s/*", loading->schemas);
	if (text.failed || !base.data)
		return NULL;
	return xmlReadMemory(
		text.data, (int)text.size, base.data, NULL, XML_PARSE_NONET | XML_PARSE_NOERROR);
}

static bool compile(
	struct loading *loading, const struct schema_file *files, struct schemas *schemas)
{
	size_t before = loading->problem_count;
	xmlDoc *document = umbrella(loading, files);
	xmlSchemaParserCtxt *parser = document ? xmlSchemaNewDocParserCtxt(document) : NULL;
	if (parser) {
		xmlSchemaSetParserStructuredErrors(parser, on_schema_error, loading);
		schemas->compiled = xmlSchemaParse(parser);
	}
	xmlSchemaFreeParserCtxt(parser);
	xmlFreeDoc(document);
	if (before != loading->problem_count)
		return false;
	return schemas->compiled || no_memory(loading);
}

static bool outline_files(
	struct loading *loading, const struct schema_file *files, struct schemas *schemas)
{
	schemas->outline = outline_new(loading->set->arena);
	bool fine = schemas->outline != NULL;
	for (; files && fine; files = files->next)
		fine = outline_add(schemas->outline, xml_tree(files->document), files->space);
	return (fine && outline_finish(schemas->outline)) || no_memory(loading);
}

bool schemas_load(
	struct loading *loading, const struct span *names, size_t count, struct schemas **out)
{
	struct schema_file *files = NULL;
	bool fine = true;
	*out = arena_zero(loading->set->arena, sizeof(**out));
	if (!*out)
		return no_memory(loading);
	for (size_t i = 0; i < count; i++)
		fine &= file_add(loading, &files, names[i], NULL);
	fine = fine && files_gather(loading, &files) && (!files || compile(loading, files, *out))
	       && outline_files(loading, files, *out);
	files_free(files);
	if (!fine)
		schemas_free(out);
	return fine;
}

void schemas_free(struct schemas **schemas)
{
	if (!*schemas)
		return;
	xmlSchemaFree((*schemas)->compiled);
	outline_free(&(*schemas)->outline);
	*schemas = NULL;
}

size_t schemas_namespace_count(const struct schemas *schemas)
{
	return outline_space_count(schemas->outline);
}

const char *schemas_namespace(const struct schemas *schemas, size_t index)
{
	return outline_space(schemas->outline, index);
}

bool schemas_declare(const struct schemas *schemas, struct name element)
{
	return outline_declares(schemas->outline, element.local, element.space);
}

/* --- judging --- */

struct hearing {
	struct conflict *why;
	bool refused;
};

static void on_fault(void *context, xmlErrorPtr error)
{
	struct hearing *hearing = context;
	if (hearing->refused)
		return;
	hearing->refused = true;
	phrase_fault(hearing->why, error);
}

static bool valid(const struct schemas *schemas, xmlDoc *document, struct conflict *why)
{
	struct hearing hearing = { .why = why };
	xmlSchemaValidCtxt *validator = xmlSchemaNewValidCtxt(schemas->compiled);
	if (!validator)
		return conflict_set(why, CONFLICT_NONE, "no memory");
	xmlSchemaSetValidStructuredErrors(validator, on_fault, &hearing);
	int result = xmlSchemaValidateDoc(validator, document);
	xmlSchemaFreeValidCtxt(validator);
	if (result < 0)
		return conflict_set(why, CONFLICT_NONE, "no memory");
	if (result && !hearing.refused)
		return conflict_set(
			why, CONFLICT_SCHEMA_VALIDATION_ERROR, "line 1: not valid by the schema");
	return result == 0;
}

bool schemas_accept(const struct schemas *schemas, xmlDoc *document, struct conflict *why)
{
	if (!schemas->compiled || !valid(schemas, document, why))
		return false;
	const xmlNode *stranger = outline_stranger(schemas->outline, document);
	if (!stranger)
		return true;
	bool is_attribute = stranger->type == XML_ATTRIBUTE_NODE;
	const xmlNode *element = is_attribute ? stranger->parent : stranger;
	return conflict_set(why, CONFLICT_SCHEMA_VALIDATION_ERROR,
		"line %ld, element %.100s%s%.100s: no schema describes it here, though its "
		"namespace is known",
		xmlGetLineNo(element), (const char *)element->name,
		is_attribute ? ", attribute " : "",
		is_attribute ? (const char *)stranger->name : "");
}
