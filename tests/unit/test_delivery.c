/* links: store xcap base */
/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/store_world.h"

#include "store/delivery.h"

static const struct delivery_mark mark = {
	.generation = UINT64_MAX,
	.fingerprint = 2,
	.phase = DELIVERY_RESYNC,
	.position = 1 << 20,
	.since = 4,
	.stage = DELIVERY_REMOVALS,
	.resynced = { { "pres-rules", 10 }, TREE_USERS, { ANN, sizeof(ANN) - 1 }, { "index", 5 } },
	.parked = 5,
	.time = 6,
	.error_time = 7,
	.error = { "404 Not Found", 13 },
	.away = true,
};

static const struct delivery_change change = {
	.id = { { LISTS, sizeof(LISTS) - 1 }, TREE_GLOBAL, { "", 0 }, { "a/b", 3 } },
	.from = 8,
	.to = 9,
	.time = 10,
	.previous = { 11, 12 },
	.etag = { 0, 0 },
	.left = true,
	.tries = 13,
	.error = { "", 0 },
};

static void a_mark_is_read_as_written(void **state)
{
	(void)state;
	struct arena *arena = arena_new(1000);
	struct delivery_mark out;
	assert_true(delivery_mark_decode(delivery_mark_encode(arena, &mark), &out));
	assert_true(out.generation == mark.generation && out.fingerprint == mark.fingerprint);
	assert_true(out.phase == mark.phase && out.position == mark.position);
	assert_true(out.since == mark.since && out.stage == mark.stage);
	assert_true(doc_id_equal(&out.resynced, &mark.resynced));
	assert_true(out.parked == mark.parked && out.time == mark.time);
	assert_true(out.error_time == mark.error_time && span_equal(out.error, mark.error));
	assert_true(out.away);
	const struct delivery_mark nothing = { 0 };
	assert_true(delivery_mark_decode(delivery_mark_encode(arena, &nothing), &out));
	assert_int_equal(out.resynced.auid.size, 0);
	arena_free(&arena);
}

static void a_change_is_read_as_written(void **state)
{
	(void)state;
	struct arena *arena = arena_new(1000);
	struct delivery_change out;
	assert_true(delivery_change_decode(delivery_change_encode(arena, &change), &out));
	assert_true(doc_id_equal(&out.id, &change.id));
	assert_true(out.from == change.from && out.to == change.to && out.time == change.time);
	assert_true(etag_equal(out.previous, change.previous) && out.etag.number == 0);
	assert_true(out.left && out.tries == change.tries && out.error.size == 0);
	arena_free(&arena);
}

static void what_is_cut_off_or_of_another_layout_is_none(void **state)
{
	(void)state;
	struct arena *arena = arena_new(1000);
	struct delivery_mark mark_out;
	struct delivery_change change_out;
	struct span marks = delivery_mark_encode(arena, &mark);
	struct span changes = delivery_change_encode(arena, &change);
	for (size_t i = 0; i < marks.size; i++)
		assert_false(delivery_mark_decode(span_first(marks, i), &mark_out));
	for (size_t i = 0; i < changes.size; i++)
		assert_false(delivery_change_decode(span_first(changes, i), &change_out));
	char *octets = arena_text(arena, marks);
	octets[0]++;
	assert_false(delivery_mark_decode((struct span){ octets, marks.size }, &mark_out));
	assert_false(delivery_mark_decode((struct span){ NULL, 0 }, &mark_out));
	arena_free(&arena);
}

static void keys_stand_by_target_then_owner_then_number(void **state)
{
	(void)state;
	struct arena *arena = arena_new(1000);
	static const struct {
		const char *target, *owner;
		uint64_t from;
	} order[] = {
		{ "a", "", 1 },
		{ "a", "", 256 },
		{ "a", ANN, 0 },
		{ "a", ANN, 255 },
		{ "a", ANN, UINT64_MAX },
		{ "a", ANN "x", 1 },
		{ "a", BOB, 1 },
		{ "ab", "", 1 },
	};
	struct span last = { 0 };
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		struct span target, owner;
		uint64_t from;
		struct span key = delivery_key(
			arena, span_of(order[i].target), span_of(order[i].owner), order[i].from);
		assert_true(!last.data || span_compare(last, key) < 0);
		assert_true(delivery_key_parse(key, &target, &owner, &from));
		assert_true(span_equal_text(target, order[i].target));
		assert_true(span_equal_text(owner, order[i].owner));
		assert_true(from == order[i].from);
		for (size_t size = 0; size < key.size; size++)
			assert_false(
				delivery_key_parse(span_first(key, size), &target, &owner, &from));
		last = key;
	}
	arena_free(&arena);
}

static void the_longest_key_fits_the_table(void **state)
{
	(void)state;
	struct world *world = world_new();
	struct span name = filler(world, DELIVERY_NAME_MAX, 1), owner = filler(world, 255, 2);
	const struct kv_pair pair = { .key = delivery_key(world->arena, name, owner, 1),
		.value = SPAN("v") };
	assert_int_equal(kv_write(world->store, DELIVERY_PENDING, &pair, 1), STORE_OK);
	world_end(&world);
}

static void without_memory_there_is_none(void **state)
{
	(void)state;
	struct arena *arena = arena_new(16);
	arena_fail_at(1);
	assert_null(delivery_mark_encode(arena, &mark).data);
	assert_null(delivery_change_encode(arena, &change).data);
	assert_null(delivery_key(arena, SPAN("target"), SPAN(ANN), 1).data);
	arena_fail_at(0);
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_mark_is_read_as_written),
		cmocka_unit_test(a_change_is_read_as_written),
		cmocka_unit_test(what_is_cut_off_or_of_another_layout_is_none),
		cmocka_unit_test(keys_stand_by_target_then_owner_then_number),
		cmocka_unit_test(the_longest_key_fits_the_table),
		cmocka_unit_test(without_memory_there_is_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
