/* links: base xcap */
/* SPDX-License-Identifier: BSD-2-Clause */
#include "xcap/namespaces.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define TEST(name) static void name(void **state __attribute__((unused)))
#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static struct arena *arena;

static int begin(void **state __attribute__((unused)))
{
	arena = arena_new(64 * 1024);
	return !arena;
}

static int end(void **state __attribute__((unused)))
{
	arena_free(&arena);
	return 0;
}

/* "a=urn:x b=urn:y" */
static struct bindings bindings_of(const char *text)
{
	struct binding *items = arena_zero(arena, 8 * sizeof(*items));
	struct bindings bindings = { items, 0 };
	struct span rest = span_of(text);
	while (rest.data && rest.size) {
		struct span uri = span_cut(&rest, ' ');
		items[bindings.count].prefix = span_cut(&uri, '=');
		items[bindings.count++].uri = uri;
	}
	return bindings;
}

static enum selector_result parse(
	const char *node, const char *bound, const char *standard, struct selector **out)
{
	struct bindings bindings = bindings_of(bound);
	const char *why;
	enum selector_result result =
		selector_parse(arena, span_of(node), &bindings, span_of(standard), out, &why);
	assert_int_equal(result == SELECTOR_OK, why == NULL);
	assert_int_equal(result == SELECTOR_OK, *out != NULL);
	return result;
}

/* What the selector chooses: its octets, "none" or "many". */
static const char *chosen(
	const char *document, const char *node, const char *bound, const char *standard)
{
	struct selector *selector;
	struct found found;
	if (parse(node, bound, standard, &selector) != SELECTOR_OK)
		return "refused";
	if (!selector_find(selector, span_of(document), &found))
		return "broken";
	if (found.count != 1)
		return found.count ? "many" : "none";
	return arena_text(arena, found_octets(&found, span_of(document)));
}

static const char watchers[] = "<?xml version=\"1.0\"?>\n"
			       "<watcherinfo xmlns=\"urn:ietf:params:xml:ns:watcherinfo\"\n"
			       "             version=\"0\" state=\"full\">\n"
			       "  <watcher-list resource=\"sip:professor@example.net\"\n"
			       "                package=\"presence\">\n"
			       "    <watcher status=\"active\"\n"
			       "             id=\"8ajksjda7s\"\n"
			       "             duration-subscribed=\"509\"\n"
			       "             event=\"approved\">sip:userA@example.net</watcher>\n"
			       "    <watcher status=\"pending\"\n"
			       "             id=\"hh8juja87s997-ass7\"\n"
			       "             display-name=\"Mr. Subscriber\"\n"
			       "             event=\"subscribe\">sip:userB@example.org</watcher>\n"
			       "  </watcher-list>\n"
			       "</watcherinfo>";

TEST(the_example_of_rfc_4825_6_3)
{
	assert_string_equal(
		chosen(watchers, "watcherinfo/watcher-list/watcher%5B@id=%228ajksjda7s%22%5D", NULL,
			"urn:ietf:params:xml:ns:watcherinfo"),
		"<watcher status=\"active\"\n"
		"             id=\"8ajksjda7s\"\n"
		"             duration-subscribed=\"509\"\n"
		"             event=\"approved\">sip:userA@example.net</watcher>");
}

static const char scoped[] = "<?xml version=\"1.0\"?>\n"
			     "<foo xmlns=\"urn:test:default-namespace\">\n"
			     "  <ns1:bar xmlns:ns1=\"urn:test:namespace1-uri\"\n"
			     "           xmlns=\"urn:test:namespace1-uri\">\n"
			     "    <baz/>\n"
			     "    <ns2:baz xmlns:ns2=\"urn:test:namespace2-uri\"/>\n"
			     "  </ns1:bar>\n"
			     "  <ns3:hi xmlns:ns3=\"urn:test:namespace3-uri\">\n"
			     "    <there/>\n"
			     "  </ns3:hi>\n"
			     "</foo>";

