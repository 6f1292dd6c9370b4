/* links: store xcap base */
/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/store_world.h"

#include <poll.h>
#include <sys/socket.h>

static const char *const usages[] = { "a", "aa", "b", "zz" };
static const char *const owners[] = { NULL, "sip:a@x", "sip:a@x2", "sip:b@x", "tel:+1" };
static const char *const paths[] = { "index", "sub/index", "z" };

enum { USAGES = 4, OWNERS = 5, PATHS = 3, ALL = USAGES * OWNERS * PATHS };

static void fill(struct world *world)
{
	for (size_t u = 0; u < USAGES; u++)
		for (size_t o = 0; o < OWNERS; o++)
			for (size_t p = 0; p < PATHS; p++) {
				struct doc_id id = doc_of(usages[u], owners[o], paths[p]);
				must_put(world, id, doc_id_text(world->arena, &id));
			}
	struct doc_id gone = doc_of("aa", "sip:a@x", "gone");
	must_put(world, gone, SPAN("x"));
	must_remove(world, gone);
}

static bool wanted(const struct document_filter *filter, const struct doc_id *id)
{
	return (!filter->auid.data || span_equal(filter->auid, id->auid))
	       && (!filter->only_global || id->tree == TREE_GLOBAL)
	       && (!filter->xui.data
		       || (id->tree == TREE_USERS && span_equal(filter->xui, id->xui)));
}

static size_t count_wanted(const struct document_filter *filter)
{
	size_t count = 0;
	for (size_t u = 0; u < USAGES; u++)
		for (size_t o = 0; o < OWNERS; o++) {
			struct doc_id id = doc_of(usages[u], owners[o], "index");
			count += wanted(filter, &id) ? PATHS : 0;
		}
	return count;
}

static int key_order(const struct doc_id *a, const struct doc_id *b)
{
	int order = span_compare(a->auid, b->auid);
	if (!order && a->tree != b->tree)
		order = a->tree == TREE_GLOBAL ? -1 : 1;
	if (!order)
		order = span_compare(a->xui, b->xui);

	return order ? order : span_compare(a->path, b->path);
}

/* Walks the whole list in steps and compares with what was put. */
static size_t list_all(struct world *world, const struct document_filter *filter, size_t step)
{
	struct doc_id last;
	size_t total = 0;
	for (;;) {
		struct document_row *rows;
		size_t count;
		assert_int_equal(store_list(world->store, world->arena, filter,
					 total ? &last : NULL, STORE_BODY, step, &rows, &count),
			STORE_OK);
		if (!count)
			return total;
		assert_true(count <= step);
		for (size_t i = 0; i < count; i++, total++) {
			assert_true(!filter || wanted(filter, &rows[i].id));
			assert_true(
				span_equal(rows[i].body, doc_id_text(world->arena, &rows[i].id)));
			assert_int_equal(rows[i].size, rows[i].body.size);
			assert_true(!total || key_order(&last, &rows[i].id) < 0);
			last = rows[i].id;
		}
	}
}

static void every_document_is_listed_once_and_in_order(void **state)
{
	(void)state;
	struct world *world = world_new();
	fill(world);
	for (size_t step = 1; step < 100; step += 7)
		assert_int_equal(list_all(world, NULL, step), ALL);
	world_end(&world);
}

static void a_filter_lists_just_what_it_names(void **state)
{
	(void)state;
	struct world *world = world_new();
	fill(world);
	const char *const auids[] = { NULL, "a", "aa", "ab", "zz", "zzz" };
	for (size_t a = 0; a < 6; a++)
		for (size_t global = 0; global < 2; global++)
			for (size_t o = 0; o < OWNERS + 1; o++) {
				const char *xui = o < OWNERS ? owners[o] : "sip:nobody@x";
				const struct document_filter filter = {
					.auid = span_of(auids[a]),
					.only_global = global,
					.xui = span_of(xui),
				};
				assert_int_equal(
					list_all(world, &filter, 2), count_wanted(&filter));
			}
	world_end(&world);
}

