/* links: notifier_core */
/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "notifier/watch.h"

#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define ANN "sip:ann@example.com"

enum { WATCHERS = 400, LOOKS = 400 };

static struct doc_id doc_of(const char *auid, const char *xui, const char *path)
{
	return (struct doc_id){ span_of(auid), xui ? TREE_USERS : TREE_GLOBAL,
		span_of(xui ? xui : ""), span_of(path) };
}

static void what_falls_under_a_key(void **state)
{
	static const struct {
		enum watch_what what;
		const char *auid, *xui, *path;
		bool index, folder, deep, bobs, global, other;
	} rows[] = {
		{ WATCH_DOCUMENT, "lists", ANN, "index", .index = true },
		{ WATCH_DOCUMENT, "lists", ANN, "a/index", .folder = true },
		{ WATCH_FOLDER, "lists", ANN, "a", .folder = true, .deep = true },
		{ WATCH_FOLDER, "lists", ANN, "a/b", .deep = true },
		{ WATCH_FOLDER, "lists", ANN, "ind", .index = false },
		{ WATCH_HOME, "lists", ANN, "", .index = true, .folder = true, .deep = true },
		{ WATCH_HOME, "lists", NULL, "", .global = true },
		{ WATCH_TREE, "lists", "", "", .index = true, .folder = true, .deep = true,
			.bobs = true },
		{ WATCH_USAGE, "lists", "", "", .index = true, .folder = true, .deep = true,
			.bobs = true, .global = true },
		{ WATCH_USAGE, "rules", "", "", .other = true },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct watch_key key = { doc_of(rows[i].auid, rows[i].xui, rows[i].path),
			rows[i].what };
		const struct {
			struct doc_id id;
			bool want;
		} looks[] = {
			{ doc_of("lists", ANN, "index"), rows[i].index },
			{ doc_of("lists", ANN, "a/index"), rows[i].folder },
			{ doc_of("lists", ANN, "a/b/index"), rows[i].deep },
			{ doc_of("lists", "sip:bob@example.com", "index"), rows[i].bobs },
			{ doc_of("lists", NULL, "index"), rows[i].global },
			{ doc_of("rules", ANN, "index"), rows[i].other },
		};
		for (size_t k = 0; k < COUNT(looks); k++)
			if (watch_covers(&key, &looks[k].id) != looks[k].want)
				fail_msg("row %zu, document %zu", i, k);
	}
}

static void count(void *context, void *owner)
{
	size_t *told = context;
	told[(size_t)(uintptr_t)owner]++;
}

static uint64_t dice = 5875;

static size_t roll(size_t sides)
{
	dice ^= dice << 13;
	dice ^= dice >> 7;
	dice ^= dice << 17;
	return (size_t)(dice % sides);
}

static struct watch_key random_key(void)
{
	static const char *const auids[] = { "lists", "rules" };
	static const char *const users[] = { ANN, "sip:bob@example.com", "sip:ann@example.comx" };
	static const char *const paths[] = { "index", "a", "a/b", "a/index", "a/b/index", "ab" };
	const char *xui = roll(4) ? users[roll(3)] : NULL;
	return (struct watch_key){ doc_of(auids[roll(2)], xui, paths[roll(6)]),
		(enum watch_what)(roll(WATCH_USAGE + 1)) };
}

static void check_all(
	const struct watches *watches, const struct watch_key *keys, const struct watcher *watchers)
{
	struct doc_id id = random_key().id;
	size_t told[WATCHERS] = { 0 };
	watch_tell(watches, &id, count, told);
	for (size_t k = 0; k < WATCHERS; k++)
		assert_int_equal(told[k], watchers[k].spot && watch_covers(&keys[k], &id));
}

static void the_index_tells_exactly_those_who_watch(void **state)
{
	struct watches watches = { .key = { 1, 2 } };
	struct watch_key keys[WATCHERS];
	struct watcher watchers[WATCHERS] = { 0 };
	(void)state;
	for (size_t i = 0; i < LOOKS; i++) {
		size_t k = roll(WATCHERS);
		if (watchers[k].spot) {
			watch_end(&watches, &watchers[k]);
		} else {
			keys[k] = random_key();
			watchers[k].owner = (void *)(uintptr_t)k;
			assert_true(watch_begin(&watches, &keys[k], &watchers[k]));
		}
		check_all(&watches, keys, watchers);
	}
	for (size_t k = 0; k < WATCHERS; k++)
		watch_end(&watches, &watchers[k]);
	assert_int_equal(watches.count, 0);
	watches_free(&watches);
}

/* A name cannot look like another key's parts. */
static void the_longest_names_are_told_apart(void **state)
{
	char auid[URI_AUID_MAX], xui[URI_XUI_MAX], path[URI_PATH_MAX];
	struct watches watches = { 0 };
	struct watcher watchers[2] = { 0 };
	size_t told[2] = { 0 };
	(void)state;
	memset(auid, 'a', sizeof(auid));
	memset(xui, 'x', sizeof(xui));
	memset(path, 'p', sizeof(path));
	struct watch_key key = { { { auid, sizeof(auid) }, TREE_USERS, { xui, sizeof(xui) },
					 { path, sizeof(path) } },
		WATCH_DOCUMENT };
	assert_true(watch_begin(&watches, &key, &watchers[0]));
	watchers[1].owner = (void *)(uintptr_t)1;
	key.id.path.size--;
	assert_true(watch_begin(&watches, &key, &watchers[1]));
	watch_tell(&watches, &key.id, count, told);
	assert_true(told[0] == 0 && told[1] == 1);
	watch_end(&watches, &watchers[0]);
	watch_end(&watches, &watchers[1]);
	watch_end(&watches, &watchers[1]);
	watches_free(&watches);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_falls_under_a_key),
		cmocka_unit_test(the_index_tells_exactly_those_who_watch),
		cmocka_unit_test(the_longest_names_are_told_apart),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
