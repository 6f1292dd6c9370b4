/* links: xcapctl_core */
/* SPDX-License-Identifier: BSD-2-Clause */
/* Batches that many threads work on, finished in their order. */
#include "xcapctl/crew.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdatomic.h>
#include <unistd.h>

struct work {
	size_t batches, filled, finished, stop_at;
	bool in_order;
	atomic_size_t worked;
};

struct number {
	size_t number, doubled;
};

static bool fill(void *context, struct batch *batch)
{
	struct work *work = context;
	struct number *number = arena_zero(batch->arena, sizeof(*number));
	number->number = work->filled;
	batch->items = number;
	batch->count = 1;
	return ++work->filled < work->batches;
}

static void work(void *context, struct batch *batch)
{
	struct work *all = context;
	struct number *number = batch->items;
	if (number->number % 7 == 0)
		usleep(500); /* so that later ones are done earlier */
	number->doubled = 2 * number->number;
	atomic_fetch_add(&all->worked, 1);
}

static bool finish(void *context, struct batch *batch)
{
	struct work *all = context;
	const struct number *number = batch->items;
	all->in_order &= number->number == all->finished && number->doubled == 2 * number->number;
	return ++all->finished != all->stop_at;
}

static bool run(struct work *all)
{
	const struct crew crew = { fill, work, finish, all };
	all->in_order = true;
	return crew_run(&crew);
}

static void everything_is_worked_on_once_and_finished_in_order(void **state)
{
	static const size_t counts[] = { 1, 2, 3, 8, 9, 50, 1000 };
	(void)state;
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		struct work all = { .batches = counts[i] };
		assert_true(run(&all));
		assert_true(all.in_order);
		assert_int_equal(all.filled, counts[i]);
		assert_int_equal(all.worked, counts[i]);
		assert_int_equal(all.finished, counts[i]);
	}
}

static void a_finisher_that_gives_up_ends_it(void **state)
{
	(void)state;
	for (size_t at = 1; at <= 40; at++) {
		struct work all = { .batches = 1000, .stop_at = at };
		assert_false(run(&all));
		assert_true(all.in_order);
		assert_int_equal(all.finished, at);
		assert_true(all.filled < 1000);
	}
}

static void without_memory_nothing_is_begun(void **state)
{
	(void)state;
	for (size_t nth = 1; nth <= 4; nth++) {
		struct work all = { .batches = 10 };
		arena_fail_at(nth);
		bool well = run(&all);
		arena_fail_at(0);
		assert_false(well);
		assert_int_equal(all.filled, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_is_worked_on_once_and_finished_in_order),
		cmocka_unit_test(a_finisher_that_gives_up_ends_it),
		cmocka_unit_test(without_memory_nothing_is_begun),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
