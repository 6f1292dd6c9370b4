/* links: store xcap base */
/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/store_world.h"

#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/statvfs.h>

static struct world *small_world(uint64_t size)
{
	struct world *world = world_prepare();
	world->settings.max_size = size;
	world_open(world);
	return world;
}

static struct doc_id numbered(struct world *world, unsigned number)
{
	return doc_of(
		LISTS, arena_format(world->arena, "sip:u%u@example.com", number).data, "index");
}

/* Puts documents of that size until one does not fit; how many did. */
static unsigned fill(struct world *world, unsigned from, size_t size)
{
	for (unsigned i = from;; i++) {
		struct write write = put_of(numbered(world, i), filler(world, size, i));
		enum store_result result = apply(world, &write);
		if (result == STORE_FULL) {
			assert_true(strlen(store_problem()) > 0);
			return i;
		}
		if (result != STORE_OK)
			print_error("put %u: %d %s\n", i, result, store_problem());
		assert_int_equal(result, STORE_OK);
		assert_true(i < 100000);
	}
}

static void assert_all_there(struct world *world, unsigned from, unsigned to, size_t size)
{
	for (unsigned i = from; i < to; i++)
		assert_body(world, numbered(world, i), filler(world, size, i));
}

static void a_full_store_reads_and_deletes_and_takes_documents_again(void **state)
{
	(void)state;
	const uint64_t maps[] = { 2 << 20, 3 << 20, 12 << 20 };
	const size_t sizes[] = { 300, 1000, 1900, 2048,
		70000 }; /* up to 1900: in their rows, too */
	for (size_t m = 0; m < 3; m++)
		for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
			struct world *world = small_world(maps[m]);
			unsigned count = fill(world, 0, sizes[s]);
			assert_true(count * sizes[s] > maps[m] / 8);
			assert_all_there(world, 0, count, sizes[s]);
			unsigned some = count / 3;
			for (unsigned i = 0; i < some; i++)
				must_remove(world, numbered(world, i));
			must_put(world, numbered(world, 0), filler(world, sizes[s], 0));
			world_reopen(world); /* and after a restart too */
			must_put(world, numbered(world, 1), filler(world, sizes[s], 1));
			for (unsigned i = some; i < count; i++)
				must_remove(world, numbered(world, i));
			for (unsigned i = some; i < count - some; i++)
				must_put(world, numbered(world, i), filler(world, sizes[s], i));
			assert_all_there(world, some, count - some, sizes[s]);
			assert_all_there(world, 0, 2, sizes[s]);
			world_end(&world);
		}
}

static void every_document_of_a_full_store_can_be_deleted(void **state)
{
	(void)state;
	struct world *world = small_world(2 << 20);
	unsigned count = fill(world, 0, 100);
	for (unsigned i = 0; i < count; i++)
		must_remove(world, numbered(world, i));
	struct store_stats stats;
	assert_int_equal(store_stats(world->store, &stats), STORE_OK);
	assert_int_equal(stats.documents, 0);
	world_end(&world);
}

static void a_deletion_without_room_keeps_no_versions_and_says_so(void **state)
{
	(void)state;
	struct world *world = small_world(2 << 20);
	struct version *versions;
	size_t count;
	struct doc_id id = numbered(world, 0);
	must_put(world, id, SPAN("first"));
	struct write roomy = remove_of(id);
	assert_int_equal(apply(world, &roomy), STORE_OK);
	assert_false(roomy.forgotten);
	assert_int_equal(
		store_versions(world->store, world->arena, &id, &versions, &count), STORE_OK);
	fill(world, 0, 5000);
	struct write tight = remove_of(id);
	assert_int_equal(apply(world, &tight), STORE_OK);
	assert_true(tight.forgotten);
	assert_int_equal(
		store_versions(world->store, world->arena, &id, &versions, &count), STORE_ABSENT);
	world_end(&world);
}

static void one_write_that_does_not_fit_does_not_take_its_batch_along(void **state)
{
	(void)state;
	struct world *world = small_world(2 << 20);
	struct write writes[] = {
		put_of(numbered(world, 1), SPAN("one")),
		put_of(numbered(world, 2), filler(world, 3 << 20, 2)),
		put_of(numbered(world, 2), SPAN("computed from what does not fit")),
		put_of(numbered(world, 3), SPAN("three")),
		remove_of(numbered(world, 9)),
	};
	writes[2].computed = true;
	writes[2].after = &writes[1];
	struct write *order[] = { &writes[0], &writes[1], &writes[2], &writes[3], &writes[4] };
	assert_int_equal(store_apply(world->store, order, 5), STORE_OK);
	const enum store_result results[] = { STORE_OK, STORE_FULL, STORE_MOVED, STORE_OK,
		STORE_ABSENT };
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(writes[i].result, results[i]);
	assert_body(world, numbered(world, 1), SPAN("one"));
	assert_absent(world, numbered(world, 2));
	assert_body(world, numbered(world, 3), SPAN("three"));
	world_end(&world);
}