static void a_list_goes_on_behind_a_document_that_is_gone(void **state)
{
	(void)state;
	struct world *world = world_new();
	fill(world);
	struct doc_id after = doc_of("aa", "sip:a@x", "gone");
	struct document_row *rows;
	size_t count;
	assert_int_equal(
		store_list(world->store, world->arena, NULL, &after, STORE_HEAD, 1, &rows, &count),
		STORE_OK);
	assert_int_equal(count, 1);
	struct doc_id next = doc_of("aa", "sip:a@x", "index");
	assert_true(doc_id_equal(&rows[0].id, &next));
	assert_null(rows[0].body.data);
	const struct document_filter later = { .auid = SPAN("b") };
	assert_int_equal(store_list(world->store, world->arena, &later, &after, STORE_HEAD, 100,
				 &rows, &count),
		STORE_OK);
	assert_int_equal(count, OWNERS * PATHS);
	const struct document_filter earlier = { .auid = SPAN("a") };
	assert_int_equal(store_list(world->store, world->arena, &earlier, &after, STORE_HEAD, 100,
				 &rows, &count),
		STORE_OK);
	assert_int_equal(count, 0);
	world_end(&world);
}

static void a_list_stops_after_eight_mebibytes_of_bodies(void **state)
{
	(void)state;
	struct world *world = world_new();
	for (unsigned i = 0; i < 12; i++)
		must_put(world,
			doc_of(LISTS, arena_format(world->arena, "sip:%02u@x", i).data, "index"),
			filler(world, 1 << 20, i));
	struct document_row *rows;
	size_t count;
	assert_int_equal(
		store_list(world->store, world->arena, NULL, NULL, STORE_BODY, 100, &rows, &count),
		STORE_OK);
	assert_int_equal(count, 8);
	assert_int_equal(store_list(world->store, world->arena, NULL, &rows[7].id, STORE_BODY, 100,
				 &rows, &count),
		STORE_OK);
	assert_int_equal(count, 4);
	world_end(&world);
}

static void the_feed_tells_each_change_as_it_was_made(void **state)
{
	(void)state;
	struct world *world = world_new();
	const struct binding bindings[] = { { SPAN("a"), SPAN("urn:a") },
		{ SPAN("bb"), SPAN("urn:b") } };
	struct etag first = must_put(world, ANN_INDEX, SPAN("one"));
	struct write edit = put_of(ANN_INDEX, SPAN("two"));
	edit.change = (struct change){
		.what = CHANGE_ATTRIBUTE,
		.selector = SPAN("a:list/@name"),
		.bindings = { bindings, 2 },
		.component = SPAN("friends"),
		.who = SPAN("admin"),
		.request = SPAN("request-17"),
	};
	assert_int_equal(apply(world, &edit), STORE_OK);
	struct etag removed = must_remove(world, ANN_INDEX);
	world_reopen(world);
	struct feed_row *rows;
	size_t count;
	assert_int_equal(
		store_feed(world->store, world->arena, first.number, 10, &rows, &count), STORE_OK);
	assert_int_equal(count, 2);
	struct doc_id id = ANN_INDEX;
	assert_true(doc_id_equal(&rows[0].id, &id));
	assert_int_equal(rows[0].number, edit.etag.number);
	assert_true(etag_equal(rows[0].previous, first) && etag_equal(rows[0].etag, edit.etag));
	assert_false(rows[0].removed);
	assert_int_equal(rows[0].change.what, CHANGE_ATTRIBUTE);
	assert_span(rows[0].change.selector, "a:list/@name");
	assert_span(rows[0].change.component, "friends");
	assert_span(rows[0].change.who, "admin");
	assert_span(rows[0].change.request, "request-17");
	assert_int_equal(rows[0].change.bindings.count, 2);
	assert_span(rows[0].change.bindings.items[1].prefix, "bb");
	assert_span(rows[0].change.bindings.items[1].uri, "urn:b");
	assert_true(rows[1].removed);
	assert_true(etag_equal(rows[1].etag, removed));
	assert_int_equal(store_feed(world->store, world->arena, 0, 1, &rows, &count), STORE_OK);
	assert_int_equal(count, 1);
	assert_int_equal(rows[0].previous.number, 0);
	assert_int_equal(
		store_feed(world->store, world->arena, UINT64_MAX, 1, &rows, &count), STORE_OK);
	assert_int_equal(count, 0);
	world_end(&world);
}

