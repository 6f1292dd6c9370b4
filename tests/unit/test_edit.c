/* links: base xcap */
/* SPDX-License-Identifier: BSD-2-Clause */
#include "xcap/edit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define TEST(name) static void name(void **state __attribute__((unused)))
#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static struct arena *arena;
static const struct xml_limits limits = { 64, 256, 0 };

static int begin(void **state __attribute__((unused)))
{
	xml_start();
	arena = arena_new(64 * 1024);
	return !arena;
}

static int end(void **state __attribute__((unused)))
{
	arena_free(&arena);
	xml_stop();
	return 0;
}

static const struct binding bound[] = { { { "p", 1 }, { "urn:p", 5 } },
	{ { "q", 1 }, { "urn:q", 5 } }, { { "n", 1 }, { "", 0 } } };
static const struct bindings bindings = { bound, COUNT(bound) };

static struct selector *selector_of(const char *node, const char *standard)
{
	struct selector *selector;
	const char *why;
	assert_int_equal(
		selector_parse(arena, span_of(node), &bindings, span_of(standard), &selector, &why),
		SELECTOR_OK);
	return selector;
}

static struct conflict why;
static struct edit_result result;

/* The new document, or the conflict's element. */
static const char *put(
	const char *document, const char *node, const char *standard, const char *body)
{
	why = (struct conflict){ .arena = arena };
	const struct selector *selector = selector_of(node, standard);
	bool has_parent = edit_parent(selector, span_of(document), &why);
	assert_int_equal(has_parent, why.kind == CONFLICT_NONE);
	why = (struct conflict){ .arena = arena };
	if (edit_put(arena, selector, span_of(document), span_of(body), &limits, &result, &why))
		return arena_text(arena, result.document);
	assert_int_equal(has_parent, why.kind != CONFLICT_NO_PARENT);
	assert_true(why.phrase.size > 0);
	return conflict_element(why.kind);
}

static const char *taken(const char *document, const char *node, const char *standard)
{
	bool absent;
	why = (struct conflict){ .arena = arena };
	if (edit_delete(
		    arena, selector_of(node, standard), span_of(document), &result, &why, &absent))
		return arena_text(arena, result.document);
	assert_true(absent || why.phrase.size > 0);
	return absent ? "absent" : conflict_element(why.kind);
}

#define HEAD "<?xml version=\"1.0\"?>\n<root>\n"
#define E1 " <el1 att=\"first\"/>\n"
#define E2 " <el1 att=\"second\"/>"
#define REST "\n <!-- comment -->\n <el2 att=\"first\"/>"
static const char figures[] = HEAD E1 E2 REST "\n</root>";

TEST(the_examples_of_rfc_4825_8_2_3)
{
	static const struct {
		const char *node, *body, *document;
	} cases[] = {
		{ "root/el1[@att=\"third\"]", "<el1 att=\"third\"/>",
			HEAD E1 E2 "<el1 att=\"third\"/>" REST "\n</root>" },
		{ "root/el1[3][@att=\"third\"]", "<el1 att=\"third\"/>",
			HEAD E1 E2 "<el1 att=\"third\"/>" REST "\n</root>" },
		{ "root/*[3][@att=\"third\"]", "<el1 att=\"third\"/>",
			HEAD E1 E2 "<el1 att=\"third\"/>" REST "\n</root>" },
		{ "root/el3", "<el3 att=\"first\"/>",
			HEAD E1 E2 REST "\n<el3 att=\"first\"/></root>" },
		{ "root/el2[@att=\"2\"]", "<el2 att=\"2\"/>",
			HEAD E1 E2 REST "<el2 att=\"2\"/>\n</root>" },
		{ "root/el2[2][@att=\"2\"]", "<el2 att=\"2\"/>",
			HEAD E1 E2 REST "<el2 att=\"2\"/>\n</root>" },
		{ "root/*[2][@att=\"2\"]", "<el2 att=\"2\"/>",
			HEAD " <el1 att=\"first\"/><el2 att=\"2\"/>\n" E2 REST "\n</root>" },
		{ "root/el2[1][@att=\"2\"]", "<el2 att=\"2\"/>",
			HEAD E1 E2
			"\n <!-- comment -->\n <el2 att=\"2\"/><el2 att=\"first\"/>\n</root>" },
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_string_equal(
			put(figures, cases[i].node, NULL, cases[i].body), cases[i].document);
		assert_true(result.created);
		assert_true(span_equal_text(result.component, cases[i].body));
	}
}

