/* links: base xcap PkgConfig::LIBXML2 */
/* SPDX-License-Identifier: BSD-2-Clause */
#include "xcap/xml.h"

#include <libxml/tree.h>

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define BOM "\xEF\xBB\xBF"
#define OCTETS(literal)                         \
	{                                       \
		"" literal, sizeof(literal) - 1 \
	}

static const struct xml_limits limits = { .depth = 64, .attributes = 64, .size = 0 };

static struct conflict judge(struct arena *arena, struct span octets, const struct xml_limits *most)
{
	struct conflict why = { .arena = arena };
	struct xml_document *document = NULL;
	bool sound = xml_parse(&document, octets, most, &why);
	assert_int_equal(sound, document != NULL);
	assert_int_equal(sound, why.kind == CONFLICT_NONE);
	xml_free(&document);
	assert_null(document);
	return why;
}

static void check_sound(struct arena *arena, struct span octets)
{
	struct conflict why = judge(arena, octets, &limits);
	if (why.kind != CONFLICT_NONE)
		fail_msg("<%.*s>: %.*s", SPAN_ARG(octets), SPAN_ARG(why.phrase));
}

static void check_refused(
	struct arena *arena, struct span octets, enum conflict_kind kind, const char *phrase)
{
	struct conflict why = judge(arena, octets, &limits);
	if (why.kind != kind || !span_search(why.phrase, span_of(phrase), NULL))
		fail_msg("<%.*s>: %s %.*s", SPAN_ARG(octets),
			why.kind ? conflict_element(why.kind) : "none", SPAN_ARG(why.phrase));
}

static struct span repeated(
	struct arena *arena, const char *before, const char *part, size_t times, const char *after)
{
	struct buffer text = { .arena = arena };
	buffer_text(&text, before);
	for (size_t i = 0; i < times; i++)
		buffer_text(&text, part);
	buffer_text(&text, after);
	return buffer_span(&text);
}

static const struct span sound[] = {
	OCTETS("<a/>"),
	OCTETS(BOM "<a/>"),
	OCTETS("<?xml version=\"1.0\"?><a/>"),
	OCTETS("<?xml version='1.0' encoding='utf-8'?>\n<a/>\n"),
	OCTETS(BOM "<?xml version=\"1.0\" encoding=\"Utf-8\" standalone=\"yes\"?><a/>"),
	OCTETS("<?xml\tversion =\r\n\"1.0\"\n encoding\t= 'UTF-8' ?><a/>"),
	OCTETS("<a>J\xC3\xBCrgen &amp; &lt;&gt;&quot;&apos;&#xE9;&#233;</a>"),
	OCTETS("<!-- <!DOCTYPE a> --><a><![CDATA[<!DOCTYPE a>]]></a><?pi x?>"),
	OCTETS("<a><!-- encoding='x' --><b xml:lang='de' xml:space='preserve'/></a>"),
	OCTETS("<p:a xmlns:p='urn:x' p:b='1' b='1'/>"),
	OCTETS("<a xmlns='not a URI'/>"),
	OCTETS("<a xmlns='relative'/>"),
	OCTETS("<a xmlns='urn:x'><b xmlns=''/></a>"),
	OCTETS("<?xml-stylesheet encoding='latin1'?><a/>"),
	OCTETS("<a>\x7F</a>"),
	OCTETS("<a>\xEE\x80\x80\xF0\x9F\x98\x80</a>"),
};

static void well_formed_utf_8_passes(void **state)
{
	for (size_t i = 0; i < COUNT(sound); i++)
		check_sound(*state, sound[i]);
}

