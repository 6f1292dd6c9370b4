/* links: base xcap */
/* SPDX-License-Identifier: BSD-2-Clause */
#include "xcap/scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define TEST(name) static void name(void **state __attribute__((unused)))
#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* Writes what a scan tells as "<a <b/ >b" and so on. */
static const char *told(const char *document, char *out)
{
	struct scan scan = { .document = span_of(document) };
	struct tag tag;
	enum scan_event event;
	char *to = out;
	while ((event = scan_next(&scan, &tag)) == SCAN_OPEN || event == SCAN_CLOSE)
		to += sprintf(to, "%s%.*s%s ", event == SCAN_OPEN ? "<" : ">", SPAN_ARG(tag.name),
			tag.empty ? "/" : "");
	sprintf(to, "%s", event == SCAN_END ? "." : "!");
	return out;
}

TEST(tags_are_told_in_document_order)
{
	static const struct {
		const char *document, *told;
	} cases[] = {
		{ "<a/>", "<a/ ." },
		{ "<a></a>", "<a >a ." },
		{ "<a ></a >", "<a >a ." },
		{ "\xEF\xBB\xBF<?xml version=\"1.0\"?>\r\n<a>x<b/>y</a>\n", "<a <b/ >a ." },
		{ "<!-- <x> --><a><!--><y>--><b/><!----></a>", "<a <b/ >a ." },
		{ "<a><![CDATA[<x></a>]]]]><![CDATA[>]]></a>", "<a >a ." },
		{ "<a><?go <x> ?></a><?end?>", "<a >a ." },
		{ "<a b='<>/>' c=\"'>'\"  d = '\"'\n/>", "<a/ ." },
		{ "<p:a p:b='1'><p:a/></p:a>", "<p:a <p:a/ >p:a ." },
		{ "<\xD0\xB0 \xD0\xB1='\xF0\x9F\x98\x80'/>", "<\xD0\xB0/ ." },
		{ "<a>]]&gt;</a>", "<a >a ." },
		{ "", "." },
		{ "text", "." },
	};
	char out[256];
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_string_equal(told(cases[i].document, out), cases[i].told);
}

TEST(what_cannot_be_a_document_is_broken)
{
	static const char *const cases[] = { "<", "<a", "<a b", "<a b=", "<a b='", "<a b=''", "<a/",
		"</", "</a", "<>", "</>", "< a>", "<!DOCTYPE a><a/>", "<!-- ", "<!-->", "<![CDATA[",
		"<?x", "<?", "<!", "<a <b/>>", "<a b=c/>", "<a ='x'/>" };
	char out[256];
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_non_null(strchr(told(cases[i], out), '!'));
}

TEST(tags_know_their_octets)
{
	struct span document = SPAN("<a>  <b c='1' > x </b></a>");
	struct scan scan = { .document = document };
	struct tag tag;
	size_t close, end;
	assert_int_equal(scan_next(&scan, &tag), SCAN_OPEN);
	assert_int_equal(scan_next(&scan, &tag), SCAN_OPEN);
	assert_int_equal(tag.start, 5);
	assert_int_equal(tag.end, 15);
	assert_true(scan_element_end(document, &tag, &end));
	assert_int_equal(end, 22);
	assert_true(scan_skip(&scan, &close));
	assert_int_equal(close, 18);
	assert_int_equal(scan.at, 22);
}

TEST(a_skip_passes_everything_inside)
{
	static const char *const whole[] = { "</a>", "<b/></a>", "<b></b></a>", "<b><b/></b>x</a >",
		"<!--</a>--></a>", "<![CDATA[</a>]]></a>", "<?x </a>?></a>",
		"<b c='</a>' d=\"/>\"></b></a>", "<b c=\"'\"/><b c='\"'></b></a>" };
	static const char *const cut[] = { "", "<b>", "<b></b>", "</a", "<b c='", "<b <", "<!--",
		"<", "<b/", "<!DOCTYPE a></a>" };
	for (size_t i = 0; i < COUNT(whole); i++) {
		struct scan scan = { .document = span_of(whole[i]) };
		assert_true(scan_skip(&scan, NULL));
		assert_int_equal(scan.at, strlen(whole[i]));
	}
	for (size_t i = 0; i < COUNT(cut); i++) {
		struct scan scan = { .document = span_of(cut[i]) };
		assert_false(scan_skip(&scan, NULL));
	}
}