TEST(the_examples_of_rfc_4825_6_4)
{
	static const struct {
		const char *node, *bound, *chosen;
	} cases[] = {
		{ "foo/a:bar/b:baz", "a=urn:test:namespace1-uri b=urn:test:namespace1-uri",
			"<baz/>" },
		{ "foo/a:bar/b:baz", "a=urn:test:namespace1-uri b=urn:test:namespace2-uri",
			"<ns2:baz xmlns:ns2=\"urn:test:namespace2-uri\"/>" },
		{ "d:foo/a:bar/b:baz",
			"a=urn:test:namespace1-uri b=urn:test:namespace2-uri "
			"d=urn:test:default-namespace",
			"<ns2:baz xmlns:ns2=\"urn:test:namespace2-uri\"/>" },
		{ "foo/h:hi/there", "h=urn:test:namespace3-uri", "<there/>" },
		{ "foo/hi", NULL, "none" },
		{ "foo/ns1:bar", "ns1=urn:test:namespace2-uri", "none" },
	};
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_string_equal(
			chosen(scoped, cases[i].node, cases[i].bound, "urn:test:default-namespace"),
			cases[i].chosen);
}

static const char *namespaces_of(
	const char *document, const char *node, const char *bound, const char *standard)
{
	struct selector *selector;
	struct span body;
	assert_int_equal(parse(node, bound, standard, &selector), SELECTOR_OK);
	assert_int_equal(selector_terminal(selector), SELECTOR_NAMESPACES);
	assert_true(selector_namespaces(arena, selector, span_of(document), &body));
	return body.data ? arena_text(arena, body) : "none";
}

TEST(the_example_of_rfc_4825_10)
{
	assert_string_equal(
		namespaces_of(scoped, "df:foo/df2:bar/df2:baz/namespace::*",
			"df=urn:test:default-namespace df2=urn:test:namespace1-uri", NULL),
		"<baz xmlns=\"urn:test:namespace1-uri\" "
		"xmlns:ns1=\"urn:test:namespace1-uri\"/>");
}

TEST(namespaces_in_scope_are_the_innermost_ones)
{
	static const char document[] =
		"<a xmlns='urn:a' xmlns:p='1&amp;2' xmlns:o='3'><p:b xmlns:p=\"it's\"><c xmlns=''>"
		"<d xml:lang='en'/></c></p:b><b/><b/></a>";
	static const struct {
		const char *node, *body;
	} cases[] = {
		{ "a/namespace::*", "<a xmlns='urn:a' xmlns:o='3' xmlns:p='1&amp;2'/>" },
		{ "a/*%5B1%5D/namespace::*", "<p:b xmlns='urn:a' xmlns:o='3' xmlns:p=\"it's\"/>" },
		{ "a/*%5B1%5D/n:c/namespace::*", "<c xmlns:o='3' xmlns:p=\"it's\"/>" },
		{ "a/*%5B1%5D/n:c/n:d/namespace::*", "<d xmlns:o='3' xmlns:p=\"it's\"/>" },
		{ "a/b/namespace::*", "none" },
		{ "a/x/namespace::*", "none" },
	};
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_string_equal(
			namespaces_of(document, cases[i].node, "n=", "urn:a"), cases[i].body);
	assert_string_equal(namespaces_of("<a/>", "a/namespace::*", NULL, NULL), "<a/>");
}

static const char lists[] =
	"\xEF\xBB\xBF<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<!-- <lists/> -->"
	"<lists xmlns='urn:l' xmlns:x='urn:x'>\r\n"
	"<list name='a'><!-- <entry uri='no'/> --><entry uri='sip:a@x' x:uri='other'/>"
	"<![CDATA[<entry uri='no'/>]]><entry uri=\"sip:b@x\">\xD0\x9F\xF0\x9F\x98\x80</entry>"
	"<?pi <entry uri='no'/>?><x:entry uri='sip:a@x'/><entry uri='R&amp;D \"q\"'><entry "
	"uri='deep'/></entry></list>"
	"<list name='b/c' xml:lang='de'/>"
	"<list name=\"[d]@'~~%?\"><entry  uri = 'sip:e&#64;x'></entry ></list >"
	"<other a='1' a2='2'/><list name='a&#10;b'/><list name='a\r\nb'/></lists>\r\n<!-- end -->";