static const struct {
	struct span octets;
	const char *phrase;
} malformed[] = {
	{ OCTETS(""), "empty" },
	{ { NULL, 0 }, "empty" },
	{ OCTETS(BOM), "line 1" },
	{ OCTETS("  \n"), "line 2" },
	{ OCTETS("text"), "line 1, column 1: " },
	{ OCTETS("<a>"), "line 1, column 4: " },
	{ OCTETS("<list>\n\n<entry>\n</list>"),
		"line 4, column 8: Opening and ending tag mismatch: entry" },
	{ OCTETS("<a/><b/>"), "line 1, column 5: " },
	{ OCTETS("<a b='1' b='2'/>"), "b" },
	{ OCTETS("<a b=1/>"), "line 1, column 6: " },
	{ OCTETS("<a b='<'/>"), "<" },
	{ OCTETS("<a>&nbsp;</a>"), "nbsp" },
	{ OCTETS("<a>&</a>"), "line 1" },
	{ OCTETS("<a>]]></a>"), "line 1" },
	{ OCTETS("<a>\x01</a>"), "line 1" },
	{ OCTETS("<a>&#0;</a>"), "line 1" },
	{ OCTETS("<a>&#x1F;</a>"), "line 1" },
	{ OCTETS("<a>\n\0</a>"), "line 2, octet 4: a NUL" },
	{ OCTETS("<a/>\0"), "a NUL" },
	{ OCTETS("<a>\xEF\xBF\xBF</a>"), "line 1" },
	{ OCTETS(" <?xml version='1.0'?><a/>"), "line 1" },
	{ OCTETS("<?xml version='1.1'?><a/>"), "version is not 1.0" },
	{ OCTETS("<?xml version='2.0'?><a/>"), "version is not 1.0" },
	{ OCTETS("<?xml version='1.0' encoding='UTF-8' x='y'?><a/>"), "line 1" },
	{ OCTETS("<?xml encoding='UTF-8'?><a/>"), "line 1" },
	{ OCTETS("<p:a/>"), "p" },
	{ OCTETS("<a p:b=''/>"), "p" },
	{ OCTETS("<a xmlns:p='urn:x' xmlns:q='urn:x' p:b='1' q:b='2'/>"), "b" },
	{ OCTETS("<a xmlns:xml='urn:x'/>"), "xml" },
	{ OCTETS("<a:b:c xmlns:a='urn:x'/>"), "QName" },
	{ OCTETS("<!DOCTYPE a><a/>"), "a DOCTYPE is not taken" },
	{ OCTETS("<?xml version='1.0'?>\n<!DOCTYPE a SYSTEM 'http://127.0.0.1:1/x'><a/>"),
		"line 2: a DOCTYPE is not taken" },
	{ OCTETS("<!DOCTYPE a PUBLIC 'p' 'file:///etc/passwd' [<!ENTITY % x SYSTEM 'file:///x'>"
		 " %x;]><a/>"),
		"a DOCTYPE is not taken" },
	{ OCTETS("<!DOCTYPE a [<!ENTITY b 'x'><!ENTITY c '&b;&b;'>]><a>&c;</a>"),
		"a DOCTYPE is not taken" },
	{ OCTETS("<!DOCTYPE"), "line 1" },
};

static void what_is_not_well_formed_is_told_with_its_place(void **state)
{
	for (size_t i = 0; i < COUNT(malformed); i++)
		check_refused(
			*state, malformed[i].octets, CONFLICT_NOT_WELL_FORMED, malformed[i].phrase);
}

static const struct {
	struct span octets;
	const char *phrase;
} otherwise_encoded[] = {
	{ OCTETS("<a>\n<b>\nJ\xFCrgen</b></a>"), "line 3, octet 9: 0xFC is not UTF-8" },
	{ OCTETS("\xFC"), "line 1, octet 0: 0xFC is not UTF-8" },
	{ OCTETS("<a>\xC3"), "line 1, octet 3: 0xC3 is not UTF-8" },
	{ OCTETS("<?xml version='1.0' encoding='UTF-8'?><a b='\xE9'/>"),
		"octet 44: 0xE9 is not UTF-8" },
	{ OCTETS("<a>\xC0\x80</a>"), "0xC0" },
	{ OCTETS("<a>\xED\xA0\x80</a>"), "0xED" },
	{ OCTETS("<a>\xF4\x90\x80\x80</a>"), "0xF4" },
	{ OCTETS("<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><a>\xFC</a>"), "ISO-8859-1" },
	{ OCTETS("<?xml version='1.0' encoding='US-ASCII'?><a/>"), "US-ASCII" },
	{ OCTETS("<?xml version='1.0' encoding='UTF-16'?><a/>"), "UTF-16" },
	{ OCTETS("<?xml version='1.0' encoding=''?><a/>"), "encoding" },
	{ OCTETS("<?xml version='1.0' encoding='UTF-8 '?><a/>"), "encoding" },
	{ OCTETS(BOM "<?xml version='1.0'\n\tencoding = \"latin1\"?><a/>"), "latin1" },
	{ OCTETS("\xFF\xFE<\0a\0/\0>\0"), "UTF-16" },
	{ OCTETS("\xFE\xFF\0<\0a\0/\0>"), "UTF-16" },
	{ OCTETS("<\0a\0/\0>\0"), "UTF-16" },
	{ OCTETS("\0<\0a\0/\0>"), "UTF-16" },
	{ OCTETS("\xFF\xFE\0\0<\0\0\0"), "UTF-32" },
	{ OCTETS("\0\0\xFE\xFF\0\0\0<"), "UTF-32" },
	{ OCTETS("<\0\0\0a\0\0\0"), "UTF-32" },
	{ OCTETS("\0\0\0<\0\0\0a"), "UTF-32" },
	{ OCTETS("Lo\xA7\x94"), "EBCDIC" },
	{ OCTETS("+ADw-a/+AD4-\xFF"), "0xFF" },
};

