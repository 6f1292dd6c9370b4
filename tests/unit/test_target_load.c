/* links: notifier_core */
/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/target_world.h"

#include <malloc.h>
#include <time.h>

enum { OWNERS = 20000, CHANGES = 200000, BATCH = 500 };

/* The nth change: of owner after owner, so that each has some. */
static void write_changes(struct world *world, unsigned first, unsigned count)
{
	static struct write writes[BATCH];
	static struct write *pointers[BATCH];
	static char xui[BATCH][32];
	for (unsigned at = 0; at < count; at += BATCH) {
		for (unsigned i = 0; i < BATCH; i++) {
			snprintf(xui[i], sizeof(xui[i]), "sip:u%05u@example.com",
				(first + at + i) % OWNERS);
			writes[i] = put_of(doc_of(LISTS, xui[i], "index"), SPAN("<a/>"));
			pointers[i] = &writes[i];
		}
		assert_int_equal(store_apply(world->store, pointers, BATCH), STORE_OK);
	}
}

static struct hall *hall_wide(void)
{
	struct world *world = world_prepare();
	world->settings.max_size = UINT64_C(1) << 30;
	world->settings.history_versions = 0;
	world_open(world);
	struct hall *hall = hall_of(world, 1);
	hall->only_count = true;
	hall_start(hall);
	hall_run_until(hall, all_told);
	return hall;
}

static struct answer nobody(const struct heard *heard)
{
	(void)heard;
	return (struct answer){ TOLD_NOBODY, false, 0, 0 };
}

static struct answer refused(const struct heard *heard)
{
	(void)heard;
	return (struct answer){ TOLD_REFUSED, false, 0, 0 };
}

static size_t in_use(void)
{
	struct mallinfo2 info = mallinfo2();
	return info.uordblks + info.hblkhd;
}

static uint64_t cpu_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void a_long_feed_for_nobody_costs_no_memory(void **state)
{
	(void)state;
	struct hall *hall = hall_wide();
	hall->answers = nobody;
	write_changes(hall->world, 0, CHANGES / 10);
	hall_run(hall, 300, 0);
	size_t before = in_use();
	write_changes(hall->world, CHANGES / 10, CHANGES - CHANGES / 10);
	hall_run(hall, 2000, 0);
	size_t after = in_use();
	print_message(
		"%zu octets for %d changes, %zu for %d\n", before, CHANGES / 10, after, CHANGES);
	assert_true(after < before + (1 << 20));
	assert_true(hall_peer(hall, 0)->silent);
	hall->answers = NULL;
	hall_run_until(hall, all_told);
	hall_end(&hall);
}

static bool all_parked(struct hall *hall)
{
	return hall_peer(hall, 0)->parked == OWNERS
	       && target_done(hall_peer(hall, 0)) == newest_of(hall);
}

static void a_server_that_refuses_everything_costs_little_memory(void **state)
{
	(void)state;
	struct hall *hall = hall_wide();
	hall->answers = refused;
	write_changes(hall->world, 0, OWNERS);
	hall_run_until(hall, all_parked);
	hall_run(hall, 500, 0);
	size_t parked = hall_peer(hall, 0)->parked_here;
	print_message("%d owners parked, %zu in memory, %zu octets\n", OWNERS, parked, in_use());
	assert_true(parked <= 4096);
	hall_end(&hall);
}

static void telling_leaves_most_of_a_core_to_others(void **state)
{
	(void)state;
	struct hall *hall = hall_wide();
	write_changes(hall->world, 0, OWNERS);
	hall_run_until(hall, all_told);
	size_t before = hall->tells;
	write_changes(hall->world, 0, OWNERS);
	uint64_t start = cpu_us();
	hall_run_until(hall, all_told);
	uint64_t each_ns = (cpu_us() - start) * 1000 / (hall->tells - before);
	print_message("%llu ns a message, %zu on their way at most\n", (unsigned long long)each_ns,
		hall->open_most);
	assert_int_equal(hall->tells - before, OWNERS);
	hall_end(&hall);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_long_feed_for_nobody_costs_no_memory),
		cmocka_unit_test(a_server_that_refuses_everything_costs_little_memory),
		cmocka_unit_test(telling_leaves_most_of_a_core_to_others),
	};
	log_setup(LEVEL_ERROR, LOG_TEXT);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
