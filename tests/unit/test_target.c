/* links: notifier_core */
/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/target_world.h"

#define ANN_BOOK doc_of(LISTS, ANN, "book")
#define ANN_RULES doc_of("pres-rules", ANN, "index")

static struct answer ann_is_held(const struct heard *heard)
{
	return (struct answer){ TOLD_WELL, !strcmp(heard->owner, ANN), 0, 0 };
}

static struct answer ann_is_refused(const struct heard *heard)
{
	return (struct answer){ strcmp(heard->owner, ANN) ? TOLD_WELL : TOLD_REFUSED, false, 0, 0 };
}

static struct answer refused(const struct heard *heard)
{
	(void)heard;
	return (struct answer){ TOLD_REFUSED, false, 0, 0 };
}

static struct answer nobody(const struct heard *heard)
{
	(void)heard;
	return (struct answer){ TOLD_NOBODY, false, 0, 0 };
}

/* As the usual ones, but quicker. */
static const struct target_limits quick = {
	.window = 64,
	.tells = 16,
	.parked_tells = 8,
	.parked = 8,
	.landed = 1024,
	.recents = 1024,
	.apart = 16,
	.slow_ms = 50,
	.round_ms = 200,
	.least_wait_ms = 20,
	.most_wait_ms = 100,
};

static struct hall *hall_quick(size_t targets)
{
	struct hall *hall = hall_new(targets);
	hall->limits = quick;
	hall->limited = true;
	hall_start(hall);
	hall_run_until(hall, all_told);
	return hall;
}

static void a_change_is_told_at_once(void **state)
{
	(void)state;
	struct hall *hall = hall_quick(2);
	uint64_t one = must_put(hall->world, ANN_INDEX, SPAN("<a/>")).number;
	hall_run(hall, 500, 2);
	assert_heard(&hall->heard[0], ANN, "index", 0, one);
	assert_heard(&hall->heard[1], ANN, "index", 0, one);
	assert_string_not_equal(hall->heard[0].teller, hall->heard[1].teller);
	uint64_t two = must_put(hall->world, ANN_INDEX, SPAN("<b/>")).number;
	must_remove(hall->world, ANN_INDEX);
	hall_run(hall, 500, 2);
	assert_heard(&hall->heard[2], ANN, "index", one, 0);
	assert_true(two > one);
	hall_end(&hall);
}

static void changes_that_wait_are_told_as_one(void **state)
{
	(void)state;
	struct hall *hall = hall_quick(1);
	uint64_t etags[6];
	hall->answers = held;
	etags[0] = must_put(hall->world, ANN_INDEX, SPAN("<a/>")).number;
	hall_run(hall, 20, 0);
	assert_int_equal(hall->heard_count, 1);
	for (size_t i = 1; i < 4; i++)
		etags[i] = must_put(hall->world, ANN_INDEX, SPAN("<b/>")).number;
	etags[4] = must_put(hall->world, ANN_BOOK, SPAN("<b/>")).number;
	etags[5] = must_put(hall->world, ANN_INDEX, SPAN("<c/>")).number;
	must_put(hall->world, ANN_RULES, SPAN("<c/>"));
	must_remove(hall->world, ANN_RULES);
	hall_run(hall, 20, 0);
	assert_int_equal(hall->heard_count, 1);
	hall->answers = NULL;
	hall_release(hall);
	hall_run_until(hall, all_told);
	assert_int_equal(hall->heard_count, 3);
	assert_heard(&hall->heard[0], ANN, "index", 0, etags[0]);
	assert_heard(&hall->heard[1], ANN, "index", etags[0], etags[5]);
	assert_heard(&hall->heard[2], ANN, "book", 0, etags[4]);
	hall_end(&hall);
}

static void one_owner_has_one_message_on_its_way_and_others_go_on(void **state)
{
	(void)state;
	struct hall *hall = hall_quick(1);
	hall->answers = ann_is_held;
	must_put(hall->world, ANN_INDEX, SPAN("<a/>"));
	must_put(hall->world, ANN_BOOK, SPAN("<a/>"));
	for (int i = 0; i < 10; i++)
		must_put(hall->world, BOB_INDEX, SPAN("<a/>"));
	hall_run(hall, 100, 0);
	size_t ann = 0;
	for (size_t i = 0; i < hall->heard_count; i++)
		ann += !strcmp(hall->heard[i].owner, ANN);
	assert_int_equal(ann, 1);
	assert_true(hall->heard_count >= 2);
	hall->answers = NULL;
	hall_release(hall);
	hall_run_until(hall, all_told);
	assert_string_equal(hall->heard[hall->heard_count - 1].path, "book");
	hall_end(&hall);
}