TEST(attributes_are_read_one_after_the_other)
{
	struct span document = SPAN("<a  b = '1'\tp:c=\"'2>\"\r\nxmlns='u' xmlns:q=\"v\" d=''/>");
	static const struct {
		const char *name, *value, *whole;
	} wanted[] = { { "b", "1", "b = '1'" }, { "p:c", "'2>", "p:c=\"'2>\"" },
		{ "xmlns", "u", "xmlns='u'" }, { "xmlns:q", "v", "xmlns:q=\"v\"" },
		{ "d", "", "d=''" } };
	struct scan scan = { .document = document };
	struct tag tag;
	struct attribute attribute;
	size_t at = 0;
	assert_int_equal(scan_next(&scan, &tag), SCAN_OPEN);
	assert_true(tag.declares);
	for (size_t i = 0; i < COUNT(wanted); i++) {
		assert_true(scan_attribute(document, &tag, &at, &attribute));
		assert_true(span_equal_text(attribute.name, wanted[i].name));
		assert_true(span_equal_text(attribute.value, wanted[i].value));
		assert_true(span_equal_text(span_first(span_from(document, attribute.start),
						    attribute.end - attribute.start),
			wanted[i].whole));
	}
	assert_false(scan_attribute(document, &tag, &at, &attribute));
}

TEST(a_tag_tells_of_the_watched_attribute)
{
	static const struct {
		const char *document, *value; /* NULL: there is none */
	} cases[] = { { "<a i='1'/>", "1" }, { "<a j='1'/>", NULL }, { "<a/>", NULL },
		{ "<a ii='1' p:i='2' i='3'/>", "2" }, { "<a xi='1'/>", NULL },
		{ "<a i:x='1' i=''/>", "" }, { "<i/>", NULL } };
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct scan scan = { .document = span_of(cases[i].document), .watch = SPAN("i") };
		struct tag tag;
		assert_int_equal(scan_next(&scan, &tag), SCAN_OPEN);
		assert_int_equal(tag.watched.end != 0, cases[i].value != NULL);
		if (cases[i].value)
			assert_true(span_equal_text(tag.watched.value, cases[i].value));
	}
}

TEST(only_xmlns_declares_namespaces)
{
	static const struct {
		const char *name, *prefix; /* NULL: it does not */
	} cases[] = { { "xmlns", "" }, { "xmlns:a", "a" }, { "xmlnsa", NULL }, { "xml:ns", NULL },
		{ "a:xmlns", NULL }, { "XMLNS", NULL } };
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct attribute attribute = { .name = span_of(cases[i].name) };
		struct span prefix;
		assert_int_equal(attribute_declares(&attribute, &prefix), cases[i].prefix != NULL);
		if (cases[i].prefix)
			assert_true(span_equal_text(prefix, cases[i].prefix));
	}
}

TEST(the_innermost_declaration_is_in_scope)
{
	struct span document = SPAN("<a xmlns='u' xmlns:p='1' xmlns:q='2'>"
				    "<b xmlns:p='3'><c xmlns=''/></b></a>");
	static const struct {
		size_t depth;
		const char *prefix, *means; /* NULL: not bound */
	} cases[] = { { 1, "", "u" }, { 1, "p", "1" }, { 2, "p", "3" }, { 3, "p", "3" },
		{ 3, "q", "2" }, { 2, "", "u" }, { 3, "", "" }, { 3, "r", NULL }, { 0, "", "" },
		{ 0, "p", NULL }, { 3, "xml", XML_NAMESPACE }, { 0, "xml", XML_NAMESPACE } };
	struct scan scan = { .document = document };
	struct tag tags[3];
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(scan_next(&scan, &tags[i]), SCAN_OPEN);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct span means;
		assert_int_equal(scope_find(document, tags, cases[i].depth,
					 span_of(cases[i].prefix), &means),
			cases[i].means != NULL);
		if (cases[i].means)
			assert_true(span_equal_text(means, cases[i].means));
	}
}

