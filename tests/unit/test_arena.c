/* links: base */
/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void memory_is_aligned_and_apart(void **state)
{
	static const size_t sizes[] = { 0, 1, 7, 16, 17, 255, 4096, 100000, 1000000, 3 };
	struct arena *arena = arena_new(64);
	char *pieces[COUNT(sizes)];
	(void)state;
	for (size_t i = 0; i < COUNT(sizes); i++) {
		pieces[i] = arena_alloc(arena, sizes[i]);
		assert_non_null(pieces[i]);
		assert_int_equal((uintptr_t)pieces[i] % _Alignof(max_align_t), 0);
		memset(pieces[i], (int)i, sizes[i]);
	}
	for (size_t i = 0; i < COUNT(sizes); i++)
		for (size_t j = 0; j < sizes[i]; j++)
			assert_int_equal(pieces[i][j], i);
	arena_free(&arena);
	assert_null(arena);
}

static void the_first_block_holds_what_was_asked_for(void **state)
{
	static const size_t firsts[] = { 1, 10, 16, 100, 1000, 5000 };
	(void)state;
	for (size_t i = 0; i < COUNT(firsts); i++) {
		arena_fail_at(2);
		struct arena *arena = arena_new(firsts[i]);
		assert_non_null(arena_alloc(arena, firsts[i]));
		assert_null(arena_alloc(arena, 4096));
		assert_int_equal(arena_fail_at(0), 2);
		arena_free(&arena);
	}
}

static void reset_reuses_the_first_block(void **state)
{
	struct arena *arena = arena_new(256);
	char *first = arena_alloc(arena, 200);
	(void)state;
	for (int i = 0; i < 100; i++)
		assert_non_null(arena_alloc(arena, 1000));
	arena_reset(arena);
	arena_fail_at(0);
	assert_ptr_equal(arena_alloc(arena, 200), first);
	assert_int_equal(arena_fail_at(0), 0);
	arena_free(&arena);
}

static void small_requests_share_blocks(void **state)
{
	struct arena *arena = arena_new(1024);
	(void)state;
	arena_fail_at(0);
	for (int i = 0; i < 10000; i++)
		assert_non_null(arena_alloc(arena, 100));
	assert_in_range(arena_fail_at(0), 1, 20);
	arena_free(&arena);
}

static void a_size_that_cannot_be_is_refused(void **state)
{
	struct arena *arena = arena_new(64);
	volatile size_t most = SIZE_MAX; /* hidden from the compiler, which would warn */
	(void)state;
	assert_null(arena_new(most - 8));
	for (size_t less = 0; less < 64; less++)
		assert_null(arena_alloc(arena, most - less));
	assert_null(arena_text(arena, (struct span){ "x", SIZE_MAX }));
	assert_non_null(arena_alloc(arena, 8));
	arena_free(&arena);
}

static void zeroed_memory_is_zero_after_reuse(void **state)
{
	struct arena *arena = arena_new(256);
	(void)state;
	memset(arena_alloc(arena, 128), 0xFF, 128);
	arena_reset(arena);
	const char *zeroes = arena_zero(arena, 128);
	for (size_t i = 0; i < 128; i++)
		assert_int_equal(zeroes[i], 0);
	arena_free(&arena);
}

static void copies_end_with_a_nul_that_is_not_counted(void **state)
{
	struct arena *arena = arena_new(64);
	struct span copy = arena_copy(arena, (struct span){ "a\0bcd", 4 });
	(void)state;
	assert_int_equal(copy.size, 4);
	assert_memory_equal(copy.data, "a\0bc", 5);
	copy = arena_copy(arena, (struct span){ NULL, 0 });
	assert_int_equal(copy.size, 0);
	assert_string_equal(copy.data, "");
	arena_free(&arena);
}

static void formatted_text_may_be_longer_than_any_block(void **state)
{
	struct arena *arena = arena_new(16);
	struct span text = arena_format(arena, "%0300000d|%s", 7, "end");
	(void)state;
	assert_int_equal(text.size, 300004);
	assert_string_equal(text.data + 299999, "7|end");
	arena_free(&arena);
}

static void the_nth_block_fails_and_nothing_else_does(void **state)
{
	(void)state;
	for (size_t nth = 1;; nth++) {
		arena_fail_at(nth);
		struct arena *arena = arena_new(64);
		size_t given = 0;
		for (size_t i = 0; arena && i < 20; i++)
			given += arena_zero(arena, 200) != NULL;
		struct span text = { NULL, 0 };
		if (arena)
			text = arena_format(arena, "%0999d", 1);
		size_t asked = arena_fail_at(0);
		arena_free(&arena);
		if (asked < nth) {
			assert_int_equal(given, 20);
			assert_int_equal(text.size, 999);
			break;
		}
		assert_true(given < 20 || !text.data);
		assert_true(text.data || !text.size);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_aligned_and_apart),
		cmocka_unit_test(the_first_block_holds_what_was_asked_for),
		cmocka_unit_test(reset_reuses_the_first_block),
		cmocka_unit_test(small_requests_share_blocks),
		cmocka_unit_test(a_size_that_cannot_be_is_refused),
		cmocka_unit_test(zeroed_memory_is_zero_after_reuse),
		cmocka_unit_test(copies_end_with_a_nul_that_is_not_counted),
		cmocka_unit_test(formatted_text_may_be_longer_than_any_block),
		cmocka_unit_test(the_nth_block_fails_and_nothing_else_does),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