static void usages_that_a_target_does_not_want_are_left_out(void **state)
{
	(void)state;
	struct hall *hall = hall_new(1);
	const struct span rules[] = { SPAN("pres-rules"), SPAN("nothing") };
	hall->targets[0].usages = (struct span_list){ rules, 2 };
	must_put(hall->world, ANN_INDEX, SPAN("<a/>"));
	must_put(hall->world, ANN_RULES, SPAN("<a/>"));
	hall_start(hall);
	hall_run_until(hall, all_told);
	assert_int_equal(hall->heard_count, 1);
	must_put(hall->world, ANN_INDEX, SPAN("<b/>"));
	must_put(hall->world, ANN_RULES, SPAN("<b/>"));
	hall_run_until(hall, all_told);
	assert_int_equal(hall->heard_count, 2);
	assert_string_equal(hall->heard[1].auid, "pres-rules");
	hall_end(&hall);
}

/* --- failures --- */

static bool ann_is_parked(struct hall *hall)
{
	return hall_peer(hall, 0)->parked == 1;
}

static void an_owner_who_fails_is_parked_and_the_mark_goes_on(void **state)
{
	(void)state;
	struct hall *hall = hall_quick(1);
	hall->answers = ann_is_refused;
	uint64_t one = must_put(hall->world, ANN_INDEX, SPAN("<a/>")).number;
	hall_run_until(hall, ann_is_parked);
	must_put(hall->world, ANN_INDEX, SPAN("<b/>"));
	uint64_t three = must_put(hall->world, ANN_INDEX, SPAN("<c/>")).number;
	must_put(hall->world, BOB_INDEX, SPAN("<a/>"));
	hall_run(hall, 1000, 0);
	struct delivery_mark mark = hall_mark(hall, "t0");
	assert_int_equal(mark.position, newest_of(hall));
	assert_int_equal(mark.parked, 1);
	assert_true(span_equal_text(mark.error, "404 Not Found"));
	assert_int_equal(hall_pending(hall), 2);
	struct target_figures figures = hall_figures(hall, 0);
	assert_int_equal(figures.parked, 1);
	assert_true(figures.failed > 2 && figures.lag_ms > 500);
	for (size_t i = 0; i < hall->heard_count; i++)
		if (!strcmp(hall->heard[i].owner, ANN))
			assert_heard(&hall->heard[i], ANN, "index", 0, one);
	hall->answers = NULL;
	hall_run_until(hall, all_told);
	assert_heard(&hall->heard[hall->heard_count - 1], ANN, "index", one, three);
	hall_run(hall, 1000, 0);
	assert_int_equal(hall_pending(hall), 0);
	assert_int_equal(hall_mark(hall, "t0").parked, 0);
	assert_int_equal(hall_figures(hall, 0).last_error.size, 0);
	hall_end(&hall);
}

static void parked_owners_outlive_a_stop_in_order(void **state)
{
	(void)state;
	struct hall *hall = hall_quick(1);
	hall->answers = ann_is_refused;
	uint64_t one = must_put(hall->world, ANN_INDEX, SPAN("<a/>")).number;
	hall_run_until(hall, ann_is_parked);
	uint64_t two = must_put(hall->world, ANN_INDEX, SPAN("<b/>")).number;
	hall_run(hall, 300, 0);
	hall_stop(hall);
	uint64_t three = must_put(hall->world, ANN_INDEX, SPAN("<c/>")).number;
	hall->answers = NULL;
	size_t before = hall->heard_count;
	hall_start(hall);
	assert_false(hall->notifier.flight_lost);
	hall_run_until(hall, all_told);
	assert_int_equal(hall->heard_count, before + 2);
	assert_heard(&hall->heard[before], ANN, "index", 0, one);
	assert_heard(&hall->heard[before + 1], ANN, "index", one, three);
	assert_true(two > one);
	hall_end(&hall);
}

