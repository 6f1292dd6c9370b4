/* links: base xcap */
/* SPDX-License-Identifier: BSD-2-Clause */
/* What a hostile document may cost: the processor time of a selector on it, next to a plain one of
 * as many octets. */
#include "xcap/selector.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define TEST(name) static void name(void **state __attribute__((unused)))
#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

enum { SIZE = 512 * 1024, DECLARATIONS = 250, TIMES_PLAIN = 15 };

static struct arena *arena;
static char long_space[8001];

static int begin(void **state __attribute__((unused)))
{
	memset(long_space, 'x', sizeof(long_space) - 1);
	arena = arena_new(1 << 20);
	return !arena;
}

static int end(void **state __attribute__((unused)))
{
	arena_free(&arena);
	return 0;
}

static int64_t processor_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* The best of a few: what else runs on the machine makes it dearer, never cheaper. */
static int64_t cost(struct span document, const char *node, size_t count)
{
	struct binding items[] = { { SPAN("p"), SPAN("urn:0") }, { SPAN("none"), SPAN("urn:none") },
		{ SPAN("long"), span_of(long_space) } };
	struct bindings bindings = { items, COUNT(items) };
	struct selector *selector;
	struct found found;
	const char *why;
	int64_t best = INT64_MAX;
	assert_int_equal(selector_parse(arena, span_of(node), &bindings, SPAN(""), &selector, &why),
		SELECTOR_OK);
	for (size_t i = 0; i < 5; i++) {
		int64_t before = processor_ns();
		assert_true(selector_find(selector, document, &found));
		int64_t taken = processor_ns() - before;
		best = taken < best ? taken : best;
		assert_int_equal(found.count, count);
	}
	return best;
}

static void open_root(struct buffer *text, size_t declarations)
{
	*text = (struct buffer){ .arena = arena };
	buffer_reserve(text, SIZE + 16384);
	buffer_text(text, "<r");
	for (size_t i = 0; i < declarations; i++)
		buffer_format(text, " xmlns:p%03zu='urn:%zu'", i, i);
	buffer_text(text, ">");
}

static struct span close_root(struct buffer *text)
{
	buffer_text(text, "</r>");
	return buffer_span(text);
}

/* Children with a hundred attributes of one local name each, and one without a prefix. */
static struct span children_with_attributes(const char *local)
{
	struct buffer text;
	open_root(&text, DECLARATIONS);
	for (size_t child = 0; text.size < SIZE; child++) {
		buffer_text(&text, "<e");
		for (size_t i = 0; i < 100; i++)
			buffer_format(&text, " p%03zu:%s='v'", (child + i) % DECLARATIONS, local);
		buffer_text(&text, " t='v'/>");
	}
	return close_root(&text);
}

/* <p017:e>: names of as many prefixes as there are, or of one. */
static struct span named_children(size_t declarations, const char *rest)
{
	struct buffer text;
	open_root(&text, declarations);
	for (size_t child = 0; text.size < SIZE; child++)
		buffer_format(&text, "<p%03zu:e%s/>",
			declarations == 1 ? 0 : 1 + child * 7 % (declarations - 1), rest);
	return close_root(&text);
}

static void check_ratio(const char *what, int64_t hostile, int64_t plain)
{
	print_message("%s: %lld us, plain %lld us\n", what, (long long)hostile / 1000,
		(long long)plain / 1000);
	assert_true(hostile < TIMES_PLAIN * plain);
}

TEST(many_declarations_do_not_make_children_dear)
{
	static const char *const rests[] = { "", " xmlns:z='1'", " p000:t='v'" };
	for (size_t i = 0; i < COUNT(rests); i++) {
		struct span plain = named_children(1, rests[i]);
		struct span hostile = named_children(DECLARATIONS, rests[i]);
		check_ratio("children", cost(hostile, "r/p:e", 0), cost(plain, "r/none:e", 0));
		arena_reset(arena);
	}
}