TEST(elements_go_where_8_2_3_says)
{
	static const char many[] = "<r>\n<a i='1'/><!--1--> <b/><?2?> <a i='2'/> <!--3--></r>";
	static const struct {
		const char *document, *node, *body, *wanted;
	} cases[] = {
		/* the first of its name: last of all */
		{ many, "r/c", "<c/>",
			"<r>\n<a i='1'/><!--1--> <b/><?2?> <a i='2'/> <!--3--><c/></r>" },
		{ many, "r/c[1]", "<c/>",
			"<r>\n<a i='1'/><!--1--> <b/><?2?> <a i='2'/> <!--3--><c/></r>" },
		{ many, "r/c[@i='9']", "<c i='9'/>",
			"<r>\n<a i='1'/><!--1--> <b/><?2?> <a i='2'/> <!--3--><c i='9'/></r>" },
		{ many, "r/c[1][@i='9']", "<c i='9'/>",
			"<r>\n<a i='1'/><!--1--> <b/><?2?> <a i='2'/> <!--3--><c i='9'/></r>" },
		{ many, "r/c[2]", "<c/>", "cannot-insert" },
		{ many, "r/c[0]", "<c/>", "cannot-insert" },
		/* a wildcard whose attribute nobody has: last of all */
		{ many, "r/*[@i='9']", "<a i='9'/>",
			"<r>\n<a i='1'/><!--1--> <b/><?2?> <a i='2'/> <!--3--><a i='9'/></r>" },
		/* earliest last */
		{ many, "r/a[@i='9']", "<a i='9'/>",
			"<r>\n<a i='1'/><!--1--> <b/><?2?> <a i='2'/><a i='9'/> <!--3--></r>" },
		{ many, "r/b[@i='9']", "<b i='9'/>",
			"<r>\n<a i='1'/><!--1--> <b/><b i='9'/><?2?> <a i='2'/> <!--3--></r>" },
		/* earliest nth */
		{ many, "r/a[2][@i='9']", "<a i='9'/>",
			"<r>\n<a i='1'/><a i='9'/><!--1--> <b/><?2?> <a i='2'/> <!--3--></r>" },
		{ many, "r/a[3]", "<a/>",
			"<r>\n<a i='1'/><!--1--> <b/><?2?> <a i='2'/><a/> <!--3--></r>" },
		{ many, "r/a[4]", "<a/>", "cannot-insert" },
		{ many, "r/*[3][@i='9']", "<c i='9'/>",
			"<r>\n<a i='1'/><!--1--> <b/><c i='9'/><?2?> <a i='2'/> <!--3--></r>" },
		{ many, "r/*[4]", "<c/>",
			"<r>\n<a i='1'/><!--1--> <b/><?2?> <a i='2'/><c/> <!--3--></r>" },
		{ many, "r/*[5]", "<c/>", "cannot-insert" },
		/* before the first */
		{ many, "r/a[1][@i='9']", "<a i='9'/>",
			"<r>\n<a i='9'/><a i='1'/><!--1--> <b/><?2?> <a i='2'/> <!--3--></r>" },
		{ many, "r/b[1][@i='9']", "<b i='9'/>",
			"<r>\n<a i='1'/><!--1--> <b i='9'/><b/><?2?> <a i='2'/> <!--3--></r>" },
		{ many, "r/*[1][@i='9']", "<c i='9'/>",
			"<r>\n<c i='9'/><a i='1'/><!--1--> <b/><?2?> <a i='2'/> <!--3--></r>" },
		/* what is put has to be what is then chosen */
		{ many, "r/a[@i='9']", "<a/>", "cannot-insert" },
		{ many, "r/a[@i='9']", "<a i='8'/>", "cannot-insert" },
		{ many, "r/a[@i='9']", "<b i='9'/>", "cannot-insert" },
		{ many, "r/a[@p:i='9']", "<a i='9'/>", "cannot-insert" },
		{ many, "r/c", "<d/>", "cannot-insert" },
		{ many, "r/*[1]", "<c/>", "<r>\n<c/><!--1--> <b/><?2?> <a i='2'/> <!--3--></r>" },
		{ many, "r/a", "<a/>", "cannot-insert" },
		{ many, "r/*", "<a/>", "cannot-insert" },
		{ many, "r/a[3]", "<b/>", "cannot-insert" },
		/* no child yet */
		{ "<r/>", "r/a", "<a/>", "<r><a/></r>" },
		{ "<r />", "r/*", "<a/>", "<r ><a/></r>" },
		{ "<r\n b='/>'/>", "r/*[1]", "<a/>", "<r\n b='/>'><a/></r>" },
		{ "<r><p:s  xmlns:p='urn:p'/></r>", "r/p:s/a", "<a/>",
			"<r><p:s  xmlns:p='urn:p'><a/></p:s></r>" },
		{ "<r/>", "r/a[2]", "<a/>", "cannot-insert" },
		{ "<r/>", "r/*[2]", "<a/>", "cannot-insert" },
		{ "<r></r>", "r/a", "<a/>", "<r><a/></r>" },
		{ "<r> <!-- --> </r>", "r/*[1]", "<a/>", "<r> <!-- --> <a/></r>" },
		{ "<r>x<![CDATA[</r>]]></r >", "r/*[@b='&lt;']", "<a b='&#60;'/>",
			"<r>x<![CDATA[</r>]]><a b='&#60;'/></r >" },
		/* names compare expanded */
		{ "<r xmlns:o='urn:p'><o:a/><a/> </r>", "r/p:a[@i='']", "<o:a i=''/>",
			"<r xmlns:o='urn:p'><o:a/><o:a i=''/><a/> </r>" },
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_string_equal(put(cases[i].document, cases[i].node, NULL, cases[i].body),
			cases[i].wanted);
	}
}

