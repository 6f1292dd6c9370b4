/* links: base xcap */
/* SPDX-License-Identifier: BSD-2-Clause */
#include "xcap/scope.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define TEST(name) static void name(void **state __attribute__((unused)))
#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

enum { DEEPEST = 40 };

static struct arena *arena;
static uint64_t random_state = 42;

static size_t below(size_t bound)
{
	random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (size_t)(random_state >> 33) % bound;
}

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

static size_t read_tags(struct span document, struct tag tags[DEEPEST])
{
	struct scan scan = { .document = document };
	size_t depth = 0;
	while (depth < DEEPEST && scan_next(&scan, &tags[depth]) == SCAN_OPEN)
		depth++;
	return depth;
}

/* An element in an element in an element: some declare a few of 26 * 3 prefixes, and the default
 * namespace. */
static struct span random_path(size_t depth, size_t declarations)
{
	static const char *const endings[] = { "", "x", "xy" };
	struct buffer text = { .arena = arena };
	for (size_t i = 0; i < depth; i++) {
		bool used[26 * 3] = { false };
		buffer_text(&text, "<a");
		if (!below(5))
			buffer_format(&text, " xmlns='%zu'", below(3));
		for (size_t n = below(2) ? below(declarations) : 0; n; n--) {
			size_t which = below(COUNT(used));
			if (used[which])
				continue;
			used[which] = true;
			buffer_format(&text, " xmlns:%c%s='%zu'", (int)('a' + which % 26),
				endings[which / 26], below(3));
		}
		buffer_text(&text, ">");
	}
	return buffer_span(&text);
}

static void check_same(const struct scope *scope, const size_t *in_scope, struct span document,
	const struct tag *tags, size_t depth, struct meaning *meaning)
{
	static const char *const asked[] = { "", "a", "ax", "axy", "q", "zx", "zxy", "xml", "ay" };
	for (size_t i = 0; i < COUNT(asked); i++) {
		struct span stored, prefix = span_of(asked[i]);
		bool means = scope_find(document, tags, depth, prefix, &stored)
			     && value_equal(stored, meaning->space);
		assert_int_equal(scope_means(scope, in_scope[depth], prefix, meaning), means);
	}
}

TEST(a_prefix_means_what_the_tags_say_at_each_element_of_the_path)
{
	for (size_t round = 0; round < 300; round++) {
		struct tag tags[DEEPEST];
		struct scope scope;
		struct meaning meanings[] = { { .space = SPAN("0") }, { .space = SPAN("1") },
			{ .space = SPAN("") }, { .space = SPAN(XML_NAMESPACE) } };
		size_t in_scope[DEEPEST + 1] = { 0 };
		arena_reset(arena);
		struct span document = random_path(1 + below(DEEPEST - 1), 12);
		size_t depth = read_tags(document, tags);
		scope_begin(&scope);
		for (size_t i = 0; i < depth; i++) {
			scope_enter(&scope, document, &tags[i]);
			in_scope[i + 1] = scope.count;
		}
		assert_false(scope.full);
		for (size_t i = 0; i <= depth; i++)
			for (size_t j = 0; j < COUNT(meanings); j++)
				check_same(
					&scope, in_scope, document, tags, depth - i, &meanings[j]);
	}
}

TEST(the_innermost_declaration_of_a_prefix_holds)
{
	struct span document = SPAN("<a xmlns:p='1' xmlns:q='2'><a xmlns:p='3'>");
	static const struct {
		size_t in_scope;
		const char *prefix, *stored; /* NULL: none */
	} cases[] = {
		{ 3, "p", "3" },
		{ 2, "p", "1" },
		{ 1, "p", "1" },
		{ 0, "p", NULL },
		{ 3, "q", "2" },
		{ 2, "q", "2" },
		{ 1, "q", NULL },
		{ 3, "", NULL },
		{ 3, "pq", NULL },
	};
	struct tag tags[DEEPEST];
	struct scope scope;
	size_t depth = read_tags(document, tags);
	scope_begin(&scope);
	for (size_t i = 0; i < depth; i++)
		scope_enter(&scope, document, &tags[i]);
	for (size_t i = 0; i < COUNT(cases); i++) {
		size_t index;
		bool found =
			scope_declares(&scope, cases[i].in_scope, span_of(cases[i].prefix), &index);
		assert_int_equal(found, cases[i].stored != NULL);
		if (found)
			assert_true(span_equal_text(scope.items[index].stored, cases[i].stored));
	}
}

TEST(a_scope_without_room_says_so)
{
	struct buffer text = { .arena = arena };
	struct tag tag;
	struct scope scope;
	buffer_text(&text, "<a");
	for (size_t i = 0; i < SCOPE_MAX; i++)
		buffer_format(&text, " xmlns:p%zu='%zu'", i, i);
	buffer_text(&text, "><a xmlns:more=''/>");
	struct span document = buffer_span(&text);
	struct scan scan = { .document = document };
	scope_begin(&scope);
	assert_int_equal(scan_next(&scan, &tag), SCAN_OPEN);
	scope_enter(&scope, document, &tag);
	assert_int_equal(scope.count, SCOPE_MAX);
	assert_false(scope.full);
	assert_int_equal(scan_next(&scan, &tag), SCAN_OPEN);
	scope_enter(&scope, document, &tag);
	assert_int_equal(scope.count, SCOPE_MAX);
	assert_true(scope.full);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_prefix_means_what_the_tags_say_at_each_element_of_the_path),
		cmocka_unit_test(the_innermost_declaration_of_a_prefix_holds),
		cmocka_unit_test(a_scope_without_room_says_so),
	};
	return cmocka_run_group_tests(tests, begin, end);
}
