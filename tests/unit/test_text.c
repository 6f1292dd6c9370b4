/* links: base */
/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NONE ((struct span){ NULL, 0 })

static void assert_span(struct span got, const char *wanted)
{
	if (!wanted) {
		assert_null(got.data);
		return;
	}
	assert_non_null(got.data);
	if (!span_equal_text(got, wanted))
		fail_msg("got \"%.*s\", wanted \"%s\"", SPAN_ARG(got), wanted);
}

static void parts_of_text_never_leave_it(void **state)
{
	struct span text = SPAN("abc");
	(void)state;
	assert_span(span_from(text, 1), "bc");
	assert_span(span_from(text, 3), "");
	assert_span(span_from(text, 99), "");
	assert_span(span_first(text, 2), "ab");
	assert_span(span_first(text, 99), "abc");
	assert_span(span_from(NONE, 5), NULL);
	assert_span(span_of(NULL), NULL);
	assert_span(span_trim(SPAN(" \t\r\na b\n ")), "a b");
	assert_span(span_trim(SPAN(" \t ")), "");
	assert_span(span_trim(NONE), NULL);
}

static char small(unsigned octet)
{
	return (char)(octet >= 'A' && octet <= 'Z' ? octet + 0x20 : octet);
}

static void only_ascii_letters_have_two_forms_wherever_they_stand(void **state)
{
	(void)state;
	for (unsigned a = 0; a < 256; a++) {
		for (unsigned b = 0; b < 256; b++) {
			char one[] = "Contents-Of", other[] = "cONTENTS-oF";
			size_t place = b % (sizeof(one) - 1);
			one[place] = (char)a;
			other[place] = (char)b;
			assert_int_equal(span_equal_nocase((struct span){ one, sizeof(one) - 1 },
						 (struct span){ other, sizeof(other) - 1 }),
				small(a) == small(b));
		}
	}
	assert_true(span_starts_nocase(SPAN("Content-Type"), SPAN("content-")));
	assert_false(span_starts_nocase(SPAN("Content"), SPAN("content-")));
	assert_true(span_starts_nocase(NONE, SPAN("")));
}

static void texts_compare_by_octets(void **state)
{
	static const struct {
		const char *a, *b;
		int order;
		bool nocase;
	} cases[] = {
		{ "", "", 0, true },
		{ "a", "", 1, false },
		{ "ab", "abc", -1, false },
		{ "abd", "abc", 1, false },
		{ "A", "a", -1, true },
		{ "[", "{", -1, false },
		{ "\xC3\x84", "\xC3\xA4", -1, false },
		{ "z", "\xFF", -1, false },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct span a = span_of(cases[i].a), b = span_of(cases[i].b);
		int order = span_compare(a, b);
		assert_int_equal((order > 0) - (order < 0), cases[i].order);
		assert_int_equal(span_equal(a, b), !cases[i].order);
		assert_int_equal(span_equal_constant_time(a, b), !cases[i].order);
		assert_int_equal(span_equal_nocase(a, b), cases[i].nocase);
	}
	assert_true(span_equal(NONE, SPAN("")));
}

static void beginnings_and_ends_are_found(void **state)
{
	(void)state;
	assert_true(span_starts(SPAN("abc"), SPAN("ab")));
	assert_true(span_starts(SPAN("abc"), SPAN("")));
	assert_false(span_starts(SPAN("ab"), SPAN("abc")));
	assert_true(span_ends(SPAN("abc"), SPAN("bc")));
	assert_false(span_ends(SPAN("c"), SPAN("bc")));
}

static void text_is_found_at_its_first_place(void **state)
{
	size_t at = 99;
	(void)state;
	assert_true(span_find(SPAN("a/b/c"), '/', &at));
	assert_int_equal(at, 1);
	assert_false(span_find(SPAN("abc"), '/', &at));
	assert_false(span_find(NONE, '/', NULL));
	assert_true(span_search(SPAN("a~~b~~"), SPAN("~~"), &at));
	assert_int_equal(at, 1);
	assert_true(span_search(SPAN("abc"), SPAN(""), &at));
	assert_int_equal(at, 0);
	assert_true(span_search(NONE, SPAN(""), NULL));
	assert_false(span_search(SPAN("ab"), SPAN("abc"), &at));
	assert_false(span_search(NONE, SPAN("a"), &at));
}