TEST(many_attributes_of_one_local_name_are_not_dear)
{
	struct span plain = children_with_attributes("s");
	struct span hostile = children_with_attributes("t");
	check_ratio(
		"attributes", cost(hostile, "r/e[@none:t='v']", 0), cost(plain, "r/e[@t='w']", 0));
	arena_reset(arena);
}

static struct span own_declarations(const char *attribute)
{
	struct buffer text;
	open_root(&text, 1);
	while (text.size < SIZE) {
		buffer_text(&text, "<e");
		for (size_t i = 0; i < 120; i++)
			buffer_format(&text, " xmlns:q%03zu='%zu'", i, i);
		for (size_t i = 0; i < 120; i++)
			buffer_format(&text, " q%03zu:%s='v'", i, attribute);
		buffer_text(&text, " t='v'/>");
	}
	return close_root(&text);
}

TEST(a_child_with_many_declarations_of_its_own_is_not_dear)
{
	struct span plain = own_declarations("s"), hostile = own_declarations("t");
	check_ratio("own declarations", cost(hostile, "r/e[@none:t='v']", 0),
		cost(plain, "r/e[@t='w']", 0));
	arena_reset(arena);
}

enum { LEVELS = 200, LONG = 50 };

/* A long namespace is compared once with each of those in scope, not once a level. */
static struct span deep(const char *name)
{
	struct buffer text = { .arena = arena };
	buffer_reserve(&text, SIZE);
	buffer_format(&text, "<r xmlns:z='%s'", long_space);
	for (size_t i = 0; i < LONG; i++)
		buffer_format(&text, " xmlns:p%03zu='%s%zu'", i, long_space, i);
	buffer_text(&text, ">");
	for (size_t level = 0; level < LEVELS; level++) {
		for (size_t i = 0; i < LONG; i++)
			buffer_format(&text, "<p%03zu:%s/>", i, name);
		buffer_text(&text, "<z:e>");
	}
	for (size_t level = 0; level < LEVELS; level++)
		buffer_text(&text, "</z:e>");
	return close_root(&text);
}

TEST(long_namespaces_in_a_deep_document_are_not_dear)
{
	struct buffer node = { .arena = arena };
	buffer_text(&node, "r");
	for (size_t level = 0; level < LEVELS; level++)
		buffer_text(&node, "/long:e");
	struct span plain = deep("f"), hostile = deep("e");
	check_ratio("deep", cost(hostile, node.data, 1), cost(plain, node.data, 1));
	arena_reset(arena);
}

/* More declarations than there is room for: slower, and as right. */
TEST(more_declarations_than_the_judge_takes_change_nothing)
{
	static const struct {
		const char *node;
		size_t count;
	} cases[] = {
		{ "r/p:e", 1 },
		{ "r/none:e", 0 },
		{ "r/*[@p:t='v']", 1 },
		{ "r/*[@none:t='v']", 0 },
		{ "r/p:e/@p:t", 1 },
		{ "r/p:e/p:f", 1 },
	};
	struct buffer text;
	open_root(&text, 400);
	buffer_text(&text, "<p399:e/><p000:e p001:t='v' x:t='v' p000:t='v' xmlns:x='urn:0x'");
	for (size_t i = 0; i < 300; i++)
		buffer_format(&text, " xmlns:q%zu='urn:%zuq'", i, i);
	buffer_text(&text, "><p001:f/><p000:f/></p000:e>");
	struct span document = close_root(&text);
	for (size_t i = 0; i < COUNT(cases); i++)
		cost(document, cases[i].node, cases[i].count);
	arena_reset(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_declarations_do_not_make_children_dear),
		cmocka_unit_test(many_attributes_of_one_local_name_are_not_dear),
		cmocka_unit_test(a_child_with_many_declarations_of_its_own_is_not_dear),
		cmocka_unit_test(long_namespaces_in_a_deep_document_are_not_dear),
		cmocka_unit_test(more_declarations_than_the_judge_takes_change_nothing),
	};
	return cmocka_run_group_tests(tests, begin, end);
}
