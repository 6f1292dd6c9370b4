/* links: notifier_core */
/* SPDX-License-Identifier: BSD-2-Clause */
/* A notifier that died at a known moment, with its machine or alone. */
#include "unit/target_world.h"

#include <sys/wait.h>

static void live_and_die(struct world *world)
{
	world_open(world);
	struct hall *hall = hall_of(world, 1);
	hall_start(hall);
	hall_run_until(hall, all_told);
	hall_run(hall, 300, 0);
	hall->answers = held;
	must_put(world, BOB_INDEX, SPAN("<a/>"));
	hall_run(hall, 20, 0);
	for (int i = 0; i < 3; i++)
		must_put(world, ANN_INDEX, SPAN("<b/>"));
	must_remove(world, ANN_INDEX);
	must_put(world, ANN_INDEX, SPAN("<b/>"));
	hall_run(hall, 20, 0);
	_exit(0);
}

static void run_until_death(struct world *world, void (*live)(struct world *world))
{
	store_close(&world->store);
	pid_t child = fork();
	if (!child)
		live(world);
	assert_int_equal(waitpid(child, NULL, 0), child);
}

static void after_a_crash_of_the_machine_rows_are_told_one_by_one(void **state)
{
	(void)state;
	struct world *world = world_new();
	char path[160];
	snprintf(path, sizeof(path), "%s/flight", world->path);
	run_until_death(world, live_and_die);
	unlink(path);
	world_open(world);
	struct hall *hall = hall_of(world, 1);
	hall_start(hall);
	assert_true(hall->notifier.flight_lost);
	hall_run(hall, 20, 0);
	must_put(world, ANN_INDEX, SPAN("<b/>"));
	hall_run_until(hall, all_told);
	assert_int_equal(hall->heard_count, 7);
	static const uint64_t etags[] = { 2, 3, 4, 0, 6, 7 };
	for (size_t i = 0; i < 6; i++)
		assert_heard(&hall->heard[i + 1], ANN, "index", i ? etags[i - 1] : 0, etags[i]);
	hall_end(&hall);
}

static void die_young(struct world *world)
{
	world_open(world);
	struct hall *hall = hall_of(world, 1);
	hall_start(hall);
	hall_run_until(hall, all_told);
	must_put(world, ANN_INDEX, SPAN("<a/>"));
	hall_run(hall, HALL_LONG_MS, 1);
	hall->answers = held;
	must_put(world, ANN_INDEX, SPAN("<b/>"));
	must_put(world, ANN_INDEX, SPAN("<b/>"));
	hall_run(hall, 5, 0);
	_exit(0);
}

static void who_dies_before_the_first_mark_repeats_what_had_left_too(void **state)
{
	(void)state;
	struct world *world = world_new();
	run_until_death(world, die_young);
	world_open(world);
	struct hall *hall = hall_of(world, 1);
	must_put(world, ANN_INDEX, SPAN("<c/>"));
	hall_start(hall);
	hall_run_until(hall, all_told);
	assert_int_equal(hall->heard_count, 2);
	assert_heard(&hall->heard[0], ANN, "index", 1, 3);
	assert_heard(&hall->heard[1], ANN, "index", 3, 4);
	hall_end(&hall);
}

static void what_another_server_was_told_does_not_count(void **state)
{
	(void)state;
	struct world *world = world_new();
	run_until_death(world, live_and_die);
	world_open(world);
	struct hall *hall = hall_of(world, 1);
	hall->targets[0].uri = SPAN("sip:other");
	hall_start(hall);
	assert_false(hall->notifier.flight_lost);
	hall_run_until(hall, all_told);
	assert_int_equal(hall->heard_count, 2);
	assert_heard(&hall->heard[0], ANN, "index", 0, 6);
	assert_heard(&hall->heard[1], BOB, "index", 0, 1);
	hall_end(&hall);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(after_a_crash_of_the_machine_rows_are_told_one_by_one),
		cmocka_unit_test(who_dies_before_the_first_mark_repeats_what_had_left_too),
		cmocka_unit_test(what_another_server_was_told_does_not_count),
	};
	log_setup(LEVEL_ERROR, LOG_TEXT);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