TEST(a_replacement_stays_in_its_place)
{
	static const struct {
		const char *document, *node, *body, *wanted;
	} cases[] = {
		{ "<r> <a/> <b/> <a i='2'/> </r>", "r/a[1]", "<a>\n</a>",
			"<r> <a>\n</a> <b/> <a i='2'/> </r>" },
		{ "<r> <a/> <b/> <a i='2'/> </r>", "r/a[@i='2']", "<a i=\"2\" k='3'/>",
			"<r> <a/> <b/> <a i=\"2\" k='3'/> </r>" },
		{ "<r> <a/> <b/> </r>", "r/*[2]", "<c/>", "<r> <a/> <c/> </r>" },
		{ "<r><a>x<a/></a>y</r>", "r/a", "<a/>", "<r><a/>y</r>" },
		{ "<r><a i='1'/></r>", "r/a[@i='1']", "<a i='2'/>", "cannot-insert" },
		{ "<r><a/></r>", "r/a", "<b/>", "cannot-insert" },
		{ "<r><a/></r>", "r/a", "<a xmlns='urn:p'/>", "cannot-insert" },
		{ "<r><a/></r>", "r/*", "<a xmlns='urn:p'/>", "<r><a xmlns='urn:p'/></r>" },
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *document = put(cases[i].document, cases[i].node, NULL, cases[i].body);
		assert_string_equal(document, cases[i].wanted);
		assert_true(!result.created || why.kind != CONFLICT_NONE);
	}
}

TEST(the_root_element_can_be_replaced)
{
	assert_string_equal(put("\xEF\xBB\xBF<?xml version='1.0'?>\r\n<r><a/></r><!-- -->\n", "r",
				    NULL, "<r b=''/>"),
		"\xEF\xBB\xBF<?xml version='1.0'?>\r\n<r b=''/><!-- -->\n");
	assert_false(result.created);
	assert_string_equal(put("<r/>", "*[1]", NULL, "<s/>"), "<s/>");
	assert_string_equal(put("<r/>", "r", NULL, "<s/>"), "cannot-insert");
	assert_string_equal(put("<r/>", "s", NULL, "<s/>"), "cannot-insert");
	assert_string_equal(put("<r/>", "*[2]", NULL, "<s/>"), "cannot-insert");
	assert_string_equal(put("<r/>", "r[@a='']", NULL, "<r a=''/>"), "cannot-insert");
}

