/* links: usages xcap base */
/* SPDX-License-Identifier: BSD-2-Clause */
/* Documents that mean ill. */
#include "unit/usage_world.h"

#include <stdio.h>

static struct usages *set;

#define LISTS(inside)                                                                         \
	"<?xml version='1.0' encoding='UTF-8'?>\n"                                            \
	"<resource-lists xmlns='urn:ietf:params:xml:ns:resource-lists'"                       \
	" xmlns:cp='counterpath:properties' xmlns:ab='urn:ag-projects:xml:ns:addressbook'>\n" \
	"<list name='l'>" inside "</list></resource-lists>"

static void hostile_documents_are_refused(void **state)
{
	static const struct {
		const char *body;
		enum conflict_kind kind;
	} cases[] = {
		{ "", CONFLICT_NOT_WELL_FORMED },
		{ "<resource-lists", CONFLICT_NOT_WELL_FORMED },
		{ "<!DOCTYPE r [<!ENTITY a 'b'>]><resource-lists "
		  "xmlns='urn:ietf:params:xml:ns:resource-lists'/>",
			CONFLICT_NOT_WELL_FORMED },
		{ "<?xml version='1.0' encoding='ISO-8859-1'?><resource-lists "
		  "xmlns='urn:ietf:params:xml:ns:resource-lists'/>",
			CONFLICT_NOT_UTF_8 },
		{ LISTS("<entry uri='\xE9'/>"), CONFLICT_NOT_UTF_8 },
		{ LISTS("<entry uri='a'>&unknown;</entry>"), CONFLICT_NOT_WELL_FORMED },
		{ LISTS("<entry uri='a' uri='b'/>"), CONFLICT_NOT_WELL_FORMED },
	};
	struct arena *arena = arena_new(0);
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		check_refused(judge(set, arena, "resource-lists", span_of(cases[i].body)),
			cases[i].body, cases[i].kind, "");
	arena_free(&arena);
}

static void deep_nesting_ends_at_the_limit(void **state)
{
	struct arena *arena = arena_new(0);
	struct xml_limits deep = { .depth = 100000, .attributes = 100 };
	struct buffer body = { .arena = arena };
	struct doc_id id = { SPAN("resource-lists"), TREE_USERS, SPAN(JOE), SPAN("index") };
	struct conflict why = { .arena = arena };
	struct verdict verdict;
	(void)state;
	buffer_text(&body, "<resource-lists xmlns='urn:ietf:params:xml:ns:resource-lists'>");
	for (int i = 0; i < 10000; i++)
		buffer_text(&body, "<list>");
	for (int i = 0; i < 10000; i++)
		buffer_text(&body, "</list>");
	buffer_text(&body, "</resource-lists>");
	check_refused(judge(set, arena, "resource-lists", buffer_span(&body)), "deep",
		CONFLICT_NOT_WELL_FORMED, "line 1");
	assert_false(usage_accepts(usages_find(set, id.auid), arena, &id, buffer_span(&body), &deep,
		&verdict, &why)); /* a limit of nothing is the parser's own */
	assert_int_equal(why.kind, CONFLICT_NOT_WELL_FORMED);
	arena_free(&arena);
}

/* What reaches the log must not be what the document says. */
static void phrases_do_not_quote_contents(void **state)
{
	static const char *const bodies[] = {
		LISTS("<entry uri='SECRET'/><entry uri='SECRET'/>"),
		LISTS("<entry uri='%SECRET'/>"),
		LISTS("SECRET"),
		LISTS("<entry-ref ref='/SECRET'/>"),
		LISTS("<entry uri='a'><display-name xml:lang='SECRET &apos;is&apos;'/></entry>"),
		LISTS("<p:sub-handling xmlns:p='urn:ietf:params:xml:ns:pres-rules'>SECRET"
		      "</p:sub-handling>"),
		LISTS("<c:ruleset xmlns:c='urn:ietf:params:xml:ns:common-policy'><c:rule "
		      "id='SECRET!'/></c:ruleset>"),
		LISTS("<c:ruleset xmlns:c='urn:ietf:params:xml:ns:common-policy'><c:rule "
		      "id='a'><c:conditions><c:validity><c:from>SECRET</c:from></c:validity>"
		      "</c:conditions></c:rule></c:ruleset>"),
	};
	struct arena *arena = arena_new(0);
	(void)state;
	for (size_t i = 0; i < COUNT(bodies); i++) {
		struct judgement found = judge(set, arena, "resource-lists", span_of(bodies[i]));
		assert_false(found.accepted);
		if (span_search(found.why.phrase, SPAN("SECRET"), NULL))
			fail_msg("%.*s", SPAN_ARG(found.why.phrase));
	}
	arena_free(&arena);
}

static void a_long_name_does_not_make_a_long_phrase(void **state)
{
	struct arena *arena = arena_new(0);
	char name[40001];
	(void)state;
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	struct span body = with(arena, SPAN(LISTS("<NAME/>")), "NAME", name);
	struct judgement found = judge(set, arena, "resource-lists", body);
	check_refused(found, "name", CONFLICT_SCHEMA_VALIDATION_ERROR, "line 3, element xxx");
	assert_true(found.why.phrase.size < 600);
	body = with(arena, SPAN(LISTS("<entry NAME='' uri='a'/>")), "NAME", name);
	found = judge(set, arena, "resource-lists", body);
	check_refused(found, "name", CONFLICT_SCHEMA_VALIDATION_ERROR,
		"line 3, element entry, attribute xxx");
	assert_true(found.why.phrase.size < 600);
	arena_free(&arena);
}

static int start(void **state)
{
	start_usages(state);
	set = load_shipped();
	return 0;
}

static int stop(void **state)
{
	usages_unref(&set);
	return stop_usages(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hostile_documents_are_refused),
		cmocka_unit_test(deep_nesting_ends_at_the_limit),
		cmocka_unit_test(phrases_do_not_quote_contents),
		cmocka_unit_test(a_long_name_does_not_make_a_long_phrase),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
