/* links: usages xcap base */
/* SPDX-License-Identifier: BSD-2-Clause */
/* Threads judge with one set while it is swapped under them, as a reload does. */
#include "unit/usage_world.h"

#include <pthread.h>
#include <stdatomic.h>

enum { THREADS = 2, ROUNDS = 300, RELOADS = 20 };

static struct {
	pthread_mutex_t lock;
	struct usages *current;
	atomic_size_t wrong;
} world = { .lock = PTHREAD_MUTEX_INITIALIZER };

static struct usages *take(void)
{
	pthread_mutex_lock(&world.lock);
	struct usages *set = usages_ref(world.current);
	pthread_mutex_unlock(&world.lock);
	return set;
}

static void swap_in(struct usages *fresh)
{
	pthread_mutex_lock(&world.lock);
	struct usages *old = world.current;
	world.current = fresh;
	pthread_mutex_unlock(&world.lock);
	usages_unref(&old);
}

static bool judged_rightly(struct usages *set, struct arena *arena, const char *auid,
	const char *name, const char *cut)
{
	struct span good = document(arena, name), bad = with(arena, good, cut, "");
	return judge(set, arena, auid, good).accepted && !judge(set, arena, auid, bad).accepted;
}

static void *judge_for_long(void *unused)
{
	struct arena *arena = arena_new(0);
	(void)unused;
	for (int i = 0; i < ROUNDS; i++) {
		struct usages *set = take();
		arena_reset(arena);
		if (!judged_rightly(set, arena, "rls-services", "rls-services/rfc4826-4.3.xml",
			    "</package>")
			|| !judged_rightly(set, arena, "resource-lists",
				"resource-lists/rfc4826-3.3.xml", " uri=\"sip:nancy@example.com\"")
			|| !judged_rightly(
				set, arena, "pres-rules", "pres-rules/rfc5025-6.xml", "allow")
			|| !judged_rightly(set, arena, "org.openmobilealliance.pres-rules",
				"pres-rules/rfc5025-6.xml", "allow"))
			atomic_fetch_add(&world.wrong, 1);
		usages_unref(&set);
	}
	arena_free(&arena);
	return NULL;
}

static void threads_share_a_set_that_is_swapped(void **state)
{
	pthread_t threads[THREADS];
	(void)state;
	world.current = load_shipped();
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, judge_for_long, NULL), 0);
	for (int i = 0; i < RELOADS; i++)
		swap_in(load_shipped());
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(atomic_load(&world.wrong), 0);
	usages_unref(&world.current);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(threads_share_a_set_that_is_swapped),
	};
	return cmocka_run_group_tests(tests, start_usages, stop_usages);
}
