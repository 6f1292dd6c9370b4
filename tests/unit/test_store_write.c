/* links: store xcap base */
/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/store_world.h"

static struct condition if_tag(const struct span *tag)
{
	static const bool strong = false;
	return (struct condition){ .present = true, .tags = tag, .weak = &strong, .count = 1 };
}

static struct span tag_text(struct world *world, struct etag etag)
{
	char text[ETAG_TEXT_MAX];
	size_t size = etag_text(etag, text);
	return arena_copy(world->arena, (struct span){ text, size });
}

static void what_is_put_comes_back_octet_for_octet(void **state)
{
	(void)state;
	struct world *world = world_new();
	static const char odd[] = "\xEF\xBB\xBF<a>\r\n\0\xFF</a>";
	const size_t sizes[] = { 0, 1, 2030, 2031, 2032, 4000, 4096, 5000, 1 << 20 };
	must_put(world, ANN_INDEX, (struct span){ odd, sizeof(odd) });
	assert_body(world, ANN_INDEX, (struct span){ odd, sizeof(odd) });
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct span body = filler(world, sizes[i], i);
		must_put(world, ANN_INDEX, body);
		assert_body(world, ANN_INDEX, body);
	}
	world_reopen(world);
	assert_body(world, ANN_INDEX, filler(world, 1 << 20, 8));
	world_end(&world);
}

static void a_creation_and_a_change_tell_their_etags(void **state)
{
	(void)state;
	struct world *world = world_new();
	struct write first = put_of(ANN_INDEX, SPAN("one")),
		     second = put_of(ANN_INDEX, SPAN("two"));
	assert_int_equal(apply(world, &first), STORE_OK);
	assert_true(first.created);
	assert_int_equal(first.previous.number, 0);
	assert_int_equal(apply(world, &second), STORE_OK);
	assert_false(second.created);
	assert_true(etag_equal(second.previous, first.etag));
	assert_false(etag_equal(second.etag, first.etag));
	struct snapshot snapshot;
	struct doc_id id = ANN_INDEX;
	assert_int_equal(
		store_read(world->store, world->arena, &id, STORE_HEAD, &snapshot), STORE_OK);
	assert_true(etag_equal(snapshot.etag, second.etag));
	assert_int_equal(snapshot.size, 3);
	assert_null(snapshot.body.data);
	assert_true(snapshot.time > UINT64_C(1600000000000));
	for (size_t most = 0; most < 5; most++) {
		assert_int_equal(store_read_small(world->store, world->arena, &id, most, &snapshot),
			STORE_OK);
		assert_true(etag_equal(snapshot.etag, second.etag));
		assert_int_equal(snapshot.size, 3);
		assert_int_equal(snapshot.body.size, most < 3 ? 0 : 3);
		assert_int_equal(snapshot.body.data != NULL, most >= 3);
	}
	world_end(&world);
}

static void an_etag_is_not_used_again_after_delete_and_create(void **state)
{
	(void)state;
	struct world *world = world_new();
	struct etag first = must_put(world, ANN_INDEX, SPAN("one"));
	struct etag removed = must_remove(world, ANN_INDEX);
	assert_absent(world, ANN_INDEX);
	world_reopen(world);
	struct etag second = must_put(world, ANN_INDEX, SPAN("one"));
	assert_true(first.number < removed.number && removed.number < second.number);
	assert_int_equal(first.generation, second.generation);
	world_end(&world);
}

static void conditions_are_judged_where_the_change_is_made(void **state)
{
	(void)state;
	struct world *world = world_new();
	struct etag first = must_put(world, ANN_INDEX, SPAN("one"));
	struct etag second = must_put(world, ANN_INDEX, SPAN("two"));
	struct span old_tag = tag_text(world, first), new_tag = tag_text(world, second);
	const struct conditions old_match = { .match = if_tag(&old_tag) },
				match = { .match = if_tag(&new_tag) },
				any = { .match = { .present = true, .any = true } },
				none = { .none_match = { .present = true, .any = true } };
	struct doc_id absent = doc_of(LISTS, BOB, "index");
	const struct {
		struct doc_id id;
		bool remove;
		const struct conditions *conditions;
		enum store_result result;
	} cases[] = {
		{ ANN_INDEX, false, &old_match, STORE_STALE },
		{ ANN_INDEX, true, &old_match, STORE_STALE },
		{ ANN_INDEX, false, &none, STORE_STALE },
		{ absent, false, &any, STORE_STALE },
		{ absent, false, &match, STORE_STALE },
		{ absent, true, NULL, STORE_ABSENT },
		{ absent, true, &any, STORE_ABSENT },
		{ absent, false, &none, STORE_OK },
		{ absent, true, &any, STORE_OK },
		{ ANN_INDEX, false, &match, STORE_OK },
		{ ANN_INDEX, false, &match, STORE_STALE },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct write write = put_of(cases[i].id, SPAN("three"));
		write.remove = cases[i].remove;
		write.conditions = cases[i].conditions;
		if (apply(world, &write) != cases[i].result)
			print_error("case %zu: %d\n", i, write.result);
		assert_int_equal(write.result, cases[i].result);
	}
	world_end(&world);
}