static void a_store_that_is_used_for_long_does_not_fill_up(void **state)
{
	(void)state;
	struct world *world = small_world(4 << 20);
	bool more;
	for (unsigned i = 0; i < 6000; i++) {
		must_put(world, numbered(world, i % 20), filler(world, 2048, i));
		if (i % 100 == 0) {
			assert_int_equal(
				store_trim(world->store, UINT64_C(1) << 50, 1000, &more), STORE_OK);
			arena_reset(world->arena);
		}
	}
	world_end(&world);
}

/* Random puts and removals where there is hardly any room, against a note of what was answered. */
static void near_the_limit_every_answer_is_kept(void **state)
{
	(void)state;
	enum { DOCUMENTS = 60, TIMES = 4000 };
	struct world *world = small_world(3 << 20);
	unsigned seeds[DOCUMENTS] = { 0 }, random = 7, refused = 0;
	size_t sizes[DOCUMENTS];
	for (unsigned i = 1; i < TIMES; i++) {
		random = random * 1103515245u + 12345u;
		unsigned which = (random >> 8) % DOCUMENTS;
		size_t size = (random >> 16) % 3 ? (random >> 10) % 4000 : (random >> 6) % 200000;
		struct write write = put_of(numbered(world, which), filler(world, size, i));
		write.remove = (random >> 20) % 5 == 0;
		enum store_result result = apply(world, &write);
		if (write.remove) {
			assert_int_equal(result, seeds[which] ? STORE_OK : STORE_ABSENT);
			seeds[which] = 0;
		} else if (result == STORE_OK) {
			seeds[which] = i;
			sizes[which] = size;
		} else {
			assert_int_equal(result, STORE_FULL);
			refused++;
		}
		if (i % 500)
			continue;
		world_reopen(world);
		for (which = 0; which < DOCUMENTS; which++)
			if (seeds[which])
				assert_body(world, numbered(world, which),
					filler(world, sizes[which], seeds[which]));
			else
				assert_absent(world, numbered(world, which));
		arena_reset(world->arena);
	}
	assert_true(refused > 10 && refused < TIMES * 3 / 4);
	world_end(&world);
}

static void users_and_values_respect_the_reserve(void **state)
{
	(void)state;
	struct world *world = small_world(2 << 20);
	const struct kv_pair mark = { SPAN("mark"), SPAN("17"), NULL };
	struct user bob = { .name = SPAN(BOB) };
	assert_int_equal(store_users_put(world->store, &bob, 1, NULL), STORE_OK);
	unsigned count = fill(world, 0, 2048);
	enum store_result result = STORE_OK;
	for (unsigned i = 0; result == STORE_OK && i < 100000; i++) {
		struct user user = { .name = arena_format(world->arena, "sip:%u@x", i) };
		result = store_users_put(world->store, &user, 1, NULL);
	}
	assert_int_equal(result, STORE_FULL);
	assert_int_equal(store_users_put(world->store, &bob, 1, NULL), STORE_OK); /* as it is */
	for (size_t i = 0; i < 200; i++) /* a follower's marks still get through */
		assert_int_equal(kv_write(world->store, "marks", &mark, 1), STORE_OK);
	result = STORE_OK;
	for (unsigned i = 0; result == STORE_OK && i < 1000; i++) {
		const struct kv_pair pair = { arena_format(world->arena, "key%u", i),
			filler(world, 5000, i), NULL };
		result = kv_write(world->store, "marks", &pair, 1);
	}
	assert_int_equal(result, STORE_FULL);
	for (unsigned i = 0; i < count; i++)
		must_remove(world, numbered(world, i));
	assert_int_equal(store_user_remove(world->store, SPAN(BOB), SPAN("admin")), STORE_OK);
	assert_int_equal(store_users_put(world->store, &bob, 1, NULL), STORE_OK);
	world_end(&world);
}

