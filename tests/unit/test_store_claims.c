/* links: store xcap base */
/* SPDX-License-Identifier: BSD-2-Clause */
/* Service URIs that are unique on the whole server, and the index of all of them (RFC 4826 §4.4.5,
 * §4.4.9). */
#include "unit/store_world.h"

#define SCOPE SPAN("service-uri")

static struct write claiming(const char *xui, const struct claim *claims, size_t count)
{
	struct write write = put_of(doc_of("rls-services", xui, "index"), SPAN("services"));
	write.claims = claims;
	write.claim_count = count;
	return write;
}

static struct etag scope_etag(struct world *world)
{
	struct etag etag;
	assert_int_equal(store_claims_etag(world->store, SCOPE, &etag), STORE_OK);
	return etag;
}

static struct span everything(struct world *world, size_t most, enum store_result expected)
{
	struct buffer all = { .arena = world->arena };
	struct etag etag;
	buffer_text(&all, "");
	assert_int_equal(store_claims_append(world->store, SCOPE, most, &all, &etag), expected);
	if (expected == STORE_OK)
		assert_true(etag_equal(etag, scope_etag(world)));
	return buffer_span(&all);
}

static void contents_are_found_by_value_and_all_together(void **state)
{
	(void)state;
	struct world *world = world_new();
	const struct claim ann[] = { { SCOPE, SPAN("sip:1"), SPAN("<a/>"), { 0 } },
		{ SCOPE, SPAN("sip:2"), { 0 }, { 0 } },
		{ SPAN("other"), SPAN("sip:3"), SPAN("<x/>"), { 0 } } };
	const struct claim bob[] = { { SCOPE, SPAN("sip:4"), SPAN("<b/>"), { 0 } } };
	struct write first = claiming(ANN, ann, 3), second = claiming(BOB, bob, 1);
	struct span content;
	struct etag etag;
	assert_span(everything(world, 100, STORE_OK), "");
	assert_int_equal(apply(world, &first), STORE_OK);
	assert_int_equal(apply(world, &second), STORE_OK);
	struct span all = everything(world, 100, STORE_OK);
	assert_true(span_equal_text(all, "<a/><b/>") || span_equal_text(all, "<b/><a/>"));
	assert_true(span_equal(all, everything(world, 100, STORE_OK)));
	everything(world, 8, STORE_OK);
	everything(world, 7, STORE_CROWDED);
	assert_int_equal(
		store_claim_read(world->store, world->arena, SCOPE, SPAN("sip:4"), &content, &etag),
		STORE_OK);
	assert_span(content, "<b/>");
	assert_true(etag_equal(etag, scope_etag(world)));
	assert_int_equal(
		store_claim_read(world->store, world->arena, SCOPE, SPAN("sip:2"), &content, &etag),
		STORE_OK);
	assert_int_equal(content.size, 0);
	assert_int_equal(
		store_claim_read(world->store, world->arena, SCOPE, SPAN("sip:3"), &content, &etag),
		STORE_ABSENT);
	assert_true(etag_equal(etag, scope_etag(world)));
	world_end(&world);
}

/* Does the etag of the scope move by this write? */
static bool moves(struct world *world, struct write *write)
{
	struct etag before = scope_etag(world);
	assert_int_equal(apply(world, write), STORE_OK);
	return !etag_equal(before, scope_etag(world));
}