TEST(a_fragment_may_use_what_its_parents_declare)
{
	static const char document[] =
		"<r xmlns='urn:d' xmlns:o='urn:p'><l xmlns:x='urn:&quot;x&quot;'/><k/></r>";
	assert_string_equal(put(document, "r/l/p:e", "urn:d", "<o:e x:a='1'/>"),
		"<r xmlns='urn:d' xmlns:o='urn:p'><l xmlns:x='urn:&quot;x&quot;'><o:e "
		"x:a='1'/></l><k/></r>");
	assert_string_equal(put(document, "r/l/e", "urn:d", "<e/>"),
		"<r xmlns='urn:d' xmlns:o='urn:p'><l xmlns:x='urn:&quot;x&quot;'><e/></l><k/></r>");
	assert_string_equal(put(document, "r/k/p:e", "urn:d", "<o:e x:a='1'/>"), "not-xml-frag");
	/* not what the element that it replaces declared */
	assert_string_equal(put(document, "r/l", "urn:d", "<l x:a='1'/>"), "not-xml-frag");
	assert_string_equal(put(document, "r", "urn:d", "<o:r/>"), "not-xml-frag");
}

TEST(a_body_that_is_not_one_element_is_refused)
{
	static const struct {
		const char *body, *conflict, *phrase;
	} cases[] = {
		{ "", "not-xml-frag", "the body is empty" },
		{ " \n ", "not-xml-frag", "the body is empty" },
		{ "text", "not-xml-frag", NULL },
		{ "<a>", "not-xml-frag", NULL },
		{ "<a/><a/>", "not-xml-frag", NULL },
		{ "<a/>x", "not-xml-frag", NULL },
		{ "x<a/>", "not-xml-frag", NULL },
		{ "<a/><!-- c -->", "not-xml-frag", NULL },
		{ "<!-- c --><a/>", "not-xml-frag", NULL },
		{ "<?pi?><a/>", "not-xml-frag", NULL },
		{ "<a/><?pi?>", "not-xml-frag", NULL },
		{ "<a/><![CDATA[]]>", "not-xml-frag", NULL },
		{ "<?xml version=\"1.0\"?><a/>", "not-xml-frag", NULL },
		{ " <?xml version=\"1.0\"?><a/>", "not-xml-frag", NULL },
		{ "<?xml\tversion=\"1.0\" encoding='iso-8859-1'?><a/>", "not-xml-frag", NULL },
		{ "<!DOCTYPE a><a/>", "not-xml-frag", NULL },
		{ "</context><context>", "not-xml-frag", NULL },
		{ "<a/></context><context>", "not-xml-frag", NULL },
		{ "<a></b>", "not-xml-frag", NULL },
		{ "<a b='1' b='2'/>", "not-xml-frag", NULL },
		{ "<a b='<'/>", "not-xml-frag", NULL },
		{ "<a>&x;</a>", "not-xml-frag", NULL },
		{ "<a>\x01</a>", "not-xml-frag", NULL },
		{ "<x:a/>", "not-xml-frag", NULL },
		{ "<a x:b=''/>", "not-xml-frag", NULL },
		{ "<a xmlns:x=''/>", "not-xml-frag", NULL },
		{ "<a>\n\xD0</a>", "not-utf-8", "line 2, octet 4 of the body: 0xD0 is not UTF-8" },
		{ "\xFF\xFE<", "not-utf-8", "line 1, octet 0 of the body: 0xFF is not UTF-8" },
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_string_equal(put("<r/>", "r/a", NULL, cases[i].body), cases[i].conflict);
		if (cases[i].phrase)
			assert_true(span_equal_text(why.phrase, cases[i].phrase));
	}
}

TEST(a_broken_body_is_told_with_its_line_and_column)
{
	static const struct {
		const char *body, *starts;
	} cases[] = { { "<a b=c/>", "line 1, column 6" }, { "<a>\n <b></a>", "line 2, column 9" },
		{ "\n\n<a b=c/>", "line 3, column 6" } };
	for (size_t i = 0; i < COUNT(cases); i++) {
		put("<r xmlns:p='urn:p'/>", "r/a", NULL, cases[i].body);
		assert_true(span_starts(why.phrase, span_of(cases[i].starts)));
	}
}

TEST(a_body_deeper_than_the_limit_is_refused)
{
	struct buffer body = { .arena = arena };
	for (size_t i = 0; i < 65; i++)
		buffer_text(&body, "<a>");
	for (size_t i = 0; i < 65; i++)
		buffer_text(&body, "</a>");
	assert_string_equal(put("<r/>", "r/a", NULL, body.data), "not-xml-frag");
}