/* XML 1.0 §3.3.3 */
TEST(values_compare_as_they_are_normalised)
{
	static const struct {
		const char *stored, *means; /* NULL: no legal value */
	} cases[] = { { "", "" }, { "abc", "abc" }, { "a&amp;b", "a&b" },
		{ "&lt;&gt;&quot;&apos;", "<>\"'" }, { "&#65;&#x42;&#x43;", "ABC" },
		{ "a\tb\nc\rd\r\ne", "a b c d e" }, { "a\r\r\n\nb", "a   b" },
		{ "a&#9;&#10;&#13;b", "a\t\n\rb" }, { "&#xD0B;", "\xE0\xB4\x8B" },
		{ "&#1087;", "\xD0\xBF" }, { "&#x1F600;", "\xF0\x9F\x98\x80" },
		{ "\xD0\xBF", "\xD0\xBF" }, { "&amp;amp;", "&amp;" }, { "&#38;amp;", "&amp;" },
		{ "  a  ", "  a  " }, { "&", NULL }, { "a & b", NULL }, { "&x;", NULL },
		{ "&amp", NULL }, { "&;", NULL }, { "&#;", NULL }, { "&#x;", NULL },
		{ "&#0;", NULL }, { "&#xD800;", NULL }, { "&#xFFFE;", NULL },
		{ "&#x110000;", NULL }, { "&#99999999999999999999;", NULL }, { "&#1;", NULL },
		{ "&#1a;", NULL }, { "&AMP;", NULL }, { "a<b", NULL }, { "\x01", NULL },
		{ "\xEF\xBF\xBE", NULL } };
	struct arena *arena = arena_new(4096);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct span stored = span_of(cases[i].stored), means = span_of(cases[i].means), out;
		bool legal = means.data != NULL;
		assert_int_equal(value_legal(stored, NULL), legal);
		assert_int_equal(value_decode(arena, stored, &out), legal);
		assert_int_equal(value_equal(stored, means), legal);
		if (!legal)
			continue;
		assert_true(span_equal(out, means));
		assert_false(value_equal(stored, span_of("something else")));
		char longer[64], shorter[64];
		snprintf(longer, sizeof(longer), "%sx", cases[i].means);
		assert_false(value_equal(stored, span_of(longer)));
		snprintf(shorter, sizeof(shorter), "%s", cases[i].means);
		if (means.size)
			assert_false(value_equal(stored, (struct span){ shorter, means.size - 1 }));
	}
	arena_free(&arena);
}

/* One octet among many that mean themselves, wherever it stands. */
TEST(values_are_read_alike_wherever_their_octets_stand)
{
	struct arena *arena = arena_new(4096);
	for (unsigned octet = 1; octet < 0x80; octet++) {
		char c = (char)octet, meant = strchr("\t\n\r", c) ? ' ' : c;
		bool legal = (c >= ' ' || meant == ' ') && c != '&' && c != '<';
		for (size_t at = 0; at < 20; at++) {
			char text[] = "abcdefghijklmnopqrst", wanted[] = "abcdefghijklmnopqrst";
			struct span stored = { text, 20 }, means = { wanted, 20 }, out;
			size_t bad = 99;
			text[at] = c;
			wanted[at] = meant;
			arena_reset(arena);
			assert_int_equal(value_legal(stored, &bad), legal);
			assert_int_equal(bad, legal ? 99 : at);
			assert_int_equal(value_decode(arena, stored, &out), legal);
			assert_int_equal(value_equal(stored, means), legal);
			assert_int_equal(xml_characters(stored), c >= ' ' || meant == ' ');
			assert_true(!legal || span_equal(out, means));
			for (size_t other = 0; other < 20; other++) {
				wanted[other] ^= 1;
				assert_false(value_equal(stored, means));
				wanted[other] ^= 1;
			}
		}
	}
	arena_free(&arena);
}

TEST(names_are_those_of_xml)
{
	static const struct {
		const char *text;
		size_t size;
	} cases[] = { { "abc", 3 }, { "a-b.c_d1", 8 }, { "_x", 2 }, { "a:b", 1 }, { "1a", 0 },
		{ "-a", 0 }, { "", 0 }, { ".a", 0 }, { "a b", 1 }, { "\xD0\xB0\xD0\xB1[", 4 },
		{ "\xC2\xB7", 0 }, { "a\xC2\xB7", 3 }, { "a\xC3\x97", 1 },
		{ "\xF0\x9F\x98\x80", 4 }, { "a\xF0\x9F", 1 }, { "*", 0 }, { "@a", 0 } };
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(ncname_size(span_of(cases[i].text)), cases[i].size);
}

TEST(decoding_without_memory_gives_nothing)
{
	struct arena *arena = arena_new(64);
	struct span out,
		stored = SPAN("0123456789012345678901234567890123456789012345678901234567890"
			      "0123456789012345678901234567890123456789");
	arena_fail_at(1);
	assert_false(value_decode(arena, stored, &out));
	arena_fail_at(0);
	assert_null(out.data);
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tags_are_told_in_document_order),
		cmocka_unit_test(what_cannot_be_a_document_is_broken),
		cmocka_unit_test(tags_know_their_octets),
		cmocka_unit_test(a_skip_passes_everything_inside),
		cmocka_unit_test(attributes_are_read_one_after_the_other),
		cmocka_unit_test(a_tag_tells_of_the_watched_attribute),
		cmocka_unit_test(only_xmlns_declares_namespaces),
		cmocka_unit_test(the_innermost_declaration_is_in_scope),
		cmocka_unit_test(values_compare_as_they_are_normalised),
		cmocka_unit_test(values_are_read_alike_wherever_their_octets_stand),
		cmocka_unit_test(names_are_those_of_xml),
		cmocka_unit_test(decoding_without_memory_gives_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
