/* links: store xcap base */
/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/store_world.h"

static struct user ann(struct world *world, const char *password)
{
	struct user user = { .name = SPAN(ANN), .role = ROLE_USER };
	const struct span realms[] = { SPAN("example.com"), SPAN("example.org") };
	assert_true(principal_credentials(
		world->arena, &user, span_of(password), realms, 2, SPAN("example.com")));
	assert_true(user.count > 0);
	return user;
}

static void assert_same_user(const struct user *a, const struct user *b)
{
	assert_true(span_equal(a->name, b->name));
	assert_int_equal(a->role, b->role);
	assert_int_equal(a->count, b->count);
	for (size_t i = 0; i < a->count; i++) {
		const struct credential *x = &a->credentials[i], *y = &b->credentials[i];
		assert_true(span_equal(x->name, y->name) && span_equal(x->realm, y->realm));
		assert_int_equal(x->algorithm, y->algorithm);
		assert_memory_equal(x->ha1, y->ha1, digest_hex_size(x->algorithm) / 2);
	}
}

static void a_user_comes_back_as_put(void **state)
{
	(void)state;
	struct world *world = world_new();
	struct user users[] = { ann(world, "secret"),
		{ .name = SPAN("admin"), .role = ROLE_ADMIN } };
	struct user read;
	size_t written;
	assert_int_equal(
		store_user_read(world->store, world->arena, SPAN(ANN), &read), STORE_ABSENT);
	assert_int_equal(store_users_put(world->store, users, 2, &written), STORE_OK);
	assert_int_equal(written, 2);
	world_reopen(world);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(store_user_read(world->store, world->arena, users[i].name, &read),
			STORE_OK);
		assert_same_user(&read, &users[i]);
	}
	assert_int_equal(
		store_user_read(world->store, world->arena, SPAN(""), &read), STORE_ABSENT);
	world_end(&world);
}

static void a_user_that_was_just_read_is_not_remembered_too_long(void **state)
{
	(void)state;
	struct world *world = world_new();
	struct user users[] = { ann(world, "secret"), ann(world, "terces"), ann(world, "cretes") };
	struct user read;
	users[2].role = ROLE_READER;
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(store_users_put(world->store, &users[i], 1, NULL), STORE_OK);
		for (int again = 0; again < 2; again++) {
			assert_int_equal(
				store_user_read(world->store, world->arena, SPAN(ANN), &read),
				STORE_OK);
			assert_same_user(&read, &users[i]);
		}
		must_put(world, ANN_INDEX, SPAN("a commit of something else"));
	}
	for (size_t i = 0; i < 100; i++) { /* more than are remembered */
		struct span name = arena_format(world->arena, "sip:%zu@example.com", i % 50);
		assert_int_equal(
			store_user_read(world->store, world->arena, name, &read), STORE_ABSENT);
	}
	assert_int_equal(store_user_read(world->store, world->arena, SPAN(ANN), &read), STORE_OK);
	assert_same_user(&read, &users[2]);
	assert_int_equal(store_user_remove(world->store, SPAN(ANN), SPAN("admin")), STORE_OK);
	assert_int_equal(
		store_user_read(world->store, world->arena, SPAN(ANN), &read), STORE_ABSENT);
	world_end(&world);
}

static uint64_t file_stamp(struct world *world)
{
	struct stat about;
	struct span path = arena_format(world->arena, "%s/data.mdb", world->path);
	assert_int_equal(stat(path.data, &about), 0);
	return (uint64_t)about.st_mtim.tv_sec * 1000000000u + (uint64_t)about.st_mtim.tv_nsec;
}

static void an_unchanged_user_is_not_written(void **state)
{
	(void)state;
	struct world *world = world_new();
	struct user users[] = { ann(world, "secret"),
		{ .name = SPAN("admin"), .role = ROLE_ADMIN } };
	size_t written;
	assert_int_equal(store_users_put(world->store, users, 2, NULL), STORE_OK);
	world_reopen(world);
	uint64_t stamp = file_stamp(world);
	usleep(20 * 1000);
	assert_int_equal(store_users_put(world->store, users, 2, &written), STORE_OK);
	assert_int_equal(written, 0);
	world_reopen(world);
	assert_true(file_stamp(world) == stamp);
	users[0] = ann(world, "other");
	assert_int_equal(store_users_put(world->store, users, 2, &written), STORE_OK);
	assert_int_equal(written, 1);
	assert_true(file_stamp(world) != stamp);
	world_end(&world);
}

