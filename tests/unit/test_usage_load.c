/* links: usages xcap base */
/* SPDX-License-Identifier: BSD-2-Clause */
/* Bad definitions and schemas: each is told with file and line, and nothing is loaded. */
#include "unit/usage_world.h"

#include <stdio.h>

#define USAGE(auid)                                        \
	"<usage xmlns='urn:xcapd:usage' auid='" auid "'\n" \
	"\tmedia-type='application/a+xml' default-namespace='urn:a'>\n" /* ends on line 2 */
#define CONTENT "<content judge='lax'><root element='a'/></content>\n"
#define TREE "<tree name='users'/>\n"

/* The problems of loading the folder; it must fail. */
static struct span problems_of(struct arena *arena, const char *definitions, const char *schemas)
{
	char *text = NULL;
	size_t size = 0;
	struct usages *set;
	FILE *problems = open_memstream(&text, &size);
	if (usages_load(&set, definitions, schemas, problems))
		fail_msg("%s was loaded", definitions);
	assert_null(set);
	fclose(problems);
	struct span copy = arena_copy(arena, (struct span){ text, size });
	free(text);
	return copy;
}

static void check_problem(struct span problems, const char *folder, const char *wanted)
{
	char start[200];
	snprintf(start, sizeof(start), "%s/%s", folder, wanted);
	if (!span_search(problems, span_of(start), NULL))
		fail_msg("<%s> is not in:\n%.*s", start, SPAN_ARG(problems));
}

static void a_bad_definition_is_told_with_file_and_line(void **state)
{
	static const struct {
		const char *definition, *problem;
	} cases[] = {
		{ "", "a.xml: the document is empty" },
		{ "<usage>\n<a>", "a.xml:2: " },
		{ "<usage/>", "a.xml:1: element usage" },
		{ "<!DOCTYPE usage>\n<usage xmlns='urn:xcapd:usage'/>", "a.xml:1: " },
		{ "<?xml version='1.0' encoding='latin1'?>\n<usage/>", "a.xml:1: " },
		{ USAGE("a") CONTENT TREE "<bogus/></usage>", "a.xml:5: element bogus" },
		{ USAGE("a b") CONTENT TREE "</usage>",
			"a.xml:2: element usage, attribute auid: " },
		{ USAGE("a") TREE "</usage>", "a.xml:3: element tree" },
		{ USAGE("a") CONTENT "</usage>", "a.xml:2: element usage: Missing child" },
		{ USAGE("a") CONTENT "\n<tree name='mine'/></usage>",
			"a.xml:5: element tree, attribute name: " },
		{ USAGE("a") CONTENT TREE TREE "</usage>", "a.xml:5: element tree: this tree is" },
		{ USAGE("a") CONTENT "<tree name='users'>\n<document/></tree></usage>",
			"a.xml:5: element document: either a name or a pattern" },
		{ USAGE("a") CONTENT
			"<tree name='users'>\n<document name='a' pattern='b'/></tree></usage>",
			"a.xml:5: element document: either a name or a pattern" },
		{ USAGE("a") CONTENT "<tree name='users'><document name='/a'/></tree></usage>",
			"a.xml:4: element document, attribute name: " },
		{ USAGE("a") CONTENT "<tree name='users' read='all'/></usage>",
			"a.xml:4: element tree, attribute read: " },
		{ USAGE("a") CONTENT "<tree name='users' generated='magic'/></usage>",
			"a.xml:4: element tree, attribute generated: " },
		{ USAGE("a") CONTENT "<tree name='users' generated='capabilities'/></usage>",
			"a.xml:4: element tree: a generated document needs a name" },
		{ USAGE("a") "<content judge='strict'><root element='a'/></content>" TREE
			     "</usage>",
			"a.xml:3: element content: a strict judge needs a schema" },
		{ USAGE("a") "<content judge='off' schema='a.xsd'><root "
			     "element='a'/></content>" TREE "</usage>",
			"a.xml:3: element content: a judge that is off" },
		{ USAGE("a") "<content judge='lax' most='99999999999G'><root element='a'/>"
			     "</content>" TREE "</usage>",
			"a.xml:3: element content, attribute most: " },
		{ USAGE("a") "<content judge='lax' schema='../a.xsd'><root element='a'/>"
			     "</content>" TREE "</usage>",
			"a.xml:3: element content, attribute schema: " },
		{ USAGE("a") "<content judge='lax'><root element='p:a'/></content>" TREE "</usage>",
			"a.xml:3: element root" },
		{ USAGE("a") CONTENT TREE "<rules>\n<unique element='p:b'/></rules></usage>",
			"a.xml:6: element unique" },
		{ USAGE("a") CONTENT TREE "<rules>\n<claim element='b'/></rules></usage>",
			"a.xml:6: element claim: The attribute 'scope' is required" },
		{ USAGE("a") CONTENT TREE "<rules>\n<uri element='b' form='nice'/></rules></usage>",
			"a.xml:6: element uri, attribute form: " },
		{ USAGE("a") CONTENT TREE
			"<rules>\n<uri element='b' form='absolute' auid='a'/></rules></usage>",
			"a.xml:6: element uri: \"auid\" needs" },
		{ USAGE("a") CONTENT TREE "<rules>\n<uri element='b' form='absolute-http' "
					  "home='own'/></rules></usage>",
			"a.xml:6: element uri: \"home\" needs" },
		{ USAGE("a") "<content judge='strict' schema='none.xsd'><root "
			     "element='a'/></content>" TREE "</usage>",
			"a.xml:3: schema none.xsd: No such file" },
		{ USAGE("a") "<content judge='strict' schema='xcap-caps.xsd'><root element='a'/>"
			     "</content>" TREE "</usage>",
			"a.xml:3: no schema declares the root a of urn:a" },
	};
	struct arena *arena = arena_new(0);
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct folder folder;
		folder_open(&folder);
		folder_write(&folder, "a.xml", span_of(cases[i].definition));
		check_problem(
			problems_of(arena, folder.path, SCHEMAS), folder.path, cases[i].problem);
		folder_close(&folder);
	}
	arena_free(&arena);
}

