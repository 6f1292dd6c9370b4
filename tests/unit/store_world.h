/* SPDX-License-Identifier: BSD-2-Clause */
/* A store in a folder of its own that goes away with the test. One thread. */
#ifndef TESTS_STORE_WORLD_H
#define TESTS_STORE_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/kv.h"
#include "store/store.h"

#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct world {
	char path[128];
	struct store_settings settings;
	struct store *store;
	struct arena *arena;
};

static inline int world_unlink(const char *path, const struct stat *s, int type, struct FTW *ftw)
{
	(void)s, (void)type, (void)ftw;
	return remove(path);
}

static inline void remove_folder(const char *path)
{
	nftw(path, world_unlink, 16, FTW_DEPTH | FTW_PHYS);
}

static inline void world_open(struct world *world)
{
	enum store_result result = store_open(&world->store, &world->settings);
	if (result != STORE_OK)
		print_error("store_open: %s\n", store_problem());
	assert_int_equal(result, STORE_OK);
}

static inline struct world *world_prepare(void)
{
	struct world *world = calloc(1, sizeof(*world));
	assert_non_null(world);
	const char *base = getenv("TMPDIR");
	snprintf(
		world->path, sizeof(world->path), "%.80s/xcapd-store-XXXXXX", base ? base : "/tmp");
	assert_non_null(mkdtemp(world->path));
	world->settings = (struct store_settings){
		.path = world->path,
		.max_size = 64 << 20,
		.sync = false,
		.create = true,
		.history_versions = 3,
		.feed_keep_ms = 60000,
	};
	world->arena = arena_new(64 * 1024);
	assert_non_null(world->arena);
	return world;
}

static inline struct world *world_new(void)
{
	struct world *world = world_prepare();
	world_open(world);
	return world;
}

static inline void world_end(struct world **world)
{
	store_close(&(*world)->store);
	remove_folder((*world)->path);
	arena_free(&(*world)->arena);
	free(*world);
	*world = NULL;
}

static inline void world_reopen(struct world *world)
{
	store_close(&world->store);
	world_open(world);
}

static inline struct doc_id doc_of(const char *auid, const char *xui, const char *path)
{
	return (struct doc_id){
		.auid = span_of(auid),
		.tree = xui ? TREE_USERS : TREE_GLOBAL,
		.xui = span_of(xui),
		.path = span_of(path),
	};
}

#define LISTS "resource-lists"
#define ANN "sip:ann@example.com"
#define BOB "sip:bob@example.com"
#define ANN_INDEX doc_of(LISTS, ANN, "index")

static inline struct write put_of(struct doc_id id, struct span body)
{
	return (struct write){
		.id = id,
		.body = body,
		.change = { .who = SPAN(ANN), .request = SPAN("r1") },
	};
}

static inline struct write remove_of(struct doc_id id)
{
	return (struct write){
		.id = id,
		.remove = true,
		.change = { .who = SPAN(ANN), .request = SPAN("r1") },
	};
}

static inline enum store_result apply(struct world *world, struct write *write)
{
	struct write *writes[] = { write };
	enum store_result result = store_apply(world->store, writes, 1);
	assert_true(result == STORE_OK || write->result == STORE_FAILED);
	return write->result;
}

static inline struct etag must_put(struct world *world, struct doc_id id, struct span body)
{
	struct write write = put_of(id, body);
	enum store_result result = apply(world, &write);
	if (result != STORE_OK)
		print_error("put: %d %s\n", result, store_problem());
	assert_int_equal(result, STORE_OK);
	return write.etag;
}

static inline struct etag must_remove(struct world *world, struct doc_id id)
{
	struct write write = remove_of(id);
	assert_int_equal(apply(world, &write), STORE_OK);
	return write.etag;
}

static inline void assert_span(struct span have, const char *want)
{
	struct span wanted = span_of(want);
	assert_non_null(have.data);
	if (!span_equal(have, wanted))
		print_error("have '%.*s', want '%.*s'\n", SPAN_ARG(have), SPAN_ARG(wanted));
	assert_true(span_equal(have, wanted));
}

static inline void assert_body(struct world *world, struct doc_id id, struct span want)
{
	struct snapshot snapshot;
	enum store_result result =
		store_read(world->store, world->arena, &id, STORE_BODY, &snapshot);
	if (result != STORE_OK)
		print_error("read: %d %s\n", result, store_problem());
	assert_int_equal(result, STORE_OK);
	assert_int_equal(snapshot.size, want.size);
	assert_true(span_equal(snapshot.body, want));
}

static inline void assert_absent(struct world *world, struct doc_id id)
{
	struct snapshot snapshot;
	assert_int_equal(
		store_read(world->store, world->arena, &id, STORE_HEAD, &snapshot), STORE_ABSENT);
}

/* Octets that are no other document's, from the arena. */
static inline struct span filler(struct world *world, size_t size, uint64_t seed)
{
	char *octets = arena_alloc(world->arena, size + 1);
	assert_non_null(octets);
	uint64_t state = seed * UINT64_C(0x9E3779B97F4A7C15) + 1;
	for (size_t i = 0; i < size; i++) {
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		octets[i] = (char)('a' + state % 26);
	}
	return (struct span){ octets, size };
}

#endif
