/* links: xcapd_core */
/* SPDX-License-Identifier: BSD-2-Clause */
#include "xcapd/commit.h"
#include "xcapd/server.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <lmdb.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct world {
	char folder[64];
	struct store *store;
	struct committer *committer;
	struct arena *arena;
};

static int world_begin(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	strcpy(world->folder, "/tmp/xcapd-commit-XXXXXX");
	assert_non_null(mkdtemp(world->folder));
	struct store_settings settings = { .path = world->folder,
		.max_size = UINT64_C(256) << 20,
		.sync = true,
		.create = true,
		.history_versions = 3,
		.feed_keep_ms = 1000 };
	assert_int_equal(store_open(&world->store, &settings), STORE_OK);
	assert_true(committer_start(&world->committer, world->store));
	world->arena = arena_new(4096);
	*state = world;
	return 0;
}

static int world_end(void **state)
{
	struct world *world = *state;
	char command[128];
	committer_stop(&world->committer);
	store_close(&world->store);
	arena_free(&world->arena);
	snprintf(command, sizeof(command), "rm -rf %s", world->folder);
	assert_int_equal(system(command), 0);
	free(world);
	return 0;
}

static struct doc_id document(const char *path)
{
	return (struct doc_id){ SPAN("resource-lists"), TREE_USERS, SPAN("sip:ann@a.org"),
		span_of(path) };
}

struct waiter {
	struct ticket ticket; /* first */
	atomic_uint *finished;
	unsigned order;
};

static void finished(struct ticket *ticket)
{
	struct waiter *waiter = (struct waiter *)ticket;
	waiter->order = atomic_load(waiter->finished); /* exact when only the committer counts */
	atomic_fetch_add(waiter->finished, 1);
}

static void wait_for(atomic_uint *count, unsigned wanted)
{
	for (int i = 0; i < 10000 && atomic_load(count) < wanted; i++)
		usleep(1000);
	assert_int_equal(atomic_load(count), wanted);
}

static struct ticket *prepare(
	struct waiter *waiter, const char *path, struct span body, atomic_uint *count)
{
	*waiter = (struct waiter){ .finished = count };
	waiter->ticket.write.id = document(path);
	waiter->ticket.write.body = body;
	waiter->ticket.done = finished;
	return &waiter->ticket;
}

static void put(struct world *world, struct waiter *waiter, const char *path, struct span body,
	atomic_uint *count)
{
	assert_true(committer_add(world->committer, prepare(waiter, path, body, count)));
}

static void writes_of_one_document_are_applied_in_the_order_of_their_arrival(void **state)
{
	enum { WRITES = 600 };
	static struct waiter waiters[WRITES];
	struct world *world = *state;
	atomic_uint count = 0;
	for (unsigned i = 0; i < WRITES; i++)
		put(world, &waiters[i], "index", arena_format(world->arena, "<v>%u</v>", i),
			&count);
	wait_for(&count, WRITES);
	for (unsigned i = 0; i < WRITES; i++) {
		assert_int_equal(waiters[i].ticket.write.result, STORE_OK);
		assert_int_equal(waiters[i].order, i);
		if (i)
			assert_true(etag_equal(waiters[i].ticket.write.previous,
				waiters[i - 1].ticket.write.etag));
	}
	struct snapshot last;
	struct doc_id id = document("index");
	assert_int_equal(store_read(world->store, world->arena, &id, STORE_BODY, &last), STORE_OK);
	assert_true(span_equal_text(last.body, "<v>599</v>"));
}

static void one_write_after_many_does_not_wait_for_as_many(void **state)
{
	enum { WRITES = 200 };
	static struct waiter waiters[WRITES], alone;
	struct world *world = *state;
	atomic_uint count = 0;
	for (unsigned i = 0; i < WRITES; i++)
		put(world, &waiters[i], "index", SPAN("<v/>"), &count);
	wait_for(&count, WRITES);
	put(world, &alone, "index", SPAN("<v/>"), &count);
	wait_for(&count, WRITES + 1);
	assert_int_equal(alone.ticket.write.result, STORE_OK);
}

