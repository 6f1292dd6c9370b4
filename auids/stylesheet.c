/* SPDX-License-Identifier: BSD-2-Clause */
#include "auids/stylesheet.h"

#include <libxslt/documents.h>
#include <libxslt/security.h>
#include <libxslt/transform.h>
#include <libxslt/variables.h>
#include <libxslt/xsltInternals.h>
#include <libxslt/xsltutils.h>
#include <stdlib.h>
#include <string.h>

/* Of one evaluation: instructions and XPath operations, templates within templates, variables. */
enum { OPERATIONS_MOST = 5000000, DEPTH_MOST = 200, VARIABLES_MOST = 2000, FIELDS_MOST = 8 };

struct stylesheet {
	xsltStylesheet *compiled;
};

static xsltSecurityPrefs *fence;

/* What document(), xsl:import and xsl:include would read. */
static xmlDoc *load_nothing(
	const xmlChar *uri, xmlDict *dict, int options, void *context, xsltLoadType type)
{
	(void)uri, (void)dict, (void)options, (void)context, (void)type;
	return NULL;
}

/* What libxslt and libxml2 said while they compiled. */
struct complaint {
	struct loading *loading;
	const char *path;
	long line;
	struct buffer words;
};

/* libxslt has one error handler for the whole process: it hears what belongs to the thread that
 * compiles, and nothing of those that judge. */
static _Thread_local struct complaint *listening;

/* libxslt says first where ("compilation error: file F line N element E"), then what. */
static void on_words(void *unused, const char *format, ...)
{
	struct complaint *complaint = listening;
	va_list arguments;
	(void)unused;
	if (!complaint)
		return;
	va_start(arguments, format);
	struct span words = arena_vformat(complaint->words.arena, format, arguments);
	va_end(arguments);
	size_t at;
	if (span_search(words, SPAN(" line "), &at) && !complaint->line)
		complaint->line = strtol(words.data + at + 6, NULL, 10);
	else
		buffer_append(&complaint->words, words);
}

static void on_error(void *context, xmlErrorPtr error)
{
	struct complaint *complaint = context;
	buffer_text(&complaint->words, error->message ? error->message : "");
}

void stylesheets_start(void)
{
	static const xsltSecurityOption all[] = { XSLT_SECPREF_READ_FILE, XSLT_SECPREF_WRITE_FILE,
		XSLT_SECPREF_CREATE_DIRECTORY, XSLT_SECPREF_READ_NETWORK,
		XSLT_SECPREF_WRITE_NETWORK };
	xsltInit();
	fence = xsltNewSecurityPrefs();
	for (size_t i = 0; fence && i < sizeof(all) / sizeof(all[0]); i++)
		xsltSetSecurityPrefs(fence, all[i], xsltSecurityForbid);
	xsltSetDefaultSecurityPrefs(fence);
	xsltSetLoaderFunc(load_nothing);
	xsltSetGenericErrorFunc(NULL, on_words);
}

void stylesheets_stop(void)
{
	xsltSetDefaultSecurityPrefs(NULL);
	xsltFreeSecurityPrefs(fence);
	fence = NULL;
	xsltCleanupGlobals();
}

/* --- loading --- */

static bool complain(struct complaint *complaint, const char *otherwise)
{
	struct span words = buffer_span(&complaint->words);
	size_t end;
	words = span_trim(words.size ? words : span_of(otherwise));
	if (span_find(words, '\n', &end))
		words = span_first(words, end);
	return problem(
		complaint->loading, complaint->path, complaint->line, "%.*s", SPAN_ARG(words));
}

/* NULL: told. The stylesheet owns its tree. */
static xsltStylesheet *compile(struct complaint *complaint, const struct xml_document *document)
{
	xmlDoc *copy = xmlCopyDoc(xml_tree(document), 1);
	if (!copy) {
		no_memory(complaint->loading);
		return NULL;
	}
	copy->URL = xmlStrdup((const xmlChar *)complaint->path);
	listening = complaint;
	xmlSetStructuredErrorFunc(complaint, on_error);
	xsltStylesheet *compiled = xsltParseStylesheetDoc(copy);
	xmlSetStructuredErrorFunc(NULL, NULL);
	listening = NULL;
	if (!compiled || compiled->errors || buffer_span(&complaint->words).size) {
		complain(complaint, "this is no XSLT stylesheet");
		if (compiled)
			xsltFreeStylesheet(compiled);
		else
			xmlFreeDoc(copy);
		return NULL;
	}
	return compiled;
}

bool stylesheet_load(struct loading *loading, const char *path, struct stylesheet **out)
{
	struct xml_document *document;
	struct complaint complaint = {
		.loading = loading,
		.path = path,
		.words = { .arena = loading->set->arena },
	};
	*out = NULL;
	if (!load_document(loading, path, &document, NULL))
		return false;
	xsltStylesheet *compiled = compile(&complaint, document);
	xml_free(&document);
	if (!compiled)
		return false;
	*out = arena_zero(loading->set->arena, sizeof(**out));
	if (*out)
		(*out)->compiled = compiled;
	else
		xsltFreeStylesheet(compiled);
	return *out || no_memory(loading);
}

