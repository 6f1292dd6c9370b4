/* links: auth */
/* SPDX-License-Identifier: BSD-2-Clause */
/* The limit on failed logins (CONTRACT.md limits.login-failures). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "auth/limit.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <string.h>

#define NOW UINT64_C(1790000000000)
#define MOST 5

static struct limiter *limiter;

static int start(void **state)
{
	(void)state;
	return limiter_new(&limiter) ? 0 : -1;
}

static int stop(void **state)
{
	(void)state;
	limiter_free(&limiter);
	return limiter ? -1 : 0;
}

static struct limit_key key_of(const char *address, struct span name)
{
	struct limit_key key;
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	if (inet_pton(AF_INET6, address, &v6.sin6_addr) == 1) {
		limiter_key(limiter, (const struct sockaddr *)&v6, name, &key);
	} else {
		assert_int_equal(inet_pton(AF_INET, address, &v4.sin_addr), 1);
		limiter_key(limiter, (const struct sockaddr *)&v4, name, &key);
	}
	return key;
}

static struct limit_key key_numbered(const char *address, unsigned number)
{
	return key_of(address, (struct span){ (const char *)&number, sizeof(number) });
}

static void fail_times(const struct limit_key *key, unsigned times, uint64_t when)
{
	while (times--)
		limiter_failed(limiter, key, when);
}

static void failures_up_to_the_limit_are_heard(void **state)
{
	(void)state;
	struct limit_key key = key_of("192.0.2.1", SPAN("alice"));
	for (unsigned i = 0; i < MOST; i++) {
		assert_int_equal(limiter_wait(limiter, &key, MOST, NOW + i), 0);
		limiter_failed(limiter, &key, NOW + i);
	}
	assert_int_equal(limiter_wait(limiter, &key, MOST, NOW + MOST), 60);
}

static void the_wait_ends_a_minute_after_the_first_failure(void **state)
{
	static const struct {
		uint64_t later;
		unsigned seconds;
	} rows[] = {
		{ 0, 60 },
		{ 1, 60 },
		{ 1000, 59 },
		{ 30500, 30 },
		{ 59000, 1 },
		{ 59999, 1 },
		{ 60000, 0 },
		{ 3600000, 0 },
	};
	(void)state;
	struct limit_key key = key_of("192.0.2.1", SPAN("alice"));
	fail_times(&key, MOST, NOW);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_int_equal(
			limiter_wait(limiter, &key, MOST, NOW + rows[i].later), rows[i].seconds);
	fail_times(&key, 1, NOW + 60000);
	assert_int_equal(limiter_wait(limiter, &key, MOST, NOW + 60000), 0);
}

static void a_thread_whose_clock_is_behind_starts_no_new_minute(void **state)
{
	(void)state;
	struct limit_key key = key_of("192.0.2.1", SPAN("alice"));
	fail_times(&key, MOST - 1, NOW);
	fail_times(&key, 1, NOW - 3);
	assert_true(limiter_wait(limiter, &key, MOST, NOW) > 0);
	assert_true(limiter_wait(limiter, &key, MOST, NOW - 3) > 0);
	assert_int_equal(limiter_wait(limiter, &key, MOST, NOW - 3600000), 0);
}

static void other_names_and_other_addresses_are_not_held_up(void **state)
{
	(void)state;
	struct limit_key key = key_of("192.0.2.1", SPAN("alice"));
	fail_times(&key, MOST, NOW);
	const struct limit_key others[] = { key_of("192.0.2.1", SPAN("bob")),
		key_of("192.0.2.2", SPAN("alice")), key_of("2001:db8::1", SPAN("alice")),
		key_of("192.0.2.1", SPAN("")) };
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		assert_int_equal(limiter_wait(limiter, &others[i], MOST, NOW), 0);
	struct limit_key mapped = key_of("::ffff:192.0.2.1", SPAN("alice"));
	assert_true(limiter_wait(limiter, &mapped, MOST, NOW) > 0);
}

static void it_is_quiet_until_somebody_fails_and_a_minute_after_the_last(void **state)
{
	(void)state;
	struct limit_key key = key_of("192.0.2.1", SPAN("alice"));
	assert_true(limiter_quiet(limiter, NOW));
	fail_times(&key, 1, NOW);
	fail_times(&key, 1, NOW + 5000);
	fail_times(&key, 1, NOW + 4000);
	assert_false(limiter_quiet(limiter, NOW));
	assert_false(limiter_quiet(limiter, NOW + 64999));
	assert_true(limiter_quiet(limiter, NOW + 65000));
	assert_false(limiter_quiet(limiter, NOW - 3600000)); /* a clock that was set back */
}