static void a_smaller_map_than_what_is_stored_loses_nothing(void **state)
{
	(void)state;
	struct world *world = small_world(16 << 20);
	unsigned count = fill(world, 0, 10000);
	store_close(&world->store);
	world->settings.max_size = 1 << 20;
	world_open(world);
	assert_all_there(world, 0, count, 10000);
	struct write write = put_of(ANN_INDEX, filler(world, 10000, 1));
	assert_int_equal(apply(world, &write), STORE_FULL);
	for (unsigned i = 0; i < count; i++)
		must_remove(world, numbered(world, i));
	must_put(world, ANN_INDEX, SPAN("x"));
	store_close(&world->store);
	world->settings.max_size = 64 << 20; /* and a larger one has room at once */
	world_open(world);
	assert_true(fill(world, 0, 10000) > count * 3);
	world_end(&world);
}

static void a_file_that_may_not_grow_is_a_full_store(void **state)
{
	(void)state;
	struct world *world = small_world(64 << 20);
	struct rlimit before, limit;
	getrlimit(RLIMIT_FSIZE, &before);
	limit = before;
	limit.rlim_cur = 10 << 20;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	unsigned count = fill(world, 0, 10000);
	assert_true(count > 100 && count < 1200);
	for (unsigned i = 0; i < count; i++)
		must_remove(world, numbered(world, i));
	unsigned again = fill(world, 0, 10000);
	assert_true(again >= count - count / 10);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	fill(world, count, 10000);
	world_end(&world);
}

/* A small file system of its own; false when this may not be mounted. */
static bool mount_small(const char *path, const char *options)
{
	if (geteuid() != 0 || unshare(CLONE_NEWNS) != 0)
		return false;
	return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0
	       && mount("none", path, "tmpfs", 0, options) == 0;
}

static void a_full_disk_reads_and_deletes_and_takes_documents_again(void **state)
{
	(void)state;
	struct world *world = world_prepare();
	if (!mount_small(world->path, "size=16m")) {
		world_end(&world);
		skip();
	}
	world->settings.path = arena_format(world->arena, "%s/store", world->path).data;
	world_open(world);
	unsigned count = fill(world, 0, 10000);
	assert_true(count > 300);
	assert_non_null(strstr(store_problem(), "disk"));
	assert_all_there(world, 0, count, 10000);
	for (unsigned i = 0; i < count; i++)
		must_remove(world, numbered(world, i));
	world_reopen(world);
	unsigned again = fill(world, 0, 10000);
	assert_true(again >= count - count / 10);
	assert_all_there(world, 0, again, 10000);
	store_close(&world->store);
	assert_int_equal(umount(world->path), 0);
	world_end(&world);
}

static void a_disk_that_others_fill_still_takes_deletions(void **state)
{
	(void)state;
	struct world *world = world_prepare();
	if (!mount_small(world->path, "size=16m")) {
		world_end(&world);
		skip();
	}
	char octets[4096] = { 0 };
	const char *other = arena_format(world->arena, "%s/other", world->path).data;
	world->settings.path = arena_format(world->arena, "%s/store", world->path).data;
	world_open(world);
	for (unsigned i = 0; i < 200; i++)
		must_put(world, numbered(world, i), filler(world, 10000, i));
	FILE *file = fopen(other, "w");
	assert_non_null(file);
	while (fwrite(octets, 1, sizeof(octets), file) == sizeof(octets) && fflush(file) == 0)
		;
	unsigned count = fill(world, 200, 10000);
	for (unsigned i = 0; i < count; i++)
		must_remove(world, numbered(world, i));
	must_put(world, numbered(world, 0), SPAN("x"));
	fclose(file);
	assert_int_equal(unlink(other), 0);
	assert_true(fill(world, 1, 10000) > 300);
	store_close(&world->store);
	assert_int_equal(umount(world->path), 0);
	world_end(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_store_reads_and_deletes_and_takes_documents_again),
		cmocka_unit_test(every_document_of_a_full_store_can_be_deleted),
		cmocka_unit_test(a_deletion_without_room_keeps_no_versions_and_says_so),
		cmocka_unit_test(one_write_that_does_not_fit_does_not_take_its_batch_along),
		cmocka_unit_test(a_store_that_is_used_for_long_does_not_fill_up),
		cmocka_unit_test(near_the_limit_every_answer_is_kept),
		cmocka_unit_test(users_and_values_respect_the_reserve),
		cmocka_unit_test(a_smaller_map_than_what_is_stored_loses_nothing),
		cmocka_unit_test(a_file_that_may_not_grow_is_a_full_store),
		cmocka_unit_test(a_full_disk_reads_and_deletes_and_takes_documents_again),
		cmocka_unit_test(a_disk_that_others_fill_still_takes_deletions),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