TEST(selectors_choose_as_rfc_4825_6_3_says)
{
	static const struct {
		const char *node, *chosen;
	} cases[] = {
		{ "lists/list", "many" },
		{ "lists/other", "<other a='1' a2='2'/>" },
		{ "*/other", "<other a='1' a2='2'/>" },
		{ "lists%5B1%5D/other%5B1%5D", "<other a='1' a2='2'/>" },
		{ "lists%5B2%5D/other", "none" },
		{ "lists/other%5B0%5D", "none" },
		{ "lists/other%5B2%5D", "none" },
		{ "lists/other%5B001%5D", "<other a='1' a2='2'/>" },
		{ "lists/other%5B99999999999999999999999999%5D", "none" },
		{ "lists/*%5B4%5D", "<other a='1' a2='2'/>" },
		{ "lists/list%5B2%5D", "<list name='b/c' xml:lang='de'/>" },
		/* predicates in order: the second list, if its name is that */
		{ "lists/list%5B2%5D%5B@name=%22b/c%22%5D", "<list name='b/c' xml:lang='de'/>" },
		{ "lists/list%5B1%5D%5B@name=%22b/c%22%5D", "none" },
		{ "lists/*%5B2%5D%5B@name='b/c'%5D", "<list name='b/c' xml:lang='de'/>" },
		{ "lists/*%5B@name='b/c'%5D", "<list name='b/c' xml:lang='de'/>" },
		{ "lists/*%5B@name='none'%5D", "none" },
		{ "list", "none" },
		{ "lists/entry", "none" },
		/* no backtracking: only one list holds two entries, but list alone is many */
		{ "lists/list/entry", "many" },
		/* comments, CDATA and processing instructions hold no elements */
		{ "lists/list%5B1%5D/entry%5B1%5D", "<entry uri='sip:a@x' x:uri='other'/>" },
		{ "lists/list%5B1%5D/entry%5B2%5D",
			"<entry uri=\"sip:b@x\">\xD0\x9F\xF0\x9F\x98\x80</entry>" },
		{ "lists/list%5B1%5D/entry%5B3%5D/entry", "<entry uri='deep'/>" },
		{ "lists/list%5B1%5D/x:entry", "<x:entry uri='sip:a@x'/>" },
		{ "lists/list%5B1%5D/entry%5B@uri='sip:a@x'%5D",
			"<entry uri='sip:a@x' x:uri='other'/>" },
		{ "lists/list%5B1%5D/*%5B@uri='sip:a@x'%5D", "many" },
		{ "lists/list%5B1%5D/*%5B@x:uri='other'%5D",
			"<entry uri='sip:a@x' x:uri='other'/>" },
		{ "lists/list%5B1%5D/*%5B@uri='other'%5D", "none" },
		{ "lists/list%5B1%5D/*%5B3%5D%5B@uri='sip:a@x'%5D", "<x:entry uri='sip:a@x'/>" },
		/* values compare decoded and normalised */
		{ "lists/list%5B1%5D/entry%5B@uri='R&amp;D%20&quot;q&quot;'%5D/entry",
			"<entry uri='deep'/>" },
		{ "lists/list%5B3%5D/entry%5B@uri='sip:e@x'%5D",
			"<entry  uri = 'sip:e&#64;x'></entry >" },
		{ "lists/list%5B@name='a&#10;b'%5D", "<list name='a&#10;b'/>" },
		{ "lists/list%5B@name='a%20b'%5D", "<list name='a\r\nb'/>" },
		{ "lists/list%5B@name='a%0Ab'%5D", "<list name='a\r\nb'/>" },
		/* anything may stand in a quoted value */
		{ "lists/list%5B@name=%22%5Bd%5D@'~~%25?%22%5D/@name", "[d]@'~~%?" },
		{ "lists/list%5B@name=%22%5Bd%5D@&apos;~~%25?%22%5D/@name", "[d]@'~~%?" },
		/* attributes */
		{ "lists/other/@a", "1" },
		{ "lists/other/@a2", "2" },
		{ "lists/other/@b", "none" },
		{ "lists/other/@x:a", "none" },
		{ "lists/list/@name", "many" },
		{ "lists/list%5B2%5D/@xml:lang", "de" },
		{ "lists/list%5B2%5D/@lang", "none" },
		{ "lists/list%5B1%5D/entry%5B3%5D/@uri", "R&amp;D \"q\"" },
		{ "lists/list%5B1%5D/entry%5B1%5D/@x:uri", "other" },
		{ "lists/list%5B1%5D/entry%5B1%5D/@uri", "sip:a@x" },
		/* a declaration is no attribute */
		{ "lists/@xmlns", "none" },
		{ "lists/@xmlns:x", "none" },
		{ "lists%5B@xmlns='urn:l'%5D/other", "none" },
		{ "*%5B@xmlns:x='urn:x'%5D/other", "none" },
	};
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_string_equal(
			chosen(lists, cases[i].node, "x=urn:x", "urn:l"), cases[i].chosen);
}