/* Else each PUT of the same file would leave more space behind. */
TEST(space_around_the_element_is_left_out)
{
	assert_string_equal(put("<r/>", "r/a", NULL, "\r\n <a/>\t\n"), "<r><a/></r>");
	assert_true(span_equal_text(result.component, "<a/>"));
	assert_string_equal(put("<r/>", "r/a", NULL, "\xEF\xBB\xBF<a/>\n"), "<r><a/></r>");
	assert_string_equal(put("<r><a/></r>", "r/a", NULL, " <a/> "), "<r><a/></r>");
}

TEST(a_missing_parent_is_told_with_its_closest_ancestor)
{
	static const struct {
		const char *document, *node, *ancestor;
	} cases[] = {
		{ "<r/>", "s/a", "" },
		{ "<r/>", "r/a/b", "r" },
		{ "<r/>", "r/a/@b", "r" },
		{ "<r><a b='&quot;'/></r>", "r/a[@b='%22']/c/d", "r/a%5B@b='%22'%5D" },
		{ "<r><a/><a/></r>", "r/a/b", "r" },
		{ "<r/>", "*[2]/a", "" },
		{ "<r><a/></r>", "r/*/b/@c", "r/*" },
		{ "<r/>", "s/@a", "" },
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_string_equal(
			put(cases[i].document, cases[i].node, NULL, "<a/>"), "no-parent");
		assert_non_null(why.ancestor.data);
		assert_true(span_equal_text(why.ancestor, cases[i].ancestor));
		assert_true(span_search(why.phrase, SPAN("Parent"), NULL));
	}
}

TEST(attributes_are_created_and_replaced)
{
	static const struct {
		const char *document, *node, *body, *wanted;
		bool created;
	} cases[] = {
		{ "<r/>", "r/@a", "1", "<r a=\"1\"/>", true },
		{ "<r></r>", "r/@a", "\"1\"", "<r a=\"1\"></r>", true },
		{ "<r />", "r/@a", "'1'", "<r a=\"1\" />", true },
		{ "<r b='2'\n>x</r>", "r/@a", "1", "<r b='2' a=\"1\"\n>x</r>", true },
		{ "<r b='>/' c = \"\" />", "r/@a", "1", "<r b='>/' c = \"\" a=\"1\" />", true },
		{ "<r  a = '0' b='2'/>", "r/@a", "1", "<r  a = '1' b='2'/>", false },
		{ "<r a=\"\"/>", "r/@a", "\"1\"", "<r a=\"1\"/>", false },
		{ "<r a=\"1\"/>", "r/@a", "", "<r a=\"\"/>", false },
		{ "<r a=\"1\"/>", "r/@a", "\"\"", "<r a=\"\"/>", false },
		/* the quotes that the octets need */
		{ "<r/>", "r/@a", "'say \"x\"'", "<r a='say \"x\"'/>", true },
		{ "<r/>", "r/@a", "it's", "<r a=\"it's\"/>", true },
		{ "<r a=''/>", "r/@a", "it's", "<r a=\"it's\"/>", false },
		{ "<r a=\"\"/>", "r/@a", "a \"b\"", "<r a='a \"b\"'/>", false },
		{ "<r a=\"\"/>", "r/@a", "it's \"b\"", "<r a=\"it's &quot;b&quot;\"/>", false },
		{ "<r a=''/>", "r/@a", "it's \"b\"", "<r a='it&apos;s \"b\"'/>", false },
		/* octets stay */
		{ "<r/>", "r/@a", "&amp;&#10;&#xD0B; > \xD0\x9F",
			"<r a=\"&amp;&#10;&#xD0B; > \xD0\x9F\"/>", true },
		{ "<r/>", "r/@a", " 1\t2 ", "<r a=\" 1\t2 \"/>", true },
		{ "<r/>", "r/@a", " \"1\"\n", "<r a=\"1\"/>", true },
		/* in a namespace: with a prefix that is bound to it there */
		{ "<r xmlns:o='urn:p'/>", "r/@p:a", "1", "<r xmlns:o='urn:p' o:a=\"1\"/>", true },
		{ "<r xmlns:o='urn:p'><s/></r>", "r/s/@p:a", "1",
			"<r xmlns:o='urn:p'><s o:a=\"1\"/></r>", true },
		{ "<r xmlns:o='urn:p' xmlns:p='urn:p'/>", "r/@p:a", "1",
			"<r xmlns:o='urn:p' xmlns:p='urn:p' p:a=\"1\"/>", true },
		{ "<r xmlns:o='urn:p' xmlns:p='urn:q'/>", "r/@p:a", "1",
			"<r xmlns:o='urn:p' xmlns:p='urn:q' o:a=\"1\"/>", true },
		{ "<r xmlns:o='urn:p' o:a='0' a='2'/>", "r/@p:a", "1",
			"<r xmlns:o='urn:p' o:a='1' a='2'/>", false },
		{ "<r xmlns:o='urn:p' a='2'/>", "r/@p:a", "1",
			"<r xmlns:o='urn:p' a='2' o:a=\"1\"/>", true },
		{ "<r xmlns='urn:p'/>", "p:r/@p:a", "1", "cannot-insert", true },
		{ "<r/>", "r/@p:a", "1", "cannot-insert", true },
		{ "<r xmlns:o='urn:p'><s xmlns:o='urn:q'/></r>", "r/s/@p:a", "1", "cannot-insert",
			true },
		{ "<r/>", "r/@xml:lang", "de", "<r xml:lang=\"de\"/>", true },
		{ "<r/>", "r/@n:a", "1", "<r a=\"1\"/>", true },
		/* a declaration is none */
		{ "<r/>", "r/@xmlns", "urn:x", "cannot-insert", true },
		{ "<r xmlns='urn:d'/>", "*/@xmlns", "urn:x", "cannot-insert", true },
		{ "<r/>", "r/@xmlns:a", "urn:x", "cannot-insert", true },
		/* what is put has to be what is then chosen */
		{ "<r a='1'/>", "r[@a='1']/@a", "2", "cannot-insert", false },
		{ "<r a='1'/>", "r[@a='1']/@a", "&#49;", "<r a='&#49;'/>", false },
		{ "<r a='1'/>", "r[@a='1']/@b", "2", "<r a='1' b=\"2\"/>", true },
		{ "<r><s a='1'/><s/></r>", "r/s[@a='1']/@b", "2", "<r><s a='1' b=\"2\"/><s/></r>",
			true },
		{ "<r><s a='1'/><s/></r>", "r/s[2]/@a", "1", "<r><s a='1'/><s a=\"1\"/></r>",
			true },
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *document = put(cases[i].document, cases[i].node, NULL, cases[i].body);
		assert_string_equal(document, cases[i].wanted);
		if (why.kind == CONFLICT_NONE)
			assert_int_equal(result.created, cases[i].created);
	}
}

