/* links: base xcap */
/* SPDX-License-Identifier: BSD-2-Clause */
#include "xcap/etag.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct etag current = { .generation = 0x123456789ABC, .number = 4711 };
static const struct etag absent = { .generation = 0, .number = 0 };

/* In place of CURRENT in a header value stands the tag of `current`. */
static struct span header(struct arena *arena, const char *value)
{
	struct span rest = span_of(value);
	struct buffer buffer = { .arena = arena };
	char text[ETAG_TEXT_MAX];
	size_t at;
	etag_text(current, text);
	while (span_search(rest, SPAN("CURRENT"), &at)) {
		buffer_append(&buffer, span_first(rest, at));
		buffer_text(&buffer, text);
		rest = span_from(rest, at + strlen("CURRENT"));
	}
	buffer_append(&buffer, rest);
	return buffer_span(&buffer);
}

static void a_tag_reads_back_as_it_was_written(void **state)
{
	(void)state;
	static const struct etag tags[] = {
		{ 1, 1 },
		{ 1, 63 },
		{ 1, 64 },
		{ UINT64_C(0xFFFFFFFFFFFF), UINT64_MAX },
		{ UINT64_C(0x800000000000), UINT64_C(1) << 63 },
		{ 42, UINT64_C(1) << 60 },
		{ 42, (UINT64_C(1) << 60) - 1 },
	};
	for (size_t i = 0; i < COUNT(tags); i++) {
		char text[ETAG_TEXT_MAX];
		struct etag back;
		size_t size = etag_text(tags[i], text);
		assert_int_equal(size, strlen(text));
		assert_in_range(size, 10, ETAG_TEXT_MAX - 1);
		assert_int_equal(size, strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLM"
						    "NOPQRSTUVWXYZ0123456789-_"));
		assert_true(etag_parse((struct span){ text, size }, &back));
		assert_true(etag_equal(back, tags[i]));
	}
}

static void two_tags_have_two_texts(void **state)
{
	(void)state;
	char a[ETAG_TEXT_MAX], b[ETAG_TEXT_MAX];
	etag_text((struct etag){ 7, 1 }, a);
	etag_text((struct etag){ 7, 2 }, b);
	assert_string_not_equal(a, b);
	etag_text((struct etag){ 8, 1 }, b);
	assert_string_not_equal(a, b);
}

static void only_the_canonical_text_is_a_tag(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"", "-", "AAAAAAAB", "AAAAAAAB-", "AAAAAAAB-A", /* number 0 */
		"AAAAAAAB-AB",                                  /* a leading zero */
		"AAAAAAAA-B",                                   /* generation 0 */
		"AAAAAAAB_B", "AAAAAAAB-B ", " AAAAAAAB-B", "\"AAAAAAAB-B\"",
		"AAAAAAAB-B=", "AAAAAAA+-B", "AAAAAAAB-QAAAAAAAAAA", /* 65 bits */
		"AAAAAAAB-BAAAAAAAAAAA",                             /* 67 bits */
	};
	struct etag tag;
	for (size_t i = 0; i < COUNT(bad); i++)
		if (etag_parse(span_of(bad[i]), &tag))
			fail_msg("%s was read", bad[i]);
	assert_false(etag_parse((struct span){ NULL, 0 }, &tag));
	assert_true(etag_parse(SPAN("AAAAAAAB-B"), &tag));
	assert_true(etag_parse(SPAN("AAAAAAAB-P__________"), &tag));
}

static const struct {
	const char *value;
	const char *tags[3];
	bool weak[3];
} readable[] = {
	{ "\"x\"", { "x" }, { 0 } },
	{ "x", { "x" }, { 0 } },
	{ "\"\"", { "" }, { 0 } },
	{ "W/\"x\"", { "x" }, { true } },
	{ "W/x", { "x" }, { true } },
	{ "\"\"\"x\"\"\"", { "x" }, { 0 } },
	{ "\"\"x\"\"", { "x" }, { 0 } },
	{ "\"a,b\", W/\"c\",d", { "a,b", "c", "d" }, { false, true, false } },
	{ " ,, \"a\" ,\t, \"b\",", { "a", "b" }, { 0 } },
	{ "\"\", \"b\"", { "", "b" }, { 0 } },
	{ "\"*\"", { "*" }, { 0 } },
	{ "\"back\\slash\"", { "back\\slash" }, { 0 } },
	{ "\"\xC3\xBC\"", { "\xC3\xBC" }, { 0 } },
};

