/* links: notifier_core */
/* SPDX-License-Identifier: BSD-2-Clause */
#include "notifier/saver.h"
#include "unit/store_world.h"

struct waiter {
	struct saved saved;
	struct loop *loop;
	unsigned told;
	bool well, last;
};

static void told(void *context, bool well)
{
	struct waiter *waiter = context;
	waiter->told++;
	waiter->well = well;
	if (waiter->last)
		loop_stop(waiter->loop);
}

static struct waiter waiter_of(struct loop *loop, bool last)
{
	return (struct waiter){ .loop = loop, .last = last };
}

static void ask(struct saver *saver, struct waiter *waiter)
{
	waiter->saved = (struct saved){ .done = told, .context = waiter };
	saver_tell(saver, &waiter->saved);
}

static void check_saved(struct world *world, const char *table, const char *key, const char *wanted)
{
	struct span value;
	enum store_result found = kv_read(world->store, world->arena, table, span_of(key), &value);
	assert_int_equal(found, wanted ? STORE_OK : STORE_ABSENT);
	if (wanted)
		assert_true(span_equal_text(value, wanted));
}

static void what_was_handed_over_is_on_disk_when_it_is_told(void **state)
{
	(void)state;
	struct world *world = world_new();
	struct loop *loop = NULL;
	struct saver *saver = NULL;
	assert_true(loop_new(&loop) && saver_new(&saver, loop, world->store));
	struct waiter first = waiter_of(loop, false), forgotten = waiter_of(loop, false),
		      last = waiter_of(loop, true);
	assert_true(saver_put(saver, "marks", SPAN("a"), SPAN("one"), 60000));
	assert_true(saver_put(saver, "others", SPAN("a"), SPAN("x"), 60000));
	ask(saver, &first);
	ask(saver, &forgotten);
	saver_forget(saver, &forgotten.saved);
	assert_true(saver_put(saver, "marks", SPAN("a"), SPAN("two"), 60000));
	assert_true(saver_put(saver, "others", SPAN("a"), (struct span){ 0 }, 60000));
	ask(saver, &last);
	assert_true(loop_run(loop));
	assert_true(first.told == 1 && first.well && last.told == 1 && last.well);
	assert_int_equal(forgotten.told, 0);
	check_saved(world, "marks", "a", "two");
	check_saved(world, "others", "a", NULL);
	assert_int_equal(saver_failures(saver), 0);
	saver_free(&saver);
	loop_free(&loop);
	world_end(&world);
}

static void what_nobody_asked_for_is_written_in_time_and_the_rest_at_the_end(void **state)
{
	(void)state;
	struct world *world = world_new();
	struct loop *loop = NULL;
	struct saver *saver = NULL;
	struct span value;
	assert_true(loop_new(&loop) && saver_new(&saver, loop, world->store));
	assert_true(saver_put(saver, "marks", SPAN("soon"), SPAN("1"), 10));
	for (int i = 0; i < 2000; i++) {
		usleep(5000);
		if (kv_read(world->store, world->arena, "marks", SPAN("soon"), &value) == STORE_OK)
			break;
	}
	check_saved(world, "marks", "soon", "1");
	assert_true(saver_put(saver, "marks", SPAN("late"), SPAN("2"), 3600 * 1000));
	saver_free(&saver);
	check_saved(world, "marks", "late", "2");
	loop_free(&loop);
	world_end(&world);
}

static void ten_thousand_pairs_are_a_few_commits(void **state)
{
	(void)state;
	struct world *world = world_new();
	struct loop *loop = NULL;
	struct saver *saver = NULL;
	char key[16];
	assert_true(loop_new(&loop) && saver_new(&saver, loop, world->store));
	struct waiter last = waiter_of(loop, true);
	for (int i = 0; i < 10000; i++) {
		snprintf(key, sizeof(key), "%05d", i);
		assert_true(saver_put(saver, "marks", span_of(key), SPAN("v"), 50));
	}
	ask(saver, &last);
	assert_true(loop_run(loop));
	check_saved(world, "marks", "00000", "v");
	check_saved(world, "marks", "09999", "v");
	saver_free(&saver);
	loop_free(&loop);
	world_end(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_handed_over_is_on_disk_when_it_is_told),
		cmocka_unit_test(what_nobody_asked_for_is_written_in_time_and_the_rest_at_the_end),
		cmocka_unit_test(ten_thousand_pairs_are_a_few_commits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
