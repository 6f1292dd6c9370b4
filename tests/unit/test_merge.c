/* links: notifier_core */
/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "notifier/merge.h"

/* Rows of one document: what was there, and what is there then (0: nothing). */
struct step {
	uint64_t number, previous;
	bool removed;
};

static struct feed_row row_of(const struct step *step)
{
	return (struct feed_row){
		.number = step->number,
		.time = 1000 + step->number,
		.removed = step->removed,
		.previous = { 7, step->previous },
		.etag = { 7, step->number },
	};
}

static const struct {
	const char *what;
	struct step steps[4]; /* up to the one with number 0 */
	enum merge last;
	uint64_t previous, etag;
} cases[] = {
	{ "changed twice", { { 5, 4, false }, { 9, 5, false } }, MERGE_ABSORBED, 4, 9 },
	{ "created, changed", { { 5, 0, false }, { 9, 5, false } }, MERGE_ABSORBED, 0, 9 },
	{ "created, deleted", { { 5, 0, false }, { 9, 5, true } }, MERGE_VANISHED, 0, 0 },
	{ "changed, deleted", { { 5, 4, false }, { 9, 5, true } }, MERGE_ABSORBED, 4, 0 },
	{ "deleted, created", { { 5, 4, true }, { 9, 0, false } }, MERGE_ABSORBED, 4, 9 },
	{ "deleted, created, deleted", { { 5, 4, true }, { 8, 0, false }, { 9, 8, true } },
		MERGE_ABSORBED, 4, 0 },
	{ "created, changed, deleted", { { 5, 0, false }, { 8, 5, false }, { 9, 8, true } },
		MERGE_VANISHED, 0, 0 },
	{ "deleted, created, changed", { { 5, 4, true }, { 8, 0, false }, { 9, 8, false } },
		MERGE_ABSORBED, 4, 9 },
};

static void unsent_changes_are_told_as_one(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct feed_row row = row_of(&cases[i].steps[0]);
		struct delivery_change change = merge_row(&row);
		enum merge last = MERGE_APART;
		for (size_t at = 1; cases[i].steps[at].number; at++) {
			row = row_of(&cases[i].steps[at]);
			struct delivery_change next = merge_row(&row);
			last = merge_into(&change, &next);
		}
		if (last != cases[i].last || change.etag.number != cases[i].etag)
			print_error("%s\n", cases[i].what);
		assert_int_equal(last, cases[i].last);
		assert_int_equal(change.previous.number, cases[i].previous);
		assert_int_equal(change.etag.number, cases[i].etag);
		assert_int_equal(change.from, 5);
		assert_int_equal(change.to, 9);
		assert_int_equal(change.time, 1005);
	}
}

static void what_may_have_left_stays_as_it_is(void **state)
{
	(void)state;
	struct feed_row row = row_of(&(struct step){ 5, 4, false });
	struct delivery_change change = merge_row(&row);
	row = row_of(&(struct step){ 9, 5, true });
	struct delivery_change next = merge_row(&row);
	change.left = true;
	assert_int_equal(merge_into(&change, &next), MERGE_APART);
	assert_int_equal(change.to, 5);
	assert_int_equal(change.etag.number, 5);
}

static void a_row_that_was_merged_already_is_not_merged_again(void **state)
{
	(void)state;
	for (int left = 0; left < 2; left++) {
		struct delivery_change change = {
			.from = 5, .to = 9, .previous = { 7, 4 }, .etag = { 7, 9 }, .left = left
		};
		struct feed_row row = row_of(&(struct step){ 9, 5, false });
		struct delivery_change next = merge_row(&row);
		assert_int_equal(merge_into(&change, &next), MERGE_KNOWN);
		row = row_of(&(struct step){ 7, 5, true });
		next = merge_row(&row);
		assert_int_equal(merge_into(&change, &next), MERGE_KNOWN);
		assert_int_equal(change.etag.number, 9);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unsent_changes_are_told_as_one),
		cmocka_unit_test(what_may_have_left_stays_as_it_is),
		cmocka_unit_test(a_row_that_was_merged_already_is_not_merged_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