static void what_was_on_its_way_at_a_stop_is_told_again_and_nothing_else(void **state)
{
	(void)state;
	struct hall *hall = hall_quick(1);
	hall->answers = ann_is_held;
	uint64_t one = must_put(hall->world, ANN_INDEX, SPAN("<a/>")).number;
	must_put(hall->world, BOB_INDEX, SPAN("<a/>"));
	hall_run(hall, 20, 0);
	must_put(hall->world, ANN_INDEX, SPAN("<b/>"));
	uint64_t two = must_put(hall->world, ANN_INDEX, SPAN("<c/>")).number;
	hall_run(hall, 20, 0);
	assert_int_equal(hall->heard_count, 2);
	hall_stop(hall);
	hall->answers = NULL;
	hall_start(hall);
	hall_run_until(hall, all_told);
	assert_int_equal(hall->heard_count, 4);
	assert_heard(&hall->heard[2], ANN, "index", 0, one);
	assert_heard(&hall->heard[3], ANN, "index", one, two);
	hall_end(&hall);
}

static bool many_are_parked(struct hall *hall)
{
	return hall_peer(hall, 0)->parked == 200;
}

static void owners_too_many_for_the_memory_wait_on_disk(void **state)
{
	(void)state;
	struct hall *hall = hall_quick(1);
	char xui[40];
	hall->answers = refused;
	for (int i = 0; i < 200; i++) {
		snprintf(xui, sizeof(xui), "sip:u%03d@example.com", i);
		must_put(hall->world, doc_of(LISTS, xui, "index"), SPAN("<a/>"));
	}
	hall_run_until(hall, many_are_parked);
	hall_run(hall, 1500, 0);
	assert_true(hall_peer(hall, 0)->parked_here <= quick.parked);
	assert_int_equal(hall_mark(hall, "t0").position, newest_of(hall));
	assert_int_equal(hall_mark(hall, "t0").parked, 200);
	for (int i = 0; i < 200; i++) {
		snprintf(xui, sizeof(xui), "sip:u%03d@example.com", i);
		must_put(hall->world, doc_of(LISTS, xui, "index"), SPAN("<b/>"));
	}
	hall_run(hall, 500, 0);
	hall->answers = NULL;
	size_t before = hall->heard_count;
	hall_run_until(hall, all_told);
	assert_int_equal(hall->heard_count, before + 400);
	hall_run(hall, 700, 0);
	assert_int_equal(hall_pending(hall), 0);
	hall_end(&hall);
}

static void a_target_that_is_away_is_probed_and_costs_nothing(void **state)
{
	(void)state;
	struct hall *hall = hall_quick(1);
	char xui[40];
	hall->answers = nobody;
	for (int i = 0; i < 500; i++) {
		snprintf(xui, sizeof(xui), "sip:u%03d@example.com", i);
		must_put(hall->world, doc_of(LISTS, xui, "index"), SPAN("<a/>"));
	}
	hall_run(hall, 1000, 0);
	const struct peer *peer = hall_peer(hall, 0);
	assert_true(peer->silent);
	assert_true(peer->parked <= 1);
	assert_true(peer->order.count <= quick.window);
	assert_true(hall->tells < 60);
	assert_true(hall_mark(hall, "t0").away);
	hall->answers = NULL;
	hall_run_until(hall, all_told);
	assert_false(peer->silent);
	for (int i = 0; i < 500; i++) {
		snprintf(xui, sizeof(xui), "sip:u%03d@example.com", i);
		bool found = false;
		for (size_t at = 0; at < hall->heard_count && !found; at++)
			found = !strcmp(hall->heard[at].owner, xui);
		assert_true(found);
	}
	hall_end(&hall);
}

static struct answer asked_to_wait(const struct heard *heard)
{
	(void)heard;
	return (struct answer){ TOLD_REFUSED, false, 0, 1 };
}

static void retry_after_wins(void **state)
{
	(void)state;
	struct hall *hall = hall_quick(1);
	hall->answers = asked_to_wait;
	must_put(hall->world, ANN_INDEX, SPAN("<a/>"));
	hall_run(hall, 900, 0);
	assert_int_equal(hall->heard_count, 1);
	hall->answers = NULL;
	hall_run_until(hall, all_told);
	assert_int_equal(hall->heard_count, 2);
	assert_true(hall->heard[1].ms - hall->heard[0].ms >= 1000);
	hall_end(&hall);
}