static void cutting_gives_every_part_once(void **state)
{
	static const struct {
		const char *text, *parts[4];
	} cases[] = {
		{ "", { "" } },
		{ "a", { "a" } },
		{ "a,b", { "a", "b" } },
		{ ",", { "", "" } },
		{ "a,,b", { "a", "", "b" } },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct span rest = span_of(cases[i].text);
		size_t count = 0;
		while (rest.data)
			assert_span(span_cut(&rest, ','), cases[i].parts[count++]);
		assert_null(cases[i].parts[count]);
	}
}

static void percent_decoding_happens_once(void **state)
{
	static const struct {
		const char *from, *to; /* to NULL: refused */
	} cases[] = {
		{ "", "" },
		{ "abc", "abc" },
		{ "%41", "A" },
		{ "%2541", "%41" },
		{ "a%c3%A4b", "a\xC3\xA4"
			      "b" },
		{ "+", "+" },
		{ "%7E%7e", "~~" },
		{ "%", NULL },
		{ "%4", NULL },
		{ "a%", NULL },
		{ "%4g", NULL },
		{ "%g4", NULL },
		{ "%%41", NULL },
		{ "% 1", NULL },
	};
	struct arena *arena = arena_new(1024);
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct span out;
		assert_int_equal(
			percent_decode(arena, span_of(cases[i].from), &out), cases[i].to != NULL);
		assert_span(out, cases[i].to);
	}
	struct span nul;
	assert_true(percent_decode(arena, SPAN("a%00b"), &nul));
	assert_true(span_equal(nul, SPAN("a\0b")));
	assert_true(percent_decode(arena, span_first(SPAN("%41%42"), 3), &nul));
	assert_span(nul, "A");
	assert_false(percent_decode(arena, span_first(SPAN("%41"), 2), &nul));
	arena_free(&arena);
}

static void percent_encoding_is_undone_by_decoding(void **state)
{
	struct arena *arena = arena_new(4096);
	char all[256];
	struct span back;
	(void)state;
	for (size_t i = 0; i < 256; i++)
		all[i] = (char)i;
	struct span encoded = percent_encode(arena, (struct span){ all, 256 }, NULL);
	assert_int_equal(encoded.size, 66 + 190 * 3); /* 66 are unreserved */
	assert_true(percent_decode(arena, encoded, &back));
	assert_true(span_equal(back, (struct span){ all, 256 }));
	assert_span(percent_encode(arena, SPAN("sip:a@b/c d\0"), ":@"), "sip:a@b%2Fc%20d%00");
	assert_span(percent_encode(arena, SPAN("\xC3\xA4"), NULL), "%C3%A4");
	arena_free(&arena);
}

/* RFC 3629 §4 */
static void only_well_formed_utf8_is_valid(void **state)
{
	const struct {
		struct span text;
		int bad; /* -1: good */
	} cases[] = {
		{ SPAN(""), -1 },
		{ SPAN("plain ASCII, longer than eight"), -1 },
		{ SPAN("\x7F\xC2\x80\xDF\xBF"), -1 },
		{ SPAN("\xE0\xA0\x80\xEC\xBF\xBF\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBF"), -1 },
		{ SPAN("\xF0\x90\x80\x80\xF4\x8F\xBF\xBF"), -1 },
		{ SPAN("12345678\x80"), 8 },
		{ SPAN("1234567\xC3\xA4\xE4xxxxxxxxx"), 9 },
		{ SPAN("\xC0\x80"), 0 },
		{ SPAN("\xC1\xBF"), 0 },
		{ SPAN("\xE0\x9F\xBF"), 0 },
		{ SPAN("\xF0\x8F\xBF\xBF"), 0 },
		{ SPAN("\xED\xA0\x80"), 0 },
		{ SPAN("\xED\xBF\xBF"), 0 },
		{ SPAN("\xF4\x90\x80\x80"), 0 },
		{ SPAN("\xF5\x80\x80\x80"), 0 },
		{ SPAN("\xFE"), 0 },
		{ SPAN("a\xC3"), 1 },
		{ SPAN("a\xE2\x82"), 1 },
		{ SPAN("a\xF0\x9F\x98"), 1 },
		{ SPAN("a\xC3(("), 1 },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		size_t bad = 99;
		assert_int_equal(utf8_valid(cases[i].text, &bad), cases[i].bad < 0);
		if (cases[i].bad >= 0)
			assert_int_equal(bad, cases[i].bad);
	}
	assert_true(utf8_valid(NONE, NULL));
}