static void a_refused_write_leaves_no_trace(void **state)
{
	(void)state;
	struct world *world = world_new();
	const struct conditions any = { .match = { .present = true, .any = true } };
	struct write write = put_of(ANN_INDEX, SPAN("one"));
	write.conditions = &any;
	assert_int_equal(apply(world, &write), STORE_STALE);
	uint64_t oldest, newest;
	assert_int_equal(store_feed_range(world->store, &oldest, &newest), STORE_OK);
	assert_int_equal(newest, 0);
	struct store_stats stats;
	assert_int_equal(store_stats(world->store, &stats), STORE_OK);
	assert_int_equal(stats.documents, 0);
	world_end(&world);
}

static void what_was_computed_from_another_version_is_refused(void **state)
{
	(void)state;
	struct world *world = world_new();
	struct etag first = must_put(world, ANN_INDEX, SPAN("one"));
	struct write write = put_of(ANN_INDEX, SPAN("two"));
	write.computed = true;
	assert_int_equal(apply(world, &write), STORE_MOVED); /* from its absence */
	write.computed_from = first;
	assert_int_equal(apply(world, &write), STORE_OK);
	assert_int_equal(apply(world, &write), STORE_MOVED);
	must_remove(world, ANN_INDEX);
	assert_int_equal(apply(world, &write), STORE_MOVED);
	write.computed_from = (struct etag){ 0 };
	assert_int_equal(apply(world, &write), STORE_OK);
	assert_true(write.created);
	world_end(&world);
}

enum { CHAIN = 64 };

static void many_edits_of_one_document_chain_in_one_batch(void **state)
{
	(void)state;
	struct world *world = world_new();
	struct write writes[CHAIN], *order[CHAIN];
	for (size_t i = 0; i < CHAIN; i++) {
		writes[i] = put_of(ANN_INDEX, arena_format(world->arena, "version %zu", i));
		writes[i].computed = true;
		writes[i].after = i ? &writes[i - 1] : NULL;
		order[i] = &writes[i];
	}
	assert_int_equal(store_apply(world->store, order, CHAIN), STORE_OK);
	for (size_t i = 0; i < CHAIN; i++) {
		assert_int_equal(writes[i].result, STORE_OK);
		assert_int_equal(writes[i].created, i == 0);
		if (i)
			assert_true(etag_equal(writes[i].previous, writes[i - 1].etag));
	}
	assert_body(world, ANN_INDEX, SPAN("version 63"));
	struct version *versions;
	size_t count;
	struct doc_id id = ANN_INDEX;
	assert_int_equal(
		store_versions(world->store, world->arena, &id, &versions, &count), STORE_OK);
	assert_int_equal(count, 3);
	for (size_t i = 0; i < count; i++)
		assert_true(etag_equal(versions[i].etag, writes[CHAIN - 2 - i].etag));
	struct feed_row *rows;
	assert_int_equal(store_feed(world->store, world->arena, 0, 100, &rows, &count), STORE_OK);
	assert_int_equal(count, CHAIN);
	for (size_t i = 0; i < count; i++)
		assert_true(etag_equal(rows[i].etag, writes[i].etag)
			    && etag_equal(rows[i].previous, writes[i].previous));
	world_end(&world);
}