TEST(an_element_is_its_octets_to_the_last_one)
{
	size_t open = (size_t)(strstr(lists, "<lists xm") - lists);
	size_t size = (size_t)(strstr(lists, "</lists>") - lists) + 8 - open;
	const char *whole = chosen(lists, "lists", NULL, "urn:l");
	assert_int_equal(strlen(whole), size);
	assert_memory_equal(whole, lists + open, size);
}

TEST(unprefixed_names_take_the_default_document_namespace)
{
	static const struct {
		const char *document, *node, *bound, *standard, *chosen;
	} cases[] = {
		{ "<a/>", "a", NULL, NULL, "<a/>" },
		{ "<a/>", "a", NULL, "", "<a/>" },
		{ "<a/>", "a", NULL, "urn:a", "none" },
		{ "<a xmlns='urn:a'/>", "a", NULL, NULL, "none" },
		{ "<a xmlns='urn:&#97;'/>", "a", NULL, "urn:a", "<a xmlns='urn:&#97;'/>" },
		{ "<p:a xmlns:p='urn:a'/>", "a", NULL, "urn:a", "<p:a xmlns:p='urn:a'/>" },
		{ "<a xmlns='urn:a'><b xmlns=''/></a>", "a/b", NULL, "urn:a", "none" },
		{ "<a xmlns='urn:a'><b xmlns=''/></a>", "a/n:b", "n=", "urn:a", "<b xmlns=''/>" },
		{ "<a p:b='1' xmlns:p='urn:a'/>", "n:a/@b", "n=", "urn:a", "none" },
		{ "<a p:b='1' xmlns:p='urn:a'/>", "n:a/@p:b", "n= p=urn:a", "urn:a", "1" },
		{ "<a xmlns='urn:a' b='1'/>", "a/@p:b", "p=urn:a", "urn:a", "none" },
		/* the last of two bindings holds; xml cannot be bound to anything else */
		{ "<a xmlns='urn:a'/>", "p:a", "p=urn:b p=urn:a", NULL, "<a xmlns='urn:a'/>" },
		{ "<a xml:id='1'/>", "a/@xml:id", "xml=urn:b", NULL, "1" },
		/* a prefix that is bound anew on the way down */
		{ "<p:a xmlns:p='1'><p:a/><p:a xmlns:p='2'/><p:a/></p:a>", "o:a/t:a", "o=1 t=2",
			NULL, "<p:a xmlns:p='2'/>" },
		{ "<p:a xmlns:p='1'><p:a/><p:a xmlns:p='2'/><p:a/></p:a>", "o:a/o:a", "o=1 t=2",
			NULL, "many" },
		{ "<p:a xmlns:p='1'><p:a/><p:a xmlns:p='2'/><p:a i=''/></p:a>", "o:a/o:a%5B2%5D",
			"o=1 t=2", NULL, "<p:a i=''/>" },
	};
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_string_equal(
			chosen(cases[i].document, cases[i].node, cases[i].bound, cases[i].standard),
			cases[i].chosen);
}

/* CLIENTS.md, decision 10 */
TEST(what_real_clients_send_is_understood)
{
	static const struct {
		const char *client, *node, *chosen;
	} cases[] = {
		{ "tinyXCAP", "lists/*%5B4%5D", "<other a='1' a2='2'/>" },
		{ "tinyXCAP", "lists/list%5B1%5D/entry%5B1%5D%5B@uri=%22sip:a@x%22%5D",
			"<entry uri='sip:a@x' x:uri='other'/>" },
		{ "tinyXCAP", "lists/list%5b1%5d/entry%5b1%5d/@uri", "sip:a@x" },
		{ "xcaplib", "lists/list[1]/entry[@uri=\"sip:a@x\"]",
			"<entry uri='sip:a@x' x:uri='other'/>" },
		{ "xcaplib", "lists/list[@name=\"b/c\"]", "<list name='b/c' xml:lang='de'/>" },
		{ "rcsjta", "lists/list%5B1%5D/entry%5B@uri=%22sip%3Aa%40x%22%5D",
			"<entry uri='sip:a@x' x:uri='other'/>" },
		{ "encoded slash", "lists%2Flist%5B@name=%22b%2Fc%22%5D",
			"<list name='b/c' xml:lang='de'/>" },
		{ "encoded at sign", "lists/other/%40a", "1" },
	};
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_string_equal(
			chosen(lists, cases[i].node, "x=urn:x", "urn:l"), cases[i].chosen);
}