static void tags_are_read_as_clients_write_them(void **state)
{
	struct arena *arena = *state;
	for (size_t i = 0; i < COUNT(readable); i++) {
		struct condition condition = { .present = false };
		size_t count = 0;
		assert_true(condition_add(arena, &condition, span_of(readable[i].value)));
		assert_true(condition.present && !condition.any);
		for (; count < 3 && readable[i].tags[count]; count++) {
			assert_true(count < condition.count);
			assert_true(
				span_equal_text(condition.tags[count], readable[i].tags[count]));
			assert_int_equal(condition.weak[count], readable[i].weak[count]);
		}
		assert_int_equal(condition.count, count);
	}
}

static void what_is_no_list_of_tags_is_refused(void **state)
{
	struct arena *arena = *state;
	static const char *const bad[] = {
		"",
		"  ",
		",",
		" , ,",
		"\"x",
		"x\"",
		"x\"y\"",
		"\"x\"y",
		"\"x\" \"y\"",
		"x y",
		"W/",
		"W/\"x",
		"*, \"x\"",
		"\"x\", *",
		"*,*",
		"\"\"x\"",
		"\"\"\"x\"",
		"\"x\"\"",
		"\"a\001b\"",
		"\"a\177b\"",
	};
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct condition condition = { .present = false };
		if (condition_add(arena, &condition, span_of(bad[i])))
			fail_msg("<%s> was read", bad[i]);
	}
	struct condition condition = { .present = false };
	assert_false(condition_add(arena, &condition, (struct span){ NULL, 0 }));
}

static void several_fields_are_one_list(void **state)
{
	struct arena *arena = *state;
	struct condition condition = { .present = false };
	assert_true(condition_add(arena, &condition, SPAN("\"a\", W/\"b\"")));
	assert_true(condition_add(arena, &condition, SPAN("\"c\"")));
	assert_int_equal(condition.count, 3);
	assert_true(span_equal_text(condition.tags[0], "a"));
	assert_true(condition.weak[1]);
	assert_true(span_equal_text(condition.tags[2], "c"));
}

static void a_star_stands_alone_over_all_fields(void **state)
{
	struct arena *arena = *state;
	struct condition after = { .present = false }, before = { .present = false };
	assert_true(condition_add(arena, &after, SPAN(" * ")));
	assert_true(after.present && after.any);
	assert_false(condition_add(arena, &after, SPAN("\"a\"")));
	assert_true(condition_add(arena, &before, SPAN("\"a\"")));
	assert_false(condition_add(arena, &before, SPAN("*")));
}

