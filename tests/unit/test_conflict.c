/* links: base xcap PkgConfig::LIBXML2 */
/* SPDX-License-Identifier: BSD-2-Clause */
#include "xcap/conflict.h"

#include <libxml/parser.h>
#include <libxml/xmlschemas.h>
#include <libxml/xmlschemastypes.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define NAMESPACE "urn:ietf:params:xml:ns:xcap-error"

static const char hostile[] = "<&>\"' \t\n\r]]> \x01\x1F\x7F J\xC3\xBCrgen \xFC \xEF\xBF\xBF";

static struct {
	struct arena *arena;
	xmlSchemaPtr schema;
} fixture;

/* The body's tree, valid against RFC 4825 §11.2; to be freed. */
static xmlDocPtr valid_tree(struct span body)
{
	assert_non_null(body.data);
	xmlDocPtr tree = xmlReadMemory(body.data, (int)body.size, NULL, NULL, XML_PARSE_NONET);
	assert_non_null(tree);
	xmlSchemaValidCtxtPtr validation = xmlSchemaNewValidCtxt(fixture.schema);
	int verdict = xmlSchemaValidateDoc(validation, tree);
	xmlSchemaFreeValidCtxt(validation);
	if (verdict != 0)
		fail_msg("not valid: %.*s", SPAN_ARG(body));
	xmlNodePtr root = xmlDocGetRootElement(tree);
	assert_string_equal(root->name, "xcap-error");
	assert_string_equal(root->ns->href, NAMESPACE);
	return tree;
}

static xmlNodePtr error_element(xmlDocPtr tree)
{
	return xmlFirstElementChild(xmlDocGetRootElement(tree));
}

static void check_attribute(xmlNodePtr node, const char *name, const char *wanted)
{
	xmlChar *value = xmlGetNoNsProp(node, (const xmlChar *)name);
	assert_non_null(value);
	assert_string_equal(value, wanted);
	xmlFree(value);
}

static void check_text(xmlNodePtr node, const char *name, const char *wanted)
{
	assert_string_equal(node->name, name);
	xmlChar *value = xmlNodeGetContent(node);
	assert_string_equal(value, wanted);
	xmlFree(value);
}

static void every_conflict_has_a_valid_body(void **state)
{
	(void)state;
	for (int kind = CONFLICT_NONE + 1; kind < CONFLICT_COUNT; kind++) {
		struct conflict why = { .arena = fixture.arena };
		conflict_set(
			&why, (enum conflict_kind)kind, "line %d: \"%s\" & more", 7, "<entry>");
		xmlDocPtr tree = valid_tree(conflict_body(fixture.arena, &why));
		assert_string_equal(
			error_element(tree)->name, conflict_element((enum conflict_kind)kind));
		check_attribute(error_element(tree), "phrase", "line 7: \"<entry>\" & more");
		xmlFreeDoc(tree);
	}
}

static void the_element_names_are_those_of_rfc_4825(void **state)
{
	(void)state;
	assert_string_equal(conflict_element(CONFLICT_NOT_UTF_8), "not-utf-8");
	assert_string_equal(conflict_element(CONFLICT_NOT_XML_ATT_VALUE), "not-xml-att-value");
	assert_string_equal(conflict_element(CONFLICT_NOT_WELL_FORMED), "not-well-formed");
	assert_null(conflict_element(CONFLICT_NONE));
	assert_null(conflict_element(CONFLICT_COUNT));
}

static void a_conflict_without_phrase_has_no_phrase(void **state)
{
	(void)state;
	struct conflict why = { .arena = fixture.arena, .kind = CONFLICT_CANNOT_INSERT };
	xmlDocPtr tree = valid_tree(conflict_body(fixture.arena, &why));
	assert_null(error_element(tree)->properties);
	xmlFreeDoc(tree);
}

static void setting_a_conflict_is_always_false(void **state)
{
	(void)state;
	struct conflict why = { .arena = fixture.arena };
	assert_false(conflict_set(&why, CONFLICT_NO_PARENT, "no such folder"));
	assert_int_equal(why.kind, CONFLICT_NO_PARENT);
	assert_true(span_equal_text(why.phrase, "no such folder"));
}

static void a_missing_parent_names_the_closest_ancestor(void **state)
{
	(void)state;
	static const char ancestor[] =
		"http://h/r/a/users/sip:a@b/index/~~/l%5B@n=%22x%22%5D?xmlns(a=b)&c";
	struct conflict why = { .arena = fixture.arena, .ancestor = span_of(ancestor) };
	conflict_set(&why, CONFLICT_NO_PARENT, "no parent");
	xmlDocPtr tree = valid_tree(conflict_body(fixture.arena, &why));
	check_text(xmlFirstElementChild(error_element(tree)), "ancestor", ancestor);
	xmlFreeDoc(tree);
	why.ancestor = span_of(NULL);
	tree = valid_tree(conflict_body(fixture.arena, &why));
	assert_null(error_element(tree)->children);
	xmlFreeDoc(tree);
}

static void only_a_missing_parent_names_an_ancestor(void **state)
{
	(void)state;
	struct conflict why = { .arena = fixture.arena, .ancestor = SPAN("http://h/") };
	conflict_set(&why, CONFLICT_CANNOT_DELETE, "no");
	xmlDocPtr tree = valid_tree(conflict_body(fixture.arena, &why));
	assert_null(error_element(tree)->children);
	xmlFreeDoc(tree);
}