TEST(percent_is_decoded_once)
{
	static const char document[] = "<a><b c='%41'/><b c='A' d=''/></a>";
	assert_string_equal(chosen(document, "a/b[@c='%2541']", NULL, NULL), "<b c='%41'/>");
	assert_string_equal(chosen(document, "a/b[@c='%41']", NULL, NULL), "<b c='A' d=''/>");
	assert_string_equal(chosen("<a b='+'/>", "a[@b='+']", NULL, NULL), "<a b='+'/>");
}

TEST(names_may_be_in_any_script)
{
	static const char document[] = "<\xD0\xB0><\xE3\x82\xA2 \xC3\x80='\xF0\x9F\x98\x80'/></\xD0"
				       "\xB0>";
	assert_string_equal(
		chosen(document, "%D0%B0/%E3%82%A2/@%C3%80", NULL, NULL), "\xF0\x9F\x98\x80");
	assert_string_equal(
		chosen(document, "%D0%B0/*%5B@%C3%80=%22%F0%9F%98%80%22%5D/@%C3%80", NULL, NULL),
		"\xF0\x9F\x98\x80");
}

static void check_parsed(const char *const *nodes, size_t count, enum selector_result wanted)
{
	struct selector *selector;
	for (size_t i = 0; i < count; i++)
		if (parse(nodes[i], "x=urn:x", NULL, &selector) != wanted)
			fail_msg("%s", nodes[i]);
}

TEST(what_is_no_selector_at_all_is_malformed)
{
	static const char *const nodes[] = { "", "/", "/a", "a/", "a//b", "a%", "a%4", "a%zz",
		"a%00", "a%01", "a%FF", "a%C0%AF", "a%ED%A0%80", "a%EF%BF%BF", "a[", "a[1", "a[1][",
		"a[@b", "a[@b=", "a[@b=\"", "a[@b=\"c", "a[@b=\"c]", "a[@b=\"c'/d]", "a[@b=\"c\"",
		"a[@b='&']", "a[@b='&c;']", "a[@b='%3C']", "a[@b='&#0;']" };
	check_parsed(nodes, COUNT(nodes), SELECTOR_MALFORMED);
}

TEST(a_prefix_that_is_not_bound_is_told)
{
	static const char *const nodes[] = { "p:a", "x:a/p:b", "a/@p:b", "a[@p:b='1']",
		"p:a/namespace::*" };
	check_parsed(nodes, COUNT(nodes), SELECTOR_UNBOUND);
}

TEST(what_other_selectors_have_is_an_extension)
{
	static const char *const nodes[] = { "a/@b/", "text()", "a/text()", "a/comment()", "a/..",
		"a/.", "id('x')", "a/child::b", "a/namespace::p", "a/namespace::*/b",
		"namespace::*", "@a", "a/@b/c", "a/@*", "a/@", "a/@1", "a[last()]", "a[-1]",
		"a[1.5]", "a[]", "a[@b]", "a[@b=c]", "a[b='c']", "a[@b!='c']",
		"a[@b='c' and @d='e/f']", "a[@b='c'][1]", "a[1][2]", "a[@b='c'][@d='e']", "a[1]x",
		"a b", "1a", "*:a", "x:*", "x:", "x:a:b", ":a", "a]", "[1]", "a?", "%C2%B7" };
	check_parsed(nodes, COUNT(nodes), SELECTOR_EXTENSION);
}

TEST(what_looks_like_an_axis_may_be_a_name)
{
	static const char *const nodes[] = { "x:a/@x:b", "a/namespace::*", "namespace",
		"xml:a/@xmlns:b" };
	check_parsed(nodes, COUNT(nodes), SELECTOR_OK);
}

TEST(the_number_of_steps_is_bounded)
{
	char node[2 * SELECTOR_STEPS_MAX + 3];
	struct selector *selector;
	for (size_t i = 0; i < SELECTOR_STEPS_MAX; i++)
		memcpy(node + 2 * i, "a/", 2);
	node[2 * SELECTOR_STEPS_MAX - 1] = '\0';
	assert_int_equal(parse(node, NULL, NULL, &selector), SELECTOR_OK);
	strcpy(node + 2 * SELECTOR_STEPS_MAX - 1, "/@a");
	assert_int_equal(parse(node, NULL, NULL, &selector), SELECTOR_OK);
	strcpy(node + 2 * SELECTOR_STEPS_MAX - 1, "/a");
	assert_int_equal(parse(node, NULL, NULL, &selector), SELECTOR_MALFORMED);
}