/* RFC 9110 §13.2.2; NULL: the field is not there. */
static const struct {
	const char *match, *none_match;
	enum conditions_verdict writing, reading;          /* a document with `current` */
	enum conditions_verdict creating, reading_nothing; /* no document */
} judged[] = {
	{ NULL, NULL, CONDITIONS_PASS, CONDITIONS_PASS, CONDITIONS_PASS, CONDITIONS_PASS },
	{ "*", NULL, CONDITIONS_PASS, CONDITIONS_PASS, CONDITIONS_FAILED, CONDITIONS_FAILED },
	{ "\"CURRENT\"", NULL, CONDITIONS_PASS, CONDITIONS_PASS, CONDITIONS_FAILED,
		CONDITIONS_FAILED },
	{ "\"old\", \"CURRENT\"", NULL, CONDITIONS_PASS, CONDITIONS_PASS, CONDITIONS_FAILED,
		CONDITIONS_FAILED },
	{ "CURRENT", NULL, CONDITIONS_PASS, CONDITIONS_PASS, CONDITIONS_FAILED, CONDITIONS_FAILED },
	{ "\"\"\"CURRENT\"\"\"", NULL, CONDITIONS_PASS, CONDITIONS_PASS, CONDITIONS_FAILED,
		CONDITIONS_FAILED },
	{ "\"old\"", NULL, CONDITIONS_FAILED, CONDITIONS_FAILED, CONDITIONS_FAILED,
		CONDITIONS_FAILED },
	{ "W/\"CURRENT\"", NULL, CONDITIONS_FAILED, CONDITIONS_FAILED, CONDITIONS_FAILED,
		CONDITIONS_FAILED },
	{ "\"*\"", NULL, CONDITIONS_FAILED, CONDITIONS_FAILED, CONDITIONS_FAILED,
		CONDITIONS_FAILED },
	{ NULL, "*", CONDITIONS_FAILED, CONDITIONS_UNCHANGED, CONDITIONS_PASS, CONDITIONS_PASS },
	{ NULL, "\"CURRENT\"", CONDITIONS_FAILED, CONDITIONS_UNCHANGED, CONDITIONS_PASS,
		CONDITIONS_PASS },
	{ NULL, "\"old\", W/\"CURRENT\"", CONDITIONS_FAILED, CONDITIONS_UNCHANGED, CONDITIONS_PASS,
		CONDITIONS_PASS },
	{ NULL, "\"old\"", CONDITIONS_PASS, CONDITIONS_PASS, CONDITIONS_PASS, CONDITIONS_PASS },
	{ "\"old\"", "\"CURRENT\"", CONDITIONS_FAILED, CONDITIONS_FAILED, CONDITIONS_FAILED,
		CONDITIONS_FAILED },
	{ "\"CURRENT\"", "\"CURRENT\"", CONDITIONS_FAILED, CONDITIONS_UNCHANGED, CONDITIONS_FAILED,
		CONDITIONS_FAILED },
	{ "\"CURRENT\"", "\"old\"", CONDITIONS_PASS, CONDITIONS_PASS, CONDITIONS_FAILED,
		CONDITIONS_FAILED },
};

static void conditions_are_judged_in_the_order_of_rfc_9110(void **state)
{
	struct arena *arena = *state;
	for (size_t i = 0; i < COUNT(judged); i++) {
		struct conditions asked = { .match = { .present = false } };
		if (judged[i].match)
			assert_true(
				condition_add(arena, &asked.match, header(arena, judged[i].match)));
		if (judged[i].none_match)
			assert_true(condition_add(
				arena, &asked.none_match, header(arena, judged[i].none_match)));
		assert_int_equal(conditions_judge(&asked, current, false), judged[i].writing);
		assert_int_equal(conditions_judge(&asked, current, true), judged[i].reading);
		assert_int_equal(conditions_judge(&asked, absent, false), judged[i].creating);
		assert_int_equal(conditions_judge(&asked, absent, true), judged[i].reading_nothing);
	}
}

static void without_memory_a_condition_is_not_read(void **state)
{
	(void)state;
	char many[4096];
	memset(many, ',', sizeof(many));
	memcpy(many, "\"a\"", 3);
	for (size_t nth = 1, done = 0; !done; nth++) {
		struct arena *arena = arena_new(64);
		struct condition condition = { .present = false };
		arena_fail_at(nth);
		done = condition_add(arena, &condition, (struct span){ many, sizeof(many) });
		arena_fail_at(0);
		assert_true(nth > 1 || !done);
		assert_int_equal(condition.present, done);
		arena_free(&arena);
	}
}

static int set_up(void **state)
{
	*state = arena_new(4096);
	return *state ? 0 : -1;
}

static int tear_down(void **state)
{
	struct arena *arena = *state;
	arena_free(&arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tag_reads_back_as_it_was_written),
		cmocka_unit_test(two_tags_have_two_texts),
		cmocka_unit_test(only_the_canonical_text_is_a_tag),
		cmocka_unit_test(tags_are_read_as_clients_write_them),
		cmocka_unit_test(what_is_no_list_of_tags_is_refused),
		cmocka_unit_test(several_fields_are_one_list),
		cmocka_unit_test(a_star_stands_alone_over_all_fields),
		cmocka_unit_test(conditions_are_judged_in_the_order_of_rfc_9110),
		cmocka_unit_test(without_memory_a_condition_is_not_read),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
