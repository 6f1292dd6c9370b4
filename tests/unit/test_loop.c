/* links: notifier_core */
/* SPDX-License-Identifier: BSD-2-Clause */
#include "notifier/loop.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cmocka.h>

static struct loop *loop;

static int begin(void **state)
{
	(void)state;
	return loop_new(&loop) ? 0 : -1;
}

static int end(void **state)
{
	(void)state;
	loop_free(&loop);
	return 0;
}

static void stop(void *context)
{
	(void)context;
	loop_stop(loop);
}

/* --- timers --- */

enum { TIMERS = 2000 };

static struct many {
	struct timer timer;
	uint64_t wanted;
	unsigned fired;
} many[TIMERS];
static uint64_t latest;
static size_t fired;

static void count_one(void *context)
{
	struct many *one = context;
	one->fired++;
	fired++;
	assert_true(loop_now(loop) >= one->wanted);
	assert_true(one->wanted >= latest);
	latest = one->wanted;
}

static void timers_fire_once_in_the_order_in_which_they_are_due(void **state)
{
	(void)state;
	size_t expected = 0;
	uint64_t base = loop_now(loop);
	srandom(7);
	fired = 0, latest = 0;
	for (size_t i = 0; i < TIMERS; i++) {
		many[i] = (struct many){ .timer = { .fire = count_one, .context = &many[i] } };
		many[i].wanted = base + (uint64_t)random() % 50;
		assert_true(timer_set(loop, &many[i].timer, many[i].wanted));
	}
	for (size_t i = 0; i < TIMERS; i++) {
		long what = random() % 3;
		if (what == 0) {
			timer_stop(loop, &many[i].timer);
			timer_stop(loop, &many[i].timer);
		} else if (what == 1) {
			many[i].wanted = base + (uint64_t)random() % 50;
			timer_set(loop, &many[i].timer, many[i].wanted);
		}
		assert_int_equal(timer_is_set(&many[i].timer), what != 0);
		expected += what != 0;
	}
	struct timer last = { .fire = stop };
	timer_set(loop, &last, base + 60);
	assert_true(loop_run(loop));
	assert_int_equal(fired, expected);
	for (size_t i = 0; i < TIMERS; i++)
		assert_true(many[i].fired <= 1 && !timer_is_set(&many[i].timer));
}

static unsigned turns;

static void again(void *context)
{
	struct timer *timer = context;
	turns++;
	timer_set(loop, timer, loop_now(loop));
}

static void a_timer_that_is_always_due_does_not_starve_the_rest(void **state)
{
	(void)state;
	struct timer busy = { .fire = again, .context = &busy }, last = { .fire = stop };
	turns = 0;
	timer_set(loop, &busy, 0);
	timer_set(loop, &last, loop_now(loop) + 50);
	assert_true(loop_run(loop));
	assert_true(turns > 1);
	timer_stop(loop, &busy);
}

/* --- sockets --- */

struct pair {
	struct watch watch;
	int other;
	struct pair *victim;
	unsigned heard;
};

static void hear(void *context, uint32_t events)
{
	struct pair *pair = context;
	char octet;
	assert_true(events & EPOLLIN);
	pair->heard++;
	assert_int_equal(read(pair->watch.fd, &octet, 1), 1);
	loop_unwatch(loop, &pair->victim->watch);
}

static void one_that_is_unwatched_is_not_called_any_more_in_this_turn(void **state)
{
	(void)state;
	struct pair a = { .heard = 0 }, b = { .heard = 0 };
	struct pair *both[] = { &a, &b };
	for (size_t i = 0; i < 2; i++) {
		int ends[2];
		assert_int_equal(pipe(ends), 0);
		both[i]->watch = (struct watch){ ends[0], hear, both[i], false };
		both[i]->other = ends[1];
		both[i]->victim = both[1 - i];
		assert_int_equal(write(ends[1], "x", 1), 1);
		assert_true(loop_watch(loop, &both[i]->watch, EPOLLIN));
	}
	struct timer last = { .fire = stop };
	timer_set(loop, &last, loop_now(loop) + 5);
	assert_true(loop_run(loop));
	assert_int_equal(a.heard + b.heard, 1);
	for (size_t i = 0; i < 2; i++) {
		loop_unwatch(loop, &both[i]->watch);
		close(both[i]->watch.fd);
		close(both[i]->other);
	}
}

/* --- posts --- */

enum { POSTS = 1000, THREADS = 4 };

static struct post posts[THREADS][POSTS];
static size_t ran;

static void count_post(void *context)
{
	(void)context;
	if (++ran == THREADS * POSTS)
		loop_stop(loop);
}

static void *post_many(void *context)
{
	struct post *mine = context;
	for (size_t i = 0; i < POSTS; i++) {
		mine[i] = (struct post){ .run = count_post };
		loop_post(loop, &mine[i]);
	}
	return NULL;
}

static void posts_of_many_threads_all_run(void **state)
{
	(void)state;
	pthread_t threads[THREADS];
	ran = 0;
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, post_many, posts[i]), 0);
	assert_true(loop_run(loop));
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(ran, THREADS * POSTS);
}

static void a_post_that_is_taken_back_does_not_run_and_one_posted_twice_runs_once(void **state)
{
	(void)state;
	struct post gone = { .run = count_post }, twice = { .run = count_post },
		    last = { .run = stop };
	ran = 0;
	loop_post(loop, &gone);
	loop_post(loop, &twice);
	loop_post(loop, &twice);
	loop_unpost(loop, &gone);
	loop_unpost(loop, &gone);
	loop_post(loop, &last);
	assert_true(loop_run(loop));
	assert_int_equal(ran, 1);
	loop_post(loop, &last);
	loop_unpost(loop, &last);
	loop_post(loop, &last);
	assert_true(loop_run(loop));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			timers_fire_once_in_the_order_in_which_they_are_due, begin, end),
		cmocka_unit_test_setup_teardown(
			a_timer_that_is_always_due_does_not_starve_the_rest, begin, end),
		cmocka_unit_test_setup_teardown(
			one_that_is_unwatched_is_not_called_any_more_in_this_turn, begin, end),
		cmocka_unit_test_setup_teardown(posts_of_many_threads_all_run, begin, end),
		cmocka_unit_test_setup_teardown(
			a_post_that_is_taken_back_does_not_run_and_one_posted_twice_runs_once,
			begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