static void what_is_not_utf_8_is_told_with_its_place(void **state)
{
	for (size_t i = 0; i < COUNT(otherwise_encoded); i++)
		check_refused(*state, otherwise_encoded[i].octets, CONFLICT_NOT_UTF_8,
			otherwise_encoded[i].phrase);
}

static void depth_is_limited(void **state)
{
	struct arena *arena = *state;
	struct xml_limits most = { .depth = 3, .attributes = 8 };
	assert_int_equal(judge(arena, SPAN("<a><b><c/><c/></b></a>"), &most).kind, CONFLICT_NONE);
	struct conflict why = judge(arena, SPAN("<a><b>\n<c><d/></c></b></a>"), &most);
	assert_int_equal(why.kind, CONFLICT_NOT_WELL_FORMED);
	assert_true(span_equal_text(why.phrase, "line 2: elements are nested too deep (limit 3)"));
}

static void no_depth_limit_is_beyond_that_of_libxml2(void **state)
{
	struct arena *arena = *state;
	struct xml_limits most = { .depth = 100000, .attributes = 8 };
	struct conflict why = judge(arena, repeated(arena, "", "<a>", 300, ""), &most);
	assert_true(span_search(why.phrase, SPAN("(limit 256)"), NULL));
}

static void attributes_are_limited(void **state)
{
	struct arena *arena = *state;
	struct xml_limits most = { .depth = 8, .attributes = 3 };
	static const char *const fine[] = {
		"<a b='' c='' d=''/>",
		"<a b='c=\"\" d=\"\" e=\"\" f=\"\"'/>",
		"<a b=''>c='' d='' e='' f='' g=''</a>",
		"<a><!-- b='' c='' d='' e='' f='' --><?b c='' d='' e='' f='' g=''?></a>",
		"<a b='' c='' xmlns:d='urn:d'/>",
	};
	static const char *const over[] = {
		"<a b='' c='' d='' e=''/>",
		"<a b='' c=\"\"\td='' xmlns='urn:x'/>",
		"<a b='>' c='>' d='>' e='>'/>",
		"<a xmlns:b='b' xmlns:c='c' xmlns:d='d' xmlns:e='e'/>",
		"<a xmlns:b='b' xmlns:c='c'><f xmlns:d='d' xmlns:e='e'/></a>",
	};
	for (size_t i = 0; i < COUNT(fine); i++)
		assert_int_equal(judge(arena, span_of(fine[i]), &most).kind, CONFLICT_NONE);
	for (size_t i = 0; i < COUNT(over); i++) {
		struct conflict why = judge(arena, span_of(over[i]), &most);
		assert_int_equal(why.kind, CONFLICT_NOT_WELL_FORMED);
		assert_true(span_search(why.phrase, SPAN("3"), NULL));
	}
}

static void size_is_limited(void **state)
{
	struct xml_limits most = { .depth = 8, .attributes = 8, .size = 4 };
	assert_int_equal(judge(*state, SPAN("<a/>"), &most).kind, CONFLICT_NONE);
	struct conflict why = judge(*state, SPAN("<ab/>"), &most);
	assert_int_equal(why.kind, CONFLICT_CONSTRAINT_FAILURE);
	assert_true(span_equal_text(why.phrase, "a document of 5 octets, the limit is 4"));
}