static void all_bad_definitions_are_told_at_once(void **state)
{
	struct folder folder;
	struct arena *arena = arena_new(0);
	(void)state;
	folder_open(&folder);
	folder_write(&folder, "a.xml", SPAN("<usage/>"));
	folder_write(&folder, "b.xml", SPAN(USAGE("b") CONTENT TREE "</usage>"));
	folder_write(&folder, "c.xml", SPAN("<usage>"));
	struct span problems = problems_of(arena, folder.path, SCHEMAS);
	check_problem(problems, folder.path, "a.xml:1: ");
	check_problem(problems, folder.path, "c.xml:1: ");
	assert_false(span_search(problems, SPAN("b.xml"), NULL));
	folder_close(&folder);
	arena_free(&arena);
}

static void a_name_that_two_usages_bear_is_an_error(void **state)
{
	static const struct {
		const char *one, *other, *name;
	} cases[] = {
		{ USAGE("a") CONTENT TREE "</usage>", USAGE("a") CONTENT TREE "</usage>", "a" },
		{ USAGE("a") "<alias>b</alias>" CONTENT TREE "</usage>",
			USAGE("b") CONTENT TREE "</usage>", "b" },
		{ USAGE("a") "<alias>c</alias>" CONTENT TREE "</usage>",
			USAGE("b") "<alias>c</alias>" CONTENT TREE "</usage>", "c" },
	};
	struct arena *arena = arena_new(0);
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct folder folder;
		char wanted[200];
		folder_open(&folder);
		folder_write(&folder, "one.xml", span_of(cases[i].one));
		folder_write(&folder, "other.xml", span_of(cases[i].other));
		snprintf(wanted, sizeof(wanted),
			"other.xml:2: %s is the name of a usage already, in %s/one.xml:2",
			cases[i].name, folder.path);
		check_problem(problems_of(arena, folder.path, SCHEMAS), folder.path, wanted);
		folder_close(&folder);
	}
	arena_free(&arena);
}

static void a_folder_without_definitions_is_an_error(void **state)
{
	struct folder folder;
	struct arena *arena = arena_new(0);
	(void)state;
	folder_open(&folder);
	folder_write(&folder, "README", SPAN("no usage"));
	folder_write(&folder, ".hidden.xml", SPAN("no usage"));
	struct span problems = problems_of(arena, folder.path, SCHEMAS);
	assert_true(span_starts(problems, span_of(folder.path)));
	assert_true(span_search(problems, SPAN("no definitions"), NULL));
	problems = problems_of(arena, "/nowhere/at/all", SCHEMAS);
	assert_true(span_starts(problems, SPAN("/nowhere/at/all: ")));
	problems = problems_of(arena, DEFINITIONS, "/nowhere/at/all");
	assert_true(span_starts(problems, SPAN("/nowhere/at/all/usage.xsd: ")));
	folder_close(&folder);
	arena_free(&arena);
}