static void small_writes_pass_big_ones_of_another_document(void **state)
{
	enum { BIG = 24 };
	static struct waiter big[BIG], small;
	struct world *world = *state;
	atomic_uint count = 0;
	size_t size = (size_t)1 << 20;
	char *octets = calloc(1, size);
	for (unsigned i = 0; i < BIG; i++)
		put(world, &big[i], "big", (struct span){ octets, size }, &count);
	put(world, &small, "small", SPAN("<small/>"), &count);
	wait_for(&count, BIG + 1);
	assert_true(small.order < BIG);
	for (unsigned i = 1; i < BIG; i++)
		assert_true(big[i].order > big[i - 1].order);
	free(octets);
}

static void stopping_applies_what_is_waiting(void **state)
{
	enum { WRITES = 100 };
	static struct waiter waiters[WRITES];
	struct world *world = *state;
	atomic_uint count = 0;
	for (unsigned i = 0; i < WRITES; i++)
		put(world, &waiters[i], "index", SPAN("<v/>"), &count);
	committer_stop(&world->committer);
	assert_int_equal(atomic_load(&count), WRITES);
}

/* Another process that holds the store's writer lock until `release` is closed. */
static pid_t hold_the_lock(const char *folder, int release[2])
{
	int held[2];
	char octet;
	assert_int_equal(pipe(held), 0);
	assert_int_equal(pipe(release), 0);
	pid_t child = fork();
	if (child == 0) {
		MDB_env *env;
		MDB_txn *txn;
		close(release[1]);
		if (mdb_env_create(&env) || mdb_env_set_maxdbs(env, 32)
			|| mdb_env_open(env, folder, 0, 0600) || mdb_txn_begin(env, NULL, 0, &txn))
			_exit(1);
		if (write(held[1], "x", 1) != 1 || read(release[0], &octet, 1) < 0)
			_exit(1);
		mdb_txn_abort(txn);
		_exit(0);
	}
	close(held[1]);
	close(release[0]);
	assert_int_equal(read(held[0], &octet, 1), 1);
	close(held[0]);
	return child;
}

/* The commit that runs has had its time, and more. */
static void become_stuck(struct committer *committer)
{
	uint64_t now = clock_microseconds(), patience = 10 * 1000 * 1000;
	committer_tick(committer, now, patience);
	assert_false(committer_stuck(committer)); /* not yet */
	committer_tick(committer, now + 2 * patience, patience);
	assert_true(committer_stuck(committer));
}

static void what_waits_behind_a_stuck_commit_is_refused(void **state)
{
	static struct waiter first, second, third;
	struct world *world = *state;
	atomic_uint count = 0;
	int release[2], status;
	pid_t holder = hold_the_lock(world->folder, release);
	put(world, &first, "one", SPAN("<v/>"), &count);
	usleep(100 * 1000);
	put(world, &second, "two", SPAN("<v/>"), &count);
	become_stuck(world->committer);
	assert_int_equal(atomic_load(&count), 1);
	assert_int_equal(second.ticket.write.result, STORE_FAILED);
	third = (struct waiter){ .finished = &count };
	assert_false(committer_add(world->committer, &third.ticket));
	close(release[1]);
	wait_for(&count, 2);
	assert_int_equal(first.ticket.write.result, STORE_OK);
	assert_false(committer_stuck(world->committer));
	put(world, &third, "three", SPAN("<v/>"), &count);
	wait_for(&count, 3);
	assert_int_equal(third.ticket.write.result, STORE_OK);
	assert_int_equal(waitpid(holder, &status, 0), holder);
	assert_int_equal(status, 0);
}

/* The committer's thread is back at its queue some time after the last `done`. */
static void take_turn(struct world *world)
{
	bool taken = committer_take(world->committer);
	for (int i = 0; i < 10000 && !taken; i++) {
		usleep(1000);
		taken = committer_take(world->committer);
	}
	assert_true(taken);
}

static void who_has_the_turn_commits_before_it_returns(void **state)
{
	enum { WRITES = 50 };
	static struct waiter waiters[WRITES];
	struct world *world = *state;
	atomic_uint count = 0;
	for (unsigned i = 0; i < WRITES; i++) {
		assert_true(committer_take(world->committer));
		assert_false(committer_take(world->committer)); /* the turn is one */
		committer_run(
			world->committer, prepare(&waiters[i], "index", SPAN("<v/>"), &count));
		assert_int_equal(atomic_load(&count), i + 1);
		assert_int_equal(waiters[i].ticket.write.result, STORE_OK);
	}
}

