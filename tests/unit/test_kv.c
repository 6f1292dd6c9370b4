/* links: store xcap base */
/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/store_world.h"

static enum store_result set(
	struct world *world, const char *table, const char *key, const char *value)
{
	const struct kv_pair pair = { .key = span_of(key), .value = span_of(value) };
	return kv_write(world->store, table, &pair, 1);
}

static void a_value_is_read_as_written_and_outlives_the_process(void **state)
{
	(void)state;
	struct world *world = world_new();
	const struct kv_pair pairs[] = {
		{ SPAN("a"), SPAN("one"), NULL },
		{ SPAN("b"), SPAN(""), NULL },
		{ { "\0\xff", 2 }, { "\0", 1 }, NULL },
	};
	assert_int_equal(kv_write(world->store, "marks", pairs, 3), STORE_OK);
	world_reopen(world);
	for (size_t i = 0; i < 3; i++) {
		struct span value;
		assert_int_equal(kv_read(world->store, world->arena, "marks", pairs[i].key, &value),
			STORE_OK);
		assert_true(value.data && span_equal(value, pairs[i].value));
	}
	world_end(&world);
}

static void pairs_of_several_tables_are_written_together_or_not_at_all(void **state)
{
	(void)state;
	struct world *world = world_new();
	struct span value;
	struct kv_pair pairs[] = { { SPAN("a"), SPAN("one"), NULL },
		{ SPAN("a"), SPAN("two"), "pending" }, { SPAN(""), SPAN("x"), "targets" } };
	assert_int_equal(kv_write(world->store, "marks", pairs, 3), STORE_FAILED);
	assert_int_equal(
		kv_read(world->store, world->arena, "marks", SPAN("a"), &value), STORE_ABSENT);
	assert_int_equal(kv_write(world->store, "marks", pairs, 2), STORE_OK);
	assert_int_equal(kv_read(world->store, world->arena, "marks", SPAN("a"), &value), STORE_OK);
	assert_true(span_equal_text(value, "one"));
	assert_int_equal(
		kv_read(world->store, world->arena, "pending", SPAN("a"), &value), STORE_OK);
	assert_true(span_equal_text(value, "two"));
	world_end(&world);
}

static void a_removed_value_is_absent_and_removing_twice_is_fine(void **state)
{
	(void)state;
	struct world *world = world_new();
	struct span value;
	assert_int_equal(set(world, "marks", "a", "one"), STORE_OK);
	assert_int_equal(set(world, "marks", "a", NULL), STORE_OK);
	assert_int_equal(set(world, "marks", "a", NULL), STORE_OK);
	assert_int_equal(
		kv_read(world->store, world->arena, "marks", SPAN("a"), &value), STORE_ABSENT);
	assert_null(value.data);
	world_end(&world);
}

static void tables_do_not_see_each_other(void **state)
{
	(void)state;
	struct world *world = world_new();
	struct span value;
	struct kv_pair *pairs;
	size_t count;
	const char *const tables[] = { "mark", "marks", "marks2" };
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(set(world, tables[i], "key", tables[i]), STORE_OK);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(
			kv_read(world->store, world->arena, tables[i], SPAN("key"), &value),
			STORE_OK);
		assert_span(value, tables[i]);
		assert_int_equal(kv_list(world->store, world->arena, tables[i], (struct span){ 0 },
					 10, &pairs, &count),
			STORE_OK);
		assert_int_equal(count, 1);
		assert_span(pairs[0].value, tables[i]);
	}
	assert_int_equal(
		kv_list(world->store, world->arena, "mar", (struct span){ 0 }, 10, &pairs, &count),
		STORE_OK);
	assert_int_equal(count, 0);
	world_end(&world);
}

static void a_list_goes_on_behind_a_key(void **state)
{
	(void)state;
	struct world *world = world_new();
	enum { MANY = 1000 };
	struct kv_pair pairs[MANY], *some;
	for (unsigned i = 0; i < MANY; i++)
		pairs[i] = (struct kv_pair){ arena_format(world->arena, "key%04u", i),
			SPAN("value"), NULL };
	assert_int_equal(kv_write(world->store, "t", pairs, MANY), STORE_OK);
	struct span after = { 0 };
	size_t total = 0, count;
	do {
		assert_int_equal(kv_list(world->store, world->arena, "t", after, 77, &some, &count),
			STORE_OK);
		for (size_t i = 0; i < count; i++)
			assert_true(span_equal(some[i].key, pairs[total++].key));
		if (count)
			after = some[count - 1].key;
	} while (count);
	assert_int_equal(total, MANY);
	assert_int_equal(
		kv_list(world->store, world->arena, "t", SPAN("key0500+"), 1, &some, &count),
		STORE_OK);
	assert_span(some[0].key, "key0501");
	world_end(&world);
}

static void a_key_or_table_of_a_bad_length_is_refused_and_nothing_written(void **state)
{
	(void)state;
	struct world *world = world_new();
	struct span key = filler(world, 401, 1), value;
	const struct kv_pair pairs[] = { { SPAN("good"), SPAN("v"), NULL },
		{ key, SPAN("v"), NULL } };
	assert_int_equal(kv_write(world->store, "t", pairs, 2), STORE_FAILED);
	assert_true(strlen(store_problem()) > 0);
	assert_int_equal(
		kv_read(world->store, world->arena, "t", SPAN("good"), &value), STORE_ABSENT);
	const struct kv_pair longest = { span_first(key, 400), SPAN("v"), NULL };
	assert_int_equal(kv_write(world->store, "t", &longest, 1), STORE_OK);
	assert_int_equal(set(world, "", "a", "v"), STORE_FAILED);
	assert_int_equal(set(world, "t", "", "v"), STORE_FAILED);
	assert_int_equal(kv_write(world->store, "t", NULL, 0), STORE_OK);
	world_end(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_value_is_read_as_written_and_outlives_the_process),
		cmocka_unit_test(pairs_of_several_tables_are_written_together_or_not_at_all),
		cmocka_unit_test(a_removed_value_is_absent_and_removing_twice_is_fine),
		cmocka_unit_test(tables_do_not_see_each_other),
		cmocka_unit_test(a_list_goes_on_behind_a_key),
		cmocka_unit_test(a_key_or_table_of_a_bad_length_is_refused_and_nothing_written),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