static double seconds(void)
{
	struct timespec now;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* A megabyte of each must not keep a thread busy: the seconds allow for sanitizers. */
static const struct {
	const char *before, *part, *after;
} attacks[] = {
	{ "", "<a>", "" },
	{ "<a ", "a='' ", "/>" },
	{ "<a ", "xmlns:a='a' ", "/>" },
	{ "<a", "='' ", "/>" },
	{ "<a>", "<a b='", "" },
	{ "<!DOCTYPE a [", "<!ENTITY a '&b;&b;'>", "]><a>&a;</a>" },
	{ "<a>", "&amp;", "</a>" },
	{ "<a b='", "&amp;", "'/>" },
	{ "<a>", "<b><c/></b>", "</a>" },
	{ "<?xml ", "version='1.0' ", "?><a/>" },
	{ "<a>", "<![CDATA[]]>", "</a>" },
	{ "<!--", "- ", "--><a/>" },
};

static void no_megabyte_is_slow(void **state)
{
	struct arena *arena = *state;
	for (size_t i = 0; i < COUNT(attacks); i++) {
		size_t times = (1 << 20) / strlen(attacks[i].part);
		struct span octets = repeated(
			arena, attacks[i].before, attacks[i].part, times, attacks[i].after);
		double before = seconds();
		judge(arena, octets, &limits);
		if (seconds() - before > 10)
			fail_msg("%s took %f s", attacks[i].part, seconds() - before);
	}
}

static void distinct_attributes_by_the_thousand_are_refused_at_once(void **state)
{
	struct arena *arena = *state;
	for (int namespaces = 0; namespaces < 2; namespaces++) {
		struct buffer text = { .arena = arena };
		buffer_text(&text, "<a");
		for (int n = 0; n < 80000; n++)
			buffer_format(&text, " %sa%d='a'", namespaces ? "xmlns:" : "", n);
		buffer_text(&text, "/>");
		double before = seconds();
		struct conflict why = judge(arena, buffer_span(&text), &limits);
		assert_int_equal(why.kind, CONFLICT_NOT_WELL_FORMED);
		assert_true(span_search(why.phrase, SPAN("more than 64 attributes"), NULL));
		assert_true(seconds() - before < 1);
	}
}

static void lines_are_counted_past_sixteen_bits(void **state)
{
	struct arena *arena = *state;
	struct span octets = repeated(arena, "<a>", "\n", 70000, "<b>x</b></a>");
	struct conflict why = { .arena = arena };
	struct xml_document *document;
	assert_true(xml_parse(&document, octets, &limits, &why));
	xmlNodePtr root = xmlDocGetRootElement(xml_tree(document));
	assert_int_equal(xmlGetLineNo(root), 1);
	assert_int_equal(xmlGetLineNo(xmlFirstElementChild(root)), 70001);
	xml_free(&document);
	check_refused(arena, repeated(arena, "<a>", "\n", 70000, "<b></a>"),
		CONFLICT_NOT_WELL_FORMED, "line 70001, ");
	check_refused(arena, repeated(arena, "<a>", "\n", 70000, "\xFC</a>"), CONFLICT_NOT_UTF_8,
		"line 70001, octet 70003: ");
}

static void a_phrase_is_short_and_whole(void **state)
{
	struct arena *arena = *state;
	struct span octets = repeated(arena, "<a><", "\xC3\xBC", 2000, "></a>");
	struct conflict why = judge(arena, octets, &limits);
	assert_int_equal(why.kind, CONFLICT_NOT_WELL_FORMED);
	assert_in_range(why.phrase.size, 100, 300);
	assert_true(utf8_valid(why.phrase, NULL));
	assert_false(span_find(why.phrase, '\n', NULL));
	why = judge(arena, repeated(arena, "<a><![CDATA[x", "\xC3\xBC", 40, "\n"), &limits);
	assert_true(utf8_valid(why.phrase, NULL));
	assert_false(span_find(why.phrase, '\n', NULL));
}

static void the_tree_is_that_of_the_document(void **state)
{
	struct conflict why = { .arena = *state };
	struct xml_document *document;
	assert_true(xml_parse(&document,
		SPAN("<l xmlns='urn:x'><e n='a&amp;b'>J\xC3\xBC<![CDATA[<]]>&lt;</e></l>"), &limits,
		&why));
	xmlNodePtr root = xmlDocGetRootElement(xml_tree(document));
	assert_string_equal(root->ns->href, "urn:x");
	xmlNodePtr entry = xmlFirstElementChild(root);
	xmlChar *name = xmlGetNoNsProp(entry, (const xmlChar *)"n");
	xmlChar *content = xmlNodeGetContent(entry);
	assert_string_equal(name, "a&b");
	assert_string_equal(content, "J\xC3\xBC<<");
	xmlFree(name);
	xmlFree(content);
	xml_free(&document);
}

static void freeing_nothing_is_fine(void **state)
{
	(void)state;
	struct xml_document *document = NULL;
	xml_free(&document);
}

static void *judge_often(void *argument)
{
	struct arena *arena = arena_new(4096);
	bool *fine = argument;
	*fine = arena != NULL;
	for (int i = 0; arena && i < 200; i++) {
		struct conflict good = judge(arena, SPAN("<a xmlns='urn:x'><b/></a>"), &limits);
		struct conflict bad = judge(arena, SPAN("<a>\n<b></a>"), &limits);
		*fine = *fine && good.kind == CONFLICT_NONE && bad.kind == CONFLICT_NOT_WELL_FORMED
			&& span_starts(bad.phrase, SPAN("line 2"));
	}
	arena_free(&arena);
	return NULL;
}

static void threads_judge_side_by_side(void **state)
{
	(void)state;
	pthread_t threads[4];
	bool fine[COUNT(threads)];
	for (size_t i = 0; i < COUNT(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, judge_often, &fine[i]), 0);
	for (size_t i = 0; i < COUNT(threads); i++) {
		pthread_join(threads[i], NULL);
		assert_true(fine[i]);
	}
}

/* libxml2 without memory at its nth request and from then on, in this thread. */
static _Thread_local size_t requests, fail_from;

static bool may_allocate(void)
{
	return !fail_from || ++requests < fail_from;
}

static void *tested_malloc(size_t size)
{
	return may_allocate() ? malloc(size) : NULL;
}

static void *tested_realloc(void *memory, size_t size)
{
	return may_allocate() ? realloc(memory, size) : NULL;
}

static char *tested_strdup(const char *text)
{
	return may_allocate() ? strdup(text) : NULL;
}

static void ignore(void *context, const char *message, ...)
{
	(void)context, (void)message;
}

static void without_memory_a_document_is_neither_good_nor_bad(void **state)
{
	struct arena *arena = *state;
	struct span octets = SPAN("<a xmlns='urn:x'><p:b xmlns:p='urn:y' c='&amp;'>text</p:b></a>");
	xmlSetGenericErrorFunc(NULL, ignore);
	bool done = false;
	for (size_t nth = 1; !done; nth++) {
		struct conflict why = { .arena = arena };
		struct xml_document *document;
		requests = 0;
		fail_from = nth;
		done = xml_parse(&document, octets, &limits, &why);
		fail_from = 0;
		assert_int_equal(why.kind, CONFLICT_NONE);
		assert_true(done || !document);
		assert_true(nth < 1000);
		done = done && requests < nth;
		xml_free(&document);
	}
}

static int set_up(void **state)
{
	if (xmlMemSetup(free, tested_malloc, tested_realloc, tested_strdup))
		return -1;
	xml_start();
	*state = arena_new(4096);
	return *state ? 0 : -1;
}

static int tear_down(void **state)
{
	struct arena *arena = *state;
	arena_free(&arena);
	xml_stop();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(well_formed_utf_8_passes),
		cmocka_unit_test(what_is_not_well_formed_is_told_with_its_place),
		cmocka_unit_test(what_is_not_utf_8_is_told_with_its_place),
		cmocka_unit_test(depth_is_limited),
		cmocka_unit_test(no_depth_limit_is_beyond_that_of_libxml2),
		cmocka_unit_test(attributes_are_limited),
		cmocka_unit_test(size_is_limited),
		cmocka_unit_test(no_megabyte_is_slow),
		cmocka_unit_test(distinct_attributes_by_the_thousand_are_refused_at_once),
		cmocka_unit_test(lines_are_counted_past_sixteen_bits),
		cmocka_unit_test(a_phrase_is_short_and_whole),
		cmocka_unit_test(the_tree_is_that_of_the_document),
		cmocka_unit_test(freeing_nothing_is_fine),
		cmocka_unit_test(threads_judge_side_by_side),
		cmocka_unit_test(without_memory_a_document_is_neither_good_nor_bad),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
