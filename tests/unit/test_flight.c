/* links: notifier_core */
/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "notifier/flight.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { GENERATION = 7, SEEN_MOST = 8000, BOOT_AT = 16 };

struct sky {
	char folder[64], path[80];
	struct flight *flight;
	bool lost;
};

static void sky_open(struct sky *sky, uint64_t generation)
{
	assert_true(flight_open(&sky->flight, sky->path, generation, &sky->lost));
}

static struct sky sky_new(void)
{
	struct sky sky = { .folder = "/tmp/xcapd-flight-XXXXXX" };
	assert_non_null(mkdtemp(sky.folder));
	snprintf(sky.path, sizeof(sky.path), "%s/flight", sky.folder);
	sky_open(&sky, GENERATION);
	return sky;
}

static void sky_end(struct sky *sky)
{
	flight_close(&sky->flight, true);
	unlink(sky->path);
	rmdir(sky->folder);
}

struct seen {
	struct flight_record records[SEEN_MOST];
	size_t count;
	uint32_t drop; /* records of this state are freed */
};

static bool see(void *context, size_t place, const struct flight_record *record)
{
	struct seen *seen = context;
	assert_true(place > 0 && seen->count < SEEN_MOST);
	seen->records[seen->count++] = *record;
	return record->state != seen->drop;
}

static size_t count_records(struct sky *sky)
{
	static struct seen seen;
	seen = (struct seen){ .drop = UINT32_MAX };
	flight_visit(sky->flight, see, &seen);
	return seen.count;
}

static const struct flight_record sample = {
	.kind = FLIGHT_TELLING, .state = 1, .owner = 2, .from = 3, .to = 4, .extra = { 5, 6, 7, 8 }
};

static void a_first_start_knows_nothing(void **state)
{
	(void)state;
	struct sky sky = sky_new();
	assert_true(sky.lost);
	assert_int_equal(count_records(&sky), 0);
	sky_end(&sky);
}

static void a_killed_process_leaves_its_records(void **state)
{
	(void)state;
	struct sky sky = sky_new();
	pid_t child = fork();
	if (!child) {
		struct flight_record record = sample;
		size_t place = flight_take(sky.flight, &record);
		record.state = 2;
		flight_take(sky.flight, &record);
		record.state = 9;
		flight_set(sky.flight, place, &record);
		flight_release(sky.flight, flight_take(sky.flight, &record));
		_exit(0);
	}
	assert_int_equal(waitpid(child, NULL, 0), child);
	flight_close(&sky.flight, false);
	sky_open(&sky, GENERATION);
	assert_false(sky.lost);
	static struct seen seen;
	seen = (struct seen){ .drop = 2 };
	flight_visit(sky.flight, see, &seen);
	assert_int_equal(seen.count, 2);
	assert_int_equal(seen.records[0].state, 9);
	assert_int_equal(seen.records[1].state, 2);
	seen.records[0].state = sample.state;
	assert_memory_equal(&seen.records[0], &sample, sizeof(sample));
	assert_int_equal(count_records(&sky), 1);
	sky_end(&sky);
}

static void after_a_clean_end_nothing_is_lost_and_nothing_is_there(void **state)
{
	(void)state;
	struct sky sky = sky_new();
	assert_int_not_equal(flight_take(sky.flight, &sample), 0);
	flight_close(&sky.flight, true);
	assert_null(sky.flight);
	sky_open(&sky, GENERATION);
	assert_false(sky.lost);
	assert_int_equal(count_records(&sky), 0);
	sky_end(&sky);
}

static void another_generation_or_boot_has_lost_what_was_there(void **state)
{
	(void)state;
	for (int boot = 0; boot < 2; boot++) {
		struct sky sky = sky_new();
		flight_take(sky.flight, &sample);
		flight_close(&sky.flight, false);
		if (boot) {
			int fd = open(sky.path, O_RDWR);
			assert_int_equal(pwrite(fd, "another boot", 12, BOOT_AT), 12);
			close(fd);
		}
		sky_open(&sky, boot ? GENERATION : GENERATION + 1);
		assert_true(sky.lost);
		assert_int_equal(count_records(&sky), 0);
		sky_end(&sky);
	}
}

static void a_clean_end_is_still_one_after_another_boot(void **state)
{
	(void)state;
	struct sky sky = sky_new();
	flight_close(&sky.flight, true);
	int fd = open(sky.path, O_RDWR);
	assert_int_equal(pwrite(fd, "another boot", 12, BOOT_AT), 12);
	close(fd);
	sky_open(&sky, GENERATION);
	assert_false(sky.lost);
	sky_end(&sky);
}

static void it_grows_and_places_come_back(void **state)
{
	(void)state;
	struct sky sky = sky_new();
	struct flight_record record = sample;
	size_t places[5000], last = 0;
	for (size_t i = 0; i < 5000; i++) {
		record.from = i;
		places[i] = flight_take(sky.flight, &record);
		assert_int_not_equal(places[i], 0);
		last = places[i] > last ? places[i] : last;
	}
	assert_int_equal(count_records(&sky), 5000);
	flight_close(&sky.flight, false);
	sky_open(&sky, GENERATION);
	assert_int_equal(count_records(&sky), 5000);
	for (size_t i = 0; i < 5000; i++)
		flight_release(sky.flight, places[i]);
	assert_int_equal(count_records(&sky), 0);
	for (size_t i = 0; i < 5000; i++)
		assert_true(flight_take(sky.flight, &record) <= 2 * last);
	flight_set(sky.flight, 0, &record);
	flight_release(sky.flight, 0);
	sky_end(&sky);
}

static void a_file_that_is_cut_off_or_garbage_is_begun_anew(void **state)
{
	(void)state;
	static const struct {
		off_t length;
		bool garbage;
	} cases[] = { { 0, false }, { 10, false }, { 64, false }, { 100000, false },
		{ 300000, true } };
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sky sky = sky_new();
		flight_take(sky.flight, &sample);
		flight_close(&sky.flight, false);
		assert_int_equal(truncate(sky.path, cases[i].length), 0);
		if (cases[i].garbage) {
			char octets[256];
			memset(octets, 'x', sizeof(octets));
			int fd = open(sky.path, O_RDWR);
			assert_int_equal(pwrite(fd, octets, sizeof(octets), 0), 256);
			close(fd);
		}
		sky_open(&sky, GENERATION);
		assert_true(sky.lost);
		assert_int_equal(count_records(&sky), 0);
		assert_int_not_equal(flight_take(sky.flight, &sample), 0);
		sky_end(&sky);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_first_start_knows_nothing),
		cmocka_unit_test(a_killed_process_leaves_its_records),
		cmocka_unit_test(after_a_clean_end_nothing_is_lost_and_nothing_is_there),
		cmocka_unit_test(another_generation_or_boot_has_lost_what_was_there),
		cmocka_unit_test(a_clean_end_is_still_one_after_another_boot),
		cmocka_unit_test(it_grows_and_places_come_back),
		cmocka_unit_test(a_file_that_is_cut_off_or_garbage_is_begun_anew),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