static void a_chain_breaks_behind_a_refused_write_only(void **state)
{
	(void)state;
	struct world *world = world_new();
	struct etag first = must_put(world, ANN_INDEX, SPAN("one"));
	const struct conditions none = { .none_match = { .present = true, .any = true } };
	struct write refused = put_of(ANN_INDEX, SPAN("two")),
		     after = put_of(ANN_INDEX, SPAN("three")),
		     other = put_of(doc_of(LISTS, BOB, "index"), SPAN("b")),
		     removed = remove_of(ANN_INDEX), again = put_of(ANN_INDEX, SPAN("four"));
	refused.conditions = &none;
	after.computed = again.computed = true;
	after.after = &refused;
	again.after = &removed;
	struct write *order[] = { &refused, &after, &other, &removed, &again };
	assert_int_equal(store_apply(world->store, order, 5), STORE_OK);
	assert_int_equal(refused.result, STORE_STALE);
	assert_int_equal(after.result, STORE_MOVED);
	assert_int_equal(other.result, STORE_OK);
	assert_int_equal(removed.result, STORE_OK);
	assert_true(etag_equal(removed.previous, first));
	assert_int_equal(again.result, STORE_OK);
	assert_true(again.created);
	assert_body(world, ANN_INDEX, SPAN("four"));
	/* in a later batch the predecessor's outcome still counts */
	struct write later = put_of(ANN_INDEX, SPAN("five"));
	later.computed = true;
	later.after = &again;
	assert_int_equal(apply(world, &later), STORE_OK);
	assert_int_equal(apply(world, &later), STORE_MOVED);
	world_end(&world);
}

static void an_owner_has_at_most_the_documents_allowed(void **state)
{
	(void)state;
	struct world *world = world_new();
	const char *const usages[] = { "a", "pres-rules", LISTS, "z" };
	for (size_t i = 0; i < 4; i++) {
		must_put(world, doc_of(usages[i], ANN, "index"), SPAN("x"));
		must_put(world, doc_of(usages[i], "sip:an@example.com", "index"), SPAN("x"));
		must_put(world, doc_of(usages[i], "sip:ann@example.com2", "index"), SPAN("x"));
		must_put(world, doc_of(usages[i], NULL, "index"), SPAN("x"));
	}
	struct write fifth = put_of(doc_of("m", ANN, "one"), SPAN("x"));
	fifth.quota = 4;
	assert_int_equal(apply(world, &fifth), STORE_CROWDED);
	struct write replaced = put_of(ANN_INDEX, SPAN("y"));
	replaced.quota = 4;
	assert_int_equal(apply(world, &replaced), STORE_OK);
	fifth.quota = 5;
	assert_int_equal(apply(world, &fifth), STORE_OK);
	must_remove(world, ANN_INDEX);
	struct write sixth = put_of(doc_of("m", ANN, "two"), SPAN("x"));
	sixth.quota = 5;
	assert_int_equal(apply(world, &sixth), STORE_OK);
	struct write global = put_of(doc_of("m", NULL, "two"), SPAN("x"));
	global.quota = 1;
	assert_int_equal(apply(world, &global), STORE_OK);
	world_end(&world);
}

static void deleted_documents_of_an_owner_do_not_pile_up(void **state)
{
	(void)state;
	struct world *world = world_new();
	size_t kept = 0, count;
	struct version *versions;
	for (unsigned i = 0; i < 20; i++) {
		struct span path = arena_format(world->arena, "list%u", i);
		struct write write = put_of(doc_of(LISTS, ANN, path.data), SPAN("x"));
		write.quota = 5;
		assert_int_equal(apply(world, &write), STORE_OK);
		must_remove(world, write.id);
	}
	for (unsigned i = 0; i < 20; i++) {
		struct span path = arena_format(world->arena, "list%u", i);
		struct doc_id id = doc_of(LISTS, ANN, path.data);
		bool found = store_versions(world->store, world->arena, &id, &versions, &count)
			     == STORE_OK;
		assert_int_equal(found, i >= 14);
		kept += found;
	}
	assert_int_equal(kept, 6);
	world_end(&world);
}

static struct write claiming(struct doc_id id, const struct claim *claims, size_t count)
{
	struct write write = put_of(id, SPAN("services"));
	write.claims = claims;
	write.claim_count = count;
	return write;
}

#define SERVICE(text)                                             \
	{                                                         \
		.scope = SPAN("service-uri"), .value = SPAN(text) \
	}

static void a_claimed_value_belongs_to_one_document(void **state)
{
	(void)state;
	struct world *world = world_new();
	const struct doc_id ann = doc_of("rls-services", ANN, "index"),
			    bob = doc_of("rls-services", BOB, "index");
	const struct claim one_two[] = { SERVICE("sip:1"), SERVICE("sip:2"), SERVICE("sip:1") },
			   three_two[] = { SERVICE("sip:3"), SERVICE("sip:2") },
			   other[] = { { .scope = SPAN("other"), .value = SPAN("sip:2") } };
	struct write a = claiming(ann, one_two, 3);
	assert_int_equal(apply(world, &a), STORE_OK);
	struct write b = claiming(bob, three_two, 2);
	assert_int_equal(apply(world, &b), STORE_TAKEN);
	assert_int_equal(b.taken, 1);
	assert_absent(world, bob);
	struct write c = claiming(bob, other, 1);
	assert_int_equal(apply(world, &c), STORE_OK);
	assert_int_equal(apply(world, &a), STORE_OK); /* its own are no hindrance */
	struct write fewer = claiming(ann, one_two, 1);
	assert_int_equal(apply(world, &fewer), STORE_OK);
	assert_int_equal(apply(world, &b), STORE_OK); /* sip:2 was given up */
	must_remove(world, ann);
	struct write d = claiming(bob, one_two, 2);
	assert_int_equal(apply(world, &d), STORE_OK);
	assert_int_equal(apply(world, &a), STORE_TAKEN);
	assert_int_equal(a.taken, 0);
	world_end(&world);
}