/* --- schemas --- */

#define STRICT                                                                   \
	"<usage xmlns='urn:xcapd:usage' auid='a' media-type='application/a+xml'" \
	" default-namespace='urn:a'><content judge='strict' schema='a.xsd'>"     \
	"<root element='a'/></content><tree name='users'/></usage>"
#define XSD(space, inside)                                                                     \
	"<xs:schema xmlns:xs='http://www.w3.org/2001/XMLSchema' targetNamespace='" space "'\n" \
	" xmlns='" space "' elementFormDefault='qualified'>\n" inside "</xs:schema>"

static void a_bad_schema_is_told_with_file_and_line(void **state)
{
	static const struct {
		const char *a, *b, *problem; /* in a.xsd, in b.xsd */
	} cases[] = {
		{ "<xs:schema", "", "a.xsd:1: " },
		{ "<usage/>", "", "a.xsd:1: this is no XML schema" },
		{ "<xs:schema xmlns:xs='http://www.w3.org/2001/XMLSchema'/>", "",
			"a.xsd:1: a targetNamespace is missing" },
		{ XSD("urn:a", "<xs:element name='a' type='gone'/>"), "", "a.xsd:3: " },
		{ XSD("urn:a", "\n<xs:bogus/>"), "", "a.xsd:4: " },
		{ XSD("urn:a", "<xs:import namespace='urn:b' schemaLocation='none.xsd'/>"), "",
			"a.xsd:3: (needed here)" },
		{ XSD("urn:a", "<xs:import namespace='urn:b' schemaLocation='http://a/b.xsd'/>"),
			"", "a.xsd:3: schemaLocation must be a file name" },
		{ XSD("urn:a", "<xs:import namespace='urn:b' schemaLocation='/etc/passwd'/>"), "",
			"a.xsd:3: schemaLocation must be a file name" },
		{ XSD("urn:a", "<xs:include schemaLocation='../a.xsd'/>"), "",
			"a.xsd:3: schemaLocation must be a file name" },
		{ XSD("urn:a", "<xs:import namespace='urn:b'/>"), "",
			"a.xsd:3: schemaLocation must be a file name" },
		{ XSD("urn:a", "<xs:redefine schemaLocation='b.xsd'/>"), "",
			"a.xsd:3: redefine is not" },
		{ XSD("urn:a", "<xs:include schemaLocation='b.xsd'/>"), XSD("urn:b", ""),
			"b.xsd:2: included into a schema of another namespace" },
		{ XSD("urn:a", "<xs:import namespace='urn:a2' schemaLocation='b.xsd'/>"),
			XSD("urn:a", ""), "b.xsd: describes urn:a, as " },
	};
	struct arena *arena = arena_new(0);
	struct span language = read_file(arena, SCHEMAS "/usage.xsd");
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct folder folder;
		folder_open(&folder);
		folder_write(&folder, "usage.xsd", language);
		folder_write(&folder, "a.xml", SPAN(STRICT));
		folder_write(&folder, "a.xsd", span_of(cases[i].a));
		folder_write(&folder, "b.xsd", span_of(cases[i].b));
		check_problem(problems_of(arena, folder.path, folder.path), folder.path,
			cases[i].problem);
		folder_close(&folder);
	}
	arena_free(&arena);
}

