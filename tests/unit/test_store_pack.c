/* links: store xcap base */
/* SPDX-License-Identifier: BSD-2-Clause */
/* Octets come out of the store as they went in, however they lie in it. */
#include "store/verify.h"
#include "unit/store_world.h"

#include <lmdb.h>

/* So many octets of a list whose entries are alike. */
static struct span alike(struct world *world, size_t size, char mark)
{
	static const char entry[] = "<entry uri=\"sip:somebody@example.com\"/>\n";
	char *octets = arena_alloc(world->arena, size + 1);
	assert_non_null(octets);
	for (size_t i = 0; i < size; i++)
		octets[i] = entry[i % (sizeof(entry) - 1)];
	octets[0] = mark;
	return (struct span){ octets, size };
}

static void tell(void *context, const char *where, const char *what)
{
	(void)context;
	fail_msg("%s: %s", where, what);
}

static void assert_sound(struct world *world)
{
	for (int part = 0; part < VERIFY_PARTS; part++) {
		struct verify_walk walk = { .part = (enum verify_part)part, .tell = tell };
		while (!walk.done) {
			struct document_row *rows;
			size_t count;
			assert_int_equal(
				store_verify(world->store, world->arena, &walk, 9, &rows, &count),
				STORE_OK);
		}
	}
}

/* Sizes around the limits of rows, pages and packing, of what can be packed and what cannot. */
static void every_size_comes_out_as_it_went_in(void **state)
{
	static const size_t sizes[] = { 1, 2, 12, 13, 20, 100, 1800, 1900, 1950, 1990, 2000, 2030,
		2040, 2100, 4000, 4080, 4096, 5000, 65535, 65536, 65537, 300000 };
	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct world *world = world_new();
		struct span soft = alike(world, sizes[i], '<');
		struct span hard = filler(world, sizes[i], i);
		const struct doc_id bob = doc_of(LISTS, BOB, "index");
		must_put(world, ANN_INDEX, soft);
		must_put(world, bob, hard);
		assert_body(world, ANN_INDEX, soft);
		assert_body(world, bob, hard);
		must_put(world, ANN_INDEX, hard);
		must_put(world, bob, soft);
		world_reopen(world);
		assert_body(world, ANN_INDEX, hard);
		assert_body(world, bob, soft);
		assert_sound(world);
		world_end(&world);
	}
}

/* A row grows with its history, until its document's octets do not fit into it any more. */
static void each_former_version_comes_out_too(void **state)
{
	enum { VERSIONS = 30, HISTORY = 20 };
	static const size_t sizes[] = { 1500, 1700, 1760, 1800, 60000 };
	(void)state;
	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		struct world *world = world_prepare();
		world->settings.history_versions = HISTORY;
		world_open(world);
		struct doc_id id = ANN_INDEX;
		struct version *versions;
		struct span bodies[VERSIONS];
		size_t count;
		for (size_t i = 0; i < VERSIONS; i++) {
			bodies[i] = i % 2 ? alike(world, sizes[s] + i, (char)('A' + i))
					  : filler(world, sizes[s] + i, i);
			must_put(world, id, bodies[i]);
			assert_body(world, id, bodies[i]);
		}
		assert_int_equal(store_versions(world->store, world->arena, &id, &versions, &count),
			STORE_OK);
		assert_int_equal(count, HISTORY);
		for (size_t i = 0; i < count; i++) {
			const struct span want = bodies[VERSIONS - 2 - i];
			struct span body;
			assert_int_equal(versions[i].size, want.size);
			assert_int_equal(store_version_read(world->store, world->arena, &id,
						 versions[i].etag.number, &body),
				STORE_OK);
			assert_true(span_equal(body, want));
		}
		assert_sound(world);
		world_end(&world);
	}
}

/* How many pages of the data file are in use. */
static size_t pages_used(struct world *world)
{
	MDB_env *env;
	MDB_envinfo info;
	store_close(&world->store);
	assert_int_equal(mdb_env_create(&env), 0);
	assert_int_equal(mdb_env_open(env, world->path, MDB_RDONLY, 0600), 0);
	assert_int_equal(mdb_env_info(env, &info), 0);
	mdb_env_close(env);
	world_open(world);
	return info.me_last_pgno;
}

static void lists_take_less_room_than_their_octets(void **state)
{
	(void)state;
	struct world *world = world_new();
	size_t before = pages_used(world), octets = 0;
	for (unsigned i = 0; i < 200; i++) {
		struct span path = arena_format(world->arena, "list%u", i);
		must_put(world, doc_of(LISTS, ANN, path.data),
			alike(world, 4000, (char)('A' + i % 26)));
		octets += 4000;
	}
	assert_true((pages_used(world) - before) * 4096 < octets / 3);
	world_end(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_size_comes_out_as_it_went_in),
		cmocka_unit_test(each_former_version_comes_out_too),
		cmocka_unit_test(lists_take_less_room_than_their_octets),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
