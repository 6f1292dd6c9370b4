/* links: auth */
/* SPDX-License-Identifier: BSD-2-Clause */
/* A nonce's count is used up once, however many threads bring it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "unit/auth_world.h"

#include <pthread.h>
#include <stdatomic.h>

enum { THREADS = 8, ROUNDS = 50 };

struct race {
	struct world *world;
	struct span headers[ROUNDS];
	atomic_uint known[ROUNDS], stale[ROUNDS];
};

static void *send_all(void *context)
{
	struct race *race = context;
	for (size_t i = 0; i < ROUNDS; i++) {
		struct arena *arena = arena_new(4096);
		struct auth_request request = race->world->request;
		struct principal who;
		struct auth_answer answer;
		request.authorization = race->headers[i];
		request.authorizations = 1;
		if (auth_identify(race->world->auth, arena, &request, &who, &answer) == AUTH_KNOWN)
			atomic_fetch_add(&race->known[i], 1);
		else if (answer.stale)
			atomic_fetch_add(&race->stale[i], 1);
		arena_free(&arena);
	}
	return NULL;
}

static void of_identical_requests_at_once_one_is_let_in(void **state)
{
	static const struct client alice = { .name = "alice", .password = "wonder:land" };
	static struct race race;
	(void)state;
	race.world = world_begin();
	pthread_t threads[THREADS];
	for (size_t i = 0; i < ROUNDS; i++)
		race.headers[i] = world_sign(race.world, &alice);
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, send_all, &race), 0);
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (size_t i = 0; i < ROUNDS; i++) {
		assert_int_equal(race.known[i], 1);
		assert_int_equal(race.stale[i], THREADS - 1);
	}
	world_end(race.world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_identical_requests_at_once_one_is_let_in),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
