/* links: base xcap */
/* SPDX-License-Identifier: BSD-2-Clause */
/* What a patch between hostile documents may cost: four times as many octets take about four times
 * the processor time, whatever has changed. Its square would be sixteen times. */
#include "xcap/patch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

enum { SMALL = 2500, LARGE = 4 * SMALL, TIMES_MOST = 9, DEEP = 240 };

static const struct xml_limits limits = { 256, 256, 0 };

static int64_t processor_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* --- documents: child number i of n, in the former version and in the present one --- */

typedef void write_child(struct buffer *to, size_t i, size_t n, bool now);

static void write_entry(struct buffer *to, size_t number)
{
	buffer_format(to, "\n<e uri='%zu'><n>%zu</n></e>", number, number);
}

static void reversed(struct buffer *to, size_t i, size_t n, bool now)
{
	write_entry(to, now ? n - i : i + 1);
}

/* 7919 is a prime, so that each number comes once. */
static void shuffled(struct buffer *to, size_t i, size_t n, bool now)
{
	write_entry(to, now ? i * 7919 % n : i);
}

static void all_other(struct buffer *to, size_t i, size_t n, bool now)
{
	write_entry(to, now ? n + i : i);
}

static void all_changed(struct buffer *to, size_t i, size_t n, bool now)
{
	(void)n;
	buffer_format(to, "<e uri='%zu'>%s</e>", i, now ? "a" : "b");
}

static void hardly_distinct(struct buffer *to, size_t i, size_t n, bool now)
{
	(void)n;
	buffer_text(to, i % (now ? 3 : 5) ? "<b/> " : "<c/>");
}

static void without_names(struct buffer *to, size_t i, size_t n, bool now)
{
	(void)n;
	buffer_format(to, i % 2 ? "<!--%zu-->" : "<?p %zu?>", now ? i * 3 : i * 5);
}

static void of_other_kinds(struct buffer *to, size_t i, size_t n, bool now)
{
	(void)n;
	buffer_text(to, now ? "<!-- -->" : i % 2 ? "<a/>text" : "<b/>");
}

static const struct {
	const char *name;
	write_child *child;
	bool deep, declares; /* within DEEP elements, each changed too */
} shapes[] = {
	{ "reversed", reversed, false, false },
	{ "shuffled", shuffled, false, false },
	{ "all other", all_other, false, false },
	{ "all changed", all_changed, false, false },
	{ "hardly distinct", hardly_distinct, false, false },
	{ "without names", without_names, false, false },
	{ "of other kinds", of_other_kinds, false, false },
	{ "deep", all_changed, true, false },
	{ "deep, with declarations", all_changed, true, true },
};

static struct span write_document(struct arena *arena, size_t shape, size_t n, bool now)
{
	struct buffer to = { .arena = arena };
	size_t depth = shapes[shape].deep ? DEEP : 1;
	for (size_t i = 0; i < depth; i++)
		buffer_format(&to,
			shapes[shape].declares ? "<a xmlns:p%zu='urn:a'>" : "<a i='%zu'>",
			depth > 1 && now ? i + 1 : i);
	for (size_t i = 0; i < n; i++)
		shapes[shape].child(&to, i, n, now);
	for (size_t i = 0; i < depth; i++)
		buffer_text(&to, "</a>");
	return buffer_span(&to);
}

/* --- measuring --- */

/* The best of a few: what else runs on the machine makes it dearer, never cheaper. */
static int64_t cost(struct span former, struct span now)
{
	int64_t best = INT64_MAX;
	for (size_t i = 0; i < 3; i++) {
		struct arena *arena = arena_new(1 << 20);
		struct buffer ops = { .arena = arena };
		int64_t before = processor_ns();
		enum patch_result result =
			patch_between(arena, former, now, 10000000, &limits, &ops);
		int64_t taken = processor_ns() - before;
		assert_true(result == PATCH_MADE || result == PATCH_IMPOSSIBLE);
		best = taken < best ? taken : best;
		arena_free(&arena);
	}
	return best;
}

static void the_cost_grows_with_the_size(void **state __attribute__((unused)))
{
	struct arena *arena = arena_new(1 << 20);
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		int64_t small = cost(write_document(arena, i, SMALL, false),
			write_document(arena, i, SMALL, true));
		int64_t large = cost(write_document(arena, i, LARGE, false),
			write_document(arena, i, LARGE, true));
		printf("%-24s %7.2f ms, four times as large %7.2f ms\n", shapes[i].name,
			(double)small / 1e6, (double)large / 1e6);
		assert_true(large < TIMES_MOST * small);
		arena_reset(arena);
	}
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(the_cost_grows_with_the_size) };
	xml_start();
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	xml_stop();
	return failed;
}