static void claims_pass_on_within_a_batch(void **state)
{
	(void)state;
	struct world *world = world_new();
	const struct claim one[] = { SERVICE("sip:1") };
	struct write writes[10], *order[10];
	for (size_t i = 0; i < 5; i++) {
		struct span xui = arena_format(world->arena, "sip:u%zu@example.com", i);
		struct doc_id id = doc_of("rls-services", xui.data, "index");
		writes[2 * i] = claiming(id, one, 1);
		writes[2 * i + 1] = i % 2 ? remove_of(id) : claiming(id, NULL, 0);
		order[2 * i] = &writes[2 * i];
		order[2 * i + 1] = &writes[2 * i + 1];
	}
	assert_int_equal(store_apply(world->store, order, 9), STORE_OK);
	for (size_t i = 0; i < 9; i++)
		assert_int_equal(writes[i].result, STORE_OK);
	struct write late = claiming(doc_of("rls-services", ANN, "index"), one, 1);
	assert_int_equal(apply(world, &late), STORE_TAKEN);
	world_end(&world);
}

static void former_versions_are_kept_and_counted(void **state)
{
	(void)state;
	struct world *world = world_new();
	struct doc_id id = ANN_INDEX;
	struct etag etags[6];
	const char *const bodies[] = { "one", "two", "three", "four", "five" };
	for (size_t i = 0; i < 5; i++)
		etags[i] = must_put(world, id, span_of(bodies[i]));
	etags[5] = must_remove(world, id);
	struct version *versions;
	struct span body;
	size_t count;
	assert_int_equal(
		store_versions(world->store, world->arena, &id, &versions, &count), STORE_OK);
	assert_int_equal(count, 4);
	assert_true(versions[0].removed);
	assert_span(versions[0].who, ANN);
	for (size_t i = 0; i < count; i++)
		assert_true(etag_equal(versions[i].etag, etags[5 - i]));
	assert_int_equal(
		store_version_read(world->store, world->arena, &id, etags[3].number, &body),
		STORE_OK);
	assert_span(body, "four");
	assert_int_equal(
		store_version_read(world->store, world->arena, &id, etags[5].number, &body),
		STORE_ABSENT);
	assert_int_equal(
		store_version_read(world->store, world->arena, &id, etags[1].number, &body),
		STORE_ABSENT);
	must_put(world, id, SPAN("six")); /* goes on with the same history */
	assert_int_equal(
		store_versions(world->store, world->arena, &id, &versions, &count), STORE_OK);
	assert_int_equal(count, 3);
	assert_true(versions[0].removed);
	assert_true(etag_equal(versions[2].etag, etags[3]));
	world_end(&world);
}

static void without_history_nothing_of_a_former_version_stays(void **state)
{
	(void)state;
	struct world *world = world_prepare();
	world->settings.history_versions = 0;
	world_open(world);
	struct doc_id id = ANN_INDEX;
	struct version *versions;
	size_t count;
	struct etag first = must_put(world, id, SPAN("one"));
	must_put(world, id, SPAN("two"));
	assert_int_equal(
		store_versions(world->store, world->arena, &id, &versions, &count), STORE_OK);
	assert_int_equal(count, 0);
	struct span body;
	assert_int_equal(store_version_read(world->store, world->arena, &id, first.number, &body),
		STORE_ABSENT);
	must_remove(world, id);
	assert_int_equal(
		store_versions(world->store, world->arena, &id, &versions, &count), STORE_ABSENT);
	world_end(&world);
}

static void fewer_versions_are_kept_once_fewer_are_wanted(void **state)
{
	(void)state;
	struct world *world = world_new();
	struct doc_id id = ANN_INDEX;
	struct version *versions;
	size_t count;
	for (size_t i = 0; i < 5; i++)
		must_put(world, id, SPAN("x"));
	world->settings.history_versions = 1;
	world_reopen(world);
	must_put(world, id, SPAN("y"));
	assert_int_equal(
		store_versions(world->store, world->arena, &id, &versions, &count), STORE_OK);
	assert_int_equal(count, 1);
	world_end(&world);
}