TEST(a_body_that_is_no_attribute_value_is_refused)
{
	static const struct {
		const char *body, *conflict;
	} cases[] = {
		{ "<", "not-xml-att-value" },
		{ "a<b", "not-xml-att-value" },
		{ "\"a<b\"", "not-xml-att-value" },
		{ "a&b", "not-xml-att-value" },
		{ "&", "not-xml-att-value" },
		{ "&x;", "not-xml-att-value" },
		{ "&#0;", "not-xml-att-value" },
		{ "&#xFFFF;", "not-xml-att-value" },
		{ "\"a", "not-xml-att-value" },
		{ "\"", "not-xml-att-value" },
		{ "'a\"", "not-xml-att-value" },
		{ "\"a\"b\"", "not-xml-att-value" },
		{ "\"a\" b", "not-xml-att-value" },
		{ "a\x01", "not-xml-att-value" },
		{ "\xEF\xBF\xBE", "not-xml-att-value" },
		{ "a\xD0", "not-utf-8" },
		{ "\"\xC0\x80\"", "not-utf-8" },
	};
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_string_equal(put("<r/>", "r/@a", NULL, cases[i].body), cases[i].conflict);
}

TEST(a_deletion_leaves_the_space_around_it)
{
	static const char many[] = "<r> <a i='1'/> <!-- --> <b/>\n<a i='2'> x </a> </r>";
	static const struct {
		const char *document, *node, *wanted;
	} cases[] = {
		{ many, "r/a[@i='1']", "<r>  <!-- --> <b/>\n<a i='2'> x </a> </r>" },
		{ many, "r/a[2]", "<r> <a i='1'/> <!-- --> <b/>\n </r>" },
		{ many, "r/b", "<r> <a i='1'/> <!-- --> \n<a i='2'> x </a> </r>" },
		{ many, "r/*[3]", "<r> <a i='1'/> <!-- --> <b/>\n </r>" },
		{ many, "r/*[1][@i='1']", "<r>  <!-- --> <b/>\n<a i='2'> x </a> </r>" },
		{ many, "r/a", "absent" },
		{ many, "r/c", "absent" },
		{ many, "s", "absent" },
		{ many, "r/b/c", "absent" },
		{ many, "r/b/@c", "absent" },
		{ many, "r/a/@i", "absent" },
		{ many, "r/a[1]", "cannot-delete" },
		{ many, "r/*[1]", "cannot-delete" },
		{ many, "r/*[2]", "cannot-delete" },
		{ many, "r", "cannot-delete" },
		{ many, "*[1]", "cannot-delete" },
		{ "<r><a i='1'/><a i='1'/></r>", "r/a[1][@i='1']", "cannot-delete" },
		{ "<r><a/></r>", "r/a", "<r></r>" },
		/* attributes, with the space that parted them from what is before */
		{ "<r a='1'/>", "r/@a", "<r/>" },
		{ "<r\n a='1'\n  b='2' />", "r/@a", "<r\n  b='2' />" },
		{ "<r\n a='1'\n  b='2' />", "r/@b", "<r\n a='1' />" },
		{ "<r a='1'></r>", "r[@a='1']/@a", "<r></r>" },
		{ "<r xmlns:o='urn:p' o:a='1' a='2'/>", "r/@p:a", "<r xmlns:o='urn:p' a='2'/>" },
		{ "<r xmlns:o='urn:p' o:a='1' a='2'/>", "r/@a", "<r xmlns:o='urn:p' o:a='1'/>" },
		{ "<r xmlns='urn:d'/>", "*/@xmlns", "absent" },
	};
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_string_equal(taken(cases[i].document, cases[i].node, NULL), cases[i].wanted);
}