static void hex_goes_both_ways(void **state)
{
	static const uint8_t octets[] = { 0x00, 0x7F, 0x80, 0xFF, 0xAB };
	char text[11] = { 0 };
	uint8_t back[5];
	(void)state;
	hex_encode(octets, 5, text);
	assert_string_equal(text, "007f80ffab");
	assert_true(hex_decode(SPAN("007F80ffAB"), back, 5));
	assert_memory_equal(back, octets, 5);
	assert_false(hex_decode(SPAN("007f80ffa"), back, 5));
	assert_false(hex_decode(SPAN("007f80ffab0"), back, 5));
	assert_false(hex_decode(SPAN("007f80ffag"), back, 5));
	for (int c = 0; c < 256; c++) {
		bool digit = c && strchr("0123456789abcdefABCDEF", c);
		const char texts[2][2] = { { (char)c, '0' }, { '0', (char)c } };
		for (size_t i = 0; i < 2; i++)
			assert_int_equal(hex_decode((struct span){ texts[i], 2 }, back, 1), digit);
	}
}

static void numbers_are_taken_whole_or_not_at_all(void **state)
{
	enum { NUMBER, SIZE, DURATION };
	static const struct {
		int kind;
		const char *text;
		bool good;
		uint64_t value;
	} cases[] = {
		{ NUMBER, "0", true, 0 },
		{ NUMBER, "18446744073709551615", true, UINT64_MAX },
		{ NUMBER, "18446744073709551616", false, 0 },
		{ NUMBER, "184467440737095516150", false, 0 },
		{ NUMBER, "", false, 0 },
		{ NUMBER, "-1", false, 0 },
		{ NUMBER, "+1", false, 0 },
		{ NUMBER, " 1", false, 0 },
		{ NUMBER, "1 ", false, 0 },
		{ NUMBER, "0x1", false, 0 },
		{ SIZE, "4096", true, 4096 },
		{ SIZE, "64K", true, 65536 },
		{ SIZE, "1M", true, 1048576 },
		{ SIZE, "64G", true, UINT64_C(68719476736) },
		{ SIZE, "K", false, 0 },
		{ SIZE, "1k", false, 0 },
		{ SIZE, "1KK", false, 0 },
		{ SIZE, "18446744073709551615G", false, 0 },
		{ DURATION, "250ms", true, 250 },
		{ DURATION, "30s", true, 30000 },
		{ DURATION, "5m", true, 300000 },
		{ DURATION, "2h", true, 7200000 },
		{ DURATION, "7d", true, 604800000 },
		{ DURATION, "0s", true, 0 },
		{ DURATION, "30", false, 0 },
		{ DURATION, "ms", false, 0 },
		{ DURATION, "1.5s", false, 0 },
		{ DURATION, "18446744073709551615d", false, 0 },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct span text = span_of(cases[i].text);
		uint64_t value = 0;
		bool good = cases[i].kind == NUMBER ? parse_u64(text, &value)
			    : cases[i].kind == SIZE ? parse_size(text, &value)
						    : parse_duration(text, &value);
		if (good != cases[i].good)
			fail_msg("\"%s\"", cases[i].text);
		if (good)
			assert_int_equal(value, cases[i].value);
	}
}