static void an_owner_without_an_answer_does_not_hold_up_the_mark(void **state)
{
	(void)state;
	struct hall *hall = hall_quick(1);
	hall->answers = ann_is_held;
	must_put(hall->world, ANN_INDEX, SPAN("<a/>"));
	hall_run(hall, 60, 0);
	must_put(hall->world, BOB_INDEX, SPAN("<a/>"));
	hall_run(hall, 1500, 0);
	assert_int_equal(hall_mark(hall, "t0").position, newest_of(hall));
	assert_int_equal(hall_mark(hall, "t0").parked, 1);
	hall->answers = NULL;
	hall_release(hall);
	hall_run_until(hall, all_told);
	assert_int_equal(hall->heard_count, 2);
	hall_end(&hall);
}

/* --- intervals --- */

static void two_messages_of_a_document_keep_their_interval(void **state)
{
	(void)state;
	struct hall *hall = hall_new(1);
	hall->targets[0].min_interval_ms = 300;
	hall_start(hall);
	hall_run_until(hall, all_told);
	uint64_t one = must_put(hall->world, ANN_INDEX, SPAN("<a/>")).number, last = 0;
	hall_run(hall, 200, 1);
	for (int i = 0; i < 5; i++) {
		last = must_put(hall->world, ANN_INDEX, SPAN("<b/>")).number;
		must_put(hall->world, BOB_INDEX, SPAN("<b/>"));
		hall_run(hall, 10, 0);
	}
	hall_run_until(hall, all_told);
	assert_int_equal(hall->heard_count, 4);
	assert_heard(&hall->heard[0], ANN, "index", 0, one);
	for (size_t i = 2; i < 4; i++)
		if (!strcmp(hall->heard[i].owner, ANN)) {
			assert_heard(&hall->heard[i], ANN, "index", one, last);
			assert_true(hall->heard[i].ms - hall->heard[0].ms >= 300);
		}
	hall_end(&hall);
}

/* --- resync --- */

static void a_new_target_is_told_what_there_is(void **state)
{
	(void)state;
	struct hall *hall = hall_new(2);
	uint64_t one = must_put(hall->world, ANN_INDEX, SPAN("<a/>")).number;
	uint64_t two = must_put(hall->world, ANN_RULES, SPAN("<a/>")).number;
	uint64_t three = must_put(hall->world, BOB_INDEX, SPAN("<a/>")).number;
	one = must_put(hall->world, ANN_INDEX, SPAN("<b/>")).number;
	must_remove(hall->world, BOB_INDEX);
	hall->settings.target_count = 1;
	hall_start(hall);
	hall_run_until(hall, all_told);
	assert_int_equal(hall->heard_count, 3);
	assert_heard(&hall->heard[0], ANN, "index", 0, two);
	assert_heard(&hall->heard[1], ANN, "index", 0, one);
	assert_heard(&hall->heard[2], BOB, "index", three, 0);
	hall_stop(hall);
	hall->settings.target_count = 2;
	hall_start(hall);
	hall_run_until(hall, all_told);
	assert_int_equal(hall->heard_count, 6);
	for (size_t i = 3; i < 6; i++)
		assert_string_equal(hall->heard[i].teller, "t1");
	hall_end(&hall);
}

static void a_mark_that_fell_out_of_the_feed_asks_for_what_is_younger(void **state)
{
	(void)state;
	struct world *world = world_prepare();
	world->settings.feed_keep_ms = 0;
	world_open(world);
	struct hall *hall = hall_of(world, 1);
	must_put(world, ANN_INDEX, SPAN("<a/>"));
	uint64_t bob = must_put(world, BOB_INDEX, SPAN("<a/>")).number;
	hall_start(hall);
	hall_run_until(hall, all_told);
	hall_run(hall, 300, 0);
	hall_stop(hall);
	uint64_t book = must_put(world, ANN_BOOK, SPAN("<a/>")).number;
	must_remove(world, BOB_INDEX);
	uint64_t rules = must_put(world, ANN_RULES, SPAN("<a/>")).number;
	usleep(5000);
	bool more;
	assert_int_equal(store_trim(world->store, UINT64_MAX, 100, &more), STORE_OK);
	size_t before = hall->heard_count;
	hall_start(hall);
	hall_run_until(hall, all_told);
	assert_int_equal(hall->heard_count, before + 3);
	assert_heard(&hall->heard[before], ANN, "index", 0, rules);
	assert_heard(&hall->heard[before + 1], ANN, "book", 0, book);
	assert_heard(&hall->heard[before + 2], BOB, "index", bob, 0);
	hall_end(&hall);
}