static void a_new_usage_is_two_files(void **state)
{
	static const struct {
		const char *body;
		bool accepted;
	} cases[] = {
		{ "<a xmlns='urn:a'><b/><c><c/></c></a>", true },
		{ "<a xmlns='urn:a'><b/><b/></a>", false },
		{ "<a xmlns='urn:a'><b/><x:any xmlns:x='urn:x'/></a>", true },
		{ "<a xmlns='urn:a'><b/><x:any xmlns:x='urn:x'><b xmlns='urn:a'/></x:any></a>",
			false },
		{ "<a xmlns='urn:a'><b/><x:any xmlns:x='urn:x'><c "
		  "xmlns='urn:a'><c/></c></x:any></a>",
			true },
		{ "<a xmlns='urn:a' xmlns:a='urn:a' a:local='1'><b/></a>", true },
		{ "<a xmlns='urn:a'><b xmlns:a='urn:a' a:other='1'/></a>", false },
	};
	struct folder folder;
	struct arena *arena = arena_new(0);
	(void)state;
	folder_open(&folder);
	folder_write(&folder, "usage.xsd", read_file(arena, SCHEMAS "/usage.xsd"));
	folder_write(&folder, "a.xml", SPAN(STRICT));
	folder_write(&folder, "a.xsd",
		SPAN(XSD("urn:a",
			"<xs:include schemaLocation='b.xsd'/>"
			"<xs:element name='a'><xs:complexType><xs:complexContent>"
			"<xs:extension base='base'><xs:sequence><xs:element ref='c' minOccurs='0'/>"
			"<xs:any namespace='##other' processContents='lax' minOccurs='0'/>"
			"</xs:sequence><xs:attribute name='local' form='qualified'/></xs:extension>"
			"</xs:complexContent></xs:complexType></xs:element>")));
	folder_write(&folder, "b.xsd",
		SPAN("<xs:schema xmlns:xs='http://www.w3.org/2001/XMLSchema' xmlns='urn:a'"
		     " targetNamespace='urn:a' elementFormDefault='qualified'>"
		     "<xs:complexType name='base'><xs:group ref='start'/></xs:complexType>"
		     "<xs:group name='start'><xs:sequence><xs:element name='b'>"
		     "<xs:complexType><xs:anyAttribute processContents='lax'/></xs:complexType>"
		     "</xs:element></xs:sequence></xs:group>"
		     "<xs:element name='c' type='inner'/>"
		     "<xs:complexType name='inner'><xs:sequence>"
		     "<xs:element name='c' type='inner' minOccurs='0'/></xs:sequence>"
		     "</xs:complexType></xs:schema>"));
	struct usages *own = load(folder.path, folder.path);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct judgement found = judge(own, arena, "a", span_of(cases[i].body));
		if (cases[i].accepted)
			check_accepted(found, cases[i].body);
		else
			check_refused(found, cases[i].body, CONFLICT_SCHEMA_VALIDATION_ERROR,
				"line 1, element b");
	}
	usages_unref(&own);
	folder_close(&folder);
	arena_free(&arena);
}

/* The first code block after *rest, which moves past it. */
static struct span code_block(struct span *rest)
{
	size_t at;
	assert_true(span_search(*rest, SPAN("```xml\n"), &at));
	*rest = span_from(*rest, at + 7);
	assert_true(span_search(*rest, SPAN("```\n"), &at));
	struct span block = span_first(*rest, at);
	*rest = span_from(*rest, at + 4);
	return block;
}

static void the_documented_example_does_what_it_says(void **state)
{
	struct folder folder;
	struct arena *arena = arena_new(0);
	(void)state;
	struct span rest = read_file(arena, TEST_SOURCE_DIR "/docs/usages.md");
	folder_open(&folder);
	folder_write(&folder, "usage.xsd", read_file(arena, SCHEMAS "/usage.xsd"));
	folder_write(&folder, "bookmarks.xml", code_block(&rest));
	folder_write(&folder, "bookmarks.xsd", code_block(&rest));
	struct span body = code_block(&rest);
	struct usages *own = load(folder.path, folder.path);
	const char *auid = "com.example.bookmarks";
	check_accepted(judge(own, arena, auid, body), "the example");
	struct judgement found = judge(own, arena, auid,
		with(arena, body, "</bookmarks>",
			"<bookmark name='xcap' href='http://a'/></bookmarks>"));
	check_refused(found, "twice", CONFLICT_UNIQUENESS_FAILURE, "line 4, element bookmark");
	assert_true(span_equal_text(found.why.fields->field, "bookmarks/bookmark%5B2%5D/@name"));
	check_refused(judge(own, arena, auid, with(arena, body, "https:", "ftp:")), "ftp",
		CONFLICT_CONSTRAINT_FAILURE, "line 3, element bookmark, attribute href");
	check_refused(judge(own, arena, auid, with(arena, body, "<bookmark ", "<folder ")),
		"folder", CONFLICT_SCHEMA_VALIDATION_ERROR, "line 3, element folder");
	usages_unref(&own);
	folder_close(&folder);
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bad_definition_is_told_with_file_and_line),
		cmocka_unit_test(all_bad_definitions_are_told_at_once),
		cmocka_unit_test(a_name_that_two_usages_bear_is_an_error),
		cmocka_unit_test(a_folder_without_definitions_is_an_error),
		cmocka_unit_test(a_bad_schema_is_told_with_file_and_line),
		cmocka_unit_test(a_new_usage_is_two_files),
		cmocka_unit_test(the_documented_example_does_what_it_says),
	};
	return cmocka_run_group_tests(tests, start_usages, stop_usages);
}