static void a_buffer_grows_and_stays_terminated(void **state)
{
	struct arena *arena = arena_new(64);
	struct buffer text = { .arena = arena };
	(void)state;
	assert_span(buffer_span(&text), "");
	buffer_append(&text, NONE);
	assert_string_equal(text.data, "");
	for (int i = 0; i < 1000; i++) {
		buffer_text(&text, "ab");
		buffer_octet(&text, 'c');
		buffer_format(&text, "%03d", i);
		assert_int_equal(text.size, 6 * (i + 1));
		assert_int_equal(text.data[text.size], 0);
	}
	assert_memory_equal(text.data + 5994, "abc999", 7);
	buffer_append(&text, buffer_span(&text));
	assert_int_equal(text.size, 12000);
	assert_memory_equal(text.data + 6000, "abc000", 6);
	buffer_format(&text, "%s", "");
	buffer_format(&text, "%05000d", 1);
	assert_int_equal(text.size, 17000);
	arena_free(&arena);
}

static void xml_text_cannot_become_markup(void **state)
{
	const struct {
		struct span from;
		const char *to;
	} cases[] = {
		{ SPAN(""), "" },
		{ SPAN("a<b>&\"'c"), "a&lt;b&gt;&amp;&quot;'c" },
		{ SPAN("]]>"), "]]&gt;" },
		{ SPAN("\t\r\n "), "&#9;&#13;&#10; " },
		{ SPAN("a\0b\x01\x1F"), "a\xEF\xBF\xBD"
					"b\xEF\xBF\xBD\xEF\xBF\xBD" },
		{ SPAN("\xC3\xA4\xF0\x9F\x98\x80"), "\xC3\xA4\xF0\x9F\x98\x80" },
		{ SPAN("x\xE4y"), "x\xEF\xBF\xBDy" },
		{ SPAN("\xED\xA0\x80"), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD" },
		{ SPAN("\xEF\xBF\xBE\xEF\xBF\xBF"), "\xEF\xBF\xBD\xEF\xBF\xBD" },
		{ SPAN("\xEF\xBF\xBC"), "\xEF\xBF\xBC" },
		{ SPAN("end\xC3"), "end\xEF\xBF\xBD" },
	};
	struct arena *arena = arena_new(1024);
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct buffer text = { .arena = arena };
		buffer_xml(&text, cases[i].from);
		assert_span(buffer_span(&text), cases[i].to);
	}
	arena_free(&arena);
}

static void a_failed_buffer_gives_nothing_and_does_no_harm(void **state)
{
	(void)state;
	for (size_t nth = 2;; nth++) {
		arena_fail_at(nth);
		struct arena *arena = arena_new(16);
		struct buffer text = { .arena = arena };
		struct span decoded, encoded;
		for (int i = 0; i < 50; i++) {
			buffer_text(&text, "some text of a line");
			buffer_format(&text, "%050d", i);
			buffer_xml(&text, SPAN("<&>"));
		}
		bool good = percent_decode(arena, buffer_span(&text), &decoded);
		encoded = percent_encode(arena, SPAN("a b c d e f g h i j k l"), NULL);
		bool failed = arena_fail_at(0) >= nth;
		assert_true(failed == (text.failed || !good || !encoded.data));
		assert_true(text.failed == !buffer_span(&text).data);
		assert_true(good == (decoded.data != NULL));
		arena_free(&arena);
		if (!failed)
			break;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts_of_text_never_leave_it),
		cmocka_unit_test(only_ascii_letters_have_two_forms_wherever_they_stand),
		cmocka_unit_test(texts_compare_by_octets),
		cmocka_unit_test(beginnings_and_ends_are_found),
		cmocka_unit_test(text_is_found_at_its_first_place),
		cmocka_unit_test(cutting_gives_every_part_once),
		cmocka_unit_test(percent_decoding_happens_once),
		cmocka_unit_test(percent_encoding_is_undone_by_decoding),
		cmocka_unit_test(only_well_formed_utf8_is_valid),
		cmocka_unit_test(hex_goes_both_ways),
		cmocka_unit_test(numbers_are_taken_whole_or_not_at_all),
		cmocka_unit_test(a_buffer_grows_and_stays_terminated),
		cmocka_unit_test(xml_text_cannot_become_markup),
		cmocka_unit_test(a_failed_buffer_gives_nothing_and_does_no_harm),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