static void another_server_or_other_usages_are_told_everything(void **state)
{
	(void)state;
	struct hall *hall = hall_new(1);
	must_put(hall->world, ANN_INDEX, SPAN("<a/>"));
	hall_start(hall);
	hall_run_until(hall, all_told);
	assert_int_equal(hall->heard_count, 1);
	assert_true(targets_reload(hall->notifier.targets, stderr));
	hall_run(hall, 100, 0);
	assert_int_equal(hall->heard_count, 1);
	struct target_settings other = hall->targets[0];
	other.uri = SPAN("sip:bad");
	struct settings former = hall->settings, later = hall->settings;
	later.targets = &other;
	hall->notifier.settings = &later;
	FILE *problems = tmpfile();
	assert_false(targets_reload(hall->notifier.targets, problems));
	assert_true(ftell(problems) > 0);
	fclose(problems);
	other.uri = SPAN("sip:other");
	assert_true(targets_reload(hall->notifier.targets, stderr));
	hall_run_until(hall, all_told);
	assert_int_equal(hall->heard_count, 2);
	(void)former;
	hall_stop(hall);
	hall_start(hall);
	hall_run_until(hall, all_told);
	assert_int_equal(hall->heard_count, 3);
	hall_end(&hall);
}

static void a_reload_repeats_what_was_on_its_way_and_drops_who_is_gone(void **state)
{
	(void)state;
	struct hall *hall = hall_quick(2);
	hall->answers = held;
	uint64_t one = must_put(hall->world, ANN_INDEX, SPAN("<a/>")).number;
	hall_run(hall, 50, 0);
	assert_int_equal(hall->heard_count, 2);
	hall->settings.target_count = 1;
	hall->answers = NULL;
	assert_true(targets_reload(hall->notifier.targets, stderr));
	assert_int_equal(targets_count(hall->notifier.targets), 1);
	hall_run_until(hall, all_told);
	assert_int_equal(hall->heard_count, 3);
	assert_heard(&hall->heard[2], ANN, "index", 0, one);
	hall->settings.target_count = 2;
	assert_true(targets_reload(hall->notifier.targets, stderr));
	hall_run_until(hall, all_told);
	assert_int_equal(hall->heard_count, 4);
	assert_heard(&hall->heard[3], ANN, "index", 0, one);
	assert_string_equal(hall->heard[3].teller, "t1");
	hall_end(&hall);
}

static void a_drain_waits_for_answers_and_begins_nothing(void **state)
{
	(void)state;
	struct hall *hall = hall_quick(1);
	hall->answers = held;
	must_put(hall->world, ANN_INDEX, SPAN("<a/>"));
	hall_run(hall, 50, 0);
	must_put(hall->world, BOB_INDEX, SPAN("<a/>"));
	targets_drain(hall->notifier.targets, hall_drained, hall);
	hall_run(hall, 50, 0);
	assert_false(hall->drained);
	hall_release(hall);
	hall_run(hall, 50, 0);
	assert_true(hall->drained);
	assert_int_equal(hall->heard_count, 1);
	hall_end(&hall);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_change_is_told_at_once),
		cmocka_unit_test(changes_that_wait_are_told_as_one),
		cmocka_unit_test(one_owner_has_one_message_on_its_way_and_others_go_on),
		cmocka_unit_test(usages_that_a_target_does_not_want_are_left_out),
		cmocka_unit_test(an_owner_who_fails_is_parked_and_the_mark_goes_on),
		cmocka_unit_test(parked_owners_outlive_a_stop_in_order),
		cmocka_unit_test(what_was_on_its_way_at_a_stop_is_told_again_and_nothing_else),
		cmocka_unit_test(owners_too_many_for_the_memory_wait_on_disk),
		cmocka_unit_test(a_target_that_is_away_is_probed_and_costs_nothing),
		cmocka_unit_test(retry_after_wins),
		cmocka_unit_test(an_owner_without_an_answer_does_not_hold_up_the_mark),
		cmocka_unit_test(two_messages_of_a_document_keep_their_interval),
		cmocka_unit_test(a_new_target_is_told_what_there_is),
		cmocka_unit_test(a_mark_that_fell_out_of_the_feed_asks_for_what_is_younger),
		cmocka_unit_test(another_server_or_other_usages_are_told_everything),
		cmocka_unit_test(a_reload_repeats_what_was_on_its_way_and_drops_who_is_gone),
		cmocka_unit_test(a_drain_waits_for_answers_and_begins_nothing),
	};
	log_setup(LEVEL_ERROR, LOG_TEXT);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