TEST(a_deletion_undoes_a_creation)
{
	static const struct {
		const char *document, *node, *body;
	} cases[] = { { "<r  a='1' >\n</r>", "r/@b", "2" }, { "<r />", "r/@b", "2" },
		{ "<r> <a/> </r>", "r/b", "<b/>" } };
	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *after = put(cases[i].document, cases[i].node, NULL, cases[i].body);
		assert_string_equal(taken(after, cases[i].node, NULL), cases[i].document);
	}
}

#define LISTS "urn:ietf:params:xml:ns:resource-lists"
#define BILL                                           \
	"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" \
	"<resource-lists xmlns=\"" LISTS "\">\n"       \
	"  <list name=\"friends\">\n"                  \
	"  "
#define BOB                                            \
	"<entry uri=\"sip:bob@example.com\">\n"        \
	"    <display-name>Bob Jones</display-name>\n" \
	"  </entry>"
#define CLOSE_HEAD                                        \
	"<list name=\"close-friends\">\n"                 \
	"   <entry uri=\"sip:joe@example.com\">\n"        \
	"     <display-name>Joe Smith</display-name>\n"   \
	"   </entry>\n"                                   \
	"   <entry uri=\"sip:nancy@example.com\">\n"      \
	"     <display-name>Nancy Gross</display-name>\n" \
	"   </entry>\n"                                   \
	"   "
#define PETRI                                             \
	"<entry uri=\"sip:petri@example.com\">\n"         \
	"     <display-name>Petri Aukia</display-name>\n" \
	"   </entry>"
#define CLOSE_TAIL "\n</list>"

TEST(the_examples_of_rfc_4825_13)
{
	const char *document = BILL "</list>\n</resource-lists>";
	document = put(document, "resource-lists/list%5b@name=%22friends%22%5d/entry", LISTS, BOB);
	assert_string_equal(document, BILL BOB "</list>\n</resource-lists>");
	document = put(document,
		"resource-lists/list%5b@name=%22friends%22%5d/list%5b@name=%22close-friends%22%5d",
		LISTS, CLOSE_HEAD PETRI CLOSE_TAIL);
	assert_string_equal(
		document, BILL BOB CLOSE_HEAD PETRI CLOSE_TAIL "</list>\n</resource-lists>");
	document = taken(document,
		"resource-lists/list/list/entry%5b@uri=%22sip:petri@example.com%22%5d", LISTS);
	assert_string_equal(document, BILL BOB CLOSE_HEAD CLOSE_TAIL "</list>\n</resource-lists>");
	struct found found;
	assert_true(selector_find(selector_of("resource-lists/list/list/entry%5b2%5d/@uri", LISTS),
		span_of(document), &found));
	assert_int_equal(found.count, 1);
	assert_true(
		span_equal_text(found_octets(&found, span_of(document)), "sip:nancy@example.com"));
}

