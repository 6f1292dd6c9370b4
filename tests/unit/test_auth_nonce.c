/* links: auth */
/* SPDX-License-Identifier: BSD-2-Clause */
/* Nonces and the window of their counts (RFC 7616 §3.3, §3.4, §5.12). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "auth/nonce.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define NOW UINT64_C(1790000000000)
#define REALM SPAN("example.com")

static struct nonces *nonces;

static int start(void **state)
{
	(void)state;
	return nonces_new(&nonces) ? 0 : -1;
}

static int stop(void **state)
{
	(void)state;
	nonces_free(&nonces);
	return nonces ? -1 : 0;
}

static struct nonce issue(uint64_t when)
{
	char text[NONCE_TEXT];
	struct nonce nonce;
	nonce_issue(nonces, REALM, when, text);
	assert_true(nonce_read(nonces, (struct span){ text, NONCE_TEXT }, REALM, when, &nonce));
	return nonce;
}

static void a_nonce_lives_five_minutes_and_not_before_its_time(void **state)
{
	static const struct {
		int64_t later_ms;
		bool good;
	} rows[] = {
		{ 0, true },
		{ 1, true },
		{ NONCE_LIFETIME_MS, true },
		{ NONCE_LIFETIME_MS + 1, false },
		{ INT64_C(1) << 40, false },
		{ -NONCE_AHEAD_MS, true },
		{ -NONCE_AHEAD_MS - 1, false },
		{ -60000, false },
	};
	(void)state;
	char text[NONCE_TEXT];
	nonce_issue(nonces, REALM, NOW, text);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct nonce nonce;
		uint64_t now = NOW + (uint64_t)rows[i].later_ms;
		assert_int_equal(
			nonce_read(nonces, (struct span){ text, NONCE_TEXT }, REALM, now, &nonce),
			rows[i].good);
	}
}

static void any_other_text_is_not_our_nonce(void **state)
{
	(void)state;
	char text[NONCE_TEXT + 1] = { 0 };
	struct nonce nonce;
	nonce_issue(nonces, REALM, NOW, text);
	assert_true(nonce_read(nonces, span_of(text), REALM, NOW, &nonce));
	assert_false(nonce_read(nonces, span_of(text), SPAN("example.net"), NOW, &nonce));
	assert_false(nonce_read(nonces, (struct span){ text, NONCE_TEXT - 1 }, REALM, NOW, &nonce));
	assert_false(nonce_read(nonces, SPAN(""), REALM, NOW, &nonce));
	for (size_t i = 0; i < NONCE_TEXT; i++) {
		char kept = text[i];
		text[i] = kept == '0' ? '1' : '0';
		assert_false(nonce_read(nonces, span_of(text), REALM, NOW, &nonce));
		text[i] = 'x';
		assert_false(nonce_read(nonces, span_of(text), REALM, NOW, &nonce));
		text[i] = kept;
	}
}

static void a_nonce_of_another_process_is_not_ours(void **state)
{
	(void)state;
	struct nonces *others = NULL;
	char text[NONCE_TEXT];
	struct nonce nonce;
	assert_true(nonces_new(&others));
	nonce_issue(others, REALM, NOW, text);
	assert_false(nonce_read(nonces, (struct span){ text, NONCE_TEXT }, REALM, NOW, &nonce));
	nonces_free(&others);
	nonces_free(&others);
}

static void nonces_of_one_millisecond_differ(void **state)
{
	(void)state;
	struct nonce one = issue(NOW), two = issue(NOW);
	assert_int_equal(one.time, two.time);
	assert_int_not_equal(one.number, two.number);
	assert_true(nonce_use(nonces, &one, 1));
	assert_true(nonce_use(nonces, &two, 1));
	assert_false(nonce_use(nonces, &one, 1));
	assert_false(nonce_use(nonces, &two, 1));
}

static void counts_are_taken_once_within_the_window(void **state)
{
	enum { STEPS = 8 };
	static const struct {
		uint32_t counts[STEPS];
		const char *taken; /* a letter a step: y or n */
	} rows[] = {
		{ { 1, 2, 3, 4, 4, 3, 2, 1 }, "yyyynnnn" },
		{ { 3, 1, 2, 1, 3, 4, 0, 0 }, "yyynnyyn" },
		{ { 128, 1, 0, 129, 2, 1, 130, 130 }, "yynyynyn" },
		{ { 128, 129, 1, 2, 2, 257, 130, 129 }, "yynynyyn" },
		{ { 1, 129, 1, 2, 130, 2, 3, 128 }, "yynyynyy" },
		{ { 1, 200, 1, 72, 73, 73, 199, 201 }, "yynnynyy" },
		{ { 5, 1000000, 5, 6, 999873, 999872, 1000001, 999873 }, "yynnynyn" },
		{ { 0xffffffff, 0xffffffff, 0xffffff80, 0xffffff7f, 1, 0, 0xfffffffe, 0xffffff80 },
			"ynynnnyn" },
		{ { 0xfffffffe, 0xffffffff, 0xfffffffd, 0xffffff81, 0xffffff7e, 0xffffff7f, 0, 0 },
			"yyyynnnn" },
		{ { 10, 137, 10, 11, 138, 10, 11, 12 }, "yynyynny" },
		{ { 10, 138, 10, 11, 265, 138, 139, 137 }, "yynyynyn" },
		{ { 0, 0, 1, 128, 0, 1, 127, 129 }, "ynyynnyy" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct nonce nonce = issue(NOW);
		for (size_t step = 0; step < STEPS; step++) {
			bool taken = nonce_use(nonces, &nonce, rows[i].counts[step]);
			if (taken != (rows[i].taken[step] == 'y'))
				print_error("row %zu, step %zu\n", i, step);
			assert_int_equal(taken, rows[i].taken[step] == 'y');
		}
	}
}