static void trimming_takes_old_rows_but_never_the_newest(void **state)
{
	(void)state;
	struct world *world = world_new();
	uint64_t oldest, newest, far = UINT64_C(1) << 50;
	bool more;
	assert_int_equal(store_trim(world->store, far, 10, &more), STORE_OK);
	assert_false(more);
	for (size_t i = 0; i < 25; i++)
		must_put(world, ANN_INDEX, SPAN("x"));
	assert_int_equal(store_trim(world->store, 0, 10, &more), STORE_OK); /* all are young */
	assert_false(more);
	assert_int_equal(store_feed_range(world->store, &oldest, &newest), STORE_OK);
	assert_int_equal(oldest, 1);
	assert_int_equal(newest, 25);
	assert_int_equal(store_trim(world->store, far, 10, &more), STORE_OK);
	assert_true(more);
	while (more)
		assert_int_equal(store_trim(world->store, far, 10, &more), STORE_OK);
	assert_int_equal(store_feed_range(world->store, &oldest, &newest), STORE_OK);
	assert_int_equal(oldest, 25);
	assert_int_equal(newest, 25);
	world_reopen(world);
	assert_int_equal(must_put(world, ANN_INDEX, SPAN("x")).number, 26);
	world_end(&world);
}

static bool rang(int doorbell)
{
	struct pollfd poll_for = { .fd = doorbell, .events = POLLIN };
	char octets[8];
	bool any = false;
	while (poll(&poll_for, 1, 0) > 0 && recv(doorbell, octets, sizeof(octets), 0) >= 0)
		any = true;
	return any;
}

static void each_commit_rings_the_doorbell(void **state)
{
	(void)state;
	struct world *world = world_new();
	must_put(world, ANN_INDEX, SPAN("nobody listens"));
	int first = store_doorbell(world->store);
	assert_true(first >= 0);
	close(first);
	int doorbell = store_doorbell(world->store); /* the stale one does not matter */
	assert_true(doorbell >= 0);
	assert_false(rang(doorbell));
	must_put(world, ANN_INDEX, SPAN("x"));
	assert_true(rang(doorbell));
	struct write refused = remove_of(doc_of(LISTS, BOB, "index"));
	assert_int_equal(apply(world, &refused), STORE_ABSENT);
	assert_false(rang(doorbell));
	for (size_t i = 0; i < 3000; i++) /* a full one does not block */
		must_put(world, ANN_INDEX, SPAN("x"));
	assert_true(rang(doorbell));
	close(doorbell);
	world_end(&world);
}

static void figures_tell_what_is_there(void **state)
{
	(void)state;
	struct world *world = world_new();
	fill(world);
	struct store_stats stats;
	assert_int_equal(store_stats(world->store, &stats), STORE_OK);
	assert_int_equal(stats.documents, ALL);
	assert_int_equal(stats.users, 0);
	assert_int_equal(stats.feed_oldest, 1);
	assert_int_equal(stats.feed_newest, ALL + 2);
	assert_true(stats.feed_oldest_time > 0);
	assert_int_equal(stats.size_max, 64 << 20);
	assert_true(stats.size_used > 0 && stats.size_used < 1 << 20);
	assert_int_equal(store_clear_readers(world->store), STORE_OK);
	world_end(&world);
}

static void reading_without_memory_fails_and_leaves_no_reader(void **state)
{
	(void)state;
	struct world *world = world_new();
	fill(world);
	must_put(world, ANN_INDEX, filler(world, 300000, 1));
	for (size_t nth = 1, passed = 0; !passed; nth++) {
		struct arena *arena = arena_new(64);
		struct doc_id id = ANN_INDEX;
		struct snapshot snapshot;
		struct document_row *rows;
		struct feed_row *feed;
		struct version *versions;
		size_t count;
		arena_fail_at(nth);
		enum store_result results[] = {
			store_read(world->store, arena, &id, STORE_BODY, &snapshot),
			store_list(world->store, arena, NULL, NULL, STORE_BODY, 100, &rows, &count),
			store_feed(world->store, arena, 0, 100, &feed, &count),
			store_versions(world->store, arena, &id, &versions, &count),
		};
		arena_fail_at(0);
		passed = 1;
		for (size_t i = 0; i < 4; i++) {
			assert_true(results[i] == STORE_OK || results[i] == STORE_FAILED);
			passed = passed && results[i] == STORE_OK;
		}
		arena_free(&arena);
	}
	world_end(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_document_is_listed_once_and_in_order),
		cmocka_unit_test(a_filter_lists_just_what_it_names),
		cmocka_unit_test(a_list_goes_on_behind_a_document_that_is_gone),
		cmocka_unit_test(a_list_stops_after_eight_mebibytes_of_bodies),
		cmocka_unit_test(the_feed_tells_each_change_as_it_was_made),
		cmocka_unit_test(trimming_takes_old_rows_but_never_the_newest),
		cmocka_unit_test(each_commit_rings_the_doorbell),
		cmocka_unit_test(figures_tell_what_is_there),
		cmocka_unit_test(reading_without_memory_fails_and_leaves_no_reader),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