TEST(the_examples_of_rfc_4825_7)
{
	static const char watchers[] = "<watcherinfo><watcher-list>\n<watcher id=\"8ajksjda7s\"/>\n"
				       "<watcher id=\"hh8\"/>\n</watcher-list></watcherinfo>";
	assert_string_equal(put(watchers, "watcherinfo/watcher-list/*[2][@id=\"hhggff\"]", NULL,
				    "<watcher id=\"hhggff\"/>"),
		"<watcherinfo><watcher-list>\n<watcher id=\"8ajksjda7s\"/><watcher "
		"id=\"hhggff\"/>\n<watcher id=\"hh8\"/>\n</watcher-list></watcherinfo>");
	static const char services[] =
		"<rls-services><service uri=\"sip:good-friends@example.com\"/>"
		"</rls-services>";
	assert_string_equal(
		put(services, "rls-services/service%5b@uri=%22sip:good-friends@example.com%22%5d",
			NULL, "<service uri=\"sip:mybuddies@example.com\"><packages/></service>"),
		"cannot-insert");
	assert_string_equal(put(services,
				    "rls-services/service%5b@uri=%22sip:good-friends@example.com%22"
				    "%5d/@uri",
				    NULL, "\"sip:bad-friends@example.com\""),
		"cannot-insert");
	/* by position it goes */
	assert_string_equal(put(services, "rls-services/service[1]/@uri", NULL,
				    "\"sip:bad-friends@example.com\""),
		"<rls-services><service uri=\"sip:bad-friends@example.com\"/></rls-services>");
}

TEST(an_edit_without_memory_says_so)
{
	static const struct {
		const char *document, *node, *body; /* NULL: delete */
	} cases[] = { { "<r xmlns:o='urn:p'/>", "r/a", "<o:x/>" }, { "<r/>", "r/a", "<a/>" },
		{ "<r xmlns:o='urn:p'/>", "r/@p:a", "\"it's &quot;\"" },
		{ "<r/>", "r/b/c", "<a/>" }, { "<r a=''/>", "r/@a", NULL } };
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct selector *selector = selector_of(cases[i].node, NULL);
		struct span document = span_of(cases[i].document), body = span_of(cases[i].body);
		size_t nth = 0, asked = 0;
		do {
			struct arena *small = arena_new(16);
			bool absent, done;
			why = (struct conflict){ .arena = small };
			arena_fail_at(++nth);
			done = cases[i].body ? edit_put(
				       small, selector, document, body, &limits, &result, &why)
					     : edit_delete(small, selector, document, &result, &why,
						     &absent);
			asked = arena_fail_at(0);
			assert_int_equal(done, done && result.document.data != NULL);
			arena_free(&small);
		} while (asked >= nth);
		assert_true(nth > 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_examples_of_rfc_4825_8_2_3),
		cmocka_unit_test(elements_go_where_8_2_3_says),
		cmocka_unit_test(a_replacement_stays_in_its_place),
		cmocka_unit_test(the_root_element_can_be_replaced),
		cmocka_unit_test(a_fragment_may_use_what_its_parents_declare),
		cmocka_unit_test(a_body_that_is_not_one_element_is_refused),
		cmocka_unit_test(a_broken_body_is_told_with_its_line_and_column),
		cmocka_unit_test(a_body_deeper_than_the_limit_is_refused),
		cmocka_unit_test(space_around_the_element_is_left_out),
		cmocka_unit_test(a_missing_parent_is_told_with_its_closest_ancestor),
		cmocka_unit_test(attributes_are_created_and_replaced),
		cmocka_unit_test(a_body_that_is_no_attribute_value_is_refused),
		cmocka_unit_test(a_deletion_leaves_the_space_around_it),
		cmocka_unit_test(a_deletion_undoes_a_creation),
		cmocka_unit_test(the_examples_of_rfc_4825_13),
		cmocka_unit_test(the_examples_of_rfc_4825_7),
		cmocka_unit_test(an_edit_without_memory_says_so),
	};
	return cmocka_run_group_tests(tests, begin, end);
}