static void random_counts_agree_with_a_plain_model(void **state)
{
	enum { MOST = 2000 };
	(void)state;
	struct nonce nonce = issue(NOW);
	bool seen[MOST] = { false };
	uint32_t highest = 0;
	unsigned seed = 7;
	for (int i = 0; i < 20000; i++) {
		seed = seed * 1103515245 + 12345;
		uint32_t around = highest > 150 ? highest - 150 : 0;
		uint32_t count = around + (seed >> 16) % (i % 50 ? 152 : 300);
		if (count >= MOST)
			break;
		bool late = highest >= NONCE_WINDOW && count <= highest - NONCE_WINDOW;
		bool expected = !seen[count] && !late;
		assert_int_equal(nonce_use(nonces, &nonce, count), expected);
		seen[count] |= expected;
		highest = expected && count > highest ? count : highest;
	}
	assert_true(highest > 1000);
}

/* Nonces whose numbers share a bucket. */
static void same_bucket(struct nonce *out, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		out[i] = issue(NOW);
		for (size_t skip = 1; skip < NONCE_BUCKETS && i + 1 < count; skip++)
			issue(NOW);
	}
}

static void a_nonce_pushed_out_of_the_table_is_never_good_again(void **state)
{
	enum { COUNT = NONCE_WAYS + 2 };
	(void)state;
	struct nonce all[COUNT];
	same_bucket(all, COUNT);
	for (size_t i = 1; i < COUNT; i++)
		assert_true(nonce_use(nonces, &all[i], 1));
	assert_false(nonce_use(nonces, &all[1], 1)); /* pushed out by the last */
	assert_false(nonce_use(nonces, &all[1], 2));
	assert_false(nonce_use(nonces, &all[0], 1)); /* older: nobody knows */
	for (size_t i = 2; i < COUNT; i++) {
		assert_false(nonce_use(nonces, &all[i], 1));
		assert_true(nonce_use(nonces, &all[i], 2));
	}
	struct nonce fresh = issue(NOW);
	assert_true(nonce_use(nonces, &fresh, 1));
}

enum { THREADS = 8, ROUNDS = 400 };
static struct nonce shared[ROUNDS];
static atomic_uint wins[ROUNDS];

static void *race(void *unused)
{
	(void)unused;
	for (size_t i = 0; i < ROUNDS; i++)
		if (nonce_use(nonces, &shared[i], 1))
			atomic_fetch_add(&wins[i], 1);
	return NULL;
}

static void of_many_threads_one_gets_the_count(void **state)
{
	(void)state;
	pthread_t threads[THREADS];
	for (size_t i = 0; i < ROUNDS; i++)
		shared[i] = issue(NOW);
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, race, NULL), 0);
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (size_t i = 0; i < ROUNDS; i++)
		assert_int_equal(wins[i], 1);
}

static void *issue_many(void *numbers)
{
	char text[NONCE_TEXT];
	for (size_t i = 0; i < ROUNDS; i++) {
		struct nonce nonce = { 0, 0 };
		nonce_issue(nonces, REALM, NOW, text);
		nonce_read(nonces, (struct span){ text, NONCE_TEXT }, REALM, NOW, &nonce);
		((uint64_t *)numbers)[i] = nonce.number;
	}
	return NULL;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

static void threads_never_issue_the_same_nonce(void **state)
{
	static uint64_t numbers[THREADS][ROUNDS];
	(void)state;
	pthread_t threads[THREADS];
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, issue_many, numbers[i]), 0);
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	uint64_t *all = &numbers[0][0];
	qsort(all, THREADS * ROUNDS, sizeof(*all), compare);
	for (size_t i = 1; i < THREADS * ROUNDS; i++)
		assert_true(all[i - 1] < all[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_nonce_lives_five_minutes_and_not_before_its_time, start, stop),
		cmocka_unit_test_setup_teardown(any_other_text_is_not_our_nonce, start, stop),
		cmocka_unit_test_setup_teardown(
			a_nonce_of_another_process_is_not_ours, start, stop),
		cmocka_unit_test_setup_teardown(nonces_of_one_millisecond_differ, start, stop),
		cmocka_unit_test_setup_teardown(
			counts_are_taken_once_within_the_window, start, stop),
		cmocka_unit_test_setup_teardown(
			random_counts_agree_with_a_plain_model, start, stop),
		cmocka_unit_test_setup_teardown(
			a_nonce_pushed_out_of_the_table_is_never_good_again, start, stop),
		cmocka_unit_test_setup_teardown(of_many_threads_one_gets_the_count, start, stop),
		cmocka_unit_test_setup_teardown(threads_never_issue_the_same_nonce, start, stop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
