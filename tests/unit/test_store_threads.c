/* links: store xcap base */
/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/store_world.h"

#include <pthread.h>
#include <stdatomic.h>

enum { DOCUMENTS = 5, WRITERS = 3, READERS = 4, TIMES = 400, STEPS = 16 };

/* Threads tell what went wrong here; cmocka's assertions are for the main thread. */
static _Atomic(const char *) wrong;
static atomic_uint running;

struct part {
	struct store *store;
	unsigned number;
};

#define NEED(condition)                                   \
	do {                                              \
		if (!(condition))                         \
			atomic_store(&wrong, #condition); \
	} while (0)

static struct doc_id document(unsigned number)
{
	static const char *const paths[DOCUMENTS] = { "d0", "d1", "d2", "d3", "d4" };
	return doc_of(LISTS, ANN, paths[number % DOCUMENTS]);
}

/* A body whose octets are all the same, so that a torn one would show. */
static struct span body_of(struct arena *arena, unsigned seed)
{
	size_t size = 1 + seed * 37 % 9000;
	char *octets = arena_alloc(arena, size);
	memset(octets, 'a' + (int)(seed % 26), size);
	return (struct span){ octets, size };
}

static void *write_some(void *argument)
{
	const struct part *part = argument;
	struct arena *arena = arena_new(64 * 1024);
	for (unsigned i = 0; i < TIMES && !atomic_load(&wrong); i++) {
		struct write writes[STEPS], *order[STEPS];
		unsigned count = 1 + (i * 7 + part->number) % STEPS;
		arena_reset(arena);
		for (unsigned k = 0; k < count; k++) {
			unsigned seed = i * STEPS + k + part->number * 1000;
			writes[k] = seed % 11 ? put_of(document(seed), body_of(arena, seed))
					      : remove_of(document(seed));
			order[k] = &writes[k];
		}
		NEED(store_apply(part->store, order, count) == STORE_OK);
		for (unsigned k = 0; k < count; k++)
			NEED(writes[k].result == STORE_OK
				|| (writes[k].remove && writes[k].result == STORE_ABSENT));
	}
	arena_free(&arena);
	atomic_fetch_sub(&running, 1);
	return NULL;
}

static void look_at(struct store *store, struct arena *arena, unsigned number, uint64_t *seen)
{
	struct snapshot snapshot;
	struct doc_id id = document(number);
	enum store_result result = store_read(store, arena, &id, STORE_BODY, &snapshot);
	NEED(result == STORE_OK || result == STORE_ABSENT);
	if (result != STORE_OK)
		return;
	NEED(snapshot.etag.number >= *seen);
	*seen = snapshot.etag.number;
	NEED(snapshot.body.size == snapshot.size);
	for (size_t i = 1; i < snapshot.body.size; i++)
		NEED(snapshot.body.data[i] == snapshot.body.data[0]);
}

static void *read_some(void *argument)
{
	const struct part *part = argument;
	struct arena *arena = arena_new(64 * 1024);
	uint64_t seen[DOCUMENTS] = { 0 }, followed = 0;
	while (atomic_load(&running) && !atomic_load(&wrong)) {
		struct document_row *rows;
		struct feed_row *feed;
		size_t count;
		arena_reset(arena);
		for (unsigned i = 0; i < DOCUMENTS; i++)
			look_at(part->store, arena, i, &seen[i]);
		NEED(store_list(part->store, arena, NULL, NULL, STORE_BODY, 100, &rows, &count)
			== STORE_OK);
		NEED(count <= DOCUMENTS);
		NEED(store_feed(part->store, arena, followed, 50, &feed, &count) == STORE_OK);
		for (size_t i = 0; i < count; i++, followed++)
			NEED(feed[i].number == followed + 1); /* none is missing or late */
	}
	arena_free(&arena);
	return NULL;
}

static void *keep_up(void *argument)
{
	const struct part *part = argument;
	struct arena *arena = arena_new(4096);
	for (unsigned i = 0; atomic_load(&running) && !atomic_load(&wrong); i++) {
		char octets[16];
		int size = snprintf(octets, sizeof(octets), "%u", i);
		const struct kv_pair pair = { SPAN("mark"), { octets, (size_t)size }, NULL };
		struct user user = { .name = { octets, (size_t)size } };
		struct span value;
		struct store_stats stats;
		bool more;
		arena_reset(arena);
		NEED(kv_write(part->store, "marks", &pair, 1) == STORE_OK);
		NEED(kv_read(part->store, arena, "marks", SPAN("mark"), &value) == STORE_OK);
		NEED(span_equal(value, pair.value));
		NEED(store_users_put(part->store, &user, 1, NULL) == STORE_OK);
		NEED(store_stats(part->store, &stats) == STORE_OK);
		NEED(store_clear_readers(part->store) == STORE_OK);
		NEED(store_trim(part->store, 1, 10, &more) == STORE_OK);
		NEED(store_probe(part->store) == STORE_OK);
	}
	arena_free(&arena);
	return NULL;
}

static void readers_see_whole_documents_while_others_write(void **state)
{
	(void)state;
	enum { ALL = WRITERS + READERS + 1 };
	struct world *world = world_new();
	pthread_t threads[ALL];
	struct part parts[ALL];
	atomic_store(&running, WRITERS);
	for (unsigned i = 0; i < ALL; i++) {
		parts[i] = (struct part){ world->store, i };
		assert_int_equal(pthread_create(&threads[i], NULL,
					 i < WRITERS   ? write_some
					 : i + 1 < ALL ? read_some
						       : keep_up,
					 &parts[i]),
			0);
	}
	for (unsigned i = 0; i < ALL; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	if (atomic_load(&wrong))
		print_error("%s (%s)\n", atomic_load(&wrong), store_problem());
	assert_null(atomic_load(&wrong));
	world_end(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(readers_see_whole_documents_while_others_write),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