static void the_etag_of_a_scope_moves_exactly_with_what_it_shows(void **state)
{
	(void)state;
	struct world *world = world_new();
	const struct claim shown[] = { { SCOPE, SPAN("sip:1"), SPAN("<a/>"), { 0 } } };
	const struct claim changed[] = { { SCOPE, SPAN("sip:1"), SPAN("<a b=''/>"), { 0 } } };
	const struct claim hidden[] = { { SCOPE, SPAN("sip:1"), { 0 }, { 0 } } };
	struct write put = claiming(ANN, shown, 1), change = claiming(ANN, changed, 1);
	struct write hide = claiming(ANN, hidden, 1), none = claiming(ANN, NULL, 0);
	struct write away = remove_of(put.id),
		     apart = put_of(doc_of(LISTS, BOB, "index"), SPAN("x"));
	assert_true(moves(world, &put));
	assert_false(moves(world, &put));
	assert_true(moves(world, &change));
	assert_false(moves(world, &apart));
	assert_true(moves(world, &hide));
	assert_false(moves(world, &hide));
	assert_false(moves(world, &none));
	assert_true(moves(world, &put));
	assert_true(moves(world, &away));
	assert_span(everything(world, 100, STORE_OK), "");
	struct etag last = scope_etag(world);
	world_reopen(world);
	assert_true(etag_equal(last, scope_etag(world)));
	world_end(&world);
}

static void a_user_who_goes_takes_the_services_along(void **state)
{
	(void)state;
	struct world *world = world_new();
	const struct claim shown[] = { { SCOPE, SPAN("sip:1"), SPAN("<a/>"), { 0 } } };
	struct user ann = { .name = SPAN(ANN) };
	struct write put = claiming(ANN, shown, 1);
	assert_int_equal(store_users_put(world->store, &ann, 1, NULL), STORE_OK);
	assert_int_equal(apply(world, &put), STORE_OK);
	struct etag before = scope_etag(world);
	assert_int_equal(store_user_remove(world->store, ann.name, SPAN("admin")), STORE_OK);
	assert_false(etag_equal(before, scope_etag(world)));
	assert_span(everything(world, 100, STORE_OK), "");
	world_end(&world);
}

static void no_claim_takes_the_name_of_a_user(void **state)
{
	(void)state;
	struct world *world = world_new();
	struct user bob = { .name = SPAN(BOB) };
	const struct claim claim[] = { { SCOPE, SPAN("sip:0"), { 0 }, SPAN("sip:0") },
		{ SCOPE, SPAN(BOB), SPAN("<a/>"), SPAN(BOB) } };
	struct write write = claiming(ANN, claim, 2);
	assert_int_equal(store_users_put(world->store, &bob, 1, NULL), STORE_OK);
	assert_int_equal(apply(world, &write), STORE_TAKEN);
	assert_int_equal(write.taken, 1);
	assert_int_equal(store_user_remove(world->store, bob.name, SPAN("admin")), STORE_OK);
	assert_int_equal(apply(world, &write), STORE_OK);
	assert_int_equal(store_users_put(world->store, &bob, 1, NULL), STORE_OK);
	assert_int_equal(apply(world, &write), STORE_OK); /* who has it, keeps it */
	world_end(&world);
}

static void large_contents_are_kept_whole(void **state)
{
	(void)state;
	struct world *world = world_new();
	struct claim claims[20];
	for (size_t i = 0; i < 20; i++)
		claims[i] = (struct claim){ SCOPE, arena_format(world->arena, "sip:%zu", i),
			filler(world, 50000 + i, i + 1), { 0 } };
	struct write write = claiming(ANN, claims, 20);
	struct span content;
	struct etag etag;
	assert_int_equal(apply(world, &write), STORE_OK);
	assert_int_equal(everything(world, 1 << 24, STORE_OK).size, 20 * 50000 + 190);
	for (size_t i = 0; i < 20; i++) {
		assert_int_equal(store_claim_read(world->store, world->arena, SCOPE,
					 claims[i].value, &content, &etag),
			STORE_OK);
		assert_true(span_equal(content, claims[i].content));
	}
	world_end(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(contents_are_found_by_value_and_all_together),
		cmocka_unit_test(the_etag_of_a_scope_moves_exactly_with_what_it_shows),
		cmocka_unit_test(a_user_who_goes_takes_the_services_along),
		cmocka_unit_test(no_claim_takes_the_name_of_a_user),
		cmocka_unit_test(large_contents_are_kept_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