TEST(the_deepest_document_can_be_addressed)
{
	struct buffer document = { .arena = arena }, node = { .arena = arena };
	for (size_t i = 0; i < SELECTOR_STEPS_MAX; i++) {
		buffer_text(&document, "<a>");
		buffer_text(&node, i ? "/a" : "a");
	}
	for (size_t i = 0; i < SELECTOR_STEPS_MAX; i++)
		buffer_text(&document, "</a>");
	assert_string_equal(chosen(document.data, node.data, NULL, NULL), "<a></a>");
	buffer_text(&node, "/@b");
	assert_string_equal(chosen(document.data, node.data, NULL, NULL), "none");
}

TEST(a_prefix_of_a_selector_is_percent_encoded)
{
	struct selector *selector;
	assert_int_equal(parse("a/b[@c=\"d/\xD0\xB0 %25\"]/*[1][@e='']/@f", NULL, NULL, &selector),
		SELECTOR_OK);
	static const char *const prefixes[] = { "", "a", "a/b%5B@c=%22d/%D0%B0%20%25%22%5D",
		"a/b%5B@c=%22d/%D0%B0%20%25%22%5D/*%5B1%5D%5B@e=''%5D" };
	for (size_t i = 0; i < COUNT(prefixes); i++)
		assert_true(span_equal_text(selector_prefix(arena, selector, i), prefixes[i]));
}

TEST(parsing_without_memory_says_so)
{
	const char *why;
	struct bindings none = { NULL, 0 };
	struct span node = SPAN("a/b[@c='ddddddddddddddddddddddddddddddddddddddddddd']/@e");
	enum selector_result result = SELECTOR_NO_MEMORY;
	size_t nth = 0;
	while (result == SELECTOR_NO_MEMORY) {
		struct selector *selector;
		struct arena *small = arena_new(16);
		arena_fail_at(++nth);
		result = selector_parse(small, node, &none, SPAN(""), &selector, &why);
		arena_fail_at(0);
		assert_int_equal(result == SELECTOR_OK, selector != NULL);
		arena_free(&small);
	}
	assert_int_equal(result, SELECTOR_OK);
	assert_true(nth > 1);
}

TEST(namespaces_without_memory_say_so)
{
	struct selector *selector;
	struct span body;
	bool done = false;
	size_t nth = 0;
	assert_int_equal(parse("a/namespace::*", NULL, NULL, &selector), SELECTOR_OK);
	while (!done) {
		struct arena *small = arena_new(16);
		arena_fail_at(++nth);
		done = selector_namespaces(small, selector, SPAN("<a xmlns:p='u'/>"), &body);
		arena_fail_at(0);
		assert_int_equal(done, body.data != NULL);
		arena_free(&small);
	}
	assert_true(nth > 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_example_of_rfc_4825_6_3),
		cmocka_unit_test(the_examples_of_rfc_4825_6_4),
		cmocka_unit_test(the_example_of_rfc_4825_10),
		cmocka_unit_test(namespaces_in_scope_are_the_innermost_ones),
		cmocka_unit_test(selectors_choose_as_rfc_4825_6_3_says),
		cmocka_unit_test(an_element_is_its_octets_to_the_last_one),
		cmocka_unit_test(unprefixed_names_take_the_default_document_namespace),
		cmocka_unit_test(what_real_clients_send_is_understood),
		cmocka_unit_test(percent_is_decoded_once),
		cmocka_unit_test(names_may_be_in_any_script),
		cmocka_unit_test(what_is_no_selector_at_all_is_malformed),
		cmocka_unit_test(a_prefix_that_is_not_bound_is_told),
		cmocka_unit_test(what_other_selectors_have_is_an_extension),
		cmocka_unit_test(what_looks_like_an_axis_may_be_a_name),
		cmocka_unit_test(the_number_of_steps_is_bounded),
		cmocka_unit_test(the_deepest_document_can_be_addressed),
		cmocka_unit_test(a_prefix_of_a_selector_is_percent_encoded),
		cmocka_unit_test(parsing_without_memory_says_so),
		cmocka_unit_test(namespaces_without_memory_say_so),
	};
	return cmocka_run_group_tests(tests, begin, end);
}