static void a_uniqueness_failure_lists_its_fields_in_order(void **state)
{
	(void)state;
	struct conflict why = { .arena = fixture.arena };
	const struct span others[] = { SPAN("sip:a@b"), SPAN("sip:<c>&@d") };
	conflict_set(&why, CONFLICT_UNIQUENESS_FAILURE, "taken");
	conflict_field(&why, SPAN("rls-services/service/@uri"), others, 2);
	conflict_field(&why, SPAN("x/y%5B1%5D"), NULL, 0);
	xmlDocPtr tree = valid_tree(conflict_body(fixture.arena, &why));
	xmlNodePtr first = xmlFirstElementChild(error_element(tree));
	check_attribute(first, "field", "rls-services/service/@uri");
	check_text(xmlFirstElementChild(first), "alt-value", "sip:a@b");
	check_text(xmlLastElementChild(first), "alt-value", "sip:<c>&@d");
	xmlNodePtr second = xmlNextElementSibling(first);
	check_attribute(second, "field", "x/y%5B1%5D");
	assert_null(xmlFirstElementChild(second));
	assert_null(xmlNextElementSibling(second));
	xmlFreeDoc(tree);
}

static void a_uniqueness_failure_without_fields_is_valid_too(void **state)
{
	(void)state;
	struct conflict why = { .arena = fixture.arena };
	conflict_set(&why, CONFLICT_UNIQUENESS_FAILURE, "taken");
	xmlFreeDoc(valid_tree(conflict_body(fixture.arena, &why)));
}

static void fields_outlive_what_they_were_made_from(void **state)
{
	(void)state;
	struct conflict why = { .arena = fixture.arena };
	char text[] = "abc";
	struct span other = { text, 3 };
	conflict_field(&why, (struct span){ text, 3 }, &other, 1);
	memset(text, 'x', 3);
	other = SPAN("gone");
	assert_true(span_equal_text(why.fields->field, "abc"));
	assert_true(span_equal_text(why.fields->alternatives[0], "abc"));
}

static void hostile_text_stays_inside_its_place(void **state)
{
	(void)state;
	struct span text = { hostile, sizeof(hostile) - 1 };
	for (int kind = CONFLICT_NONE + 1; kind < CONFLICT_COUNT; kind++) {
		struct conflict why = { .arena = fixture.arena, .ancestor = SPAN("a%20b") };
		conflict_set(&why, (enum conflict_kind)kind, "%.*s", SPAN_ARG(text));
		conflict_field(&why, text, &text, 1);
		xmlFreeDoc(valid_tree(conflict_body(fixture.arena, &why)));
	}
}

static void no_conflict_has_no_body(void **state)
{
	(void)state;
	struct conflict why = { .arena = fixture.arena };
	assert_null(conflict_body(fixture.arena, &why).data);
}

static void without_memory_there_is_no_half_body(void **state)
{
	(void)state;
	char phrase[3000];
	memset(phrase, '&', sizeof(phrase));
	struct conflict why = {
		.arena = fixture.arena,
		.kind = CONFLICT_NO_PARENT,
		.phrase = { phrase, sizeof(phrase) },
	};
	for (size_t nth = 1, done = 0; !done; nth++) {
		struct arena *arena = arena_new(1);
		arena_fail_at(nth);
		struct span body = conflict_body(arena, &why);
		arena_fail_at(0);
		done = body.data != NULL;
		if (done)
			xmlFreeDoc(valid_tree(body));
		assert_true(nth > 1 || !done);
		arena_free(&arena);
	}
}

static void without_memory_a_conflict_keeps_its_kind(void **state)
{
	(void)state;
	struct arena *arena = arena_new(1);
	struct conflict why = { .arena = arena };
	char phrase[2000];
	memset(phrase, 'x', sizeof(phrase));
	arena_fail_at(1);
	conflict_set(&why, CONFLICT_CANNOT_INSERT, "%.*s", (int)sizeof(phrase), phrase);
	conflict_field(&why, (struct span){ phrase, sizeof(phrase) }, NULL, 0);
	arena_fail_at(0);
	assert_int_equal(why.kind, CONFLICT_CANNOT_INSERT);
	assert_null(why.phrase.data);
	xmlFreeDoc(valid_tree(conflict_body(fixture.arena, &why)));
	arena_free(&arena);
}

static int set_up(void **state)
{
	(void)state;
	xmlSchemaParserCtxtPtr parser =
		xmlSchemaNewParserCtxt(TEST_SOURCE_DIR "/schemas/xcap-error.xsd");
	fixture.schema = xmlSchemaParse(parser);
	xmlSchemaFreeParserCtxt(parser);
	fixture.arena = arena_new(4096);
	return fixture.schema && fixture.arena ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	xmlSchemaFree(fixture.schema);
	arena_free(&fixture.arena);
	xmlSchemaCleanupTypes();
	xmlCleanupParser();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_conflict_has_a_valid_body),
		cmocka_unit_test(the_element_names_are_those_of_rfc_4825),
		cmocka_unit_test(a_conflict_without_phrase_has_no_phrase),
		cmocka_unit_test(setting_a_conflict_is_always_false),
		cmocka_unit_test(a_missing_parent_names_the_closest_ancestor),
		cmocka_unit_test(only_a_missing_parent_names_an_ancestor),
		cmocka_unit_test(a_uniqueness_failure_lists_its_fields_in_order),
		cmocka_unit_test(a_uniqueness_failure_without_fields_is_valid_too),
		cmocka_unit_test(fields_outlive_what_they_were_made_from),
		cmocka_unit_test(hostile_text_stays_inside_its_place),
		cmocka_unit_test(no_conflict_has_no_body),
		cmocka_unit_test(without_memory_there_is_no_half_body),
		cmocka_unit_test(without_memory_a_conflict_keeps_its_kind),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