static void what_is_added_during_a_turn_comes_after_it_in_order(void **state)
{
	enum { WRITES = 300 };
	static struct waiter own, waiters[WRITES];
	struct world *world = *state;
	atomic_uint count = 0;
	take_turn(world);
	for (unsigned i = 0; i < WRITES; i++)
		put(world, &waiters[i], "index", SPAN("<v/>"), &count);
	usleep(50 * 1000);
	assert_int_equal(atomic_load(&count), 0);
	committer_run(world->committer, prepare(&own, "index", SPAN("<own/>"), &count));
	wait_for(&count, WRITES + 1);
	const struct waiter *former = &own;
	assert_int_equal(own.ticket.write.result, STORE_OK);
	assert_true(own.ticket.write.created);
	for (unsigned i = 0; i < WRITES; former = &waiters[i++]) {
		assert_int_equal(waiters[i].ticket.write.result, STORE_OK);
		assert_true(
			etag_equal(waiters[i].ticket.write.previous, former->ticket.write.etag));
	}
}

static void nobody_gets_the_turn_while_something_waits_or_runs(void **state)
{
	static struct waiter first, second;
	struct world *world = *state;
	atomic_uint count = 0;
	int release[2], status;
	pid_t holder = hold_the_lock(world->folder, release);
	put(world, &first, "one", SPAN("<v/>"), &count);
	assert_false(committer_take(world->committer)); /* it waits, or runs already */
	usleep(100 * 1000);
	assert_false(committer_take(world->committer));
	put(world, &second, "two", SPAN("<v/>"), &count);
	assert_false(committer_take(world->committer));
	close(release[1]);
	wait_for(&count, 2);
	take_turn(world);
	committer_run(world->committer, prepare(&first, "three", SPAN("<v/>"), &count));
	assert_int_equal(atomic_load(&count), 3);
	assert_int_equal(waitpid(holder, &status, 0), holder);
}

/* While one has the turn, others queue up. */
static void turn_with_company(struct world *world, struct waiter *own, struct waiter *others,
	unsigned count, atomic_uint *finished)
{
	take_turn(world);
	for (unsigned i = 0; i < count; i++)
		put(world, &others[i], "index", SPAN("<v/>"), finished);
	committer_run(world->committer, prepare(own, "index", SPAN("<v/>"), finished));
}

static void nobody_gets_the_turn_while_others_share_their_commits(void **state)
{
	enum { WRITES = 3 };
	static struct waiter own, waiters[WRITES];
	struct world *world = *state;
	atomic_uint count = 0;
	turn_with_company(world, &own, waiters, WRITES, &count);
	wait_for(&count, WRITES + 1);
	assert_false(committer_take(world->committer));
	put(world, &own, "index", SPAN("<v/>"), &count);
	wait_for(&count, WRITES + 2);
	take_turn(world);
	committer_run(world->committer, prepare(&own, "index", SPAN("<v/>"), &count));
}

struct contender {
	struct world *world;
	pthread_t thread;
	struct waiter *waiters;
	unsigned writes, turns;
	atomic_uint *count;
};

/* Of this thread one write at a time is under way, as of an HTTP connection. */
static void *contend(void *data)
{
	struct contender *contender = data;
	struct committer *committer = contender->world->committer;
	for (unsigned i = 0; i < contender->writes; i++) {
		struct waiter *waiter = &contender->waiters[i];
		atomic_uint mine = 0;
		struct ticket *ticket = prepare(waiter, "index", SPAN("<v/>"), &mine);
		if (committer_take(committer)) {
			contender->turns++;
			committer_run(committer, ticket);
		} else if (!committer_add(committer, ticket)) {
			return NULL;
		}
		while (!atomic_load(&mine))
			usleep(50);
		atomic_fetch_add(contender->count, 1);
	}
	return NULL;
}

static int by_etag(const void *a, const void *b)
{
	uint64_t first = ((const struct waiter *)a)->ticket.write.etag.number;
	uint64_t second = ((const struct waiter *)b)->ticket.write.etag.number;
	return (first > second) - (first < second);
}