static void a_name_that_no_document_can_have_is_refused(void **state)
{
	(void)state;
	struct world *world = world_new();
	struct span path = filler(world, URI_PATH_MAX + 1, 1), xui = filler(world, URI_XUI_MAX, 2),
		    auid = filler(world, URI_AUID_MAX, 3);
	struct doc_id longest = { auid, TREE_USERS, xui, span_first(path, URI_PATH_MAX) };
	struct doc_id bad[] = { longest, longest, longest, longest };
	bad[0].path = path;
	bad[1].xui = (struct span){ "", 0 };
	bad[2].auid = (struct span){ "a\0b", 3 };
	bad[3].tree = TREE_GLOBAL;
	must_put(world, longest, SPAN("x"));
	assert_body(world, longest, SPAN("x"));
	for (size_t i = 0; i < 4; i++) {
		struct write write = put_of(bad[i], SPAN("x"));
		assert_int_equal(apply(world, &write), STORE_FAILED);
		assert_absent(world, bad[i]);
	}
	world_end(&world);
}

static void without_memory_a_write_fails_cleanly(void **state)
{
	(void)state;
	struct world *world = world_new();
	const struct claim one[] = { SERVICE("sip:1") };
	must_put(world, ANN_INDEX, SPAN("one"));
	struct claim *claims = arena_alloc(world->arena, 5000 * sizeof(*claims));
	for (size_t i = 0; i < 5000; i++)
		claims[i] = one[0];
	struct write write = claiming(ANN_INDEX, claims, 5000);
	bool passed = false;
	size_t failures = 0;
	for (size_t nth = 1; !passed; nth++) {
		arena_fail_at(nth);
		passed = apply(world, &write) == STORE_OK;
		arena_fail_at(0);
		if (!passed) {
			failures++;
			assert_int_equal(write.result, STORE_FAILED);
			assert_body(world, ANN_INDEX, SPAN("one"));
		}
	}
	assert_true(failures > 0);
	assert_body(world, ANN_INDEX, SPAN("services"));
	world_end(&world);
}

static void a_renewed_generation_makes_every_etag_new(void **state)
{
	(void)state;
	struct world *world = world_new();
	struct etag etag = must_put(world, ANN_INDEX, SPAN("one"));
	assert_int_equal(etag.generation, store_generation(world->store));
	assert_int_equal(store_renew_generation(world->store), STORE_OK);
	uint64_t renewed = store_generation(world->store);
	assert_true(renewed != 0 && renewed >> 48 == 0 && renewed != etag.generation);
	world_reopen(world);
	assert_int_equal(store_generation(world->store), renewed);
	struct snapshot snapshot;
	struct doc_id id = ANN_INDEX;
	assert_int_equal(
		store_read(world->store, world->arena, &id, STORE_HEAD, &snapshot), STORE_OK);
	assert_int_equal(snapshot.etag.generation, renewed);
	assert_int_equal(store_probe(world->store), STORE_OK);
	world_end(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_put_comes_back_octet_for_octet),
		cmocka_unit_test(a_creation_and_a_change_tell_their_etags),
		cmocka_unit_test(an_etag_is_not_used_again_after_delete_and_create),
		cmocka_unit_test(conditions_are_judged_where_the_change_is_made),
		cmocka_unit_test(a_refused_write_leaves_no_trace),
		cmocka_unit_test(what_was_computed_from_another_version_is_refused),
		cmocka_unit_test(many_edits_of_one_document_chain_in_one_batch),
		cmocka_unit_test(a_chain_breaks_behind_a_refused_write_only),
		cmocka_unit_test(an_owner_has_at_most_the_documents_allowed),
		cmocka_unit_test(deleted_documents_of_an_owner_do_not_pile_up),
		cmocka_unit_test(a_claimed_value_belongs_to_one_document),
		cmocka_unit_test(claims_pass_on_within_a_batch),
		cmocka_unit_test(former_versions_are_kept_and_counted),
		cmocka_unit_test(without_history_nothing_of_a_former_version_stays),
		cmocka_unit_test(fewer_versions_are_kept_once_fewer_are_wanted),
		cmocka_unit_test(a_name_that_no_document_can_have_is_refused),
		cmocka_unit_test(without_memory_a_write_fails_cleanly),
		cmocka_unit_test(a_renewed_generation_makes_every_etag_new),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