void stylesheet_free(struct stylesheet **stylesheet)
{
	if (*stylesheet)
		xsltFreeStylesheet((*stylesheet)->compiled);
	*stylesheet = NULL;
}

/* --- judging --- */

static void say_nothing(void *context, const char *format, ...)
{
	(void)context, (void)format;
}

static void hear_nothing(void *context, xmlErrorPtr error)
{
	(void)context, (void)error;
}

static bool set_parameters(
	xsltTransformContext *context, struct arena *arena, const struct doc_id *id)
{
	const struct {
		const char *name;
		struct span value;
	} parameters[] = {
		{ "auid", id->auid },
		{ "tree", id->tree == TREE_USERS ? SPAN("users") : SPAN("global") },
		{ "xui", id->xui },
		{ "path", id->path },
	};
	for (size_t i = 0; i < sizeof(parameters) / sizeof(parameters[0]); i++) {
		const char *value = arena_text(arena, parameters[i].value);
		if (!value
			|| xsltQuoteOneUserParam(context, (const xmlChar *)parameters[i].name,
				(const xmlChar *)value))
			return false;
	}
	return true;
}

static struct span attribute(struct arena *arena, xmlNode *node, const char *name)
{
	xmlChar *value = xmlGetNoNsProp(node, (const xmlChar *)name);
	struct span copy = value ? arena_copy(arena, span_trim(span_of((const char *)value)))
				 : (struct span){ NULL, 0 };
	xmlFree(value);
	return copy;
}

static void take_field(struct conflict *why, xmlNode *exists)
{
	struct span others[4], field = attribute(why->arena, exists, "field");
	size_t count = 0;
	xmlNode *node = exists->children;
	for (; node && count < sizeof(others) / sizeof(others[0]); node = node->next) {
		xmlChar *text = node->type == XML_ELEMENT_NODE ? xmlNodeGetContent(node) : NULL;
		if (text)
			others[count++] =
				arena_copy(why->arena, span_trim(span_of((const char *)text)));
		xmlFree(text);
	}
	if (field.data)
		conflict_field(why, field, others, count);
}

/* The answer's root is the element of RFC 4825 §11.1 that is to be told. */
static bool take_answer(struct conflict *why, xmlNode *root)
{
	enum conflict_kind kind = CONFLICT_CONSTRAINT_FAILURE;
	for (int i = CONFLICT_NONE + 1; i < CONFLICT_COUNT; i++)
		if (!strcmp(conflict_element((enum conflict_kind)i), (const char *)root->name))
			kind = (enum conflict_kind)i;
	struct span phrase = attribute(why->arena, root, "phrase");
	conflict_set(why, kind, "%.*s",
		SPAN_ARG(phrase.data ? phrase : SPAN("a rule of this usage does not hold")));
	size_t count = 0;
	for (xmlNode *node = root->children; node && count < FIELDS_MOST; node = node->next)
		if (kind == CONFLICT_UNIQUENESS_FAILURE && node->type == XML_ELEMENT_NODE) {
			take_field(why, node);
			count++;
		}
	return false;
}

static xsltTransformContext *context_of(const struct stylesheet *stylesheet, struct arena *arena,
	const struct doc_id *id, xmlDoc *document)
{
	xsltTransformContext *context = xsltNewTransformContext(stylesheet->compiled, document);
	if (!context)
		return NULL;
	xsltSetTransformErrorFunc(context, NULL, say_nothing);
	context->xpathCtxt->error = hear_nothing;
	context->opLimit = OPERATIONS_MOST;
	context->xpathCtxt->opLimit = OPERATIONS_MOST;
	context->maxTemplateDepth = DEPTH_MOST;
	context->maxTemplateVars = VARIABLES_MOST;
	if (!xsltSetCtxtSecurityPrefs(fence, context) && set_parameters(context, arena, id))
		return context;
	xsltFreeTransformContext(context);
	return NULL;
}

bool stylesheet_accept(const struct stylesheet *stylesheet, struct arena *arena,
	const struct doc_id *id, xmlDoc *document, struct conflict *why)
{
	xsltTransformContext *context = context_of(stylesheet, arena, id, document);
	if (!context)
		return conflict_set(why, CONFLICT_NONE, "no memory");
	xmlDoc *answer =
		xsltApplyStylesheetUser(stylesheet->compiled, document, NULL, NULL, NULL, context);
	bool evaluated = answer && context->state == XSLT_STATE_OK;
	xmlNode *root = evaluated ? xmlDocGetRootElement(answer) : NULL;
	bool accepted = evaluated && !root;
	if (root)
		take_answer(why, root);
	else if (!evaluated)
		conflict_set(why, CONFLICT_CONSTRAINT_FAILURE,
			"the rules of this usage cannot be evaluated on this document");
	xmlFreeDoc(answer);
	xsltFreeTransformContext(context);
	return accepted;
}