static void turns_and_the_queue_together_lose_nothing(void **state)
{
	enum { THREADS = 4, WRITES = 200 };
	static struct waiter waiters[THREADS * WRITES];
	struct contender contenders[THREADS];
	struct world *world = *state;
	atomic_uint count = 0;
	unsigned turns = 0;
	for (unsigned i = 0; i < THREADS; i++) {
		contenders[i] = (struct contender){ .world = world,
			.waiters = waiters + i * WRITES,
			.writes = WRITES,
			.count = &count };
		assert_int_equal(
			pthread_create(&contenders[i].thread, NULL, contend, &contenders[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(contenders[i].thread, NULL);
		turns += contenders[i].turns;
	}
	assert_int_equal(atomic_load(&count), THREADS * WRITES);
	assert_true(turns > 0);
	qsort(waiters, THREADS * WRITES, sizeof(waiters[0]), by_etag);
	for (unsigned i = 1; i < THREADS * WRITES; i++)
		assert_true(etag_equal(
			waiters[i].ticket.write.previous, waiters[i - 1].ticket.write.etag));
}

struct hanging {
	struct committer *committer;
	struct ticket *ticket;
};

static void *run_ticket(void *data)
{
	struct hanging *hanging = data;
	committer_run(hanging->committer, hanging->ticket);
	return NULL;
}

static void what_waits_behind_a_stuck_turn_is_refused(void **state)
{
	static struct waiter first, second, third;
	struct world *world = *state;
	atomic_uint count = 0;
	int release[2], status;
	pthread_t thread;
	pid_t holder = hold_the_lock(world->folder, release);
	struct hanging hanging = { world->committer, prepare(&first, "one", SPAN("<v/>"), &count) };
	take_turn(world);
	assert_int_equal(pthread_create(&thread, NULL, run_ticket, &hanging), 0);
	put(world, &second, "two", SPAN("<v/>"), &count);
	become_stuck(world->committer);
	assert_int_equal(atomic_load(&count), 1);
	assert_int_equal(second.ticket.write.result, STORE_FAILED);
	assert_false(committer_take(world->committer));
	assert_false(committer_add(world->committer, &third.ticket));
	close(release[1]);
	pthread_join(thread, NULL);
	assert_int_equal(first.ticket.write.result, STORE_OK);
	assert_false(committer_stuck(world->committer));
	put(world, &third, "three", SPAN("<v/>"), &count);
	wait_for(&count, 3);
	assert_int_equal(waitpid(holder, &status, 0), holder);
	assert_int_equal(status, 0);
}

static void stopping_applies_what_came_during_a_turn(void **state)
{
	enum { WRITES = 100 };
	static struct waiter own, waiters[WRITES];
	struct world *world = *state;
	atomic_uint count = 0;
	turn_with_company(world, &own, waiters, WRITES, &count);
	committer_stop(&world->committer);
	assert_int_equal(atomic_load(&count), WRITES + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			writes_of_one_document_are_applied_in_the_order_of_their_arrival,
			world_begin, world_end),
		cmocka_unit_test_setup_teardown(
			one_write_after_many_does_not_wait_for_as_many, world_begin, world_end),
		cmocka_unit_test_setup_teardown(
			small_writes_pass_big_ones_of_another_document, world_begin, world_end),
		cmocka_unit_test_setup_teardown(
			what_waits_behind_a_stuck_commit_is_refused, world_begin, world_end),
		cmocka_unit_test_setup_teardown(
			stopping_applies_what_is_waiting, world_begin, world_end),
		cmocka_unit_test_setup_teardown(
			who_has_the_turn_commits_before_it_returns, world_begin, world_end),
		cmocka_unit_test_setup_teardown(what_is_added_during_a_turn_comes_after_it_in_order,
			world_begin, world_end),
		cmocka_unit_test_setup_teardown(
			nobody_gets_the_turn_while_something_waits_or_runs, world_begin, world_end),
		cmocka_unit_test_setup_teardown(
			nobody_gets_the_turn_while_others_share_their_commits, world_begin,
			world_end),
		cmocka_unit_test_setup_teardown(
			turns_and_the_queue_together_lose_nothing, world_begin, world_end),
		cmocka_unit_test_setup_teardown(
			what_waits_behind_a_stuck_turn_is_refused, world_begin, world_end),
		cmocka_unit_test_setup_teardown(
			stopping_applies_what_came_during_a_turn, world_begin, world_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