static void zero_switches_it_off(void **state)
{
	(void)state;
	struct limit_key key = key_of("192.0.2.1", SPAN("alice"));
	fail_times(&key, 1000, NOW);
	assert_int_equal(limiter_wait(limiter, &key, 0, NOW), 0);
}

static void an_address_that_tries_many_names_is_held_up_as_a_whole(void **state)
{
	(void)state;
	for (unsigned i = 0; i < MOST * LIMIT_NAMES; i++) {
		struct limit_key key = key_numbered("192.0.2.1", i);
		assert_int_equal(limiter_wait(limiter, &key, MOST, NOW), 0);
		limiter_failed(limiter, &key, NOW);
	}
	struct limit_key next = key_of("192.0.2.1", SPAN("somebody"));
	struct limit_key neighbour = key_of("192.0.2.2", SPAN("somebody"));
	assert_true(limiter_wait(limiter, &next, MOST, NOW) > 0);
	assert_int_equal(limiter_wait(limiter, &neighbour, MOST, NOW), 0);
}

static void an_ipv6_line_counts_as_one_address_in_all_but_not_for_a_name(void **state)
{
	(void)state;
	struct limit_key one = key_of("2001:db8::1", SPAN("a")),
			 two = key_of("2001:db8::2", SPAN("a"));
	struct limit_key far = key_of("2001:db8:0:1::1", SPAN("a"));
	fail_times(&one, MOST, NOW);
	assert_int_equal(limiter_wait(limiter, &two, MOST, NOW), 0);
	fail_times(&one, MOST * (LIMIT_NAMES - 1), NOW);
	assert_true(limiter_wait(limiter, &two, MOST, NOW) > 0);
	assert_int_equal(limiter_wait(limiter, &far, MOST, NOW), 0);
}

static void a_full_table_forgets_the_oldest(void **state)
{
	(void)state;
	struct limit_key old = key_of("192.0.2.1", SPAN("old"));
	fail_times(&old, MOST, NOW);
	for (unsigned i = 0; i < 4 * LIMIT_BUCKETS * LIMIT_WAYS; i++) {
		struct limit_key key = key_numbered("198.51.100.1", i);
		limiter_failed(limiter, &key, NOW + 1 + i / 1000);
	}
	struct limit_key recent = key_of("192.0.2.1", SPAN("recent"));
	fail_times(&recent, MOST, NOW + 1000);
	assert_int_equal(limiter_wait(limiter, &old, MOST, NOW + 1000), 0);
	assert_true(limiter_wait(limiter, &recent, MOST, NOW + 1000) > 0);
}

enum { THREADS = 8, TIMES = 500 };

static void *fail_often(void *key)
{
	for (unsigned i = 0; i < TIMES; i++) {
		fail_times(key, 1, NOW + i);
		limiter_wait(limiter, key, UINT32_MAX, NOW);
	}
	return NULL;
}

static void no_failure_is_lost_between_threads(void **state)
{
	(void)state;
	pthread_t threads[THREADS];
	struct limit_key key = key_of("192.0.2.1", SPAN("alice"));
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, fail_often, &key), 0);
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_true(limiter_wait(limiter, &key, THREADS * TIMES, NOW) > 0);
	assert_int_equal(limiter_wait(limiter, &key, THREADS * TIMES + 1, NOW), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(failures_up_to_the_limit_are_heard, start, stop),
		cmocka_unit_test_setup_teardown(
			the_wait_ends_a_minute_after_the_first_failure, start, stop),
		cmocka_unit_test_setup_teardown(
			a_thread_whose_clock_is_behind_starts_no_new_minute, start, stop),
		cmocka_unit_test_setup_teardown(
			other_names_and_other_addresses_are_not_held_up, start, stop),
		cmocka_unit_test_setup_teardown(
			it_is_quiet_until_somebody_fails_and_a_minute_after_the_last, start, stop),
		cmocka_unit_test_setup_teardown(zero_switches_it_off, start, stop),
		cmocka_unit_test_setup_teardown(
			an_address_that_tries_many_names_is_held_up_as_a_whole, start, stop),
		cmocka_unit_test_setup_teardown(
			an_ipv6_line_counts_as_one_address_in_all_but_not_for_a_name, start, stop),
		cmocka_unit_test_setup_teardown(a_full_table_forgets_the_oldest, start, stop),
		cmocka_unit_test_setup_teardown(no_failure_is_lost_between_threads, start, stop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