static void thousands_of_users_go_in_with_one_call(void **state)
{
	(void)state;
	struct world *world = world_new();
	enum { MANY = 5000 };
	struct user *users = arena_zero(world->arena, MANY * sizeof(*users));
	for (unsigned i = 0; i < MANY; i++) {
		users[i] = ann(world, "secret");
		users[i].name = arena_format(world->arena, "sip:u%05u@example.com", i);
	}
	size_t written, total = 0, count;
	assert_int_equal(store_users_put(world->store, users, MANY, &written), STORE_OK);
	assert_int_equal(written, MANY);
	struct span after = { NULL, 0 };
	do {
		struct user *rows;
		assert_int_equal(
			store_user_list(world->store, world->arena, after, 999, &rows, &count),
			STORE_OK);
		for (size_t i = 0; i < count; i++)
			assert_same_user(&rows[i], &users[total++]);
		if (count)
			after = rows[count - 1].name;
	} while (count);
	assert_int_equal(total, MANY);
	world_end(&world);
}

static void a_removed_user_leaves_nothing_behind(void **state)
{
	(void)state;
	struct world *world = world_new();
	struct user users[] = { ann(world, "secret"), { .name = SPAN(BOB) } };
	enum { MANY = 600 };
	const struct claim claim = { .scope = SPAN("service-uri"),
		.value = SPAN("sip:list@example.com") };
	assert_int_equal(store_users_put(world->store, users, 2, NULL), STORE_OK);
	struct write write = put_of(doc_of("rls-services", ANN, "index"), SPAN("x"));
	write.claims = &claim;
	write.claim_count = 1;
	assert_int_equal(apply(world, &write), STORE_OK);
	struct etag last = { 0 };
	for (unsigned i = 0; i < MANY; i++) {
		struct span path = arena_format(world->arena, "d%u", i);
		last = must_put(world, doc_of(LISTS, ANN, path.data), SPAN("x"));
		last = must_put(world, doc_of(LISTS, ANN, path.data), SPAN("y"));
	}
	must_remove(world, doc_of(LISTS, ANN, "d7"));
	must_put(world, doc_of(LISTS, BOB, "index"), SPAN("bob's"));
	must_put(world, doc_of(LISTS, NULL, "index"), SPAN("everybody's"));
	assert_int_equal(store_user_remove(world->store, SPAN(ANN), SPAN("admin")), STORE_OK);

	struct user read;
	assert_int_equal(
		store_user_read(world->store, world->arena, SPAN(ANN), &read), STORE_ABSENT);
	struct store_stats stats;
	assert_int_equal(store_stats(world->store, &stats), STORE_OK);
	assert_int_equal(stats.documents, 2);
	assert_int_equal(stats.users, 1);
	struct version *versions;
	struct feed_row *rows;
	size_t count;
	struct doc_id gone = doc_of(LISTS, ANN, "d7");
	assert_int_equal(
		store_versions(world->store, world->arena, &gone, &versions, &count), STORE_ABSENT);
	assert_int_equal(
		store_feed(world->store, world->arena, last.number + 3, 10000, &rows, &count),
		STORE_OK);
	assert_int_equal(count, MANY); /* the lists but d7, and the services */
	for (size_t i = 0; i < count; i++) {
		assert_true(rows[i].removed && rows[i].previous.number);
		assert_span(rows[i].id.xui, ANN);
		assert_span(rows[i].change.who, "admin");
	}
	write.id = doc_of("rls-services", BOB, "index"); /* the claim is free */
	assert_int_equal(apply(world, &write), STORE_OK);
	assert_int_equal(store_user_remove(world->store, SPAN(ANN), SPAN("admin")), STORE_ABSENT);
	world_end(&world);
}

static void what_is_left_of_a_user_without_login_can_be_removed(void **state)
{
	(void)state;
	struct world *world = world_new();
	must_put(world, ANN_INDEX, SPAN("x"));
	assert_int_equal(store_user_remove(world->store, SPAN(ANN), SPAN("admin")), STORE_OK);
	assert_absent(world, ANN_INDEX);
	world_end(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_user_comes_back_as_put),
		cmocka_unit_test(a_user_that_was_just_read_is_not_remembered_too_long),
		cmocka_unit_test(an_unchanged_user_is_not_written),
		cmocka_unit_test(thousands_of_users_go_in_with_one_call),
		cmocka_unit_test(a_removed_user_leaves_nothing_behind),
		cmocka_unit_test(what_is_left_of_a_user_without_login_can_be_removed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
